//! Logarithms.

use super::exponential::{LN2_HIGH, LN2_LOW, exp_in_two_parts, power_of_two, scale_down};
use super::wide;
use crate::math::arithmetic::single::{fma, poly, residual, two_sum};

/// `(log(1 + f) - f + f²/2)/f³` for 1 + f in [√½, √2].
const LOG_TAIL: [f32; 9] = [
    0.3333333,
    -0.2499999,
    0.20000695,
    -0.16668443,
    0.14250194,
    -0.124118336,
    0.11660259,
    -0.11566143,
    0.07146716,
];
/// `2(atanh s/s - 1)/s²` in s².
const ATANH_TAIL: [f32; 4] = [0.6666667, 0.39999554, 0.28589302, 0.22585824];

/// `(2·atanh(q/2)/q - 1)/q²` in q², for q up to ⅔.
const HALF_ATANH_TAIL: [f32; 5] = [
    0.083333336,
    0.012499858,
    0.002234191,
    0.0004227092,
    0.00011465401,
];

const SQRT_HALF_BITS: u32 = 0x3f35_04f3;
const ONE_BITS: u32 = 1.0f32.to_bits();
const FRACTION: u32 = (1 << 23) - 1;

/// `(k, m)` with `x = 2ᵏ·m` and m in [√½, √2), for positive normal x.
#[inline(always)]
fn split_exponent(x: f32) -> (f32, f32) {
    let bits = x.to_bits().wrapping_add(ONE_BITS - SQRT_HALF_BITS);
    let k = ((bits >> 23) as i32).wrapping_sub(127) as f32;
    let m = f32::from_bits((bits & FRACTION).wrapping_add(SQRT_HALF_BITS));
    (k, m)
}

/// Like [`split_exponent`], also for subnormal x.
#[inline(always)]
fn split_any_exponent(x: f32) -> (f32, f32) {
    let subnormal = x < f32::MIN_POSITIVE;
    let (k, m) = split_exponent(if subnormal { x * 33554432.0 } else { x });
    (k - if subnormal { 25.0 } else { 0.0 }, m)
}

/// `value`, except for the limits of a logarithm at 0 and ∞, and NaN where it has no value.
#[inline(always)]
fn with_limits(x: f32, value: f32) -> f32 {
    let value = if x < f32::INFINITY { value } else { x };
    let value = if x < 0.0 { f32::NAN } else { value };
    if x == 0.0 { f32::NEG_INFINITY } else { value }
}

/// `log(2ᵏ·m)` for m in [√½, √2].
#[inline(always)]
fn log_of_product<const FMA: bool>((k, m): (f32, f32)) -> f32 {
    let f = m - 1.0;
    let z = f * f;
    let tail = fma::<FMA>(f * z, poly::<FMA, 9>(f, LOG_TAIL), k * LN2_LOW);
    fma::<FMA>(k, LN2_HIGH, f + fma::<FMA>(-0.5, z, tail))
}

/// Natural logarithm of a positive normal number.
#[inline(always)]
pub fn log_normal<const FMA: bool>(x: f32) -> f32 {
    log_of_product::<FMA>(split_exponent(x))
}

/// Natural logarithm.
#[inline(always)]
pub fn log<const FMA: bool>(x: f32) -> f32 {
    with_limits(x, log_of_product::<FMA>(split_any_exponent(x)))
}

/// Logarithm to base 2; exact for powers of two.
#[inline(always)]
pub fn log2<const FMA: bool>(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    const LOG2_E_LOW: f32 = (std::f64::consts::LOG2_E - LOG2_E as f64) as f32;
    let (k, m) = split_any_exponent(x);
    let f = m - 1.0;
    let z = f * f;
    // log(1 + f) - f
    let rest = fma::<FMA>(f * z, poly::<FMA, 9>(f, LOG_TAIL), -0.5 * z);
    let rest = fma::<FMA>(f, LOG2_E_LOW, rest * LOG2_E);
    with_limits(x, k + fma::<FMA>(f, LOG2_E, rest))
}

/// Logarithm to base 10, computed in f64; exact for powers of ten.
#[inline(always)]
pub fn log10<const FMA: bool>(x: f32) -> f32 {
    let value = wide::log::<FMA>(f64::from(x)) * std::f64::consts::LOG10_E;
    with_limits(x, value as f32)
}

/// `ln(eˣ + eʸ)`: the larger plus `log(1 + e^-|x - y|)`, each in two parts.
/// Where these cancel, an ulp means one of the larger.
#[inline(always)]
pub fn log_add_exp<const FMA: bool>(x: f32, y: f32) -> f32 {
    let (large, small) = if x < y { (y, x) } else { (x, y) };
    let (d, d_low) = two_sum(small, -large);
    // Beyond this bound the power is zero already.
    let far = d < -104.0;
    let (d, d_low) = if far { (-104.0, 0.0) } else { (d, d_low) };
    let (n, v, v_low) = exp_in_two_parts::<FMA>(d, d_low);
    let (e, e_low) = (scale_down(v, n), scale_down(v_low, n));
    // With q = e/(1 + e/2), log(1 + e) = 2·atanh(q/2) = q + q³·R(q²), whose slope in q is about 1 + q²/4.
    let denominator = fma::<FMA>(0.5, e, 1.0);
    let lost = fma::<FMA>(0.5, e, 1.0 - denominator) + 0.5 * e_low;
    let inverse = 1.0 / denominator;
    let q = e * inverse;
    let rest = residual::<FMA>(q, denominator, e) + fma::<FMA>(-q, lost, e_low);
    let z = q * q;
    let slope = fma::<FMA>(0.25 * z, inverse, inverse);
    let tail = fma::<FMA>(q * z, poly::<FMA, 5>(z, HALF_ATANH_TAIL), rest * slope);
    let (sum, sum_low) = two_sum(large, q);
    let value = sum + (sum_low + tail);
    let infinite = (large.abs() == f32::INFINITY) & !small.is_nan();
    if infinite { large } else { value }
}

/// `log(1 + x)`
#[inline(always)]
pub fn log1p<const FMA: bool>(x: f32) -> f32 {
    let (u, c) = two_sum(1.0, x);
    let (k, m) = split_exponent(u);
    // An error of a number above 2¹⁰⁰ is negligible; the bound keeps 2⁻ᵏ finite.
    let down = power_of_two(if k > 100.0 { -100.0 } else { -k });
    let f = (m - 1.0) + c * down;
    // With s = f/(2 + f), log(1 + f) = 2·atanh(s) = 2s + s·R(s²), and 2s = f - s·f.
    let s = f / (2.0 + f);
    let z = s * s;
    let shortfall = s * fma::<FMA>(-z, poly::<FMA, 4>(z, ATANH_TAIL), f);
    let value = fma::<FMA>(k, LN2_HIGH, f - fma::<FMA>(-k, LN2_LOW, shortfall));
    let value = if x.abs() < 2.9e-8 { x } else { value };
    let value = if x < f32::INFINITY { value } else { x };
    let value = if x < -1.0 { f32::NAN } else { value };
    if x == -1.0 { f32::NEG_INFINITY } else { value }
}
