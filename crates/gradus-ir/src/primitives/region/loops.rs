//! Loops: a body that is run again and again on what it returned the time before.

use super::{Body, takes};
use crate::attributes::Attributes;
use crate::error::{Error, ErrorKind, Result};
use crate::types::{DType, LONGEST, Type};

/// How often a loop runs.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Trips {
    /// So many times.
    Fixed(usize),
    /// As often as the first operand says, an i64 number; never if it is negative.
    Counted,
    /// As long as this program of the body's inputs, without items, says so. The last result is the number of steps.
    While(Body),
}

/// The body gets the number of the step (an i64 number), the constants, what is carried, and its item of each sequence; it returns what is carried to the next step, and
/// items to keep.
///
/// Operands: the number of steps if it is [counted](Trips::Counted), constants, what is carried into the first step, sequences. Results: what the last step
/// carries out, the kept items as sequences, and for [`While`](Trips::While) the number of steps. A sequence is an array with a leading axis, an item a
/// step, if the number of steps is fixed, and a [list](crate::Form::List) if it is not.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Loop {
    /// How often it runs.
    pub trips: Trips,
    /// Whether the steps go from the last to the first; numbers and items keep their places.
    pub reverse: bool,
    /// How many operands are the same in all steps.
    pub consts: usize,
    /// How many values are carried.
    pub carries: usize,
    /// One step.
    pub body: Body,
}

impl Loop {
    /// How many operands come before the constants.
    pub fn counts(&self) -> usize {
        usize::from(self.trips == Trips::Counted)
    }

    /// How many operands stay or are carried; `None` if no body has as many inputs.
    pub(super) fn fixed(&self) -> Option<usize> {
        self.consts.checked_add(self.carries)
    }

    /// How many sequences are read.
    pub fn sequences(&self) -> usize {
        self.body.inputs().len() - 1 - self.consts - self.carries
    }

    /// How many sequences are kept.
    pub fn kept(&self) -> usize {
        self.body.outputs().len() - self.carries
    }

    /// How many results there are.
    pub fn results_len(&self) -> usize {
        self.body.outputs().len() + usize::from(matches!(self.trips, Trips::While(_)))
    }

    /// The same loop [without effects](crate::Graph::without_effects).
    pub fn without_effects(&self) -> Loop {
        let trips = match &self.trips {
            Trips::While(condition) => Trips::While(condition.without_effects()),
            other => other.clone(),
        };
        Loop {
            trips,
            body: self.body.without_effects(),
            ..self.clone()
        }
    }

    /// The sequence of items of type `item`.
    pub fn sequence(&self, item: &Type) -> Type {
        match self.trips {
            Trips::Fixed(n) => item.batched(n),
            _ => item.listed(),
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self.trips {
            Trips::Fixed(_) => "scan",
            Trips::Counted => "for",
            Trips::While(_) => "while",
        }
    }

    pub(super) fn bodies(&self) -> Vec<(String, &Body)> {
        let condition = match &self.trips {
            Trips::While(condition) => Some(("condition".to_string(), condition)),
            _ => None,
        };
        let body = ("body".to_string(), &self.body);
        condition.into_iter().chain([body]).collect()
    }

    pub(super) fn attributes(&self) -> Attributes {
        let mut a = Attributes::default()
            .int("consts", self.consts as i64)
            .int("carries", self.carries as i64);
        if let Trips::Fixed(n) = self.trips {
            a = a.int("length", n as i64);
        }
        if self.reverse {
            a = a.int("reverse", 1);
        }
        for (name, body) in self.bodies() {
            a = a.graph(&name, body);
        }
        a
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

    pub(super) fn result_at(&self, index: usize) -> Option<Type> {
        match self.body.output_type(index) {
            Some(carried) if index < self.carries => Some(carried.clone()),
            Some(item) => Some(self.sequence(item)),
            None => {
                let counted = matches!(self.trips, Trips::While(_));
                let is_count = counted && index == self.body.outputs().len();
                is_count.then(|| Type::scalar(DType::I64))
            }
        }
    }

    pub(super) fn check(&self, operands: &[&Type]) -> Result<()> {
        let name = self.name();
        let fail =
            |message: String| Err(Error::new(ErrorKind::Graph, format!("{name}: {message}")));
        let counter = Type::scalar(DType::I64);
        if let Trips::Fixed(n) = self.trips
            && n > LONGEST
        {
            return fail(format!("{n} steps are more than can be counted"));
        }
        let counts = self.counts();
        let fixed = self.fixed().unwrap_or(usize::MAX);
        if operands.len() < counts.saturating_add(fixed)
            || self.body.inputs().len() != operands.len() - counts + 1
        {
            return fail(format!(
                "{} operands for a body of {} inputs",
                operands.len(),
                self.body.inputs().len()
            ));
        }
        if counts == 1 && *operands[0] != counter {
            return fail(format!(
                "the number of steps is {}, not {counter}",
                operands[0]
            ));
        }
        let mut wanted = vec![counter];
        wanted.extend(operands[counts..counts + fixed].iter().map(|&t| t.clone()));
        if let Trips::While(condition) = &self.trips {
            takes(name, "the condition", condition, &wanted)?;
            if condition.output_types() != [Type::scalar(DType::Bool)] {
                return fail(format!(
                    "the condition returns {:?}, not one truth value",
                    condition.output_types()
                ));
            }
            if self.reverse {
                return fail("a loop with a condition has no last step to begin with".into());
            }
        }
        for &sequence in &operands[counts + fixed..] {
            let item = match (&self.trips, sequence.is_list()) {
                (Trips::Fixed(n), false) if sequence.shape.first() == Some(n) => {
                    sequence.with_shape(&sequence.shape[1..])
                }
                (Trips::Counted, true) => sequence.item(),
                _ => {
                    return fail(format!(
                        "{sequence} is no sequence with an item for each step"
                    ));
                }
            };
            wanted.push(item);
        }
        takes(name, "the body", &self.body, &wanted)?;
        let carried = &wanted[1 + self.consts..1 + fixed];
        let outputs = self.body.output_types();
        if outputs.len() < self.carries || outputs[..self.carries] != *carried {
            return fail(format!(
                "the body carries {carried:?} in and returns {outputs:?}"
            ));
        }
        if let Some(list) = outputs[self.carries..].iter().find(|t| t.is_list()) {
            return fail(format!("{list} cannot be kept: it is a list already"));
        }
        Ok(())
    }
}
