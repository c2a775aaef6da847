//! Elements in order along an axis, with the permutation that brings them there.

use super::{
    Batch, Cost, Jvp, Linearity, LinearityCheck, Op, PerResult, Primitive, Transpose, Work, arity,
    check_axes,
};
use crate::attributes::Attributes;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, Types, ValueId};
use crate::types::{DType, Dims, Type};

/// `sort(x)`: each line of `x` along `axis` in order, and the index (i64) in the line that each element comes from.
///
/// The order is stable: equal elements keep their order, also in a descending sort. NaN comes last in both directions,
/// and `-0.0` equals `0.0`; each element keeps its bits.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Sort {
    /// The axis.
    pub axis: usize,
    /// Whether the greatest comes first.
    pub descending: bool,
    /// How many of the first elements of each line the results have.
    pub count: usize,
}

impl Sort {
    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<Op>> {
        if name != "sort" {
            return None;
        }
        Some(a.get_size(name, "axis").and_then(|axis| {
            let descending = a.get_int(name, "descending")? != 0;
            let count = a.get_size(name, "count")?;
            Ok(Op::Sort(Sort {
                axis,
                descending,
                count,
            }))
        }))
    }

    /// The comparisons that a line of `n` elements takes: `n` for the first `k` to be found if they are not all, and
    /// `k·⌈log₂ k⌉` to bring these in order.
    pub fn comparisons(n: usize, k: usize) -> usize {
        let levels = k.max(1).next_power_of_two().ilog2() as usize;
        let found = if k < n && k > 0 { n } else { 0 };
        found.saturating_add(k.saturating_mul(levels))
    }
}

/// The elements of `x` along `axis` that `indices` names, for each line its own.
fn take_along(g: &mut Graph, x: ValueId, indices: ValueId, axis: usize) -> ValueId {
    let rank = g.ty(x).rank();
    let others = (0..rank).filter(|&a| a != axis);
    let last: Dims = others.chain([axis]).collect();
    let (x, indices) = (g.transpose(x, &last), g.transpose(indices, &last));
    let batch = rank - 1;
    let take = super::Gather::Take { batch, axis: batch };
    let picked = g.emit(Op::Gather(take), &[x, indices]);
    let back: Dims = (0..axis).chain([batch]).chain(axis..batch).collect();
    g.transpose(picked, &back)
}

impl Primitive for Sort {
    fn name(&self) -> &'static str {
        "sort"
    }

    fn attributes(&self) -> Attributes {
        Attributes::default()
            .int("axis", self.axis as i64)
            .int("descending", i64::from(self.descending))
            .int("count", self.count as i64)
    }

    fn results(&self, operands: &[&Type]) -> Result<Types> {
        arity("sort", operands, 1)?;
        let x = operands[0];
        check_axes("sort", &[self.axis], x.rank())?;
        let n = x.shape[self.axis];
        if self.count > n {
            return Err(Error::new(
                ErrorKind::Shape,
                format!(
                    "sort: the first {} elements along axis {} of {x}, which has {n} there",
                    self.count, self.axis
                ),
            ));
        }
        let mut shape = x.shape.clone();
        shape[self.axis] = self.count;
        Ok(Types::Several(vec![
            x.with_shape(&shape),
            Type::new(DType::I64, &shape),
        ]))
    }

    /// The tangent in the order of the values: the permutation does not move with them.
    fn jvp(&self, cx: &mut Jvp<'_>) -> PerResult<Option<ValueId>> {
        let tangent = cx.tangents[0].map(|t| take_along(cx.graph, t, cx.results[1], self.axis));
        [tangent, None].into_iter().collect()
    }

    fn transpose(&self, _cx: &mut Transpose<'_>) -> Linearity {
        Linearity::Nonlinear
    }

    fn is_linear(&self, _cx: &mut LinearityCheck<'_>) -> bool {
        false
    }

    fn batch(&self, cx: &mut Batch<'_>) -> PerResult<(ValueId, bool)> {
        let op = Sort {
            axis: self.axis + 1,
            ..self.clone()
        };
        let results = cx.graph.emit_all(Op::Sort(op), cx.operands);
        results.into_iter().map(|v| (v, true)).collect()
    }

    fn cost(&self, operands: &[&Type], results: &[Type]) -> Cost {
        let x = operands[0];
        let n = x.shape[self.axis];
        let lines = x.elements().checked_div(n).unwrap_or(0);
        let comparisons = Sort::comparisons(n, self.count).saturating_mul(lines);
        let mut cost = Cost::new(Work::Indexing, comparisons, operands, &results[0]);
        cost.bytes_written = cost.bytes_written.saturating_add(results[1].bytes() as u64);
        cost
    }
}
