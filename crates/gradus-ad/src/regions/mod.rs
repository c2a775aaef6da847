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
use gradus_ir::{Graph, Node, Op, Type, ValueId};

/// Appends the tangents of the results of the region `node`, given those of its operands.
pub(crate) fn jvp(
    g: &mut Graph,
    node: &Node,
    tangents: &[Option<ValueId>],
) -> Vec<Option<ValueId>> {
    let operands = &node.operands;
    match region(node) {
        Region::Loop(r) => loops::jvp(g, r, operands, tangents),
        Region::Switch(r) => switch::jvp(g, r, operands, tangents),
        Region::Call(r) => call::jvp(g, node, r, tangents),
        Region::Check(r) => tangents[1 + r.reported..].to_vec(),
    }
}

/// Appends the cotangents of the operands in which the region `node` is linear, given those of its results: operand and cotangent.
pub(crate) fn transpose(
    g: &mut Graph,
    node: &Node,
    linear: &[bool],
    cotangents: &[Option<ValueId>],
) -> Vec<(usize, ValueId)> {
    let operands = &node.operands;
    match region(node) {
        Region::Loop(r) => loops::transpose(g, r, operands, linear, cotangents),
        Region::Switch(r) => switch::transpose(g, r, operands, linear, cotangents),
        Region::Call(r) => call::transpose(g, r, operands, linear, cotangents),
        Region::Check(r) => check::transpose(r, linear, cotangents),
    }
}

/// Appends a region on operands of which the marked ones have a new leading axis of size `n`; its results, and which of them have it.
pub fn batch(
    g: &mut Graph,
    region: &Region,
    operands: &[ValueId],
    batched: &[bool],
    n: usize,
) -> Vec<(ValueId, bool)> {
    match region {
        Region::Loop(r) => loops::batch(g, r, operands, batched, n),
        Region::Switch(r) => switch::batch(g, r, operands, batched, n),
        Region::Call(r) => call::batch(g, r, operands, batched, n),
        Region::Check(r) => check::batch(g, r, operands, batched, n),
    }
}

fn region(node: &Node) -> &Region {
    match node.region() {
        Some(region) => region,
        None => unreachable!("`{}` is no region", node.op.name()),
    }
}

/// For each output of `body`, whether a derivative can reach it from the inputs marked.
fn reached(body: &Graph, marked: &[bool]) -> Vec<bool> {
    let active = active_nodes(body, marked);
    body.outputs().iter().map(|o| active[o.index()]).collect()
}

/// For each value of `body`, whether a derivative can reach it from the inputs marked; further inputs are not.
pub(crate) fn active_nodes(body: &Graph, marked: &[bool]) -> Vec<bool> {
    let mut active = vec![false; body.len()];
    for node in body.nodes() {
        let reached = match node.op {
            Op::Input(i) => marked.get(i as usize) == Some(&true),
            Op::Unary(Unary::StopGradient) => false,
            _ => node.operands.iter().any(|o| active[o.index()]),
        };
        for (v, ty) in node.results().zip(node.types()) {
            active[v.index()] = reached && ty.dtype.is_float();
        }
    }
    active
}

/// Positions that are marked.
fn positions(marked: &[bool]) -> Vec<usize> {
    (0..marked.len()).filter(|&k| marked[k]).collect()
}

/// Appends what `body` computes from `args`.
pub(crate) fn inline(g: &mut Graph, body: &Graph, args: &[ValueId]) -> Vec<ValueId> {
    match g.inline(body, args) {
        Ok(outputs) => outputs,
        Err(e) => panic!("a rule calls a body wrongly: {e}"),
    }
}

/// `body` with its inputs in another order: input `k` of the result is input `order[k]` of `body`.
fn reordered(body: &Graph, order: &[usize], outputs: &[usize]) -> Graph {
    let inputs: Vec<ValueId> = order.iter().map(|&k| body.inputs()[k]).collect();
    let outputs: Vec<ValueId> = outputs.iter().map(|&k| body.outputs()[k]).collect();
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
    let wanted: Vec<ValueId> = positions(outputs)
        .into_iter()
        .map(|k| body.outputs()[k])
        .collect();
    let tangents = crate::jvp(&mut g, &wanted, &pairs);
    let mut tangents: Vec<ValueId> = tangents
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
pub(crate) fn add_lists(g: &mut Graph, a: ValueId, b: ValueId) -> ValueId {
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
fn length(g: &mut Graph, id: ValueId) -> ValueId {
    let maker = g.maker(id);
    match region(maker) {
        Region::Loop(r) if r.trips == Trips::Counted => maker.operands[0],
        // With a condition: the last result says how many steps there were.
        Region::Loop(_) => maker
            .results()
            .next_back()
            .expect("a loop that makes lists has results"),
        _ => unreachable!("only loops make lists"),
    }
}
