//! The logarithm of the gamma function and its derivative.

use crate::math::double;

/// `log|Γ(x)|`
#[inline(always)]
pub fn lgamma<const FMA: bool>(x: f32) -> f32 {
    double::lgamma::<FMA>(f64::from(x)) as f32
}

/// The derivative of `log Γ(x)`.
#[inline(always)]
pub fn digamma<const FMA: bool>(x: f32) -> f32 {
    double::digamma::<FMA>(f64::from(x)) as f32
}
