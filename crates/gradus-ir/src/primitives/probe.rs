//! Values shown while a program runs.

use super::{Batch, Cost, Jvp, Linearity, Op, SingleResult, Transpose, Work, arity};
use crate::attributes::Attributes;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::ValueId;
use crate::types::{DType, Type};

/// The value itself; when the program runs, the backend shows it to whoever is registered under `id`, also if nothing needs the result: an
/// [effect](Op::is_effect). A gradient needs few of the values on its way, and it is these that people want to see.
///
/// Derivatives pass by: a tangent is that of the operand and is not shown. Batched, all rows are shown together. A second operand, truth values along the first axes, says which
/// of the rows are shown: those that run the body in which the probe stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Probe {
    /// Who sees the value.
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
            let message = format!("probe: the number {} is none that a text can hold", self.id);
            return Err(Error::new(ErrorKind::Graph, message));
        }
        let &[value, shown] = operands else {
            arity(self.name(), operands, 1)?;
            return Ok(operands[0].clone());
        };
        if shown.dtype != DType::Bool || !value.shape.starts_with(&shown.shape) {
            let message = format!(
                "probe: the rows of {value} that are shown must be truth values along its first axes, not {shown}"
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
