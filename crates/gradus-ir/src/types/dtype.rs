//! Element types, and the questions that the rest of the code asks of them.
//!
//! No `match` here or on one of these enums has a catch-all arm: a new element type does not compile until each
//! place that depends on it handles it.
//! [`Kind`] sorts the types by their arithmetic, [`Width`] by the bytes that a kernel moves.

use super::bf16;
use crate::listed::listed;
use std::fmt;

listed! {
    /// The type of an array's elements.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
    pub enum DType {
        /// 16-bit floating point: an f32 without the lower half of its bits.
        /// It only stores numbers: each operation computes in f32 and rounds its result to this type;
        /// sums and products add up in f32 and round once.
        /// Combined with f32 or f64 it becomes that type; integers combined with it become bf16, as in JAX.
        #[doc(alias = "bfloat16")]
        BF16,
        /// 32-bit IEEE 754 floating point.
        F32,
        /// 64-bit IEEE 754 floating point.
        F64,
        /// 32-bit signed integer, wrapping.
        I32,
        /// 64-bit signed integer, wrapping.
        I64,
        /// 32-bit unsigned integer, wrapping.
        U32,
        /// Boolean, stored as one byte, 0 or 1.
        Bool,
    }
}

/// Bytes of one element. Kernels that only move elements choose their loop by it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Width {
    /// 1 byte.
    B1 = 1,
    /// 2 bytes.
    B2 = 2,
    /// 4 bytes.
    B4 = 4,
    /// 8 bytes.
    B8 = 8,
    /// 16 bytes.
    B16 = 16,
}

impl Width {
    /// The bytes of the widest element.
    pub const LARGEST: usize = Width::B16.bytes();

    /// The number of bytes.
    pub const fn bytes(self) -> usize {
        self as usize
    }
}

/// Element types by their arithmetic.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// Floating-point numbers.
    Float(FloatType),
    /// Integers, which wrap.
    Integer(IntegerType),
    /// Booleans, which have logic but no arithmetic.
    Bool,
}

/// Element types that have sums and products.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NumberType {
    /// Floating-point numbers.
    Float(FloatType),
    /// Integers.
    Integer(IntegerType),
}

/// Real floating-point types, by ascending precision. Every value of one is also an f64.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum FloatType {
    /// [`DType::BF16`]
    BF16,
    /// [`DType::F32`]
    F32,
    /// [`DType::F64`]
    F64,
}

/// Floating-point types that kernels compute in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum ComputeFloat {
    /// [`DType::F32`]
    F32,
    /// [`DType::F64`]
    F64,
}

/// Integer types. Every value of one is also an i64.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IntegerType {
    /// [`DType::I32`]
    I32,
    /// [`DType::I64`]
    I64,
    /// [`DType::U32`]
    U32,
}

impl DType {
    /// The arithmetic of the elements.
    pub const fn kind(self) -> Kind {
        match self {
            DType::BF16 => Kind::Float(FloatType::BF16),
            DType::F32 => Kind::Float(FloatType::F32),
            DType::F64 => Kind::Float(FloatType::F64),
            DType::I32 => Kind::Integer(IntegerType::I32),
            DType::I64 => Kind::Integer(IntegerType::I64),
            DType::U32 => Kind::Integer(IntegerType::U32),
            DType::Bool => Kind::Bool,
        }
    }

    /// The width of one element.
    pub const fn width(self) -> Width {
        match self {
            DType::BF16 => Width::B2,
            DType::F32 | DType::I32 | DType::U32 => Width::B4,
            DType::F64 | DType::I64 => Width::B8,
            DType::Bool => Width::B1,
        }
    }

    /// Bytes of one element.
    pub const fn size(self) -> usize {
        self.width().bytes()
    }

    /// Whether elements lie on the real line, so that they have an order:
    /// comparisons, extremes and rounding need it. Booleans count as 0 and 1.
    pub const fn is_real(self) -> bool {
        match self.kind() {
            Kind::Float(_) | Kind::Integer(_) | Kind::Bool => true,
        }
    }

    /// Whether functions of the elements have derivatives: tangents and cotangents exist for these types alone, and
    /// fractions stay within them.
    pub const fn has_derivatives(self) -> bool {
        match self.kind() {
            Kind::Float(_) => true,
            Kind::Integer(_) | Kind::Bool => false,
        }
    }

    /// Whether elements are integers (`bool` is not one).
    pub const fn is_integer(self) -> bool {
        self.integer().is_some()
    }

    /// The type as an integer type.
    pub const fn integer(self) -> Option<IntegerType> {
        match self.kind() {
            Kind::Integer(integer) => Some(integer),
            Kind::Float(_) | Kind::Bool => None,
        }
    }

    /// The type as a real floating-point type.
    pub const fn float(self) -> Option<FloatType> {
        match self.kind() {
            Kind::Float(float) => Some(float),
            Kind::Integer(_) | Kind::Bool => None,
        }
    }

    /// The type as a number type, which has sums and products.
    pub const fn number(self) -> Option<NumberType> {
        match self.kind() {
            Kind::Float(float) => Some(NumberType::Float(float)),
            Kind::Integer(integer) => Some(NumberType::Integer(integer)),
            Kind::Bool => None,
        }
    }

    /// The type in which kernels compute with these elements and add them up.
    /// If it is another type, each operation computes in it and rounds its result to this one.
    pub const fn compute_type(self) -> DType {
        match self.kind() {
            Kind::Float(float) => float.compute_type().dtype(),
            Kind::Integer(_) | Kind::Bool => self,
        }
    }

    /// Whether kernels compute with these elements in a [wider type](Self::compute_type).
    pub const fn is_widened(self) -> bool {
        match self.kind() {
            Kind::Float(float) => float.native().is_none(),
            Kind::Integer(_) | Kind::Bool => false,
        }
    }

    /// The type to which two operands of different types are converted: floats before integers before booleans.
    /// Of two floats it is the wider one, of two different integers i64.
    pub fn promoted(self, other: DType) -> DType {
        match (self.kind(), other.kind()) {
            (Kind::Float(a), Kind::Float(b)) => a.max(b).dtype(),
            (Kind::Float(a), Kind::Integer(_) | Kind::Bool) => a.dtype(),
            (Kind::Integer(_) | Kind::Bool, Kind::Float(b)) => b.dtype(),
            (Kind::Integer(a), Kind::Integer(b)) if a == b => self,
            (Kind::Integer(_), Kind::Integer(_)) => DType::I64,
            (Kind::Integer(_) | Kind::Bool, Kind::Bool) => self,
            (Kind::Bool, Kind::Integer(_)) => other,
        }
    }

    /// The name in printed graphs, for example `f64`.
    pub const fn name(self) -> &'static str {
        match self {
            DType::BF16 => "bf16",
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::I32 => "i32",
            DType::I64 => "i64",
            DType::U32 => "u32",
            DType::Bool => "bool",
        }
    }

    /// The type with the given [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<DType> {
        Self::ALL.into_iter().find(|d| d.name() == name)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl NumberType {
    /// The element type.
    pub const fn dtype(self) -> DType {
        match self {
            NumberType::Float(float) => float.dtype(),
            NumberType::Integer(integer) => integer.dtype(),
        }
    }
}

impl FloatType {
    /// The element type.
    pub const fn dtype(self) -> DType {
        match self {
            FloatType::BF16 => DType::BF16,
            FloatType::F32 => DType::F32,
            FloatType::F64 => DType::F64,
        }
    }

    /// The type in which kernels compute with these numbers: see [`DType::compute_type`].
    pub const fn compute_type(self) -> ComputeFloat {
        match self {
            FloatType::BF16 | FloatType::F32 => ComputeFloat::F32,
            FloatType::F64 => ComputeFloat::F64,
        }
    }

    /// The type as one that kernels compute in; `None` if they compute in a wider one.
    pub const fn native(self) -> Option<ComputeFloat> {
        match self {
            FloatType::BF16 => None,
            FloatType::F32 => Some(ComputeFloat::F32),
            FloatType::F64 => Some(ComputeFloat::F64),
        }
    }

    /// The bits of the number nearest to `value`.
    pub(crate) fn bits(self, value: f64) -> u64 {
        match self {
            FloatType::BF16 => u64::from(bf16::from_f64(value).to_bits()),
            FloatType::F32 => u64::from((value as f32).to_bits()),
            FloatType::F64 => value.to_bits(),
        }
    }

    /// The bits of the number nearest to an integer, rounded once.
    pub(crate) fn bits_of_integer(self, value: i64) -> u64 {
        match self {
            FloatType::BF16 => u64::from(bf16::from_i64(value).to_bits()),
            FloatType::F32 => u64::from((value as f32).to_bits()),
            FloatType::F64 => (value as f64).to_bits(),
        }
    }

    /// The bits of the number nearest to a decimal number, rounded once; for bf16,
    /// the decimal number is rounded to f64 first.
    pub(crate) fn parse(self, text: &str) -> Option<u64> {
        Some(match self {
            FloatType::BF16 => u64::from(bf16::from_f64(text.parse().ok()?).to_bits()),
            FloatType::F32 => u64::from(text.parse::<f32>().ok()?.to_bits()),
            FloatType::F64 => text.parse::<f64>().ok()?.to_bits(),
        })
    }

    /// The number with these bits.
    pub(crate) fn value(self, bits: u64) -> f64 {
        match self {
            FloatType::BF16 => bf16::from_bits(bits as u16).to_f64(),
            FloatType::F32 => f64::from(f32::from_bits(bits as u32)),
            FloatType::F64 => f64::from_bits(bits),
        }
    }

    /// The fewest decimal digits that read back as `value` in this type.
    pub fn shortest(self, value: f64) -> String {
        match self {
            FloatType::BF16 => bf16::from_f64(value).to_string(),
            FloatType::F32 => (value as f32).to_string(),
            FloatType::F64 => value.to_string(),
        }
    }

    /// [`shortest`](Self::shortest) in the form of texts of graphs: with a point or an exponent.
    pub(crate) fn shortest_float(self, value: f64) -> String {
        match self {
            FloatType::BF16 => format!("{:?}", bf16::from_f64(value)),
            FloatType::F32 => format!("{:?}", value as f32),
            FloatType::F64 => format!("{value:?}"),
        }
    }

    /// [`shortest`](Self::shortest) with an exponent: `1.5e-7`.
    pub fn shortest_scientific(self, value: f64) -> String {
        match self {
            FloatType::BF16 => format!("{:e}", bf16::from_f64(value)),
            FloatType::F32 => format!("{:e}", value as f32),
            FloatType::F64 => format!("{value:e}"),
        }
    }

    /// The number of this type nearest to `value`.
    pub fn round(self, value: f64) -> f64 {
        self.value(self.bits(value))
    }

    /// The largest finite number.
    pub const fn largest(self) -> f64 {
        match self {
            FloatType::BF16 => bf16::MAX.to_f64(),
            FloatType::F32 => f32::MAX as f64,
            FloatType::F64 => f64::MAX,
        }
    }

    /// The smallest positive number with full precision.
    pub const fn least_normal(self) -> f64 {
        match self {
            FloatType::BF16 => bf16::MIN_POSITIVE.to_f64(),
            FloatType::F32 => f32::MIN_POSITIVE as f64,
            FloatType::F64 => f64::MIN_POSITIVE,
        }
    }

    /// The distance from 1 to the next larger number.
    pub const fn epsilon(self) -> f64 {
        match self {
            FloatType::BF16 => bf16::EPSILON.to_f64(),
            FloatType::F32 => f32::EPSILON as f64,
            FloatType::F64 => f64::EPSILON,
        }
    }
}

impl ComputeFloat {
    /// The element type.
    pub const fn dtype(self) -> DType {
        match self {
            ComputeFloat::F32 => DType::F32,
            ComputeFloat::F64 => DType::F64,
        }
    }
}

impl IntegerType {
    /// The element type.
    pub const fn dtype(self) -> DType {
        match self {
            IntegerType::I32 => DType::I32,
            IntegerType::I64 => DType::I64,
            IntegerType::U32 => DType::U32,
        }
    }

    /// The bits of `value`, wrapped.
    pub(crate) fn bits(self, value: i64) -> u64 {
        match self {
            IntegerType::I32 => u64::from(value as u32),
            IntegerType::I64 => value as u64,
            IntegerType::U32 => u64::from(value as u32),
        }
    }

    /// The number with these bits.
    pub(crate) fn value(self, bits: u64) -> i64 {
        match self {
            IntegerType::I32 => i64::from(bits as u32 as i32),
            IntegerType::I64 => bits as i64,
            IntegerType::U32 => i64::from(bits as u32),
        }
    }

    /// The smallest number.
    pub const fn least(self) -> i64 {
        match self {
            IntegerType::I32 => i32::MIN as i64,
            IntegerType::I64 => i64::MIN,
            IntegerType::U32 => 0,
        }
    }

    /// The largest number.
    pub const fn largest(self) -> i64 {
        match self {
            IntegerType::I32 => i32::MAX as i64,
            IntegerType::I64 => i64::MAX,
            IntegerType::U32 => u32::MAX as i64,
        }
    }
}
