//! Removes results, operands and values of regions that are not needed.

use super::trim_loop::trim_loop;
use super::{rewrite_regions, stand_in};
use gradus_ir::primitives::region::{Recompute, Recomputed};
use gradus_ir::primitives::{Body, Call, Region, Switch};
use gradus_ir::{Graph, ValueId};

/// Removes results, operands and carries that are not needed, and all duplicates.
/// A carry that never changes becomes a constant of the loop, and a literal becomes part of its body.
/// An item that is the same in all steps, or was read from a sequence, is not kept.
pub(super) fn trim_regions(graph: &Graph) -> Graph {
    let mut graph = graph.pruned();
    loop {
        let live = graph.live();
        let mut changed = false;
        let trimmed = rewrite_regions(&graph, |out, node, region, operands| {
            // A body's values must be shown as often as the program says.
            if region.has_effects() {
                return None;
            }
            let needed: Vec<bool> = node.results().map(|v| live[v.index()]).collect();
            let needed = &needed;
            let results = match region {
                Region::Loop(r) => trim_loop(out, r, operands, needed),
                Region::Switch(r) => trim_switch(out, r, operands, needed),
                Region::Call(Call::Recompute(call)) if call.kind == Recomputed::Checkpoint => {
                    trim_checkpoint(out, &call.body, operands, needed)
                }
                Region::Call(_) | Region::Check(_) => None,
            };
            changed |= results.is_some();
            results
        });
        if !changed {
            return graph;
        }
        graph = trimmed.pruned();
    }
}

/// The results `all` spread to the marked positions.
fn spread(out: &mut Graph, marked: &[bool], all: Vec<ValueId>) -> Vec<ValueId> {
    let nothing = stand_in(out);
    let mut all = all.into_iter();
    let mut place = |&m: &bool| if m { all.next() } else { None };
    marked.iter().map(|m| place(m).unwrap_or(nothing)).collect()
}

fn trim_checkpoint(
    out: &mut Graph,
    body: &Body,
    operands: &[ValueId],
    needed: &[bool],
) -> Option<Vec<ValueId>> {
    let (bodies, used) = trim_bodies(std::slice::from_ref(body), needed)?;
    let args: Vec<ValueId> = used.iter().map(|&k| operands[k]).collect();
    let body = bodies.into_iter().next()?;
    let all = out.emit_region(Region::Call(Recompute::checkpoint(body)), &args);
    Some(spread(out, needed, all))
}

fn trim_switch(
    out: &mut Graph,
    r: &Switch,
    operands: &[ValueId],
    needed: &[bool],
) -> Option<Vec<ValueId>> {
    let (branches, used) = trim_bodies(&r.branches, needed)?;
    let args: Vec<ValueId> = [operands[0]]
        .into_iter()
        .chain(used.iter().map(|&k| operands[1 + k]))
        .collect();
    let all = out.emit_region(Region::Switch(Switch { branches }), &args);
    Some(spread(out, needed, all))
}

/// The programs without unneeded outputs and without the inputs that then have no use, and the inputs that stay.
/// All programs have the same inputs and outputs.
fn trim_bodies(bodies: &[Body], needed: &[bool]) -> Option<(Vec<Body>, Vec<usize>)> {
    let outputs = |b: &Body| -> Vec<ValueId> {
        let all = b.outputs().iter().zip(needed);
        all.filter(|(_, n)| **n).map(|(&o, _)| o).collect()
    };
    let inputs = bodies.first()?.inputs().len();
    let mut used = vec![false; inputs];
    for body in bodies {
        let live = body.needed_for(&outputs(body));
        for (used, i) in used.iter_mut().zip(body.inputs()) {
            *used |= live[i.index()];
        }
    }
    if !needed.contains(&false) && !used.contains(&false) {
        return None;
    }
    let used: Vec<usize> = (0..inputs).filter(|&k| used[k]).collect();
    let trimmed = bodies.iter().map(|body| {
        let inputs: Vec<ValueId> = used.iter().map(|&k| body.inputs()[k]).collect();
        body.extract(&inputs, &outputs(body)).into()
    });
    Some((trimmed.collect(), used))
}
