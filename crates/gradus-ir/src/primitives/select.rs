//! Elementwise choice between two values.

use super::{Batch, Cost, Jvp, Linearity, Op, Push, SingleResult, Transpose, Work, arity};
use crate::block::Block;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::ValueId;
use crate::types::{DType, Type};

/// `select(condition, a, b)`: the element of `a` where the condition is true, else the element of `b`.
///
/// It is linear in `a` and `b` together.
/// The tangent of the operand that is not chosen does not enter, even if it is NaN.
/// But an infinite or NaN slope there makes `0 · NaN` further up, as in every system of this kind:
/// guard the operand, not only the result.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Select;

impl Select {
    pub(super) fn from_text(name: &str) -> Option<Result<Op>> {
        (name == "select").then_some(Ok(Op::Select(Select)))
    }
}

impl SingleResult for Select {
    fn name(&self) -> &'static str {
        "select"
    }

    fn result(&self, operands: &[&Type]) -> Result<Type> {
        arity("select", operands, 3)?;
        let (condition, a, b) = (operands[0], operands[1], operands[2]);
        if condition.dtype != DType::Bool {
            return Err(Error::new(
                ErrorKind::DType,
                format!("select: the condition must be bool, got {condition}"),
            ));
        }
        let ty = super::equal_types("select", &[a, b])?;
        if condition.shape != ty.shape {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("select: condition {condition} for values {ty}; the shapes must be equal"),
            ));
        }
        Ok(ty)
    }

    fn jvp(&self, cx: &mut Jvp<'_>) -> Option<ValueId> {
        let (a, b) = (cx.tangent_or_zero(1), cx.tangent_or_zero(2));
        Some(cx.graph.select(cx.operands[0], a, b))
    }

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        if cx.linear[0] {
            return Linearity::Nonlinear;
        }
        let (condition, ct) = (cx.operands[0], cx.cotangent());
        let zero = cx.graph.constant_like(0.0, ct);
        if cx.linear[1] {
            let part = cx.graph.select(condition, ct, zero);
            cx.give(1, part);
        }
        if cx.linear[2] {
            let part = cx.graph.select(condition, zero, ct);
            cx.give(2, part);
        }
        Linearity::Jointly
    }

    fn push(&self, cx: Push<'_>) -> Block {
        match cx.is_fixed(0) && cx.is_zero(1) && cx.is_zero(2) {
            true => cx.elementwise(Op::Select(*self)),
            false => cx.block_by_rows(|batch| self.batch(batch)),
        }
    }

    fn batch(&self, cx: &mut Batch<'_>) -> ValueId {
        let operands = cx.all_with_axis();
        cx.graph.emit(Op::Select(Select), &operands)
    }

    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        Cost::new(Work::Arithmetic, result.elements(), operands, result)
    }
}
