//! Transposes matrices: rows are written as columns.

#[cfg(target_arch = "x86_64")]
use super::isa::Isa;
#[cfg(target_arch = "x86_64")]
use super::vector;

/// Side of the squares in which a matrix is transposed: a cache line, or half of one.
pub(crate) const SQUARE: usize = 8;

/// Copies a matrix of `k` rows and `n` columns, with strides from row to row and from column to column,
/// so that its rows are contiguous.
///
/// # Safety
/// `from` holds the matrix, `to` has room for it.
pub(crate) unsafe fn transpose<T: Copy>(
    from: *const T,
    strides: (isize, isize),
    (k, n): (usize, usize),
    to: *mut T,
) {
    #[cfg(target_arch = "x86_64")]
    if strides.0 == 1 && Isa::best() != Isa::Portable {
        // SAFETY: by the caller. The processor has AVX2, and elements are moved, whatever they mean.
        unsafe {
            match size_of::<T>() {
                4 => return turn_words(from.cast(), strides.1, (k, n), to.cast()),
                8 => return turn_doubles(from.cast(), strides.1, (k, n), to.cast()),
                _ => {}
            }
        }
    }
    for l0 in (0..k).step_by(SQUARE) {
        for j0 in (0..n).step_by(SQUARE) {
            let (l1, j1) = ((l0 + SQUARE).min(k), (j0 + SQUARE).min(n));
            // SAFETY: by the caller.
            unsafe {
                let at = |l: usize, j: usize| {
                    from.offset(l as isize * strides.0 + j as isize * strides.1)
                };
                if strides.0 == 1 && l1 - l0 == SQUARE && j1 - j0 == SQUARE {
                    transpose_square(at(l0, j0), strides.1, to.add(l0 * n + j0), n);
                    continue;
                }
                for l in l0..l1 {
                    for j in j0..j1 {
                        to.add(l * n + j).write(at(l, j).read());
                    }
                }
            }
        }
    }
}

/// # Safety
/// See [`vector::turn`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn turn_words(from: *const f32, step: isize, size: (usize, usize), to: *mut f32) {
    // SAFETY: by the caller.
    unsafe { vector::turn(from, step, size, to) };
}

/// # Safety
/// See [`vector::turn`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn turn_doubles(from: *const f64, step: isize, size: (usize, usize), to: *mut f64) {
    // SAFETY: by the caller.
    unsafe { vector::turn(from, step, size, to) };
}

/// Writes a square with rows and columns exchanged. The steps are the elements from row to row in each matrix.
///
/// # Safety
/// `from` and `to` hold the square and do not overlap.
#[inline(always)]
pub(crate) unsafe fn transpose_square<T: Copy>(
    from: *const T,
    step: isize,
    to: *mut T,
    to_step: usize,
) {
    // SAFETY: by the caller; the elements of a row are adjacent in both.
    unsafe {
        let rows: [[T; SQUARE]; SQUARE] =
            std::array::from_fn(|i| from.offset(i as isize * step).cast::<[T; SQUARE]>().read());
        let columns: [[T; SQUARE]; SQUARE] =
            std::array::from_fn(|j| std::array::from_fn(|i| rows[i][j]));
        for (j, column) in columns.into_iter().enumerate() {
            to.add(j * to_step).cast::<[T; SQUARE]>().write(column);
        }
    }
}
