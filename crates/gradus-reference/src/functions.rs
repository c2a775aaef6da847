//! Functions of real numbers that the standard library lacks,
//! by series and continued fractions that converge everywhere.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

/// `2/√π ∫₀ˣ exp(-t²) dt`
pub fn erf(x: f64) -> f64 {
    match x.abs() {
        size if size < 2.0 => erf_series(x),
        size => (1.0 - erfc_fraction(size)).copysign(x),
    }
}

/// `1 - erf(x)`, which keeps its digits where the result is small.
pub fn erfc(x: f64) -> f64 {
    match x {
        x if x >= 2.0 => erfc_fraction(x),
        x => 1.0 - erf(x),
    }
}

/// `2/√π · exp(-x²) · Σ 2ⁿ x²ⁿ⁺¹ / (1·3·…·(2n+1))`, whose terms are of one sign
/// (Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.6).
fn erf_series(x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (x, x, 0.0);
    while term.abs() > sum.abs() * 1e-18 {
        n += 1.0;
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
    }
    FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

/// `exp(-x²)/√π · 1/(x + (1/2)/(x + 1/(x + (3/2)/(x + …))))` for x ≥ 2 (the same, 7.1.14).
fn erfc_fraction(x: f64) -> f64 {
    if x > 30.0 {
        return if x.is_nan() { x } else { 0.0 };
    }
    let fraction = (1..=120)
        .rev()
        .fold(x, |below, n| x + f64::from(n) / 2.0 / below);
    FRAC_2_SQRT_PI / 2.0 * (-x * x).exp() / fraction
}

/// The inverse error function, by Newton's method within an interval.
/// A step that would leave the interval halves it instead.
pub fn erf_inv(y: f64) -> f64 {
    match y.abs() {
        size if size > 1.0 || size.is_nan() => return f64::NAN,
        1.0 => return f64::INFINITY.copysign(y),
        0.0 => return y,
        _ => {}
    }
    let size = y.abs();
    // Near 1, the step uses erfc, which keeps the digits that erf loses there.
    let excess = |x: f64| match size < 0.5 {
        true => erf(x) - size,
        false => (1.0 - size) - erfc(x),
    };
    let (mut low, mut high) = (0.0, 6.0);
    let mut x = (size / FRAC_2_SQRT_PI).min(3.0);
    for _ in 0..200 {
        let above = excess(x);
        if above > 0.0 {
            high = x;
        } else {
            low = x;
        }
        let next = x - above / (FRAC_2_SQRT_PI * (-x * x).exp());
        let next = match next > low && next < high {
            true => next,
            false => 0.5 * (low + high),
        };
        if (next - x).abs() <= 1e-17 * x {
            break;
        }
        x = next;
    }
    x.copysign(y)
}

/// `1 / (1 + e⁻ˣ)`
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `x / (1 + e⁻ˣ)`
pub fn silu(x: f64) -> f64 {
    match x == f64::NEG_INFINITY {
        true => -0.0,
        false => x / (1.0 + (-x).exp()),
    }
}

/// `x·Φ(x)` with `Φ(x) = erfc(-x/√2)/2`.
pub fn gelu(x: f64) -> f64 {
    match x == f64::NEG_INFINITY {
        true => -0.0,
        false => 0.5 * x * erfc(-x * FRAC_1_SQRT_2),
    }
}

/// `x/2·(1 + tanh(√(2/π)(x + 0.044715x³)))`; as `1 + tanh(w) = 2σ(2w)`, it is `x·σ(2w)`.
pub fn gelu_tanh(x: f64) -> f64 {
    let w = FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * (x + 0.044_715 * x * x * x);
    match x == f64::NEG_INFINITY {
        true => -0.0,
        false => x * sigmoid(2.0 * w),
    }
}

/// `ln(eᵃ + eᵇ)`
pub fn log_add_exp(a: f64, b: f64) -> f64 {
    let (large, small) = if a > b { (a, b) } else { (b, a) };
    match large == small {
        // The difference of two infinities is not defined.
        true => large + 2f64.ln(),
        false if a.is_nan() || b.is_nan() => f64::NAN,
        false => large + (small - large).exp().ln_1p(),
    }
}

/// `xⁿ` by repeated squares.
pub fn power(x: f64, n: i32) -> f64 {
    let (mut result, mut square, mut left) = (1.0, x, n.unsigned_abs());
    while left > 0 {
        if left % 2 == 1 {
            result *= square;
        }
        square *= square;
        left /= 2;
    }
    if n < 0 { 1.0 / result } else { result }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `erf` and `erfc` of Python's module `math`.
    #[test]
    fn the_error_function_is_right_in_all_its_parts() {
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-14 * b.abs();
        for (x, value, rest) in [
            (0.1, 0.112_462_916_018_284_9, 0.887_537_083_981_715),
            (1.0, 0.842_700_792_949_714_9, 0.157_299_207_050_285_13),
            (1.9, 0.992_790_429_235_257_5, 0.007_209_570_764_742_532_5),
            (2.5, 0.999_593_047_982_555, 4.069_520_174_449_589e-4),
            (5.0, 0.999_999_999_998_462_6, 1.537_459_794_428_035_1e-12),
        ] {
            assert!(near(erf(x), value), "{x}: {}", erf(x));
            assert!(near(erf(-x), -value), "-{x}");
            // Below 2, erfc is computed as `1 - erf(x)` and loses digits.
            assert!(
                (erfc(x) - rest).abs() <= 1e-15 + 1e-13 * rest,
                "{x}: {}",
                erfc(x)
            );
            assert!(
                (erf_inv(value) - x).abs() <= 1e-4 || near(erf_inv(value), x),
                "{x}"
            );
        }
        assert_eq!(erf(f64::INFINITY), 1.0);
        assert_eq!(erfc(f64::INFINITY), 0.0);
        assert!(erf(f64::NAN).is_nan() && erfc(f64::NAN).is_nan());
    }
}
