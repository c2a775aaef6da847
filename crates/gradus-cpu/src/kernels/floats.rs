//! The loops of floating-point functions.

use super::isa::{AtLevel, Isa, LANES, at_level, lane1, lane2};
use super::usual::with_usual;
use super::{Kernel, by_compute_float, copy};
use crate::math::{double, single};
use gradus_ir::primitives::{FloatBinary, FloatUnary};
use gradus_ir::{ComputeFloat, FloatType, bf16};

pub(super) fn unary(op: FloatUnary, float: ComputeFloat, isa: Isa) -> Kernel {
    match float {
        ComputeFloat::F32 => unary_f32(op, isa),
        ComputeFloat::F64 => unary_f64(op, isa),
    }
}

pub(super) fn binary(op: FloatBinary, float: ComputeFloat, isa: Isa) -> Kernel {
    match float {
        ComputeFloat::F32 => binary_f32(op, isa),
        ComputeFloat::F64 => binary_f64(op, isa),
    }
}

/// The loop that rounds to numbers of type `to`, held in its compute type.
pub(super) fn round(to: FloatType, isa: Isa) -> Kernel {
    match to {
        FloatType::BF16 => lane1!(simple(isa), f32 => f32, |x, FMA| bf16::round(x)),
        FloatType::F32 | FloatType::F64 => copy(to.dtype()),
    }
}

/// The loop of the derivatives of digamma. All elements have the order that the second operand begins with.
pub(super) fn polygamma(float: ComputeFloat, isa: Isa) -> Kernel {
    by_compute_float!(float, T => match isa {
        Isa::Portable => polygamma_at::<T, 0>,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => polygamma_at::<T, 1>,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => polygamma_at::<T, 2>,
    })
}

/// # Safety
/// As for every [`Kernel`]; the machine has the level.
unsafe fn polygamma_at<T: Float, const LEVEL: u8>(
    a: *const u8,
    b: *const u8,
    _c: *const u8,
    out: *mut u8,
    n: usize,
) {
    let isa = match LEVEL {
        #[cfg(target_arch = "x86_64")]
        1 => Isa::Avx2,
        #[cfg(target_arch = "x86_64")]
        2 => Isa::Avx512,
        _ => Isa::Portable,
    };
    // SAFETY: by the caller, operands and result hold `n` elements and do not overlap, and the machine has the level.
    unsafe {
        let work = PolygammaOf {
            x: std::slice::from_raw_parts(a.cast::<T>(), n),
            order: b.cast::<u32>().read(),
            out: std::slice::from_raw_parts_mut(out.cast::<T>(), n),
        };
        at_level(isa, work);
    }
}

struct PolygammaOf<'a, T> {
    x: &'a [T],
    order: u32,
    out: &'a mut [T],
}

impl<T: Float> AtLevel for PolygammaOf<'_, T> {
    #[inline(always)]
    unsafe fn run<const FMA: bool>(self) {
        let function = double::Polygamma::new(self.order);
        if let [x] = self.x {
            let [y] = function.at::<FMA, 1>(&[x.wide()]);
            self.out[0] = T::narrow(y);
            return;
        }
        let parts = self.x.chunks(LANES).zip(self.out.chunks_mut(LANES));
        for (x, out) in parts {
            let mut given = [1.0; LANES];
            for (given, &x) in given.iter_mut().zip(x) {
                *given = x.wide();
            }
            let y = function.at::<FMA, LANES>(&given);
            for (out, y) in out.iter_mut().zip(y) {
                *out = T::narrow(y);
            }
        }
    }
}

/// Numbers that are computed in f64.
trait Float: Copy {
    fn wide(self) -> f64;
    fn narrow(x: f64) -> Self;
}

impl Float for f64 {
    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }
    #[inline(always)]
    fn narrow(x: f64) -> f64 {
        x
    }
}

impl Float for f32 {
    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn narrow(x: f64) -> f32 {
        x as f32
    }
}

/// The loop of a trigonometric function: beyond the limit of ours, results are the standard library's.
macro_rules! trigonometric {
    ($isa:expr, $t:ident, $math:ident, $f:ident) => {
        with_usual!($isa, $t, |x, FMA| x.abs() <= $math::TRIG_LIMIT => $math::$f::<FMA>(x),
            else if x.abs() > $math::TRIG_LIMIT { x.$f() } else { $math::$f::<FMA>(x) })
    };
}

macro_rules! unary_table {
    ($name:ident, $t:ident, $float:ident, $math:ident) => {
        fn $name(op: FloatUnary, isa: Isa) -> Kernel {
            match op {
                FloatUnary::Neg => lane1!(simple(isa), $t => $t, |x, FMA| -x),
                FloatUnary::Abs => lane1!(simple(isa), $t => $t, |x, FMA| x.abs()),
                FloatUnary::Sign => lane1!(simple(isa), $t => $t, |x, FMA| {
                    let one = (1.0 as $t).copysign(x);
                    if x == 0.0 || x.is_nan() { x } else { one }
                }),
                FloatUnary::Sqrt => lane1!(simple(isa), $t => $t, |x, FMA| x.sqrt()),
                FloatUnary::Rsqrt => lane1!(simple(isa), $t => $t, |x, FMA| 1.0 / x.sqrt()),
                FloatUnary::Cbrt => lane1!(kernel(isa), $t => $t, |x, FMA| $math::cbrt::<FMA>(x)),
                FloatUnary::Exp => with_usual!(isa, $t,
                    |x, FMA| x.abs() <= $math::EXP_LIMIT => $math::exp_normal::<FMA>(x),
                    else $math::exp::<FMA>(x)),
                FloatUnary::Exp2 => lane1!(kernel(isa), $t => $t, |x, FMA| $math::exp2::<FMA>(x)),
                FloatUnary::Expm1 => lane1!(kernel(isa), $t => $t, |x, FMA| $math::expm1::<FMA>(x)),
                FloatUnary::Log => with_usual!(isa, $t,
                    |x, FMA| ($t::MIN_POSITIVE..$t::INFINITY).contains(&x) => $math::log_normal::<FMA>(x),
                    else $math::log::<FMA>(x)),
                FloatUnary::Log2 => lane1!(kernel(isa), $t => $t, |x, FMA| $math::log2::<FMA>(x)),
                FloatUnary::Log10 => lane1!(kernel(isa), $t => $t, |x, FMA| $math::log10::<FMA>(x)),
                FloatUnary::Log1p => lane1!(kernel(isa), $t => $t, |x, FMA| $math::log1p::<FMA>(x)),
                FloatUnary::Sin => trigonometric!(isa, $t, $math, sin),
                FloatUnary::Cos => trigonometric!(isa, $t, $math, cos),
                FloatUnary::Tan => trigonometric!(isa, $t, $math, tan),
                FloatUnary::Asin => lane1!(kernel(isa), $t => $t, |x, FMA| $math::asin::<FMA>(x)),
                FloatUnary::Acos => lane1!(kernel(isa), $t => $t, |x, FMA| $math::acos::<FMA>(x)),
                FloatUnary::Atan => lane1!(kernel(isa), $t => $t, |x, FMA| $math::atan::<FMA>(x)),
                FloatUnary::Sinh => lane1!(kernel(isa), $t => $t, |x, FMA| $math::sinh::<FMA>(x)),
                FloatUnary::Cosh => lane1!(kernel(isa), $t => $t, |x, FMA| $math::cosh::<FMA>(x)),
                FloatUnary::Tanh => lane1!(kernel(isa), $t => $t, |x, FMA| $math::tanh::<FMA>(x)),
                FloatUnary::Asinh => lane1!(kernel(isa), $t => $t, |x, FMA| $math::asinh::<FMA>(x)),
                FloatUnary::Acosh => lane1!(kernel(isa), $t => $t, |x, FMA| $math::acosh::<FMA>(x)),
                FloatUnary::Atanh => lane1!(kernel(isa), $t => $t, |x, FMA| $math::atanh::<FMA>(x)),
                FloatUnary::Sigmoid => lane1!(kernel(isa), $t => $t, |x, FMA| $math::sigmoid::<FMA>(x)),
                FloatUnary::Silu => lane1!(kernel(isa), $t => $t, |x, FMA| $math::silu::<FMA>(x)),
                FloatUnary::Gelu => lane1!(kernel(isa), $t => $t, |x, FMA| $math::gelu::<FMA>(x)),
                FloatUnary::GeluTanh => lane1!(kernel(isa), $t => $t, |x, FMA| $math::gelu_tanh::<FMA>(x)),
                FloatUnary::Erf => lane1!(kernel(isa), $t => $t, |x, FMA| $math::erf::<FMA>(x)),
                FloatUnary::Erfc => lane1!(kernel(isa), $t => $t, |x, FMA| $math::erfc::<FMA>(x)),
                FloatUnary::ErfInv => lane1!(kernel(isa), $t => $t, |x, FMA| $math::erf_inv::<FMA>(x)),
                FloatUnary::Lgamma => lane1!(kernel(isa), $t => $t, |x, FMA| $math::lgamma::<FMA>(x)),
                FloatUnary::Digamma => lane1!(kernel(isa), $t => $t, |x, FMA| $math::digamma::<FMA>(x)),
                FloatUnary::Floor => lane1!(simple(isa), $t => $t, |x, FMA| x.floor()),
                FloatUnary::Ceil => lane1!(simple(isa), $t => $t, |x, FMA| x.ceil()),
                FloatUnary::Round => lane1!(simple(isa), $t => $t, |x, FMA| x.round_ties_even()),
                FloatUnary::Trunc => lane1!(simple(isa), $t => $t, |x, FMA| x.trunc()),
                FloatUnary::IsFinite => {
                    lane1!(simple(isa), $t => u8, |x, FMA| u8::from(x.is_finite()))
                }
                FloatUnary::StopGradient => copy(ComputeFloat::$float.dtype()),
            }
        }
    };
}

unary_table!(unary_f32, f32, F32, single);
unary_table!(unary_f64, f64, F64, double);

macro_rules! binary_table {
    ($name:ident, $t:ident, $math:ident) => {
        fn $name(op: FloatBinary, isa: Isa) -> Kernel {
            match op {
                FloatBinary::Add => lane2!(simple(isa), $t => $t, |x, y, FMA| x + y),
                FloatBinary::Sub => lane2!(simple(isa), $t => $t, |x, y, FMA| x - y),
                FloatBinary::Mul => lane2!(simple(isa), $t => $t, |x, y, FMA| x * y),
                FloatBinary::Div => lane2!(simple(isa), $t => $t, |x, y, FMA| x / y),
                FloatBinary::Rem => lane2!(simple(isa), $t => $t, |x, y, FMA| x % y),
                FloatBinary::Pow => {
                    lane2!(kernel(isa), $t => $t, |x, y, FMA| $math::pow::<FMA>(x, y))
                }
                FloatBinary::Atan2 => {
                    lane2!(kernel(isa), $t => $t, |x, y, FMA| $math::atan2::<FMA>(x, y))
                }
                FloatBinary::Hypot => {
                    lane2!(kernel(isa), $t => $t, |x, y, FMA| $math::hypot::<FMA>(x, y))
                }
                FloatBinary::LogAddExp => {
                    lane2!(kernel(isa), $t => $t, |x, y, FMA| $math::log_add_exp::<FMA>(x, y))
                }
                // A NaN compares false, so it is tested for.
                // Of two zeros, adding them gives the one with the right sign.
                FloatBinary::Max => lane2!(simple(isa), $t => $t, |x, y, FMA| {
                    if x > y || x.is_nan() { x } else { y }
                }),
                FloatBinary::Min => lane2!(simple(isa), $t => $t, |x, y, FMA| {
                    if x < y || x.is_nan() { x } else { y }
                }),
            }
        }
    };
}

binary_table!(binary_f32, f32, single);
binary_table!(binary_f64, f64, double);
