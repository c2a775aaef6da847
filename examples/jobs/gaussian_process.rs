//! A Gaussian process by hand. Its length scale and its noise maximise the likelihood of the measurements.
//!
//! Gradus has no Cholesky decomposition yet, so a loop over rows makes one here.
//! The systems of equations are solved by conjugate gradients.

use gradus::prelude::*;
use gradus::solve::{Argmin, LinearSolver, argmin, linear_solve};

/// The lower triangular `L` with `L·Lᵀ = a`, transposed.
/// Each step of the loop subtracts one column from the remainder.
fn cholesky_t(a: &Tensor) -> Tensor {
    let n = a.shape()[0];
    let rows = Tensor::arange(0, n, 1);
    let step = |rest: &Tensor, j: &Tensor| {
        let column = rest.take(j, 1) / rest.take(j, 1).take(j, 0).sqrt();
        let column = where_(&rows.greater_equal(j), column, 0.0);
        (rest - column.outer(&column), column)
    };
    scan(step, a, &rows).1
}

/// The covariance of the values at `x` and at `y` for a length scale.
fn kernel(x: &Tensor, y: &Tensor, scale: &Tensor) -> Tensor {
    let distance = x.expand_dims(1) - y.expand_dims(0);
    (-0.5 * (distance / scale).square()).exp()
}

/// The covariance of measurements; the logarithms of length scale and noise are `p`.
fn covariance(x: &Tensor, p: &Tensor) -> Tensor {
    let (scale, noise) = (p.at(0).exp(), p.at(1).exp());
    kernel(x, x, &scale) + noise.square() * Tensor::eye(x.len(), F64)
}

fn solve(k: &Tensor, y: &Tensor) -> Tensor {
    linear_solve(
        |v: &Tensor| k.matmul(v),
        y,
        LinearSolver::cg().tolerance(1e-12),
    )
}

/// The negative logarithm of the likelihood of the measurements, up to a constant.
fn unlikelihood(x: &Tensor, y: &Tensor, p: &Tensor) -> Tensor {
    let k = covariance(x, p);
    let log_det = 2 * cholesky_t(&k).diagonal().log().sum();
    0.5 * y.dot(&solve(&k, y)) + 0.5 * log_det
}

fn main() -> Result<()> {
    let n = 40;
    let x = Tensor::linspace(0.0, 6.0, n);
    let noise = 0.1 * random::normal(&random::key(3), &[n], F64);
    let y = x.sin() + noise;

    // Newton's method on two parameters, through the loop and the solver.
    let f = |p: &Tensor| unlikelihood(&x, &y, p);
    let begin = Tensor::from([0.0, -1.5]);
    check_grads(f, &begin)?;
    let p = argmin(f, &begin, Argmin::default().tolerance(1e-7));
    let (scale, noise) = (p.at(0).exp(), p.at(1).exp());
    println!(
        "length scale {:.3}, noise {:.3}",
        scale.item::<f64>()?,
        noise.item::<f64>()?
    );
    assert!(grad(f)(&p).norm().item::<f64>()? < 1e-4);
    assert!((noise.item::<f64>()? - 0.1).abs() < 0.03);

    let new = Tensor::linspace(0.25, 5.75, 23);
    let mean = kernel(&new, &x, &scale).matmul(&solve(&covariance(&x, &p), &y));
    let error = (mean - new.sin()).abs().max().item::<f64>()?;
    println!("largest error between the measurements {error:.3}");
    assert!(error < 0.12);
    Ok(())
}
