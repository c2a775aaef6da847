//! `gmm`: the logarithm of the posterior of a Gaussian mixture with a Wishart prior, and its gradient.

use crate::failure::{Failure, Result};
use crate::input::{Input, rows_of};
use crate::measure::{self, Evaluation, Repeat, number_of};
use gradus::prelude::*;
use serde_json::{Value, json};
use std::f64::consts::PI;

/// Up to this `d` a loop over the rows of the factors is faster than products of matrices.
const ROWS: usize = 3;

/// What the posterior depends on: `n` observations of `d` numbers, `k` components.
#[derive(Tree)]
struct Arguments {
    parameters: Parameters,
    /// The observations, `[n, d]`.
    x: Tensor,
    /// The prior's precision and additional degrees of freedom.
    gamma: Tensor,
    m: Tensor,
}

/// What the gradient is taken by.
#[derive(Tree)]
struct Parameters {
    /// The logarithms of the weights, `[k]`, up to a constant.
    alpha: Tensor,
    /// The means, `[k, d]`.
    mu: Tensor,
    /// The logarithms of the diagonals of the factors of the inverse covariances, `[k, d]`.
    q: Tensor,
    /// The factors below the diagonal, column by column, `[k, d (d - 1) / 2]`.
    l: Tensor,
}

/// The logarithm of the sum of exponentials along the first axis.
fn log_sum_exp(x: &Tensor) -> Tensor {
    let top = x.max_axis_keep(0).stop_gradient();
    (x - &top).exp().sum_axis(0).log() + top.squeeze_axis(0)
}

/// The logarithm of the gamma function of `d` dimensions.
fn log_gamma(a: &Tensor, d: usize) -> Tensor {
    let halves = Tensor::arange(0.0, d as f64, 1.0) * 0.5;
    let constant = 0.25 * (d * (d - 1)) as f64 * PI.ln();
    (a - halves).lgamma().sum() + constant
}

fn log_wishart_prior(p: &Parameters, diagonals: &Tensor, sums: &Tensor, a: &Arguments) -> Tensor {
    let (k, d) = (p.q.shape()[0], p.q.shape()[1]);
    let n = &a.m + (d + 1);
    let constant = &n * d * (a.gamma.log() - 0.5 * 2f64.ln()) - log_gamma(&(0.5 * &n), d);
    let frobenius = diagonals.square().sum_axis(1) + p.l.square().sum_axis(1);
    let out = 0.5 * a.gamma.square() * frobenius - &a.m * sums;
    constant * k - out.sum()
}

/// The factors times the distances from the means, `[k, d, n]`, a row at a time.
fn products_by_rows(p: &Parameters, diagonals: &Tensor, centred: &[Tensor]) -> Vec<Tensor> {
    let d = centred.len();
    let column = |t: &Tensor, j: usize| t.slice_axis(1, j..=j);
    let row = |j: usize| column(diagonals, j) * &centred[j];
    let mut out: Vec<Tensor> = (0..d).map(row).collect();
    let mut at = 0;
    for i in 0..d {
        for out in &mut out[i + 1..] {
            *out += column(&p.l, at) * &centred[i];
            at += 1;
        }
    }
    out
}

/// The squared lengths of the factors times the distances from the means, `[k, n]`, by loops over `d`.
fn squares_by_rows(p: &Parameters, diagonals: &Tensor, x: &Tensor) -> Tensor {
    let x = x.t();
    let centred = |j: usize| x.slice_axis(0, j..=j) - p.mu.slice_axis(1, j..=j);
    let centred: Vec<Tensor> = (0..x.shape()[0]).map(centred).collect();
    let rows = products_by_rows(p, diagonals, &centred);
    let squares = rows.iter().map(Tensor::square);
    squares.reduce(|a, b| a + b).expect("d is not 0")
}

/// The same by products of matrices.
fn squares_by_matrices(p: &Parameters, diagonals: &Tensor, x: &Tensor) -> Tensor {
    let (k, d) = (p.q.shape()[0], p.q.shape()[1]);
    let centred = x.expand_dims(0) - p.mu.expand_dims(1);
    let entries = concatenate(&[&p.l, diagonals, &Tensor::zeros(&[k, 1], F64)], 1);
    let factors = entries.take(&places(d), 1).reshape(&[k, d, d]);
    centred
        .matmul(&factors.swap_axes(1, 2))
        .square()
        .sum_axis(2)
}

/// Where the entries of a lower triangle stand in a list of its columns, its diagonal and a zero.
fn places(d: usize) -> Tensor {
    let below = d * (d - 1) / 2;
    let mut places = vec![(below + d) as i64; d * d];
    let mut at = 0;
    for i in 0..d {
        places[i * d + i] = (below + i) as i64;
        for j in i + 1..d {
            places[j * d + i] = at;
            at += 1;
        }
    }
    Tensor::from(places)
}

fn objective(p: &Parameters, a: &Arguments) -> Tensor {
    let (n, d) = (a.x.shape()[0], a.x.shape()[1]);
    let diagonals = p.q.exp();
    let sums = p.q.sum_axis(1);
    let squares = match d <= ROWS {
        true => squares_by_rows(p, &diagonals, &a.x),
        false => squares_by_matrices(p, &diagonals, &a.x),
    };
    let terms = (&p.alpha + &sums).expand_dims(1) - 0.5 * squares;
    let likelihood = log_sum_exp(&terms).sum() - log_sum_exp(&p.alpha) * n;
    let constant = -((n * d) as f64) * 0.5 * (2.0 * PI).ln();
    likelihood + constant + log_wishart_prior(p, &diagonals, &sums, a)
}

fn gradient(a: &Arguments) -> Parameters {
    grad(|p: &Parameters| objective(p, a))(&a.parameters)
}

/// Evaluates `objective` or `jacobian`.
pub fn evaluate(function: &str, input: &Value) -> Result<Evaluation> {
    let input = Input(input);
    let [d, k, n] = [input.size("d")?, input.size("k")?, input.size("n")?];
    if d == 0 {
        return Err(Failure::new("`d` is 0"));
    }
    let below = d * (d - 1) / 2;
    let parameters = [
        input.list_of("alpha", k)?,
        input.table_of("mu", k, d)?,
        input.table_of("q", k, d)?,
        input.table_of("l", k, below)?,
    ];
    let x = input.table_of("x", n, d)?;
    let (gamma, m) = ([input.number("gamma")?], [input.number("m")?]);
    let repeat = Repeat::of(input.0)?;
    let zeros = |shape: &[usize]| Tensor::zeros(shape, F64);
    let like = Arguments {
        parameters: Parameters {
            alpha: zeros(&[k]),
            mu: zeros(&[k, d]),
            q: zeros(&[k, d]),
            l: zeros(&[k, below]),
        },
        x: zeros(&[n, d]),
        gamma: zeros(&[]),
        m: zeros(&[]),
    };
    let [alpha, mu, q, l] = &parameters;
    let argument: [&[f64]; 7] = [alpha, mu, q, l, &x, &gamma, &m];
    match function {
        "objective" => {
            let f = |a: &Arguments| objective(&a.parameters, a);
            number_of(f, &like, &argument, repeat)
        }
        "jacobian" => {
            let lengths = [k, k * d, k * d, k * below];
            let (results, prepare, runs) =
                measure::evaluate(gradient, &like, &argument, &lengths, repeat)?;
            let output = json!({
                "alpha": results[0],
                "mu": rows_of(&results[1], k, d),
                "q": rows_of(&results[2], k, d),
                "l": rows_of(&results[3], k, below),
            });
            Ok(Evaluation {
                output,
                prepare,
                runs,
            })
        }
        _ => Err(Failure::unknown(function)),
    }
}
