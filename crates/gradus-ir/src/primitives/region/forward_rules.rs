//! Functions with a custom backward pass, after they were differentiated.

use super::super::Op;
use super::activity::active_values;
use super::{Backward, Body, Call, Region};
use crate::graph::{Graph, ValueId};

/// Replaces each differentiated `custom_vjp` call, at any depth, by its forward rule.
///
/// A call counts as differentiated if it makes one of the first `n` values of `g` and depends on a marked
/// input. After this the program can be differentiated again in any mode.
///
/// `kept` names values of `g`; on return it names the same values in the result.
pub fn apply_forward_rules(
    g: Graph,
    n: usize,
    marked: &[bool],
    kept: &mut [&mut [ValueId]],
) -> Graph {
    if g.backward() < Backward::Only {
        return g;
    }
    let active = active_values(&g, marked);
    let mut out = Graph::new();
    let mut map: Vec<Option<ValueId>> = vec![None; g.len()];
    for node in g.nodes() {
        let outer = out.set_loc(node.loc);
        let operands: Vec<ValueId> = node
            .operands
            .iter()
            .filter_map(|o| map[o.index()])
            .collect();
        let differentiated = node.results().any(|v| v.index() < n && active[v.index()]);
        match &node.op {
            Op::Input(_) => map[node.result().index()] = Some(out.input_like(&g, node.result())),
            Op::Region(region) if differentiated => match &**region {
                Region::Call(Call::CustomVjp(call)) => {
                    node.note(&mut map, out.emit_inline(&call.forward, &operands));
                }
                region => {
                    let flags: Vec<bool> =
                        node.operands.iter().map(|o| active[o.index()]).collect();
                    let inside = region.rules().with_forward_rules(&flags, &mut inside);
                    node.note(&mut map, out.emit_region(inside, &operands));
                }
            },
            _ => node.note(&mut map, out.add_like(node, &operands)),
        }
        out.set_loc(outer);
    }
    let at = |id: &ValueId| map[id.index()].expect("every value is there again");
    out.set_outputs(g.outputs().iter().map(at).collect());
    for ids in kept {
        ids.iter_mut().for_each(|id| *id = at(id));
    }
    out
}

fn inside(body: &Body, marked: &[bool]) -> Body {
    let n = body.len();
    let applied = apply_forward_rules((**body).clone(), n, marked, &mut []);
    applied.pruned().into()
}
