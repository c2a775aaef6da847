//! Reductions, positions of extremes, running sums.
//! Totals of floats are computed in f64 and rounded to their type once.

use crate::array::{Tensor, for_each_index, lines};
use crate::elementwise::order;
use gradus_ir::primitives::{ArgReduce, CumSum, Reduce, ReduceKind};
use gradus_ir::{DType, Kind, Literal, Result, Type};
use std::cmp::Ordering;

/// `a + b`
pub fn sum(a: Literal, b: Literal) -> Literal {
    join(ReduceKind::Sum, a, b)
}

/// Combines two numbers of one type.
fn join(kind: ReduceKind, a: Literal, b: Literal) -> Literal {
    let dtype = a.dtype();
    match (kind, dtype.kind()) {
        (ReduceKind::Sum, Kind::Float(_)) => Literal::from_f64(dtype, a.as_f64() + b.as_f64()),
        (ReduceKind::Prod, Kind::Float(_)) => Literal::from_f64(dtype, a.as_f64() * b.as_f64()),
        (ReduceKind::Sum, _) => Literal::from_i64(dtype, a.as_i64().wrapping_add(b.as_i64())),
        (ReduceKind::Prod, _) => Literal::from_i64(dtype, a.as_i64().wrapping_mul(b.as_i64())),
        (ReduceKind::Max, _) => extreme(Ordering::Greater, a, b),
        (ReduceKind::Min, _) => extreme(Ordering::Less, a, b),
    }
}

/// The smaller or larger of two numbers, as `wanted` says; the first if they are equal, NaN if one is NaN.
fn extreme(wanted: Ordering, a: Literal, b: Literal) -> Literal {
    let is_nan = |x: Literal| order(x, x).is_none();
    if is_nan(a) || !is_nan(b) && order(b, a) != Some(wanted) {
        a
    } else {
        b
    }
}

/// The type in which totals of elements of type `dtype` are kept.
pub fn total_type(dtype: DType) -> DType {
    match dtype.kind() {
        Kind::Float(_) => DType::F64,
        Kind::Integer(_) | Kind::Bool => dtype,
    }
}

/// Converts a number to another type of the same kind.
pub fn converted(to: DType, x: Literal) -> Literal {
    match x.dtype().kind() {
        Kind::Float(_) => Literal::from_f64(to, x.as_f64()),
        Kind::Integer(_) | Kind::Bool => x,
    }
}

pub fn reduce(op: &Reduce, ty: &Type, x: &Tensor) -> Result<Tensor> {
    let total = total_type(ty.dtype);
    let nothing = match op.kind {
        ReduceKind::Sum => Literal::from_i64(total, 0),
        ReduceKind::Prod => Literal::from_i64(total, 1),
        ReduceKind::Max => Literal::lowest(total),
        ReduceKind::Min => Literal::highest(total),
    };
    let mut out = Tensor::build(&ty.with_dtype(total), |_| nothing)?;
    for_each_index(&x.ty.shape, |index| {
        let kept = (0..index.len()).filter(|i| !op.axes.contains(i));
        let kept: Vec<usize> = kept.map(|i| index[i]).collect();
        let at = out.position(&kept);
        out.elements[at] = join(op.kind, out.elements[at], converted(total, x.at(index)));
    });
    Tensor::build(ty, |index| converted(ty.dtype, out.at(index)))
}

/// Takes the first of equal extremes; a NaN counts as the extreme.
pub fn arg_reduce(op: &ArgReduce, ty: &Type, x: &Tensor) -> Result<Tensor> {
    let kind = if op.smallest {
        ReduceKind::Min
    } else {
        ReduceKind::Max
    };
    Tensor::build(ty, |index| {
        let element = |k: usize| {
            let mut at = index.to_vec();
            at.insert(op.axis, k);
            x.at(&at)
        };
        let n = x.ty.shape[op.axis];
        let best = (1..n).fold(element(0), |best, k| join(kind, best, element(k)));
        let is_best = |&k: &usize| match order(best, best) {
            None => order(element(k), element(k)).is_none(),
            Some(_) => order(element(k), best) == Some(Ordering::Equal),
        };
        Literal::from_i64(ty.dtype, (0..n).find(is_best).unwrap_or(0) as i64)
    })
}

pub fn cumsum(op: &CumSum, ty: &Type, x: &Tensor) -> Result<Tensor> {
    let mut out = x.clone();
    for line in lines(&ty.shape, op.axis) {
        let mut places: Vec<usize> = line.collect();
        if op.reverse {
            places.reverse();
        }
        let mut total = Literal::from_i64(total_type(ty.dtype), 0);
        for k in places {
            total = sum(total, converted(total.dtype(), x.elements[k]));
            out.elements[k] = converted(ty.dtype, total);
        }
    }
    Ok(out)
}
