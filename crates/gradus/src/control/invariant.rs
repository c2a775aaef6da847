//! Computations of a loop's steps that use captured values alone.

use crate::trace::{self, Closed};
use gradus_ir::primitives::Backward;
use gradus_ir::{Graph, Node, Op, Result, ValueId};

/// Moves computations out of the step of a loop that makes at least one: the step has `arguments` arguments,
/// and everything that it computes from captured values alone is computed before the loop and captured instead.
/// That changes no value, derivative or error, because the step would compute it anyway.
/// Effects stay in the step, and so do calls with a user's backward pass, which runs for each step.
pub(super) fn before_steps(step: Closed, arguments: usize) -> Result<Closed> {
    let found = invariants(&step.graph, arguments);
    if found.is_empty() {
        return Ok(step);
    }
    let (own, outside) = step.graph.inputs().split_at(arguments);
    let before = step.graph.extract(outside, &found);
    let values = trace::apply(&before, step.captured.clone())?;
    let inputs = [own, outside, &found].concat();
    let rest = step.graph.program(&inputs, step.graph.outputs());
    let live = rest.live();
    let captured = step.captured.into_iter().chain(values);
    let (inputs, captured): (Vec<ValueId>, Vec<_>) = (rest.inputs()[arguments..].iter())
        .zip(captured)
        .filter(|(input, _)| live[input.index()])
        .unzip();
    let inputs = [&rest.inputs()[..arguments], &inputs].concat();
    Ok(Closed {
        graph: rest.program(&inputs, rest.outputs()),
        captured,
        observers: step.observers,
    })
}

/// The values that follow from captured ones alone, and that other operations of the step use.
fn invariants(step: &Graph, arguments: usize) -> Vec<ValueId> {
    let stays = |node: &&Node| node.op.is_effect() || node.op.backward() > Backward::Derived;
    let staying = step.nodes().iter().filter(stays);
    let mut sources: Vec<ValueId> = staying.flat_map(Node::results).collect();
    sources.extend(&step.inputs()[..arguments]);
    let varies = step.dependents_of(&sources);
    let live = step.live();
    // An effect counts as varying, even if it has no results.
    let users = step
        .nodes()
        .iter()
        .filter(|node| node.runs(&live) && (node.op.is_effect() || node.has_marked(&varies)));
    let used = users.flat_map(|node| node.operands.iter());
    let mut found: Vec<ValueId> = used.chain(step.outputs()).copied().collect();
    found.retain(|id| {
        let op = &step.maker(*id).op;
        !varies[id.index()] && !matches!(op, Op::Input(_) | Op::Const(_) | Op::Iota(_))
    });
    found.sort_unstable();
    found.dedup();
    found
}
