//! Functions with their own way back, after they were differentiated.

use crate::regions::{active_inputs, active_nodes, inline};
use gradus_ir::primitives::{Body, Call, Loop, Region, Switch};
use gradus_ir::{Graph, Op, ValueId};

/// Replaces each differentiated `custom_vjp` call, at any depth, by its forward rule.
///
/// A call counts as differentiated if it makes one of the first `n` values of `g` and depends on a marked
/// input. After this the program can be differentiated again in any mode.
///
/// `kept` names values of `g`; on return it names the same values in the result.
pub(crate) fn settled(g: Graph, n: usize, marked: &[bool], kept: &mut [&mut [ValueId]]) -> Graph {
    if !crate::only_backward(&g) {
        return g;
    }
    let active = active_nodes(&g, marked);
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
                Region::Call(Call::CustomVjp { forward, .. }) => {
                    node.note(&mut map, inline(&mut out, forward, &operands));
                }
                region => {
                    let flags: Vec<bool> =
                        node.operands.iter().map(|o| active[o.index()]).collect();
                    let inside = settled_inside(region, &flags);
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

fn settled_inside(region: &Region, flags: &[bool]) -> Region {
    let inside = |body: &Body, marked: &[bool]| -> Body {
        let n = body.len();
        settled((**body).clone(), n, marked, &mut [])
            .pruned()
            .into()
    };
    match region {
        Region::Loop(r) => Region::Loop(Loop {
            body: inside(&r.body, &active_inputs(r, flags)),
            ..r.clone()
        }),
        Region::Switch(r) => Region::Switch(Switch {
            branches: r.branches.iter().map(|b| inside(b, &flags[1..])).collect(),
        }),
        Region::Call(Call::Checkpoint(b)) => Region::Call(Call::Checkpoint(inside(b, flags))),
        Region::Call(Call::Local(b)) => Region::Call(Call::Local(inside(b, flags))),
        Region::Call(Call::Stated { body, cost }) => Region::Call(Call::Stated {
            body: inside(body, flags),
            cost: *cost,
        }),
        region => region.clone(),
    }
}
