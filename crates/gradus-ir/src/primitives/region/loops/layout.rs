//! The positions of a loop's values.

use super::{Loop, Trips};
use std::ops::Range;

/// The positions of the values that enter a loop: among its operands, or among the inputs of its body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entering {
    /// Values that are the same in all steps.
    pub consts: Range<usize>,
    /// Values that each step passes on to the next.
    pub carries: Range<usize>,
    /// Sequences; each step gets an item.
    pub sequences: Range<usize>,
}

/// The positions of the values that leave a loop: among the outputs of its body, or among its results.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leaving {
    /// Values that each step passes on to the next.
    pub carries: Range<usize>,
    /// Items that each step keeps, as sequences.
    pub kept: Range<usize>,
}

impl Loop {
    /// The input of the body that is the number of the step.
    pub const INDEX: usize = 0;

    /// The operand that gives the number of steps, if there is one.
    pub fn count(&self) -> Option<usize> {
        (self.trips == Trips::Counted).then_some(0)
    }

    /// The positions of the other operands.
    pub fn operands(&self) -> Entering {
        self.entering(self.count().map_or(0, |count| count + 1))
    }

    /// The positions of the inputs of the body after the [index](Self::INDEX).
    /// A condition has the same inputs, without the items of sequences.
    pub fn inputs(&self) -> Entering {
        self.entering(Self::INDEX + 1)
    }

    fn entering(&self, first: usize) -> Entering {
        let last = (first + self.body.inputs().len()).saturating_sub(Self::INDEX + 1);
        let (carries, sequences) = (first + self.consts, first + self.consts + self.carries);
        Entering {
            consts: first..carries,
            carries: carries..sequences,
            sequences: sequences..last,
        }
    }

    /// The positions of the outputs of the body. The results have the same positions.
    pub fn outputs(&self) -> Leaving {
        Leaving {
            carries: 0..self.carries,
            kept: self.carries..self.body.outputs().len(),
        }
    }

    /// The result that is the number of steps, if there is one.
    pub fn steps(&self) -> Option<usize> {
        matches!(self.trips, Trips::While(_)).then_some(self.body.outputs().len())
    }

    /// The number of results.
    pub fn results_len(&self) -> usize {
        self.body.outputs().len() + usize::from(self.steps().is_some())
    }

    /// The input of the body for an operand; the count has none.
    pub fn input_of(&self, operand: usize) -> Option<usize> {
        let first = self.operands().consts.start;
        operand.checked_sub(first).map(|k| Self::INDEX + 1 + k)
    }

    /// The operand for an input of the body; the [index](Self::INDEX) has none.
    pub fn operand_of(&self, input: usize) -> Option<usize> {
        let first = self.operands().consts.start;
        input.checked_sub(Self::INDEX + 1).map(|k| first + k)
    }

    /// Inputs of the body with their operands, without the [index](Self::INDEX).
    pub fn operands_of(
        &self,
        inputs: impl IntoIterator<Item = usize>,
    ) -> impl Iterator<Item = (usize, usize)> {
        inputs
            .into_iter()
            .filter_map(|k| Some((k, self.operand_of(k)?)))
    }
}
