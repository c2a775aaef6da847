//! Linear systems given as functions.

use super::vector::{Packing, norm};
use super::{krylov, require};
use crate::control::{apply, changed, check_same, close, on_inputs, or_stop, types};
use crate::tensor::Tensor;
use crate::trace::{self, Closed, Knowledge, on_behalf_of};
use crate::transform::custom::{only_floats, refuse_nonlinear};
use crate::tree::{Tree, leaves, rebuild, zeros_like};
use gradus_ir::primitives::{Body, Call, Region, Solve};
use gradus_ir::{Graph, Loc, Result, Type};

/// A method that needs nothing of the matrix but products with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Conjugate gradients, for symmetric positive definite matrices; the transposed system is then the same. One product a step.
    Cg,
    /// Stabilised biconjugate gradients: any matrix, little memory, two products a step, no promise.
    BiCgStab,
    /// The smallest residual over the last so many products, which it keeps: any matrix, one product a step.
    Gmres {
        /// How many products are kept before it begins anew.
        restart: usize,
    },
}

/// How a linear system is solved.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LinearSolver {
    /// The method.
    pub method: Method,
    /// The norm of the residual that is small enough, relative to that of the right side. `None`: 1e-10 for f64, 1e-5 for f32.
    pub tolerance: Option<f64>,
    /// The most steps. `None`: ten times the number of unknowns, at least 100.
    pub max_steps: Option<usize>,
}

impl Default for LinearSolver {
    /// [`Gmres`](Method::Gmres) begun anew every 20 steps, which takes any matrix.
    fn default() -> LinearSolver {
        LinearSolver {
            method: Method::Gmres { restart: 20 },
            tolerance: None,
            max_steps: None,
        }
    }
}

impl LinearSolver {
    /// [`Cg`](Method::Cg), for symmetric positive definite matrices.
    pub fn cg() -> LinearSolver {
        LinearSolver {
            method: Method::Cg,
            ..LinearSolver::default()
        }
    }

    /// [`BiCgStab`](Method::BiCgStab).
    pub fn bicgstab() -> LinearSolver {
        LinearSolver {
            method: Method::BiCgStab,
            ..LinearSolver::default()
        }
    }

    pub(super) fn steps(&self, unknowns: usize) -> usize {
        self.max_steps.unwrap_or((10 * unknowns).max(100))
    }
}

/// The solution of `A·x = b`, where `matvec` is the product with `A`: a linear function of a tree of floats, which returns a tree like it.
///
/// Differentiated by what it solves: `A·ẋ = ḃ - Ȧ·x`, also through what `matvec` uses from outside; reverse mode solves with the transpose of `matvec`. To precondition from the
/// left, solve `M·A·x = M·b`.
///
/// ```
/// use gradus::prelude::*;
/// let a = Tensor::from([[4.0, 1.0], [1.0, 3.0]]);
/// let b = Tensor::from([1.0, 2.0]);
/// let x = linear_solve(|v: &Tensor| a.matmul(v), &b, LinearSolver::cg());
/// assert!((x.at(0).item::<f64>()? - 1.0 / 11.0).abs() < 1e-10);
/// // The derivative of the sum of the solution with respect to the matrix.
/// let slope = grad(|a: &Tensor| linear_solve(|v: &Tensor| a.matmul(v), &b, LinearSolver::default()).sum());
/// assert!((slope(&a).at(0).at(0).item::<f64>()? + 2.0 / 121.0).abs() < 1e-10);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If a leaf of `b` is no float, or `matvec` returns another type than it gets or is not linear. Where the residual does not become as small as the tolerance
/// wants, running it is an error of kind [`Convergence`](crate::ErrorKind::Convergence).
#[track_caller]
pub fn linear_solve<V: Tree>(matvec: impl Fn(&V) -> V, b: &V, solver: LinearSolver) -> V {
    let loc = Loc::caller();
    or_stop(solve(&matvec, b, solver, loc), loc, || zeros_like(b))
}

pub(super) fn solve<V: Tree>(
    matvec: &dyn Fn(&V) -> V,
    b: &V,
    solver: LinearSolver,
    loc: Loc,
) -> Result<V> {
    let name = "linear_solve";
    only_floats(name, "the right side", b)?;
    let side = leaves(b);
    let n = side.len();
    let of_side = types(&side);
    let (closed, result) = close(name, b, &of_side, matvec)?;
    check_same(
        "linear_solve: the matrix must be square, and its product with a tree like the right side",
        b,
        &result,
        changed,
    )?;
    refuse_nonlinear(name, "the product", "the argument", &closed.graph, |k| {
        k < n
    })?;
    let of_matrix = closed.captured.len();
    let given = [types(&closed.captured), of_side.clone()].concat();
    let args: Vec<usize> = (of_matrix..of_matrix + n).chain(0..of_matrix).collect();
    let product = on_inputs(&closed.graph, &given, &args)?;
    let packing = Packing::of(&side);
    let solution = program(&product, &given, of_matrix, &packing, solver, loc)?;
    let (turned, of_turned) = match solver.method {
        Method::Cg => (product.clone(), None),
        _ => {
            let turned = gradus_ad::transpose_linear(&product, of_matrix);
            let solution = program(&turned, &given, of_matrix, &packing, solver, loc)?;
            (turned, Some(solution))
        }
    };
    // The programs share their operands: what the matrix depends on, then what the iterations use beside it.
    let mut operands = closed.captured;
    operands.extend(solution.captured.iter().cloned());
    let first_of_turned = operands.len();
    let extra = of_turned.iter().flat_map(|c| c.captured.iter().cloned());
    operands.extend(extra);
    let residuals = operands.len();
    operands.extend(side);
    let given = types(&operands);
    let on_operands = |graph: &Graph, first: usize| -> Result<Body> {
        let extra = graph.inputs().len() - of_matrix - n;
        let own = (0..of_matrix).chain(residuals..residuals + n);
        let args: Vec<usize> = own.chain(first..first + extra).collect();
        Ok(on_inputs(graph, &given, &args)?.into())
    };
    let solve = on_operands(&solution.graph, of_matrix)?;
    let region = Region::Call(Call::Solve(Solve {
        apply: on_operands(&product, 0)?,
        apply_transposed: on_operands(&turned, 0)?,
        solve_transposed: match &of_turned {
            Some(solution) => on_operands(&solution.graph, first_of_turned)?,
            None => solve.clone(),
        },
        solve,
        residuals,
    }));
    Ok(rebuild(b, apply(region, operands, loc)?))
}

/// The program from what the matrix depends on, of which there are so many, and the right side to the solution.
fn program(
    matvec: &Graph,
    types: &[Type],
    residuals: usize,
    packing: &Packing,
    solver: LinearSolver,
    loc: Loc,
) -> Result<Closed> {
    let mut outcome = Ok(());
    let closed = trace::close(types, Knowledge::Types("linear_solve"), &mut |mut args| {
        let side = args.split_off(residuals);
        let product = |v: &Tensor| {
            let all = [&args[..], &packing.unpack(v)].concat();
            match trace::apply(matvec, all) {
                Ok(results) => packing.pack(&results),
                Err(e) => Tensor::fail(e, v.ty().clone()),
            }
        };
        let found = on_behalf_of(loc, || {
            let b = packing.pack(&side);
            let tolerance = packing.tolerance(solver.tolerance);
            let limit = norm(&b) * tolerance;
            let most = solver.steps(packing.len());
            let found = krylov::solve(solver.method, &product, &b, &limit, most);
            require(
                found.residual.less_equal(&limit),
                "linear_solve: no convergence in {} steps: the norm of the residual is {}, and should be at most {}; allow more `max_steps` or a larger `tolerance`, or take \
                 another method",
                &[&found.steps, &found.residual, &limit],
                found.solution,
                loc,
            )
            .map(|x| packing.unpack(&x))
        });
        found.unwrap_or_else(|e| {
            outcome = Err(e);
            side
        })
    })?;
    outcome?;
    Ok(closed)
}
