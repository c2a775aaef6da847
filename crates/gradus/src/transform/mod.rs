//! Transforms: functions in, functions out. Each flattens its trees at the door and calls code that is not generic.

mod accumulate;
mod cheapest;
mod check;
mod cotangent;
pub(crate) mod custom;
pub(crate) mod grad;
mod hvp;
mod jacobian;
mod jit;
mod jvp;
mod losses;
mod parts;
pub(crate) mod plan;
mod plan_at;
pub(crate) mod plan_hvp;
pub(crate) mod profile;
mod programs;
mod taps;
mod user_cost;
mod vjp;
mod vmap;

pub use accumulate::value_and_grad_accumulated;
pub use check::{CheckOptions, check_grads, check_grads_with};
pub use cotangent::{straight_through, with_cotangent};
pub use custom::{custom_jvp, custom_vjp, linear_call};
pub use grad::{grad, value_and_grad, value_and_grad_aux};
pub use hvp::{HvpOrder, hvp, hvp_with};
pub use jacobian::{Blocks, hessian, hessian_tree, jacfwd, jacobian, jacobian_tree, jacrev};
pub use jit::{Jit, jit};
pub use jvp::jvp;
pub use losses::value_and_grads;
pub use parts::{freeze, grad_wrt, value_and_grad_wrt};
pub use taps::{TappedGradient, Taps, grad_with_taps, tap, with_taps};
pub use user_cost::{UserCost, with_cost};
pub use vjp::{linearize, vjp};
pub use vmap::{Axes, vmap, vmap_with};

use crate::function::types;
use crate::tensor::Tensor;
use crate::trace::{self, Arguments, Kind};
use crate::tree::{Tree, leaves, rebuild};
use gradus_ir::{Graph, Result};

/// The program of `f` at `x`: its inputs are the tensors of `x`, followed by the values that `f` captures.
///
/// ```
/// use gradus::prelude::*;
/// let graph = trace(|x: &Tensor| (x.sin() * x).sum(), &Tensor::from([1.0, 2.0]))?;
/// assert_eq!(
///     graph.to_string(),
///     "graph(%0: f64[2]) {\n  %1: f64[2] = sin %0\n  %2: f64[2] = mul %0, %1\n  %3: f64[] = reduce_sum{axes=[0]} %2\n  return %3\n}\n"
/// );
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// Mistakes in `f`: shapes that do not fit, values read while tracing.
#[doc(alias = "make_jaxpr")]
#[track_caller]
pub fn trace<A: Tree, B: Tree>(f: impl Fn(&A) -> B, x: &A) -> Result<Graph> {
    let leaves = leaves(x);
    trace::boundary(|| {
        let types = types(&leaves);
        let closed = trace::close(
            Kind::Function,
            &types,
            Arguments::Abstract("trace"),
            &leaves,
            &mut |args| self::leaves(&f(&rebuild(x, args))),
        )?;
        Ok(closed.graph)
    })
}

/// The same values with derivative zero: no gradient passes through them.
///
/// ```
/// use gradus::prelude::*;
/// let g = grad(|x: &Tensor| (x * stop_gradient(x)).sum());
/// assert_eq!(g(&Tensor::from([3.0])).to_vec::<f64>()?, [3.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
#[doc(alias = "detach")]
pub fn stop_gradient<A: Tree>(x: &A) -> A {
    let stopped = leaves(x).iter().map(Tensor::stop_gradient).collect();
    rebuild(x, stopped)
}
