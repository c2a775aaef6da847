//! Forward mode: tangents pushed along with values.

use crate::GraphTransforms;
use gradus_ir::primitives::Jvp;
use gradus_ir::{Graph, Operands, ValueId};
use smallvec::SmallVec;

/// Appends to `g` the tangents of `outputs`, given the tangents of some values as pairs `(value, tangent)`.
/// A tangent has the value's type.
///
/// `None` is a tangent that is zero by structure: no path from the given values, or only paths through integers.
/// With `y = f(x)` this is `ẏ = ∂f(x)·ẋ`, node by node in the graph's order.
pub fn jvp(g: &mut Graph, outputs: &[ValueId], at: &[(ValueId, ValueId)]) -> Vec<Option<ValueId>> {
    jvp_with(&mut GraphTransforms::default(), g, outputs, at)
}

pub(crate) fn jvp_with(
    transforms: &mut GraphTransforms,
    g: &mut Graph,
    outputs: &[ValueId],
    at: &[(ValueId, ValueId)],
) -> Vec<Option<ValueId>> {
    let sources: Vec<ValueId> = at.iter().map(|&(x, _)| x).collect();
    let active = g.dependents_of(&sources);
    let needed = g.needed_for(outputs);
    let mut tangents: Vec<Option<ValueId>> = vec![None; g.len()];
    for &(x, t) in at {
        debug_assert_eq!(g.ty(x), g.ty(t), "a tangent has its value's type");
        tangents[x.index()] = Some(t);
    }
    for id in g.node_ids() {
        let wanted = |v: ValueId| {
            let has_tangent = g.ty(v).dtype.has_derivatives();
            active[v.index()] && needed[v.index()] && has_tangent && tangents[v.index()].is_none()
        };
        if !g.node(id).results().any(wanted) {
            continue;
        }
        let node = g.node(id);
        let of_operands: SmallVec<[Option<ValueId>; 3]> =
            node.operands.iter().map(|o| tangents[o.index()]).collect();
        if of_operands.iter().all(Option::is_none) {
            continue;
        }
        let (op, operands) = (node.op.clone(), Operands::from_slice(&node.operands));
        let results = node.result_list();
        let outer = g.set_loc(node.loc.tangent(op.name()));
        let made = op.jvp(&mut Jvp {
            graph: g,
            transforms,
            operands: &operands,
            results: &results,
            tangents: &of_operands,
        });
        g.set_loc(outer);
        for (v, tangent) in results.into_iter().zip(made) {
            if let Some(t) = tangent
                && tangents[v.index()].is_none()
            {
                debug_assert_eq!(
                    g.ty(t),
                    g.ty(v),
                    "{}: a tangent has its value's type",
                    op.name()
                );
                tangents[v.index()] = Some(t);
            }
        }
    }
    outputs.iter().map(|o| tangents[o.index()]).collect()
}
