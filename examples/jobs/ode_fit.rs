//! Fits an ordinary differential equation with unknown parameters: the predators and prey of Lotka and Volterra.
//! One `scan` integrates it with the Runge-Kutta method, and the fit differentiates through it.

use gradus::prelude::*;
use gradus::solve::{LinearSolver, linear_solve};

/// The change of prey and predators, `[prey, predators]`, for the rates `[birth, hunt, death, growth]`.
fn change(state: &Tensor, rates: &Tensor) -> Tensor {
    let (prey, predators) = (state.at(0), state.at(1));
    let meetings = &prey * &predators;
    let prey = rates.at(0) * prey - rates.at(1) * &meetings;
    let predators = rates.at(3) * meetings - rates.at(2) * predators;
    stack(&[&prey, &predators], 0)
}

/// The states after each of 200 steps.
fn trajectory(rates: &Tensor) -> Tensor {
    let h = 0.05;
    let step = |x: &Tensor, _: &()| {
        let k1 = change(x, rates);
        let k2 = change(&(x + h / 2.0 * &k1), rates);
        let k3 = change(&(x + h / 2.0 * &k2), rates);
        let k4 = change(&(x + h * &k3), rates);
        let next = x + h / 6.0 * (k1 + 2 * k2 + 2 * k3 + k4);
        (next.clone(), next)
    };
    let options = ScanOptions::default().length(200);
    scan_with(options, step, &Tensor::from([10.0, 5.0]), &()).1
}

fn main() -> Result<()> {
    let truth = Tensor::from([1.1, 0.4, 0.4, 0.1]);
    let measured = trajectory(&truth);

    // Gauss-Newton: the planner chooses how to compute the Jacobian of 400 numbers by 4 parameters.
    let residuals = |rates: &Tensor| (trajectory(rates) - &measured).ravel();
    let both = jit(|rates: &Tensor| (residuals(rates), jacobian(residuals)(rates)));
    let mut rates = Tensor::from([1.0, 0.38, 0.42, 0.11]);
    for k in 0..20 {
        let (r, j) = both.call(&rates)?;
        let error = r.square().mean().sqrt().item::<f64>()?;
        println!("step {k}: error {error:.1e}, rates {rates}");
        if error < 1e-10 {
            break;
        }
        let normal = |v: &Tensor| j.t().matmul(&j.matmul(v));
        rates -= linear_solve(normal, &j.t().matmul(&r), LinearSolver::cg());
    }
    assert!((rates - truth).abs().max().item::<f64>()? < 1e-8);
    Ok(())
}
