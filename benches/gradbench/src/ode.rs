//! `ode`: the end of a Runge-Kutta integration, and the slope of its last number.

use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::measure::{Evaluation, Repeat, list_of};
use gradus::prelude::*;
use serde_json::Value;

/// The right side of the equation: `z₀ = x₀`, `zᵢ = xᵢ yᵢ₋₁`.
fn slope(x: &Tensor, y: &Tensor) -> Tensor {
    let rest = x.slice_axis(0, 1..) * y.slice_axis(0, ..-1);
    concatenate(&[&x.slice_axis(0, ..1), &rest], 0)
}

/// `y(2)` from `y(0) = 0` in `steps` steps of the method of fourth order.
fn primal(steps: usize, x: &Tensor) -> Tensor {
    let h = 2.0 / steps as f64;
    let step = |_: &Tensor, y: &Tensor| {
        let k1 = slope(x, y);
        let k2 = slope(x, &(y + &k1 * (h / 2.0)));
        let k3 = slope(x, &(y + &k2 * (h / 2.0)));
        let k4 = slope(x, &(y + &k3 * h));
        y + (k1 + k2 * 2.0 + k3 * 2.0 + k4) * (h / 6.0)
    };
    fori_loop(0..steps, step, &x.zeros_like())
}

/// Evaluates `primal` or `gradient`.
pub fn evaluate(function: &str, input: &Value) -> Result<Evaluation> {
    let x = Input(input).list("x")?;
    let steps = Input(input).size("s")?;
    let repeat = Repeat::of(input)?;
    let like = Tensor::zeros(&[x.len()], F64);
    let last = |x: &Tensor| primal(steps, x).at(-1);
    match function {
        "primal" => list_of(|x: &Tensor| primal(steps, x), &like, &[&x], x.len(), repeat),
        "gradient" => list_of(grad(last), &like, &[&x], x.len(), repeat),
        _ => Err(Failure::unknown(function)),
    }
}
