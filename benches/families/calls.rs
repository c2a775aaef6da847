//! Calls of small functions, with tensors and from slices into slices.

use crate::argument::floats;
use crate::case::{Case, Measured};
use crate::functions::{ARM_BY_POINTS, ROSENBROCK, arm_by_points, rosenbrock};
use gradus::prelude::*;

pub fn cases() -> Vec<Case> {
    let into = |case: Case, most| case.measured(Measured::CallInto).at_most(most);
    vec![
        three_numbers("call of a · b + c, f64").at_most(150.0),
        into(three_numbers("call_into of a · b + c, f64"), 100.0),
        ten_numbers("call of a gradient of 10 numbers, f64"),
        into(
            ten_numbers("call_into of a gradient of 10 numbers, f64"),
            150.0,
        ),
        arm("call of an arm's Jacobian 3 × 6, f64"),
        into(arm("call_into of an arm's Jacobian 3 × 6, f64"), 350.0),
    ]
}

fn three_numbers(name: &str) -> Case {
    let f = |a: &Vec<Tensor>| vec![&a[0] * &a[1] + &a[2]];
    let arguments = vec![floats(&[], F64), floats(&[], F64), floats(&[], F64)];
    let case = Case::new(name, arguments, f);
    case.jax("f = lambda a, b, c: a * b + c", 1.0)
}

fn ten_numbers(name: &str) -> Case {
    let f = |a: &Vec<Tensor>| vec![grad(rosenbrock)(&a[0])];
    Case::new(name, vec![floats(&[10], F64)], f)
        .jax(format!("{ROSENBROCK}f = jax.grad(rosenbrock)"), 1.0)
}

fn arm(name: &str) -> Case {
    let f = |a: &Vec<Tensor>| vec![jacobian(arm_by_points)(&a[0])];
    Case::new(name, vec![floats(&[6], F64)], f)
        .jax(format!("{ARM_BY_POINTS}f = jax.jacfwd(arm)"), 1.0)
}
