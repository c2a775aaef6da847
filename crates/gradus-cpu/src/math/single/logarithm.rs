//! `log` and `log1p`.

use super::exponential::{LN2_HIGH, LN2_LOW, power_of_two};
use super::wide;
use crate::math::arithmetic::single::{fma, poly, two_sum};
use std::f64::consts::{LOG2_E, LOG10_E};

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

/// Natural logarithm.
#[inline(always)]
pub fn log<const FMA: bool>(x: f32) -> f32 {
    let subnormal = x < f32::MIN_POSITIVE;
    let (k, m) = split_exponent(if subnormal { x * 33554432.0 } else { x });
    let k = k - if subnormal { 25.0 } else { 0.0 };
    let f = m - 1.0;
    let z = f * f;
    let tail = fma::<FMA>(f * z, poly::<FMA, 9>(f, LOG_TAIL), k * LN2_LOW);
    let value = fma::<FMA>(k, LN2_HIGH, f + fma::<FMA>(-0.5, z, tail));
    let value = if x < f32::INFINITY { value } else { x };
    let value = if x < 0.0 { f32::NAN } else { value };
    if x == 0.0 { f32::NEG_INFINITY } else { value }
}

/// The logarithm to another base by `1/ln base`, computed in f64.
#[inline(always)]
fn log_to_base<const FMA: bool>(x: f32, factor: f64) -> f32 {
    let value = (wide::log::<FMA>(f64::from(x)) * factor) as f32;
    let value = if x < f32::INFINITY { value } else { x };
    let value = if x < 0.0 { f32::NAN } else { value };
    if x == 0.0 { f32::NEG_INFINITY } else { value }
}

/// Logarithm to base 2; exact for powers of two.
#[inline(always)]
pub fn log2<const FMA: bool>(x: f32) -> f32 {
    log_to_base::<FMA>(x, LOG2_E)
}

/// Logarithm to base 10; exact for powers of ten.
#[inline(always)]
pub fn log10<const FMA: bool>(x: f32) -> f32 {
    log_to_base::<FMA>(x, LOG10_E)
}

/// `ln(eˣ + eʸ)`, the larger and `log(1 + e^-|x - y|)`, computed in f64; where these cancel, an ulp is one of the larger.
#[inline(always)]
pub fn log_add_exp<const FMA: bool>(x: f32, y: f32) -> f32 {
    let (x, y) = (f64::from(x), f64::from(y));
    let (large, small) = if x > y { (x, y) } else { (y, x) };
    let d = if x == y { 0.0 } else { small - large };
    let e = wide::exp::<FMA>(d);
    // Below 2⁻²⁰ the logarithm's argument has lost too much of e, but e - e²/2 is enough.
    let rest = if e < 1e-6 {
        e - 0.5 * e * e
    } else {
        wide::log::<FMA>(1.0 + e)
    };
    // NaN has to be said: the logarithm takes its operand's bits as they are.
    (if d.is_nan() { d } else { large + rest }) as f32
}

/// `log(1 + x)`
#[inline(always)]
pub fn log1p<const FMA: bool>(x: f32) -> f32 {
    let (u, c) = two_sum(1.0, x);
    let (k, m) = split_exponent(u);
    // An error of a number of 2¹⁰⁰ and more is far below what is kept; the bound keeps 2⁻ᵏ a number.
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
