//! Forward mode: tangents pushed along with values.

use crate::regions;
use gradus_ir::primitives::Jvp;
use gradus_ir::{Graph, NodeId, Op};
use smallvec::SmallVec;
use std::collections::HashMap;

/// Appends to `g` the tangents of `outputs`, given those of some nodes: `(node, tangent)`, a tangent of the node's type.
///
/// `None` is a tangent that is zero by structure: no path from the given nodes, or only through integers. With `y = f(x)` this is
/// `ẏ = ∂f(x)·ẋ`, node by node in the graph's order.
pub fn jvp(g: &mut Graph, outputs: &[NodeId], at: &[(NodeId, NodeId)]) -> Vec<Option<NodeId>> {
    let _scope = regions::Scope::enter();
    let sources: Vec<NodeId> = at.iter().map(|&(x, _)| x).collect();
    let active = g.dependents_of(&sources);
    let needed = g.needed_for(outputs);
    let mut tangents: Vec<Option<NodeId>> = vec![None; g.len()];
    for &(x, t) in at {
        debug_assert_eq!(g.ty(x), g.ty(t), "a tangent has its value's type");
        tangents[x.index()] = Some(t);
    }
    let mut of_regions: HashMap<NodeId, Vec<Option<NodeId>>> = HashMap::new();
    for id in g.ids() {
        let has_tangent = g.ty(id).dtype.is_float() || g.region(id).is_some();
        if !active[id.index()]
            || !needed[id.index()]
            || tangents[id.index()].is_some()
            || !has_tangent
        {
            continue;
        }
        let node = g.node(id).clone();
        if let Op::Result { index, .. } = node.op {
            let of_region = of_regions.get(&node.operands[0]);
            if let Some(t) = of_region.and_then(|r| r[index as usize]) {
                debug_assert_eq!(g.ty(t), &node.ty, "a result's tangent has its type");
                tangents[id.index()] = Some(t);
            }
            continue;
        }
        let of_operands: SmallVec<[Option<NodeId>; 3]> =
            node.operands.iter().map(|o| tangents[o.index()]).collect();
        if of_operands.iter().all(Option::is_none) {
            continue;
        }
        let outer = g.set_loc(node.loc.tangent(node.op.name()));
        if let Op::Region(_) = node.op {
            of_regions.insert(id, regions::jvp(g, id, &of_operands));
            g.set_loc(outer);
            continue;
        }
        let tangent = node.op.jvp(&mut Jvp {
            graph: g,
            operands: &node.operands,
            result: id,
            tangents: &of_operands,
        });
        g.set_loc(outer);
        if let Some(t) = tangent {
            debug_assert_eq!(
                g.ty(t),
                &node.ty,
                "{}: the tangent has its value's type",
                node.op.name()
            );
            tangents[id.index()] = Some(t);
        }
    }
    outputs.iter().map(|o| tangents[o.index()]).collect()
}
