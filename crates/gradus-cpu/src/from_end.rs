//! Gathers whose indices count from the end if they are negative.
//!
//! For an axis of size `n` such indices are `select(0 > i ≥ -n, i + n, i)`. The gather computes this itself, and reads
//! `i`: the indices do not pass through memory once more.

use gradus_ir::primitives::{Binary, Compare, Gather};
use gradus_ir::{Graph, Literal, NodeId, Op, ValueId};
use std::collections::HashMap;

/// What a gather computes itself.
#[derive(Clone, Debug)]
pub(crate) struct FromEnd {
    /// The indices that it reads.
    pub indices: ValueId,
    /// The values that it computes of them, in order.
    pub computed: [ValueId; 5],
}

/// The gathers that are the only users of indices that count from the end.
pub(crate) fn gathers_from_end(graph: &Graph, users: &[Vec<NodeId>]) -> HashMap<NodeId, FromEnd> {
    let is_output = graph.output_marks();
    let only = |value: ValueId, user: NodeId| {
        !is_output[value.index()] && users[value.index()].iter().all(|&u| u == user)
    };
    let mut found = HashMap::new();
    for (id, node) in graph.node_ids().zip(graph.nodes()) {
        let Op::Gather(Gather::Take { axis, .. } | Gather::ScatterAdd { axis, .. }) = node.op
        else {
            continue;
        };
        let chosen = node.operands[1];
        let other = [0, 2].map(|k| node.operands.get(k));
        let n = graph.shape(node.operands[0])[axis] as i64;
        let from_end = matched(graph, chosen, n)
            .filter(|_| only(chosen, id) && !other.contains(&Some(&chosen)))
            .filter(|f| {
                let [less, least, both, sum, _] = f.computed;
                let (choice, both_by) = (graph.maker_id(chosen), graph.maker_id(both));
                only(less, both_by)
                    && only(least, both_by)
                    && only(both, choice)
                    && only(sum, choice)
            });
        if let Some(from_end) = from_end {
            found.insert(id, from_end);
        }
    }
    found
}

/// The indices from which `chosen` is computed, if they count from the end of an axis of size `n`.
fn matched(graph: &Graph, chosen: ValueId, n: i64) -> Option<FromEnd> {
    let is =
        |value: ValueId, number: i64| splat(graph, value).is_some_and(|l| l.as_i64() == number);
    let choice = graph.maker(chosen);
    let (Op::Select(_), &[both, sum, indices]) = (&choice.op, &choice.operands[..]) else {
        return None;
    };
    let conjunction = graph.maker(both);
    let (Op::Binary(Binary::And), &[less, least]) = (&conjunction.op, &conjunction.operands[..])
    else {
        return None;
    };
    let compares = |value: ValueId, how: Compare, number: i64| {
        let node = graph.maker(value);
        matches!(node.op, Op::Compare(c) if c == how)
            && node.operands[0] == indices
            && is(node.operands[1], number)
    };
    let both_ways =
        |a: ValueId, b: ValueId| compares(a, Compare::Lt, 0) && compares(b, Compare::Ge, -n);
    let addition = graph.maker(sum);
    let with_n = |a: ValueId, b: ValueId| a == indices && is(b, n);
    // Graphs have the operands of sums and conjunctions in either order.
    let adds = matches!(addition.op, Op::Binary(Binary::Add))
        && (with_n(addition.operands[0], addition.operands[1])
            || with_n(addition.operands[1], addition.operands[0]));
    let fits = adds
        && less != least
        && graph.ty(indices) == graph.ty(chosen)
        && (both_ways(less, least) || both_ways(least, less));
    fits.then_some(FromEnd {
        indices,
        computed: [less, least, both, sum, chosen],
    })
}

/// The integer that all elements of `value` are, if the graph says it.
fn splat(graph: &Graph, value: ValueId) -> Option<Literal> {
    let node = graph.maker(value);
    match &node.op {
        Op::Const(literal) if node.ty().dtype.is_integer() => Some(*literal),
        Op::Layout(_) => splat(graph, node.operands[0]),
        _ => None,
    }
}
