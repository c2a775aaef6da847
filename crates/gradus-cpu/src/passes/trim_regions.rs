//! Regions without what nobody needs.

use super::{rewrite_regions, stand_in};
use gradus_ir::primitives::region::{Recompute, Recomputed};
use gradus_ir::primitives::{Body, Call, Loop, Region, Switch, Trips};
use gradus_ir::{Graph, ValueId};

/// Results, operands and carried values that nobody needs go; of equal ones one stays; what is carried but never changes becomes a constant of the loop, and
/// a literal a part of its body. What is kept of each step although it is the same in all, or was read from a sequence, is not kept.
pub(super) fn trim_regions(graph: &Graph) -> Graph {
    let mut graph = graph.pruned();
    loop {
        let live = graph.live();
        let mut changed = false;
        let trimmed = rewrite_regions(&graph, |out, node, region, operands| {
            // What a body shows must be shown as often as it is written.
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

/// The results of `all` in the places that are marked.
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

/// Programs of the same inputs and outputs without the outputs that are not needed and the inputs that none of them uses then; and which inputs stay.
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

/// A body while it is written anew, with the operands that belong to its inputs.
#[derive(Default)]
struct Inputs {
    operands: Vec<ValueId>,
    /// Those from here on belong to the kind that is being collected; only within it equal operands are one.
    from: usize,
}

impl Inputs {
    /// The number of the input for `operand`, a new one if there is none yet.
    fn of(&mut self, operand: ValueId) -> usize {
        let mut known = self.operands[self.from..].iter();
        match known.position(|&o| o == operand) {
            Some(k) => self.from + k,
            None => {
                self.operands.push(operand);
                self.operands.len() - 1
            }
        }
    }

    fn end_of_kind(&mut self) -> usize {
        let count = self.operands.len() - self.from;
        self.from = self.operands.len();
        count
    }
}

fn trim_loop(
    out: &mut Graph,
    r: &Loop,
    operands: &[ValueId],
    needed: &[bool],
) -> Option<Vec<ValueId>> {
    let body = &r.body;
    let (counts, first) = (r.counts(), 1 + r.consts);
    let (inputs, outputs) = (body.inputs(), body.outputs());
    let condition = match &r.trips {
        Trips::While(condition) => Some(condition),
        _ => None,
    };
    let asked_for = condition.map(|c| c.live());
    let asked = |k: usize| match (condition, &asked_for) {
        (Some(c), Some(live)) => live[c.inputs()[k].index()],
        _ => false,
    };
    let operand = |k: usize| operands[counts + k - 1];

    let unchanged = |k: usize| outputs[k] == inputs[first + k];
    let kept: Vec<usize> = (r.carries..outputs.len()).filter(|&k| needed[k]).collect();
    let mut carried: Vec<bool> = (0..r.carries)
        .map(|k| needed[k] || asked(first + k))
        .collect();
    let live = loop {
        let carried_out = (0..r.carries).filter(|&k| carried[k]);
        let roots: Vec<ValueId> = carried_out
            .chain(kept.iter().copied())
            .map(|k| outputs[k])
            .collect();
        let live = body.needed_for(&roots);
        let new = (0..r.carries).filter(|&k| !carried[k] && live[inputs[first + k].index()]);
        let new: Vec<usize> = new.collect();
        if new.is_empty() {
            break live;
        }
        new.into_iter().for_each(|k| carried[k] = true);
    };
    let used = |k: usize| live[inputs[k].index()] || (k < first + r.carries && asked(k));

    // Inputs of the new body: for each old one the number of the new one, or a literal.
    let mut fresh = Inputs::default();
    let mut places: Vec<Option<usize>> = vec![None; inputs.len()];
    let mut literals = Vec::new();
    let constants = (1..first).chain((first..first + r.carries).filter(|&k| unchanged(k - first)));
    for k in constants.filter(|&k| used(k)) {
        match out.literal(operand(k)) {
            Some(value) => literals.push((k, value)),
            None => places[k] = Some(fresh.of(operand(k))),
        }
    }
    let consts = fresh.end_of_kind();
    // Of two carried values that begin and go on in the same way one is enough.
    let mut carries: Vec<usize> = Vec::new();
    for k in (0..r.carries).filter(|&k| carried[k] && !unchanged(k)) {
        let same =
            |&j: &usize| operand(first + j) == operand(first + k) && outputs[j] == outputs[k];
        let at = carries.iter().position(same).unwrap_or_else(|| {
            carries.push(k);
            fresh.operands.push(operand(first + k));
            carries.len() - 1
        });
        places[first + k] = Some(consts + at);
    }
    fresh.end_of_kind();
    for k in (first + r.carries..inputs.len()).filter(|&k| used(k)) {
        places[k] = Some(fresh.of(operand(k)));
    }
    let sequences = fresh.end_of_kind();

    // What is kept: each value once, and nothing that can be had without.
    let mut stored: Vec<ValueId> = Vec::new();
    let fixed = match r.trips {
        Trips::Fixed(n) => Some(n),
        _ => None,
    };
    let instead = |out: &mut Graph, node: ValueId| -> Option<ValueId> {
        let input = inputs.iter().position(|&i| i == node);
        match (input, fixed) {
            (Some(k), _) if k >= first + r.carries => Some(operand(k)),
            (Some(k), Some(n)) if k >= 1 && (k < first || unchanged(k - first)) => {
                Some(out.repeat_front(operand(k), n))
            }
            (None, Some(n)) => {
                let value = body.literal(node)?;
                let shape = [&[n], body.shape(node)].concat();
                Some(out.constant(value, &shape))
            }
            _ => None,
        }
    };
    let mut found: Vec<Result<ValueId, usize>> = Vec::new();
    for &k in &kept {
        found.push(match instead(out, outputs[k]) {
            Some(node) => Ok(node),
            None => Err(stored
                .iter()
                .position(|&s| s == outputs[k])
                .unwrap_or_else(|| {
                    stored.push(outputs[k]);
                    stored.len() - 1
                })),
        });
    }

    let before = (r.consts, r.carries, r.sequences(), r.kept());
    if before == (consts, carries.len(), sequences, stored.len()) {
        return None;
    }
    let write = |program: &Body, known: usize, roots: &[ValueId]| -> Graph {
        let mut new = Graph::new();
        let mut map: Vec<Option<ValueId>> = vec![None; program.len()];
        map[program.inputs()[0].index()] = Some(new.input_like(program, program.inputs()[0]));
        let own: Vec<ValueId> = fresh.operands[..known]
            .iter()
            .enumerate()
            .map(|(at, _)| {
                let like = places.iter().position(|p| *p == Some(at));
                match like {
                    Some(k) => new.input_like(program, program.inputs()[k]),
                    None => unreachable!("each new input is for an old one"),
                }
            })
            .collect();
        for (k, &input) in program.inputs().iter().enumerate() {
            if let Some(at) = places[k]
                && at < known
            {
                map[input.index()] = Some(own[at]);
            }
        }
        for &(k, value) in &literals {
            let input = program.inputs()[k];
            map[input.index()] = Some(new.constant(value, program.shape(input)));
        }
        program.copy_into(&mut new, &mut map, roots, &[]);
        let ends = roots.iter().map(|o| match map[o.index()] {
            Some(end) => end,
            None => unreachable!("what is needed was copied"),
        });
        new.set_outputs(ends.collect());
        new
    };
    let roots: Vec<ValueId> = carries
        .iter()
        .map(|&k| outputs[k])
        .chain(stored.iter().copied())
        .collect();
    let trips = match &r.trips {
        Trips::While(c) => Trips::While(write(c, consts + carries.len(), c.outputs()).into()),
        other => other.clone(),
    };
    let trimmed = Loop {
        trips,
        reverse: r.reverse,
        consts,
        carries: carries.len(),
        body: write(body, fresh.operands.len(), &roots).into(),
    };
    let args: Vec<ValueId> = operands[..counts]
        .iter()
        .chain(&fresh.operands)
        .copied()
        .collect();
    let all = out.emit_region(Region::Loop(trimmed), &args);

    let nothing = stand_in(out);
    let mut results = vec![nothing; needed.len()];
    for k in 0..r.carries {
        if unchanged(k) {
            results[k] = operand(first + k);
        } else if let (true, Some(at)) = (carried[k], places[first + k]) {
            results[k] = all[at - consts];
        }
    }
    for (&k, found) in kept.iter().zip(found) {
        results[k] = match found {
            Ok(node) => node,
            Err(at) => all[carries.len() + at],
        };
    }
    if condition.is_some()
        && let (Some(count), Some(last)) = (results.last_mut(), all.last())
    {
        *count = *last;
    }
    Some(results)
}
