//! Linear systems given as functions.

use super::krylov::{self, System};
use super::require;
use super::vector::Packing;
use crate::function::{apply_region, changed, check_same, close, on_inputs, or_stop, types};
use crate::tensor::Tensor;
use crate::trace::{self, Arguments, Closed, Kind, on_behalf_of};
use crate::transform::custom::{only_floats, refuse_nonlinear};
use crate::tree::{Tree, leaves, rebuild, zeros_like};
use gradus_ir::primitives::region::Solve;
use gradus_ir::primitives::{Body, Call, Region};
use gradus_ir::{Graph, Loc, Result, Type};

/// A method that uses the matrix only through products.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Method {
    /// Conjugate gradients, for symmetric positive definite matrices. The transposed system is the same system.
    /// One product a step.
    Cg,
    /// Stabilised biconjugate gradients: any matrix, little memory,
    /// two products a step, no guarantee of convergence.
    BiCgStab,
    /// Minimises the residual over the last `restart` products, which it keeps: any matrix, one product a step.
    Gmres {
        /// The number of kept products, after which it restarts.
        restart: usize,
    },
}

/// Options of a linear solve.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct LinearSolver {
    /// The method.
    pub method: Method,
    /// The tolerance for the norm of the residual, relative to the norm of the right side.
    /// `None`: 1e-10 for f64, 1e-5 for f32.
    pub tolerance: Option<f64>,
    /// The most steps. `None`: ten times the number of unknowns, at least 100.
    pub max_steps: Option<usize>,
}

impl Default for LinearSolver {
    /// [`Gmres`](Method::Gmres) with a restart every 20 steps, which works for any matrix.
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
    ///
    /// ```
    /// use gradus::solve::{LinearSolver, linear_solve};
    /// # use gradus::prelude::*;
    /// let d = Tensor::from([2.0, 4.0]);
    /// let x = linear_solve(|v: &Tensor| &d * v, &Tensor::from([1.0, 1.0]), LinearSolver::cg());
    /// assert!((x - Tensor::from([0.5, 0.25])).norm().item::<f64>()? < 1e-12);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[doc(alias = "conjugate_gradient")]
    pub fn cg() -> LinearSolver {
        LinearSolver {
            method: Method::Cg,
            ..LinearSolver::default()
        }
    }

    /// [`BiCgStab`](Method::BiCgStab).
    ///
    /// ```
    /// use gradus::solve::{LinearSolver, linear_solve};
    /// # use gradus::prelude::*;
    /// let d = Tensor::from([-2.0, 4.0]);
    /// let x = linear_solve(|v: &Tensor| &d * v, &Tensor::from([1.0, 1.0]), LinearSolver::bicgstab());
    /// assert!((x - Tensor::from([-0.5, 0.25])).norm().item::<f64>()? < 1e-10);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    pub fn bicgstab() -> LinearSolver {
        LinearSolver {
            method: Method::BiCgStab,
            ..LinearSolver::default()
        }
    }

    /// Sets the method.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// use gradus::solve::{LinearSolver, Method, linear_solve};
    /// let d = Tensor::from([2.0, 4.0]);
    /// let solver = LinearSolver::default().method(Method::Gmres { restart: 5 });
    /// let x = linear_solve(|v: &Tensor| &d * v, &Tensor::from([1.0, 1.0]), solver);
    /// assert!((x - Tensor::from([0.5, 0.25])).norm().item::<f64>()? < 1e-9);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[must_use]
    pub fn method(mut self, method: Method) -> LinearSolver {
        self.method = method;
        self
    }

    /// Sets the norm of the residual that is small enough, relative to that of the right side.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// use gradus::solve::{LinearSolver, linear_solve};
    /// let d = Tensor::from([2.0, 4.0]);
    /// let solver = LinearSolver::cg().tolerance(1e-4);
    /// let x = linear_solve(|v: &Tensor| &d * v, &Tensor::from([1.0, 1.0]), solver);
    /// assert!((x - Tensor::from([0.5, 0.25])).norm().item::<f64>()? < 1e-3);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[must_use]
    pub fn tolerance(mut self, tolerance: impl Into<Option<f64>>) -> LinearSolver {
        self.tolerance = tolerance.into();
        self
    }

    /// Limits the number of steps.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// use gradus::solve::{LinearSolver, linear_solve};
    /// let d = Tensor::from([2.0, 4.0]);
    /// let solver = LinearSolver::cg().max_steps(10);
    /// let x = linear_solve(|v: &Tensor| &d * v, &Tensor::from([1.0, 1.0]), solver);
    /// assert!((x - Tensor::from([0.5, 0.25])).norm().item::<f64>()? < 1e-3);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[must_use]
    pub fn max_steps(mut self, most: impl Into<Option<usize>>) -> LinearSolver {
        self.max_steps = most.into();
        self
    }

    pub(super) fn steps(&self, unknowns: usize) -> usize {
        self.max_steps.unwrap_or((10 * unknowns).max(100))
    }
}

/// The solution of `A·x = b`.
/// `matvec` is the product with `A`: a linear function from a tree of floats to a tree of the same types.
///
/// It is differentiated by the equation `A·ẋ = ḃ - Ȧ·x`, also with respect to the values that `matvec` captures.
/// Reverse mode solves with the transpose of `matvec`.
///
/// If it takes too many steps, use [`linear_solve_preconditioned`].
///
/// ```
/// use gradus::solve::{LinearSolver, linear_solve};
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
/// If a leaf of `b` is not a float, or `matvec` changes the type of its argument or is not linear.
/// If the residual does not reach the tolerance, running the program is an error of kind
/// [`Convergence`](crate::ErrorKind::Convergence).
#[doc(alias = "solve")]
#[doc(alias = "lstsq")]
#[track_caller]
pub fn linear_solve<V: Tree>(matvec: impl Fn(&V) -> V, b: &V, solver: LinearSolver) -> V {
    let loc = Loc::caller();
    or_stop(
        solve(NAME, &matvec, None, b, solver, loc),
        loc,
        || leaves(b),
        || zeros_like(b),
    )
}

/// Like [`linear_solve`], for a matrix that is far from the identity.
/// `preconditioner` is the product with a matrix `M` near the inverse of `A`, so that `M·A` is near the identity
/// and few steps are needed.
///
/// The preconditioner affects how the solution is found but not the solution, so no derivative passes through it.
/// Reverse mode uses its transpose. [`Cg`](Method::Cg) needs a symmetric positive definite one.
/// The tolerance applies to the residual of `A·x = b` itself.
///
/// ```
/// use gradus::solve::{LinearSolver, linear_solve, linear_solve_preconditioned};
/// use gradus::prelude::*;
/// // A diagonal from 1 to 10⁶, for which conjugate gradients alone need many steps.
/// // Its inverse is the preconditioner.
/// let d = Tensor::from([1.0, 1e2, 1e4, 1e6]);
/// let few = LinearSolver::cg().max_steps(3);
/// let solve = |d: &Tensor| {
///     let product = |v: &Tensor| d * v + v.sum() * 1e-3;
///     linear_solve_preconditioned(product, |v: &Tensor| v / d, &d.ones_like(), few).sum()
/// };
/// assert!(jit(|d: &Tensor| linear_solve(|v: &Tensor| d * v, &d.ones_like(), few)).call(&d).is_err());
/// assert!((solve(&d).item::<f64>()? - 1.0091).abs() < 1e-4);
/// // The first unknown is nearly 1/d, and its slope -1/d².
/// assert!((grad(solve)(&d).at(0).item::<f64>()? + 1.0).abs() < 1e-2);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// Like [`linear_solve`], and if `preconditioner` changes the type of its argument, or is not linear.
#[track_caller]
pub fn linear_solve_preconditioned<V: Tree>(
    matvec: impl Fn(&V) -> V,
    preconditioner: impl Fn(&V) -> V,
    b: &V,
    solver: LinearSolver,
) -> V {
    let loc = Loc::caller();
    let name = "linear_solve_preconditioned";
    let result = solve(name, &matvec, Some(&preconditioner), b, solver, loc);
    or_stop(result, loc, || leaves(b), || zeros_like(b))
}

/// The name of [`linear_solve`] in messages. The derivatives of other solutions use it, too.
pub(super) const NAME: &str = "linear_solve";

pub(super) fn solve<V: Tree>(
    name: &'static str,
    matvec: &dyn Fn(&V) -> V,
    preconditioner: Option<&dyn Fn(&V) -> V>,
    b: &V,
    solver: LinearSolver,
    loc: Loc,
) -> Result<V> {
    only_floats(name, "the right side", b)?;
    let side = leaves(b);
    let n = side.len();
    let of_side = types(&side);
    let map = |what: &str, product: &str, f: &dyn Fn(&V) -> V| -> Result<Closed> {
        let (closed, result) = close(name, b, &of_side, f)?;
        let square = format!(
            "{name}: {what} must be square, and its product with a tree like the right side"
        );
        check_same(&square, b, &result, changed)?;
        refuse_nonlinear(name, product, "the argument", &closed.graph, |k| k < n)?;
        Ok(closed)
    };
    let closed = map("the matrix", "the product", matvec)?;
    let preconditioner = preconditioner
        .map(|m| map("the preconditioner", "the preconditioner", m))
        .transpose()?;
    let of_matrix = closed.captured.len();
    let given = [types(&closed.captured), of_side.clone()].concat();
    let product = outside_first(&closed, &of_side)?;
    let packing = Packing::of(&side);
    let preconditioner = match &preconditioner {
        Some(m) => Some((outside_first(m, &of_side)?, m.captured.clone())),
        None => None,
    };
    let problem = Problem {
        name,
        given: &given,
        packing: &packing,
        solver,
        loc,
    };
    let solution = problem.program(&product, preconditioner.as_ref())?;
    let (turned, of_turned) = match solver.method {
        Method::Cg => (product.clone(), None),
        _ => {
            let turned = gradus_ad::transpose_linear(&product, of_matrix);
            let preconditioner = preconditioner
                .map(|(m, outside)| (gradus_ad::transpose_linear(&m, outside.len()), outside));
            let solution = problem.program(&turned, preconditioner.as_ref())?;
            (turned, Some(solution))
        }
    };
    // The programs share their operands: the captures of the matrix, then the further captures of the iterations.
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
    Ok(rebuild(b, apply_region(region, operands, loc)?))
}

/// A linear function with its captured values as its first arguments.
fn outside_first(closed: &Closed, of_side: &[Type]) -> Result<Graph> {
    let outside = types(&closed.captured);
    let (n, of_side) = (outside.len(), of_side.to_vec());
    let given = [outside, of_side].concat();
    let args: Vec<usize> = (n..given.len()).chain(0..n).collect();
    on_inputs(&closed.graph, &given, &args)
}

/// The shared parts of the systems of a matrix and of its transpose.
struct Problem<'a> {
    name: &'static str,
    /// The types of the values that the matrix depends on, and of the right side.
    given: &'a [Type],
    packing: &'a Packing,
    solver: LinearSolver,
    loc: Loc,
}

impl Problem<'_> {
    /// The program from the captures of the matrix and the right side to the solution.
    /// The preconditioner comes with its own captures.
    fn program(
        &self,
        matvec: &Graph,
        preconditioner: Option<&(Graph, Vec<Tensor>)>,
    ) -> Result<Closed> {
        let (packing, name) = (self.packing, self.name);
        let mut outcome = Ok(());
        let closed = trace::close(
            Kind::Body,
            self.given,
            Arguments::Abstract(name),
            &[],
            &mut |mut args| {
                let side = args.split_off(matvec.inputs().len() - packing.count());
                let on_vectors = |graph: &Graph, outside: &[Tensor], v: &Tensor| {
                    let all = [outside, &packing.unpack(v)].concat();
                    match trace::apply(graph, all) {
                        Ok(results) => packing.pack(&results),
                        Err(e) => Tensor::fail(e, &[v], v.ty().clone()),
                    }
                };
                let product = |v: &Tensor| on_vectors(matvec, &args, v);
                let nearly_inverse =
                    preconditioner.map(|(m, outside)| move |v: &Tensor| on_vectors(m, outside, v));
                let system = System {
                    product: &product,
                    preconditioner: nearly_inverse
                        .as_ref()
                        .map(|m| m as &dyn Fn(&Tensor) -> Tensor),
                };
                let found = on_behalf_of(self.loc, || {
                    let found = krylov::solve(self.solver, packing, system, &packing.pack(&side));
                    let message = format!(
                        "{name}: no convergence in {{}} steps: the norm of the residual is {{}}, and should be at most {{}}; allow more `max_steps` or a larger `tolerance`, or take \
                     another method"
                    );
                    let reported = [&found.steps, &found.residual, &found.limit];
                    require(
                        found.converged,
                        &message,
                        &reported,
                        found.solution,
                        self.loc,
                    )
                    .map(|x| packing.unpack(&x))
                });
                found.unwrap_or_else(|e| {
                    outcome = Err(e);
                    side
                })
            },
        )?;
        outcome?;
        Ok(closed)
    }
}
