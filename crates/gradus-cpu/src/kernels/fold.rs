//! One kind of reduction: its state, its kernels, and its result.

use gradus_ir::primitives::ReduceKind;
use gradus_ir::{DType, bf16};

/// The state of a reduction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Accumulate {
    pub(super) value: f64,
    lost: f64,
    pub(super) whole: i64,
}

/// Reduces `n` elements into the state.
///
/// # Safety
/// The pointer is to `n` elements of the type for which the kernel was made.
pub(crate) type FoldKernel = unsafe fn(source: *const u8, n: usize, state: &mut Accumulate);

/// Reduces `rows` adjacent rows of `n` elements, and writes their results.
///
/// # Safety
/// The pointers are to `rows · n` elements of the type for which the kernel was made, and to room for `rows` results;
/// `n` is not 0.
pub(crate) type RowsKernel = unsafe fn(source: *const u8, rows: usize, n: usize, out: *mut u8);

/// One kind of reduction to one element type.
#[derive(Clone, Copy)]
pub(crate) struct Fold {
    pub kind: ReduceKind,
    /// The type of the result. The elements are held in its [compute type](DType::compute_type).
    pub result: DType,
    pub kernel: FoldKernel,
    pub rows: RowsKernel,
}

impl Fold {
    /// The state before the first element.
    pub(crate) fn start(&self) -> Accumulate {
        let value = match self.kind {
            ReduceKind::Sum => 0.0,
            ReduceKind::Prod => 1.0,
            ReduceKind::Max => f64::NEG_INFINITY,
            ReduceKind::Min => f64::INFINITY,
        };
        let whole = match self.kind {
            ReduceKind::Sum => 0,
            ReduceKind::Prod => 1,
            ReduceKind::Max => i64::MIN,
            ReduceKind::Min => i64::MAX,
        };
        Accumulate {
            value,
            lost: 0.0,
            whole,
        }
    }

    /// Combines the results of two parts, the left one first.
    pub(crate) fn merge(&self, state: &mut Accumulate, part: &Accumulate) {
        match self.kind {
            ReduceKind::Sum => {
                add(state, part.value);
                state.lost += part.lost;
                state.whole = state.whole.wrapping_add(part.whole);
            }
            ReduceKind::Prod => {
                state.value *= part.value;
                state.whole = state.whole.wrapping_mul(part.whole);
            }
            ReduceKind::Max => {
                state.value = max(state.value, part.value);
                state.whole = state.whole.max(part.whole);
            }
            ReduceKind::Min => {
                state.value = min(state.value, part.value);
                state.whole = state.whole.min(part.whole);
            }
        }
    }

    /// Writes the result.
    ///
    /// # Safety
    /// `out` points to room for one element.
    pub(crate) unsafe fn finish(&self, state: &Accumulate, out: *mut u8) {
        let value = match self.kind {
            // An infinite sum has NaN as its error; the sum itself is right then.
            ReduceKind::Sum if state.lost.is_finite() => state.value + state.lost,
            // Nothing is added to the others: -0 stays -0.
            _ => state.value,
        };
        // SAFETY: by the caller.
        unsafe {
            match self.result {
                DType::BF16 => out.cast::<bf16>().write(bf16::from_f64(value)),
                DType::F32 => out.cast::<f32>().write(value as f32),
                DType::F64 => out.cast::<f64>().write(value),
                DType::I32 => out.cast::<i32>().write(state.whole as i32),
                DType::I64 => out.cast::<i64>().write(state.whole),
                DType::U32 => out.cast::<u32>().write(state.whole as u32),
                DType::Bool => out.write(state.whole as u8),
            }
        }
    }
}

/// Adds a number, and the rounding error of the addition to the other errors.
#[inline(always)]
pub(super) fn add(state: &mut Accumulate, x: f64) {
    let sum = state.value + x;
    state.lost += if state.value.abs() >= x.abs() {
        (state.value - sum) + x
    } else {
        (x - sum) + state.value
    };
    state.value = sum;
}

#[inline(always)]
pub(super) fn max(a: f64, b: f64) -> f64 {
    if (a > b) | a.is_nan() { a } else { b }
}

#[inline(always)]
pub(super) fn min(a: f64, b: f64) -> f64 {
    if (a < b) | a.is_nan() { a } else { b }
}
