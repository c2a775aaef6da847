//! Casts that are cheaper to do again than to keep.

use super::rewrite;
use crate::fuse::casts_to_repeat;
use gradus_ir::{Graph, NodeId};
use std::collections::HashMap;

/// What a later kernel needs as another element type, too, is cast there again, where what is cast is in memory anyway and takes no more bytes.
pub(super) fn repeat_casts(graph: &Graph) -> Graph {
    let repeated = casts_to_repeat(graph);
    if repeated.is_empty() {
        return graph.clone();
    }
    let mut copies: HashMap<(NodeId, NodeId), NodeId> = HashMap::new();
    // Not pruned, as that would share the copies again; nobody computes what nobody needs.
    rewrite(graph, |out, id, operands| {
        let node = graph.node(id);
        let mut changed = operands.to_vec();
        for (place, &old) in changed.iter_mut().zip(&node.operands) {
            if let Some(&root) = repeated.get(&(old, id)) {
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
