//! Logarithms.

use super::exponential::{LN2_HIGH, LN2_LOW, exp_parts_of_sum, power_of_two, scale};
use super::power::log_parts;
use crate::math::arithmetic::double::{fast_two_sum, fma, poly, two_product, two_sum};
use std::f64::consts::{LOG2_E, LOG10_E};

/// `2(atanh s/s - 1)/s²` in s².
const ATANH_TAIL: [f64; 7] = [
    0.666666666666667,
    0.39999999999898933,
    0.28571428626417505,
    0.22222211051564014,
    0.18182895568708088,
    0.15331500784108743,
    0.14619224783863444,
];

const SQRT_HALF_BITS: u64 = 0x3fe6_a09e_667f_3bcd;
const ONE_BITS: u64 = 1.0f64.to_bits();
const FRACTION: u64 = (1 << 52) - 1;
/// 2⁵², whose last bit counts units.
const UNITS: f64 = 4503599627370496.0;

/// `(k, m)` with `x = 2ᵏ·m` and m in [√½, √2), for positive normal x.
#[inline(always)]
pub(super) fn split_exponent(x: f64) -> (f64, f64) {
    let bits = x.to_bits().wrapping_add(ONE_BITS - SQRT_HALF_BITS);
    // AVX2 converts no 64-bit integers; placing them into the significand of 2⁵² does.
    let k = f64::from_bits((bits >> 52) | UNITS.to_bits()) - (UNITS + 1023.0);
    let m = f64::from_bits((bits & FRACTION).wrapping_add(SQRT_HALF_BITS));
    (k, m)
}

/// Like [`split_exponent`], also for subnormal x.
#[inline(always)]
pub(super) fn split_any_exponent(x: f64) -> (f64, f64) {
    let subnormal = x < f64::MIN_POSITIVE;
    let (k, m) = split_exponent(if subnormal {
        x * 18014398509481984.0
    } else {
        x
    });
    (k - if subnormal { 54.0 } else { 0.0 }, m)
}

/// `f - log(1 + f)` for 1 + f in [√½, √2].
///
/// With s = f/(2 + f), `log(1 + f) = 2·atanh(s) = 2s + s·R(s²)`, and 2s = f - s·f.
#[inline(always)]
fn shortfall<const FMA: bool>(f: f64) -> f64 {
    let s = f / (2.0 + f);
    let z = s * s;
    s * fma::<FMA>(-z, poly::<FMA, 7>(z, ATANH_TAIL), f)
}

/// `log(u + c) + extra·ln 2` for positive normal u and c far smaller than u.
#[inline(always)]
pub(super) fn log_of_sum<const FMA: bool>(u: f64, c: f64, extra: f64) -> f64 {
    let (k, m) = split_exponent(u);
    // An error of a number above 2⁶⁰ is negligible; the bound keeps 2⁻ᵏ finite.
    let down = power_of_two(if k > 1000.0 { -1000.0 } else { -k });
    let (f, low) = two_sum(m - 1.0, c * down);
    let k = k + extra;
    // log(1 + f + low) = log(1 + f) + low/(1 + f), and 1 - f approximates 1/(1 + f) well enough.
    let rest = fma::<FMA>(-low, f, low) + k * LN2_LOW;
    fma::<FMA>(k, LN2_HIGH, f - (shortfall::<FMA>(f) - rest))
}

/// `log(1 + y + y_low) + extra·ln 2` for y > -1 and `y_low` far smaller than y.
#[inline(always)]
pub(super) fn log1p_of_sum<const FMA: bool>(y: f64, y_low: f64, extra: f64) -> f64 {
    let (u, c) = two_sum(1.0, y);
    log_of_sum::<FMA>(u, c + y_low, extra)
}

/// `value`, except for the limits of a logarithm at 0 and ∞, and NaN where it has no value.
#[inline(always)]
fn with_limits(x: f64, value: f64) -> f64 {
    let value = if x < f64::INFINITY { value } else { x };
    let value = if x < 0.0 { f64::NAN } else { value };
    if x == 0.0 { f64::NEG_INFINITY } else { value }
}

/// `log(2ᵏ·m)` for m in [√½, √2].
#[inline(always)]
fn log_of_product<const FMA: bool>((k, m): (f64, f64)) -> f64 {
    let f = m - 1.0;
    let rest = fma::<FMA>(-k, LN2_LOW, shortfall::<FMA>(f));
    fma::<FMA>(k, LN2_HIGH, f - rest)
}

/// Natural logarithm of a positive normal number.
#[inline(always)]
pub fn log_normal<const FMA: bool>(x: f64) -> f64 {
    log_of_product::<FMA>(split_exponent(x))
}

/// Natural logarithm.
#[inline(always)]
pub fn log<const FMA: bool>(x: f64) -> f64 {
    with_limits(x, log_of_product::<FMA>(split_any_exponent(x)))
}

/// The rounding error of the number nearest to `1/ln 2`.
const LOG2_E_LOW: f64 = 2.0355273740931033e-17;

/// Logarithm to base 2; exact for powers of two.
#[inline(always)]
pub fn log2<const FMA: bool>(x: f64) -> f64 {
    let (k, m) = split_any_exponent(x);
    let f = m - 1.0;
    let (p, p_low) = two_product::<FMA>(f, LOG2_E);
    let rest = fma::<FMA>(f, LOG2_E_LOW, -LOG2_E * shortfall::<FMA>(f));
    with_limits(x, k + (p + (p_low + rest)))
}

/// The rounding error of the number nearest to `1/ln 10`.
const LOG10_E_LOW: f64 = 1.098319650216765e-17;

/// Logarithm to base 10; exact for powers of ten, because the natural one is computed in two parts.
#[inline(always)]
pub fn log10<const FMA: bool>(x: f64) -> f64 {
    let (h, l) = log_parts::<FMA>(x);
    let (p, p_low) = two_product::<FMA>(h, LOG10_E);
    let value = p + (p_low + fma::<FMA>(h, LOG10_E_LOW, l * LOG10_E));
    with_limits(x, value)
}

/// `ln(eˣ + eʸ)`: the larger plus `log(1 + e^-|x - y|)`. Where these cancel, an ulp means one of the larger.
#[inline(always)]
pub fn log_add_exp<const FMA: bool>(x: f64, y: f64) -> f64 {
    let (large, small) = if x > y { (x, y) } else { (y, x) };
    let (d, d_low) = two_sum(small, -large);
    let d = if x == y { 0.0 } else { d };
    // From 746 on the smaller one is negligible.
    let far = (d < -746.0) | (x == y);
    let d = if d < -746.0 { -746.0 } else { d };
    let (n, h, l) = exp_parts_of_sum::<FMA>(d, if far { 0.0 } else { d_low });
    let (h, l) = fast_two_sum(h, l);
    let e = scale(h, n);
    let value = log1p_of_sum::<FMA>(e, scale(l, n), 0.0);
    large + if e < 5.5e-17 { e } else { value }
}

/// `log(1 + x)`
#[inline(always)]
pub fn log1p<const FMA: bool>(x: f64) -> f64 {
    let value = log1p_of_sum::<FMA>(x, 0.0, 0.0);
    let value = if x.abs() < 5.5e-17 { x } else { value };
    let value = if x < f64::INFINITY { value } else { x };
    let value = if x < -1.0 { f64::NAN } else { value };
    if x == -1.0 { f64::NEG_INFINITY } else { value }
}
