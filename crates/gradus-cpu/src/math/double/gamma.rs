//! The logarithm of the gamma function and its derivatives.
//!
//! From 8 on the asymptotic series are exact enough. Below, the argument is shifted up by 8:
//! `Γ(x + 8) = x(x + 1)…(x + 7)·Γ(x)`. The logarithms and the shifts are sums of two numbers, because they cancel;
//! next to its zeros each function is a polynomial times the distance from the zero.

use super::power::{INTEGERS_ONLY, log_parts};
use super::trigonometric::{cos_parts, sin_parts};
use crate::math::arithmetic::double::{fast_two_sum, fma, poly, residual, two_product, two_sum};
use std::f64::consts::PI;

/// `(lgamma(1 + t)/t + γ)/t` for |t| ≤ ⅛.
const LGAMMA_AT_ONE: [f64; 13] = [
    0.8224670334241132,
    -0.40068563438652816,
    0.27058080842780347,
    -0.20738555103451678,
    0.16955717699364758,
    -0.14404989378947486,
    0.12550966841437391,
    -0.11133491642870179,
    0.10009991729992826,
    -0.0908850893319949,
    0.08329567340667915,
    -0.08042175495660778,
    0.07459741138702959,
];
/// `(lgamma(2 + t)/t - 1 + γ)/t` for |t| ≤ ⅛.
const LGAMMA_AT_TWO: [f64; 10] = [
    0.32246703342411326,
    -0.06735230105319819,
    0.02058080842766121,
    -0.007385551028554762,
    0.002890510393183422,
    -0.0011927539549527531,
    0.0005096584095511641,
    -0.0002231483995094436,
    0.00010026570344924872,
    -4.5333659483200005e-05,
];
/// `(digamma(x₀ + t)/t - digamma'(x₀))/t` for |t| ≤ ⅛.
const DIGAMMA_AT_ZERO: [f64; 12] = [
    -0.4427631689835921,
    0.2584997609556509,
    -0.16394270544252043,
    0.10782405069144692,
    -0.07219956117159289,
    0.048804288067100035,
    -0.0331611495763109,
    0.022597669796616454,
    -0.015421926343202934,
    0.010536478381074514,
    -0.007365022267330148,
    0.0050452217509685945,
];
/// `(y·r(y) - 1/12)·y²` in `1/y²` for y ≥ 8, with r the rest of Stirling's formula
/// `lgamma(y) = (y - ½)·log(y) - y + ½·log(2π) + r(y)`.
const STIRLING: [f64; 6] = [
    -0.00277777777777762,
    0.0007936507929176157,
    -0.0005952375416793696,
    0.0008415971424664606,
    -0.0018980168543055408,
    0.005235842667201659,
];
/// `(y²·r(y) - 1/12)·y²` in `1/y²` for y ≥ 8, with r the rest of `digamma(y) = log(y) - 1/(2y) - r(y)`.
const DIGAMMA_SERIES: [f64; 6] = [
    -0.008333333333331049,
    0.003968253957631011,
    -0.004166658635951676,
    0.007573523163427298,
    -0.02080815001822071,
    0.06607382883844719,
];
/// Numbers as sums of two: Euler's constant, `1 - γ`, the zero of digamma, its slope there, `½·log(2π)`, π.
const GAMMA: (f64, f64) = (0.5772156649015329, -4.942915152430645e-18);
const ONE_MINUS_GAMMA: (f64, f64) = (0.42278433509846713, 4.942915152430645e-18);
const ZERO: (f64, f64) = (1.4616321449683622, 9.549995429965697e-17);
const SLOPE_AT_ZERO: (f64, f64) = (0.9676722454476212, -3.387874303038943e-17);
const HALF_LOG_TWO_PI: (f64, f64) = (0.9189385332046728, -3.8782941580672414e-17);
pub(super) const PI_PARTS: (f64, f64) = (PI, 1.2246467991473532e-16);

const TWO_200: f64 = f64::from_bits((1023 + 200) << 52);
/// The shift of arguments below it.
const SHIFT: f64 = 8.0;
/// Below, `lgamma(x)` is `-log(x)` and `digamma(x)` is `-1/x` to all digits.
const TINY: f64 = 1e-17;

/// `a + b`, of sums of two.
#[inline(always)]
pub(super) fn plus((ah, al): (f64, f64), (bh, bl): (f64, f64)) -> (f64, f64) {
    let (s, e) = two_sum(ah, bh);
    fast_two_sum(s, e + (al + bl))
}

/// `a·b`, of sums of two.
#[inline(always)]
pub(super) fn product<const FMA: bool>((ah, al): (f64, f64), (bh, bl): (f64, f64)) -> (f64, f64) {
    let (p, e) = two_product::<FMA>(ah, bh);
    fast_two_sum(p, e + fma::<FMA>(ah, bl, al * bh))
}

/// The quotient of sums of two.
#[inline(always)]
pub(super) fn quotient<const FMA: bool>((ah, al): (f64, f64), (bh, bl): (f64, f64)) -> (f64, f64) {
    let inverse = 1.0 / bh;
    let q = ah * inverse;
    let rest = residual::<FMA>(q, bh, ah) + (al - q * bl);
    fast_two_sum(q, rest * inverse)
}

/// `w = x(x + 7)` for x below 8. In it `x(x + 1)…(x + 7)` is `w(w + 6)(w + 10)(w + 12)`.
#[inline(always)]
fn paired<const FMA: bool>(x: f64) -> (f64, f64) {
    product::<FMA>(two_sum(x, 7.0), (x, 0.0))
}

/// `w(w + 6)(w + 10)(w + 12)`
#[inline(always)]
fn rising_product<const FMA: bool>(w: (f64, f64)) -> (f64, f64) {
    let sum = plus(w, (28.0, 0.0));
    let sum = plus(product::<FMA>(w, sum), (252.0, 0.0));
    let sum = plus(product::<FMA>(w, sum), (720.0, 0.0));
    product::<FMA>(w, sum)
}

/// `1/x + 1/(x + 1) + … + 1/(x + 7)`, which is the slope of the product by the product.
#[inline(always)]
fn sum_of_inverses<const FMA: bool>(x: f64) -> (f64, f64) {
    let w = paired::<FMA>(x);
    let slope = plus((4.0 * w.0, 4.0 * w.1), (84.0, 0.0));
    let slope = plus(product::<FMA>(w, slope), (504.0, 0.0));
    let slope = plus(product::<FMA>(w, slope), (720.0, 0.0));
    let slope = product::<FMA>(two_sum(2.0 * x, 7.0), slope);
    quotient::<FMA>(slope, rising_product::<FMA>(w))
}

/// `a` less the integer next to it, for a ≥ 0.
#[inline(always)]
pub(super) fn from_nearest_integer(a: f64) -> f64 {
    let nearest = (a + INTEGERS_ONLY) - INTEGERS_ONLY;
    if a < INTEGERS_ONLY { a - nearest } else { 0.0 }
}

/// Sine and cosine of `π·s` for s from 0 to ½.
#[inline(always)]
pub(super) fn sin_cos_pi<const FMA: bool>(s: f64) -> ((f64, f64), (f64, f64)) {
    let turned = s > 0.25;
    let t = if turned { 0.5 - s } else { s };
    let (r, c) = product::<FMA>(PI_PARTS, (t, 0.0));
    let sin = sin_parts::<FMA>(r, c);
    let cos = cos_parts::<FMA>(r, c);
    let sin = fast_two_sum(sin.0, sin.1);
    let cos = fast_two_sum(cos.0, cos.1);
    if turned { (cos, sin) } else { (sin, cos) }
}

/// `log|Γ(x)|`. It is infinite at 0, the negative integers and both infinities.
///
/// Below 0 it comes from `Γ(x)·Γ(-x) = -π/(x·sin(πx))`. Next to its zeros there, the error is one of the two
/// logarithms that cancel.
#[inline(always)]
pub fn lgamma<const FMA: bool>(x: f64) -> f64 {
    let a = x.abs();
    let negative = x < 0.0;
    let is_small = a < SHIFT;
    let is_tiny = a < TINY;
    // lgamma(y), of an argument in a range where nothing overflows: 1 where a value is not used.
    let b = if is_small { a } else { 1.0 };
    let is_huge = a > 1e290;
    let (down, up) = if is_huge {
        (1.0 / TWO_200, TWO_200)
    } else {
        (1.0, 1.0)
    };
    let (y, y_low) = two_sum(b, SHIFT);
    let y = if is_small { y } else { a };
    let y_low = if is_small { y_low } else { 0.0 };
    let (l, l_low) = log_parts::<FMA>(y);
    let inverse = 1.0 / y;
    let z = inverse * inverse;
    let series = fma::<FMA>(z, poly::<FMA, 6>(z, STIRLING), 1.0 / 12.0) * inverse;
    let (scaled, scaled_low) = (y * down, y_low * down);
    let (h, h_low) = fast_two_sum(scaled, -0.5 * down);
    let (p, e) = two_product::<FMA>(h, l);
    let e = fma::<FMA>(
        h,
        fma::<FMA>(y_low, inverse, l_low),
        fma::<FMA>(h_low + scaled_low, l, e),
    );
    let (s, s_low) = two_sum(p, -scaled);
    let (s, t) = two_sum(s, HALF_LOG_TWO_PI.0 * down);
    let s_low = s_low + t + (e - scaled_low) + (HALF_LOG_TWO_PI.1 + series) * down;

    // The product of the shift, and below 0 the reflection.
    let shift = rising_product::<FMA>(paired::<FMA>(b));
    let shift = if is_small { shift } else { (1.0, 0.0) };
    let distance = from_nearest_integer(a).abs();
    let (sin, _) = sin_cos_pi::<FMA>(distance);
    let c = if is_huge { 1.0 } else { a };
    let sin = if distance > 0.0 { sin } else { (1.0, 0.0) };
    let reflected = quotient::<FMA>(
        product::<FMA>(shift, PI_PARTS),
        product::<FMA>(sin, (c, 0.0)),
    );
    let (w, w_low) = if negative { reflected } else { shift };
    let w = if is_tiny { a } else { w };
    let w_low = if is_tiny { 0.0 } else { w_low };
    let (l, l_low) = log_parts::<FMA>(w);
    let (s, s_low) = if is_tiny { (0.0, 0.0) } else { (s, s_low) };
    let (v, v_low) = two_sum(s, -l);
    let value = (v + (v_low + (s_low - (l_low + w_low / w)))) * up;
    let value = if negative & !is_tiny { -value } else { value };

    let t = if a < 1.5 { a - 1.0 } else { a - 2.0 };
    let at_one = GAMMA.1 - t * poly::<FMA, 13>(t, LGAMMA_AT_ONE);
    let at_two = ONE_MINUS_GAMMA.1 + t * poly::<FMA, 10>(t, LGAMMA_AT_TWO);
    let (h, l) = if a < 1.5 {
        (-GAMMA.0, -at_one)
    } else {
        (ONE_MINUS_GAMMA.0, at_two)
    };
    let (h, l) = fast_two_sum(h, l);
    let near = fma::<FMA>(t, h, t * l);
    let value = if (t.abs() < 0.125) & !negative {
        near
    } else {
        value
    };
    let is_pole = (distance == 0.0) & (x <= 0.0) | (a == f64::INFINITY);
    let value = if is_pole { f64::INFINITY } else { value };
    if x.is_nan() { x } else { value }
}

/// The derivative of `log Γ(x)`. It is -∞ at 0, ∞ at -0, and NaN at the negative integers, where both sides differ.
///
/// Below 0 it is `digamma(-x) - 1/x - π/tan(πx)`. Next to its zeros there, the error is one of the terms that cancel.
#[inline(always)]
pub fn digamma<const FMA: bool>(x: f64) -> f64 {
    let a = x.abs();
    let is_small = a < SHIFT;
    let b = if is_small { a } else { 1.0 };
    let (y, y_low) = two_sum(b, SHIFT);
    let y = if is_small { y } else { a };
    let y_low = if is_small { y_low } else { 0.0 };
    let (l, l_low) = log_parts::<FMA>(y);
    // From here on the other terms add nothing.
    let y = if y > 1e20 { 1e20 } else { y };
    let inverse = 1.0 / y;
    let z = inverse * inverse;
    let lost = (residual::<FMA>(inverse, y, 1.0) - inverse * y_low) * inverse;
    let series = z * fma::<FMA>(z, poly::<FMA, 6>(z, DIGAMMA_SERIES), 1.0 / 12.0);
    let (sum, sum_low) = sum_of_inverses::<FMA>(b);
    let (sum, sum_low) = if is_small { (sum, sum_low) } else { (0.0, 0.0) };
    let (v, v_low) = two_sum(l, -0.5 * inverse);
    let (v, t) = two_sum(v, -sum);
    let low = v_low + t + (fma::<FMA>(y_low, inverse, l_low) - 0.5 * lost - sum_low - series);

    let r = from_nearest_integer(a);
    let (sin, cos) = sin_cos_pi::<FMA>(r.abs());
    let sin = if r == 0.0 { (1.0, 0.0) } else { sin };
    let cotangent = quotient::<FMA>(product::<FMA>(cos, PI_PARTS), sin);
    let cotangent = (
        cotangent.0.copysign(r),
        if r < 0.0 { -cotangent.1 } else { cotangent.1 },
    );
    let c = if a > TINY { a } else { 1.0 };
    let (u, u_low) = two_sum(1.0 / c, cotangent.0);
    let (u, t) = two_sum(v, u);
    let negative = x < 0.0;
    let reflected = u + (t + u_low + (low + cotangent.1));
    let value = if negative { reflected } else { v + low };

    let (t, t_low) = two_sum(a - ZERO.0, -ZERO.1);
    let near = SLOPE_AT_ZERO.1 + t * poly::<FMA, 12>(t, DIGAMMA_AT_ZERO);
    let (h, l) = fast_two_sum(SLOPE_AT_ZERO.0, near);
    let near = fma::<FMA>(t, h, fma::<FMA>(t, l, t_low * h));
    let value = if (t.abs() < 0.125) & !negative {
        near
    } else {
        value
    };
    let value = if a < TINY { -1.0 / x } else { value };
    let value = if x == f64::INFINITY { x } else { value };
    let is_pole = negative & (r == 0.0) & (a >= TINY);
    if is_pole | x.is_nan() {
        f64::NAN
    } else {
        value
    }
}
