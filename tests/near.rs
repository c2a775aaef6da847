//! The tolerance with which tests compare numbers; tests of all crates include this file.

/// Whether two numbers differ by at most `tolerance` times the larger of them and 1.
/// An infinity is near only to itself, and NaN to nothing.
pub fn near(x: f64, y: f64, tolerance: f64) -> bool {
    let scale = x.abs().max(y.abs()).max(1.0);
    x == y || (scale.is_finite() && (x - y).abs() <= tolerance * scale)
}
