//! Programs built from the bodies of a region, for its rules.

use super::super::Transforms;
use super::activity::{positions, reached};
use super::{Body, apply_forward_rules};
use crate::graph::{Graph, ValueId};

/// `body` with its inputs in another order: input `k` of the result is input `order[k]` of `body`.
pub(super) fn reordered(body: &Graph, order: &[usize], outputs: &[usize]) -> Graph {
    let inputs: Vec<ValueId> = order.iter().map(|&k| body.inputs()[k]).collect();
    let outputs: Vec<ValueId> = outputs.iter().map(|&k| body.outputs()[k]).collect();
    body.extract(&inputs, &outputs)
}

/// The program from the inputs of `body` and the tangents of the marked inputs
/// to the tangents of the marked outputs (floats).
pub(super) fn pushed_forward(
    transforms: &mut dyn Transforms,
    body: &Graph,
    active: &[bool],
    outputs: &[bool],
) -> Graph {
    let mut g = body.clone();
    let mut inputs = body.inputs().to_vec();
    let mut pairs = Vec::new();
    for k in positions(active) {
        let x = body.inputs()[k];
        let t = g.input_like(body, x);
        pairs.push((x, t));
        inputs.push(t);
    }
    let wanted: Vec<ValueId> = positions(outputs)
        .into_iter()
        .map(|k| body.outputs()[k])
        .collect();
    let tangents = transforms.jvp(&mut g, &wanted, &pairs);
    let mut tangents: Vec<ValueId> = tangents
        .into_iter()
        .zip(&wanted)
        .map(|(t, &y)| t.unwrap_or_else(|| g.constant_like(0.0, y)))
        .collect();
    let g = apply_forward_rules(g, body.len(), active, &mut [&mut inputs, &mut tangents]);
    g.extract(&inputs, &tangents)
}

/// The program from operands and tangents to the tangents of the outputs that can have one.
/// Also returns marks for these outputs.
pub(super) fn tangent_program(
    transforms: &mut dyn Transforms,
    body: &Graph,
    tangents: &[Option<ValueId>],
) -> (Graph, Vec<bool>) {
    let active: Vec<bool> = tangents.iter().map(Option::is_some).collect();
    let outputs = reached(body, &active);
    let program = pushed_forward(transforms, body, &active, &outputs);
    (program, outputs)
}

/// Operands followed by the existing tangents, in the form for a [tangent program](tangent_program).
pub(super) fn with_tangents(operands: &[ValueId], tangents: &[Option<ValueId>]) -> Vec<ValueId> {
    let tangents = tangents.iter().flatten();
    operands.iter().chain(tangents).copied().collect()
}

/// `body` on rows: marked inputs have the new axis, and so have marked outputs.
/// Other outputs must not depend on inputs with the axis.
pub(super) fn batched_to(
    transforms: &mut dyn Transforms,
    body: &Graph,
    n: usize,
    inputs: &[bool],
    outputs: &[bool],
) -> Graph {
    let (mut g, with_axis) = transforms.batch(body, n, inputs);
    let results = g.outputs().to_vec();
    let results = results.into_iter().enumerate().map(|(k, y)| {
        debug_assert!(outputs[k] || !with_axis[k]);
        if outputs[k] && !with_axis[k] {
            g.repeat_front(y, n)
        } else {
            y
        }
    });
    let results = results.collect();
    g.set_outputs(results);
    g
}

/// `body` on rows, with the new axis on all results. A rule must know which of its arguments have the axis.
pub(super) fn batched_whole(
    transforms: &mut dyn Transforms,
    body: &Body,
    n: usize,
    inputs: &[bool],
) -> Body {
    let all = vec![true; body.outputs().len()];
    batched_to(transforms, body, n, inputs, &all).into()
}
