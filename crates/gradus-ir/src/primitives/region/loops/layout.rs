//! Where the values of a loop stand.

use super::{Loop, Trips};
use std::ops::Range;

/// The places of what enters a loop: among its operands, or among the inputs of its body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entering {
    /// Values that are the same in all steps.
    pub consts: Range<usize>,
    /// Values that each step hands on to the next.
    pub carries: Range<usize>,
    /// Sequences, of which each step gets an item.
    pub sequences: Range<usize>,
}

/// The places of what leaves a loop: among the outputs of its body, or among its results.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leaving {
    /// Values that each step hands on to the next.
    pub carries: Range<usize>,
    /// Items that are kept of each step, as sequences.
    pub kept: Range<usize>,
}

impl Loop {
    /// The input of the body that is the number of the step.
    pub const INDEX: usize = 0;

    /// The operand that says how many steps there are, if one does.
    pub fn count(&self) -> Option<usize> {
        (self.trips == Trips::Counted).then_some(0)
    }

    /// The places of the other operands.
    pub fn operands(&self) -> Entering {
        self.entering(self.count().map_or(0, |count| count + 1))
    }

    /// The places of the inputs of the body behind the [index](Self::INDEX).
    /// A condition has the same inputs but for the items of sequences.
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

    /// The places of the outputs of the body, which are those of the results as well.
    pub fn outputs(&self) -> Leaving {
        Leaving {
            carries: 0..self.carries,
            kept: self.carries..self.body.outputs().len(),
        }
    }

    /// The result that is the number of steps, if one is.
    pub fn steps(&self) -> Option<usize> {
        matches!(self.trips, Trips::While(_)).then_some(self.body.outputs().len())
    }

    /// The number of results.
    pub fn results_len(&self) -> usize {
        self.body.outputs().len() + usize::from(self.steps().is_some())
    }

    /// The input of the body that an operand becomes; of the count, none.
    pub fn input_of(&self, operand: usize) -> Option<usize> {
        let first = self.operands().consts.start;
        operand.checked_sub(first).map(|k| Self::INDEX + 1 + k)
    }

    /// The operand that becomes an input of the body; none becomes the [index](Self::INDEX).
    pub fn operand_of(&self, input: usize) -> Option<usize> {
        let first = self.operands().consts.start;
        input.checked_sub(Self::INDEX + 1).map(|k| first + k)
    }

    /// Inputs of the body with the operands that become them, but for the [index](Self::INDEX).
    pub fn operands_of(
        &self,
        inputs: impl IntoIterator<Item = usize>,
    ) -> impl Iterator<Item = (usize, usize)> {
        inputs
            .into_iter()
            .filter_map(|k| Some((k, self.operand_of(k)?)))
    }
}
