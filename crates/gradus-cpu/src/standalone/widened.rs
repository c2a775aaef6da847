//! Products of bf16 matrices: tiles of both matrices are widened,
//! the library multiplies them, and each sum is rounded once.

use super::{library, room};
use crate::kernels::{add_to_totals, total, transpose};
use gradus_ir::{ComputeFloat, bf16};
use std::cell::Cell;

/// The largest tiles of the left matrix (rows × depth) and of the right matrix (depth × columns).
/// Together with the sums they fit into the second-level cache.
const ROWS: usize = 256;
const DEPTH: usize = 256;
const COLUMNS: usize = 512;
/// The number of products that are summed in f32 before they are added to totals;
/// more would lose digits that even bf16 has.
const LONG: usize = 32 * DEPTH;
/// The most multiplications of a product that plain loops compute.
const SMALL: usize = 512;

thread_local! {
    /// The tiles, the sums and their totals, in units of any element's alignment.
    static TILES: Cell<[Vec<u64>; 5]> = const { Cell::new([const { Vec::new() }; 5]) };
}

/// A matrix in memory: its first element, and its row and column strides in elements.
type Matrix = (*const bf16, (isize, isize));

/// Bytes of the tiles of a product of these sizes.
pub(super) fn scratch_bytes((rows, depth, columns): (usize, usize, usize)) -> usize {
    let (m, k, n) = (rows.min(ROWS), depth.min(DEPTH), columns.min(COLUMNS));
    let totals = if depth > LONG { 4 * m * n } else { 0 };
    (m * k + k * n + m * n + totals) * size_of::<f32>() + k * n * size_of::<bf16>()
}

/// Computes `left · right` into `out`, which is row-major with row stride `out_rows`.
/// `left` is `rows` × `depth`, `right` is `depth` × `columns`.
///
/// # Safety
/// The pointers must be valid for matrices of these sizes. No other thread may access `out` during the call.
pub(super) unsafe fn multiply(
    (rows, depth, columns): (usize, usize, usize),
    left: Matrix,
    right: Matrix,
    (out, out_rows): (*mut bf16, usize),
) {
    if rows * depth * columns <= SMALL {
        // SAFETY: by the caller.
        return unsafe { plain((rows, depth, columns), left, right, (out, out_rows)) };
    }
    let mut tiles = TILES.take();
    for i in (0..rows).step_by(ROWS) {
        for j in (0..columns).step_by(COLUMNS) {
            let size = (ROWS.min(rows - i), depth, COLUMNS.min(columns - j));
            // SAFETY: the tile lies within the matrices.
            unsafe {
                let left = (left.0.offset(i as isize * left.1.0), left.1);
                let right = (right.0.offset(j as isize * right.1.1), right.1);
                tile(
                    size,
                    left,
                    right,
                    (out.add(i * out_rows + j), out_rows),
                    &mut tiles,
                );
            }
        }
    }
    TILES.set(tiles);
}

/// One tile of the result.
///
/// # Safety
/// As for [`multiply`].
unsafe fn tile(
    (rows, depth, columns): (usize, usize, usize),
    (left, left_steps): Matrix,
    (right, right_steps): Matrix,
    (out, out_rows): (*mut bf16, usize),
    [left_tile, right_tile, transposed, sums, totals]: &mut [Vec<u64>; 5],
) {
    let elements = rows * columns;
    let sums = room::<f32>(sums, elements);
    let totals = (depth > LONG).then(|| room::<f64>(totals, 2 * elements));
    // SAFETY: by the caller; tiles have room for what is written to them.
    unsafe {
        if let Some(totals) = totals {
            totals.write_bytes(0, 2 * elements);
        }
        if depth == 0 {
            sums.write_bytes(0, elements);
        }
        for l in (0..depth).step_by(DEPTH) {
            let part = DEPTH.min(depth - l);
            let left_tile = room::<f32>(left_tile, rows * part);
            let from = left.offset(l as isize * left_steps.1);
            let left = widened((from, left_steps), (rows, part), left_tile, transposed);
            let right_tile = room::<f32>(right_tile, part * columns);
            let from = right.offset(l as isize * right_steps.0);
            let right = widened((from, right_steps), (part, columns), right_tile, transposed);
            let add = l % LONG > 0;
            library::multiply((rows, part, columns), left, right, (sums, columns), add);
            let last = l + part == depth;
            if let Some(totals) = totals
                && (last || (l + part).is_multiple_of(LONG))
            {
                add_to_totals(ComputeFloat::F32, sums.cast(), totals, elements);
            }
        }
        for i in 0..rows {
            let row = std::slice::from_raw_parts_mut(out.add(i * out_rows), columns);
            match totals {
                None => {
                    let sums = std::slice::from_raw_parts(sums.add(i * columns), columns);
                    for (out, &sum) in row.iter_mut().zip(sums) {
                        *out = bf16::from_f32(sum);
                    }
                }
                Some(totals) => {
                    for (j, out) in row.iter_mut().enumerate() {
                        *out = bf16::from_f64(total(totals, elements, i * columns + j));
                    }
                }
            }
        }
    }
}

/// Writes a matrix to `to` in row-major order, and gives the matrix there.
///
/// # Safety
/// The matrix has these sizes, and `to` room for them.
unsafe fn widened(
    (from, steps): Matrix,
    (rows, columns): (usize, usize),
    to: *mut f32,
    transposed: &mut Vec<u64>,
) -> library::Matrix<f32> {
    // SAFETY: by the caller.
    unsafe {
        let (mut from, mut row_step) = (from, steps.0);
        if steps.1 != 1 {
            let by_rows = room::<bf16>(transposed, rows * columns);
            transpose(from, steps, (rows, columns), by_rows);
            (from, row_step) = (by_rows, columns as isize);
        }
        for i in 0..rows {
            let row = std::slice::from_raw_parts(from.offset(i as isize * row_step), columns);
            let to = std::slice::from_raw_parts_mut(to.add(i * columns), columns);
            for (to, x) in to.iter_mut().zip(row) {
                *to = x.to_f32();
            }
        }
    }
    (to, (columns as isize, 1))
}

/// Computes a small product with plain loops.
///
/// # Safety
/// As for [`multiply`].
unsafe fn plain(
    (rows, depth, columns): (usize, usize, usize),
    (left, left_steps): Matrix,
    (right, right_steps): Matrix,
    (out, out_rows): (*mut bf16, usize),
) {
    for i in 0..rows {
        for j in 0..columns {
            let mut sum = 0.0;
            for l in 0..depth {
                // SAFETY: by the caller.
                let (x, y) = unsafe {
                    let x = left.offset(i as isize * left_steps.0 + l as isize * left_steps.1);
                    let y = right.offset(l as isize * right_steps.0 + j as isize * right_steps.1);
                    (x.read(), y.read())
                };
                // The product of two bf16 numbers is exact in f32.
                sum += x.to_f32() * y.to_f32();
            }
            // SAFETY: by the caller.
            unsafe { out.add(i * out_rows + j).write(bf16::from_f32(sum)) };
        }
    }
}
