//! Derivatives of loops: the derivative of a loop is a linear loop over the residuals of its steps.
//! The backward pass takes the steps in reverse order.

use super::builder::LoopBuilder;
use super::residuals::{Residuals, Source};
use super::{Loop, Trips};
use crate::graph::{Graph, ValueId};
use crate::primitives::region::activity::{positions, reached, spread};
use crate::primitives::region::{Body, Recompute, Recomputed, Region};
use crate::primitives::{Jvp, Linearized, Transpose};

/// The inputs of the body that have a tangent in some step, if these operands have one in the first step.
/// Carries pass tangents on.
pub(super) fn active_inputs(r: &Loop, operands: &[bool]) -> Vec<bool> {
    let mut active = vec![false];
    active.extend(&operands[r.operands().consts.start..]);
    let carries = r.inputs().carries;
    loop {
        let outputs = reached(&r.body, &active);
        let mut more = false;
        for (input, reached) in active[carries.clone()].iter_mut().zip(outputs) {
            more |= reached && !*input;
            *input |= reached;
        }
        if !more {
            return active;
        }
    }
}

/// For each output of the body, whether it has a tangent in some step.
fn active_outputs(r: &Loop, active: &[bool]) -> Vec<bool> {
    let mut outputs = reached(&r.body, active);
    // In the first step a carry has the incoming tangent.
    outputs[r.outputs().carries].copy_from_slice(&active[r.inputs().carries]);
    outputs
}

/// The loop runs again, and also keeps the residuals that the derivatives of its steps need;
/// a second, linear loop runs over these. The first loop replaces the original later.
pub(super) fn jvp(r: &Loop, cx: &mut Jvp<'_>) -> Vec<Option<ValueId>> {
    let (operands, tangents) = (cx.operands, cx.tangents);
    if r.trips == Trips::Fixed(0) {
        // Carries pass their tangents on.
        let mut passed = tangents[r.operands().carries].to_vec();
        passed.resize(cx.results.len(), None);
        return passed;
    }
    // A loop that runs again, and can stay beside the original, must not show values again.
    let r = &r.map(Body::without_effects);
    let given: Vec<bool> = tangents.iter().map(Option::is_some).collect();
    let active = active_inputs(r, &given);
    let outputs = active_outputs(r, &active);
    if !outputs.contains(&true) {
        return vec![None; cx.results.len()];
    }
    let split = cx.transforms.linearize(&r.body, &positions(&active));
    // The residuals come after the outputs of the body.
    let kept = &split.primal.outputs()[r.outputs().kept.end..];
    let residuals = Residuals::new(r, &split.primal, kept);
    let derived = Derived {
        active,
        outputs,
        split,
        residuals,
    };
    let keeps = &derived.residuals;
    in_scope(
        cx.graph,
        r,
        keeps,
        operands,
        tangents,
        |g, operands, tangents| tangent_loop(g, r, operands, tangents, &derived),
    )
}

/// Appends the result of `write` for operands and their tangents.
/// Lists must not leave the program that makes them.
/// If residuals become lists, they get a program of their own, unless this one is such a program already.
fn in_scope(
    g: &mut Graph,
    r: &Loop,
    residuals: &Residuals,
    operands: &[ValueId],
    with: &[Option<ValueId>],
    write: impl FnOnce(&mut Graph, &[ValueId], &[Option<ValueId>]) -> Vec<Option<ValueId>>,
) -> Vec<Option<ValueId>> {
    let has_lists = !r.outputs().kept.is_empty() || !r.inputs().sequences.is_empty();
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
    // Only the types of linear operands are needed.
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

/// The parts of a loop's derivative that are determined before it is written.
struct Derived {
    /// The inputs of the body that have a tangent in some step.
    active: Vec<bool>,
    /// The results of the body that have a tangent.
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
    let mut stored = Vec::new();
    let mut count = r.count().map(|count| operands[count]);
    if !residuals.stored.is_empty() || r.steps().is_some() {
        let results = r.outputs().kept.end;
        let outputs = [&primal.outputs()[..results], &residuals.stored].concat();
        let keeping = Loop {
            body: primal.program(primal.inputs(), &outputs).into(),
            ..r.clone()
        };
        let steps = keeping.steps();
        let all = g.emit_region(Region::Loop(keeping), operands);
        stored = all[results..results + residuals.stored.len()].to_vec();
        count = count.or(steps.map(|steps| all[steps]));
    }
    let mut tangent = LoopBuilder::like(r, count);
    let source = Source {
        r,
        operands,
        program: primal,
        stored: &stored,
        count,
    };
    let mut args = residuals.bring(g, &source, &mut tangent);
    let inputs = r.inputs();
    for (k, operand) in r.operands_of(positions(active)) {
        let direction = match tangents[operand] {
            Some(t) => t,
            None => g.constant_like(0.0, operands[operand]),
        };
        args.push(match k {
            k if inputs.consts.contains(&k) => tangent.constant(direction),
            k if inputs.carries.contains(&k) => tangent.carry(direction),
            _ => tangent.sequence(direction),
        });
    }
    let wanted = positions(outputs);
    let found = tangent.emit(g, |body, inputs| {
        let all = body.emit_inline(&split.tangent, &inputs.all(&args));
        wanted.iter().map(|&k| all[k]).collect()
    });
    let mut tangents = spread(outputs, found);
    tangents.resize(r.results_len(), None);
    tangents
}

/// The steps in reverse order, each transposed.
/// A loop over the nonlinear part keeps the residuals that the linear part needs.
pub(super) fn transpose(r: &Loop, cx: &mut Transpose<'_>) {
    let (operands, linear, cotangents) = (cx.operands, cx.linear, cx.cotangents);
    let active = active_inputs(r, linear);
    let body = &r.body;
    let outputs = active_outputs(r, &active);
    let (inputs, leaving) = (r.inputs(), r.outputs());
    // Carries pass back through every step; kept items only if they have a cotangent.
    let mut wanted = positions(&outputs);
    wanted.retain(|k| leaving.carries.contains(k) || cotangents[*k].is_some());
    let varying: Vec<(usize, usize)> = r.operands_of(positions(&active)).collect();
    let varying_inputs: Vec<ValueId> = varying.iter().map(|&(k, _)| body.inputs()[k]).collect();
    let ends: Vec<ValueId> = wanted.iter().map(|&k| body.outputs()[k]).collect();
    let kept = body.needed_between(&varying_inputs, &ends);
    let residuals = Residuals::new(r, body, &kept);

    // Cotangents of constants are summed up step by step:
    // each step adds its own to the sum so far, in place if possible. Cotangents of carries are carried.
    let step = body.extract(&[&kept[..], &varying_inputs].concat(), &ends);
    let sums = inputs.consts.clone().filter(|&k| active[k]).count();
    let step = cx.transforms.transpose(&step, kept.len(), sums);

    let write = |g: &mut Graph, operands: &[ValueId], cotangents: &[Option<ValueId>]| {
        let (stored, count) = residuals.store(g, r, operands, &active);
        let mut transposed = LoopBuilder::like(r, count).reversed();
        let source = Source {
            r,
            operands,
            program: body,
            stored: &stored,
            count,
        };
        let mut args = residuals.bring(g, &source, &mut transposed);
        let mut sums = Vec::new();
        for &(k, operand) in &varying {
            let operand = operands[operand];
            if inputs.consts.contains(&k) {
                let zero = g.constant_like(0.0, operand);
                sums.push(transposed.carry(zero));
            } else if inputs.carries.contains(&k) {
                let arrives = cotangents[k - inputs.carries.start];
                let arrives = arrives.unwrap_or_else(|| g.constant_like(0.0, operand));
                args.push(transposed.carry(arrives));
            }
        }
        let of_kept = wanted.iter().filter(|k| leaving.kept.contains(k));
        let of_kept = of_kept.filter_map(|&k| cotangents[k]);
        args.extend(of_kept.map(|ct| transposed.sequence(ct)));
        args.extend(sums);
        let results = transposed.emit(g, |body, inputs| {
            body.emit_inline(&step, &inputs.all(&args))
        });
        results.into_iter().map(Some).collect()
    };
    let results = in_scope(cx.graph, r, &residuals, operands, cotangents, write);
    for (&(_, k), ct) in varying.iter().zip(results.into_iter().flatten()) {
        if linear[k] {
            cx.give(k, ct);
        }
    }
}
