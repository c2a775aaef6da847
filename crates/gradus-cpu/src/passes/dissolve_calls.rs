//! Calls that need not stay calls become part of the program around them.

use super::has_regions;
use gradus_ir::primitives::{Call, Op, Region};
use gradus_ir::{Graph, NodeId};

/// Once nothing more is differentiated, a call is what it does; but a checkpoint stays where anything is computed that does not follow from it: what it
/// computes again must not be found to be computed already.
/// Loops that one of them does the work of are merged then.
pub(super) fn dissolve_calls(graph: &Graph) -> Graph {
    let dissolves = |id: NodeId| match graph.region(id).map(|r| &**r) {
        Some(Region::Call(Call::OnlyBackward { .. } | Call::Undefined { .. })) => None,
        Some(Region::Call(Call::Checkpoint(_))) if !comes_first(graph, id) => None,
        Some(Region::Call(call)) => Some(call.clone()),
        _ => None,
    };
    let mut dissolved = false;
    let out = super::rewrite_regions(graph, |out, id, _, operands| {
        let call = dissolves(id)?;
        dissolved = true;
        if let Call::Hook { residuals, .. } = call {
            return Some(operands[residuals..].to_vec());
        }
        match out.inline(call.body(), operands) {
            Ok(all) => Some(all),
            Err(e) => panic!("a call does not fit its body: {e}"),
        }
    });
    let out = out.pruned().merged();
    if dissolved && has_regions(&out) {
        dissolve_calls(&out)
    } else {
        out
    }
}

/// Whether all that the program computes, but for `id` itself and indices, follows from `id`.
fn comes_first(graph: &Graph, id: NodeId) -> bool {
    let (live, later) = (graph.live(), graph.dependents_of(&[id]));
    let given = |n: NodeId| {
        let node = graph.node(n);
        match node.op {
            Op::Input(_) | Op::Const(_) | Op::Iota(_) | Op::Layout(_) => true,
            Op::Binary(_) => node.ty.dtype.is_integer(),
            _ => false,
        }
    };
    graph
        .ids()
        .all(|n| !live[n.index()] || later[n.index()] || given(n))
}
