//! Maps element types to the Rust types in which kernels hold elements.
//!
//! A kernel that treats several types alike chooses its loop with one of these macros.
//! Their matches name every case: a new width or element type does not compile until they have an arm for it.

use gradus_ir::{DType, NumberType, bf16};

/// `$body` with `$t` as a type of this width, for kernels that only move elements.
macro_rules! by_width {
    ($width:expr, $t:ident => $body:expr) => {
        match $width {
            gradus_ir::Width::B1 => {
                type $t = u8;
                $body
            }
            gradus_ir::Width::B2 => {
                type $t = u16;
                $body
            }
            gradus_ir::Width::B4 => {
                type $t = u32;
                $body
            }
            gradus_ir::Width::B8 => {
                type $t = u64;
                $body
            }
            // As two halves, because scratch memory is aligned for 8 bytes.
            gradus_ir::Width::B16 => {
                type $t = [u64; 2];
                $body
            }
        }
    };
}

/// `$body` with `$t` as this floating-point type.
macro_rules! by_float {
    ($float:expr, $t:ident => $body:expr) => {
        match $float {
            gradus_ir::FloatType::BF16 => {
                type $t = gradus_ir::bf16;
                $body
            }
            gradus_ir::FloatType::F32 => {
                type $t = f32;
                $body
            }
            gradus_ir::FloatType::F64 => {
                type $t = f64;
                $body
            }
        }
    };
}

/// Evaluates `$body` with `$t` as this float type; kernels compute in it.
macro_rules! by_compute_float {
    ($float:expr, $t:ident => $body:expr) => {
        match $float {
            gradus_ir::ComputeFloat::F32 => {
                type $t = f32;
                $body
            }
            gradus_ir::ComputeFloat::F64 => {
                type $t = f64;
                $body
            }
        }
    };
}

/// `$body` with `$t` as this integer type.
macro_rules! by_integer {
    ($integer:expr, $t:ident => $body:expr) => {
        match $integer {
            gradus_ir::IntegerType::I32 => {
                type $t = i32;
                $body
            }
            gradus_ir::IntegerType::I64 => {
                type $t = i64;
                $body
            }
            gradus_ir::IntegerType::U32 => {
                type $t = u32;
                $body
            }
        }
    };
}

/// `$body` with `$t` as this number type.
macro_rules! by_number {
    ($number:expr, $t:ident => $body:expr) => {
        match $number {
            gradus_ir::NumberType::Float(float) => {
                $crate::kernels::by_float!(float, $t => $body)
            }
            gradus_ir::NumberType::Integer(integer) => {
                $crate::kernels::by_integer!(integer, $t => $body)
            }
        }
    };
}

pub(crate) use {by_compute_float, by_float, by_integer, by_number, by_width};

/// `dtype` as a number type, for kernels that add elements.
pub(crate) fn number_type(dtype: DType) -> NumberType {
    dtype.number().expect("type rules refuse sums of booleans")
}

/// Floating-point numbers as arrays hold them.
pub(crate) trait Rounded: Copy {
    /// The number nearest to `x`, the even one of two.
    fn rounded(x: f64) -> Self;
}

impl Rounded for bf16 {
    #[inline(always)]
    fn rounded(x: f64) -> bf16 {
        bf16::from_f64(x)
    }
}

impl Rounded for f32 {
    #[inline(always)]
    fn rounded(x: f64) -> f32 {
        x as f32
    }
}

impl Rounded for f64 {
    #[inline(always)]
    fn rounded(x: f64) -> f64 {
        x
    }
}

/// Numbers that are added and multiplied; integers wrap.
pub(crate) trait Arithmetic: Copy {
    const ZERO: Self;
    fn plus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
}

/// An operation of bf16, which computes in f32 and rounds.
fn in_f32(op: impl Fn(f32, f32) -> f32) -> impl Fn(bf16, bf16) -> bf16 {
    move |x, y| bf16::from_f32(op(x.to_f32(), y.to_f32()))
}

macro_rules! arithmetic {
    ($($t:ty: $zero:expr, $plus:expr, $times:expr;)*) => {$(
        impl Arithmetic for $t {
            const ZERO: $t = $zero;
            #[inline(always)]
            fn plus(self, other: $t) -> $t {
                $plus(self, other)
            }
            #[inline(always)]
            fn times(self, other: $t) -> $t {
                $times(self, other)
            }
        }
    )*};
}

arithmetic! {
    bf16: bf16::from_bits(0), in_f32(std::ops::Add::add), in_f32(std::ops::Mul::mul);
    f32: 0.0, std::ops::Add::add, std::ops::Mul::mul;
    f64: 0.0, std::ops::Add::add, std::ops::Mul::mul;
    i32: 0, i32::wrapping_add, i32::wrapping_mul;
    i64: 0, i64::wrapping_add, i64::wrapping_mul;
    u32: 0, u32::wrapping_add, u32::wrapping_mul;
}
