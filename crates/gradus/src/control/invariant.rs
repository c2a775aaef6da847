//! What the steps of a loop compute from captured values alone.

use crate::trace::{self, Closed};
use gradus_ir::{Graph, NodeId, Op, Result};

/// The step, of `arguments` arguments, of a loop that makes at least one: what it computes from captured values alone is computed before the loop, and captured instead. That changes
/// no value, derivative or error, as the step would do it anyway; effects stay, and so do calls with a backward pass of the user's, which is run for each step.
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
    let (inputs, captured): (Vec<NodeId>, Vec<_>) = (rest.inputs()[arguments..].iter())
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

/// The values that follow from captured ones alone, and that something else uses.
fn invariants(step: &Graph, arguments: usize) -> Vec<NodeId> {
    let stays = |id: &NodeId| {
        let op = &step.node(*id).op;
        op.is_effect() || op.own_backward()
    };
    let mut sources: Vec<NodeId> = step.ids().filter(stays).collect();
    sources.extend(&step.inputs()[..arguments]);
    let varies = step.dependents_of(&sources);
    let live = step.live();
    let users = step
        .ids()
        .filter(|id| varies[id.index()] && live[id.index()]);
    let used = users.flat_map(|id| step.node(id).operands.iter());
    let mut found: Vec<NodeId> = used.chain(step.outputs()).copied().collect();
    found.retain(|id| {
        let op = &step.node(*id).op;
        !varies[id.index()] && !matches!(op, Op::Input(_) | Op::Const(_) | Op::Iota(_))
    });
    found.sort_unstable();
    found.dedup();
    found
}
