//! Programs of single numbers.

use crate::case::{Case, floats};
use gradus::prelude::*;

pub fn cases() -> Vec<Case> {
    vec![
        three_numbers(),
        thousand(),
        thousand_with_gradient(),
        rosenbrock(),
    ]
}

fn three_numbers() -> Case {
    let f = |a: &Vec<Tensor>| vec![&a[0] * &a[1] + &a[2]];
    let arguments = vec![floats(&[], F64), floats(&[], F64), floats(&[], F64)];
    let case = Case::new("a · b + c of three numbers, f64", arguments, f);
    case.jax("f = lambda a, b, c: a * b + c", 1.0)
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

fn rosenbrock() -> Case {
    let f = |a: &Vec<Tensor>| {
        let value = |x: &Tensor| {
            let (x, next) = (x.slice_axis(0, 0..9), x.slice_axis(0, 1..10));
            ((next - x.square()).square() * 100.0 + (1.0 - x).square()).sum()
        };
        vec![grad(value)(&a[0])]
    };
    let name = "gradient of Rosenbrock's function, n = 10, f64";
    Case::new(name, vec![floats(&[10], F64)], f).jax(
        "
def g(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
f = jax.grad(g)",
        1.0,
    )
}
