//! `lstm`: the loss of a network of gated layers that predicts the next character, and its gradient.

use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::measure::{Evaluation, Repeat, list_of, number_of};
use gradus::prelude::*;
use serde_json::Value;

/// What the loss depends on.
#[derive(Tree)]
struct Arguments {
    parameters: Parameters,
    /// Hidden numbers and cells of each layer in turn.
    state: Tensor,
    /// The bits of each character.
    sequence: Tensor,
}

/// What the gradient is taken by.
#[derive(Tree)]
struct Parameters {
    /// For each layer a row of weights, then a row of offsets: forget, ingate, outgate, change.
    main: Tensor,
    /// Weights of the input, weights and offsets of the output.
    extra: Tensor,
}

/// The hidden numbers and the cells of a layer.
type Layer = (Tensor, Tensor);

/// The next state of a layer, from weights and offsets in rows forget, ingate, outgate, change.
fn layer(weight: &Tensor, offset: &Tensor, (hidden, cell): &Layer, input: &Tensor) -> Layer {
    let gate = |k: usize, x: &Tensor| x * weight.at(k) + offset.at(k);
    let forget = gate(0, input).sigmoid();
    let ingate = gate(1, hidden).sigmoid();
    let outgate = gate(2, input).sigmoid();
    let change = gate(3, hidden).tanh();
    let cell = cell * forget + ingate * change;
    (outgate * cell.tanh(), cell)
}

fn objective(p: &Parameters, state: &Tensor, sequence: &Tensor) -> Tensor {
    let (layers, width) = (p.main.shape()[0] / 2, p.extra.shape()[1]);
    let main = p.main.reshape(&[2 * layers, 4, width]);
    let parameters: Vec<(Tensor, Tensor)> = (0..layers)
        .map(|k| (main.at(2 * k), main.at(2 * k + 1)))
        .collect();
    let start: Vec<Layer> = (0..layers)
        .map(|k| (state.at(2 * k), state.at(2 * k + 1)))
        .collect();
    let step = |(state, total): &(Vec<Layer>, Tensor), (now, next): &(Tensor, Tensor)| {
        let mut x = now * p.extra.at(0);
        let mut after = Vec::new();
        for (state, (weight, offset)) in state.iter().zip(&parameters) {
            let state = layer(weight, offset, state, &x);
            x = state.0.clone();
            after.push(state);
        }
        let predicted = x * p.extra.at(1) + p.extra.at(2);
        let normalised = &predicted - (predicted.exp().sum() + 2.0).log();
        ((after, total + (next * normalised).sum()), ())
    };
    let pairs = (sequence.slice_axis(0, ..-1), sequence.slice_axis(0, 1..));
    let zero = Tensor::zeros(&[], F64);
    let ((_, total), ()) = scan(step, &(start, zero), &pairs);
    -total / (pairs.0.len() as f64)
}

fn gradient(a: &Arguments) -> Tensor {
    let slope = grad(|p: &Parameters| objective(p, &a.state, &a.sequence))(&a.parameters);
    concatenate(&[&slope.main.ravel(), &slope.extra.ravel()], 0)
}

/// Evaluates `objective` or `jacobian`.
pub fn evaluate(function: &str, input: &Value) -> Result<Evaluation> {
    let input = Input(input);
    let main = input.table("main_params")?;
    let (rows, width) = (main.rows, main.columns / 4);
    let extra = input.table_of("extra_params", 3, width)?;
    let state = input.table_of("state", rows, width)?;
    let characters = input.table("sequence")?.rows;
    let sequence = input.table_of("sequence", characters, width)?;
    if rows % 2 != 0 || main.columns % 4 != 0 || characters < 2 {
        return Err(Failure::new(
            "there must be two rows of four gates for each layer, and two characters",
        ));
    }
    let repeat = Repeat::of(input.0)?;
    let zeros = |rows: usize, columns: usize| Tensor::zeros(&[rows, columns], F64);
    let like = Arguments {
        parameters: Parameters {
            main: zeros(rows, 4 * width),
            extra: zeros(3, width),
        },
        state: zeros(rows, width),
        sequence: zeros(characters, width),
    };
    let argument: [&[f64]; 4] = [&main.values, &extra, &state, &sequence];
    match function {
        "objective" => {
            let f = |a: &Arguments| objective(&a.parameters, &a.state, &a.sequence);
            number_of(f, &like, &argument, repeat)
        }
        "jacobian" => {
            let length = main.values.len() + extra.len();
            list_of(gradient, &like, &argument, length, repeat)
        }
        _ => Err(Failure::unknown(function)),
    }
}
