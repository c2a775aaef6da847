//! Hyperbolic functions and their inverses.

use super::exponential::exp_parts;
use super::exponential::power_of_two;
use super::wide;
use crate::math::arithmetic::double;
use crate::math::arithmetic::single::{fma, poly};

/// `(tanh x/x - 1)/x²` in x², for |x| ≤ 0.625.
const TANH_TAIL: [f32; 5] = [
    -0.33333328,
    0.13332757,
    -0.053850207,
    0.020995837,
    -0.0060960776,
];
/// `(sinh x/x - 1)/x²` in x², for |x| ≤ 1.
const SINH_TAIL: [f64; 4] = [
    0.16666666646810355,
    0.008333339681641082,
    0.0001983810044177868,
    2.806290439599625e-06,
];

/// Hyperbolic sine.
#[inline(always)]
pub fn sinh<const FMA: bool>(x: f32) -> f32 {
    let a = f64::from(x.abs());
    let e = wide::exp::<FMA>(a);
    let z = a * a;
    let small = double::fma::<FMA>(a * z, double::poly::<FMA, 4>(z, SINH_TAIL), a);
    let value = if a > 1.0 { 0.5 * (e - 1.0 / e) } else { small };
    (value as f32).copysign(x)
}

/// Hyperbolic cosine.
#[inline(always)]
pub fn cosh<const FMA: bool>(x: f32) -> f32 {
    let e = wide::exp::<FMA>(f64::from(x.abs()));
    (0.5 * (e + 1.0 / e)) as f32
}

/// Hyperbolic tangent.
#[inline(always)]
pub fn tanh<const FMA: bool>(x: f32) -> f32 {
    // From 9.02 on the result is 1.
    let a = if x.abs() > 10.0 { 10.0 } else { x.abs() };
    let (n, v) = exp_parts::<FMA>(2.0 * a);
    let large = 1.0 - 2.0 / fma::<FMA>(v, power_of_two(n), 1.0);
    let z = a * a;
    let small = fma::<FMA>(a * z, poly::<FMA, 5>(z, TANH_TAIL), a);
    (if a > 0.625 { large } else { small }).copysign(x)
}

/// Inverse hyperbolic sine.
#[inline(always)]
pub fn asinh<const FMA: bool>(x: f32) -> f32 {
    let a = f64::from(x.abs());
    let z = a * a;
    let value = wide::log::<FMA>(a + (z + 1.0).sqrt());
    // Below 2⁻¹² the logarithm's argument has lost too much of a, but a - a³/6 is enough.
    let value = if a < 2.4e-4 {
        a - a * z * (1.0 / 6.0)
    } else {
        value
    };
    let value = if a < f64::INFINITY { value } else { a };
    (value as f32).copysign(x)
}

/// Inverse hyperbolic cosine; NaN below 1.
#[inline(always)]
pub fn acosh<const FMA: bool>(x: f32) -> f32 {
    let a = f64::from(x);
    let value = wide::log::<FMA>(a + (a * a - 1.0).sqrt());
    let value = if a < f64::INFINITY { value } else { a };
    (if a < 1.0 { f64::NAN } else { value }) as f32
}

/// Inverse hyperbolic tangent; ±∞ at ±1, NaN beyond.
#[inline(always)]
pub fn atanh<const FMA: bool>(x: f32) -> f32 {
    let a = f64::from(x.abs());
    let value = 0.5 * wide::log::<FMA>((1.0 + a) / (1.0 - a));
    // Below 2⁻¹² the quotient has lost too much of a, but a + a³/3 is enough.
    let value = if a < 2.4e-4 {
        a + a * a * a * (1.0 / 3.0)
    } else {
        value
    };
    let value = if a == 1.0 { f64::INFINITY } else { value };
    // NaN is handled explicitly, because the logarithm takes its operand's bits literally.
    let value = if a <= 1.0 { value } else { f64::NAN };
    (value as f32).copysign(x)
}
