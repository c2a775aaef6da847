//! What is the same in all steps of a loop is computed once.

use super::rewrite_regions;
use gradus_ir::primitives::{Loop, Op, Region, Trips, Work};
use gradus_ir::{Graph, ValueId};

/// Results of so many bytes are read again at no cost to speak of.
const SMALL_BYTES: usize = 1 << 10;

/// Values of a step that depend on nothing but constants of the loop are computed before it and become constants themselves, where reading them is no more
/// work than computing them: views and broadcasts stay, as they cost nothing where they are used.
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
    let body = &r.body;
    let (consts, rest) = body.inputs()[1..].split_at(r.consts);
    let mut map: Vec<Option<ValueId>> = vec![None; body.len()];
    for (&input, &operand) in consts.iter().zip(&operands[r.counts()..]) {
        map[input.index()] = Some(operand);
    }
    body.copy_into(out, &mut map, &hoisted, &[]);
    let values = hoisted.iter().filter_map(|h| map[h.index()]);

    let (before, after) = operands.split_at(r.counts() + r.consts);
    let args: Vec<ValueId> = before
        .iter()
        .copied()
        .chain(values)
        .chain(after.iter().copied())
        .collect();
    let inputs = [&body.inputs()[..1], consts, &hoisted, rest].concat();
    let trips = match &r.trips {
        Trips::While(condition) => {
            let mut longer = Graph::new();
            let mut own: Vec<ValueId> = Vec::new();
            for (k, &i) in condition.inputs().iter().enumerate() {
                if k == 1 + r.consts {
                    hoisted.iter().for_each(|&h| {
                        longer.input_like(body, h);
                    });
                }
                own.push(longer.input_like(condition, i));
            }
            let outputs = longer.inline(condition, &own).ok()?;
            longer.set_outputs(outputs);
            Trips::While(longer.into())
        }
        other => other.clone(),
    };
    let shorter = Loop {
        trips,
        reverse: r.reverse,
        consts: r.consts + hoisted.len(),
        carries: r.carries,
        body: body.extract(&inputs, body.outputs()).into(),
    };
    Some(out.emit_region(Region::Loop(shorter), &args))
}

/// The values that are worth it.
fn invariants(r: &Loop) -> Vec<ValueId> {
    let body = &r.body;
    let steps = match r.trips {
        Trips::Fixed(n) => n,
        _ => 1,
    };
    if steps < 2 && matches!(r.trips, Trips::Fixed(_)) {
        return Vec::new();
    }
    let own = [&body.inputs()[..1], &body.inputs()[1 + r.consts..]].concat();
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
        // A view is made anew of what it shows.
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
        // All results of a region would have to go together.
        return false;
    }
    let needed = body.needed_for(&[value]);
    let (mut work, mut costly, mut read) = (false, false, 0);
    for node in body.nodes().iter().filter(|node| node.has_marked(&needed)) {
        match &node.op {
            Op::Input(_) => read += node.ty().bytes(),
            Op::Const(_) | Op::Iota(_) | Op::Layout(_) => {}
            // A loop of unknown length may make no step, and must not fail then.
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
