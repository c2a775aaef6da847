//! Points at which a function is smallest.

use super::root::root_of;
use super::vector::{Packing, norm};
use super::{LinearSolver, require};
use crate::control::{or_stop, while_loop};
use crate::tensor::Tensor;
use crate::trace::on_behalf_of;
use crate::transform::grad::differentiate;
use crate::transform::jvp;
use crate::tree::{Tree, leaves, zeros_like};
use gradus_ir::{Loc, Result};

/// How [`argmin`] looks.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Argmin {
    /// The norm of the gradient that is small enough, relative to one more than that at `init`. `None`: 1e-10 for f64, 1e-5 for f32.
    pub tolerance: Option<f64>,
    /// The most steps. `None`: 100.
    pub max_steps: Option<usize>,
    /// How the system of the derivative is solved; the matrix is the Hessian at the minimum.
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

/// The local minimum of `objective` that is found from `init` on: `x` at which its gradient is zero.
///
/// Newton's method with products of the Hessian alone: conjugate gradients up to a direction of negative curvature, then as far along it as the objective becomes
/// smaller (Nocedal and Wright, "Numerical Optimization", algorithm 7.1). Differentiated as the root of the gradient, with respect to what `objective` uses from outside.
///
/// For another solver, use [`custom_root`](crate::solve::custom_root) with the [`grad`](crate::grad) of the objective.
///
/// ```
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
/// If `objective` does not return one float, or a leaf of `init` is no float. Where the gradient does not become as small as the tolerance wants, running it is an error of kind
/// [`Convergence`](crate::ErrorKind::Convergence).
#[track_caller]
pub fn argmin<X: Tree>(objective: impl Fn(&X) -> Tensor, init: &X, options: Argmin) -> X {
    let loc = Loc::caller();
    let slope = |x: &X| differentiate("argmin", &|x: &X| (objective(x), ()), x, loc).1;
    let solve = |slope: &dyn Fn(&X) -> X, init: &X| descend(&objective, slope, init, options, loc);
    let result = root_of("argmin", &slope, init, &solve, options.linear, loc);
    or_stop(result, loc, || zeros_like(init))
}

fn descend<X: Tree>(
    objective: &dyn Fn(&X) -> Tensor,
    slope: &dyn Fn(&X) -> X,
    init: &X,
    options: Argmin,
    loc: Loc,
) -> Result<X> {
    /// The part of the decrease promised by the slope that is asked for.
    const DECREASE: f64 = 1e-4;
    /// The shortest part of a step that is tried is two to the minus this.
    const HALVINGS: i64 = 30;
    type State = (Tensor, Tensor, Tensor);
    let packing = Packing::of(&leaves(init));
    let value = |x: &Tensor| objective(&packing.unpack_like(init, x));
    on_behalf_of(loc, || {
        let at = |x: &Tensor| packing.pack_tree(&slope(&packing.unpack_like(init, x)));
        let begin = packing.pack_tree(init);
        let first = at(&begin);
        let limit = (norm(&first) + 1.0) * packing.tolerance(options.tolerance);
        let most = options.max_steps.unwrap_or(100);
        // What the objective may seem to grow by rounding.
        let rounding = packing.tolerance(None) * 1e-3;
        let (x, g, steps) = while_loop(
            |(_, g, k): &State| norm(g).greater(&limit) & k.less(most as i64),
            |(x, g, k): &State| {
                let p = direction(&|v| jvp(at, x, v).1, g, packing.len());
                let (here, promised) = (value(x).astype(g.dtype()), g.dot(&p));
                let enough = |t: &Tensor| {
                    let there = value(&(x + t * &p)).astype(g.dtype());
                    there.less_equal(&here + t * &promised * DECREASE + here.abs() * rounding)
                };
                let whole = Tensor::ones(&[], g.dtype());
                let (t, halvings) = while_loop(
                    |(t, k): &(Tensor, Tensor)| !enough(t) & k.less(HALVINGS),
                    |(t, k): &(Tensor, Tensor)| (t * 0.5, k + 1),
                    &(whole, Tensor::from(0i64)),
                );
                // Without a part that helps it stays where it is, and the check in the end says so.
                let t = halvings.less(HALVINGS).where_(&t, &t.zeros_like());
                let next = x + t * p;
                let g = at(&next);
                (next, g, k + 1)
            },
            &(begin, first, Tensor::from(0i64)),
        );
        let size = norm(&g);
        let message = "argmin: no convergence in {} steps: the norm of the gradient is {}, and should be at most {}; begin nearer to the minimum, or allow more `max_steps` or a larger \
                       `tolerance`";
        let reported = [&steps, &size, &limit];
        let x = require(size.less_equal(&limit), message, &reported, x, loc)?;
        Ok(packing.unpack_like(init, &x))
    })
}

/// Conjugate gradients for `H·p = -g`, ended by a residual that is small beside `g` or by a direction in which `H` is not positive; downhill in any case.
fn direction(hessian: &dyn Fn(&Tensor) -> Tensor, g: &Tensor, unknowns: usize) -> Tensor {
    // p; the residual, the direction; whether to go on, the step.
    type State = (Tensor, (Tensor, Tensor), (Tensor, Tensor));
    let size = norm(g);
    let enough = &size * size.sqrt().minimum(0.5);
    let most = (10 * unknowns).max(100) as i64;
    let (p, _, _) = while_loop(
        |(_, (r, _), (on, k)): &State| on & norm(r).greater(&enough) & k.less(most),
        |(p, (r, d), (_, k)): &State| {
            let h = hessian(d);
            let curvature = d.dot(&h);
            let on = curvature.greater(0.0);
            let rho = r.dot(r);
            let alpha = &rho / on.where_(&curvature, &curvature.ones_like());
            let next = r - &alpha * h;
            let beta = next.dot(&next) / rho;
            // The first direction is downhill whatever the curvature.
            let otherwise = k.equal(0i64).where_(d, p);
            let p = on.where_(&(p + alpha * d), &otherwise);
            let d = &next + beta * d;
            (p, (next, d), (on, k + 1))
        },
        &(
            g.zeros_like(),
            (-g, -g),
            (Tensor::from(true), Tensor::from(0i64)),
        ),
    );
    p
}
