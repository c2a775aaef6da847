//! Shared by the rules of several kinds of call.

use super::super::super::{Batch, Jvp, Linearity, PerResult, Transpose};
use super::super::activity::{positions, spread};
use super::super::programs::{reordered, tangent_program, with_tangents};
use super::super::{Body, Call, Recompute, Recomputed, Region};
use crate::graph::{Graph, ValueId};
use crate::primitives::transforms::derived;
use crate::types::{Literal, Type};

/// The first operands, and the tangents of all other operands, with zeros for those that have none.
pub(super) fn with_tangents_or_zeros(cx: &mut Jvp<'_>, first: usize) -> Vec<ValueId> {
    let mut args = cx.operands[..first].to_vec();
    args.extend((first..cx.operands.len()).map(|k| cx.tangent_or_zero(k)));
    args
}

/// The tangents of a call that is linear in the operands after the first ones: the same call on their tangents.
/// `None` if they have none.
pub(super) fn same_on_tangents(cx: &mut Jvp<'_>, call: Call, first: usize) -> Vec<Option<ValueId>> {
    if cx.tangents[first..].iter().all(Option::is_none) {
        return vec![None; cx.results.len()];
    }
    let args = with_tangents_or_zeros(cx, first);
    let results = cx.graph.emit_region(Region::Call(call), &args);
    results.into_iter().map(Some).collect()
}

/// The tangents of the results of `body` along the tangents of the first operands,
/// in which the call is a function like any other.
pub(super) fn tangents_of_first(
    cx: &mut Jvp<'_>,
    body: &Graph,
    args: &[ValueId],
    first: usize,
) -> Vec<Option<ValueId>> {
    let mut tangents = cx.tangents[..first].to_vec();
    tangents.resize(args.len(), None);
    let (program, outputs) = tangent_program(cx.transforms, body, &tangents);
    let results = cx
        .graph
        .emit_inline(&program, &with_tangents(args, &tangents));
    spread(&outputs, results)
}

/// Adds tangents to the sums, if there are any.
pub(super) fn add(
    g: &mut Graph,
    sums: &mut [Option<ValueId>],
    more: impl IntoIterator<Item = Option<ValueId>>,
) {
    for (sum, t) in sums.iter_mut().zip(more) {
        *sum = match (*sum, t) {
            (Some(a), Some(b)) => Some(g.add_nodes(a, b)),
            (a, b) => a.or(b),
        };
    }
}

/// The first operands, and the cotangents of the results, with zeros of these types for those that have none.
pub(super) fn with_cotangents_or_zeros(
    cx: &mut Transpose<'_>,
    first: usize,
    types: &[Type],
) -> Vec<ValueId> {
    let mut args = cx.operands[..first].to_vec();
    args.extend(cx.cotangents.iter().zip(types).map(|(ct, ty)| {
        let zero = Literal::from_f64(ty.dtype, 0.0);
        ct.unwrap_or_else(|| cx.graph.constant(zero, &ty.shape))
    }));
    args
}

/// Passes cotangents to the operands after the first ones, in which the call is linear.
pub(super) fn give(cx: &mut Transpose<'_>, first: usize, cotangents: Vec<ValueId>) -> Linearity {
    for (k, ct) in cotangents.into_iter().enumerate() {
        if cx.linear[first + k] {
            cx.give(first + k, ct);
        }
    }
    Linearity::Linear
}

/// Transposes a call as the function of its body. The result is a recomputed call of this `kind`.
pub(super) fn transpose_body(cx: &mut Transpose<'_>, body: &Body, kind: Recomputed) -> Linearity {
    let fixed: Vec<usize> = (0..cx.operands.len()).filter(|&k| !cx.linear[k]).collect();
    let linear = positions(cx.linear);
    let given = (0..cx.cotangents.len()).filter(|&k| cx.cotangents[k].is_some());
    let given: Vec<usize> = given.collect();
    let asked = [&fixed[..], &linear, &given];
    let transposed = derived(cx.transforms, body, &asked, |transforms| {
        let order = [&fixed[..], &linear].concat();
        let program = reordered(body, &order, &given);
        transforms.transpose(&program, fixed.len(), 0).into()
    });
    let mut args: Vec<ValueId> = fixed.iter().map(|&k| cx.operands[k]).collect();
    args.extend(cx.cotangents.iter().flatten());
    let call = Call::Recompute(Recompute {
        kind,
        body: transposed,
    });
    let results = cx.graph.emit_region(Region::Call(call), &args);
    for (k, ct) in linear.into_iter().zip(results) {
        cx.give(k, ct);
    }
    Linearity::Linear
}

/// The operands of a call, with the new axis on all operands from `first` on.
pub(super) fn with_axis_from(cx: &mut Batch<'_>, first: usize) -> Vec<ValueId> {
    let mut args = cx.operands[..first].to_vec();
    args.extend((first..cx.operands.len()).map(|k| cx.with_axis(k)));
    args
}

/// Appends a call with the new axis on all results.
pub(super) fn emit_with_axis(
    g: &mut Graph,
    call: Call,
    args: &[ValueId],
) -> PerResult<(ValueId, bool)> {
    let results = g.emit_region(Region::Call(call), args);
    results.into_iter().map(|y| (y, true)).collect()
}
