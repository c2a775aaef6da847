//! Minimises Rosenbrock's function in ten dimensions with the crate `argmin`.
//! Its L-BFGS takes the steps; one compiled program of Gradus gives value and gradient.

use argmin::core::{CostFunction, Error, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use gradus::prelude::*;

fn rosenbrock(x: &Tensor) -> Tensor {
    let (next, this) = (x.slice_axis(0, 1..), x.slice_axis(0, ..-1));
    ((next - this.square()).square() * 100 + (1 - this).square()).sum()
}

/// Value and gradient at a point, compiled.
struct Problem<F: Fn(&Tensor) -> (Tensor, Tensor)>(Jit<Tensor, (Tensor, Tensor), F>);

impl<F: Fn(&Tensor) -> (Tensor, Tensor)> CostFunction for Problem<F> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, x: &Vec<f64>) -> Result<f64, Error> {
        Ok(self.0.call(&x.into())?.0.item()?)
    }
}

impl<F: Fn(&Tensor) -> (Tensor, Tensor)> Gradient for Problem<F> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, x: &Vec<f64>) -> Result<Vec<f64>, Error> {
        Ok(self.0.call(&x.into())?.1.to_vec()?)
    }
}

fn main() -> Result<(), Error> {
    let problem = Problem(jit(value_and_grad(rosenbrock)));
    let solver = LBFGS::new(MoreThuenteLineSearch::new(), 7);
    let result = Executor::new(problem, solver)
        .configure(|state| state.param(vec![0.0; 10]).max_iters(200))
        .run()?;

    let state = result.state();
    let x = Tensor::from(state.get_best_param().expect("at least one step was taken"));
    println!(
        "after {} steps f = {:.1e} at {x}",
        state.get_iter(),
        state.get_best_cost()
    );
    assert!((x - 1).abs().max().item::<f64>()? < 1e-6);
    Ok(())
}
