//! Inverse trigonometric functions.

use crate::math::arithmetic::double::{fast_two_sum, fma, poly, residual, two_sum};
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

/// The rounding errors of π, π/2 and π/4.
const PI_LOW: f64 = 1.2246467991473532e-16;
const HALF_PI_LOW: f64 = 6.123233995736766e-17;
const QUARTER_PI_LOW: f64 = 3.061616997868383e-17;
const TAN_PI_8: f64 = std::f64::consts::SQRT_2 - 1.0;

/// `(atan t/t - 1)/t²` in t², for |t| ≤ tan(π/8).
const ATAN_TAIL: [f64; 11] = [
    -0.3333333333333333,
    0.19999999999996113,
    -0.14285714284742607,
    0.11111111019659163,
    -0.0909090471629296,
    0.07692185768133174,
    -0.06664541288491382,
    0.05858365153179386,
    -0.05086402321530409,
    0.03925494461566553,
    -0.019201066933378395,
];
/// `(asin x/x - 1)/x²` in x², for |x| ≤ ½.
const ASIN_TAIL: [f64; 13] = [
    0.16666666666666669,
    0.07499999999998086,
    0.04464285714684728,
    0.030381944107183312,
    0.022372174037335067,
    0.017352369430104073,
    0.013971532836223497,
    0.01147625113992563,
    0.010340817937471169,
    0.005383925392421837,
    0.017592396510731127,
    -0.01513915875975789,
    0.02894683817378402,
];

/// `atan(n/d)` as a sum of two numbers, for n and d not negative, not both zero, neither infinite.
///
/// The quotient is reduced below tan(π/8) by atan v = π/4 + atan((v - 1)/(v + 1)) = π/2 - atan(1/v).
#[inline(always)]
fn atan_parts<const FMA: bool>(n: f64, d: f64) -> (f64, f64) {
    let middle = n > TAN_PI_8 * d;
    let upper = TAN_PI_8 * n > d;
    let (difference, difference_low) = two_sum(n, -d);
    let (sum, sum_low) = two_sum(n, d);
    let (top, top_low) = if middle {
        (difference, difference_low)
    } else {
        (n, 0.0)
    };
    let (top, top_low) = if upper { (-d, 0.0) } else { (top, top_low) };
    let (bottom, bottom_low) = if middle { (sum, sum_low) } else { (d, 0.0) };
    let (bottom, bottom_low) = if upper {
        (n, 0.0)
    } else {
        (bottom, bottom_low)
    };
    let (offset, offset_low) = if middle {
        (FRAC_PI_4, QUARTER_PI_LOW)
    } else {
        (0.0, 0.0)
    };
    let (offset, offset_low) = if upper {
        (FRAC_PI_2, HALF_PI_LOW)
    } else {
        (offset, offset_low)
    };
    let inverse = 1.0 / bottom;
    let t = top * inverse;
    let low = (residual::<FMA>(t, bottom, top) + (top_low - t * bottom_low)) * inverse;
    let z = t * t;
    let tail = fma::<FMA>(
        t * z,
        poly::<FMA, 11>(z, ATAN_TAIL),
        fma::<FMA>(-low, z, low),
    );
    let (high, lost) = fast_two_sum(offset, t);
    (high, lost + (offset_low + tail))
}

/// Arc tangent, in radians.
#[inline(always)]
pub fn atan<const FMA: bool>(x: f64) -> f64 {
    // From 2⁶⁰ on the result is π/2.
    let a = if x.abs() > 1.2e18 { 1.2e18 } else { x.abs() };
    let (high, low) = atan_parts::<FMA>(a, 1.0);
    (high + low).copysign(x)
}

/// The angle in (-π, π] of the point with abscissa x and ordinate y, as C99's `atan2`.
#[inline(always)]
pub fn atan2<const FMA: bool>(y: f64, x: f64) -> f64 {
    let (n, d) = (y.abs(), x.abs());
    let larger = if n > d { n } else { d };
    // Two infinities mean a diagonal, one an axis; scaling keeps reciprocals and sums normal.
    let infinite = larger == f64::INFINITY;
    let n_side = if n == f64::INFINITY { 1.0 } else { 0.0 };
    let d_side = if d == f64::INFINITY { 1.0 } else { 0.0 };
    let factor = if larger > 1e290 { 1e-30 } else { 1.0 };
    let factor = if larger < 1e-250 {
        1.3407807929942597e154
    } else {
        factor
    };
    let n_scaled = if infinite { n_side } else { n * factor };
    let d_scaled = if infinite { d_side } else { d * factor };
    // 0/0 counts as 0.
    let d_scaled = if larger == 0.0 { 1.0 } else { d_scaled };
    let (high, low) = atan_parts::<FMA>(n_scaled, d_scaled);
    let left = x.is_sign_negative();
    let (turned, lost) = two_sum(PI, -high);
    let value = if left {
        turned + (lost + (PI_LOW - low))
    } else {
        high + low
    };
    let value = if n.is_nan() || d.is_nan() {
        n + d
    } else {
        value
    };
    value.copysign(y)
}

/// For a = |x|: `(s, p)` with `asin(v) = s + p`, v being a if a ≤ ½ and √((1 - a)/2) otherwise.
#[inline(always)]
fn asin_parts<const FMA: bool>(a: f64) -> (f64, f64) {
    let large = a > 0.5;
    let z = if large { 0.5 * (1.0 - a) } else { a * a };
    let s = if large { z.sqrt() } else { a };
    (s, s * z * poly::<FMA, 13>(z, ASIN_TAIL))
}

/// Arc sine, in radians; NaN outside of [-1, 1].
#[inline(always)]
pub fn asin<const FMA: bool>(x: f64) -> f64 {
    let a = x.abs();
    let (s, p) = asin_parts::<FMA>(a);
    // asin a = π/2 - 2·asin(√((1 - a)/2))
    let (high, lost) = fast_two_sum(FRAC_PI_2, -2.0 * s);
    let value = if a > 0.5 {
        high + (lost + (HALF_PI_LOW - 2.0 * p))
    } else {
        s + p
    };
    value.copysign(x)
}

/// Arc cosine, in radians; NaN outside of [-1, 1].
#[inline(always)]
pub fn acos<const FMA: bool>(x: f64) -> f64 {
    let a = x.abs();
    let (s, p) = asin_parts::<FMA>(a);
    let (s, p) = if a > 0.5 { (2.0 * s, 2.0 * p) } else { (s, p) };
    // acos x is 2·asin(√((1 - x)/2)) near 1, π minus acos(-x) near -1, and π/2 - asin x in between.
    let near_one = x > 0.5;
    let base = if a > 0.5 { PI } else { FRAC_PI_2 };
    let base_low = if a > 0.5 { PI_LOW } else { HALF_PI_LOW };
    let flip = if a > 0.5 { -1.0 } else { -(1.0f64.copysign(x)) };
    let (high, lost) = fast_two_sum(base, flip * s);
    let value = high + (lost + (base_low + flip * p));
    if near_one { s + p } else { value }
}
