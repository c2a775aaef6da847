//! The logarithm of the gamma function and its derivatives: sums up to where the asymptotic series hold.

use std::f64::consts::PI;

/// From here on eight terms of the series are right to all digits of f64.
const FAR: f64 = 20.0;
/// The numbers of Bernoulli of even index, from B₂ on.
const BERNOULLI: [f64; 8] = [
    1.0 / 6.0,
    -1.0 / 30.0,
    1.0 / 42.0,
    -1.0 / 30.0,
    5.0 / 66.0,
    -691.0 / 2730.0,
    7.0 / 6.0,
    -3617.0 / 510.0,
];

/// `log|Γ(x)|`
pub fn lgamma(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x.is_infinite() || x <= 0.0 && x.fract() == 0.0 {
        return f64::INFINITY;
    }
    if x < 0.5 {
        // Γ(x)Γ(1 - x) = π/sin(πx)
        let sine = (PI * (x - x.round())).sin().abs();
        return (PI / sine).ln() - lgamma(1.0 - x);
    }
    let (mut y, mut shift) = (x, 0.0);
    while y < FAR {
        shift += y.ln();
        y += 1.0;
    }
    let terms = (1..).step_by(2).map(f64::from).zip(BERNOULLI);
    let series: f64 = terms.map(|(k, b)| b / (k * (k + 1.0) * y.powf(k))).sum();
    (y - 0.5) * y.ln() - y + 0.5 * (2.0 * PI).ln() + series - shift
}

/// The derivative of `log Γ(x)`.
pub fn digamma(x: f64) -> f64 {
    if x == 0.0 {
        return -f64::INFINITY.copysign(x);
    }
    if x < 0.0 {
        let r = x - x.round();
        let pole = r == 0.0 || x.is_infinite();
        return if pole {
            f64::NAN
        } else {
            digamma(1.0 - x) - PI / (PI * r).tan()
        };
    }
    let (mut y, mut shift) = (x, 0.0);
    while y < FAR {
        shift += 1.0 / y;
        y += 1.0;
    }
    let terms = (2..).step_by(2).map(f64::from).zip(BERNOULLI);
    let series: f64 = terms.map(|(k, b)| b / (k * y.powf(k))).sum();
    y.ln() - 0.5 / y - series - shift
}

/// The derivative of order `n` of digamma, for n from 1 on.
pub fn polygamma(n: u32, x: f64) -> f64 {
    let factorial: f64 = (1..=n).map(f64::from).product();
    let sign = if n % 2 == 1 { 1.0 } else { -1.0 };
    if x == 0.0 {
        return if n % 2 == 1 {
            f64::INFINITY
        } else {
            -f64::INFINITY.copysign(x)
        };
    }
    if x.is_nan() || x > 0.0 {
        return sign * factorial * sum_of_powers(n + 1, x);
    }
    let r = x - x.round();
    if r == 0.0 || x.is_infinite() {
        return if n % 2 == 1 { f64::INFINITY } else { f64::NAN };
    }
    // Over all integers, less those that the sum does not have.
    let s = n + 1;
    let power = r.powi(-(s as i32));
    let all = power + sum_of_powers(s, 1.0 + r) + sign * sum_of_powers(s, 1.0 - r);
    sign * factorial * (all - sign * sum_of_powers(s, 1.0 - x))
}

/// `Σ 1/(x + k)ˢ` over k = 0, 1, … for positive x, by the formula of Euler and Maclaurin behind the first terms.
fn sum_of_powers(s: u32, x: f64) -> f64 {
    if x == f64::INFINITY {
        return 0.0;
    }
    let power = |y: f64| y.powi(-(s as i32));
    let (mut y, mut sum) = (x, 0.0);
    while y < FAR + f64::from(s) {
        sum += power(y);
        y += 1.0;
    }
    let s = f64::from(s);
    let mut rest = power(y) * (y / (s - 1.0) + 0.5);
    let mut factor = power(y) * s / y / 2.0;
    for (k, b) in (2..).step_by(2).map(f64::from).zip(BERNOULLI) {
        rest += b * factor;
        factor *= (s + k - 1.0) * (s + k) / (y * y * (k + 1.0) * (k + 2.0));
    }
    sum + rest
}
