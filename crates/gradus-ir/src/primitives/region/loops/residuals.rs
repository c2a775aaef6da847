//! The residuals that a linear loop needs from the loop before it, and their places.

use super::builder::{Handle, Inputs, LoopBuilder};
use super::{Loop, Trips};
use crate::graph::{Graph, ValueId};
use crate::primitives::Compare;
use crate::primitives::region::rows::gate_all;

enum Place {
    /// A value that is the same in all steps.
    Constant(ValueId),
    /// This input of the body, an item of a sequence.
    Sequence(usize),
    /// The number of the step.
    Index,
    /// A value that each step keeps, at this position.
    Stored(usize),
}

/// A loop that has been appended and whose values another loop needs.
pub(super) struct Source<'a> {
    pub r: &'a Loop,
    pub operands: &'a [ValueId],
    /// The program that computes the values from the inputs of the body.
    pub program: &'a Graph,
    /// The sequences that the loop kept.
    pub stored: &'a [ValueId],
    /// The number of steps if it is not fixed.
    pub count: Option<ValueId>,
}

/// The values of a body that a linear loop needs, each with its place.
pub(super) struct Residuals {
    places: Vec<Place>,
    /// The values that the steps must keep.
    pub stored: Vec<ValueId>,
    /// The inputs of the body that are carries and never change.
    unchanged: Vec<usize>,
}

impl Residuals {
    /// The residuals `values` of `program`, which has the inputs of the body of `r`.
    pub fn new(r: &Loop, program: &Graph, values: &[ValueId]) -> Residuals {
        let inputs = program.inputs();
        let places = r.inputs();
        let hands_on = |k: &usize| {
            let output = program.outputs()[k - places.carries.start];
            output == inputs[*k]
        };
        let unchanged: Vec<usize> = places.carries.clone().filter(hands_on).collect();
        let same = |k: &usize| places.consts.contains(k) || unchanged.contains(k);
        let varying = (0..inputs.len()).filter(|k| !same(k)).map(|k| inputs[k]);
        let varies = program.dependents_of(&varying.collect::<Vec<_>>());
        // A node that can fail must not run before a loop that might make no step.
        let late = match r.trips {
            Trips::Fixed(n) if n > 0 => vec![false; program.len()],
            _ => {
                let failing = program.ids().filter(|&id| program.maker(id).op.may_fail());
                program.dependents_of(&failing.collect::<Vec<_>>())
            }
        };
        let mut stored = Vec::new();
        let found = values.iter().map(|&value| {
            let input = inputs.iter().position(|&i| i == value);
            match input {
                _ if !varies[value.index()] && !late[value.index()] => Place::Constant(value),
                Some(Loop::INDEX) => Place::Index,
                Some(k) if places.sequences.contains(&k) => Place::Sequence(k),
                _ => {
                    stored.push(value);
                    Place::Stored(stored.len() - 1)
                }
            }
        });
        let found = found.collect();
        Residuals {
            places: found,
            stored,
            unchanged,
        }
    }

    /// Brings the residuals into another loop, and returns their handles there.
    pub fn bring(&self, g: &mut Graph, from: &Source<'_>, into: &mut LoopBuilder) -> Vec<Handle> {
        let &Source {
            r,
            operands,
            program,
            stored,
            count,
        } = from;
        let constants = self.places.iter().filter_map(|p| match p {
            Place::Constant(value) => Some(*value),
            _ => None,
        });
        let constants: Vec<ValueId> = constants.collect();
        let known = r.operands_of(r.inputs().consts.chain(self.unchanged.iter().copied()));
        let (inputs, mut args): (Vec<ValueId>, Vec<ValueId>) = known
            .map(|(k, operand)| (program.inputs()[k], operands[operand]))
            .unzip();
        let program = program.extract(&inputs, &constants);
        // A loop without a step does not use them, and their slopes must not spoil its derivative.
        if let Some(count) = count {
            let zero = g.constant_like(0.0, count);
            let any = g.compare(Compare::Lt, zero, count);
            gate_all(g, any, &program, &mut args);
        }
        let mut constants = g.emit_inline(&program, &args).into_iter();
        let place = |p: &Place| match *p {
            Place::Constant(_) => constants.next().map(|value| into.constant(value)),
            Place::Sequence(k) => r.operand_of(k).map(|k| into.sequence(operands[k])),
            Place::Index => Some(Handle::INDEX),
            Place::Stored(k) => Some(into.sequence(stored[k])),
        };
        let handles: Option<Vec<Handle>> = self.places.iter().map(place).collect();
        handles.expect("each constant has a value, each sequence an operand")
    }

    /// For a loop that is linear in the `active` inputs: appends a loop over the nonlinear part that keeps the
    /// residuals, if any must be kept. Returns the kept values, and the number of steps if it is not fixed.
    pub fn store(
        &self,
        g: &mut Graph,
        r: &Loop,
        operands: &[ValueId],
        active: &[bool],
    ) -> (Vec<ValueId>, Option<ValueId>) {
        let count = r.count().map(|count| operands[count]);
        if self.stored.is_empty() && r.steps().is_none() {
            return (Vec::new(), count);
        }
        let places = r.inputs();
        let mut rest = LoopBuilder::like(r, count);
        // The inputs of the body that remain, with their handles there.
        let mut known = vec![(Loop::INDEX, Handle::INDEX)];
        let mut outputs = Vec::new();
        for (k, operand) in r.operands_of((0..active.len()).filter(|&k| !active[k])) {
            let operand = operands[operand];
            let handle = if places.consts.contains(&k) {
                rest.constant(operand)
            } else if places.carries.contains(&k) {
                outputs.push(r.body.outputs()[k - places.carries.start]);
                rest.carry(operand)
            } else {
                rest.sequence(operand)
            };
            known.push((k, handle));
        }
        let first = outputs.len();
        outputs.extend(&self.stored);
        // The part of a program of the loop that depends on the remaining inputs.
        let write = |program: &Graph, wanted: &[ValueId], g: &mut Graph, inputs: &Inputs| {
            let known = known.iter().filter(|(k, _)| *k < program.inputs().len());
            let (own, args): (Vec<ValueId>, Vec<ValueId>) = known
                .map(|&(k, handle)| (program.inputs()[k], inputs[handle]))
                .unzip();
            g.emit_inline(&program.extract(&own, wanted), &args)
        };
        let results = rest.emit_while(
            g,
            |g, inputs| match &r.trips {
                Trips::While(c) => write(c, c.outputs(), g, inputs)[0],
                _ => unreachable!("it has no condition"),
            },
            |g, inputs| write(&r.body, &outputs, g, inputs),
        );
        let stored = results[first..first + self.stored.len()].to_vec();
        let steps = r.steps().and_then(|_| results.last().copied());
        (stored, count.or(steps))
    }
}
