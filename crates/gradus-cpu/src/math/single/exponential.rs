//! `exp` and functions derived from it.

use super::wide;
use crate::math::arithmetic::double;
use crate::math::arithmetic::single::{
    SHIFT, fast_two_sum, fma, poly, residual, two_product, two_sum,
};
use std::f32::consts::{LN_2, LOG2_E};

/// ln 2 in two parts; the first has 15 bits, so that its product with an exponent is exact.
pub(super) const LN2_HIGH: f32 = 0.693_145_75;
pub(super) const LN2_LOW: f32 = 1.428_606_8e-6;
const TWO_TO_MINUS_64: f32 = f32::from_bits((127 - 64) << 23);

/// `(eʳ - 1 - r)/r²` for |r| up to half of ln 2.
const EXP_TAIL: [f32; 5] = [0.5, 0.16666576, 0.04166651, 0.008363252, 0.0013930504];
const EXPM1_TAIL: [f32; 6] = [
    0.5,
    0.16666667,
    0.04166651,
    0.00833318,
    0.0013930504,
    0.00019969667,
];

/// `x = n·ln 2 + r + c` with n an integer, |r| ≤ ln 2/2 and c the rounding error of r.
#[inline(always)]
fn reduce<const FMA: bool>(x: f32) -> (f32, f32, f32) {
    let n = fma::<FMA>(x, LOG2_E, SHIFT) - SHIFT;
    let high = fma::<FMA>(-n, LN2_HIGH, x);
    let low = n * LN2_LOW;
    let r = high - low;
    (n, r, (high - r) - low)
}

/// 2ⁿ for an integer n from -127 (which gives 0) to 128 (which gives ∞).
#[inline(always)]
pub(super) fn power_of_two(n: f32) -> f32 {
    // The low 9 bits of the shifted n are n in two's complement; the bits above fall out of the left shift.
    f32::from_bits((n + SHIFT).to_bits().wrapping_add(127) << 23)
}

/// `v·2ⁿ` for |n| up to 250, rounded once, also if the result is subnormal.
#[inline(always)]
fn scale(v: f32, n: f32) -> f32 {
    let half = (n * 0.5 + SHIFT) - SHIFT;
    (v * power_of_two(half)) * power_of_two(n - half)
}

/// Like [`scale`], for n from -180 to 0, and v not smaller than 2⁻⁶⁰ if n is below -60.
#[inline(always)]
pub(super) fn scale_down(v: f32, n: f32) -> f32 {
    // The first product is exact.
    (v * power_of_two(n + 64.0)) * TWO_TO_MINUS_64
}

/// `e^(x - n·ln 2)` for n the integer nearest to x/ln 2.
#[inline(always)]
fn exp_of_rest<const FMA: bool>(x: f32, n: f32) -> f32 {
    let r = fma::<FMA>(-n, LN2_LOW, fma::<FMA>(-n, LN2_HIGH, x));
    1.0 + fma::<FMA>(r * r, poly::<FMA, 5>(r, EXP_TAIL), r)
}

/// `(n, v)` with `eˣ = 2ⁿ·v`.
#[inline(always)]
pub(super) fn exp_parts<const FMA: bool>(x: f32) -> (f32, f32) {
    let n = fma::<FMA>(x, LOG2_E, SHIFT) - SHIFT;
    (n, exp_of_rest::<FMA>(x, n))
}

/// `e^(r + c)` with an error barely above the last rounding's,
/// for |r| up to half of ln 2 and c about its rounding error.
#[inline(always)]
fn exp_reduced<const FMA: bool>(r: f32, c: f32) -> f32 {
    let (h, lost) = fast_two_sum(1.0, r);
    h + (lost + fma::<FMA>(r * r, poly::<FMA, 5>(r, EXP_TAIL), c))
}

/// Like [`exp_parts`], with a few more operations and an error barely above the last rounding's.
#[inline(always)]
fn exp_parts_accurate<const FMA: bool>(x: f32) -> (f32, f32) {
    let (n, r, c) = reduce::<FMA>(x);
    (n, exp_reduced::<FMA>(r, c))
}

/// `e^(x + x_low) = 2ⁿ·(v + v_low)` as `(n, v, v_low)`, for x_low about a rounding error of x.
#[inline(always)]
pub(super) fn exp_in_two_parts<const FMA: bool>(x: f32, x_low: f32) -> (f32, f32, f32) {
    let (n, r, c) = reduce::<FMA>(x);
    let (h, lost) = fast_two_sum(1.0, r);
    let tail = fma::<FMA>(r * r, poly::<FMA, 6>(r, EXPM1_TAIL), c);
    let (v, v_low) = fast_two_sum(h, lost + tail);
    (n, v, fma::<FMA>(v, x_low, v_low))
}

/// For |x| up to this, eˣ is a normal number.
pub const EXP_LIMIT: f32 = 87.0;

/// `eˣ` for |x| up to [`EXP_LIMIT`].
#[inline(always)]
pub fn exp_normal<const FMA: bool>(x: f32) -> f32 {
    let shifted = fma::<FMA>(x, LOG2_E, SHIFT);
    let value = exp_of_rest::<FMA>(x, shifted - SHIFT);
    // The low bits of `shifted` are the integer, which is added to the exponent.
    f32::from_bits(value.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// `eˣ`
#[inline(always)]
pub fn exp<const FMA: bool>(x: f32) -> f32 {
    // At these bounds the result overflows or is zero already.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let (n, v) = exp_parts::<FMA>(x);
    scale(v, n)
}

/// `2ˣ`
#[inline(always)]
pub fn exp2<const FMA: bool>(x: f32) -> f32 {
    // At these bounds the result overflows or is zero already.
    let x = if x > 129.0 { 129.0 } else { x };
    let x = if x < -151.0 { -151.0 } else { x };
    let n = (x + SHIFT) - SHIFT;
    // The fraction is exact, and 2 to its power is e to the power of its product with ln 2.
    let (r, c) = two_product::<FMA>(x - n, LN_2);
    scale(exp_reduced::<FMA>(r, c), n)
}

/// `eˣ - 1`
#[inline(always)]
pub fn expm1<const FMA: bool>(x: f32) -> f32 {
    let y = if x > 89.0 { 89.0 } else { x };
    let y = if y < -20.0 { -20.0 } else { y };
    let (n, r, c) = reduce::<FMA>(y);
    let tail = fma::<FMA>(r * r, poly::<FMA, 6>(r, EXPM1_TAIL), c);
    // Half of the result, so that the largest does not overflow.
    let s = power_of_two(n - 1.0);
    let (u, v) = two_sum(s - 0.5, s * r);
    let value = 2.0 * (u + fma::<FMA>(s, tail, v));
    // Below 2⁻²⁵ the result is x; the computation above loses its sign, or its last bit if it is subnormal.
    if x.abs() < 2.9e-8 { x } else { value }
}

/// `1/(1 + e⁻ˣ)`
#[inline(always)]
pub fn sigmoid<const FMA: bool>(x: f32) -> f32 {
    let a = if x.abs() > 104.0 { 104.0 } else { x.abs() };
    let (n, v) = exp_parts_accurate::<FMA>(-a);
    let e = scale(v, n);
    let numerator = if x < 0.0 { e } else { 1.0 };
    let denominator = 1.0 + e;
    let inverse = 1.0 / denominator;
    let q = numerator * inverse;
    // One Newton step on the quotient, with the rounding error of the denominator.
    let lost = e - (denominator - 1.0);
    let correction = (residual::<FMA>(q, denominator, numerator) - q * lost) * inverse;
    // It would only add noise if the quotient is nearly subnormal.
    q + if x < -70.0 { 0.0 } else { correction }
}

/// `x/(1 + e⁻ˣ)`
#[inline(always)]
pub fn silu<const FMA: bool>(x: f32) -> f32 {
    // Beyond this bound the result is x or zero already.
    let y = if x < -112.0 { -112.0 } else { x };
    let b = if y > 112.0 { 112.0 } else { y };
    let (n, v) = exp_parts_accurate::<FMA>(-b.abs());
    let e = scale_down(v, n);
    let denominator = 1.0 + e;
    let lost = e - (denominator - 1.0);
    // The small factor is divided and multiplied before it is scaled, so that a subnormal result loses no digits.
    let negative = x.is_sign_negative();
    let top = if negative { v } else { 1.0 };
    let inverse = 1.0 / denominator;
    let q = top * inverse;
    // One Newton step on the quotient; its product with b is finite even if x is infinite.
    let rest = (residual::<FMA>(q, denominator, top) - q * lost) * inverse;
    let value = if FMA {
        y.mul_add(q, b * rest)
    } else {
        (y * q + (two_product::<FMA>(b, q).1 + b * rest)).copysign(x)
    };
    if negative {
        scale_down(value, n)
    } else {
        value
    }
}

/// `x/2·(1 + tanh(√(2/π)(x + 0.044715x³)))`, which is `x/(1 + e⁻ʷ)` for w twice the argument of tanh; computed in f64.
#[inline(always)]
pub fn gelu_tanh<const FMA: bool>(x: f32) -> f32 {
    // Beyond this bound the result is x or zero already.
    let a = f64::from(if x.abs() > 12.0 { 12.0 } else { x.abs() });
    let w = a * double::fma::<FMA>(a * a, 0.07135481627260025, 1.5957691216057308);
    let e = wide::exp::<FMA>(-w);
    let value = (if x < 0.0 { a * e } else { a }) / (1.0 + e);
    (if x > 12.0 { x } else { value as f32 }).copysign(x)
}
