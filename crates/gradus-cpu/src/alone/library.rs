//! Matrix products by the library.

use gemm_common::Parallelism;

/// The floats that the library multiplies.
pub(super) trait Float: Copy + 'static {
    const ZERO: Self;
    const ONE: Self;
    fn rounded(x: f64) -> Self;
    /// The library's function for this processor.
    fn function() -> Function<Self>;
}

/// Of `m`, `n`, `k`; the result, its column and row strides, whether it is added to; the same of both factors, each with its strides; the factors of what was there and of the
/// product; three times whether something is conjugated; and the threads.
type Function<T> = unsafe fn(
    usize,
    usize,
    usize,
    *mut T,
    isize,
    isize,
    bool,
    *const T,
    isize,
    isize,
    *const T,
    isize,
    isize,
    T,
    T,
    bool,
    bool,
    bool,
    Parallelism,
);

impl Float for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    fn rounded(x: f64) -> f32 {
        x as f32
    }
    fn function() -> Function<f32> {
        gemm_f32::gemm::f32::get_gemm_fn()
    }
}

impl Float for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    fn rounded(x: f64) -> f64 {
        x
    }
    fn function() -> Function<f64> {
        gemm_f64::gemm::f64::get_gemm_fn()
    }
}

/// A matrix in memory: where it begins, and the distances of its rows and of its columns.
pub(super) type Matrix<T> = (*const T, (isize, isize));

/// The product of `left`, `rows` × `depth`, and `right`, `depth` × `columns`, into `out`, whose rows are `out_rows` apart: added to what is there, or instead of it.
///
/// # Safety
/// The pointers are to matrices of these sizes, and nobody else uses `out`. No distance of rows or columns is negative.
pub(super) unsafe fn multiply<T: Float>(
    (rows, depth, columns): (usize, usize, usize),
    (left, left_steps): Matrix<T>,
    (right, right_steps): Matrix<T>,
    (out, out_rows): (*mut T, usize),
    add: bool,
) {
    let steps = [left_steps.0, left_steps.1, right_steps.0, right_steps.1];
    debug_assert!(steps.iter().all(|&step| step >= 0), "{steps:?}");
    let before = if add { T::ONE } else { T::ZERO };
    // The library writes columns. Those of the transposed result are our rows: outᵀ = rightᵀ · leftᵀ.
    // SAFETY: by the caller; `function` is made for this processor.
    unsafe {
        T::function()(
            columns,
            rows,
            depth,
            out,
            out_rows as isize,
            1,
            add,
            right,
            right_steps.0,
            right_steps.1,
            left,
            left_steps.0,
            left_steps.1,
            before,
            T::ONE,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
