//! Choices: the derivative of the branch that runs.

use super::packing::Packing;
use super::rows::SomeRows;
use super::{batched_to, inline, positions, reached, reordered};
use crate::{linearize, transpose_linear};
use gradus_ir::primitives::{Body, Compare, Region, Switch};
use gradus_ir::{Graph, Literal, Op, Type, ValueId};
use std::collections::HashMap;

/// The branches run again, and also keep what their derivatives need, each in slots that all branches share.
pub(super) fn jvp(
    g: &mut Graph,
    switch: &Switch,
    operands: &[ValueId],
    tangents: &[Option<ValueId>],
) -> Vec<Option<ValueId>> {
    // What is run again must not show again what the original shows.
    let switch = &switch.without_effects();
    let (index, args) = (operands[0], &operands[1..]);
    let active: Vec<bool> = tangents[1..].iter().map(Option::is_some).collect();
    let results = switch.branches[0].outputs().len();
    let mut outputs = vec![false; results];
    for branch in &switch.branches {
        for (y, reached) in outputs.iter_mut().zip(reached(branch, &active)) {
            *y |= reached;
        }
    }
    if !outputs.contains(&true) {
        return vec![None; results];
    }
    let wrt = positions(&active);
    let split: Vec<_> = switch.branches.iter().map(|b| linearize(b, &wrt)).collect();
    // A slot for as many residuals of a type as some branch has.
    let mut slots: Vec<Type> = Vec::new();
    let mut of_type: HashMap<Type, Vec<usize>> = HashMap::new();
    let mut places: Vec<Vec<Place>> = Vec::new();
    for branch in &split {
        // How many slots of each type the branch has taken.
        let mut taken: HashMap<&Type, usize> = HashMap::new();
        let kept = &branch.primal.outputs()[results..];
        let places_of_branch = kept.iter().map(|&r| {
            if let Op::Input(k) = branch.primal.maker(r).op {
                return Place::Argument(k as usize);
            }
            let ty = branch.primal.ty(r);
            let taken = taken.entry(ty).or_default();
            if !of_type.contains_key(ty) {
                of_type.insert(ty.clone(), Vec::new());
            }
            let all = of_type.get_mut(ty).expect("it was made");
            if *taken == all.len() {
                all.push(slots.len());
                slots.push(ty.clone());
            }
            *taken += 1;
            Place::Slot(all[*taken - 1])
        });
        places.push(places_of_branch.collect());
    }
    let packing = Packing::of(slots);
    let keeping = split.iter().zip(&places).map(|(branch, places)| {
        let mut body = branch.primal.clone();
        let all = body.outputs().to_vec();
        let mut outputs = all[..results].to_vec();
        let mut holders: Vec<Option<ValueId>> = vec![None; packing.len()];
        for (place, &value) in places.iter().zip(&all[results..]) {
            if let Place::Slot(s) = *place {
                holders[s] = Some(value);
            }
        }
        outputs.extend(packing.pack(&mut body, &holders));
        Body::from(body.program(body.inputs(), &outputs))
    });
    let keeping = Region::Switch(Switch {
        branches: keeping.collect(),
    });
    let kept = g.emit_region(keeping, operands).split_off(results);

    let tangent_types: Vec<Type> = wrt.iter().map(|&k| g.ty(args[k]).clone()).collect();
    let arg_types: Vec<Type> = args.iter().map(|&a| g.ty(a).clone()).collect();
    let linear = split.iter().zip(&places).map(|(branch, places)| {
        let mut body = Graph::new();
        let args: Vec<ValueId> = arg_types.iter().map(|t| body.input(t.clone())).collect();
        let arrays = packing.types().into_iter();
        let arrays: Vec<ValueId> = arrays.map(|t| body.input(t)).collect();
        let directions = tangent_types.iter().map(|t| body.input(t.clone()));
        let directions: Vec<ValueId> = directions.collect();
        let residuals = places.iter().map(|p| match *p {
            Place::Argument(k) => args[k],
            Place::Slot(s) => packing.unpack(&mut body, &arrays, s),
        });
        let residuals: Vec<ValueId> = residuals.collect();
        let given: Vec<ValueId> = residuals.into_iter().chain(directions).collect();
        let results = inline(&mut body, &branch.tangent, &given);
        body.set_outputs(
            positions(&outputs)
                .into_iter()
                .map(|k| results[k])
                .collect(),
        );
        Body::from(body)
    });
    let linear = Region::Switch(Switch {
        branches: linear.collect(),
    });
    let mut given = vec![index];
    given.extend(args);
    given.extend(kept);
    given.extend(tangents.iter().flatten());
    let mut tangents = g.emit_region(linear, &given).into_iter();
    let spread = outputs
        .iter()
        .map(|&y| if y { tangents.next() } else { None });
    spread.collect()
}

/// Where a branch finds a value that its derivative needs.
#[derive(Clone, Copy)]
enum Place {
    Argument(usize),
    Slot(usize),
}

pub(super) fn transpose(
    g: &mut Graph,
    switch: &Switch,
    operands: &[ValueId],
    linear: &[bool],
    cotangents: &[Option<ValueId>],
) -> Vec<(usize, ValueId)> {
    let (index, args, linear) = (operands[0], &operands[1..], &linear[1..]);
    let known: Vec<usize> = (0..args.len()).filter(|&k| !linear[k]).collect();
    let unknown = positions(linear);
    let given = (0..cotangents.len()).filter(|&k| cotangents[k].is_some());
    let given: Vec<usize> = given.collect();
    let order = [known.as_slice(), &unknown].concat();
    let turned = switch
        .branches
        .iter()
        .map(|branch| transpose_linear(&reordered(branch, &order, &given), known.len()).into());
    let turned = Region::Switch(Switch {
        branches: turned.collect(),
    });
    let mut all = vec![index];
    all.extend(known.iter().map(|&k| args[k]));
    all.extend(cotangents.iter().flatten());
    let results = g.emit_region(turned, &all);
    unknown.iter().map(|k| k + 1).zip(results).collect()
}

/// If rows choose differently, all branches run and each row takes its own; in the others [nothing happens to it](super::rows).
pub(super) fn batch(
    g: &mut Graph,
    switch: &Switch,
    operands: &[ValueId],
    batched: &[bool],
    n: usize,
) -> Vec<(ValueId, bool)> {
    let (index, args) = (operands[0], &operands[1..]);
    if !batched[0] {
        let results = switch.branches[0].outputs().len();
        let mut with_axis = vec![false; results];
        for branch in &switch.branches {
            let (_, of_branch) = crate::batch(branch, n, &batched[1..]);
            for (all, one) in with_axis.iter_mut().zip(of_branch) {
                *all |= one;
            }
        }
        let branches = switch.branches.iter();
        let branches = branches.map(|b| batched_to(b, n, &batched[1..], &with_axis).into());
        let region = Region::Switch(Switch {
            branches: branches.collect(),
        });
        let results = g.emit_region(region, operands);
        return results.into_iter().zip(with_axis).collect();
    }
    let all = vec![true; switch.branches[0].outputs().len()];
    let last = switch.branches.len() - 1;
    let mut chosen: Option<Vec<ValueId>> = None;
    for (k, branch) in switch.branches.iter().enumerate().rev() {
        let taken = taken(g, index, k, last);
        let some = SomeRows::new(branch, &batched[1..]);
        let inputs = some.inputs(g, taken, args);
        let body = batched_to(&some.body, n, &some.differs, &all);
        let results = inline(g, &body, &inputs);
        chosen = Some(match chosen {
            None => results,
            Some(others) => {
                let pairs = results.into_iter().zip(others);
                pairs.map(|(a, b)| select_rows(g, taken, a, b)).collect()
            }
        });
    }
    chosen
        .unwrap_or_default()
        .into_iter()
        .map(|y| (y, true))
        .collect()
}

/// Which rows take branch `k`; an index out of range counts as the nearest one.
fn taken(g: &mut Graph, index: ValueId, k: usize, last: usize) -> ValueId {
    if last == 0 {
        let n = g.shape(index)[0];
        return g.constant(Literal::from_bool(true), &[n]);
    }
    let number = g.constant_like(k as f64, index);
    match k {
        0 => g.compare(Compare::Le, index, number),
        k if k == last => g.compare(Compare::Le, number, index),
        _ => g.compare(Compare::Eq, index, number),
    }
}

/// For each row `a` where `condition` holds, else `b`.
pub(super) fn select_rows(g: &mut Graph, condition: ValueId, a: ValueId, b: ValueId) -> ValueId {
    let shape = g.shape(a).to_vec();
    let condition = g.broadcast(condition, &shape, &[0]);
    g.select(condition, a, b)
}
