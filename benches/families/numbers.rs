//! Programs of single numbers.

use crate::argument::{Argument, floats};
use crate::case::{Case, Measured};
use gradus::prelude::*;

pub fn cases() -> Vec<Case> {
    vec![thousand(), thousand_by_hand(), thousand_with_gradient()]
}

/// Eight operations a round on two numbers that stay small.
macro_rules! rounds {
    ($x:expr, $y:expr, $rounds:expr) => {{
        let (mut x, mut y) = ($x, $y);
        for _ in 0..$rounds {
            x = &x * &y + 0.25;
            y = &y * 0.5 - &x * 0.125;
            x = &x - &y * &y * 0.1;
        }
        x + y
    }};
}

/// So many rounds have a thousand operations.
pub const THOUSAND: usize = 125;

/// Eight operations a round on two numbers.
pub fn operations(x: &Tensor, rounds: usize) -> Tensor {
    rounds!(x.at(0) * 0.1, x.at(1) * 0.1, rounds)
}

/// Defines `operations`, the same with a thousand operations.
pub const OPERATIONS: &str = "
def operations(a):
    x, y = a[0] * 0.1, a[1] * 0.1
    for _ in range(125):
        x = x * y + 0.25
        y = y * 0.5 - x * 0.125
        x = x - y * y * 0.1
    return x + y
";

/// The argument of all these programs.
pub fn two() -> Vec<Argument> {
    vec![floats(&[2], F64)]
}

fn value(name: &str) -> Case {
    let f = |a: &Vec<Tensor>| vec![operations(&a[0], THOUSAND)];
    Case::new(name, two(), f)
}

fn thousand() -> Case {
    let source = format!("{OPERATIONS}f = operations");
    value("call of 1,000 operations on numbers, f64").jax(source, 1.0)
}

/// The function by hand allocates no result, so the call beside it allocates none.
fn thousand_by_hand() -> Case {
    let by_hand = || {
        let [x, y] = std::hint::black_box([0.5f64, 0.25]);
        std::hint::black_box(rounds!(x * 0.1, y * 0.1, THOUSAND));
    };
    value("call_into of 1,000 operations / by hand")
        .measured(Measured::CallInto)
        .by_hand(by_hand, 1.15)
}

fn thousand_with_gradient() -> Case {
    let f = |a: &Vec<Tensor>| {
        let (value, slope) = value_and_grad(|x: &Tensor| operations(x, THOUSAND))(&a[0]);
        vec![value, slope]
    };
    // JAX takes more than ten minutes to compile this one.
    Case::new("value and gradient of these / value", two(), f).beside(value("value"), 3.0)
}
