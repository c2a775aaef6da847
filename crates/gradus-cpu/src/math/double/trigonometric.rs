//! Sine, cosine and tangent.

use crate::math::arithmetic::double::{
    SHIFT, fast_two_sum, fma, poly, residual, two_product, two_sum,
};
use std::f64::consts::FRAC_2_PI;

/// The functions of this file without `_any` in their name hold for |x| up to this.
pub const TRIG_LIMIT: f64 = 1073741824.0;

/// π/2 in three parts of 53 bits.
const HALF_PI: [f64; 3] = [
    std::f64::consts::FRAC_PI_2,
    6.123233995736766e-17,
    -1.4973849048591698e-33,
];

/// `(sin r/r - 1)/r²` in r².
const SIN_TAIL: [f64; 6] = [
    -0.16666666666666666,
    0.00833333333333131,
    -0.00019841269837086374,
    2.755731622361486e-06,
    -2.5051151398821025e-08,
    1.5919277501378158e-10,
];
/// `(cos r - 1 + r²/2)/r⁴` in r².
const COS_TAIL: [f64; 6] = [
    0.041666666666666664,
    -0.0013888888888887061,
    2.4801587298460378e-05,
    -2.755731715837693e-07,
    2.087612785242617e-09,
    -1.1381544295657313e-11,
];

/// `(q, r, c)` with `x = q·π/2 + r + c`, |r| ≤ π/4 and c below an ulp of r; q modulo 4 is in the low bits.
///
/// The first subtraction is exact: q·π₁ and x are multiples of 2⁻⁵² (or |x| < 1 and q is at most 1)
/// and their difference is below 1.
#[inline(always)]
fn reduce<const FMA: bool>(x: f64) -> (u64, f64, f64) {
    let shifted = fma::<FMA>(x, FRAC_2_PI, SHIFT);
    let q = shifted - SHIFT;
    let first = residual::<FMA>(q, HALF_PI[0], x);
    let (p, e) = two_product::<FMA>(q, HALF_PI[1]);
    let (r, low) = two_sum(first, -p);
    let (r, c) = fast_two_sum(r, low - fma::<FMA>(q, HALF_PI[2], e));
    (shifted.to_bits(), r, c)
}

/// Sine of `r + c` as a sum of two numbers.
#[inline(always)]
pub(super) fn sin_parts<const FMA: bool>(r: f64, c: f64) -> (f64, f64) {
    let z = r * r;
    let tail = poly::<FMA, 6>(z, SIN_TAIL);
    // sin(r + c) = sin r + c·cos r
    (r, fma::<FMA>(z * r, tail, fma::<FMA>(-0.5 * z, c, c)))
}

/// Cosine of `r + c` as a sum of two numbers.
#[inline(always)]
pub(super) fn cos_parts<const FMA: bool>(r: f64, c: f64) -> (f64, f64) {
    let z = r * r;
    let half = 0.5 * z;
    let w = 1.0 - half;
    let tail = poly::<FMA, 6>(z, COS_TAIL);
    // The rounding errors of 1 - z/2, and of z itself.
    let low = ((1.0 - w) - half)
        - 0.5
            * if FMA {
                r.mul_add(r, -z)
            } else {
                two_product::<FMA>(r, r).1
            };
    (w, low + fma::<FMA>(z * z, tail, -r * c))
}

/// Like [`reduce`], with an error of r of about an ulp.
#[inline(always)]
fn reduce_once<const FMA: bool>(x: f64) -> (u64, f64) {
    if !FMA {
        let (q, r, _) = reduce::<FMA>(x);
        return (q, r);
    }
    let shifted = fma::<FMA>(x, FRAC_2_PI, SHIFT);
    let q = shifted - SHIFT;
    // The first difference is exact, and the others are rounded once each.
    let r = fma::<FMA>(-q, HALF_PI[1], fma::<FMA>(-q, HALF_PI[0], x));
    (shifted.to_bits(), fma::<FMA>(-q, HALF_PI[2], r))
}

/// The sine (`turn` = 0) or cosine (`turn` = 1).
#[inline(always)]
fn sin_turned<const FMA: bool>(x: f64, turn: u64) -> f64 {
    let (q, r) = reduce_once::<FMA>(x);
    let q = q.wrapping_add(turn);
    let z = r * r;
    let sine = fma::<FMA>(z * r, poly::<FMA, 6>(z, SIN_TAIL), r);
    let half = 0.5 * z;
    let w = 1.0 - half;
    let cosine = w + fma::<FMA>(z * z, poly::<FMA, 6>(z, COS_TAIL), (1.0 - w) - half);
    let value = if q & 1 != 0 { cosine } else { sine };
    f64::from_bits(value.to_bits() ^ ((q & 2) << 62))
}

/// Sine of x in radians, for |x| up to [`TRIG_LIMIT`].
#[inline(always)]
pub fn sin<const FMA: bool>(x: f64) -> f64 {
    let value = sin_turned::<FMA>(x, 0);
    // The reduction turns -0 into 0.
    if x == 0.0 { x } else { value }
}

/// Cosine of x in radians, for |x| up to [`TRIG_LIMIT`].
#[inline(always)]
pub fn cos<const FMA: bool>(x: f64) -> f64 {
    sin_turned::<FMA>(x, 1)
}

/// Tangent of x in radians, for |x| up to [`TRIG_LIMIT`].
#[inline(always)]
pub fn tan<const FMA: bool>(x: f64) -> f64 {
    let (q, r, c) = reduce::<FMA>(x);
    let (sh, sl) = sin_parts::<FMA>(r, c);
    let (ch, cl) = cos_parts::<FMA>(r, c);
    let (sh, sl) = fast_two_sum(sh, sl);
    let (ch, cl) = fast_two_sum(ch, cl);
    let odd = q & 1 != 0;
    let (nh, nl) = if odd { (-ch, -cl) } else { (sh, sl) };
    let (dh, dl) = if odd { (sh, sl) } else { (ch, cl) };
    let inverse = 1.0 / dh;
    let t = nh * inverse;
    let value = t + (residual::<FMA>(t, dh, nh) + (nl - t * dl)) * inverse;
    if x == 0.0 { x } else { value }
}

/// Sine of any x, by the standard library.
pub fn sin_any(x: f64) -> f64 {
    x.sin()
}

/// Cosine of any x, by the standard library.
pub fn cos_any(x: f64) -> f64 {
    x.cos()
}

/// Tangent of any x, by the standard library.
pub fn tan_any(x: f64) -> f64 {
    x.tan()
}
