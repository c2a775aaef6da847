//! Calls that need not stay calls become part of the program around them.

use gradus_ir::primitives::{Call, Op, Region};
use gradus_ir::{Graph, NodeId};
use std::collections::HashMap;

/// Once nothing more is differentiated, a call is what it does; but a checkpoint stays: what it computes again must not be found to be computed already.
/// Loops that one of them does the work of are merged then.
pub(super) fn dissolve_calls(graph: &Graph) -> Graph {
    let dissolves = |id: NodeId| match graph.region(id).map(|r| &**r) {
        Some(Region::Call(Call::Checkpoint(_) | Call::OnlyBackward { .. })) => None,
        Some(Region::Call(call)) => Some(call.clone()),
        _ => None,
    };
    if !graph.ids().any(|id| graph.region(id).is_some()) {
        return graph.clone();
    }
    let mut results: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
    let mut dissolved = false;
    let out = super::rewrite(graph, |out, id, operands| {
        if let Some(call) = dissolves(id) {
            dissolved = true;
            let all = match &call {
                Call::Hook { residuals, .. } => Ok(operands[*residuals..].to_vec()),
                call => out.inline(call.body(), operands),
            };
            match all {
                Ok(all) => results.insert(id, all),
                Err(e) => panic!("a call does not fit its body: {e}"),
            };
            // A stand-in: the results are found by the node of the call.
            return Some(out.constant(gradus_ir::Literal::from_bool(false), &[0]));
        }
        let node = graph.node(id);
        match node.op {
            Op::Result { index, .. } => {
                let all = results.get(&node.operands[0])?;
                Some(all[index as usize])
            }
            _ => None,
        }
    });
    let out = out.pruned().merged();
    if dissolved { dissolve_calls(&out) } else { out }
}
