//! Elementary functions of f64.

mod error_function;
mod exponential;
mod gamma;
mod hyperbolic;
mod inverse_trigonometric;
mod logarithm;
mod polygamma;
mod power;
mod trigonometric;

pub use crate::math::basic::double::{abs, ceil, floor, neg, round, rsqrt, sign, sqrt, trunc};
pub use error_function::{erf, erf_inv, erfc, gelu};
pub use exponential::{EXP_LIMIT, exp, exp_normal, exp2, expm1, gelu_tanh, sigmoid, silu};
pub use gamma::{digamma, lgamma};
pub use hyperbolic::{acosh, asinh, atanh, cosh, sinh, tanh};
pub use inverse_trigonometric::{acos, asin, atan, atan2};
pub use logarithm::{log, log_add_exp, log_normal, log1p, log2, log10};
pub use polygamma::Polygamma;
pub use power::{cbrt, hypot, pow, powi};
pub use trigonometric::{TRIG_LIMIT, cos, cos_any, sin, sin_any, tan, tan_any};
