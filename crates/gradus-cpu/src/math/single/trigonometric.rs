//! Sine, cosine and tangent.

use crate::math::arithmetic::double;
use crate::math::arithmetic::single::{SHIFT, fma, poly};
use std::f32::consts::FRAC_1_PI;

/// The functions of this file without `_any` in their name hold for |x| up to this.
pub const TRIG_LIMIT: f32 = 100000.0;

/// π in three parts of 24 bits.
const PI: [f32; 3] = [std::f32::consts::PI, -8.742_278e-8, -3.430_249e-15];
/// π/2 in two parts, the first of 33 bits, so that its product with a quadrant below 2¹⁷ is exact.
const HALF_PI_WIDE: (f64, f64) = (1.5707963267341256, 6.077100506506192e-11);

/// `(sin r/r - 1 + r²/6)/r⁴` in r², for |r| ≤ π/2: the polynomial of `(sin r/r - 1)/r²` without its first term.
const SIN_REST: [f32; 4] = [0.00833336, -0.00019845042, 2.7750336e-06, -2.7933838e-08];
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

/// `x - q·π` for |q| below 2¹⁷ and a difference below 1.6, rounded once or twice.
#[inline(always)]
fn less_half_turns<const FMA: bool>(x: f32, q: f32) -> f32 {
    if !FMA {
        let q = f64::from(2.0 * q);
        return ((f64::from(x) - q * HALF_PI_WIDE.0) - q * HALF_PI_WIDE.1) as f32;
    }
    // The first difference is exact where x is at least 1: q·π₁ and x are multiples of 2⁻²³, and it is below 2.
    let r = fma::<FMA>(-q, PI[1], fma::<FMA>(-q, PI[0], x));
    fma::<FMA>(-q, PI[2], r)
}

/// Sine of r for |r| ≤ π/2, with the sign changed if the last bit of `turns` is set.
#[inline(always)]
fn sin_reduced<const FMA: bool>(r: f32, turns: u32) -> f32 {
    let z = r * r;
    // The largest term is the last one added, so that it is rounded once.
    let rest = poly::<FMA, 4>(z, SIN_REST);
    let t = fma::<FMA>(z, -1.0 / 6.0, (z * z) * rest);
    let value = fma::<FMA>(r, t, r);
    f32::from_bits(value.to_bits() ^ (turns << 31))
}

/// Sine of x in radians, for |x| up to [`TRIG_LIMIT`].
#[inline(always)]
pub fn sin<const FMA: bool>(x: f32) -> f32 {
    let shifted = fma::<FMA>(x, FRAC_1_PI, SHIFT);
    let r = less_half_turns::<FMA>(x, shifted - SHIFT);
    let value = sin_reduced::<FMA>(r, shifted.to_bits());
    // The reduction turns -0 into 0.
    if x == 0.0 { x } else { value }
}

/// Cosine of x in radians, for |x| up to [`TRIG_LIMIT`]: the sine of x + π/2.
#[inline(always)]
pub fn cos<const FMA: bool>(x: f32) -> f32 {
    let shifted = fma::<FMA>(x, FRAC_1_PI, -0.5) + SHIFT;
    let r = less_half_turns::<FMA>(x, (shifted - SHIFT) + 0.5);
    sin_reduced::<FMA>(r, shifted.to_bits().wrapping_add(1))
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
