//! A choice between branches, of which one runs.

use super::{Body, takes};
use crate::attributes::Attributes;
use crate::error::{Error, ErrorKind, Result};
use crate::types::{DType, Type};

/// Runs the branch that the first operand names, an i64 number, on the others; one out of range counts as the nearest branch.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Switch {
    /// The branches: programs of the same inputs and outputs.
    pub branches: Vec<Body>,
}

impl Switch {
    /// The same choice [without effects](crate::Graph::without_effects).
    pub fn without_effects(&self) -> Switch {
        let branches = self.branches.iter().map(Body::without_effects);
        Switch {
            branches: branches.collect(),
        }
    }

    pub(super) fn bodies(&self) -> Vec<(String, &Body)> {
        let named = self.branches.iter().enumerate();
        named.map(|(k, b)| (format!("branch{k}"), b)).collect()
    }

    pub(super) fn attributes(&self) -> Attributes {
        let bodies = self.bodies();
        let none = Attributes::default();
        bodies
            .iter()
            .fold(none, |a, (name, body)| a.graph(name, body))
    }

    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<Switch>> {
        if name != "switch" {
            return None;
        }
        let names = (0..).map(|k| format!("branch{k}"));
        let branches = names
            .take_while(|n| a.has(n))
            .map(|n| a.get_graph(name, &n))
            .collect::<Result<_>>();
        Some(branches.map(|branches| Switch { branches }))
    }

    pub(super) fn check(&self, operands: &[&Type]) -> Result<()> {
        let fail =
            |message: String| Err(Error::new(ErrorKind::Graph, format!("switch: {message}")));
        let index = Type::scalar(DType::I64);
        if self.branches.is_empty() {
            return fail("there is no branch".into());
        }
        if operands.first() != Some(&&index) {
            return fail(format!("the number of the branch must be {index}"));
        }
        let wanted: Vec<Type> = operands[1..].iter().map(|&t| t.clone()).collect();
        let results = self.branches[0].output_types();
        for (k, branch) in self.branches.iter().enumerate() {
            takes("switch", &format!("branch {k}"), branch, &wanted)?;
            if branch.output_types() != results {
                return fail(format!(
                    "branch {k} returns {:?}, branch 0 {results:?}",
                    branch.output_types()
                ));
            }
        }
        Ok(())
    }
}
