//! Vector mathematics: elementary functions as straight-line scalar code that the compiler turns into vector code.
//!
//! A function here has no branch, no table and no call, only arithmetic and selects, so a loop over it inside a function
//! compiled for AVX2 or AVX-512 becomes a loop over vectors; the crate's `kernels` hold those loops and pick the instruction set at run
//! time. Each function is generic over `FMA`: with it, products and sums are fused by [`f64::mul_add`], which must then be
//! an instruction; without it, exact products come from splitting the factors. Every result depends on its operands alone,
//! never on its place in a slice; the two settings may differ by an ulp, the widths of vectors not at all.
//!
//! Unless a function says otherwise, its error is at most 2 ulp over the whole range in either setting, subnormal numbers
//! included; infinities, NaN and signed zeros are treated as C99 (annex F) says. `tests/math_accuracy.rs` holds each function
//! to that; `tests/reference/math_coefficients.py` makes the polynomials.

mod arithmetic;
mod basic;
pub mod double;
pub mod single;
