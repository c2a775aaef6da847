//! Values shown while a program runs.

use super::{Batch, Cost, Jvp, Linearity, Op, SingleResult, Transpose, Work, arity};
use crate::attributes::Attributes;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::ValueId;
use crate::types::{DType, Type};

/// The value itself.
/// When the program runs, the backend shows it to the observer registered under `id`, even if no other operation
/// needs the result: it is an [effect](Op::is_effect).
/// A gradient needs few of the intermediate values, but users want to see them.
///
/// Derivatives ignore it: the tangent is the operand's tangent, and is not shown.
/// Under batching all rows are shown together.
/// An optional second operand, booleans along the first axes, selects the rows that are shown:
/// the rows that run the body of the probe.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Probe {
    /// The observer of the value.
    pub id: u64,
}

impl Probe {
    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<Op>> {
        let id = (name == "probe").then(|| a.get_size(name, "id"))?;
        Some(id.map(|id| Op::Probe(Probe { id: id as u64 })))
    }
}

impl SingleResult for Probe {
    fn name(&self) -> &'static str {
        "probe"
    }

    fn attributes(&self) -> Attributes {
        Attributes::default().int("id", self.id as i64)
    }

    fn result(&self, operands: &[&Type]) -> Result<Type> {
        if i64::try_from(self.id).is_err() {
            let message = format!("probe: the number {} cannot be written in a text", self.id);
            return Err(Error::new(ErrorKind::Graph, message));
        }
        let &[value, shown] = operands else {
            arity(self.name(), operands, 1)?;
            return Ok(operands[0].clone());
        };
        if shown.dtype != DType::Bool || !value.shape.starts_with(&shown.shape) {
            let message = format!(
                "probe: the rows of {value} that are shown must be booleans along its first axes, not {shown}"
            );
            return Err(Error::new(ErrorKind::Shape, message));
        }
        Ok(value.clone())
    }

    fn jvp(&self, cx: &mut Jvp<'_>) -> Option<ValueId> {
        cx.tangents[0]
    }

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        cx.give(0, cx.cotangent());
        Linearity::Linear
    }

    fn batch(&self, cx: &mut Batch<'_>) -> ValueId {
        let operands = cx.all_with_axis();
        cx.graph.emit(Op::Probe(*self), &operands)
    }

    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        Cost::new(Work::Copy, 0, operands, result)
    }
}
