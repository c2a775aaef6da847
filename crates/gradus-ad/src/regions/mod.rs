//! The rules of regions: each is the transform itself, applied to the programs that the region holds.

mod call;
mod check;
mod guard;
mod known;
mod loops;
mod packing;
mod rows;
mod switch;

pub(crate) use known::Scope;
pub(crate) use loops::active_inputs;

use crate::way_back::settled;
use gradus_ir::primitives::{Loop, Region, Trips, Unary};
use gradus_ir::{Graph, NodeId, Op, Type};

/// Appends the tangents of the results of the region `id`, given those of its operands.
pub(crate) fn jvp(g: &mut Graph, id: NodeId, tangents: &[Option<NodeId>]) -> Vec<Option<NodeId>> {
    let (region, operands) = parts(g, id);
    match &*region {
        Region::Loop(r) => loops::jvp(g, r, &operands, tangents),
        Region::Switch(r) => switch::jvp(g, r, &operands, tangents),
        Region::Call(r) => call::jvp(g, id, r, &operands, tangents),
        Region::Check(r) => tangents[1 + r.reported..].to_vec(),
    }
}

/// Appends the cotangents of the operands in which the region `id` is linear, given those of its results: operand and cotangent.
pub(crate) fn transpose(
    g: &mut Graph,
    id: NodeId,
    linear: &[bool],
    cotangents: &[Option<NodeId>],
) -> Vec<(usize, NodeId)> {
    let (region, operands) = parts(g, id);
    match &*region {
        Region::Loop(r) => loops::transpose(g, r, &operands, linear, cotangents),
        Region::Switch(r) => switch::transpose(g, r, &operands, linear, cotangents),
        Region::Call(r) => call::transpose(g, r, &operands, linear, cotangents),
        Region::Check(r) => check::transpose(r, linear, cotangents),
    }
}

/// Appends a region on operands of which the marked ones have a new leading axis of size `n`; its results, and which of them have it.
pub fn batch(
    g: &mut Graph,
    region: &Region,
    operands: &[NodeId],
    batched: &[bool],
    n: usize,
) -> Vec<(NodeId, bool)> {
    match region {
        Region::Loop(r) => loops::batch(g, r, operands, batched, n),
        Region::Switch(r) => switch::batch(g, r, operands, batched, n),
        Region::Call(r) => call::batch(g, r, operands, batched, n),
        Region::Check(r) => check::batch(g, r, operands, batched, n),
    }
}

fn parts(g: &Graph, id: NodeId) -> (std::sync::Arc<Region>, Vec<NodeId>) {
    match g.region(id) {
        Some(region) => (region.clone(), g.node(id).operands.to_vec()),
        None => unreachable!("{id:?} is no region"),
    }
}

/// For each output of `body`, whether a derivative can reach it from the inputs marked.
fn reached(body: &Graph, marked: &[bool]) -> Vec<bool> {
    let active = active_nodes(body, marked);
    body.outputs().iter().map(|o| active[o.index()]).collect()
}

/// For each node of `body`, whether a derivative can reach it from the inputs marked; further inputs are not.
pub(crate) fn active_nodes(body: &Graph, marked: &[bool]) -> Vec<bool> {
    let mut active = vec![false; body.len()];
    for (k, node) in body.nodes().iter().enumerate() {
        let carries = node.ty.dtype.is_float() || matches!(node.op, Op::Region(_));
        active[k] = match node.op {
            Op::Input(i) => marked.get(i as usize) == Some(&true) && carries,
            Op::Unary(Unary::StopGradient) => false,
            _ => carries && node.operands.iter().any(|o| active[o.index()]),
        };
    }
    active
}

/// Positions that are marked.
fn positions(marked: &[bool]) -> Vec<usize> {
    (0..marked.len()).filter(|&k| marked[k]).collect()
}

/// Appends what `body` computes from `args`.
pub(crate) fn inline(g: &mut Graph, body: &Graph, args: &[NodeId]) -> Vec<NodeId> {
    match g.inline(body, args) {
        Ok(outputs) => outputs,
        Err(e) => panic!("a rule calls a body wrongly: {e}"),
    }
}

/// `body` with its inputs in another order: input `k` of the result is input `order[k]` of `body`.
fn reordered(body: &Graph, order: &[usize], outputs: &[usize]) -> Graph {
    let inputs: Vec<NodeId> = order.iter().map(|&k| body.inputs()[k]).collect();
    let outputs: Vec<NodeId> = outputs.iter().map(|&k| body.outputs()[k]).collect();
    body.extract(&inputs, &outputs)
}

/// The program from the inputs of `body` and then the tangents of those marked to the tangents of the outputs marked (floats).
fn pushed(body: &Graph, active: &[bool], outputs: &[bool]) -> Graph {
    let mut g = body.clone();
    let mut inputs = body.inputs().to_vec();
    let mut pairs = Vec::new();
    for k in positions(active) {
        let x = body.inputs()[k];
        let t = g.input_like(body, x);
        pairs.push((x, t));
        inputs.push(t);
    }
    let wanted: Vec<NodeId> = positions(outputs)
        .into_iter()
        .map(|k| body.outputs()[k])
        .collect();
    let tangents = crate::jvp(&mut g, &wanted, &pairs);
    let mut tangents: Vec<NodeId> = tangents
        .into_iter()
        .zip(&wanted)
        .map(|(t, &y)| t.unwrap_or_else(|| g.constant_like(0.0, y)))
        .collect();
    let g = settled(g, body.len(), active, &mut [&mut inputs, &mut tangents]);
    g.extract(&inputs, &tangents)
}

/// `body` on rows: inputs marked have the new axis, and so have the outputs marked; others must not depend on what has it.
fn batched_to(body: &Graph, n: usize, inputs: &[bool], outputs: &[bool]) -> Graph {
    let (mut g, with_axis) = crate::batch(body, n, inputs);
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

/// The sum of two lists, step by step.
pub(crate) fn add_lists(g: &mut Graph, a: NodeId, b: NodeId) -> NodeId {
    let item = g.ty(a).item();
    let mut body = Graph::new();
    body.input(Type::scalar(gradus_ir::DType::I64));
    let (x, y) = (body.input(item.clone()), body.input(item));
    let sum = body.add_nodes(x, y);
    body.set_outputs(vec![sum]);
    let count = length(g, a);
    let region = Region::Loop(Loop {
        trips: Trips::Counted,
        reverse: false,
        consts: 0,
        carries: 0,
        body: body.into(),
    });
    g.emit_region(region, &[count, a, b])[0]
}

/// The number of steps that the list `id` has.
fn length(g: &mut Graph, id: NodeId) -> NodeId {
    let maker = g.node(id).operands[0];
    let (region, operands) = parts(g, maker);
    match &*region {
        Region::Loop(r) if r.trips == Trips::Counted => operands[0],
        Region::Loop(r) => count_of(g, maker, r),
        _ => unreachable!("only loops make lists"),
    }
}

/// The result of a loop with a condition that says how many steps it made.
fn count_of(g: &mut Graph, id: NodeId, r: &Loop) -> NodeId {
    let index = (r.carries + r.kept()) as u32;
    let ty = Type::scalar(gradus_ir::DType::I64);
    g.emit(Op::Result { index, ty }, &[id])
}
