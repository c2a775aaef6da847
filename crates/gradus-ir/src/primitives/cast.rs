//! Conversion between element types.

use super::{Batch, Cost, Jvp, Linearity, Op, Push, SingleResult, Transpose, Work, arity};
use crate::attributes::Attributes;
use crate::block::Block;
use crate::error::Result;
use crate::graph::ValueId;
use crate::types::{DType, Type};

/// Between floats it is linear; a derivative ends at any other type.
impl SingleResult for DType {
    fn name(&self) -> &'static str {
        "cast"
    }

    fn attributes(&self) -> Attributes {
        Attributes::default().dtype("to", *self)
    }

    fn result(&self, operands: &[&Type]) -> Result<Type> {
        arity("cast", operands, 1)?;
        Ok(operands[0].with_dtype(*self))
    }

    fn jvp(&self, cx: &mut Jvp<'_>) -> Option<ValueId> {
        let t = cx.tangents[0]?;
        Some(cx.graph.emit(Op::Cast(*self), &[t]))
    }

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        let from = cx.operand_type(0).dtype;
        if !from.has_derivatives() || !self.has_derivatives() {
            return Linearity::Nonlinear;
        }
        let ct = cx.graph.emit(Op::Cast(from), &[cx.cotangent()]);
        cx.give(0, ct);
        Linearity::Linear
    }

    fn push(&self, cx: Push<'_>) -> Block {
        cx.elementwise(Op::Cast(*self))
    }

    fn batch(&self, cx: &mut Batch<'_>) -> ValueId {
        cx.graph.emit(Op::Cast(*self), cx.operands)
    }

    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        Cost::new(Work::Arithmetic, result.elements(), operands, result)
    }
}

pub(super) fn from_text(name: &str, attributes: &Attributes) -> Option<Result<Op>> {
    (name == "cast").then(|| attributes.get_dtype("cast", "to").map(Op::Cast))
}
