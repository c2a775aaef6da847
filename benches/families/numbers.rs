//! Programs of single numbers.

use crate::case::{Case, floats};
use gradus::prelude::*;

pub fn cases() -> Vec<Case> {
    vec![thousand(), thousand_with_gradient()]
}

/// A thousand operations on two numbers that stay small.
macro_rules! thousand {
    ($x:expr, $y:expr) => {{
        let (mut x, mut y) = ($x, $y);
        for _ in 0..125 {
            x = &x * &y + 0.25;
            y = &y * 0.5 - &x * 0.125;
            x = &x - &y * &y * 0.1;
        }
        x + y
    }};
}

macro_rules! thousand_in_python {
    ($rest:literal) => {
        concat!(
            "
def g(a):
    x, y = a[0] * 0.1, a[1] * 0.1
    for _ in range(125):
        x = x * y + 0.25
        y = y * 0.5 - x * 0.125
        x = x - y * y * 0.1
    return x + y
",
            $rest
        )
    };
}

fn thousand() -> Case {
    let f = |a: &Vec<Tensor>| vec![thousand!(a[0].at(0) * 0.1, a[0].at(1) * 0.1)];
    let by_hand = || {
        let [x, y] = std::hint::black_box([0.5f64, 0.25]);
        std::hint::black_box(thousand!(x * 0.1, y * 0.1));
    };
    let name = "1,000 operations on numbers, f64";
    let case = Case::new(name, vec![floats(&[2], F64)], f).by_hand(by_hand, 1.15);
    case.jax(thousand_in_python!("f = g"), 1.0)
}

fn thousand_with_gradient() -> Case {
    let f = |a: &Vec<Tensor>| {
        let value = |x: &Tensor| thousand!(x.at(0) * 0.1, x.at(1) * 0.1);
        let (value, slope) = value_and_grad(value)(&a[0]);
        vec![value, slope]
    };
    let name = "value and gradient of these, f64";
    let case = Case::new(name, vec![floats(&[2], F64)], f);
    case.jax(thousand_in_python!("f = jax.value_and_grad(g)"), 1.0)
}
