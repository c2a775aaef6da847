//! One row times a matrix that does not fit the near caches: memory is fastest if each row of the matrix is read in
//! long pieces, a few rows at a time.
#![expect(
    clippy::needless_range_loop,
    reason = "indices name registers and rows"
)]

use super::{Block, DEPTH, part};
use crate::kernels::vector::Vector;
use std::mem::MaybeUninit;

/// Bytes of sums, which stay in the first-level cache while rows pass.
const SUMS: usize = 8 << 10;
/// The most rows that pass together.
const TOGETHER: usize = 8;
/// The fewest columns for which rows are read in long pieces.
const LONG: usize = 256;
/// A smaller matrix is in a near cache already.
const LARGE: usize = 256 << 10;

/// Whether the block is one row times a large matrix.
pub(super) fn is_one_row(b: &Block, size: usize) -> bool {
    let columns = b.columns.1 - b.columns.0;
    b.few == 1 && !b.stream && columns >= LONG && columns * b.k * size > LARGE
}

/// Some rows of the matrix, and a range of columns.
struct Rows<T> {
    left: *const T,
    right: *const T,
    right_step: isize,
    columns: usize,
}

/// Adds multiples of rows in the order of `rows`: [`DEPTH`] products are summed before they are added to the result.
///
/// # Safety
/// As for [`Skinny::rows`](super::Skinny::rows).
#[inline(always)]
pub(super) unsafe fn one_row<V: Vector>(b: &Block) {
    let most = SUMS / size_of::<V::Element>();
    let mut room = [const { MaybeUninit::<V>::uninit() }; SUMS / 32];
    let sums = room.as_mut_ptr().cast::<V::Element>();
    let depths = b.k.div_ceil(DEPTH);
    for from in (b.columns.0..b.columns.1).step_by(most) {
        let columns = most.min(b.columns.1 - from);
        for d in 0..depths {
            let (mut l, end) = part(b.k, depths, d);
            let first = l;
            while l < end {
                // SAFETY: by the caller. Rows are below `k` and columns below the last; `sums` has room for `most` columns.
                unsafe {
                    let r = Rows {
                        left: b.left.cast::<V::Element>().add(l),
                        right: b
                            .right
                            .cast::<V::Element>()
                            .offset(l as isize * b.right_step)
                            .add(from),
                        right_step: b.right_step,
                        columns,
                    };
                    l += match end - l {
                        TOGETHER.. => add_rows::<V, TOGETHER>(&r, sums, l == first),
                        4.. => add_rows::<V, 4>(&r, sums, l == first),
                        2.. => add_rows::<V, 2>(&r, sums, l == first),
                        _ => add_rows::<V, 1>(&r, sums, l == first),
                    };
                }
            }
            // SAFETY: as above; the result has these columns.
            unsafe { add_sums::<V>(sums, b.out.cast::<V::Element>().add(from), columns, d == 0) };
        }
    }
}

/// Adds multiples of `R` rows to the sums, which begin with them if they are the first. Returns `R`.
///
/// # Safety
/// The rows have the columns, and `sums` has room for them.
#[inline(always)]
unsafe fn add_rows<V: Vector, const R: usize>(
    r: &Rows<V::Element>,
    sums: *mut V::Element,
    first: bool,
) -> usize {
    // SAFETY: by the caller.
    unsafe {
        // Closures with registers would not be inlined into the code that has the instructions.
        let mut x = [V::zero(); R];
        for i in 0..R {
            x[i] = V::all(r.left.add(i).read());
        }
        let row = |i: usize| r.right.wrapping_offset(i as isize * r.right_step);
        let mut j = 0;
        while j + 4 * V::LANES <= r.columns {
            let at = |v: usize| j + v * V::LANES;
            let mut sum = [V::zero(); 4];
            if !first {
                for v in 0..4 {
                    sum[v] = V::load(sums.add(at(v)));
                }
            }
            for i in 0..R {
                for v in 0..4 {
                    sum[v] = V::multiply_add(x[i], V::load(row(i).add(at(v))), sum[v]);
                }
            }
            for v in 0..4 {
                V::store(sum[v], sums.add(at(v)));
            }
            j += 4 * V::LANES;
        }
        while j < r.columns {
            let rest = V::LANES.min(r.columns - j);
            let mut sum = match first {
                true => V::zero(),
                false => load::<V>(sums.add(j), rest),
            };
            for i in 0..R {
                sum = V::multiply_add(x[i], load::<V>(row(i).add(j), rest), sum);
            }
            store::<V>(sum, sums.add(j), rest);
            j += V::LANES;
        }
    }
    R
}

/// Writes the sums to the result, or adds them to it.
///
/// # Safety
/// Both have the columns.
#[inline(always)]
unsafe fn add_sums<V: Vector>(
    sums: *const V::Element,
    out: *mut V::Element,
    columns: usize,
    first: bool,
) {
    for j in (0..columns).step_by(V::LANES) {
        let rest = V::LANES.min(columns - j);
        // SAFETY: by the caller.
        unsafe {
            let mut sum = load::<V>(sums.add(j), rest);
            if !first {
                sum = V::add(load::<V>(out.add(j), rest), sum);
            }
            store::<V>(sum, out.add(j), rest);
        }
    }
}

/// The first `n` elements, at most a register.
#[inline(always)]
unsafe fn load<V: Vector>(from: *const V::Element, n: usize) -> V {
    // SAFETY: by the caller.
    unsafe {
        match n == V::LANES {
            true => V::load(from),
            false => V::load_first(from, n),
        }
    }
}

#[inline(always)]
unsafe fn store<V: Vector>(v: V, to: *mut V::Element, n: usize) {
    // SAFETY: by the caller.
    unsafe {
        match n == V::LANES {
            true => V::store(v, to),
            false => V::store_first(v, to, n),
        }
    }
}
