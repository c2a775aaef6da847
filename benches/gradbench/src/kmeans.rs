//! `kmeans`: the cost of a clustering, and Newton's direction by the diagonal of its Hessian.

use crate::failure::{Failure, Result};
use crate::input::{Input, rows_of};
use crate::measure::{self, Evaluation, Repeat, number_of};
use gradus::prelude::*;
use serde_json::Value;

/// The points and the centroids, a row for each.
type Arguments = (Tensor, Tensor);

/// The sum of the squared distances of all points to the centroid that is nearest to each.
fn cost((points, centroids): &Arguments) -> Tensor {
    let of_points = points.square().sum_axis(1);
    let of_centroids = centroids.square().sum_axis(1);
    let products = centroids.matmul(&points.t());
    let squares = of_centroids.expand_dims(1) + of_points.expand_dims(0) - 2.0 * products;
    squares.min_axis(0).sum()
}

/// The gradient divided by the diagonal of the Hessian, which has no other elements.
fn direction((points, centroids): &Arguments) -> Tensor {
    let of_centroids = |c: &Tensor| cost(&(points.clone(), c.clone()));
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
