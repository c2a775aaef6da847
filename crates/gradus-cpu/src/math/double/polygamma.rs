//! The derivatives of digamma.
//!
//! `polygamma(n, x) = (-1)ⁿ⁺¹·n!·Σ (x + k)⁻ⁿ⁻¹` over k = 0, 1, …: the first terms one by one, the rest by
//! the formula of Euler and Maclaurin. The order is the same for all elements of a loop, so the branches depend on the
//! order alone, and each step is a loop over several elements.

use super::exponential::scale;
use super::gamma::{PI_PARTS, from_nearest_integer, plus, product, quotient, sin_cos_pi};
use super::logarithm::split_any_exponent;
use crate::math::arithmetic::double::{fma, poly, two_sum};

/// `B₂ⱼ/(2j)!` for j from 1 on, with the numbers of Bernoulli.
const BERNOULLI: [f64; 13] = [
    0.08333333333333333,
    -0.001388888888888889,
    3.306878306878307e-05,
    -8.267195767195768e-07,
    2.08767569878681e-08,
    -5.284190138687493e-10,
    1.3382536530684679e-11,
    -3.3896802963225827e-13,
    8.586062056277845e-15,
    -2.174868698558062e-16,
    5.5090028283602295e-18,
    -1.3954464685812522e-19,
    3.534707039629467e-21,
];

/// The greatest order, by the type rule.
const MOST_ORDER: u32 = 1000;
/// π/4 as a sum of two.
const QUARTER_PI: (f64, f64) = (PI_PARTS.0 / 4.0, PI_PARTS.1 / 4.0);
const TWO_300: f64 = f64::from_bits((1023 + 300) << 52);
/// From here on `polygamma(n, x)` is its first term `(n - 1)!·x⁻ⁿ` to all digits, but for the sign.
const HUGE: f64 = 1e30;
/// Terms below this part of the first one are left out.
const NEGLIGIBLE: f64 = 1e-19;

/// The derivative of one order of digamma.
pub struct Polygamma {
    order: u32,
    /// From this argument on the formula holds for the rest of the sum.
    threshold: f64,
    /// The formula's coefficients.
    coefficients: [f64; 13],
    /// `1/n`
    inverse: (f64, f64),
    /// `n!` without a power of two.
    factorial: (f64, f64),
    /// The exponent of that power.
    exponent: f64,
}

impl Polygamma {
    /// For orders from 1 to `MOST_ORDER`.
    pub fn new(order: u32) -> Polygamma {
        debug_assert!((1..=MOST_ORDER).contains(&order));
        let n = f64::from(order);
        // Times (n + 1)(n + 2)…(n + 2j - 1).
        let (mut coefficients, mut rising) = (BERNOULLI, n + 1.0);
        for (k, c) in (0..).step_by(2).map(f64::from).zip(&mut coefficients) {
            *c *= rising;
            rising *= (n + k + 2.0) * (n + k + 3.0);
        }
        let (mut factorial, mut exponent) = ((1.0, 0.0), 0.0);
        for i in 1..=order {
            factorial = product::<false>(factorial, (f64::from(i), 0.0));
            if factorial.0 > 1e100 {
                factorial = (factorial.0 / TWO_300, factorial.1 / TWO_300);
                exponent += 300.0;
            }
        }
        Polygamma {
            order,
            // The first term that the formula leaves out is below 2⁻⁵⁶ of the sum.
            threshold: 9.0 + n * (2.0 / 3.0),
            coefficients,
            inverse: quotient::<false>((1.0, 0.0), (n, 0.0)),
            factorial,
            exponent,
        }
    }

    /// The values at `N` places.
    ///
    /// At a pole they are infinite if both sides tend to the same infinity, and NaN if not; of the two zeros each is
    /// the limit of its side.
    #[inline(always)]
    pub fn at<const FMA: bool, const N: usize>(&self, x: &[f64; N]) -> [f64; N] {
        let is_odd = self.order % 2 == 1;
        let sign = if is_odd { 1.0 } else { -1.0 };
        let mut b = [(1.0, 0.0); N];
        for i in 0..N {
            // Below 0 by the sum at 1 - x.
            let reflected = two_sum(1.0, -x[i]);
            let place = if x[i] < 0.0 { reflected } else { (x[i], 0.0) };
            b[i] = if (place.0 > 0.0) & (place.0 < f64::INFINITY) {
                place
            } else {
                (1.0, 0.0)
            };
        }
        let sums = self.sums::<FMA, N>(&b);
        let mut y = [0.0; N];
        for i in 0..N {
            let pole = if is_odd {
                f64::INFINITY
            } else {
                -f64::INFINITY.copysign(x[i])
            };
            let value = sign * sums[i];
            let value = if x[i] == 0.0 { pole } else { value };
            let value = if x[i] == f64::INFINITY {
                sign * 0.0
            } else {
                value
            };
            y[i] = if x[i].is_nan() { x[i] } else { value };
        }
        if x.iter().any(|&x| x < 0.0) {
            self.reflect::<FMA, N>(x, &sums, &mut y);
        }
        y
    }

    /// `n!·Σ (b + k)⁻ⁿ⁻¹` for positive finite b, sums of two.
    #[inline(always)]
    fn sums<const FMA: bool, const N: usize>(&self, b: &[(f64, f64); N]) -> [f64; N] {
        let n = f64::from(self.order);
        let held = b.map(|b| if b.0 > HUGE { (HUGE, 0.0) } else { b });
        // In units of the first term, up to `y`, where the next term is `power`.
        let mut sum = [(0.0, 0.0); N];
        let mut y = held;
        let mut power = [(1.0, 0.0); N];
        let mut k = 0.0;
        loop {
            let mut is_done = true;
            for i in 0..N {
                let goes_on = (y[i].0 < self.threshold) & (power[i].0 > NEGLIGIBLE);
                is_done &= !goes_on;
                let next = plus(sum[i], power[i]);
                sum[i] = if goes_on { next } else { sum[i] };
                let next = plus((k + 1.0, 0.0), held[i]);
                y[i] = if goes_on { next } else { y[i] };
            }
            if is_done {
                break;
            }
            let mut ratio = [(0.0, 0.0); N];
            for i in 0..N {
                ratio[i] = quotient::<FMA>(held[i], y[i]);
            }
            power = powers::<FMA, N>(ratio, self.order + 1);
            k += 1.0;
        }

        let mut inverses = [(0.0, 0.0); N];
        let mut exponents = [0.0; N];
        for i in 0..N {
            let z = 1.0 / (y[i].0 * y[i].0);
            let series = poly::<FMA, 13>(z, self.coefficients) / y[i].0;
            let rest = plus(product::<FMA>(y[i], self.inverse), (0.5, series));
            // Before the threshold the sum ends only where no rest counts.
            let rest = if y[i].0 < self.threshold {
                (0.0, 0.0)
            } else {
                rest
            };
            let total = plus(sum[i], product::<FMA>(power[i], rest));
            // b⁻ⁿ⁻¹ of a large number is far smaller than the result, so that the sum takes one factor there.
            let is_large = b[i].0 > 1.0;
            let divided = quotient::<FMA>(total, held[i]);
            let divided = if b[i].0 > HUGE { self.inverse } else { divided };
            let (exponent, mantissa) = split_any_exponent(b[i].0);
            let low = if is_large {
                b[i].1 * scale(1.0, -exponent)
            } else {
                0.0
            };
            inverses[i] = quotient::<FMA>((1.0, 0.0), (mantissa, low));
            let smaller = product::<FMA>(total, inverses[i]);
            sum[i] = if is_large { divided } else { smaller };
            exponents[i] = -exponent * if is_large { n } else { n + 1.0 };
        }
        let power = powers::<FMA, N>(inverses, self.order);
        let mut result = [0.0; N];
        for i in 0..N {
            let value = product::<FMA>(sum[i], power[i]);
            result[i] = self.times_factorial::<FMA>(value, exponents[i]);
        }
        result
    }

    /// `value·n!·2ᵏ`
    #[inline(always)]
    fn times_factorial<const FMA: bool>(&self, value: (f64, f64), k: f64) -> f64 {
        let (h, l) = product::<FMA>(value, self.factorial);
        scale(h + l, held_exponent(self.exponent + k))
    }

    /// Replaces the values below 0, by the derivative of `digamma(x) = digamma(1 - x) - π/tan(πx)`.
    ///
    /// With c the cotangent, `c' = -(1 + c²)`, so its derivatives are polynomials in c, whose coefficients all have the
    /// same sign.
    #[inline(always)]
    fn reflect<const FMA: bool, const N: usize>(
        &self,
        x: &[f64; N],
        sums: &[f64; N],
        y: &mut [f64; N],
    ) {
        let n = self.order as usize;
        let is_odd = n % 2 == 1;
        // By n!. Each derivative has every second power, and the next one the powers between.
        let mut polynomial = [0.0; MOST_ORDER as usize + 4];
        polynomial[1] = 1.0;
        for k in 0..n {
            for p in (k % 2..=k + 2).step_by(2) {
                let above = polynomial[p + 1] * (p + 1) as f64;
                let below = if p > 0 {
                    polynomial[p - 1] * (p - 1) as f64
                } else {
                    0.0
                };
                polynomial[p] = (above + below) / (k + 1) as f64;
            }
        }
        // πⁿ⁺¹ by 4ⁿ⁺¹, so that it does not overflow.
        let [(power_of_pi, _)] = powers::<FMA, 1>([QUARTER_PI], self.order + 1);
        for i in 0..N {
            let r = from_nearest_integer(x[i].abs());
            let (sin, cos) = sin_cos_pi::<FMA>(r.abs());
            let c = (cos.0 + cos.1) / (sin.0 + sin.1);
            let mut value = polynomial[n + 1];
            for p in (0..n).rev().step_by(2) {
                value = fma::<FMA>(value, c * c, polynomial[p]);
            }
            let value = if is_odd { value } else { value * c };
            let value = value * power_of_pi * self.factorial.0;
            let cotangent = scale(value, held_exponent(self.exponent + 2.0 * (n + 1) as f64));
            let cotangent = if is_odd {
                cotangent
            } else {
                cotangent.copysign(r)
            };
            let pole = if is_odd { f64::INFINITY } else { f64::NAN };
            // Both may overflow, the sum never by more.
            let is_infinite = cotangent.abs() == f64::INFINITY;
            let reflected = if is_infinite {
                cotangent
            } else {
                cotangent - sums[i]
            };
            let reflected = if r == 0.0 { pole } else { reflected };
            y[i] = if x[i] < 0.0 { reflected } else { y[i] };
        }
    }
}

/// `k` within the exponents that a number of moderate size can be scaled by; beyond them the result is 0 or ∞ anyway.
#[inline(always)]
fn held_exponent(k: f64) -> f64 {
    let k = if k > 2000.0 { 2000.0 } else { k };
    if k < -2000.0 { -2000.0 } else { k }
}

/// Powers by repeated squaring.
#[inline(always)]
fn powers<const FMA: bool, const N: usize>(
    mut base: [(f64, f64); N],
    exponent: u32,
) -> [(f64, f64); N] {
    let mut value = [(1.0, 0.0); N];
    let mut bits = exponent;
    loop {
        if bits & 1 != 0 {
            for (value, &base) in value.iter_mut().zip(&base) {
                *value = product::<FMA>(*value, base);
            }
        }
        bits >>= 1;
        if bits == 0 {
            return value;
        }
        for base in &mut base {
            *base = product::<FMA>(*base, *base);
        }
    }
}
