//! Vector mathematics: elementary functions as straight-line scalar code that the compiler vectorises.
//!
//! A function here has no branch, no table and no call, only arithmetic and selects, so a loop over it inside a
//! function compiled for AVX2 or AVX-512 becomes a loop over vectors.
//! The crate's `kernels` contain those loops and pick the instruction set at run time.
//! Each function is generic over `FMA`: with it, products and sums are fused by [`f64::mul_add`],
//! which must then be an instruction; without it, exact products come from splitting the factors.
//! Every result depends on its operands alone, never on its position in a slice.
//! A function whose name ends in `_normal` is a shorter computation of another one, for operands that need no steps
//! for overflow, subnormal numbers or limits; its results have the same bits.
//! The two settings can differ by an ulp; the widths of vectors make no difference.
//!
//! Unless a function says otherwise, its error is at most 2 ulp over the whole range in either setting,
//! including subnormal numbers. Infinities, NaN and signed zeros follow C99 (annex F).
//! `tests/math_accuracy.rs` checks this for each function;
//! `tests/reference/math_coefficients.py` computes the polynomials.

mod arithmetic;
mod basic;
pub mod double;
pub mod single;
