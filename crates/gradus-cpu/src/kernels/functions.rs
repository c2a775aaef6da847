//! The loops of transcendental functions.

use super::Kernel;
use super::isa::{Isa, lane1, lane2};
use crate::math::{double, single};
use gradus_ir::DType;
use gradus_ir::primitives::{Binary, Unary};

pub(super) fn unary(op: Unary, dtype: DType, isa: Isa) -> Option<Kernel> {
    match dtype {
        DType::F32 => unary_f32(op, isa),
        DType::F64 => unary_f64(op, isa),
        _ => None,
    }
}

pub(super) fn binary(op: Binary, dtype: DType, isa: Isa) -> Option<Kernel> {
    Some(match (op, dtype) {
        (Binary::Pow, DType::F32) => {
            lane2!(kernel(isa), f32 => f32, |x, y, FMA| single::pow::<FMA>(x, y))
        }
        (Binary::Pow, DType::F64) => {
            lane2!(kernel(isa), f64 => f64, |x, y, FMA| double::pow::<FMA>(x, y))
        }
        (Binary::Atan2, DType::F32) => {
            lane2!(kernel(isa), f32 => f32, |x, y, FMA| single::atan2::<FMA>(x, y))
        }
        (Binary::Atan2, DType::F64) => {
            lane2!(kernel(isa), f64 => f64, |x, y, FMA| double::atan2::<FMA>(x, y))
        }
        (Binary::Hypot, DType::F32) => {
            lane2!(kernel(isa), f32 => f32, |x, y, FMA| single::hypot::<FMA>(x, y))
        }
        (Binary::Hypot, DType::F64) => {
            lane2!(kernel(isa), f64 => f64, |x, y, FMA| double::hypot::<FMA>(x, y))
        }
        (Binary::LogAddExp, DType::F32) => {
            lane2!(kernel(isa), f32 => f32, |x, y, FMA| single::log_add_exp::<FMA>(x, y))
        }
        (Binary::LogAddExp, DType::F64) => {
            lane2!(kernel(isa), f64 => f64, |x, y, FMA| double::log_add_exp::<FMA>(x, y))
        }
        _ => return None,
    })
}

/// A loop for arguments within the limit of the vector functions, mended for those beyond it with the standard library's.
macro_rules! trigonometric {
    ($isa:expr, $t:ident, $math:ident, $f:ident) => {{
        unsafe fn mended<const ISA: u8>(
            a: *const u8,
            b: *const u8,
            c: *const u8,
            out: *mut u8,
            n: usize,
        ) {
            const CHUNK: usize = 256;
            let fast = match ISA {
                #[cfg(target_arch = "x86_64")]
                1 => lane1!(kernel(Isa::Avx2), $t => $t, |x, FMA| $math::$f::<FMA>(x)),
                #[cfg(target_arch = "x86_64")]
                2 => lane1!(kernel(Isa::Avx512), $t => $t, |x, FMA| $math::$f::<FMA>(x)),
                _ => lane1!(kernel(Isa::Portable), $t => $t, |x, FMA| $math::$f::<FMA>(x)),
            };
            let (source, target) = (a.cast::<$t>(), out.cast::<$t>());
            let mut i = 0;
            // SAFETY: the caller's operand and result hold `n` elements; chunks stay within.
            unsafe {
                while i < n {
                    let m = CHUNK.min(n - i);
                    let given = std::slice::from_raw_parts(source.add(i), m);
                    let largest = given.iter().fold(0.0 as $t, |top, x| {
                        if x.abs() > top { x.abs() } else { top }
                    });
                    fast(given.as_ptr().cast(), b, c, target.add(i).cast(), m);
                    if largest > $math::TRIG_LIMIT {
                        for (j, &x) in given.iter().enumerate() {
                            if x.abs() > $math::TRIG_LIMIT {
                                target.add(i + j).write(x.$f());
                            }
                        }
                    }
                    i += m;
                }
            }
        }
        match $isa {
            Isa::Portable => mended::<0>,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => mended::<1>,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => mended::<2>,
        }
    }};
}

macro_rules! table {
    ($name:ident, $t:ident, $math:ident) => {
        fn $name(op: Unary, isa: Isa) -> Option<Kernel> {
            Some(match op {
                Unary::Cbrt => lane1!(kernel(isa), $t => $t, |x, FMA| $math::cbrt::<FMA>(x)),
                Unary::Exp => lane1!(kernel(isa), $t => $t, |x, FMA| $math::exp::<FMA>(x)),
                Unary::Exp2 => lane1!(kernel(isa), $t => $t, |x, FMA| $math::exp2::<FMA>(x)),
                Unary::Expm1 => lane1!(kernel(isa), $t => $t, |x, FMA| $math::expm1::<FMA>(x)),
                Unary::Log => lane1!(kernel(isa), $t => $t, |x, FMA| $math::log::<FMA>(x)),
                Unary::Log2 => lane1!(kernel(isa), $t => $t, |x, FMA| $math::log2::<FMA>(x)),
                Unary::Log10 => lane1!(kernel(isa), $t => $t, |x, FMA| $math::log10::<FMA>(x)),
                Unary::Log1p => lane1!(kernel(isa), $t => $t, |x, FMA| $math::log1p::<FMA>(x)),
                Unary::Sin => trigonometric!(isa, $t, $math, sin),
                Unary::Cos => trigonometric!(isa, $t, $math, cos),
                Unary::Tan => trigonometric!(isa, $t, $math, tan),
                Unary::Asin => lane1!(kernel(isa), $t => $t, |x, FMA| $math::asin::<FMA>(x)),
                Unary::Acos => lane1!(kernel(isa), $t => $t, |x, FMA| $math::acos::<FMA>(x)),
                Unary::Atan => lane1!(kernel(isa), $t => $t, |x, FMA| $math::atan::<FMA>(x)),
                Unary::Sinh => lane1!(kernel(isa), $t => $t, |x, FMA| $math::sinh::<FMA>(x)),
                Unary::Cosh => lane1!(kernel(isa), $t => $t, |x, FMA| $math::cosh::<FMA>(x)),
                Unary::Tanh => lane1!(kernel(isa), $t => $t, |x, FMA| $math::tanh::<FMA>(x)),
                Unary::Asinh => lane1!(kernel(isa), $t => $t, |x, FMA| $math::asinh::<FMA>(x)),
                Unary::Acosh => lane1!(kernel(isa), $t => $t, |x, FMA| $math::acosh::<FMA>(x)),
                Unary::Atanh => lane1!(kernel(isa), $t => $t, |x, FMA| $math::atanh::<FMA>(x)),
                Unary::Sigmoid => lane1!(kernel(isa), $t => $t, |x, FMA| $math::sigmoid::<FMA>(x)),
                Unary::Silu => lane1!(kernel(isa), $t => $t, |x, FMA| $math::silu::<FMA>(x)),
                Unary::Gelu => lane1!(kernel(isa), $t => $t, |x, FMA| $math::gelu::<FMA>(x)),
                Unary::GeluTanh => lane1!(kernel(isa), $t => $t, |x, FMA| $math::gelu_tanh::<FMA>(x)),
                Unary::Erf => lane1!(kernel(isa), $t => $t, |x, FMA| $math::erf::<FMA>(x)),
                Unary::Erfc => lane1!(kernel(isa), $t => $t, |x, FMA| $math::erfc::<FMA>(x)),
                Unary::ErfInv => lane1!(kernel(isa), $t => $t, |x, FMA| $math::erf_inv::<FMA>(x)),
                _ => return None,
            })
        }
    };
}

table!(unary_f32, f32, single);
table!(unary_f64, f64, double);
