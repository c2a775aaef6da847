//! Powers and roots, computed in f64.

use super::wide;
use crate::math::arithmetic::double::{SHIFT, fma, poly};
use crate::math::double;

/// `m^(-⅓)` for m in [√½, √2], to 2⁻¹⁴.
const CUBE_ROOT: [f64; 5] = [
    1.8736871811896225,
    -1.8585090475387942,
    1.5564317097005884,
    -0.6992704774581557,
    0.12763614611125407,
];

/// 2²³: from here on f32 are integers.
const INTEGERS_ONLY: f32 = 8388608.0;

/// `xʸ`, with C99's special cases.
#[inline(always)]
pub fn pow<const FMA: bool>(x: f32, y: f32) -> f32 {
    let a = x.abs();
    // 1.0 replaces a zero, which keeps 0·∞ out of the product; zero is handled below.
    let l = wide::log::<FMA>(if a == 0.0 { 1.0 } else { f64::from(a) });
    // Beyond this bound of the exponent every power except of ±1 is 0 or ∞.
    let e = if y.abs() > 1.0e12 {
        1.0e12f32.copysign(y)
    } else {
        y
    };
    let value = wide::exp::<FMA>(f64::from(e) * l) as f32;

    let extreme = if y > 0.0 {
        (0.0, f32::INFINITY)
    } else {
        (f32::INFINITY, 0.0)
    };
    let value = if a == 0.0 { extreme.0 } else { value };
    let value = if a == f32::INFINITY { extreme.1 } else { value };
    // The last bit of y's integer part, if y has one.
    let ay = y.abs();
    let shifted = if ay < INTEGERS_ONLY {
        ay + INTEGERS_ONLY
    } else {
        ay
    };
    let integer = (ay >= INTEGERS_ONLY) | (shifted - INTEGERS_ONLY == ay);
    let last_bit = if ay < 2.0 * INTEGERS_ONLY {
        shifted.to_bits() & 1
    } else {
        0
    };
    let sign = if integer {
        (x.to_bits() >> 31) & last_bit
    } else {
        0
    };
    let value = f32::from_bits(value.to_bits() ^ (sign << 31));
    let value = if (x < 0.0) & (a < f32::INFINITY) & !integer {
        f32::NAN
    } else {
        value
    };
    let value = if x.is_nan() | y.is_nan() {
        x + y
    } else {
        value
    };
    if (y == 0.0) | (x == 1.0) { 1.0 } else { value }
}

/// `xⁿ` by repeated squaring; `x⁰ = 1`.
#[inline(always)]
pub fn powi<const FMA: bool>(x: f32, n: i32) -> f32 {
    match n {
        0 => 1.0,
        1 => x,
        2 => x * x,
        3 => x * x * x,
        -1 => 1.0 / x,
        _ => double::powi::<FMA>(f64::from(x), n) as f32,
    }
}

/// `√(x² + y²)`; infinite if one of them is.
#[inline(always)]
pub fn hypot<const FMA: bool>(x: f32, y: f32) -> f32 {
    let (a, b) = (f64::from(x), f64::from(y));
    let infinite = (x.abs() == f32::INFINITY) | (y.abs() == f32::INFINITY);
    if infinite {
        f32::INFINITY
    } else {
        fma::<FMA>(a, a, b * b).sqrt() as f32
    }
}

/// Cube root, of negative numbers too.
#[inline(always)]
pub fn cbrt<const FMA: bool>(x: f32) -> f32 {
    let a = f64::from(x.abs());
    let (k, m) = wide::split_exponent(a);
    // k = 3·third + rest with rest in {-1, 0, 1}
    let third = (k * (1.0 / 3.0) + SHIFT) - SHIFT;
    let rest = k - 3.0 * third;
    let b = m * if rest > 0.0 { 2.0 } else { 1.0 } * if rest < 0.0 { 0.5 } else { 1.0 };
    let guess = if rest > 0.0 { 0.7937005259840998 } else { 1.0 }
        * if rest < 0.0 { 1.2599210498948732 } else { 1.0 };
    let y = poly::<FMA, 5>(m, CUBE_ROOT) * guess;
    // Halley's step for b^(-⅓): from 2⁻¹⁴ to 2⁻⁴¹.
    let e = 1.0 - b * y * y * y;
    let y = fma::<FMA>(y * e, fma::<FMA>(e, 2.0 / 9.0, 1.0 / 3.0), y);
    let value = b * y * y * wide::power_of_two(third);
    let value = if (a > 0.0) & (a < f64::INFINITY) {
        value
    } else {
        a
    };
    (value as f32).copysign(x)
}
