//! `lse`: the logarithm of a sum of exponentials.

use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::measure::{Evaluation, Repeat, list_of, number_of};
use gradus::prelude::*;
use serde_json::Value;

/// The largest number is taken off first. It has no derivative: the sum does not depend on it.
fn primal(x: &Tensor) -> Tensor {
    let top = x.max().stop_gradient();
    (x - &top).exp().sum().log() + top
}

/// Evaluates `primal` or `gradient`.
pub fn evaluate(function: &str, input: &Value) -> Result<Evaluation> {
    let x = Input(input).list("x")?;
    let repeat = Repeat::of(input)?;
    let like = Tensor::zeros(&[x.len()], F64);
    match function {
        "primal" => number_of(primal, &like, &[&x], repeat),
        "gradient" => list_of(grad(primal), &like, &[&x], x.len(), repeat),
        _ => Err(Failure::unknown(function)),
    }
}
