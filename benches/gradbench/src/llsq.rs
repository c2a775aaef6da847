//! `llsq`: the sum of squared distances between the signs of `n` places and a polynomial.

use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::measure::{Evaluation, Repeat, list_of, number_of};
use gradus::prelude::*;
use serde_json::Value;

/// The coefficients, and the number of places.
type Arguments = (Tensor, Tensor);

/// Half the sum over i of `(sign tᵢ - Σⱼ xⱼ tᵢʲ)²`, for places t from -1 to 1.
fn primal(places: usize, (x, n): &Arguments) -> Tensor {
    let t = Tensor::arange(0.0, places as f64, 1.0) * 2.0 / (n - 1.0) - 1.0;
    let step =
        |(inner, power): &(Tensor, Tensor), x: &Tensor| ((inner - x * power, power * &t), ());
    let ((inner, _), ()) = scan(step, &(t.sign(), t.ones_like()), x);
    inner.square().sum() / 2.0
}

/// Evaluates `primal` or `gradient`.
pub fn evaluate(function: &str, input: &Value) -> Result<Evaluation> {
    let x = Input(input).list("x")?;
    let n = Input(input).size("n")?;
    let repeat = Repeat::of(input)?;
    let like = (Tensor::zeros(&[x.len()], F64), Tensor::zeros(&[], F64));
    let argument: [&[f64]; 2] = [&x, &[n as f64]];
    let gradient =
        |(x, places): &Arguments| grad(|x: &Tensor| primal(n, &(x.clone(), places.clone())))(x);
    match function {
        "primal" => number_of(|a: &Arguments| primal(n, a), &like, &argument, repeat),
        "gradient" => list_of(gradient, &like, &argument, x.len(), repeat),
        _ => Err(Failure::unknown(function)),
    }
}
