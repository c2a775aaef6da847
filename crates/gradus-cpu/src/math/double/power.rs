//! Powers and roots.

use super::exponential::{LN2_HIGH, LN2_LOW, exp_parts_of_sum, power_of_two, scale};
use super::logarithm::split_any_exponent;
use crate::math::arithmetic::double::{
    SHIFT, fast_two_sum, fma, poly, residual, two_product, two_sum,
};

/// `((2(atanh s/s - 1)/s²) - ⅔)/s²` in s².
const ATANH_SECOND_TAIL: [f64; 9] = [
    0.4,
    0.2857142857142495,
    0.22222222223944368,
    0.18181817813914122,
    0.15384657098905102,
    0.13330646236431923,
    0.11863584710800651,
    0.08581451374085866,
    0.2571934956360217,
];
/// ⅔ in two parts.
const TWO_THIRDS: (f64, f64) = (2.0 / 3.0, 3.700743415417188e-17);
/// `m^(-⅓)` for m in [√½, √2], to 2⁻¹⁴.
const CUBE_ROOT: [f64; 5] = [
    1.8736871811896225,
    -1.8585090475387942,
    1.5564317097005884,
    -0.6992704774581557,
    0.12763614611125407,
];

const TWO_600: f64 = f64::from_bits((1023 + 600) << 52);
/// 2⁵²: from here on floats are integers.
pub(super) const INTEGERS_ONLY: f64 = 4503599627370496.0;

/// The natural logarithm of a positive finite number as a sum of two numbers, with a relative error of about 2⁻⁶⁵.
#[inline(always)]
pub(super) fn log_parts<const FMA: bool>(x: f64) -> (f64, f64) {
    let (k, m) = split_any_exponent(x);
    let f = m - 1.0;
    // s = f/(2 + f) in two parts; log m = 2s + s³·(⅔ + s²(…)),
    // where 53 bits suffice only in the innermost brackets.
    let (dh, dl) = fast_two_sum(2.0, f);
    let inverse = 1.0 / dh;
    let sh = f * inverse;
    let sl = (residual::<FMA>(sh, dh, f) - sh * dl) * inverse;
    let (zh, zl) = two_product::<FMA>(sh, sh);
    let zl = fma::<FMA>(2.0 * sh, sl, zl);
    let (ch, cl) = fast_two_sum(TWO_THIRDS.0, zh * poly::<FMA, 9>(zh, ATANH_SECOND_TAIL));
    let cl = cl + fma::<FMA>(zl, ATANH_SECOND_TAIL[0], TWO_THIRDS.1);
    let (th, tl) = two_product::<FMA>(zh, sh);
    let tl = tl + fma::<FMA>(zh, sl, zl * sh);
    let (qh, ql) = two_product::<FMA>(th, ch);
    let ql = ql + fma::<FMA>(th, cl, tl * ch);
    let (a, a_lost) = two_sum(k * LN2_HIGH, 2.0 * sh);
    let (b, b_lost) = two_sum(a, qh);
    let low = (a_lost + b_lost) + (fma::<FMA>(2.0, sl, ql) + k * LN2_LOW);
    fast_two_sum(b, low)
}

/// `xʸ`, with C99's special cases.
#[inline(always)]
pub fn pow<const FMA: bool>(x: f64, y: f64) -> f64 {
    let a = x.abs();
    let (lh, ll) = log_parts::<FMA>(a);
    // Beyond these bounds of the exponent every power except of ±1 is 0 or ∞.
    let e = if y > 7.0e19 { 7.0e19 } else { y };
    let e = if e < -7.0e19 { -7.0e19 } else { e };
    let (p, p_low) = two_product::<FMA>(e, lh);
    let p_low = fma::<FMA>(e, ll, p_low);
    let outside = p.abs() > 800.0;
    let p = if outside { 800.0f64.copysign(p) } else { p };
    let p_low = if outside { 0.0 } else { p_low };
    let (n, h, l) = exp_parts_of_sum::<FMA>(p, p_low);
    let value = scale(h + l, n);

    let extreme = if y > 0.0 {
        (0.0, f64::INFINITY)
    } else {
        (f64::INFINITY, 0.0)
    };
    let value = if a == 0.0 { extreme.0 } else { value };
    let value = if a == f64::INFINITY { extreme.1 } else { value };
    // The last bit of y's integer part, if y has one.
    let ay = y.abs();
    let shifted = if ay < INTEGERS_ONLY {
        ay + INTEGERS_ONLY
    } else {
        ay
    };
    let integer = ay >= INTEGERS_ONLY || shifted - INTEGERS_ONLY == ay;
    let last_bit = if ay < 2.0 * INTEGERS_ONLY {
        shifted.to_bits() & 1
    } else {
        0
    };
    let sign = if integer {
        (x.to_bits() >> 63) & last_bit
    } else {
        0
    };
    let value = f64::from_bits(value.to_bits() ^ (sign << 63));
    let value = if (x < 0.0) & (a < f64::INFINITY) & !integer {
        f64::NAN
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

/// `xⁿ` by repeated squaring with products in twice the precision; `x⁰ = 1`.
#[inline(always)]
pub fn powi<const FMA: bool>(x: f64, n: i32) -> f64 {
    match n {
        0 => return 1.0,
        1 => return x,
        2 => return x * x,
        3 => return x * x * x,
        -1 => return 1.0 / x,
        _ => {}
    }
    let mut base = x;
    let mut base_low = 0.0;
    if n < 0 {
        base = 1.0 / x;
        base_low = finite_or_zero(residual::<FMA>(base, x, 1.0) * base);
    }
    let (mut value, mut low) = (1.0, 0.0);
    let mut bits = n.unsigned_abs();
    loop {
        if bits & 1 != 0 {
            (value, low) = product::<FMA>(value, low, base, base_low);
        }
        bits >>= 1;
        if bits == 0 {
            // A zero that underflowed gets its sign here.
            let sign = if n & 1 != 0 { x } else { 1.0 };
            return (value + low).abs().copysign(sign);
        }
        (base, base_low) = product::<FMA>(base, base_low, base, base_low);
    }
}

/// The product of two numbers, each a sum of two.
#[inline(always)]
fn product<const FMA: bool>(ah: f64, al: f64, bh: f64, bl: f64) -> (f64, f64) {
    let (p, e) = two_product::<FMA>(ah, bh);
    let e = finite_or_zero(e + fma::<FMA>(ah, bl, al * bh));
    let (h, l) = fast_two_sum(p, e);
    (h, finite_or_zero(l))
}

/// The error of an overflow is NaN; the product's high part is the whole result then.
#[inline(always)]
fn finite_or_zero(x: f64) -> f64 {
    if x.abs() < f64::INFINITY { x } else { 0.0 }
}

/// `√(x² + y²)` without intermediate overflow; infinite if one of them is.
#[inline(always)]
pub fn hypot<const FMA: bool>(x: f64, y: f64) -> f64 {
    let (a, b) = (x.abs(), y.abs());
    let (a, b) = if a < b { (b, a) } else { (a, b) };
    // Scaled by powers of two, which is exact, to a range in which squares and
    // their errors neither overflow nor underflow.
    let (down, up) = if a < 1e-140 {
        (TWO_600, 1.0 / TWO_600)
    } else {
        (1.0, 1.0)
    };
    let (down, up) = if a > 1e140 {
        (1.0 / TWO_600, TWO_600)
    } else {
        (down, up)
    };
    let (a, b) = (a * down, b * down);
    let (square, lost) = two_product::<FMA>(a, a);
    let value = (square + fma::<FMA>(b, b, lost)).sqrt() * up;
    let infinite = (x.abs() == f64::INFINITY) | (y.abs() == f64::INFINITY);
    if infinite { f64::INFINITY } else { value }
}

/// Cube root, of negative numbers too.
#[inline(always)]
pub fn cbrt<const FMA: bool>(x: f64) -> f64 {
    let a = x.abs();
    let (k, m) = split_any_exponent(a);
    // k = 3·third + rest with rest in {-1, 0, 1}
    let third = (k * (1.0 / 3.0) + SHIFT) - SHIFT;
    let rest = k - 3.0 * third;
    let b = m * if rest > 0.0 { 2.0 } else { 1.0 } * if rest < 0.0 { 0.5 } else { 1.0 };
    let guess = if rest > 0.0 { 0.7937005259840998 } else { 1.0 }
        * if rest < 0.0 { 1.2599210498948732 } else { 1.0 };
    let y = poly::<FMA, 5>(m, CUBE_ROOT) * guess;
    // Halley's step for b^(-⅓): from 2⁻¹⁴ to 2⁻⁴¹; then a Newton step for the root itself, with an exact residual.
    let e = 1.0 - b * y * y * y;
    let y = fma::<FMA>(y * e, fma::<FMA>(e, 2.0 / 9.0, 1.0 / 3.0), y);
    let c = b * y * y;
    let (c2, c2_low) = two_product::<FMA>(c, c);
    let error = residual::<FMA>(c2, c, b) - c2_low * c;
    let root = fma::<FMA>(error * (1.0 / 3.0), y * y, c);
    let value = root * power_of_two(third);
    let value = if (a > 0.0) & (a < f64::INFINITY) {
        value
    } else {
        a
    };
    value.copysign(x)
}
