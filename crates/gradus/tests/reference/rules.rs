//! Functions with custom rules, solutions of systems and of equations: `tests/reference/custom.py`.

use crate::Case;
use gradus::prelude::*;
use gradus::solve::{LinearSolver, custom_root, linear_solve};

/// A function of the vector `x` of 4 numbers.
fn function(name: &str, x: &Tensor) -> Option<Tensor> {
    // Tighter than the comparison.
    let tight = |solver: LinearSolver| solver.tolerance(1e-14);
    let identity = || Tensor::eye(4, F64) * 3.0;
    let outer = |a: &Tensor, b: &Tensor| a.expand_dims(1) * b;
    Some(match name {
        "log1pexp" => custom_jvp(
            |x: &Tensor| (x.exp() + 1.0).log(),
            |x: &Tensor, _: &Tensor, t: &Tensor| (1.0 - 1.0 / (x.exp() + 1.0)) * t,
        )(x),
        "doubled" => custom_jvp(
            |x: &Tensor| x.sin(),
            |x: &Tensor, _: &Tensor, t: &Tensor| x.cos() * t * 2.0,
        )(x),
        "doubled_scan" => rows(x, |y| function("doubled", y)),
        "clipped" => custom_vjp(
            |x: &Tensor| x * x,
            |x: &Tensor| (x * x, x.clone()),
            |x: &Tensor, c: &Tensor| (x * c * 2.0).clip(-0.5, 0.5),
        )(x),
        "clipped_scan" => rows(x, |y| Some(function("clipped", y)? / 2.0)),
        "linear_solve" => {
            let a = identity() + outer(&x.sin(), &x.cos()) * 0.2;
            let b = (x / 2.0).exp();
            linear_solve(|v: &Tensor| a.matmul(v), &b, tight(LinearSolver::default()))
        }
        "cg" => {
            let a = identity() + outer(x, x) * 0.2;
            let b = (x / 2.0).exp();
            linear_solve(|v: &Tensor| a.matmul(v), &b, tight(LinearSolver::cg()))
        }
        "root" => {
            let newton = |f: &dyn Fn(&Tensor) -> Tensor, y: &Tensor| {
                let step = |y: &Tensor| y - f(y) / (y.square() * 3.0 + 1.0);
                fori_loop(0..40, |_, y: &Tensor| step(y), y)
            };
            let f = |y: &Tensor| y.powi(3) + y - x;
            let zero = Tensor::zeros(&[4], F64);
            custom_root(f, &zero, newton, tight(LinearSolver::default()))
        }
        _ => return None,
    })
}

/// `s ← f(s + x_t)` from 0.3 on; the rows are `s·x_t` for the state carried into each step.
fn rows(x: &Tensor, f: impl Fn(&Tensor) -> Option<Tensor>) -> Tensor {
    let step = |s: &Tensor, t: &Tensor| (f(&(s + t)).unwrap(), s * t);
    scan(step, &Tensor::from(0.3), x).1
}

pub fn evaluate(case: &Case) -> Option<Vec<Tensor>> {
    let (kind, name) = case.subject().split_once('/')?;
    let x = &case.inputs;
    function(name, &Tensor::full(&[4], 0.5))?;
    let f = |x: &Tensor| function(name, x).unwrap();
    let slope = |r: &Tensor| grad(|r: &Tensor| (f(r).sin() * &x[1]).sum())(r);
    Some(vec![match kind {
        "value" => jit(f).call(&x[0]).unwrap(),
        "grad" => jit(slope).call(&x[0]).unwrap(),
        "vmap_grad" => vmap(slope)(&x[0]),
        "jvp" => jvp(f, &x[0], &x[1]).1,
        "hvp" => jvp(slope, &x[0], &x[2]).1,
        _ => return None,
    }])
}
