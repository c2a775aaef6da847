//! The error function, its complement and its inverse.

use super::exponential::{exp_parts_of_sum, scale};
use super::logarithm::log1p_of_sum;
use crate::math::arithmetic::double::{fast_two_sum, fma, poly, residual, two_product, two_sum};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

/// `(erf(x)/x - 2/√π)/x²` in x², for |x| ≤ 1.
const ERF_TAIL: [f64; 13] = [
    -0.37612638903183565,
    0.11283791670948358,
    -0.02686617064399462,
    0.005223977614691505,
    -0.0008548326389320575,
    0.00012055308235418323,
    -1.4924989530607303e-05,
    1.644984894670477e-06,
    -1.6207692346227256e-07,
    1.341696350714774e-08,
    -4.3347507591936365e-10,
    -1.7393804042990495e-10,
    3.444438026654392e-11,
];
/// `(1 + 2x)·exp(x²)·erfc(x)` in (x - 4)/(x + 4), for x from ½ to 28.
/// The mapping is from Shepherd and Laframboise,
/// "Chebyshev approximation of (1 + 2x) exp(x²) erfc x in 0 ≤ x < ∞", 1981.
const ERFC_SCALED: (f64, [f64; 23]) = (
    1.2329951186255526,
    [
        -0.13962111684056253,
        0.015379652102613451,
        0.06809705425469374,
        -0.10103906603604657,
        0.09373283499833393,
        -0.06633036581711126,
        0.03716751553724936,
        -0.01619773400597191,
        0.005031969985910342,
        -0.0007577736254879393,
        -0.00019925677988559117,
        0.00015062309072648192,
        -2.4398721547760528e-05,
        -1.1225955884300804e-05,
        5.708008508589724e-06,
        3.0097844401080725e-07,
        -8.21662591469427e-07,
        6.634102690617948e-08,
        1.0504679118826313e-07,
        -1.240939988117623e-08,
        -1.0386822255620134e-08,
        2.3818912986062915e-10,
        8.637058044007892e-11,
    ],
);
/// `erf_inv(x)/x` in w - 3.125 for w = -log(1 - x²) ≤ 6.25, then in √w - 3.25 to √w = 4, then in √w - 5.
/// The variable is from Giles, "Approximating the erfinv function", 2010.
const ERF_INV_CENTRE: (f64, [f64; 24]) = (
    1.6536545626831027,
    [
        0.24015818242558834,
        -0.0060336708714271384,
        -0.0007407025341546347,
        0.0001867342080208146,
        -1.3882523393966517e-05,
        -1.3654691774668306e-06,
        4.2347881682432926e-07,
        -2.9070389888022896e-08,
        -4.112660434736627e-09,
        1.0512226358768086e-09,
        -5.414303494296439e-11,
        -1.2978548905283874e-11,
        2.630527605433527e-12,
        -8.0778517232395e-14,
        -4.002019481136075e-14,
        6.530558482387558e-15,
        -3.938066958753948e-17,
        -1.231117890116073e-16,
        1.550912102652268e-17,
        6.7059722617399875e-19,
        -3.4727497453901055e-19,
        1.7589151667366274e-20,
        3.192646436275096e-21,
        -3.1913117547043754e-22,
    ],
);
const ERF_INV_MIDDLE: (f64, [f64; 19]) = (
    3.0838856104922208,
    [
        1.0052589676941655,
        0.005370914553557897,
        -0.0037512085082295173,
        0.002491442097396456,
        -0.0016882755353311149,
        0.0009532893580846992,
        -0.000355037815215355,
        2.4031298748945908e-05,
        6.828712726021508e-05,
        -4.731916449837797e-05,
        1.246498698603499e-05,
        2.926199237578644e-06,
        -3.98559957211555e-06,
        1.4979870342535876e-06,
        -2.7782708727242025e-08,
        -2.707335355951507e-07,
        1.3172911889969937e-07,
        4.806838248463973e-10,
        -1.5357473950314806e-08,
    ],
);
const ERF_INV_TAIL: (f64, [f64; 19]) = (
    4.849906401408584,
    [
        1.0103004648645448,
        -0.00013871931838488994,
        -0.0002150301197979114,
        7.599527817926102e-05,
        -1.96817712155166e-05,
        4.526051871394992e-06,
        -9.93025350539081e-07,
        2.290556449753851e-07,
        -6.757332678856706e-08,
        2.901144769239778e-08,
        -1.5212235182645112e-08,
        7.832556256017553e-09,
        -3.536253233396449e-09,
        1.3057719370023716e-09,
        -3.7890711141025194e-10,
        7.470628981087466e-11,
        1.3816292327665562e-11,
        -2.1477950294816326e-11,
        6.0708941332314065e-12,
    ],
);

/// The polynomial with these coefficients as a sum of two numbers, because the error of the last step would count.
#[inline(always)]
fn poly_parts<const FMA: bool, const N: usize>(
    x: f64,
    lowest: f64,
    others: [f64; N],
) -> (f64, f64) {
    fast_two_sum(lowest, x * poly::<FMA, N>(x, others))
}

/// `erf(a) = r + s` for 0 ≤ a ≤ 1.
#[inline(always)]
fn erf_parts<const FMA: bool>(a: f64) -> (f64, f64) {
    let z = a * a;
    // 1 is split off the leading coefficient, so that the largest term is exact.
    let p = fma::<FMA>(z, poly::<FMA, 13>(z, ERF_TAIL), FRAC_2_SQRT_PI - 1.0);
    fast_two_sum(a, a * p)
}

/// `exp(a²)·erfc(a)` for `a + a_low` from ½ to 28, as a sum of two.
#[inline(always)]
fn scaled_erfc<const FMA: bool>(a: f64, a_low: f64) -> (f64, f64) {
    let (p, p_low) = poly_parts::<FMA, 23>((a - 4.0) / (a + 4.0), ERFC_SCALED.0, ERFC_SCALED.1);
    let (dh, dl) = two_sum(1.0, 2.0 * a);
    let dl = dl + 2.0 * a_low;
    let inverse = 1.0 / dh;
    let q = p * inverse;
    (q, (residual::<FMA>(q, dh, p) + (p_low - q * dl)) * inverse)
}

/// `(q + q_low)·exp(-(square + square_low)) = 2ⁿ·v`, as `(n, v)`.
#[inline(always)]
fn under_bell<const FMA: bool>(
    (q, q_low): (f64, f64),
    (square, square_low): (f64, f64),
) -> (f64, f64) {
    let (n, h, l) = exp_parts_of_sum::<FMA>(-square, -square_low);
    (n, fma::<FMA>(q, h, fma::<FMA>(q, l, q_low * h)))
}

/// `erfc(a) = 2ⁿ·v` for a ≥ ½, as `(n, v)`.
#[inline(always)]
fn erfc_parts<const FMA: bool>(a: f64) -> (f64, f64) {
    // From 28 on the result is zero.
    let a = if a > 28.0 { 28.0 } else { a };
    under_bell::<FMA>(scaled_erfc::<FMA>(a, 0.0), two_product::<FMA>(a, a))
}

/// Error function `2/√π ∫₀ˣ exp(-t²) dt`.
#[inline(always)]
pub fn erf<const FMA: bool>(x: f64) -> f64 {
    let a = x.abs();
    let (n, v) = erfc_parts::<FMA>(a);
    let (r, s) = erf_parts::<FMA>(a);
    let value = if a > 1.0 { 1.0 - scale(v, n) } else { r + s };
    value.copysign(x)
}

/// `1 - erf(x)`, without cancellation.
#[inline(always)]
pub fn erfc<const FMA: bool>(x: f64) -> f64 {
    let a = x.abs();
    let (n, v) = erfc_parts::<FMA>(a);
    let (r, s) = erf_parts::<FMA>(a);
    let far = scale(v, n);
    let far = if x < 0.0 { 2.0 - far } else { far };
    let (r, s) = (r.copysign(x), if x < 0.0 { -s } else { s });
    let (h, l) = fast_two_sum(1.0, -r);
    // Below ½ as the difference (but to -1 on the left, where nothing cancels).
    if (x < 0.5) & (x > -1.0) {
        h + (l - s)
    } else {
        far
    }
}

/// The rounding error of [`FRAC_1_SQRT_2`] as √½.
const SQRT_HALF_REST: f64 = -4.833646656726457e-17;

/// `x·Φ(x)`, Φ(x) being `erfc(-x/√2)/2`.
#[inline(always)]
pub fn gelu<const FMA: bool>(x: f64) -> f64 {
    // Beyond this bound the result is x or zero already.
    let b = if x.abs() > 39.5 { 39.5 } else { x.abs() };
    let (a, a_low) = two_product::<FMA>(b, FRAC_1_SQRT_2);
    let a_low = fma::<FMA>(b, SQRT_HALF_REST, a_low);
    // a² with full precision: half of b².
    let (square, square_low) = two_product::<FMA>(b, b);
    let (n, v) = under_bell::<FMA>(
        scaled_erfc::<FMA>(a, a_low),
        (0.5 * square, 0.5 * square_low),
    );
    let (r, s) = erf_parts::<FMA>(a);
    let half = 0.5 * b;
    let negative = x < 0.0;
    let far = if negative {
        scale(v * half, n)
    } else {
        (2.0 - scale(v, n)) * half
    };
    let (r, s) = if negative { (r, s) } else { (-r, -s) };
    let (h, l) = fast_two_sum(1.0, -r);
    let near = (h + (l - s)) * half;
    let is_near = (a < 0.5) | ((a < 1.0) & !negative);
    let value = if is_near { near } else { far };
    (if x > 39.5 { x } else { value }).copysign(x)
}

/// Inverse of the error function; ±∞ at ±1, NaN beyond.
#[inline(always)]
pub fn erf_inv<const FMA: bool>(x: f64) -> f64 {
    let a = x.abs();
    let (square, square_low) = two_product::<FMA>(a, a);
    let w = -log1p_of_sum::<FMA>(-square, -square_low, 0.0);
    let root = w.sqrt();
    let centre = poly_parts::<FMA, 24>(w - 3.125, ERF_INV_CENTRE.0, ERF_INV_CENTRE.1);
    let middle = poly_parts::<FMA, 19>(root - 3.25, ERF_INV_MIDDLE.0, ERF_INV_MIDDLE.1);
    let far = poly_parts::<FMA, 19>(root - 5.0, ERF_INV_TAIL.0, ERF_INV_TAIL.1);
    let (p, p_low) = if root < 4.0 { middle } else { far };
    let (p, p_low) = if w < 6.25 { centre } else { (p, p_low) };
    let (value, lost) = two_product::<FMA>(a, p);
    let value = value + fma::<FMA>(a, p_low, lost);
    let value = if a == 1.0 { f64::INFINITY } else { value };
    let value = if a > 1.0 { f64::NAN } else { value };
    value.copysign(x)
}
