//! Loops: the derivative of a loop is a linear loop over what the steps kept; the way back takes the steps in the other order.

use super::builder::Assembly;
use super::residuals::{Residuals, Source};
use super::{Loop, Trips};
use crate::graph::{Graph, ValueId};
use crate::primitives::region::activity::{positions, reached, spread};
use crate::primitives::region::programs::inline;
use crate::primitives::region::{Body, Recompute, Recomputed, Region};
use crate::primitives::{Jvp, Linearized, Transpose};

/// Which inputs of the body have a tangent in some step, if these operands have one in the first: what is carried passes it on.
pub(super) fn active_inputs(r: &Loop, operands: &[bool]) -> Vec<bool> {
    let mut active = vec![false];
    active.extend(&operands[r.counts()..]);
    let first = 1 + r.consts;
    loop {
        let outputs = reached(&r.body, &active);
        let new = (0..r.carries).filter(|&k| outputs[k] && !active[first + k]);
        let new: Vec<usize> = new.collect();
        if new.is_empty() {
            return active;
        }
        new.into_iter().for_each(|k| active[first + k] = true);
    }
}

/// For each result of the body, whether it has a tangent in some step.
fn active_outputs(r: &Loop, active: &[bool]) -> Vec<bool> {
    let mut outputs = reached(&r.body, active);
    // In the first step it has the one that came in.
    outputs[..r.carries].copy_from_slice(&active[1 + r.consts..1 + r.consts + r.carries]);
    outputs
}

/// The loop runs again, and also keeps what the derivatives of its steps need; a second, linear one goes over that. The first takes the place of the original later.
pub(super) fn jvp(r: &Loop, cx: &mut Jvp<'_>) -> Vec<Option<ValueId>> {
    let (operands, tangents) = (cx.operands, cx.tangents);
    if r.trips == Trips::Fixed(0) {
        // What is carried passes.
        let mut passed = tangents[r.consts..r.consts + r.carries].to_vec();
        passed.resize(cx.results.len(), None);
        return passed;
    }
    // What is run again, and may stay beside the original, must not show again what that shows.
    let r = &r.map(Body::without_effects);
    let given: Vec<bool> = tangents.iter().map(Option::is_some).collect();
    let active = active_inputs(r, &given);
    let outputs = active_outputs(r, &active);
    if !outputs.contains(&true) {
        return vec![None; cx.results.len()];
    }
    let split = cx.transforms.linearize(&r.body, &positions(&active));
    let kept = &split.primal.outputs()[r.body.outputs().len()..];
    let residuals = Residuals::new(r, &split.primal, kept);
    let derived = Derived {
        active,
        outputs,
        split,
        residuals,
    };
    let keeps = &derived.residuals;
    in_local(
        cx.graph,
        r,
        keeps,
        operands,
        tangents,
        |g, operands, tangents| tangent_loop(g, r, operands, tangents, &derived),
    )
}

/// Appends what `write` makes of operands and what comes with some of them. Lists must not leave the program that they are made in, so where residuals become lists it
/// is one of its own; unless this one is such already.
fn in_local(
    g: &mut Graph,
    r: &Loop,
    residuals: &Residuals,
    operands: &[ValueId],
    with: &[Option<ValueId>],
    write: impl FnOnce(&mut Graph, &[ValueId], &[Option<ValueId>]) -> Vec<Option<ValueId>>,
) -> Vec<Option<ValueId>> {
    let has_lists = r.kept() + r.sequences() > 0;
    let makes_lists = !residuals.stored.is_empty() && !matches!(r.trips, Trips::Fixed(_));
    if !makes_lists || has_lists {
        return write(g, operands, with);
    }
    let mut body = Graph::new();
    let mut input = |&x: &ValueId| body.input_like(g, x);
    let inputs: Vec<ValueId> = operands.iter().map(&mut input).collect();
    let given: Vec<Option<ValueId>> = with.iter().map(|x| x.as_ref().map(&mut input)).collect();
    body.set_loc(g.loc());
    let results = write(&mut body, &inputs, &given);
    body.set_outputs(results.iter().flatten().copied().collect());
    // Of what a loop is linear in only the types are needed.
    let live = body.live();
    let args = operands.iter().chain(with.iter().flatten());
    let (inputs, args): (Vec<ValueId>, Vec<ValueId>) = (body.inputs().iter().zip(args))
        .filter(|(input, _)| live[input.index()])
        .unzip();
    let body = body.program(&inputs, body.outputs());
    let region = Region::Call(Recompute::call(Recomputed::Scoped, body.into()));
    let mut found = g.emit_region(region, &args).into_iter();
    let spread = results.iter().map(|y| y.and_then(|_| found.next()));
    spread.collect()
}

/// What is known of the derivative of a loop before it is written.
struct Derived {
    /// The inputs of the body that have a tangent in some step.
    active: Vec<bool>,
    /// The results of the body that have one.
    outputs: Vec<bool>,
    /// A step at its linearisation.
    split: Linearized,
    residuals: Residuals,
}

fn tangent_loop(
    g: &mut Graph,
    r: &Loop,
    operands: &[ValueId],
    tangents: &[Option<ValueId>],
    derived: &Derived,
) -> Vec<Option<ValueId>> {
    let Derived {
        active,
        outputs,
        split,
        residuals,
    } = derived;
    let primal = &split.primal;
    let results = r.body.outputs().len();
    let mut stored = Vec::new();
    let mut count = (r.trips == Trips::Counted).then(|| operands[0]);
    if !residuals.stored.is_empty() || matches!(r.trips, Trips::While(_)) {
        let outputs = [&primal.outputs()[..results], &residuals.stored].concat();
        let keeping = Loop {
            body: primal.program(primal.inputs(), &outputs).into(),
            ..r.clone()
        };
        let all = g.emit_region(Region::Loop(keeping), operands);
        stored = all[results..results + residuals.stored.len()].to_vec();
        if let Trips::While(_) = r.trips {
            count = all.last().copied();
        }
    }
    let mut tangent = Assembly::new(r, count, r.reverse);
    let source = Source {
        r,
        operands,
        program: primal,
        stored: &stored,
        count,
    };
    let mut args = residuals.bring(g, &source, &mut tangent);
    let counts = r.counts();
    for k in positions(active) {
        let operand = counts + k - 1;
        let direction = match tangents[operand] {
            Some(t) => t,
            None => g.constant_like(0.0, operands[operand]),
        };
        args.push(match k - 1 {
            k if k < r.consts => tangent.constant(direction),
            k if k < r.consts + r.carries => tangent.carry(direction),
            _ => tangent.sequence(direction),
        });
    }
    let wanted = positions(outputs);
    let found = tangent.emit(g, |body, inputs| {
        let args: Vec<ValueId> = args.iter().map(|&a| inputs[a]).collect();
        let all = inline(body, &split.tangent, &args);
        wanted.iter().map(|&k| all[k]).collect()
    });
    let mut tangents = spread(outputs, found);
    tangents.resize(r.results_len(), None);
    tangents
}

/// The steps in the other order, each transposed. What the linear part needs of the rest is kept by a loop over the rest alone.
pub(super) fn transpose(r: &Loop, cx: &mut Transpose<'_>) {
    let (operands, linear, cotangents) = (cx.operands, cx.linear, cx.cotangents);
    let counts = r.counts();
    let active = active_inputs(r, linear);
    let outputs = active_outputs(r, &active);
    let body = &r.body;
    // What is carried comes back through every step; of what was kept only that for which something comes.
    let wanted: Vec<usize> = (0..body.outputs().len())
        .filter(|&k| outputs[k] && (k < r.carries || cotangents[k].is_some()))
        .collect();
    let unknown: Vec<ValueId> = positions(&active)
        .iter()
        .map(|&k| body.inputs()[k])
        .collect();
    let ends: Vec<ValueId> = wanted.iter().map(|&k| body.outputs()[k]).collect();
    let kept = body.needed_between(&unknown, &ends);
    let residuals = Residuals::new(r, body, &kept);

    let mut inputs = kept.clone();
    inputs.extend(&unknown);
    // Cotangents of constants are summed up step by step: each puts its own into the sum so far, which it may do in place. Those of what is carried are carried.
    let sums = active[1..=r.consts].iter().filter(|&&a| a).count();
    let step = body.extract(&inputs, &ends);
    let step = cx.transforms.transpose(&step, kept.len(), sums);

    let write = |g: &mut Graph, operands: &[ValueId], cotangents: &[Option<ValueId>]| {
        let (stored, count) = residuals.store(g, r, operands, &active);
        let mut turned = Assembly::new(r, count, !r.reverse);
        let source = Source {
            r,
            operands,
            program: body,
            stored: &stored,
            count,
        };
        let fixed = residuals.bring(g, &source, &mut turned);
        let mut sums = Vec::new();
        let mut back = Vec::new();
        for k in positions(&active) {
            let operand = operands[counts + k - 1];
            let k = k - 1;
            if k < r.consts {
                let zero = g.constant_like(0.0, operand);
                sums.push(turned.carry(zero));
            } else if k < r.consts + r.carries {
                let arrives = cotangents[k - r.consts];
                let arrives = arrives.unwrap_or_else(|| g.constant_like(0.0, operand));
                back.push(turned.carry(arrives));
            }
        }
        let mut args = [fixed, back].concat();
        for &k in wanted.iter().filter(|&&k| k >= r.carries) {
            if let Some(ct) = cotangents[k] {
                args.push(turned.sequence(ct));
            }
        }
        args.extend(sums);
        let results = turned.emit(g, |body, inputs| {
            let args: Vec<ValueId> = args.iter().map(|&a| inputs[a]).collect();
            inline(body, &step, &args)
        });
        results.into_iter().map(Some).collect()
    };
    let results = in_local(cx.graph, r, &residuals, operands, cotangents, write);
    let places = positions(&active).into_iter().map(|k| counts + k - 1);
    for (k, ct) in places.zip(results.into_iter().flatten()) {
        if linear[k] {
            cx.give(k, ct);
        }
    }
}
