//! Loops: a body that runs repeatedly on its own results.
//!
//! The derivative of a loop is the same loop, which also keeps the values that the derivatives of its steps need,
//! and a linear loop over these values. Transposition makes the linear loop take the steps in reverse order.
//! Values that are the same in all steps are not kept; items of a sequence are read again.
//! A loop of unknown length keeps items of its steps in *lists*, which only loops read. Lists never enter or leave a
//! program, so such a derivative is one call (`Recomputed::Scoped`), dissolved when nothing more is differentiated.

mod batch;
mod builder;
mod derivative;
mod layout;
mod list;
mod residuals;

pub use builder::{Handle, Inputs, LoopBuilder, Steps};
pub use layout::{Entering, Leaving};
pub use list::add_lists;

use super::super::{Batch, Cost, Jvp, Linearity, LinearityCheck, PerResult, Primitive, Transpose};
use super::guard::{Guard, inside};
use super::{Bodies, Body, BodyName, HoldsPrograms, Region, as_one, takes, with_bodies};
use crate::attributes::Attributes;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, Types, ValueId};
use crate::linearity::nonlinearity;
use crate::types::{DType, LONGEST, Literal, Type};
use smallvec::{SmallVec, smallvec};

/// The number of steps of a loop.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Trips {
    /// A fixed number of steps.
    Fixed(usize),
    /// The number in the first operand, an i64 number; no step if it is negative.
    Counted,
    /// Steps continue as long as this program of the body's inputs, without items, returns true.
    /// The last result is the number of steps.
    While(Body),
}

/// A body that runs repeatedly.
/// Its methods name the [positions](Loop::operands) of operands, inputs, outputs and results.
///
/// The body gets the number of the step (an i64 number), the constants,
/// the carries, and its item of each sequence. It returns the carries of the next step, and items to keep.
///
/// Operands: the number of steps if it is [counted](Trips::Counted),
/// constants, carries of the first step, sequences.
/// Results: carries of the last step, kept items as sequences,
/// and for [`While`](Trips::While) the number of steps.
/// If the number of steps is fixed, a sequence is an array with a leading axis, one item per step;
/// otherwise it is a [list](crate::Form::List).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Loop {
    /// The number of steps.
    pub trips: Trips,
    /// Whether the steps go from the last to the first. Step numbers and items keep their positions.
    pub reverse: bool,
    /// The number of operands that are the same in all steps.
    pub consts: usize,
    /// The number of carried values.
    pub carries: usize,
    /// One step.
    pub body: Body,
}

impl Loop {
    /// The sequence of items of type `item`.
    pub fn sequence(&self, item: &Type) -> Type {
        match self.trips {
            Trips::Fixed(n) => item.batched(n),
            _ => item.listed(),
        }
    }

    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<Loop>> {
        if !["scan", "for", "while"].contains(&name) {
            return None;
        }
        let read = || {
            Ok(Loop {
                trips: match name {
                    "scan" => Trips::Fixed(a.get_size(name, "length")?),
                    "for" => Trips::Counted,
                    _ => Trips::While(a.get_graph(name, "condition")?),
                },
                reverse: a.has("reverse") && a.get_int(name, "reverse")? != 0,
                consts: a.get_size(name, "consts")?,
                carries: a.get_size(name, "carries")?,
                body: a.get_graph(name, "body")?,
            })
        };
        Some(read())
    }

    /// The types of the results.
    fn result_types(&self) -> Types {
        let mut types = self.body.output_types();
        for item in &mut types[self.outputs().kept] {
            *item = self.sequence(item);
        }
        types.extend(self.steps().map(|_| Type::scalar(DType::I64)));
        types.into()
    }

    /// The same loop with each program changed: the condition and the body.
    fn map(&self, mut change: impl FnMut(&Body) -> Body) -> Loop {
        let trips = match &self.trips {
            Trips::While(condition) => Trips::While(change(condition)),
            other => other.clone(),
        };
        Loop {
            trips,
            body: change(&self.body),
            ..self.clone()
        }
    }

    /// Checks that bodies and operands fit together. The layout is only valid after the first checks.
    fn check(&self, operands: &[&Type]) -> Result<()> {
        let fail = |message: String| self.fail(message);
        let counter = Type::scalar(DType::I64);
        if let Trips::Fixed(n) = self.trips
            && n > LONGEST
        {
            return fail(format!("{n} steps are more than can be counted"));
        }
        let counts = usize::from(self.count().is_some());
        let entering = self.consts.saturating_add(self.carries);
        let mut arrays = operands.iter().take(counts.saturating_add(entering));
        if let Some(list) = arrays.find(|t| t.is_list()) {
            return fail(format!(
                "takes arrays, and {list} is a list, which loops read as a sequence and nothing else does"
            ));
        }
        let inputs = self.body.inputs().len();
        if operands.len() < counts.saturating_add(entering) || inputs != operands.len() - counts + 1
        {
            let given = operands.len();
            return fail(format!("{given} operands for a body of {inputs} inputs"));
        }
        if let Some(count) = self.count()
            && *operands[count] != counter
        {
            let given = operands[count];
            return fail(format!("the number of steps is {given}, not {counter}"));
        }
        let places = self.operands();
        let mut wanted = vec![counter];
        let same = &operands[places.consts.start..places.carries.end];
        wanted.extend(same.iter().map(|&t| t.clone()));
        if let Trips::While(condition) = &self.trips {
            self.check_condition(condition, &wanted)?;
        }
        for &sequence in &operands[places.sequences] {
            wanted.push(match (&self.trips, sequence.is_list()) {
                (Trips::Fixed(n), false) if sequence.shape.first() == Some(n) => {
                    sequence.with_shape(&sequence.shape[1..])
                }
                (Trips::Counted, true) => sequence.item(),
                _ => {
                    return fail(format!(
                        "{sequence} is not a sequence with an item for each step"
                    ));
                }
            });
        }
        takes(self.name(), "the body", &self.body, &wanted)?;
        let carried = &wanted[self.inputs().carries];
        let outputs = self.body.output_types();
        if outputs.len() < self.carries || outputs[..self.carries] != *carried {
            return fail(format!(
                "the body carries {carried:?} in and returns {outputs:?}"
            ));
        }
        match outputs[self.outputs().kept].iter().find(|t| t.is_list()) {
            Some(list) => fail(format!("{list} cannot be kept: it is a list already")),
            None => Ok(()),
        }
    }

    fn check_condition(&self, condition: &Body, wanted: &[Type]) -> Result<()> {
        takes(self.name(), "the condition", condition, wanted)?;
        let outputs = condition.output_types();
        if outputs != [Type::scalar(DType::Bool)] {
            return self.fail(format!(
                "the condition returns {outputs:?}, not one boolean"
            ));
        }
        if self.reverse {
            return self.fail("a loop with a condition has no last step to begin with".into());
        }
        Ok(())
    }

    fn fail(&self, message: String) -> Result<()> {
        let message = format!("{}: {message}", self.name());
        Err(Error::new(ErrorKind::Graph, message))
    }
}

/// The rules are in `derivative.rs` and `batch.rs`.
impl Primitive for Loop {
    fn name(&self) -> &'static str {
        match self.trips {
            Trips::Fixed(_) => "scan",
            Trips::Counted => "for",
            Trips::While(_) => "while",
        }
    }

    fn attributes(&self) -> Attributes {
        let mut a = Attributes::default()
            .int("consts", self.consts as i64)
            .int("carries", self.carries as i64);
        if let Trips::Fixed(n) = self.trips {
            a = a.int("length", n as i64);
        }
        if self.reverse {
            a = a.int("reverse", 1);
        }
        with_bodies(a, &self.bodies())
    }

    fn results(&self, operands: &[&Type]) -> Result<Types> {
        self.check(operands)?;
        Ok(self.result_types())
    }

    fn jvp(&self, cx: &mut Jvp<'_>) -> PerResult<Option<ValueId>> {
        derivative::jvp(self, cx).into_iter().collect()
    }

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        derivative::transpose(self, cx);
        Linearity::Linear
    }

    fn is_linear(&self, cx: &mut LinearityCheck<'_>) -> bool {
        let active = derivative::active_inputs(self, cx.linear);
        let decides = match &self.trips {
            Trips::While(condition) => {
                let marked = condition.inputs().iter().zip(&active);
                let sources = marked.filter(|(_, m)| **m).map(|(&x, _)| x);
                let depends = condition.dependents_of(&sources.collect::<Vec<_>>());
                condition.outputs().iter().any(|y| depends[y.index()])
            }
            Trips::Counted => cx.linear[0],
            Trips::Fixed(_) => false,
        };
        !decides && nonlinearity(cx.transforms, &self.body, &active).is_none()
    }

    fn batch(&self, cx: &mut Batch<'_>) -> PerResult<(ValueId, bool)> {
        batch::batch(self, cx).into_iter().collect()
    }

    fn cost(&self, _operands: &[&Type], _results: &[Type]) -> Cost {
        as_one(self.total_cost())
    }
}

impl HoldsPrograms for Loop {
    fn bodies(&self) -> Bodies<'_> {
        let body = (BodyName::Named("body"), &self.body);
        match &self.trips {
            Trips::While(condition) => {
                smallvec![(BodyName::Named("condition"), condition), body]
            }
            _ => smallvec![body],
        }
    }

    fn runs(&self) -> SmallVec<[(&Body, u64); 2]> {
        match &self.trips {
            Trips::Fixed(n) => smallvec![(&self.body, *n as u64)],
            Trips::Counted => smallvec![(&self.body, 1)],
            Trips::While(condition) => smallvec![(condition, 1), (&self.body, 1)],
        }
    }

    /// A loop with a condition can run forever.
    fn may_fail(&self) -> bool {
        matches!(self.trips, Trips::While(_)) || self.body.may_fail()
    }

    fn without_effects(&self) -> Region {
        Region::Loop(self.map(Body::without_effects))
    }

    /// The guard is a constant of the loop. A loop with a condition ends if the guard is false.
    fn guarded(&self, guard: Guard<'_>) -> Region {
        guard
            .operands
            .insert(self.operands().consts.end, guard.runs);
        let at = self.inputs().consts.end;
        let trips = match &self.trips {
            Trips::While(condition) => Trips::While(both(&inside(condition, at), at)),
            other => other.clone(),
        };
        Region::Loop(Loop {
            trips,
            consts: self.consts + 1,
            body: inside(&self.body, at),
            ..self.clone()
        })
    }

    fn with_forward_rules(
        &self,
        active: &[bool],
        inside: &mut dyn FnMut(&Body, &[bool]) -> Body,
    ) -> Region {
        Region::Loop(Loop {
            body: inside(&self.body, &derivative::active_inputs(self, active)),
            ..self.clone()
        })
    }
}

/// The condition of a loop that also ends if its input `at` is false.
fn both(condition: &Body, at: usize) -> Body {
    let mut g = Graph::new();
    let inputs: Vec<ValueId> = condition
        .inputs()
        .iter()
        .map(|&i| g.input_like(condition, i))
        .collect();
    let holds = g.emit_inline(condition, &inputs)[0];
    let no = g.constant(Literal::from_bool(false), &[]);
    let holds = g.select(inputs[at], holds, no);
    g.set_outputs(vec![holds]);
    g.into()
}
