//! Conditions that are found to hold, or not, while a program runs.

use super::{Error, ErrorKind, Result};
use crate::attributes::Attributes;
use crate::types::{DType, Type};

/// Passes arrays on if a condition holds, else stops the program with an error of kind [`Convergence`](ErrorKind::Convergence).
///
/// Operands: the truth values, all of which must hold; the numbers that the message reports, one array of the same shape for each; and the arrays, which
/// are the results.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Check {
    /// What the error says; each `{}` in it becomes the next number of those reported, at the first place where the condition does not hold.
    pub message: String,
    /// How many numbers are reported.
    pub reported: usize,
    /// The types of what is passed on.
    pub passed: Vec<Type>,
}

impl Check {
    pub(super) fn attributes(&self) -> Attributes {
        Attributes::default()
            .text("message", &self.message)
            .int("reported", self.reported as i64)
            .types("passed", &self.passed)
    }

    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<Check>> {
        let read = || {
            Ok(Check {
                message: a.get_text(name, "message")?,
                reported: a.get_size(name, "reported")?,
                passed: a.get_types(name, "passed")?,
            })
        };
        (name == "check").then(read)
    }

    pub(super) fn check(&self, operands: &[&Type]) -> Result<()> {
        let fail = |message: String| Err(Error::new(ErrorKind::Graph, format!("check: {message}")));
        let first = self.reported.saturating_add(1);
        if operands.len() != first.saturating_add(self.passed.len()) {
            return fail(format!(
                "{} operands, not a condition, {} numbers and {} arrays",
                operands.len(),
                self.reported,
                self.passed.len()
            ));
        }
        if operands[0].dtype != DType::Bool {
            return fail(format!("the condition is {}", operands[0]));
        }
        if let Some(odd) = operands[1..first]
            .iter()
            .find(|t| t.shape != operands[0].shape)
        {
            return fail(format!("reports {odd} beside a condition {}", operands[0]));
        }
        let pairs = operands[first..].iter().zip(&self.passed);
        match pairs.into_iter().find(|(got, wanted)| *got != wanted) {
            Some((got, wanted)) => fail(format!("is given {got}, not {wanted}")),
            None => Ok(()),
        }
    }
}
