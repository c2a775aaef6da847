//! Inlines calls that need not stay calls.

use super::has_regions;
use gradus_ir::primitives::region::{Recompute, Recomputed};
use gradus_ir::primitives::{Call, Op, Region};
use gradus_ir::{Graph, Node, ValueId};

/// Once nothing more is differentiated, a call is replaced by its body.
/// But a checkpoint stays if the program computes anything that does not follow from its results:
/// its recomputations must not be merged with existing values.
/// Afterwards, loops that another loop covers are merged.
pub(super) fn dissolve_calls(graph: &Graph) -> Graph {
    let dissolves = |node: &Node, region: &Region| match region {
        Region::Call(call) if call.cannot_run().is_some() => None,
        Region::Call(Call::Recompute(Recompute {
            kind: Recomputed::Checkpoint,
            ..
        })) if !comes_first(graph, node) => None,
        Region::Call(call) => Some(call.clone()),
        _ => None,
    };
    let mut dissolved = false;
    let out = super::rewrite_regions(graph, |out, node, region, operands| {
        let call = dissolves(node, region)?;
        dissolved = true;
        if let Call::Hook(hook) = call {
            return Some(operands[hook.residuals..].to_vec());
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

/// Whether all computations of the program, except `node` itself and indices, follow from its results.
fn comes_first(graph: &Graph, node: &Node) -> bool {
    let results: Vec<ValueId> = node.results().collect();
    let (live, later) = (graph.live(), graph.dependents_of(&results));
    let given = |n: &Node| match n.op {
        Op::Input(_) | Op::Const(_) | Op::Iota(_) | Op::Layout(_) => true,
        Op::Binary(_) => n.ty().dtype.is_integer(),
        _ => false,
    };
    let follows = |n: &Node| n.operands.iter().any(|o| later[o.index()]);
    let mut others = graph.nodes().iter().filter(|n| !std::ptr::eq(*n, node));
    others.all(|n| !n.runs(&live) || follows(n) || given(n))
}
