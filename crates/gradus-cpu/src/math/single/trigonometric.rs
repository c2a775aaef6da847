//! Sine, cosine and tangent.

use crate::math::arithmetic::double;
use crate::math::arithmetic::single::{SHIFT, fma, poly, residual, two_product, two_sum};
use std::f32::consts::FRAC_2_PI;

/// The functions of this file without `_any` in their name hold for |x| up to this.
pub const TRIG_LIMIT: f32 = 100000.0;

/// π/2 in three parts of 24 bits.
const HALF_PI: [f32; 3] = [std::f32::consts::FRAC_PI_2, -4.371_139e-8, -1.715_124_5e-15];
/// π/2 in two parts, the first of 33 bits, so that its product with a quadrant below 2¹⁷ is exact.
const HALF_PI_WIDE: (f64, f64) = (1.5707963267341256, 6.077100506506192e-11);

/// `(sin r/r - 1)/r²` in r².
const SIN_TAIL: [f32; 3] = [-0.16666664, 0.008332717, -0.00019583858];
/// `(cos r - 1 + r²/2)/r⁴` in r².
const COS_TAIL: [f32; 3] = [0.041666664, -0.0013888272, 2.454394e-05];
const SIN_TAIL_WIDE: [f64; 4] = [
    -0.16666666663855825,
    0.008333331874648206,
    -0.00019840086614266676,
    2.724990252492585e-06,
];
const COS_TAIL_WIDE: [f64; 4] = [
    0.04166666666432132,
    -0.0013888887671868113,
    2.480060023417545e-05,
    -2.730093524826589e-07,
];

/// `(q, r)` with `x = q·π/2 + r` and |r| ≤ π/4, r rounded once; q modulo 4 is in the low bits.
#[inline(always)]
fn reduce<const FMA: bool>(x: f32) -> (u32, f32) {
    let shifted = fma::<FMA>(x, FRAC_2_PI, SHIFT);
    let q = shifted - SHIFT;
    if !FMA {
        let q = f64::from(q);
        return (
            shifted.to_bits(),
            ((f64::from(x) - q * HALF_PI_WIDE.0) - q * HALF_PI_WIDE.1) as f32,
        );
    }
    // Exact, because q·π₁ and x are multiples of 2⁻²³ (or |x| < 1 and q is at most 1)
    // and their difference is below 1.
    let first = residual::<FMA>(q, HALF_PI[0], x);
    let (p, e) = two_product::<FMA>(q, HALF_PI[1]);
    let (r, low) = two_sum(first, -p);
    (shifted.to_bits(), r + (low - fma::<FMA>(q, HALF_PI[2], e)))
}

/// The sine (`turn` = 0) or cosine (`turn` = 1).
#[inline(always)]
fn sin_turned<const FMA: bool>(x: f32, turn: u32) -> f32 {
    let (q, r) = reduce::<FMA>(x);
    let q = q.wrapping_add(turn);
    let z = r * r;
    let sine = fma::<FMA>(z * r, poly::<FMA, 3>(z, SIN_TAIL), r);
    let half = 0.5 * z;
    let w = 1.0 - half;
    let cosine = w + fma::<FMA>(z * z, poly::<FMA, 3>(z, COS_TAIL), (1.0 - w) - half);
    let value = if q & 1 != 0 { cosine } else { sine };
    f32::from_bits(value.to_bits() ^ ((q & 2) << 30))
}

/// Sine of x in radians, for |x| up to [`TRIG_LIMIT`].
#[inline(always)]
pub fn sin<const FMA: bool>(x: f32) -> f32 {
    let value = sin_turned::<FMA>(x, 0);
    // The reduction turns -0 into 0.
    if x == 0.0 { x } else { value }
}

/// Cosine of x in radians, for |x| up to [`TRIG_LIMIT`].
#[inline(always)]
pub fn cos<const FMA: bool>(x: f32) -> f32 {
    sin_turned::<FMA>(x, 1)
}

/// Tangent of x in radians, for |x| up to [`TRIG_LIMIT`].
#[inline(always)]
pub fn tan<const FMA: bool>(x: f32) -> f32 {
    let x_wide = f64::from(x);
    let shifted = double::fma::<FMA>(x_wide, std::f64::consts::FRAC_2_PI, double::SHIFT);
    let q = shifted - double::SHIFT;
    let r = double::fma::<FMA>(
        -q,
        HALF_PI_WIDE.1,
        double::fma::<FMA>(-q, HALF_PI_WIDE.0, x_wide),
    );
    let z = r * r;
    let sine = double::fma::<FMA>(z * r, double::poly::<FMA, 4>(z, SIN_TAIL_WIDE), r);
    let cosine = double::fma::<FMA>(
        z * z,
        double::poly::<FMA, 4>(z, COS_TAIL_WIDE),
        1.0 - 0.5 * z,
    );
    let odd = shifted.to_bits() & 1 != 0;
    let top = if odd { -cosine } else { sine };
    let value = (top / if odd { sine } else { cosine }) as f32;
    if x == 0.0 { x } else { value }
}

/// Sine of any x, by the standard library.
pub fn sin_any(x: f32) -> f32 {
    f64::from(x).sin() as f32
}

/// Cosine of any x, by the standard library.
pub fn cos_any(x: f32) -> f32 {
    f64::from(x).cos() as f32
}

/// Tangent of any x, by the standard library.
pub fn tan_any(x: f32) -> f32 {
    f64::from(x).tan() as f32
}
