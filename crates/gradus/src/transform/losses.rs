//! Several losses at once.

use super::grad::{check_inputs, is_loss};
use crate::function::{argument_at, close_at, or_stop, zeros};
use crate::tensor::Tensor;
use crate::trace;
use crate::tree::{Tree, leaves, paths, rebuild};
use gradus_ir::{Error, ErrorKind, Loc, Result};

/// The values of several losses and the gradient of each: `f` returns a tree of float scalars,
/// and the gradients come in the order of its tensors.
///
/// `f` runs once, and so do the shared parts of the backward passes.
/// A part that a loss does not depend on costs it nothing.
/// This is for gradients that are weighted against each other, as in multi-task learning.
/// For the gradient of a plain sum of losses, [`value_and_grad`](crate::value_and_grad) is cheaper.
///
/// ```
/// use gradus::prelude::*;
/// let f = |x: &Tensor| (x.square().sum(), x.at(0).sin());
/// let ((squares, sine), slopes) = value_and_grads(f)(&Tensor::from([0.0, 2.0]));
/// assert_eq!((squares.item::<f64>()?, sine.item::<f64>()?), (4.0, 0.0));
/// assert_eq!(slopes[0].to_vec::<f64>()?, [0.0, 4.0]);
/// assert_eq!(slopes[1].to_vec::<f64>()?, [1.0, 0.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// When called, if a loss is not a float scalar, or the argument holds a tensor that is not a float.
#[track_caller]
pub fn value_and_grads<A: Tree, B: Tree>(f: impl Fn(&A) -> B) -> impl Fn(&A) -> (B, Vec<A>) {
    let loc = Loc::caller();
    move |at| {
        or_stop(
            run(&f, at),
            loc,
            || leaves(at),
            || {
                let values = f(at);
                let zero = |ts: &[Tensor]| ts.iter().map(|t| zeros(t.ty())).collect::<Vec<_>>();
                let (losses, inputs) = (leaves(&values), leaves(at));
                let slopes = losses.iter().map(|_| rebuild(at, zero(&inputs))).collect();
                (rebuild(&values, zero(&losses)), slopes)
            },
        )
    }
}

fn run<A: Tree, B: Tree>(f: &impl Fn(&A) -> B, at: &A) -> Result<(B, Vec<A>)> {
    let inputs = leaves(at);
    check_inputs("value_and_grads", at, &inputs)?;
    let (closed, values) = close_at(f, at, &inputs)?;
    for (t, path) in leaves(&values).iter().zip(paths(&values)) {
        if !is_loss(t.ty()) {
            let which = argument_at(&path).replace("argument", "result");
            return Err(Error::new(
                ErrorKind::Derivative,
                format!(
                    "value_and_grads: each loss must be one floating-point number, and {which} is {}; reduce it, for example with `sum`",
                    t.ty()
                ),
            ));
        }
    }
    let count = closed.graph.outputs().len();
    let wrt: Vec<usize> = (0..inputs.len()).collect();
    let program = gradus_ad::gradients(&closed.graph, count, &wrt);
    let mut results = trace::apply(&program, closed.arguments(inputs.clone()))?;
    let mut slopes = results.split_off(count).into_iter();
    let slopes = (0..count).map(|_| rebuild(at, slopes.by_ref().take(inputs.len()).collect()));
    let slopes = slopes.collect();
    Ok((rebuild(&values, results), slopes))
}
