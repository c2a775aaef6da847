//! Elementwise functions: of one operand, of two, comparisons, choices, conversions.
//! Floats are computed in f64 and rounded to their type, integers in i64 and wrapped.

use crate::array::Tensor;
use crate::functions::{erf, erf_inv, erfc, gelu, gelu_tanh, log_add_exp, power, sigmoid, silu};
use crate::gamma::{digamma, lgamma, polygamma};
use gradus_ir::primitives::{
    Binary, BinaryOn, BoolBinary, BoolUnary, Compare, FloatBinary, FloatUnary, IntegerBinary,
    IntegerUnary, Unary, UnaryOn,
};
use gradus_ir::{DType, Kind, Literal, Result, Type};
use std::cmp::Ordering;

/// The array of type `ty` with `f` applied to each element of `x`.
fn map(ty: &Type, x: &Tensor, f: impl Fn(Literal) -> Literal) -> Result<Tensor> {
    Tensor::build(ty, |index| f(x.at(index)))
}

pub fn unary(op: Unary, ty: &Type, x: &Tensor) -> Result<Tensor> {
    let Some(on) = op.on(x.ty.dtype) else {
        panic!("the type rule refuses {op:?} of {}", x.ty)
    };
    let dtype = ty.dtype;
    map(ty, x, |x| match on {
        UnaryOn::Float(FloatUnary::StopGradient, _)
        | UnaryOn::Integer(IntegerUnary::StopGradient, _)
        | UnaryOn::Bool(BoolUnary::StopGradient) => x,
        UnaryOn::Float(op, _) => Literal::from_f64(dtype, of_float(op, x.as_f64())),
        UnaryOn::Integer(op, _) => Literal::from_i64(dtype, of_integer(op, x.as_i64())),
        UnaryOn::Bool(BoolUnary::Not) => Literal::from_bool(x.as_i64() == 0),
        UnaryOn::Polygamma(n, _) => Literal::from_f64(dtype, polygamma(n, x.as_f64())),
        UnaryOn::PowI(n, _) => match dtype.kind() {
            Kind::Float(_) => Literal::from_f64(dtype, power(x.as_f64(), n)),
            Kind::Integer(_) | Kind::Bool => {
                Literal::from_i64(dtype, x.as_i64().wrapping_pow(n.unsigned_abs()))
            }
        },
    })
}

fn of_float(op: FloatUnary, x: f64) -> f64 {
    match op {
        FloatUnary::Neg => -x,
        FloatUnary::Abs => x.abs(),
        FloatUnary::Sign if x == 0.0 => x,
        FloatUnary::Sign => x.signum(),
        FloatUnary::Sqrt => x.sqrt(),
        FloatUnary::Rsqrt => 1.0 / x.sqrt(),
        FloatUnary::Cbrt => x.cbrt(),
        FloatUnary::Exp => x.exp(),
        FloatUnary::Exp2 => x.exp2(),
        FloatUnary::Expm1 => x.exp_m1(),
        FloatUnary::Log => x.ln(),
        FloatUnary::Log2 => x.log2(),
        FloatUnary::Log10 => x.log10(),
        FloatUnary::Log1p => x.ln_1p(),
        FloatUnary::Sin => x.sin(),
        FloatUnary::Cos => x.cos(),
        FloatUnary::Tan => x.tan(),
        FloatUnary::Asin => x.asin(),
        FloatUnary::Acos => x.acos(),
        FloatUnary::Atan => x.atan(),
        FloatUnary::Sinh => x.sinh(),
        FloatUnary::Cosh => x.cosh(),
        FloatUnary::Tanh => x.tanh(),
        FloatUnary::Asinh => x.asinh(),
        FloatUnary::Acosh => x.acosh(),
        FloatUnary::Atanh => x.atanh(),
        FloatUnary::Sigmoid => sigmoid(x),
        FloatUnary::Silu => silu(x),
        FloatUnary::Gelu => gelu(x),
        FloatUnary::GeluTanh => gelu_tanh(x),
        FloatUnary::Erf => erf(x),
        FloatUnary::Erfc => erfc(x),
        FloatUnary::ErfInv => erf_inv(x),
        FloatUnary::Lgamma => lgamma(x),
        FloatUnary::Digamma => digamma(x),
        FloatUnary::Floor => x.floor(),
        FloatUnary::Ceil => x.ceil(),
        FloatUnary::Round => x.round_ties_even(),
        FloatUnary::Trunc => x.trunc(),
        FloatUnary::IsFinite => f64::from(x.is_finite()),
        FloatUnary::StopGradient => x,
    }
}

fn of_integer(op: IntegerUnary, x: i64) -> i64 {
    match op {
        IntegerUnary::Neg => x.wrapping_neg(),
        IntegerUnary::Abs => x.wrapping_abs(),
        IntegerUnary::Sign => x.signum(),
        IntegerUnary::Not => !x,
        IntegerUnary::StopGradient => x,
    }
}

pub fn binary(op: Binary, ty: &Type, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let Some(on) = op.on(a.ty.dtype) else {
        panic!("the type rule refuses {op:?} of {}", a.ty)
    };
    Tensor::build(ty, |index| {
        let (a, b) = (a.at(index), b.at(index));
        match on {
            BinaryOn::Float(op, _) => {
                Literal::from_f64(ty.dtype, of_floats(op, a.as_f64(), b.as_f64()))
            }
            BinaryOn::Integer(op, _) => {
                let bits = 8 * ty.dtype.size() as i64;
                Literal::from_i64(ty.dtype, of_integers(op, a.as_i64(), b.as_i64(), bits))
            }
            BinaryOn::Bool(op) => {
                Literal::from_bool(of_bools(op, a.as_i64() != 0, b.as_i64() != 0))
            }
        }
    })
}

fn of_floats(op: FloatBinary, a: f64, b: f64) -> f64 {
    let is_nan = a.is_nan() || b.is_nan();
    match op {
        FloatBinary::Add => a + b,
        FloatBinary::Sub => a - b,
        FloatBinary::Mul => a * b,
        FloatBinary::Div => a / b,
        FloatBinary::Rem => a % b,
        FloatBinary::Pow => a.powf(b),
        FloatBinary::Atan2 => a.atan2(b),
        FloatBinary::Hypot => a.hypot(b),
        FloatBinary::LogAddExp => log_add_exp(a, b),
        FloatBinary::Max | FloatBinary::Min if is_nan => f64::NAN,
        FloatBinary::Max => a.max(b),
        FloatBinary::Min => a.min(b),
    }
}

/// Applies an operation to integers with this number of bits.
fn of_integers(op: IntegerBinary, a: i64, b: i64, bits: i64) -> i64 {
    let all_out = !(0..bits).contains(&b);
    match op {
        IntegerBinary::Add => a.wrapping_add(b),
        IntegerBinary::Sub => a.wrapping_sub(b),
        IntegerBinary::Mul => a.wrapping_mul(b),
        IntegerBinary::Div if b == 0 => -1,
        IntegerBinary::Div => a.wrapping_div(b),
        IntegerBinary::Rem if b == 0 => a,
        IntegerBinary::Rem => a.wrapping_rem(b),
        IntegerBinary::Shl if all_out => 0,
        IntegerBinary::Shl => a << b,
        // The sign bit fills all places; unsigned numbers are never negative here.
        IntegerBinary::Shr if all_out => a >> 63,
        IntegerBinary::Shr => a >> b,
        IntegerBinary::And => a & b,
        IntegerBinary::Or => a | b,
        IntegerBinary::Xor => a ^ b,
        IntegerBinary::Max => a.max(b),
        IntegerBinary::Min => a.min(b),
    }
}

fn of_bools(op: BoolBinary, a: bool, b: bool) -> bool {
    match op {
        BoolBinary::And | BoolBinary::Min => a && b,
        BoolBinary::Or | BoolBinary::Max => a || b,
        BoolBinary::Xor => a != b,
    }
}

/// The order of two numbers of one type; a NaN has none.
pub fn order(a: Literal, b: Literal) -> Option<Ordering> {
    match a.dtype().kind() {
        Kind::Float(_) => a.as_f64().partial_cmp(&b.as_f64()),
        Kind::Integer(_) | Kind::Bool => Some(a.as_i64().cmp(&b.as_i64())),
    }
}

pub fn compare(op: Compare, ty: &Type, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    Tensor::build(ty, |index| {
        let order = order(a.at(index), b.at(index));
        Literal::from_bool(match op {
            Compare::Eq => order.is_some_and(Ordering::is_eq),
            Compare::Ne => !order.is_some_and(Ordering::is_eq),
            Compare::Lt => order.is_some_and(Ordering::is_lt),
            Compare::Le => order.is_some_and(Ordering::is_le),
            Compare::Gt => order.is_some_and(Ordering::is_gt),
            Compare::Ge => order.is_some_and(Ordering::is_ge),
        })
    })
}

pub fn select(ty: &Type, condition: &Tensor, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    Tensor::build(ty, |index| match condition.at(index).as_i64() {
        0 => b.at(index),
        _ => a.at(index),
    })
}

/// Floats become integers by truncation: numbers out of range become the nearest integer in range, NaN becomes 0.
/// Integers wrap. All numbers but 0 become true.
pub fn cast(to: DType, ty: &Type, x: &Tensor) -> Result<Tensor> {
    map(ty, x, |x| match x.dtype().kind() {
        Kind::Float(_) => Literal::from_f64(to, x.as_f64()),
        Kind::Integer(_) | Kind::Bool => Literal::from_i64(to, x.as_i64()),
    })
}
