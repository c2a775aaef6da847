//! Inverse trigonometric functions, computed in f64.

use crate::math::arithmetic::double::{fma, poly};
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

const TAN_PI_8: f64 = std::f64::consts::SQRT_2 - 1.0;

/// `(atan t/t - 1)/t²` in t², for |t| ≤ tan(π/8).
const ATAN_TAIL: [f64; 6] = [
    -0.33333333280498323,
    0.19999977580234776,
    -0.14284164400136204,
    0.11071552471541328,
    -0.0862574225640052,
    0.05050205697607464,
];
/// `(asin x/x - 1)/x²` in x², for |x| ≤ ½.
const ASIN_TAIL: [f64; 7] = [
    0.16666666687333978,
    0.07499992038455727,
    0.04464783688919919,
    0.030266156915687514,
    0.023634998548216015,
    0.010491475679404715,
    0.0310856968399836,
];

/// `atan(n/d)` for n and d not negative and not both zero.
///
/// The quotient is reduced below tan(π/8) by atan v = π/4 + atan((v - 1)/(v + 1)) = π/2 - atan(1/v).
#[inline(always)]
fn atan_quotient<const FMA: bool>(n: f64, d: f64) -> f64 {
    let middle = n > TAN_PI_8 * d;
    let upper = TAN_PI_8 * n > d;
    let top = if middle { n - d } else { n };
    let top = if upper { -d } else { top };
    let bottom = if middle { n + d } else { d };
    let bottom = if upper { n } else { bottom };
    let offset = if middle { FRAC_PI_4 } else { 0.0 };
    let offset = if upper { FRAC_PI_2 } else { offset };
    let t = top / bottom;
    let z = t * t;
    offset + fma::<FMA>(t * z, poly::<FMA, 6>(z, ATAN_TAIL), t)
}

/// Arc tangent, in radians.
#[inline(always)]
pub fn atan<const FMA: bool>(x: f32) -> f32 {
    (atan_quotient::<FMA>(f64::from(x.abs()), 1.0) as f32).copysign(x)
}

/// The angle in (-π, π] of the point with abscissa x and ordinate y, as C99's `atan2`.
#[inline(always)]
pub fn atan2<const FMA: bool>(y: f32, x: f32) -> f32 {
    let (n, d) = (f64::from(y.abs()), f64::from(x.abs()));
    // Two infinities mean a diagonal, one an axis; 0/0 counts as 0.
    let infinite = (n == f64::INFINITY) | (d == f64::INFINITY);
    let n_side = if n == f64::INFINITY { 1.0 } else { 0.0 };
    let d_side = if d == f64::INFINITY { 1.0 } else { 0.0 };
    let n_used = if infinite { n_side } else { n };
    let d_used = if infinite { d_side } else { d };
    let d_used = if (n == 0.0) & (d == 0.0) { 1.0 } else { d_used };
    let angle = atan_quotient::<FMA>(n_used, d_used);
    let angle = if x.is_sign_negative() {
        PI - angle
    } else {
        angle
    };
    let angle = if n.is_nan() | d.is_nan() {
        f64::NAN
    } else {
        angle
    };
    (angle as f32).copysign(y)
}

/// For a = |x|: asin(v), where v is a if a ≤ ½ and √((1 - a)/2) otherwise.
#[inline(always)]
fn asin_reduced<const FMA: bool>(a: f64) -> f64 {
    let large = a > 0.5;
    let z = if large { 0.5 * (1.0 - a) } else { a * a };
    let s = if large { z.sqrt() } else { a };
    fma::<FMA>(s * z, poly::<FMA, 7>(z, ASIN_TAIL), s)
}

/// Arc sine, in radians; NaN outside of [-1, 1].
#[inline(always)]
pub fn asin<const FMA: bool>(x: f32) -> f32 {
    let a = f64::from(x.abs());
    let s = asin_reduced::<FMA>(a);
    // asin a = π/2 - 2·asin(√((1 - a)/2))
    let value = if a > 0.5 { FRAC_PI_2 - 2.0 * s } else { s };
    (value as f32).copysign(x)
}

/// Arc cosine, in radians; NaN outside of [-1, 1].
#[inline(always)]
pub fn acos<const FMA: bool>(x: f32) -> f32 {
    let a = f64::from(x.abs());
    let s = asin_reduced::<FMA>(a);
    // acos a is 2·asin(√((1 - a)/2)) near 1, or π/2 - asin a; acos(-a) = π - acos a.
    let value = if a > 0.5 { 2.0 * s } else { FRAC_PI_2 - s };
    (if x < 0.0 { PI - value } else { value }) as f32
}
