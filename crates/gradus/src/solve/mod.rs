//! Solutions of equations, differentiated by the equation and not by the steps that found the solution.
//!
//! [`linear_solve`] is for linear systems given as functions, [`custom_root`] for your own solvers; [`find_root`],
//! [`fixed_point`] and [`argmin`] bring their solvers.
//! The derivative of a solution follows from the implicit function theorem:
//! `f(x, θ) = 0` gives `∂ₓf·ẋ = -∂_θf·θ̇`, one more linear system.
//! `θ` stands for all values that the functions capture.
//! Nothing of the iteration is kept, and both modes, second derivatives, `vmap` and `jit` work.
//!
//! If a solver does not reach its tolerance, the result is an error and not a wrong number,
//! also inside a compiled program.

mod argmin;
mod fixed_point;
mod krylov;
mod linear;
mod root;
mod search;
mod vector;

pub use argmin::{Argmin, argmin};
pub use fixed_point::{FixedPoint, fixed_point};
pub use linear::{LinearSolver, Method, linear_solve, linear_solve_preconditioned};
pub use root::{Root, custom_root, find_root};

use crate::function::apply_region;
use crate::tensor::Tensor;
use gradus_ir::primitives::{Check, Region};
use gradus_ir::{Loc, Result};

/// `x` if `holds` is true when it runs, otherwise an error with `message` and the reported numbers.
fn require(
    holds: Tensor,
    message: &str,
    reported: &[&Tensor],
    x: Tensor,
    loc: Loc,
) -> Result<Tensor> {
    let check = Check {
        message: message.into(),
        reported: reported.len(),
        passed: vec![x.ty().clone()],
    };
    let mut operands = vec![holds];
    operands.extend(reported.iter().map(|&t| t.clone()));
    operands.push(x);
    Ok(apply_region(Region::Check(check), operands, loc)?.remove(0))
}
