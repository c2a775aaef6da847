//! Arithmetic on literals, for operations whose result IEEE 754 (or wrapping integers) determines exactly.
//! Folding changes no bit.
//!
//! Floats are computed in f64 and rounded once to their type.
//! For sums, products, quotients and roots of types with less than half the digits of f64,
//! this equals arithmetic in the type itself (the double rounding theorem).

use crate::primitives::{Binary, Compare, Unary};
use crate::types::{DType, Kind, Literal};

/// `op(x)`, if it is exact.
pub fn unary(op: Unary, x: Literal) -> Option<Literal> {
    let to = op.result_dtype(x.dtype());
    let value = op.row().value;
    match x.dtype().kind() {
        Kind::Float(_) => Some(Literal::from_f64(to, value.float?(x.as_f64()))),
        Kind::Integer(_) => Some(Literal::from_i64(to, value.integer?(x.as_i64()))),
        Kind::Bool => Some(Literal::from_bool(value.truth?(x.as_i64() != 0))),
    }
}

/// `op(a, b)`, if it is exact.
pub fn binary(op: Binary, a: Literal, b: Literal) -> Option<Literal> {
    let dtype = a.dtype();
    let value = op.row().value;
    match dtype.kind() {
        Kind::Float(_) => {
            let value = value.float?(a.as_f64(), b.as_f64());
            Some(Literal::from_f64(dtype, value))
        }
        Kind::Integer(_) => {
            let value = value.integer?(a.as_i64(), b.as_i64());
            Some(Literal::from_i64(dtype, value))
        }
        Kind::Bool => {
            let value = value.truth?(a.as_i64() != 0, b.as_i64() != 0);
            Some(Literal::from_bool(value))
        }
    }
}

/// `op(a, b)`
pub fn compare(op: Compare, a: Literal, b: Literal) -> Literal {
    let order = match a.dtype().kind() {
        Kind::Float(_) => a.as_f64().partial_cmp(&b.as_f64()),
        Kind::Integer(_) | Kind::Bool => Some(a.as_i64().cmp(&b.as_i64())),
    };
    Literal::from_bool(op.holds(order))
}

/// `x` converted to another element type.
pub fn cast(to: DType, x: Literal) -> Literal {
    match x.dtype().kind() {
        Kind::Float(_) => Literal::from_f64(to, x.as_f64()),
        Kind::Integer(_) | Kind::Bool => Literal::from_i64(to, x.as_i64()),
    }
}
