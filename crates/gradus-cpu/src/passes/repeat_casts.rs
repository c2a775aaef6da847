//! Casts that are cheaper to do again than to keep.

use super::rewrite;
use crate::fuse::casts_to_repeat;
use gradus_ir::{Graph, NodeId};
use std::collections::HashMap;

/// What several kernels need as another element type is cast in each of them, where what is cast is in memory anyway and takes no more bytes.
pub(super) fn repeat_casts(graph: &Graph) -> Graph {
    let repeated = casts_to_repeat(graph);
    if repeated.is_empty() {
        return graph.clone();
    }
    // The first kernel that reads a cast keeps it.
    let mut first: HashMap<NodeId, NodeId> = HashMap::new();
    let mut copies: HashMap<(NodeId, NodeId), NodeId> = HashMap::new();
    // Not pruned, as that would share the copies again; nobody computes what nobody needs.
    rewrite(graph, |out, id, operands| {
        let node = graph.node(id);
        let mut changed = operands.to_vec();
        for (place, &old) in changed.iter_mut().zip(&node.operands) {
            if let Some(&root) = repeated.get(&(old, id))
                && *first.entry(old).or_insert(root) != root
            {
                let cast = graph.node(old);
                let given = out.node(*place).operands.clone();
                *place = *copies.entry((old, root)).or_insert_with(|| {
                    let outer = out.set_loc(cast.loc);
                    let copy = out.add_again(cast, &given);
                    out.set_loc(outer);
                    copy
                });
            }
        }
        (changed != operands).then(|| out.add_again(node, &changed))
    })
}
