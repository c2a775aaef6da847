//! `exp` and functions derived from it.

use crate::math::arithmetic::double::{SHIFT, fma, poly, residual, two_product, two_sum};
use std::f64::consts::{LN_2, LOG2_E};

/// ln 2 in two parts; the first has 32 bits, so that its product with an exponent is exact.
pub(super) const LN2_HIGH: f64 = 0.6931471803691238;
pub(super) const LN2_LOW: f64 = 1.9082149292705877e-10;

/// The rounding error of [`LN_2`].
const LN_2_REST: f64 = 2.3190468138462996e-17;

/// `(eʳ - 1 - r)/r²` for |r| up to half of ln 2.
const EXP_TAIL: [f64; 11] = [
    0.5,
    0.1666666666666667,
    0.04166666666666667,
    0.008333333333325893,
    0.0013888888888882163,
    0.00019841269875426533,
    2.480158733000073e-05,
    2.7557254801642484e-06,
    2.755726893977339e-07,
    2.5105421026898816e-08,
    2.0916361711997834e-09,
];

/// The same with an error of 2⁻⁵⁷ of eʳ.
const SHORT_EXP_TAIL: [f64; 10] = [
    0.5,
    0.1666666666666667,
    0.04166666666663547,
    0.008333333333325893,
    0.0013888888913816619,
    0.00019841269875426533,
    2.4801525065622984e-05,
    2.7557254801642484e-06,
    2.7618694019278264e-07,
    2.5105421026898816e-08,
];

/// `x = n·ln 2 + r + c` with n an integer, |r| ≤ ln 2/2 and c the rounding error of r.
#[inline(always)]
fn reduce<const FMA: bool>(x: f64) -> (f64, f64, f64) {
    let n = fma::<FMA>(x, LOG2_E, SHIFT) - SHIFT;
    let high = fma::<FMA>(-n, LN2_HIGH, x);
    let low = n * LN2_LOW;
    let r = high - low;
    (n, r, (high - r) - low)
}

/// 2ⁿ for an integer n from -1023 (which gives 0) to 1024 (which gives ∞).
#[inline(always)]
pub(super) fn power_of_two(n: f64) -> f64 {
    // The low 12 bits of the shifted n are n in two's complement; the bits above fall out of the left shift.
    f64::from_bits((n + SHIFT).to_bits().wrapping_add(1023) << 52)
}

/// `v·2ⁿ` for |n| up to 2,000, rounded once, also if the result is subnormal.
#[inline(always)]
pub(super) fn scale(v: f64, n: f64) -> f64 {
    let half = (n * 0.5 + SHIFT) - SHIFT;
    (v * power_of_two(half)) * power_of_two(n - half)
}

/// `e^(r + c)` as a sum of two, the first in [0.7, 1.42] and the second below 0.1, for c at most half an ulp of r.
#[inline(always)]
fn exp_reduced<const FMA: bool>(r: f64, c: f64) -> (f64, f64) {
    let h = 1.0 + r;
    let tail = r * r * poly::<FMA, 11>(r, EXP_TAIL);
    // c also multiplies eʳ; 1 + r is a good enough approximation for such a small number.
    (h, (r - (h - 1.0)) + (tail + fma::<FMA>(c, r, c)))
}

/// `(n, h, l)` with `eˣ = 2ⁿ(h + l)`, h in [0.7, 1.42], |l| < 0.1, for |x| below 1,400.
#[inline(always)]
pub(super) fn exp_parts<const FMA: bool>(x: f64) -> (f64, f64, f64) {
    let (n, r, c) = reduce::<FMA>(x);
    let (h, l) = exp_reduced::<FMA>(r, c);
    (n, h, l)
}

/// Like [`exp_parts`], for `x + low` with low about the rounding error of x.
#[inline(always)]
pub(super) fn exp_parts_of_sum<const FMA: bool>(x: f64, low: f64) -> (f64, f64, f64) {
    let (n, r, c) = reduce::<FMA>(x);
    // A large x has a rounding error far above an ulp of r.
    let (r, c) = two_sum(r, c + low);
    let (h, l) = exp_reduced::<FMA>(r, c);
    (n, h, l)
}

/// `e^(x - n·ln 2)` for n the integer nearest to x/ln 2.
#[inline(always)]
fn exp_of_rest<const FMA: bool>(x: f64, n: f64) -> f64 {
    let r = fma::<FMA>(-n, LN2_LOW, fma::<FMA>(-n, LN2_HIGH, x));
    1.0 + fma::<FMA>(r * r, poly::<FMA, 10>(r, SHORT_EXP_TAIL), r)
}

/// For |x| up to this, eˣ is a normal number.
pub const EXP_LIMIT: f64 = 708.0;

/// `eˣ` for |x| up to [`EXP_LIMIT`].
#[inline(always)]
pub fn exp_normal<const FMA: bool>(x: f64) -> f64 {
    let shifted = fma::<FMA>(x, LOG2_E, SHIFT);
    let value = exp_of_rest::<FMA>(x, shifted - SHIFT);
    // The low bits of `shifted` are the integer, which is added to the exponent.
    f64::from_bits(value.to_bits().wrapping_add(shifted.to_bits() << 52))
}

/// `eˣ`
#[inline(always)]
pub fn exp<const FMA: bool>(x: f64) -> f64 {
    // At these bounds the result overflows or is zero already.
    let x = if x > 710.0 { 710.0 } else { x };
    let x = if x < -746.0 { -746.0 } else { x };
    let n = fma::<FMA>(x, LOG2_E, SHIFT) - SHIFT;
    scale(exp_of_rest::<FMA>(x, n), n)
}

/// `2ˣ`
#[inline(always)]
pub fn exp2<const FMA: bool>(x: f64) -> f64 {
    // At these bounds the result overflows or is zero already.
    let x = if x > 1025.0 { 1025.0 } else { x };
    let x = if x < -1076.0 { -1076.0 } else { x };
    let n = (x + SHIFT) - SHIFT;
    // The fraction is exact, and 2 to its power is e to the power of its product with ln 2.
    let fraction = x - n;
    let (r, c) = two_product::<FMA>(fraction, LN_2);
    let (h, l) = exp_reduced::<FMA>(r, fma::<FMA>(fraction, LN_2_REST, c));
    scale(h + l, n)
}

/// `(u, w)` with `u + w = (eˣ - 1)/2`, for x from -50 to 710; half, so that the largest does not overflow.
#[inline(always)]
pub(super) fn half_expm1_parts<const FMA: bool>(x: f64) -> (f64, f64) {
    let (n, r, c) = reduce::<FMA>(x);
    let tail = fma::<FMA>(r * r, poly::<FMA, 11>(r, EXP_TAIL), c);
    let s = power_of_two(n - 1.0);
    let (u, v) = two_sum(s - 0.5, s * r);
    (u, fma::<FMA>(s, tail, v))
}

/// `eˣ - 1`
#[inline(always)]
pub fn expm1<const FMA: bool>(x: f64) -> f64 {
    let y = if x > 710.0 { 710.0 } else { x };
    let y = if y < -50.0 { -50.0 } else { y };
    let (u, w) = half_expm1_parts::<FMA>(y);
    let value = 2.0 * (u + w);
    // Below 2⁻⁵⁴ the result is x; the computation above loses its sign, or its last bit if it is subnormal.
    if x.abs() < 5.5e-17 { x } else { value }
}

/// `x/(1 + e⁻ˣ)`, given e^-|x|, or a replacement for it, as `2ⁿ(h + l)`.
/// For negative x the small factor is multiplied before it is scaled, so that a subnormal result loses no digits.
#[inline(always)]
fn times_logistic<const FMA: bool>(x: f64, (n, h, l): (f64, f64, f64)) -> f64 {
    let e = scale(h + l, n);
    let denominator = 1.0 + e;
    let lost = e - (denominator - 1.0);
    let negative = x < 0.0;
    let (h, l) = if negative { (h, l) } else { (1.0, 0.0) };
    let (top, top_low) = two_product::<FMA>(x, h);
    let top_low = fma::<FMA>(x, l, top_low);
    let inverse = 1.0 / denominator;
    let q = top * inverse;
    // One Newton step on the quotient, except where it would only add noise.
    let rest = residual::<FMA>(q, denominator, top) + (top_low - q * lost);
    let q = q + if x.abs() < 1e-280 {
        0.0
    } else {
        rest * inverse
    };
    scale(q, if negative { n } else { 0.0 }).copysign(x)
}

/// `x/(1 + e⁻ˣ)`
#[inline(always)]
pub fn silu<const FMA: bool>(x: f64) -> f64 {
    // Beyond this bound the result is x or zero already.
    let a = if x.abs() > 760.0 { 760.0 } else { x.abs() };
    let value = times_logistic::<FMA>(a.copysign(x), exp_parts::<FMA>(-a));
    if x > 760.0 { x } else { value }
}

/// 2√(2/π), and its product with 0.044715, each as a sum of two numbers.
const GELU_LINEAR: (f64, f64) = (1.5957691216057308, -9.96930880911092e-17);
const GELU_CUBIC: (f64, f64) = (0.07135481627260025, -6.175149918155315e-19);

/// `x/2·(1 + tanh(√(2/π)(x + 0.044715x³)))`, which is `x/(1 + e⁻ʷ)` for w twice the argument of tanh.
#[inline(always)]
pub fn gelu_tanh<const FMA: bool>(x: f64) -> f64 {
    // Beyond this bound the result is x or zero already.
    let a = if x.abs() > 22.5 { 22.5 } else { x.abs() };
    let (z, z_low) = two_product::<FMA>(a, a);
    let (p, p_low) = two_product::<FMA>(GELU_CUBIC.0, z);
    let p_low = p_low + fma::<FMA>(GELU_CUBIC.0, z_low, GELU_CUBIC.1 * z);
    let (s, s_low) = two_sum(GELU_LINEAR.0, p);
    let (w, w_low) = two_product::<FMA>(a, s);
    let w_low = fma::<FMA>(a, s_low + (p_low + GELU_LINEAR.1), w_low);
    let value = times_logistic::<FMA>(a.copysign(x), exp_parts_of_sum::<FMA>(-w, -w_low));
    if x > 22.5 { x } else { value }
}

/// `1/(1 + e⁻ˣ)`
#[inline(always)]
pub fn sigmoid<const FMA: bool>(x: f64) -> f64 {
    let a = if x.abs() > 746.0 { 746.0 } else { x.abs() };
    let (n, h, l) = exp_parts::<FMA>(-a);
    let e = scale(h + l, n);
    let numerator = if x < 0.0 { e } else { 1.0 };
    let denominator = 1.0 + e;
    let inverse = 1.0 / denominator;
    let q = numerator * inverse;
    // One Newton step on the quotient, with the rounding error of the denominator.
    let lost = e - (denominator - 1.0);
    let correction = (residual::<FMA>(q, denominator, numerator) - q * lost) * inverse;
    // It would only add noise if the quotient is subnormal.
    q + if x < -690.0 { 0.0 } else { correction }
}
