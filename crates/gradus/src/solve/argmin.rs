//! Finds minima of functions.

use super::root::root_of;
use super::search::{DECREASE, search};
use super::vector::{Packing, norm, scaled, within};
use super::{LinearSolver, require};
use crate::control::while_loop;
use crate::function::{close, or_stop, types};
use crate::tensor::Tensor;
use crate::trace::{self, on_behalf_of};
use crate::transform::grad::differentiate;
use crate::transform::jvp;
use crate::tree::{Tree, leaves, zeros_like};
use gradus_ir::{Loc, Result};

/// Options of [`argmin`].
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct Argmin {
    /// The tolerance for the norm of the gradient, relative to one more than the norm at `init`.
    /// `None`: 1e-10 for f64, 1e-5 for f32.
    pub tolerance: Option<f64>,
    /// The most steps. `None`: 100.
    pub max_steps: Option<usize>,
    /// The solver for the derivative's linear system, whose matrix is the Hessian at the minimum.
    pub linear: LinearSolver,
}

impl Default for Argmin {
    fn default() -> Argmin {
        Argmin {
            tolerance: None,
            max_steps: None,
            linear: LinearSolver::cg(),
        }
    }
}

impl Argmin {
    /// Sets the norm of the gradient that is small enough, relative to one more than that at `init`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// use gradus::solve::{Argmin, argmin};
    /// let options = Argmin::default().tolerance(1e-6);
    /// let x = argmin(|x: &Tensor| (x - 3.0).square(), &Tensor::from(1.0), options);
    /// assert!((x.item::<f64>()? - 3.0).abs() < 1e-5);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[must_use]
    pub fn tolerance(mut self, tolerance: impl Into<Option<f64>>) -> Argmin {
        self.tolerance = tolerance.into();
        self
    }

    /// Limits the number of steps.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// use gradus::solve::{Argmin, argmin};
    /// let options = Argmin::default().max_steps(50);
    /// let x = argmin(|x: &Tensor| (x - 3.0).square(), &Tensor::from(1.0), options);
    /// assert!((x.item::<f64>()? - 3.0).abs() < 1e-5);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[must_use]
    pub fn max_steps(mut self, most: impl Into<Option<usize>>) -> Argmin {
        self.max_steps = most.into();
        self
    }

    /// Sets how the system of the derivative is solved, whose matrix is the Hessian at the minimum.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// use gradus::solve::{Argmin, LinearSolver, argmin};
    /// let options = Argmin::default().linear(LinearSolver::bicgstab());
    /// let x = argmin(|x: &Tensor| (x - 3.0).square(), &Tensor::from(1.0), options);
    /// assert!((x.item::<f64>()? - 3.0).abs() < 1e-5);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[must_use]
    pub fn linear(mut self, solver: LinearSolver) -> Argmin {
        self.linear = solver;
        self
    }
}

/// A local minimum of `objective`, searched from `init`: a point `x` at which the gradient is zero.
///
/// The method is Newton's, with Hessian-vector products alone.
/// Conjugate gradients run up to a direction of negative curvature, then a line search follows the direction as
/// long as the objective decreases (Nocedal and Wright, "Numerical Optimization", algorithm 7.1).
/// The result is differentiated as a root of the gradient, with respect to the values that `objective` captures.
///
/// For another solver, use [`custom_root`](crate::solve::custom_root)
/// with the [`grad`](crate::grad) of the objective.
///
/// ```
/// use gradus::solve::{Argmin, argmin};
/// use gradus::prelude::*;
/// // Ridge regression of one weight: x = Σ a·b / (Σ a² + λ).
/// let (a, b) = (Tensor::from([1.0, 2.0]), Tensor::from([2.0, 3.0]));
/// let fit = |lambda: &Tensor| {
///     let loss = |x: &Tensor| ((&a * x - &b).square().sum() + lambda * x.square()) * 0.5;
///     argmin(loss, &Tensor::from(0.0), Argmin::default())
/// };
/// let lambda = Tensor::from(3.0);
/// assert!((fit(&lambda).item::<f64>()? - 1.0).abs() < 1e-12);
/// assert!((grad(fit)(&lambda).item::<f64>()? + 1.0 / 8.0).abs() < 1e-12);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If `objective` does not return one float, or a leaf of `init` is not a float.
/// If the gradient does not reach the tolerance, running the program is an error of kind
/// [`Convergence`](crate::ErrorKind::Convergence).
#[doc(alias = "minimize")]
#[doc(alias = "bfgs")]
#[doc(alias = "lbfgs")]
#[track_caller]
pub fn argmin<X: Tree>(objective: impl Fn(&X) -> Tensor, init: &X, options: Argmin) -> X {
    let loc = Loc::caller();
    let run = || {
        let types = types(&leaves(init));
        // The objective is traced once for all uses.
        let (closed, returned) = close("argmin", init, &types, &objective)?;
        let objective = |x: &X| {
            let result = trace::apply(&closed.graph, closed.arguments(leaves(x)));
            let value = result.map(|mut values| values.remove(0));
            value.unwrap_or_else(|e| Tensor::fail(e, &[], returned.ty().clone()))
        };
        let slope = |x: &X| differentiate("argmin", &|x: &X| (objective(x), ()), x, loc).1;
        let solve =
            |slope: &dyn Fn(&X) -> X, init: &X| descend(&objective, slope, init, options, loc);
        root_of("argmin", &slope, init, &solve, options.linear, loc)
    };
    or_stop(run(), loc, || leaves(init), || zeros_like(init))
}

fn descend<X: Tree>(
    objective: &dyn Fn(&X) -> Tensor,
    slope: &dyn Fn(&X) -> X,
    init: &X,
    options: Argmin,
    loc: Loc,
) -> Result<X> {
    // x, the objective there, its gradient; whether the last step made progress; the number of steps.
    type State = ((Tensor, Tensor, Tensor), Tensor, Tensor);
    let packing = Packing::of(&leaves(init));
    on_behalf_of(loc, || {
        let at = |x: &Tensor| packing.pack_tree(&slope(&packing.unpack_like(init, x)));
        let begin = packing.pack_tree(init);
        let value = |x: &Tensor| objective(&packing.unpack_like(init, x)).astype(begin.dtype());
        let first = at(&begin);
        let limit = (norm(&first) + 1.0) * packing.tolerance(options.tolerance);
        let most = options.max_steps.unwrap_or(100) as i64;
        let ((x, _, g), _, steps) = while_loop(
            |((_, _, g), on, k): &State| norm(g).greater(&limit) & on & k.less(most),
            |((x, here, g), _, k): &State| {
                let p = direction(&|v| jvp(at, x, v).1, g);
                let promised = g.dot(&p);
                let enough = |t: &Tensor, there: &Tensor| {
                    // The objective can appear to grow by rounding.
                    let may_grow = here.abs() * packing.rounding();
                    there.less_equal(here + t * &promised * DECREASE + may_grow)
                };
                let reached = search(&value, (x, here), &p, &enough);
                let g = at(&reached.x);
                ((reached.x, reached.value, g), reached.moved, k + 1)
            },
            &(
                (begin.clone(), value(&begin), first),
                Tensor::from(true),
                Tensor::from(0i64),
            ),
        );
        let size = norm(&g);
        let message = "argmin: no convergence in {} steps: the norm of the gradient is {}, and should be at most {}; begin nearer to the minimum, or allow more `max_steps` or a larger \
                       `tolerance`";
        let reported = [&steps, &size, &limit];
        let x = require(within(&size, &limit), message, &reported, x, loc)?;
        Ok(packing.unpack_like(init, &x))
    })
}

/// Conjugate gradients for `H·p = -g`.
/// They end when the residual is small compared with `g`, or at a direction of nonpositive curvature.
/// The result is always a descent direction.
fn direction(hessian: &dyn Fn(&Tensor) -> Tensor, g: &Tensor) -> Tensor {
    // p; the residual, the direction; whether to continue, the number of steps.
    type State = (Tensor, (Tensor, Tensor), (Tensor, Tensor));
    let forcing = norm(g).sqrt().minimum(0.5);
    let (g, scale) = scaled(g);
    let enough = norm(&g) * forcing;
    let most = (10 * g.len()).max(100) as i64;
    let (p, _, _) = while_loop(
        |(_, (r, _), (on, k)): &State| on & norm(r).greater(&enough) & k.less(most),
        |(p, (r, d), (_, k)): &State| {
            let h = hessian(d);
            let curvature = d.dot(&h);
            let on = curvature.greater(0.0);
            let rho = r.dot(r);
            let alpha = &rho / on.where_(&curvature, curvature.ones_like());
            let next = r - &alpha * h;
            let beta = next.dot(&next) / rho;
            // The first direction is a descent direction for any curvature.
            let otherwise = k.equal(0i64).where_(d, p);
            let p = on.where_(&(p + alpha * d), &otherwise);
            let d = &next + beta * d;
            (p, (next, d), (on, k + 1))
        },
        &(
            g.zeros_like(),
            (-&g, -&g),
            (Tensor::from(true), Tensor::from(0i64)),
        ),
    );
    p * scale
}
