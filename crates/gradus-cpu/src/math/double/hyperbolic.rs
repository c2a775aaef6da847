//! Hyperbolic functions and their inverses.

use super::exponential::{exp_normal, exp_parts, power_of_two, scale};
use super::logarithm::log1p_of_sum;
use crate::math::arithmetic::double::{fast_two_sum, fma, poly, residual, two_sum};

/// `(sinh x/x - 1)/x²` in x², for |x| ≤ 1.
const SINH_TAIL: [f64; 8] = [
    0.16666666666666666,
    0.008333333333333678,
    0.0001984126984089726,
    2.7557319401386334e-06,
    2.5052065019201614e-08,
    1.606472205220537e-10,
    7.268410027576915e-13,
    1.2929689106729257e-14,
];

/// `(tanh x/x - 1)/x²` in x², for |x| ≤ 0.55.
const TANH_TAIL: [f64; 11] = [
    -0.3333333333333333,
    0.13333333333332462,
    -0.05396825396725808,
    0.021869488488040427,
    -0.00886323429859386,
    0.003592109324160609,
    -0.0014556547899044613,
    0.0005889063188891646,
    -0.00023455763015230453,
    8.500106132254879e-05,
    -2.0532872119507368e-05,
];

/// `(n, h, l, b)` with `e^|x| = 2ⁿ(h + l)` and `e^-|x| = 2ⁿ·b`.
#[inline(always)]
fn exp_both<const FMA: bool>(x: f64) -> (f64, f64, f64, f64) {
    let a = if x.abs() > 712.0 { 712.0 } else { x.abs() };
    let (n, h, l) = exp_parts::<FMA>(a);
    let (h, l) = fast_two_sum(h, l);
    // From 2⁻⁸⁰ on the reciprocal is negligible.
    let down = power_of_two(-2.0 * if n > 40.0 { 40.0 } else { n });
    (n, h, l, down / h)
}

/// Hyperbolic sine.
#[inline(always)]
pub fn sinh<const FMA: bool>(x: f64) -> f64 {
    let a = x.abs();
    let (n, h, l, b) = exp_both::<FMA>(x);
    let large = scale(h + (l - b), n - 1.0);
    let z = a * a;
    let small = fma::<FMA>(a * z, poly::<FMA, 8>(z, SINH_TAIL), a);
    (if a > 1.0 { large } else { small }).copysign(x)
}

/// Hyperbolic cosine.
#[inline(always)]
pub fn cosh<const FMA: bool>(x: f64) -> f64 {
    let (n, h, l, b) = exp_both::<FMA>(x);
    scale(h + (l + b), n - 1.0)
}

/// Hyperbolic tangent.
#[inline(always)]
pub fn tanh<const FMA: bool>(x: f64) -> f64 {
    // From 20 on the result is 1.
    let a = if x.abs() > 20.0 { 20.0 } else { x.abs() };
    let large = 1.0 - 2.0 / (exp_normal::<FMA>(2.0 * a) + 1.0);
    let z = a * a;
    let small = fma::<FMA>(a * z, poly::<FMA, 11>(z, TANH_TAIL), a);
    // Up to ½, the error of the quotient would be more than an ulp of the result.
    (if a > 0.55 { large } else { small }).copysign(x)
}

/// Inverse hyperbolic sine.
#[inline(always)]
pub fn asinh<const FMA: bool>(x: f64) -> f64 {
    let a = x.abs();
    // asinh a = log1p(a + a²/(1 + √(1 + a²))); for large a it is log 2a, and a² could overflow.
    let large = a > 268435456.0;
    let z = if large { 0.0 } else { a * a };
    let (y, low) = two_sum(a, z / (1.0 + (1.0 + z).sqrt()));
    let (low, extra) = if large { (-1.0, 1.0) } else { (low, 0.0) };
    let value = log1p_of_sum::<FMA>(y, low, extra);
    let value = if a < f64::INFINITY { value } else { a };
    value.copysign(x)
}

/// Inverse hyperbolic cosine; NaN below 1.
#[inline(always)]
pub fn acosh<const FMA: bool>(x: f64) -> f64 {
    // acosh x = log1p(t + √(t(t + 2))), t = x - 1
    let large = x > 268435456.0;
    let (t, lost) = two_sum(x, -1.0);
    let root = if large { 0.0 } else { (t * (t + 2.0)).sqrt() };
    let (y, low) = two_sum(root, t);
    let value = log1p_of_sum::<FMA>(y, low + lost, if large { 1.0 } else { 0.0 });
    let value = if x < f64::INFINITY { value } else { x };
    if x < 1.0 { f64::NAN } else { value }
}

/// Inverse hyperbolic tangent; ±∞ at ±1, NaN beyond.
#[inline(always)]
pub fn atanh<const FMA: bool>(x: f64) -> f64 {
    // atanh a = log1p(2a/(1 - a))/2
    let a = x.abs();
    let (dh, dl) = two_sum(1.0, -a);
    let inverse = 1.0 / dh;
    let q = 2.0 * a * inverse;
    let low = (residual::<FMA>(q, dh, 2.0 * a) - q * dl) * inverse;
    let value = 0.5 * log1p_of_sum::<FMA>(q, low, 0.0);
    let value = if a == 1.0 { f64::INFINITY } else { value };
    let value = if a > 1.0 { f64::NAN } else { value };
    value.copysign(x)
}
