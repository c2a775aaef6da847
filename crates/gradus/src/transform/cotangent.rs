//! Changes cotangents in the backward pass, and gives values another derivative than their own.

use super::custom::{Outside, with_tangent};
use crate::function::{apply_region, changed, check_same, close, floats, or_stop, types};
use crate::tree::{Tree, leaves, rebuild};
use gradus_ir::primitives::region::CotangentHook;
use gradus_ir::primitives::{Call, Region};
use gradus_ir::{Graph, Literal, Loc, ValueId};

/// Returns `x`, and replaces its cotangent by `f` of the cotangent:
/// reverse mode can scale, clip, reverse or inspect it.
///
/// `f` gets the sum of the cotangents from all uses of the returned value, and returns the cotangent of `x`:
/// a tree like `x`, with zeros for tensors that are not floats.
/// It need not be linear, and is itself differentiated in derivatives of derivatives.
/// Each backward pass through the value goes through `f`,
/// including the one of a second derivative, as with PyTorch's hooks. Values and forward mode ignore it.
/// Planned derivatives ([`jacobian`](crate::jacobian), and [`hessian`](crate::hessian) as the Jacobian of the
/// gradient) therefore depend on the chosen mode; name the mode there ([`jacrev`](crate::jacrev)).
/// Orders that mix both modes are left out.
///
/// Under [`vmap`](crate::vmap) `f` gets the cotangent of each row by itself.
/// A value that is the same for all rows has one cotangent, the sum over the rows;
/// for one cotangent per row use `vmap(grad(…))`.
/// In a branch or step that only some rows run, each of these rows has its own.
/// If there is no cotangent, `f` is not called.
///
/// Two calls on one value are separate: each calls `f` once,
/// with its own cotangent, and so does each step of a loop.
///
/// ```
/// use gradus::optim::clip_by_norm;
/// use gradus::prelude::*;
/// let x = Tensor::from([3.0, 4.0]);
/// // The gradient reversed (Ganin and Lempitsky, "Unsupervised domain adaptation by backpropagation", ICML 2015).
/// let reversed = grad(|x: &Tensor| with_cotangent(x, |g| -g).square().sum());
/// assert_eq!(reversed(&x).to_vec::<f64>()?, [-6.0, -8.0]);
/// // Clipped.
/// let clipped = grad(|x: &Tensor| with_cotangent(x, |g| clip_by_norm(g, 1.0).0).square().sum());
/// assert_eq!(clipped(&x).to_vec::<f64>()?, [0.6000000000000001, 0.8]);
/// // Unchanged: `f` may read it and return it.
/// let seen = grad(|x: &Tensor| with_cotangent(x, |g| g.clone()).square().sum());
/// assert_eq!(seen(&x).to_vec::<f64>()?, [6.0, 8.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If `f` changes the structure or the types of its argument.
#[doc(alias = "register_hook")]
#[doc(alias = "backward_hook")]
#[track_caller]
pub fn with_cotangent<A: Tree>(x: &A, f: impl Fn(&A) -> A) -> A {
    let loc = Loc::caller();
    let run = || {
        let mut inputs = leaves(x);
        let (closed, returned) = close("with_cotangent", x, &types(&inputs), &f)?;
        check_same(
            "with_cotangent: the function changes the type of the cotangent",
            x,
            &returned,
            changed,
        )?;
        let through = floats(&inputs);
        let residuals = closed.captured.len();
        let mut backward = Graph::new();
        let captured: Vec<ValueId> = types(&closed.captured)
            .into_iter()
            .map(|ty| backward.input(ty))
            .collect();
        let mut args: Vec<ValueId> = Vec::new();
        for t in &inputs {
            args.push(if t.ty().dtype.has_derivatives() {
                backward.input(t.ty().clone())
            } else {
                let zero = Literal::from_f64(t.ty().dtype, 0.0);
                backward.constant(zero, &t.ty().shape)
            });
        }
        args.extend(captured);
        let results = backward.inline(&closed.graph, &args)?;
        backward.set_outputs(through.iter().map(|&k| results[k]).collect());
        let mut operands = closed.captured;
        operands.extend(through.iter().map(|&k| inputs[k].clone()));
        let region = Region::Call(Call::Hook(CotangentHook {
            backward: backward.into(),
            residuals,
        }));
        for (&k, y) in through.iter().zip(apply_region(region, operands, loc)?) {
            inputs[k] = y;
        }
        Ok(rebuild(x, inputs))
    };
    or_stop(run(), loc, || leaves(x), || rebuild(x, leaves(x)))
}

/// `f` with the derivative of the identity: its values do not change,
/// and tangents and cotangents pass as if `f` were the identity.
///
/// This is the straight-through estimator, for functions that are flat or have jumps, such as rounding (Bengio,
/// Léonard and Courville, "Estimating or propagating gradients through stochastic
/// neurons for conditional computation", 2013). `f` returns a tree like its argument.
/// Values that it captures get no derivative through it.
///
/// ```
/// use gradus::prelude::*;
/// let rounded = straight_through(|x: &Tensor| x.round());
/// let f = |x: &Tensor| (rounded(x) * x).sum();
/// let x = Tensor::from([1.4, 2.6]);
/// assert_eq!(rounded(&x).to_vec::<f64>()?, [1.0, 3.0]);
/// assert_eq!(grad(f)(&x).to_vec::<f64>()?, [1.0 + 1.4, 3.0 + 2.6]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// When called, if `f` changes the structure or the types of its argument.
#[doc(alias = "straight_through_estimator")]
#[track_caller]
pub fn straight_through<A: Tree>(f: impl Fn(&A) -> A) -> impl Fn(&A) -> A {
    let loc = Loc::caller();
    move |x| {
        let f = |x: &A| {
            let y = f(x);
            let what = "straight_through: the function changes the type of its argument";
            let checked = check_same(what, x, &y, changed).map(|()| y);
            or_stop(checked, loc, || leaves(x), || rebuild(x, leaves(x)))
        };
        let rule = |_: &A, _: &A, tangent: &A| rebuild(tangent, leaves(tangent));
        let result = with_tangent("straight_through", x, &f, &rule, Outside::Zero, loc);
        or_stop(result, loc, || leaves(x), || rebuild(x, leaves(x)))
    }
}
