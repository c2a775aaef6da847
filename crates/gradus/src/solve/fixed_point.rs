//! Points that a function leaves where they are.

use super::root::root_of;
use super::vector::{Packing, norm, within};
use super::{LinearSolver, require};
use crate::control::while_loop;
use crate::function::{changed, check_same, or_stop};
use crate::tensor::Tensor;
use crate::trace::on_behalf_of;
use crate::tree::{Tree, leaves, map2, zeros_like};
use gradus_ir::{Loc, Result};

/// How [`fixed_point`] looks.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct FixedPoint {
    /// The change in a step that is small enough, relative to one more than the norm of `x`. `None`: 1e-10 for f64, 1e-5 for f32.
    pub tolerance: Option<f64>,
    /// The most steps. `None`: 1000.
    pub max_steps: Option<usize>,
    /// How the system of the derivative is solved.
    pub linear: LinearSolver,
}

/// The fixed point of `f` that is reached from `init` on by applying it again and again: `x` with `f(x) = x`.
///
/// Differentiated as [`custom_root`](crate::solve::custom_root) is, with respect to what `f` uses from outside: `(1 - ∂f(x))·ẋ` is the change of `f` at `x`.
///
/// ```
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
/// If `f` returns another type than `init`, or a leaf of it is no float. Where the steps do not become as small as the tolerance wants, running it is an error
/// of kind [`Convergence`](crate::ErrorKind::Convergence).
#[doc(alias = "anderson")]
#[track_caller]
pub fn fixed_point<X: Tree>(f: impl Fn(&X) -> X, init: &X, options: FixedPoint) -> X {
    let loc = Loc::caller();
    let moved = |x: &X| {
        let y = f(x);
        // Another type is found, and told, by what this is handed to.
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
    // What is carried along with `x` is the step that would come next.
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
    // The last step is taken too: it is there, and it is one step nearer.
    let x = require(within(&size, &limit), message, &reported, x + change, loc)?;
    Ok(packing.unpack_like(init, &x))
}
