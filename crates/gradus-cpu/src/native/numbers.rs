//! Operations on numbers that are a few instructions. They compute what the loops in `kernels/` compute.

use super::emitter::Emitter;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Value, types};
use gradus_ir::primitives::{Binary, Compare, ReduceKind, Unary};
use gradus_ir::{DType, Kind};

/// The kinds of numbers that instructions tell apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Number {
    Float,
    Signed,
    Unsigned,
    Bool,
}

fn number(dtype: DType) -> Number {
    match dtype.kind() {
        Kind::Float(_) => Number::Float,
        Kind::Bool => Number::Bool,
        Kind::Integer(_) if dtype == DType::U32 => Number::Unsigned,
        Kind::Integer(_) => Number::Signed,
    }
}

impl Emitter<'_> {
    /// `None` for functions that are computed by their kernels.
    pub fn unary(&mut self, op: Unary, dtype: DType, x: Value) -> Option<Value> {
        let kind = number(dtype);
        let ins = self.builder.ins();
        Some(match (op, kind) {
            (Unary::StopGradient, _) => x,
            (Unary::Neg, Number::Float) => ins.fneg(x),
            (Unary::Neg, Number::Signed) => ins.ineg(x),
            (Unary::Abs, Number::Float) => ins.fabs(x),
            (Unary::Sqrt, Number::Float) => ins.sqrt(x),
            (Unary::Rsqrt, Number::Float) => {
                let root = ins.sqrt(x);
                let one = self.one(dtype)?;
                self.builder.ins().fdiv(one, root)
            }
            (Unary::Not, Number::Bool) => ins.bxor_imm_u(x, 1),
            _ => return None,
        })
    }

    fn one(&mut self, dtype: DType) -> Option<Value> {
        self.literal(gradus_ir::Literal::from_i64(dtype, 1))
    }

    /// `None` for functions that are computed by their kernels.
    pub fn binary(&mut self, op: Binary, dtype: DType, x: Value, y: Value) -> Option<Value> {
        let kind = number(dtype);
        let ins = self.builder.ins();
        Some(match (op, kind) {
            (Binary::Add, Number::Float) => ins.fadd(x, y),
            (Binary::Sub, Number::Float) => ins.fsub(x, y),
            (Binary::Mul, Number::Float) => ins.fmul(x, y),
            (Binary::Div, Number::Float) => ins.fdiv(x, y),
            (Binary::Add, Number::Signed | Number::Unsigned) => ins.iadd(x, y),
            (Binary::Sub, Number::Signed | Number::Unsigned) => ins.isub(x, y),
            (Binary::Mul, Number::Signed | Number::Unsigned) => ins.imul(x, y),
            (Binary::And | Binary::Min, Number::Bool) => ins.band(x, y),
            (Binary::Or | Binary::Max, Number::Bool) => ins.bor(x, y),
            (Binary::Xor, Number::Bool) => ins.bxor(x, y),
            (Binary::Max, Number::Float) => self.extreme(FloatCC::GreaterThan, x, y),
            (Binary::Min, Number::Float) => self.extreme(FloatCC::LessThan, x, y),
            (Binary::Max, Number::Signed) => ins.smax(x, y),
            (Binary::Min, Number::Signed) => ins.smin(x, y),
            (Binary::Max, Number::Unsigned) => ins.umax(x, y),
            (Binary::Min, Number::Unsigned) => ins.umin(x, y),
            _ => return None,
        })
    }

    /// `x` if it is beyond `y` or NaN, else `y`.
    fn extreme(&mut self, beyond: FloatCC, x: Value, y: Value) -> Value {
        let first = self.builder.ins().fcmp(beyond, x, y);
        let nan = self.builder.ins().fcmp(FloatCC::Unordered, x, x);
        let either = self.builder.ins().bor(first, nan);
        self.builder.ins().select(either, x, y)
    }

    pub fn compare(&mut self, op: Compare, dtype: DType, x: Value, y: Value) -> Value {
        let (float, signed, unsigned) = match op {
            Compare::Eq => (FloatCC::Equal, IntCC::Equal, IntCC::Equal),
            Compare::Ne => (FloatCC::NotEqual, IntCC::NotEqual, IntCC::NotEqual),
            Compare::Lt => (
                FloatCC::LessThan,
                IntCC::SignedLessThan,
                IntCC::UnsignedLessThan,
            ),
            Compare::Le => (
                FloatCC::LessThanOrEqual,
                IntCC::SignedLessThanOrEqual,
                IntCC::UnsignedLessThanOrEqual,
            ),
            Compare::Gt => (
                FloatCC::GreaterThan,
                IntCC::SignedGreaterThan,
                IntCC::UnsignedGreaterThan,
            ),
            Compare::Ge => (
                FloatCC::GreaterThanOrEqual,
                IntCC::SignedGreaterThanOrEqual,
                IntCC::UnsignedGreaterThanOrEqual,
            ),
        };
        let ins = self.builder.ins();
        match number(dtype) {
            Number::Float => ins.fcmp(float, x, y),
            Number::Signed => ins.icmp(signed, x, y),
            Number::Unsigned | Number::Bool => ins.icmp(unsigned, x, y),
        }
    }

    pub fn select(&mut self, condition: Value, x: Value, y: Value) -> Value {
        self.builder.ins().select(condition, x, y)
    }

    /// `None` for conversions that are computed by their kernels.
    pub fn cast(&mut self, from: DType, to: DType, x: Value) -> Option<Value> {
        if from == to {
            return Some(x);
        }
        let ins = self.builder.ins();
        Some(match (from, to) {
            (DType::F32, DType::F64) => ins.fpromote(types::F64, x),
            (DType::F64, DType::F32) => ins.fdemote(types::F32, x),
            (DType::I32 | DType::I64, DType::F64) => ins.fcvt_from_sint(types::F64, x),
            (DType::I32 | DType::I64, DType::F32) => ins.fcvt_from_sint(types::F32, x),
            (DType::I32, DType::I64) => ins.sextend(types::I64, x),
            (DType::U32, DType::I64) => ins.uextend(types::I64, x),
            _ => return None,
        })
    }

    /// `x` joined to a reduction, as its kernel does it.
    pub fn join(&mut self, kind: ReduceKind, dtype: DType, sum: Value, x: Value) -> Option<Value> {
        let op = match kind {
            ReduceKind::Sum => Binary::Add,
            ReduceKind::Prod => Binary::Mul,
            ReduceKind::Max => Binary::Max,
            ReduceKind::Min => Binary::Min,
        };
        self.binary(op, dtype, sum, x)
    }
}
