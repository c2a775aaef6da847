//! Cumulative sums along an axis.

use super::{Batch, Cost, Jvp, Linearity, Op, SingleResult, Transpose, Work, arity, check_axes};
use crate::attributes::Attributes;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::ValueId;
use crate::types::{DType, Type};

/// Element `i` of the result is the sum of the elements up to and including `i` along `axis`,
/// or from `i` on if `reverse`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CumSum {
    /// The axis.
    pub axis: usize,
    /// Whether sums run from the end.
    pub reverse: bool,
}

impl CumSum {
    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<Op>> {
        if name != "cumsum" {
            return None;
        }
        Some(a.get_size(name, "axis").and_then(|axis| {
            let reverse = a.get_int(name, "reverse")? != 0;
            Ok(Op::CumSum(CumSum { axis, reverse }))
        }))
    }
}

impl SingleResult for CumSum {
    fn name(&self) -> &'static str {
        "cumsum"
    }

    fn attributes(&self) -> Attributes {
        Attributes::default()
            .int("axis", self.axis as i64)
            .int("reverse", i64::from(self.reverse))
    }

    fn result(&self, operands: &[&Type]) -> Result<Type> {
        arity("cumsum", operands, 1)?;
        let x = operands[0];
        check_axes("cumsum", &[self.axis], x.rank())?;
        if x.dtype == DType::Bool {
            return Err(Error::new(
                ErrorKind::DType,
                format!("cumsum: takes numbers, got {x}; convert it first with `astype`"),
            ));
        }
        Ok(x.clone())
    }

    fn jvp(&self, cx: &mut Jvp<'_>) -> Option<ValueId> {
        cx.apply_linearly(Op::CumSum(self.clone()))
    }

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        let back = CumSum {
            axis: self.axis,
            reverse: !self.reverse,
        };
        let ct = cx.graph.emit(Op::CumSum(back), &[cx.cotangent()]);
        cx.give(0, ct);
        Linearity::Linear
    }

    fn batch(&self, cx: &mut Batch<'_>) -> ValueId {
        let op = CumSum {
            axis: self.axis + 1,
            reverse: self.reverse,
        };
        cx.graph.emit(Op::CumSum(op), cx.operands)
    }

    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        // The first element of each line costs nothing.
        let elements = result.elements();
        let lines = elements.checked_div(result.shape[self.axis]).unwrap_or(0);
        Cost::new(Work::Reduction, elements - lines, operands, result)
    }
}
