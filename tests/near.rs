//! When tests take two numbers as equal; tests of all crates include this file.

/// Whether two numbers are apart by at most this part of the larger of them and 1. An infinity is near itself alone, and NaN near nothing.
pub fn near(x: f64, y: f64, tolerance: f64) -> bool {
    let scale = x.abs().max(y.abs()).max(1.0);
    x == y || (scale.is_finite() && (x - y).abs() <= tolerance * scale)
}
