//! Transforms: functions in, functions out. Each flattens its trees at the door and calls code that is not generic.

mod accumulate;
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
mod plan;
mod plan_hvp;
mod profile;
mod stated;
mod taps;
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
pub use plan::{JacobianBlocks, JacobianPlan, plan_hessian, plan_jacobian};
pub use plan_hvp::{HvpPlan, plan_hvp};
pub use profile::{
    Calibration, calibrate, machine_profile, measure_machine, profile_path, save_profile,
};
pub use stated::{UserCost, with_cost};
pub use taps::{TappedGradient, Taps, grad_with_taps, tap, with_taps};
pub use vjp::{linearize, vjp};
pub use vmap::{Axes, vmap, vmap_with};

#[doc(inline)]
pub use gradus_plan::{
    Accumulation, Analysis, Candidate, Cut, Derivative, Elimination, Estimate, Measured, Mode,
    Modes, NotBuilt, Objective, Order, Plan, PlanOptions, Profile, SearchLimits, SourceLines,
};

use crate::control::{or_stop, types, zeros};
use crate::tensor::Tensor;
use crate::trace::{self, Closed, Kind, Knowledge};
use crate::tree::{Structure, Tree, leaves, rebuild};
use gradus_ir::{Error, ErrorKind, Graph, Result};

/// The program that `f` is at `x`: its arguments are the tensors of `x`, followed by what `f` uses from outside.
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
            Knowledge::Types("trace"),
            &leaves,
            &mut |args| self::leaves(&f(&rebuild(x, args))),
        )?;
        Ok(closed.graph)
    })
}

/// The same values with derivative zero: what they were computed from gets no gradient through them.
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

/// Positions of the float leaves.
fn floats(leaves: &[Tensor]) -> Vec<usize> {
    (0..leaves.len())
        .filter(|&k| leaves[k].ty().dtype.has_derivatives())
        .collect()
}

/// Traces `f` at known values, which it may read.
pub(crate) fn close_at<A: Tree, B: Tree>(
    f: &impl Fn(&A) -> B,
    at: &A,
    leaves: &[Tensor],
) -> Result<(Closed, B)> {
    trace::close_tree(
        Kind::Function,
        &types(leaves),
        Knowledge::Values(leaves.to_vec()),
        at,
        f,
    )
}

/// How messages call the leaf at `path` of the argument.
pub(crate) fn argument_at(path: &str) -> String {
    if path.is_empty() {
        "the argument".to_string()
    } else {
        format!("leaf `{path}` of the argument")
    }
}

/// How messages go on about the leaf at `path` of a tree just named.
fn named(path: &str) -> String {
    if path.is_empty() {
        "it".to_string()
    } else {
        format!("leaf `{path}`")
    }
}

/// Checks that `got` has the structure of `wanted` and leaves of the same types.
fn check_like<A: Tree>(what: &str, wanted: &A, got: &A) -> Result<()> {
    let (s, t) = (Structure::record(wanted), Structure::record(got));
    if let Some(difference) = s.difference(&t) {
        return Err(Error::new(
            ErrorKind::Tree,
            format!("{what}: the trees differ: {difference}"),
        ));
    }
    let paths = crate::tree::paths(wanted);
    for (k, (w, g)) in leaves(wanted).iter().zip(leaves(got)).enumerate() {
        if w.ty().dtype.has_derivatives() && w.ty() != g.ty() {
            return Err(Error::new(
                ErrorKind::Tree,
                format!(
                    "{what}: {} must be {}, got {}",
                    named(&paths[k]),
                    w.ty(),
                    g.ty()
                ),
            ));
        }
    }
    Ok(())
}
