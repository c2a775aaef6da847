//! `kmeans`: the cost of a clustering, and Newton's direction by the diagonal of its Hessian.

use crate::failure::{Failure, Result};
use crate::input::{Input, rows_of};
use crate::measure::{self, Evaluation, Repeat, number_of};
use gradus::prelude::*;
use serde_json::Value;

/// The points and the centroids, a row for each.
type Arguments = (Tensor, Tensor);

/// The squared distances of all centroids, `[k, n]`, less the squared lengths of the points.
fn distances((points, centroids): &Arguments) -> Tensor {
    centroids.square().sum_axis(1).expand_dims(1) - 2.0 * centroids.matmul(&points.t())
}

/// The sum of the squared distances of all points to the centroid that is nearest to each.
fn cost(a: &Arguments) -> Tensor {
    (distances(a).min_axis(0) + a.0.square().sum_axis(1)).sum()
}

/// The same, where the numbers of the nearest centroids have been found: they have no derivative.
fn cost_of(nearest: &Tensor, points: &Tensor, centroids: &Tensor) -> Tensor {
    (points - centroids.take(nearest, 0)).square().sum()
}

/// The gradient divided by the diagonal of the Hessian, which has no other elements.
fn direction(a: &Arguments) -> Tensor {
    let (points, centroids) = a;
    let nearest = distances(a).argmin_axis(0);
    let of_centroids = |c: &Tensor| cost_of(&nearest, points, c);
    let (slope, curvature) = jvp(grad(of_centroids), centroids, &centroids.ones_like());
    slope / curvature
}

/// Evaluates `cost` or `dir`.
pub fn evaluate(function: &str, input: &Value) -> Result<Evaluation> {
    let points = Input(input).table("points")?;
    let (n, d) = (points.rows, points.columns);
    let k = Input(input).table("centroids")?.rows;
    let centroids = Input(input).table_of("centroids", k, d)?;
    let repeat = Repeat::of(input)?;
    let like = (Tensor::zeros(&[n, d], F64), Tensor::zeros(&[k, d], F64));
    let argument: [&[f64]; 2] = [&points.values, &centroids];
    match function {
        "cost" => number_of(cost, &like, &argument, repeat),
        "dir" => {
            let (results, prepare, runs) =
                measure::evaluate(direction, &like, &argument, &[k * d], repeat)?;
            Ok(Evaluation {
                output: rows_of(&results[0], k, d),
                prepare,
                runs,
            })
        }
        _ => Err(Failure::unknown(function)),
    }
}
