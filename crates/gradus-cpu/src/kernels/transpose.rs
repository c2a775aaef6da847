//! Transposes matrices: rows are written as columns. Elements are moved, whatever they mean.

#[cfg(target_arch = "x86_64")]
use super::isa::Isa;
#[cfg(target_arch = "x86_64")]
use super::square::{self, Square};

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
    size: (usize, usize),
    to: *mut T,
) {
    // SAFETY: by the caller.
    unsafe { transpose_into(from, strides, size, to, size.1) };
}

/// The same; the rows of the result are `to_step` elements apart. The addresses need not be multiples of an element.
///
/// # Safety
/// `from` holds the matrix, `to` has room for it.
pub(crate) unsafe fn transpose_into<T: Copy>(
    from: *const T,
    strides: (isize, isize),
    (k, n): (usize, usize),
    to: *mut T,
    to_step: usize,
) {
    #[cfg(target_arch = "x86_64")]
    if strides.0 == 1 && Isa::best() != Isa::Portable {
        // SAFETY: by the caller. The processor has AVX2.
        unsafe {
            let (step, size) = (strides.1, (k, n));
            match size_of::<T>() {
                1 => return turn_matrix::<u8>(from.cast(), step, size, to.cast(), to_step),
                2 => return turn_matrix::<u16>(from.cast(), step, size, to.cast(), to_step),
                4 => return turn_matrix::<u32>(from.cast(), step, size, to.cast(), to_step),
                8 => return turn_matrix::<u64>(from.cast(), step, size, to.cast(), to_step),
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
                    let to = to.add(l0 * to_step + j0);
                    transpose_square(at(l0, j0), strides.1, to, to_step);
                    continue;
                }
                for l in l0..l1 {
                    for j in j0..j1 {
                        let element = at(l, j).read_unaligned();
                        to.add(l * to_step + j).write_unaligned(element);
                    }
                }
            }
        }
    }
}

/// # Safety
/// See [`square::turn`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn turn_matrix<T: Square>(
    from: *const T,
    step: isize,
    size: (usize, usize),
    to: *mut T,
    to_step: usize,
) {
    let column = |j: usize| from.wrapping_offset(j as isize * step);
    // SAFETY: by the caller.
    unsafe { square::turn(column, size, to, to_step * size_of::<T>()) };
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
        let rows: [[T; SQUARE]; SQUARE] = std::array::from_fn(|i| {
            let row = from.offset(i as isize * step);
            row.cast::<[T; SQUARE]>().read_unaligned()
        });
        let columns: [[T; SQUARE]; SQUARE] =
            std::array::from_fn(|j| std::array::from_fn(|i| rows[i][j]));
        for (j, column) in columns.into_iter().enumerate() {
            let to = to.add(j * to_step).cast::<[T; SQUARE]>();
            to.write_unaligned(column);
        }
    }
}

/// Writes rows `first..first + count` of the matrix that has these columns, with elements of `width` bytes: 1, 2, 4 or
/// 8. The rows are `to_step` bytes apart.
///
/// # Safety
/// Each column has these elements, and `to` has room for the rows.
pub(crate) unsafe fn join_columns(
    columns: &[*const u8],
    width: usize,
    rows: (usize, usize),
    to: *mut u8,
    to_step: usize,
) {
    // SAFETY: by the caller.
    unsafe {
        match width {
            1 => join::<u8>(columns, rows, to, to_step),
            2 => join::<u16>(columns, rows, to, to_step),
            4 => join::<u32>(columns, rows, to, to_step),
            8 => join::<u64>(columns, rows, to, to_step),
            _ => unreachable!("columns have 1, 2, 4 or 8 bytes, not {width}"),
        }
    }
}

/// # Safety
/// See [`join_columns`].
#[cfg(target_arch = "x86_64")]
unsafe fn join<T: Square>(
    columns: &[*const u8],
    rows: (usize, usize),
    to: *mut u8,
    to_step: usize,
) {
    // SAFETY: by the caller. The processor has AVX2 where this is said.
    unsafe {
        match Isa::best() {
            Isa::Portable => one_by_one::<T>(columns, rows, to, to_step),
            _ => turn_columns::<T>(columns, rows, to, to_step),
        }
    }
}

/// # Safety
/// See [`join_columns`]; the processor has AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn turn_columns<T: Square>(
    columns: &[*const u8],
    (first, count): (usize, usize),
    to: *mut u8,
    to_step: usize,
) {
    let column = |j: usize| columns[j].cast::<T>().wrapping_add(first);
    // SAFETY: by the caller.
    unsafe { square::turn(column, (count, columns.len()), to.cast(), to_step) };
}

/// # Safety
/// See [`join_columns`].
#[cfg(not(target_arch = "x86_64"))]
unsafe fn join<T: Copy>(columns: &[*const u8], rows: (usize, usize), to: *mut u8, to_step: usize) {
    // SAFETY: by the caller.
    unsafe { one_by_one::<T>(columns, rows, to, to_step) };
}

/// # Safety
/// See [`join_columns`].
unsafe fn one_by_one<T: Copy>(
    columns: &[*const u8],
    (first, count): (usize, usize),
    to: *mut u8,
    to_step: usize,
) {
    for (j, column) in columns.iter().enumerate() {
        for l in 0..count {
            // SAFETY: by the caller.
            unsafe {
                let element = column.cast::<T>().add(first + l).read_unaligned();
                let to = to.add(l * to_step).cast::<T>().add(j);
                to.write_unaligned(element);
            }
        }
    }
}
