//! Fits a damped oscillation to measurements with the crate `levenberg-marquardt`.
//! Gradus computes the residuals and their Jacobian, the crate takes the steps.

use gradus::prelude::*;
use levenberg_marquardt::{LeastSquaresProblem, LevenbergMarquardt};
use nalgebra::storage::Owned;
use nalgebra::{DMatrix, DVector, Dyn};

/// `a·e^(-b·t)·cos(c·t)` at all times, where the parameters are `[a, b, c]`.
fn model(p: &Tensor, t: &Tensor) -> Tensor {
    p.at(0) * (-p.at(1) * t).exp() * (p.at(2) * t).cos()
}

/// The parameters, and two compiled functions of the parameters.
struct Fit<R: Fn(&Tensor) -> Tensor, J: Fn(&Tensor) -> Tensor> {
    parameters: DVector<f64>,
    residuals: Jit<Tensor, Tensor, R>,
    jacobian: Jit<Tensor, Tensor, J>,
}

impl<R, J> LeastSquaresProblem<f64, Dyn, Dyn> for Fit<R, J>
where
    R: Fn(&Tensor) -> Tensor,
    J: Fn(&Tensor) -> Tensor,
{
    type ParameterStorage = Owned<f64, Dyn>;
    type ResidualStorage = Owned<f64, Dyn>;
    type JacobianStorage = Owned<f64, Dyn, Dyn>;

    fn set_params(&mut self, parameters: &DVector<f64>) {
        self.parameters.copy_from(parameters);
    }

    fn params(&self) -> DVector<f64> {
        self.parameters.clone()
    }

    fn residuals(&self) -> Option<DVector<f64>> {
        let p = Tensor::from(self.parameters.as_slice());
        let residuals = self.residuals.call(&p).ok()?;
        Some(DVector::from_vec(residuals.to_vec().ok()?))
    }

    fn jacobian(&self) -> Option<DMatrix<f64>> {
        let p = Tensor::from(self.parameters.as_slice());
        let jacobian = self.jacobian.call(&p).ok()?;
        let (rows, columns) = (jacobian.shape()[0], jacobian.shape()[1]);
        Some(DMatrix::from_row_slice(
            rows,
            columns,
            &jacobian.to_vec::<f64>().ok()?,
        ))
    }
}

fn main() -> Result<()> {
    let truth = Tensor::from([2.0, 0.3, 4.0]);
    let t = Tensor::linspace(0.0, 5.0, 100);
    let noise = 0.01 * random::normal(&random::key(0), &[100], F64);
    let measured = model(&truth, &t) + noise;

    let residuals = |p: &Tensor| model(p, &t) - &measured;
    let fit = Fit {
        parameters: DVector::from_vec(vec![1.0, 0.5, 3.8]),
        residuals: jit(residuals),
        jacobian: jit(jacobian(residuals)),
    };
    let (fit, report) = LevenbergMarquardt::new().minimize(fit);
    assert!(report.termination.was_successful(), "{report:?}");

    let found = Tensor::from(fit.parameters.as_slice());
    println!(
        "true  {truth}\nfound {found}, in {} evaluations",
        report.number_of_evaluations
    );
    // Noise of 0.01 leaves an error of a few thousandths.
    assert!((found - truth).abs().max().item::<f64>()? < 0.01);
    Ok(())
}
