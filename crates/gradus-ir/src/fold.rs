//! Arithmetic on literals, for operations whose result IEEE 754 (or wrapping integers) determines exactly, so that folding changes no bit.

use crate::primitives::{Binary, Compare, Unary};
use crate::types::{DType, Kind, Literal};

/// `op(x)`, if it is exact.
pub fn unary(op: Unary, x: Literal) -> Option<Literal> {
    let d = x.dtype();
    match op {
        Unary::StopGradient => Some(x),
        Unary::Not => Some(match d {
            DType::Bool => Literal::from_bool(x.as_i64() == 0),
            _ => Literal::from_i64(d, !x.as_i64()),
        }),
        Unary::IsFinite => Some(Literal::from_bool(x.as_f64().is_finite())),
        _ if d.is_integer() => {
            let v = x.as_i64();
            let value = match op {
                Unary::Neg => v.wrapping_neg(),
                Unary::Abs => v.wrapping_abs(),
                Unary::Sign => v.signum(),
                _ => return None,
            };
            Some(Literal::from_i64(d, value))
        }
        _ => {
            // For f32 each of these is the same whether rounded once here or computed in f32: √ by the double rounding theorem.
            let v = x.as_f64();
            let value = match op {
                Unary::Neg => -v,
                Unary::Abs => v.abs(),
                Unary::Sign if v == 0.0 || v.is_nan() => v,
                Unary::Sign => v.signum(),
                Unary::Sqrt => v.sqrt(),
                Unary::Floor => v.floor(),
                Unary::Ceil => v.ceil(),
                Unary::Round => v.round_ties_even(),
                Unary::Trunc => v.trunc(),
                _ => return None,
            };
            Some(Literal::from_f64(d, value))
        }
    }
}

/// `op(a, b)`, if it is exact.
pub fn binary(op: Binary, a: Literal, b: Literal) -> Option<Literal> {
    let d = a.dtype();
    match d {
        DType::F32 => {
            let (x, y) = (a.as_f64() as f32, b.as_f64() as f32);
            let v = match op {
                Binary::Add => x + y,
                Binary::Sub => x - y,
                Binary::Mul => x * y,
                Binary::Div => x / y,
                Binary::Max if x.is_nan() || y.is_nan() => f32::NAN,
                Binary::Min if x.is_nan() || y.is_nan() => f32::NAN,
                Binary::Max => x.max(y),
                Binary::Min => x.min(y),
                _ => return None,
            };
            Some(Literal::from_f64(d, f64::from(v)))
        }
        DType::F64 => {
            let (x, y) = (a.as_f64(), b.as_f64());
            let v = match op {
                Binary::Add => x + y,
                Binary::Sub => x - y,
                Binary::Mul => x * y,
                Binary::Div => x / y,
                Binary::Max if x.is_nan() || y.is_nan() => f64::NAN,
                Binary::Min if x.is_nan() || y.is_nan() => f64::NAN,
                Binary::Max => x.max(y),
                Binary::Min => x.min(y),
                _ => return None,
            };
            Some(Literal::from_f64(d, v))
        }
        DType::Bool => {
            let (x, y) = (a.as_i64() != 0, b.as_i64() != 0);
            let v = match op {
                Binary::And | Binary::Min => x && y,
                Binary::Or | Binary::Max => x || y,
                Binary::Xor => x != y,
                _ => return None,
            };
            Some(Literal::from_bool(v))
        }
        DType::I32 | DType::I64 | DType::U32 => {
            let (x, y) = (a.as_i64(), b.as_i64());
            let v = match op {
                Binary::Add => x.wrapping_add(y),
                Binary::Sub => x.wrapping_sub(y),
                Binary::Mul => x.wrapping_mul(y),
                Binary::Max => x.max(y),
                Binary::Min => x.min(y),
                Binary::And => x & y,
                Binary::Or => x | y,
                Binary::Xor => x ^ y,
                _ => return None,
            };
            Some(Literal::from_i64(d, v))
        }
    }
}

/// `op(a, b)`
pub fn compare(op: Compare, a: Literal, b: Literal) -> Literal {
    let order = match a.dtype().kind() {
        Kind::Float(_) => a.as_f64().partial_cmp(&b.as_f64()),
        Kind::Integer(_) | Kind::Bool => Some(a.as_i64().cmp(&b.as_i64())),
    };
    use std::cmp::Ordering::{Equal, Greater, Less};
    Literal::from_bool(match op {
        Compare::Eq => order == Some(Equal),
        Compare::Ne => order != Some(Equal),
        Compare::Lt => order == Some(Less),
        Compare::Le => matches!(order, Some(Less | Equal)),
        Compare::Gt => order == Some(Greater),
        Compare::Ge => matches!(order, Some(Greater | Equal)),
    })
}

/// `x` as another element type.
pub fn cast(to: DType, x: Literal) -> Literal {
    match x.dtype().kind() {
        Kind::Float(_) => Literal::from_f64(to, x.as_f64()),
        Kind::Integer(_) | Kind::Bool => Literal::from_i64(to, x.as_i64()),
    }
}
