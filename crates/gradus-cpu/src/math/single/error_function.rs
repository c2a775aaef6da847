//! The error function, its complement and its inverse.

use super::exponential::{exp_parts, power_of_two};
use super::wide;
use crate::math::arithmetic::double;
use crate::math::arithmetic::single::{fma, poly};
use std::f32::consts::FRAC_2_SQRT_PI;
use std::f64::consts::FRAC_1_SQRT_2;

/// `(erf(x)/x - 2/√π)/x²` in x², for |x| ≤ 0.8.
const ERF_TAIL: [f32; 6] = [
    -0.37612638,
    0.11283757,
    -0.02686271,
    0.0052090567,
    -0.00082310016,
    8.726416e-05,
];
/// `-log(1 - erf(x))/x` in x, for x from 0.8 to 4.
const ERF_EXPONENT: [f32; 9] = [
    1.1286342,
    0.6352416,
    0.10598707,
    -0.023386085,
    0.003313313,
    -0.0001530589,
    -3.8656835e-05,
    7.514793e-06,
    -4.2724088e-07,
];
/// `erf(x)/x` in x², for |x| ≤ 1.
const ERF_WIDE: [f64; 9] = [
    1.1283791670946952,
    -0.3761263888986981,
    0.1128379131350674,
    -0.02686613362595327,
    0.005223785008626493,
    -0.0008542670596761176,
    0.00011956947136444114,
    -1.3911702933921665e-05,
    1.0595280042077443e-06,
];
/// `(1 + 2x)·exp(x²)·erfc(x)` in (x - 2)/(x + 2), for x from ½ to 10.2; see the function of f64.
const ERFC_SCALED: [f64; 12] = [
    1.2769783816497886,
    -0.09276382517864737,
    -0.16603041210414693,
    0.1640512039337063,
    -0.05421965781749803,
    -0.008032808038218691,
    0.008719750292938118,
    0.0012629315246064112,
    -0.0014461854780978142,
    -0.00042515026266471025,
    0.00019069708266353686,
    0.00010068421521071089,
];
/// `erf_inv(x)/x` in w - 3.125 for w = -log(1 - x²) ≤ 6.25, then in √w - 3.25; see the function of f64.
const ERF_INV_CENTRE: [f64; 11] = [
    1.6536545680011314,
    0.24015818387812807,
    -0.006033710255292368,
    -0.000740702152309838,
    0.00018678153045580237,
    -1.3885765749829794e-05,
    -1.3863031803219088e-06,
    4.254930895856394e-07,
    -2.491362580475577e-08,
    -4.5999742593935945e-09,
    6.681339933535461e-10,
];
const ERF_INV_TAIL: [f64; 9] = [
    3.0838856229334297,
    1.0052585564196235,
    0.005370279520889839,
    -0.0037425411862795645,
    0.0024952347292659426,
    -0.0017379509781433658,
    0.0009549463678470069,
    -0.0002501697319597433,
    -1.2867199014067125e-05,
];

/// Error function `2/√π ∫₀ˣ exp(-t²) dt`.
#[inline(always)]
pub fn erf<const FMA: bool>(x: f32) -> f32 {
    // From 3.92 on the result is 1.
    let a = if x.abs() > 4.0 { 4.0 } else { x.abs() };
    let (n, v) = exp_parts::<FMA>(-a * poly::<FMA, 9>(a, ERF_EXPONENT));
    let large = fma::<FMA>(-v, power_of_two(n), 1.0);
    let z = a * a;
    // 1 is split off the leading coefficient 2/√π, so that the largest term is exact.
    let small = fma::<FMA>(
        a,
        fma::<FMA>(z, poly::<FMA, 6>(z, ERF_TAIL), FRAC_2_SQRT_PI - 1.0),
        a,
    );
    (if a > 0.8 { large } else { small }).copysign(x)
}

/// `1 - erf(x)`, without cancellation.
#[inline(always)]
pub fn erfc<const FMA: bool>(x: f32) -> f32 {
    let value = erfc_wide::<FMA>(f64::from(x.abs()));
    (if x < 0.0 { 2.0 - value } else { value }) as f32
}

/// `erfc(a)` for a ≥ 0, to about 2⁻³².
#[inline(always)]
fn erfc_wide<const FMA: bool>(a: f64) -> f64 {
    // From 10.1 on the result is zero.
    let b = if a > 10.2 { 10.2 } else { a };
    let near = b * double::poly::<FMA, 9>(b * b, ERF_WIDE);
    let p = double::poly::<FMA, 12>((b - 2.0) / (b + 2.0), ERFC_SCALED);
    let far = wide::exp::<FMA>(-b * b) * p / (1.0 + 2.0 * b);
    if a < 0.5 { 1.0 - near } else { far }
}

/// `x·Φ(x)`, Φ(x) being `erfc(-x/√2)/2`.
#[inline(always)]
pub fn gelu<const FMA: bool>(x: f32) -> f32 {
    // Beyond this bound the result is x or zero already.
    let a = f64::from(if x.abs() > 14.4 { 14.4 } else { x.abs() });
    let tail = erfc_wide::<FMA>(a * FRAC_1_SQRT_2);
    let twice = if x < 0.0 { tail } else { 2.0 - tail };
    let value = (0.5 * a * twice) as f32;
    (if x > 14.4 { x } else { value }).copysign(x)
}

/// Inverse of the error function; ±∞ at ±1, NaN beyond.
#[inline(always)]
pub fn erf_inv<const FMA: bool>(x: f32) -> f32 {
    let a = f64::from(x.abs());
    let w = -wide::log::<FMA>((1.0 - a) * (1.0 + a));
    let centre = double::poly::<FMA, 11>(w - 3.125, ERF_INV_CENTRE);
    let tail = double::poly::<FMA, 9>(w.sqrt() - 3.25, ERF_INV_TAIL);
    let value = a * if w < 6.25 { centre } else { tail };
    let value = if a == 1.0 { f64::INFINITY } else { value };
    // NaN is handled explicitly, because the logarithm takes its operand's bits literally.
    let value = if a <= 1.0 { value } else { f64::NAN };
    (value as f32).copysign(x)
}
