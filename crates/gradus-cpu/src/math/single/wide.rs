//! Computations of the f32 functions in f64, accurate to about 2⁻³²,
//! so that rounding to f32 is nearly the only error.

use crate::math::arithmetic::double::{SHIFT, fma, poly};
use std::f64::consts::{LN_2, LOG2_E};

/// `(eʳ - 1 - r)/r²` for |r| up to half of ln 2.
const EXP_TAIL: [f64; 6] = [
    0.5,
    0.16666666719039147,
    0.04166650974505883,
    0.008333298466400095,
    0.0013930665924142954,
    0.0001989928784040508,
];
/// `2(atanh s/s - 1)/s²` in s².
const ATANH_TAIL: [f64; 6] = [
    0.66666666666662,
    0.4000000001137077,
    0.28571424088284386,
    0.22222867540653393,
    0.18139970320695145,
    0.16625113904884145,
];
/// ln 2 in two parts; the first has 32 bits.
const LN2_HIGH: f64 = 0.6931471803691238;
const LN2_LOW: f64 = 1.9082149292705877e-10;

const SQRT_HALF_BITS: u64 = 0x3fe6_a09e_667f_3bcd;
const ONE_BITS: u64 = 1.0f64.to_bits();
const FRACTION: u64 = (1 << 52) - 1;
/// 2⁵², whose last bit counts units.
const UNITS: f64 = 4503599627370496.0;

/// 2ⁿ for an integer n from -1023 to 1023.
#[inline(always)]
pub(super) fn power_of_two(n: f64) -> f64 {
    f64::from_bits((n + SHIFT).to_bits().wrapping_add(1023) << 52)
}

/// `eˣ`; beyond ±700 the same as at ±700, which in f32 is ∞ and 0.
#[inline(always)]
pub(super) fn exp<const FMA: bool>(x: f64) -> f64 {
    let x = if x > 700.0 { 700.0 } else { x };
    let x = if x < -700.0 { -700.0 } else { x };
    let n = fma::<FMA>(x, LOG2_E, SHIFT) - SHIFT;
    let r = fma::<FMA>(-n, LN2_LOW, fma::<FMA>(-n, LN2_HIGH, x));
    fma::<FMA>(r * r, poly::<FMA, 6>(r, EXP_TAIL), 1.0 + r) * power_of_two(n)
}

/// `(k, m)` with `x = 2ᵏ·m` and m in [√½, √2), for positive normal x. Every positive f32 is normal in f64.
#[inline(always)]
pub(super) fn split_exponent(x: f64) -> (f64, f64) {
    let bits = x.to_bits().wrapping_add(ONE_BITS - SQRT_HALF_BITS);
    let k = f64::from_bits((bits >> 52) | UNITS.to_bits()) - (UNITS + 1023.0);
    (
        k,
        f64::from_bits((bits & FRACTION).wrapping_add(SQRT_HALF_BITS)),
    )
}

/// Natural logarithm of a positive normal number.
#[inline(always)]
pub(super) fn log<const FMA: bool>(x: f64) -> f64 {
    let (k, m) = split_exponent(x);
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    // log(1 + f) = 2·atanh(s)
    let series = fma::<FMA>(s * z, poly::<FMA, 6>(z, ATANH_TAIL), 2.0 * s);
    fma::<FMA>(k, LN_2, series)
}
