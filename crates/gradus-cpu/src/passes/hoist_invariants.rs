//! Computes values that are the same in all steps of a loop once.

use super::rewrite_regions;
use gradus_ir::primitives::region::{Handle, LoopBuilder};
use gradus_ir::primitives::{Loop, Op, Region, Trips, Work};
use gradus_ir::{Graph, ValueId};

/// Results with at most this many bytes are read again at negligible cost.
const SMALL_BYTES: usize = 1 << 10;

/// Values of a step that depend only on constants of the loop are computed before it and become constants
/// themselves, if reading them is no more work than computing them.
/// Views and broadcasts stay, because they cost nothing where they are used.
pub(super) fn hoist_invariants(graph: &Graph) -> Graph {
    let graph = graph.pruned();
    rewrite_regions(&graph, |out, _, region, operands| match region {
        Region::Loop(r) if !region.has_effects() => hoist(out, r, operands),
        _ => None,
    })
    .pruned()
}

fn hoist(out: &mut Graph, r: &Loop, operands: &[ValueId]) -> Option<Vec<ValueId>> {
    let hoisted = invariants(r);
    if hoisted.is_empty() {
        return None;
    }
    let (body, places) = (&r.body, r.inputs());
    let mut map: Vec<Option<ValueId>> = vec![None; body.len()];
    for (k, operand) in r.operands_of(places.consts.clone()) {
        map[body.inputs()[k].index()] = Some(operands[operand]);
    }
    body.copy_into(out, &mut map, &hoisted, &[]);

    let mut shorter = LoopBuilder::like(r, r.count().map(|count| operands[count]));
    let mut handles = vec![Handle::INDEX];
    handles.extend(
        operands[r.operands().consts]
            .iter()
            .map(|&o| shorter.constant(o)),
    );
    let values = hoisted.iter().filter_map(|h| map[h.index()]);
    let values: Vec<Handle> = values.map(|value| shorter.constant(value)).collect();
    handles.extend(
        operands[r.operands().carries]
            .iter()
            .map(|&o| shorter.carry(o)),
    );
    handles.extend(
        operands[r.operands().sequences]
            .iter()
            .map(|&o| shorter.sequence(o)),
    );
    // The body takes the hoisted values as further inputs.
    let program = body.extract(&[body.inputs(), &hoisted].concat(), body.outputs());
    let results = shorter.emit_while(
        out,
        |g, inputs| match &r.trips {
            Trips::While(condition) => {
                let own = &handles[..condition.inputs().len()];
                g.emit_inline(condition, &inputs.all(own))[0]
            }
            _ => unreachable!("it has no condition"),
        },
        |g, inputs| g.emit_inline(&program, &inputs.all(handles.iter().chain(&values))),
    );
    Some(results)
}

/// The values that are worth hoisting.
fn invariants(r: &Loop) -> Vec<ValueId> {
    let body = &r.body;
    let steps = match r.trips {
        Trips::Fixed(n) => n,
        _ => 1,
    };
    if steps < 2 && matches!(r.trips, Trips::Fixed(_)) {
        return Vec::new();
    }
    let consts = r.inputs().consts;
    let own = (0..body.inputs().len()).filter(|k| !consts.contains(k));
    let own: Vec<ValueId> = own.map(|k| body.inputs()[k]).collect();
    let varying = body.dependents_of(&own);
    let live = body.live();
    let mut wanted: Vec<ValueId> = Vec::new();
    for node in body.nodes() {
        if node.has_marked(&varying) && node.runs(&live) {
            wanted.extend(&node.operands);
        }
    }
    wanted.extend(body.outputs());
    let mut seen = vec![false; body.len()];
    let mut found: Vec<ValueId> = Vec::new();
    for mut value in wanted {
        // A view is made anew from the hoisted value.
        while let Op::Layout(_) = body.maker(value).op {
            value = body.maker(value).operands[0];
        }
        let new = !std::mem::replace(&mut seen[value.index()], true);
        let fits = !varying[value.index()] && !body.ty(value).is_list();
        if new && fits && pays(body, value, steps) {
            found.push(value);
        }
    }
    found.sort_unstable();
    found
}

/// Whether `value` should be computed before the loop.
fn pays(body: &Graph, value: ValueId, steps: usize) -> bool {
    if body.region(value).is_some() {
        // All results of a region would have to be hoisted together.
        return false;
    }
    let needed = body.needed_for(&[value]);
    let (mut work, mut costly, mut read) = (false, false, 0);
    for node in body.nodes().iter().filter(|node| node.has_marked(&needed)) {
        match &node.op {
            Op::Input(_) => read += node.ty().bytes(),
            Op::Const(_) | Op::Iota(_) | Op::Layout(_) => {}
            // A loop of unknown length might make no step, and must not fail then.
            op if steps < 2 && op.may_fail() => return false,
            _ => {
                work = true;
                let cost = body.cost(node);
                costly |= !matches!(cost.work, Work::Arithmetic | Work::View);
            }
        }
    }
    work && (costly || body.ty(value).bytes() <= read.max(SMALL_BYTES))
}
