//! Finds fixed points of functions.

use super::root::root_of;
use super::vector::{Packing, norm, within};
use super::{LinearSolver, require};
use crate::control::while_loop;
use crate::function::{changed, check_same, or_stop};
use crate::tensor::Tensor;
use crate::trace::on_behalf_of;
use crate::tree::{Tree, leaves, map2, zeros_like};
use gradus_ir::{Loc, Result};

/// Options of [`fixed_point`].
#[derive(Clone, Copy, PartialEq, Debug, Default)]
#[non_exhaustive]
pub struct FixedPoint {
    /// The tolerance for the change in a step, relative to one more than the norm of `x`.
    /// `None`: 1e-10 for f64, 1e-5 for f32.
    pub tolerance: Option<f64>,
    /// The most steps. `None`: 1000.
    pub max_steps: Option<usize>,
    /// The solver for the derivative's linear system.
    pub linear: LinearSolver,
}

impl FixedPoint {
    /// Sets the change in a step that is small enough, relative to one more than the norm of `x`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// use gradus::solve::{FixedPoint, fixed_point};
    /// let options = FixedPoint::default().tolerance(1e-6);
    /// let x = fixed_point(|x: &Tensor| x.cos(), &Tensor::from(1.0), options);
    /// assert!((x.item::<f64>()? - 0.739085).abs() < 1e-5);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[must_use]
    pub fn tolerance(mut self, tolerance: impl Into<Option<f64>>) -> FixedPoint {
        self.tolerance = tolerance.into();
        self
    }

    /// Limits the number of steps.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// use gradus::solve::{FixedPoint, fixed_point};
    /// let options = FixedPoint::default().max_steps(2_000);
    /// let x = fixed_point(|x: &Tensor| x.cos(), &Tensor::from(1.0), options);
    /// assert!((x.item::<f64>()? - 0.739085).abs() < 1e-5);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[must_use]
    pub fn max_steps(mut self, most: impl Into<Option<usize>>) -> FixedPoint {
        self.max_steps = most.into();
        self
    }

    /// Sets how the system of the derivative is solved.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// use gradus::solve::{FixedPoint, LinearSolver, fixed_point};
    /// let options = FixedPoint::default().linear(LinearSolver::bicgstab());
    /// let x = fixed_point(|x: &Tensor| x.cos(), &Tensor::from(1.0), options);
    /// assert!((x.item::<f64>()? - 0.739085).abs() < 1e-5);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[must_use]
    pub fn linear(mut self, solver: LinearSolver) -> FixedPoint {
        self.linear = solver;
        self
    }
}

/// The fixed point of `f` that repeated application reaches from `init`: `x` with `f(x) = x`.
///
/// It is differentiated like [`custom_root`](crate::solve::custom_root), with respect to the values that `f`
/// captures: `(1 - ∂f(x))·ẋ` equals the change of `f` at `x`.
///
/// ```
/// use gradus::solve::{FixedPoint, fixed_point};
/// use gradus::prelude::*;
/// // Heron's square root.
/// let sqrt = |a: &Tensor| fixed_point(|x: &Tensor| (x + a / x) * 0.5, a, FixedPoint::default());
/// let two = Tensor::from(2.0);
/// assert!((sqrt(&two).item::<f64>()? - 2f64.sqrt()).abs() < 1e-12);
/// assert!((grad(sqrt)(&two).item::<f64>()? - 0.5 / 2f64.sqrt()).abs() < 1e-12);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If `f` returns a different type than `init`, or a leaf of it is not a float.
/// If the steps do not reach the tolerance, running the program is an error of
/// kind [`Convergence`](crate::ErrorKind::Convergence).
#[doc(alias = "anderson")]
#[track_caller]
pub fn fixed_point<X: Tree>(f: impl Fn(&X) -> X, init: &X, options: FixedPoint) -> X {
    let loc = Loc::caller();
    let moved = |x: &X| {
        let y = f(x);
        // The callee finds and reports a result of another type.
        match check_same("fixed_point", x, &y, changed) {
            Ok(()) => on_behalf_of(loc, || map2(&y, x, |y, x| y - x)).unwrap_or(y),
            Err(_) => y,
        }
    };
    let solve =
        |f: &dyn Fn(&X) -> X, init: &X| on_behalf_of(loc, || iterate(f, init, options, loc));
    let result = root_of("fixed_point", &moved, init, &solve, options.linear, loc);
    or_stop(result, loc, || leaves(init), || zeros_like(init))
}

fn iterate<X: Tree>(f: &dyn Fn(&X) -> X, init: &X, options: FixedPoint, loc: Loc) -> Result<X> {
    type State = (Tensor, Tensor, Tensor);
    let packing = Packing::of(&leaves(init));
    let step = |x: &Tensor| packing.pack_tree(&f(&packing.unpack_like(init, x)));
    let tolerance = packing.tolerance(options.tolerance);
    let limit = |x: &Tensor| (norm(x) + 1.0) * tolerance;
    let most = options.max_steps.unwrap_or(1000);
    let begin = packing.pack_tree(init);
    let first = step(&begin);
    // The loop carries `x` together with the next step.
    let (x, change, steps) = while_loop(
        |(x, change, k): &State| norm(change).greater(limit(x)) & k.less(most as i64),
        |(x, change, k): &State| {
            let next = x + change;
            let change = step(&next);
            (next, change, k + 1)
        },
        &(begin, first, Tensor::from(0i64)),
    );
    let (size, limit) = (norm(&change), limit(&x));
    let message = "fixed_point: no convergence in {} steps: the next one would change the argument by {}, and should by at most {}; begin nearer to the fixed point, or allow more \
                   `max_steps` or a larger `tolerance`";
    let reported = [&steps, &size, &limit];
    // The last step is also taken: it is computed already, and leads nearer to the solution.
    let x = require(within(&size, &limit), message, &reported, x + change, loc)?;
    Ok(packing.unpack_like(init, &x))
}
