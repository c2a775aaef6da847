//! Roots of functions, by a custom solver or by Newton's method.

use super::krylov::{self, System};
use super::search::{DECREASE, search};
use super::vector::{Packing, norm, within};
use super::{LinearSolver, linear, require};
use crate::control::while_loop;
use crate::function::{changed, check_same, close, or_stop};
use crate::tensor::Tensor;
use crate::trace::{self, Closed, on_behalf_of};
use crate::transform::custom::{Outside, only_floats, with_tangent};
use crate::transform::jvp;
use crate::tree::{Tree, leaves, map, rebuild, zeros_like};
use gradus_ir::{Loc, Result, Type};
use std::cell::RefCell;

/// The root of `f` that `solve` finds, differentiated as a root: `solve(f, init)` returns `x` with `f(x) = 0`.
///
/// The derivative is with respect to the values that `f` captures, by the implicit function theorem:
/// `∂f(x)·ẋ` equals the negative change of `f` at `x`, a system that `linear` solves.
/// The derivative does not depend on how `solve` works, so `solve` can be anything,
/// for example a loop that cannot be differentiated.
/// `init`, and the values that only `solve` captures, have derivative zero.
///
/// ```
/// use gradus::solve::{LinearSolver, custom_root};
/// use gradus::prelude::*;
/// // The cube root by bisection.
/// let cube_root = |a: &Tensor| {
///     custom_root(
///         |x: &Tensor| x.powi(3) - a,
///         &Tensor::from(0.0),
///         |f, _| {
///             let step = |(low, high): &(Tensor, Tensor)| {
///                 let middle = (low + high) * 0.5;
///                 let below = f(&middle).less(0.0);
///                 (below.where_(&middle, low), below.where_(high, &middle))
///             };
///             fori_loop(0..60, |_, ends| step(ends), &(Tensor::from(0.0), Tensor::from(10.0))).0
///         },
///         LinearSolver::default(),
///     )
/// };
/// let eight = Tensor::from(8.0);
/// assert!((cube_root(&eight).item::<f64>()? - 2.0).abs() < 1e-12);
/// assert!((grad(cube_root)(&eight).item::<f64>()? - 1.0 / 12.0).abs() < 1e-12);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If `f` or `solve` returns a different type than `init`, or a leaf of it is not a float.
/// The call does not check that `solve` finds a root.
#[doc(alias = "implicit_diff")]
#[track_caller]
pub fn custom_root<X: Tree>(
    f: impl Fn(&X) -> X,
    init: &X,
    solve: impl Fn(&dyn Fn(&X) -> X, &X) -> X,
    linear: LinearSolver,
) -> X {
    let loc = Loc::caller();
    let solve = |f: &dyn Fn(&X) -> X, init: &X| Ok(solve(f, init));
    let result = root_of("custom_root", &f, init, &solve, linear, loc);
    or_stop(result, loc, || leaves(init), || zeros_like(init))
}

/// A function that finds a root of another function, from a starting point.
type Solver<'a, X> = &'a dyn Fn(&dyn Fn(&X) -> X, &X) -> Result<X>;

pub(super) fn root_of<X: Tree>(
    name: &'static str,
    f: &dyn Fn(&X) -> X,
    init: &X,
    solve: Solver<'_, X>,
    linear: LinearSolver,
    loc: Loc,
) -> Result<X> {
    only_floats(name, "the initial value", init)?;
    let types: Vec<Type> = leaves(init).iter().map(|t| t.ty().clone()).collect();
    // Observers of the function's values stay active while the solver runs.
    let (closed, value) = close(name, init, &types, f)?;
    let Closed {
        graph,
        captured,
        observers: _observers,
    } = closed;
    let what = format!("{name}: the function must return a tree like its argument");
    check_same(&what, init, &value, changed)?;
    let at = |x: &X, outside: &[Tensor]| -> X {
        let all = [&leaves(x)[..], outside].concat();
        match trace::apply(&graph, all) {
            Ok(results) => rebuild(x, results),
            Err(error) => {
                trace::stop(error, loc, &[]);
                zeros_like(x)
            }
        }
    };
    let outcome = RefCell::new(Ok(()));
    let what = format!("{name}: the solver must return a tree like its initial value");
    let body = |outside: &Vec<Tensor>| {
        let found = solve(&|x| at(x, outside), init);
        let found = found.and_then(|x| check_same(&what, init, &x, changed).map(|()| x));
        found.unwrap_or_else(|error| {
            *outcome.borrow_mut() = Err(error);
            zeros_like(init)
        })
    };
    let rule = |outside: &Vec<Tensor>, x: &X, change: &Vec<Tensor>| {
        on_behalf_of(loc, || {
            let moved = jvp(|outside: &Vec<Tensor>| at(x, outside), outside, change).1;
            let side = map(&moved, |t| -t);
            let product = |v: &X| jvp(|x: &X| at(x, outside), x, v).1;
            let solution = linear::solve(linear::NAME, &product, None, &side, linear, loc);
            or_stop(solution, loc, || leaves(&side), || zeros_like(&side))
        })
    };
    let root = with_tangent(name, &captured, &body, &rule, Outside::Zero, loc)?;
    outcome.into_inner()?;
    Ok(root)
}

/// Options of [`find_root`].
#[derive(Clone, Copy, PartialEq, Debug, Default)]
#[non_exhaustive]
pub struct Root {
    /// The tolerance for the norm of `f(x)`, relative to one more than the norm of `f(init)`.
    /// `None`: 1e-10 for f64, 1e-5 for f32.
    pub tolerance: Option<f64>,
    /// The most steps. `None`: 100.
    pub max_steps: Option<usize>,
    /// The solver for the linear systems of the steps and of the derivative.
    pub linear: LinearSolver,
}

impl Root {
    /// Sets the norm of `f(x)` that is small enough, relative to one more than that of `f(init)`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// use gradus::solve::{Root, find_root};
    /// let options = Root::default().tolerance(1e-6);
    /// let x = find_root(|x: &Tensor| x.square() - 2.0, &Tensor::from(1.0), options);
    /// assert!((x.item::<f64>()? - 2f64.sqrt()).abs() < 1e-5);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[must_use]
    pub fn tolerance(mut self, tolerance: impl Into<Option<f64>>) -> Root {
        self.tolerance = tolerance.into();
        self
    }

    /// Limits the number of steps.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// use gradus::solve::{Root, find_root};
    /// let options = Root::default().max_steps(50);
    /// let x = find_root(|x: &Tensor| x.square() - 2.0, &Tensor::from(1.0), options);
    /// assert!((x.item::<f64>()? - 2f64.sqrt()).abs() < 1e-5);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[must_use]
    pub fn max_steps(mut self, most: impl Into<Option<usize>>) -> Root {
        self.max_steps = most.into();
        self
    }

    /// Sets how the systems of the steps and of the derivative are solved.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// use gradus::solve::{LinearSolver, Root, find_root};
    /// let options = Root::default().linear(LinearSolver::bicgstab());
    /// let x = find_root(|x: &Tensor| x.square() - 2.0, &Tensor::from(1.0), options);
    /// assert!((x.item::<f64>()? - 2f64.sqrt()).abs() < 1e-5);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[must_use]
    pub fn linear(mut self, solver: LinearSolver) -> Root {
        self.linear = solver;
        self
    }
}

/// The root of `f` that Newton's method finds from `init`: `x` with `f(x) = 0`,
/// with as many equations as unknowns.
///
/// Each step solves `∂f(x)·p = -f(x)` with products alone, and follows `p` as long as `f` decreases.
/// The result is differentiated like [`custom_root`], with respect to the values that `f` captures.
///
/// ```
/// use gradus::solve::{Root, find_root};
/// use gradus::prelude::*;
/// let sqrt = |a: &Tensor| find_root(|x: &Tensor| x.square() - a, &Tensor::from(1.0), Root::default());
/// let two = Tensor::from(2.0);
/// assert!((sqrt(&two).item::<f64>()? - 2f64.sqrt()).abs() < 1e-10);
/// assert!((grad(sqrt)(&two).item::<f64>()? - 0.5 / 2f64.sqrt()).abs() < 1e-10);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// Like [`custom_root`].
/// If `f(x)` does not reach the tolerance, running the program is an error of
/// kind [`Convergence`](crate::ErrorKind::Convergence).
#[doc(alias = "fsolve")]
#[doc(alias = "newton")]
#[doc(alias = "root_scalar")]
#[track_caller]
pub fn find_root<X: Tree>(f: impl Fn(&X) -> X, init: &X, options: Root) -> X {
    let loc = Loc::caller();
    let solve = |f: &dyn Fn(&X) -> X, init: &X| on_behalf_of(loc, || newton(f, init, options, loc));
    let result = root_of("find_root", &f, init, &solve, options.linear, loc);
    or_stop(result, loc, || leaves(init), || zeros_like(init))
}

fn newton<X: Tree>(f: &dyn Fn(&X) -> X, init: &X, options: Root, loc: Loc) -> Result<X> {
    // x, f there; whether the last step made progress; the number of steps.
    type State = ((Tensor, Tensor), Tensor, Tensor);
    let packing = Packing::of(&leaves(init));
    let at = |x: &Tensor| packing.pack_tree(&f(&packing.unpack_like(init, x)));
    let begin = packing.pack_tree(init);
    let value = at(&begin);
    let limit = (norm(&value) + 1.0) * packing.tolerance(options.tolerance);
    let most = options.max_steps.unwrap_or(100) as i64;
    let ((x, value), _, steps) = while_loop(
        |((_, value), on, k): &State| norm(value).greater(&limit) & on & k.less(most),
        |((x, value), _, k): &State| {
            let system = System {
                product: &|v: &Tensor| jvp(at, x, v).1,
                preconditioner: None,
            };
            let p = krylov::solve(options.linear, &packing, system, &-value).solution;
            let enough = |t: &Tensor, there: &Tensor| {
                norm(there).less_equal(norm(value) * (1.0 - t * DECREASE))
            };
            let reached = search(&at, (x, value), &p, &enough);
            ((reached.x, reached.value), reached.moved, k + 1)
        },
        &((begin, value), Tensor::from(true), Tensor::from(0i64)),
    );
    let size = norm(&value);
    let message = "find_root: no convergence in {} steps: the norm of the function is {}, and should be at most {}; begin nearer to the root, or allow more `max_steps` or a larger \
                   `tolerance`";
    let reported = [&steps, &size, &limit];
    let x = require(within(&size, &limit), message, &reported, x, loc)?;
    Ok(packing.unpack_like(init, &x))
}
