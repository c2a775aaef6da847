//! Solutions of equations, differentiated by what they solve and not by the steps that found them.
//!
//! [`linear_solve`] for linear systems given as functions, [`custom_root`] for solvers of one's own, [`find_root`], [`fixed_point`] and [`argmin`] with ours. The derivative of a
//! solution follows from the implicit function theorem: from `f(x, θ) = 0` comes `∂ₓf·ẋ = -∂_θf·θ̇`, one linear system more. `θ` is whatever the functions use
//! from outside. Nothing of the iteration is kept, and both modes, second derivatives, `vmap` and `jit` work.
//!
//! A solver that does not reach its tolerance is an error, also inside a compiled program, and not a wrong number.

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

/// `x` if `holds` does when it runs, else an error that says `message` with the numbers reported.
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
