//! What a linear loop needs of the one before it, and where it finds that.

use super::builder::{Assembly, INDEX};
use super::{Loop, Trips};
use crate::graph::{Graph, ValueId};
use crate::primitives::Compare;
use crate::primitives::region::Region;
use crate::primitives::region::activity::positions;
use crate::primitives::region::programs::inline;
use crate::primitives::region::rows::gate_all;

enum Place {
    /// The same in all steps.
    Constant(ValueId),
    /// The item of this sequence of the loop.
    Sequence(usize),
    /// The number of the step.
    Index,
    /// Kept by each step, in this place.
    Stored(usize),
}

/// A loop that has been appended, whose values another one needs.
pub(super) struct Source<'a> {
    pub r: &'a Loop,
    pub operands: &'a [ValueId],
    /// What computes the values from the inputs of the body.
    pub program: &'a Graph,
    /// The sequences that it kept.
    pub stored: &'a [ValueId],
    /// The number of steps if it is not fixed.
    pub count: Option<ValueId>,
}

/// Values of a body that a linear loop needs, each with the place where it finds them.
pub(super) struct Residuals {
    places: Vec<Place>,
    /// Those that the steps must keep.
    pub stored: Vec<ValueId>,
    /// What is carried but never changes.
    unchanged: Vec<usize>,
}

impl Residuals {
    /// Of `program`, which has the inputs of the body of `r`, these nodes.
    pub fn new(r: &Loop, program: &Graph, nodes: &[ValueId]) -> Residuals {
        let inputs = program.inputs();
        let first = 1 + r.consts;
        let unchanged: Vec<usize> = (0..r.carries)
            .filter(|&k| program.outputs()[k] == inputs[first + k])
            .collect();
        let varying: Vec<ValueId> = (0..inputs.len())
            .filter(|&k| k == 0 || k >= first && !unchanged.contains(&(k - first)))
            .map(|k| inputs[k])
            .collect();
        let varies = program.dependents_of(&varying);
        // What may fail must not run before a loop that may make no step.
        let late = match r.trips {
            Trips::Fixed(n) if n > 0 => vec![false; program.len()],
            _ => {
                let failing = program.ids().filter(|&id| program.maker(id).op.may_fail());
                program.dependents_of(&failing.collect::<Vec<_>>())
            }
        };
        let mut stored = Vec::new();
        let places = nodes.iter().map(|&node| {
            let input = inputs.iter().position(|&i| i == node);
            match input {
                _ if !varies[node.index()] && !late[node.index()] => Place::Constant(node),
                Some(0) => Place::Index,
                Some(k) if k >= first + r.carries => Place::Sequence(k - first - r.carries),
                _ => {
                    stored.push(node);
                    Place::Stored(stored.len() - 1)
                }
            }
        });
        let places = places.collect();
        Residuals {
            places,
            stored,
            unchanged,
        }
    }

    /// Brings them into another loop. Their handles there.
    pub fn bring(&self, g: &mut Graph, from: &Source<'_>, into: &mut Assembly) -> Vec<usize> {
        let &Source {
            r,
            operands,
            program,
            stored,
            count,
        } = from;
        let operands = &operands[r.counts()..];
        let constants: Vec<ValueId> = self
            .places
            .iter()
            .filter_map(|p| match p {
                Place::Constant(node) => Some(*node),
                _ => None,
            })
            .collect();
        let known = (0..r.consts).chain(self.unchanged.iter().map(|k| r.consts + k));
        let known: Vec<usize> = known.collect();
        let inputs: Vec<ValueId> = known.iter().map(|k| program.inputs()[1 + k]).collect();
        let mut args: Vec<ValueId> = known.iter().map(|&k| operands[k]).collect();
        let program = program.extract(&inputs, &constants);
        // A loop of no step does not use them, and must not be spoilt by their slopes.
        if let Some(count) = count {
            let zero = g.constant_like(0.0, count);
            let any = g.compare(Compare::Lt, zero, count);
            gate_all(g, any, &program, &mut args);
        }
        let mut constants = inline(g, &program, &args).into_iter();
        let place = |p: &Place| match *p {
            Place::Constant(_) => match constants.next() {
                Some(value) => into.constant(value),
                None => unreachable!("one value for each constant"),
            },
            Place::Sequence(k) => into.sequence(operands[r.consts + r.carries + k]),
            Place::Index => INDEX,
            Place::Stored(k) => into.sequence(stored[k]),
        };
        self.places.iter().map(place).collect()
    }

    /// For a loop that is linear in what is `active`: appends one over all the rest that keeps them, if any must be kept; what it kept, and the number of steps
    /// if it is not fixed.
    pub fn store(
        &self,
        g: &mut Graph,
        r: &Loop,
        operands: &[ValueId],
        active: &[bool],
    ) -> (Vec<ValueId>, Option<ValueId>) {
        let count = (r.trips == Trips::Counted).then(|| operands[0]);
        let conditional = matches!(r.trips, Trips::While(_));
        if self.stored.is_empty() && !conditional {
            return (Vec::new(), count);
        }
        let known: Vec<bool> = active.iter().map(|a| !a).collect();
        let inputs: Vec<ValueId> = positions(&known)
            .iter()
            .map(|&k| r.body.inputs()[k])
            .collect();
        let first = 1 + r.consts;
        let carried: Vec<usize> = (0..r.carries).filter(|&k| known[first + k]).collect();
        let mut outputs: Vec<ValueId> = carried.iter().map(|&k| r.body.outputs()[k]).collect();
        outputs.extend(&self.stored);
        let trips = match &r.trips {
            Trips::While(condition) => {
                let inputs = positions(&known[..first + r.carries]);
                let inputs: Vec<ValueId> = inputs.iter().map(|&k| condition.inputs()[k]).collect();
                Trips::While(condition.extract(&inputs, condition.outputs()).into())
            }
            other => other.clone(),
        };
        let rest = Loop {
            trips,
            reverse: r.reverse,
            consts: known[1..first].iter().filter(|&&k| k).count(),
            carries: carried.len(),
            body: r.body.extract(&inputs, &outputs).into(),
        };
        let mut args: Vec<ValueId> = count.into_iter().collect();
        args.extend(
            positions(&known)[1..]
                .iter()
                .map(|k| operands[r.counts() + k - 1]),
        );
        let results = g.emit_region(Region::Loop(rest), &args);
        let stored = results[carried.len()..carried.len() + self.stored.len()].to_vec();
        let count = if conditional {
            results.last().copied()
        } else {
            count
        };
        (stored, count)
    }
}
