//! Loops over slices, one for each operation and element type,
//! compiled for each level of vector instructions and chosen once.

mod cast;
#[cfg_attr(
    not(target_arch = "x86_64"),
    allow(dead_code, reason = "other processors have no such kernels yet")
)]
mod direct;
mod elements;
mod elementwise;
#[cfg(target_arch = "x86_64")]
mod float_rows;
mod floats;
mod fold;
mod integers;
mod isa;
mod reduce;
mod rows;
#[cfg_attr(
    not(target_arch = "x86_64"),
    allow(dead_code, reason = "other processors have no such kernels yet")
)]
mod skinny;
#[cfg(target_arch = "x86_64")]
mod square;
mod totals;
mod transpose;
mod usual;
#[cfg(target_arch = "x86_64")]
mod vector;

pub(crate) use direct::{DirectKernel, Matrices, direct, turns};
pub(crate) use elements::{
    Arithmetic, Rounded, by_compute_float, by_float, by_integer, by_number, by_width, number_type,
};
pub(crate) use fold::{Accumulate, Fold};
pub(crate) use isa::{AtLevel, Isa, at_level};
#[cfg(feature = "native")]
pub(crate) use reduce::WIDTH as REDUCE_LANES;
pub(crate) use reduce::{SIDE_BY_SIDE, fold_kernels};
pub(crate) use rows::{Grid, Rows, copy_bytes, copy_grid, copy_rows};
pub(crate) use skinny::{Block, DEPTH, Skinny, chunks, skinny};
pub(crate) use totals::{
    TOTAL_BYTES, add_dot_to_total, add_to_totals, finish_totals, merge_totals, total,
};
pub(crate) use transpose::{SQUARE, join_columns, transpose, transpose_into, transpose_square};

use gradus_ir::primitives::{Binary, BinaryOn, Compare, ReduceKind, Unary, UnaryOn};
use gradus_ir::{DType, Kind};

/// A loop over `n` elements: up to three operands, one result.
///
/// # Safety
/// The operands of the operation, and the result, point to `n` valid elements of its types;
/// the result overlaps no operand.
pub(crate) type Kernel =
    unsafe fn(a: *const u8, b: *const u8, c: *const u8, out: *mut u8, n: usize);

/// The loop of `op` on values of type `dtype`, held in its [compute type](DType::compute_type).
/// The loop of [`Unary::Polygamma`] reads the order, a u32, from its second operand.
///
/// # Panics
/// If the type rule refuses the pair, so that no graph has it, or for [`Unary::PowI`], which is lowered to products.
pub(crate) fn unary(op: Unary, dtype: DType) -> Kernel {
    let isa = Isa::best();
    match op.on(dtype) {
        Some(UnaryOn::Float(op, float)) => floats::unary(op, float.compute_type(), isa),
        Some(UnaryOn::Integer(op, integer)) => integers::unary(op, integer, isa),
        Some(UnaryOn::Bool(op)) => elementwise::unary(op, isa),
        Some(UnaryOn::Polygamma(_, float)) => floats::polygamma(float.compute_type(), isa),
        Some(UnaryOn::PowI(..)) => unreachable!("powers are lowered to products"),
        None => unreachable!("the type rule refuses {op:?} of {dtype}"),
    }
}

/// The loop of `op` on values of type `dtype`, held in its [compute type](DType::compute_type).
///
/// # Panics
/// If the type rule refuses the pair, so that no graph has it.
pub(crate) fn binary(op: Binary, dtype: DType) -> Kernel {
    let isa = Isa::best();
    match op.on(dtype) {
        Some(BinaryOn::Float(op, float)) => floats::binary(op, float.compute_type(), isa),
        Some(BinaryOn::Integer(op, integer)) => integers::binary(op, integer, isa),
        Some(BinaryOn::Bool(op)) => elementwise::binary(op, isa),
        None => unreachable!("the type rule refuses {op:?} of {dtype}"),
    }
}

/// The loop that combines its second operand with the result as a reduction does; the other operands are not read.
/// The values of type `dtype` are held in its [compute type](DType::compute_type).
pub(crate) fn join(kind: ReduceKind, dtype: DType) -> Kernel {
    elementwise::join(kind, dtype, Isa::best())
}

/// The loop of a comparison of values of type `dtype`, held in its [compute type](DType::compute_type).
pub(crate) fn compare(op: Compare, dtype: DType) -> Kernel {
    elementwise::compare(op, dtype, Isa::best())
}

/// The loop that chooses between elements of type `dtype`.
pub(crate) fn select(dtype: DType) -> Kernel {
    elementwise::select(dtype.width(), Isa::best())
}

/// The loop that converts.
pub(crate) fn cast(from: DType, to: DType) -> Kernel {
    if from == to {
        copy(from)
    } else {
        cast::cast(from, to, Isa::best())
    }
}

/// The loop that rounds values to numbers of type `to`, held in its [compute type](DType::compute_type).
pub(crate) fn round(to: DType) -> Kernel {
    match to.kind() {
        Kind::Float(float) => floats::round(float, Isa::best()),
        Kind::Integer(_) | Kind::Bool => copy(to),
    }
}

/// The loop that copies.
pub(crate) fn copy(dtype: DType) -> Kernel {
    /// # Safety
    /// See [`Kernel`].
    unsafe fn run<const SIZE: usize>(
        a: *const u8,
        _b: *const u8,
        _c: *const u8,
        out: *mut u8,
        n: usize,
    ) {
        // SAFETY: both hold `n` elements of `SIZE` bytes and do not overlap.
        unsafe { std::ptr::copy_nonoverlapping(a, out, n * SIZE) };
    }
    by_width!(dtype.width(), T => run::<{ size_of::<T>() }>)
}
