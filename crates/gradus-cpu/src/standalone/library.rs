//! Matrix products by the library.

use crate::kernels::Rounded;
use gemm_common::Parallelism;

/// The floats that the library multiplies.
pub(super) trait Float: Rounded + 'static {
    const ZERO: Self;
    const ONE: Self;
    /// The library's function for this processor.
    fn function() -> Function<Self>;
}

/// The signature of the library's product `dst = alpha · dst + beta · lhs · rhs`. In order:
/// the sizes `m`, `n`, `k`; `dst` with its column and row strides; whether `dst` is read; `lhs` and `rhs`, each
/// with its column and row strides; `alpha` and `beta`; whether `dst`, `lhs` and `rhs` are conjugated; the threads.
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
    fn function() -> Function<f32> {
        gemm_f32::gemm::f32::get_gemm_fn()
    }
}

impl Float for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    fn function() -> Function<f64> {
        gemm_f64::gemm::f64::get_gemm_fn()
    }
}

/// A matrix in memory: its first element, and its row and column strides in elements.
pub(super) type Matrix<T> = (*const T, (isize, isize));

/// Computes `left · right` into `out`, or adds it to `out` if `add` is set.
///
/// `left` is `rows` × `depth`, `right` is `depth` × `columns`. `out` is row-major with row stride `out_rows`.
///
/// # Safety
/// The pointers must be valid for matrices of these sizes. No other thread may access `out` during the call.
pub(super) unsafe fn multiply<T: Float>(
    (rows, depth, columns): (usize, usize, usize),
    (mut left, mut left_steps): Matrix<T>,
    (mut right, mut right_steps): Matrix<T>,
    (out, out_rows): (*mut T, usize),
    add: bool,
) {
    if right_steps.0 < 0 && depth > 0 {
        // The library needs a non-negative stride along the summed axis of its left factor.
        // Reversing that axis in both factors leaves the product unchanged.
        let last = depth as isize - 1;
        // SAFETY: by the caller, the last row and column exist.
        unsafe {
            right = right.offset(last * right_steps.0);
            left = left.offset(last * left_steps.1);
        }
        (right_steps.0, left_steps.1) = (-right_steps.0, -left_steps.1);
    }
    let before = if add { T::ONE } else { T::ZERO };
    // The library writes column-major results, so we compute outᵀ = rightᵀ · leftᵀ.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The first element and the strides of a matrix that lies forwards or backwards, by rows and by columns.
    fn lying(values: &[f64], (rows, columns): (usize, usize), back: (bool, bool)) -> Matrix<f64> {
        let step = |n: usize, step: usize, back: bool| match back {
            true => (n - 1, -(step as isize)),
            false => (0, step as isize),
        };
        let (first_row, row) = step(rows, columns, back.0);
        let (first_column, column) = step(columns, 1, back.1);
        (&values[first_row * columns + first_column], (row, column))
    }

    #[test]
    fn factors_may_lie_backwards() {
        let (rows, depth, columns) = (19, 33, 21);
        let numbers = |n: usize| -> Vec<f64> { (0..n).map(|i| (i * 7 % 11) as f64).collect() };
        let (a, b) = (numbers(rows * depth), numbers(depth * columns));
        for case in 0..16 {
            let back = |bit: u32| case >> bit & 1 == 1;
            let left = lying(&a, (rows, depth), (back(0), back(1)));
            let right = lying(&b, (depth, columns), (back(2), back(3)));
            for add in [false, true] {
                let mut out = vec![3.0; rows * columns];
                // SAFETY: the factors lie in `a` and `b`, and `out` has the size of the product.
                unsafe {
                    let out = (out.as_mut_ptr(), columns);
                    multiply((rows, depth, columns), left, right, out, add);
                }
                let at = |n: usize, back: bool, i: usize| if back { n - 1 - i } else { i };
                for (i, row) in out.chunks(columns).enumerate() {
                    for (j, &got) in row.iter().enumerate() {
                        let one = |l: usize| {
                            let x = at(rows, back(0), i) * depth + at(depth, back(1), l);
                            let y = at(depth, back(2), l) * columns + at(columns, back(3), j);
                            a[x] * b[y]
                        };
                        let wanted: f64 = (0..depth).map(one).sum();
                        assert_eq!(got, wanted + if add { 3.0 } else { 0.0 }, "{case}");
                    }
                }
            }
        }
    }
}
