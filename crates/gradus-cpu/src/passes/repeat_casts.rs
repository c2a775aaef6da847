//! Repeats casts that are cheaper to compute again than to keep.

use super::rewrite;
use crate::fuse::casts_to_repeat;
use gradus_ir::{Graph, ValueId};
use std::collections::HashMap;

/// Repeats a cast in each later kernel that needs it, instead of storing its result.
pub(super) fn repeat_casts(graph: &Graph) -> Graph {
    let repeated = casts_to_repeat(graph);
    if repeated.is_empty() {
        return graph.clone();
    }
    let mut copies: HashMap<(ValueId, ValueId), ValueId> = HashMap::new();
    // The result is not pruned, because pruning would merge the copies again. A cast without users costs nothing.
    rewrite(graph, |out, id, operands| {
        let node = graph.maker(id);
        let mut changed = operands.to_vec();
        for (place, &old) in changed.iter_mut().zip(&node.operands) {
            if let Some(&root) = repeated.get(&(old, id)) {
                let cast = graph.maker(old);
                let given = out.maker(*place).operands.clone();
                *place = *copies.entry((old, root)).or_insert_with(|| {
                    let outer = out.set_loc(cast.loc);
                    let copy = out.add_again(cast, &given)[0];
                    out.set_loc(outer);
                    copy
                });
            }
        }
        (changed != operands).then(|| out.add_again(node, &changed)[0])
    })
}
