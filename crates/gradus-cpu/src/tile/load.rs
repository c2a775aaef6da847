//! Loads elements that are not contiguous into a tile.

use crate::kernels::{AtLevel, Isa, Rows, at_level, by_width, copy_rows};
use crate::view::{View, collapse};
use gradus_ir::Width;
use smallvec::SmallVec;

/// The way in which a source is loaded into a tile.
#[derive(Debug)]
pub(super) enum Access {
    /// The elements are contiguous and used in place.
    Direct { offset: isize },
    /// One element for the whole iteration.
    Uniform { offset: isize },
    /// Other layouts: axes with sizes and steps, outermost first.
    Strided {
        offset: isize,
        axes: SmallVec<[(usize, isize); 6]>,
    },
}

impl Access {
    pub fn of(view: &View) -> Access {
        if view.is_contiguous() {
            return Access::Direct {
                offset: view.offset,
            };
        }
        let axes: SmallVec<[(usize, isize); 6]> = collapse(&view.shape, &[&view.strides])
            .into_iter()
            .map(|(n, s)| (n, s[0]))
            .collect();
        if axes.iter().all(|&(_, s)| s == 0) {
            return Access::Uniform {
                offset: view.offset,
            };
        }
        Access::Strided {
            offset: view.offset,
            axes,
        }
    }
}

/// The number of elements after which those of a view with these axes are the same again, if its outermost axis repeats
/// what the others have.
pub(super) fn period(axes: &[(usize, isize)]) -> Option<usize> {
    match axes {
        [(_, 0), inner @ ..] => Some(inner.iter().map(|(n, _)| n).product()),
        _ => None,
    }
}

/// Copies `n` elements, from position `start` of the iteration on, to `out`.
///
/// # Safety
/// `base` is the start of memory that holds the elements at these positions of the iteration;
/// `out` has room for `n` elements of type `T`.
pub(super) unsafe fn gather<T: Copy>(
    base: *const u8,
    offset: isize,
    axes: &[(usize, isize)],
    start: usize,
    n: usize,
    out: *mut u8,
) {
    let base = base.cast::<T>();
    let out = out.cast::<T>();
    let rank = axes.len();
    let mut index: SmallVec<[usize; 6]> = smallvec::smallvec![0; rank];
    let mut position = offset;
    let mut rest = start;
    for i in (0..rank).rev() {
        index[i] = rest % axes[i].0;
        rest /= axes[i].0;
        position += index[i] as isize * axes[i].1;
    }
    let last = rank - 1;
    let (size, step) = axes[last];
    let mut done = 0;
    while done < n {
        // Many whole rows at once, if a row begins here; else what is left of the row.
        let rows = match last {
            0 => 0,
            _ if index[last] > 0 => 0,
            _ => (axes[last - 1].0 - index[last - 1]).min((n - done) / size),
        };
        // SAFETY: `index` counts like the axes, so `position` is the position of an element of the view in every
        // iteration, and the caller's memory has it; `done` stays within `n`.
        unsafe {
            let (source, target) = (base.wrapping_offset(position), out.add(done));
            let moved = if rows > 0 {
                let outer = axes[last - 1].1;
                copy_matrix(source, (outer, step), (rows, size), target);
                index[last - 1] += rows;
                position += rows as isize * outer;
                done += rows * size;
                last - 1
            } else {
                let run = (size - index[last]).min(n - done);
                copy_matrix(source, (0, step), (1, run), target);
                index[last] += run;
                position += run as isize * step;
                done += run;
                last
            };
            carry(axes, moved, &mut index, &mut position);
        }
    }
}

/// Carries an index that has reached the end of axis `from` into the axes before it.
#[inline(always)]
fn carry(axes: &[(usize, isize)], from: usize, index: &mut [usize], position: &mut isize) {
    let mut i = from;
    while i > 0 && index[i] == axes[i].0 {
        *position += axes[i - 1].1 - axes[i].0 as isize * axes[i].1;
        index[i] = 0;
        index[i - 1] += 1;
        i -= 1;
    }
}

/// Copies a matrix with these strides from row to row and from column to column, so that its rows are contiguous.
///
/// # Safety
/// `from` holds the matrix, and `to` has room for it.
#[inline(always)]
unsafe fn copy_matrix<T: Copy>(
    from: *const T,
    (outer, step): (isize, isize),
    (rows, size): (usize, usize),
    to: *mut T,
) {
    let bytes = size_of::<T>();
    // SAFETY: by the caller.
    unsafe {
        match step {
            1 => {
                let from = Rows {
                    start: from.cast_mut().cast(),
                    step: outer * bytes as isize,
                };
                let to = Rows {
                    start: to.cast(),
                    step: (size * bytes) as isize,
                };
                copy_rows(from, to, rows, size * bytes);
            }
            0 => {
                let repeated = Repeated {
                    from,
                    step: outer,
                    rows,
                    size,
                    to,
                };
                at_level(Isa::best(), repeated);
            }
            _ => {
                for i in 0..rows {
                    let from = from.offset(i as isize * outer);
                    for j in 0..size {
                        to.add(i * size + j)
                            .write(from.offset(j as isize * step).read());
                    }
                }
            }
        }
    }
}

/// Elements, `step` apart, each of which is copied `size` times.
struct Repeated<T> {
    from: *const T,
    step: isize,
    rows: usize,
    size: usize,
    to: *mut T,
}

impl<T: Copy> AtLevel for Repeated<T> {
    /// # Safety
    /// `from` holds `rows` elements, and `to` has room for all copies.
    #[inline(always)]
    unsafe fn run<const FMA: bool>(self) {
        let Repeated {
            from,
            step,
            rows,
            size,
            to,
        } = self;
        // SAFETY: by the caller.
        unsafe {
            match size {
                ..=4 => repeat_rows::<T, 4>((from, step), (rows, size), to),
                5..=8 => repeat_rows::<T, 8>((from, step), (rows, size), to),
                9..=16 => repeat_rows::<T, 16>((from, step), (rows, size), to),
                17..=32 => repeat_rows::<T, 32>((from, step), (rows, size), to),
                _ => {
                    for i in 0..rows {
                        let value = from.offset(i as isize * step).read();
                        repeat(value, size, to.add(i * size));
                    }
                }
            }
        }
    }
}

/// Writes `size` copies of each element, at most `W`. It stores `W` copies at once; the next row overwrites the surplus.
///
/// # Safety
/// `from` holds `rows` elements, `outer` apart, and `to` has room for all copies.
#[inline(always)]
unsafe fn repeat_rows<T: Copy, const W: usize>(
    (from, outer): (*const T, isize),
    (rows, size): (usize, usize),
    to: *mut T,
) {
    let beyond = W.div_ceil(size.max(1)) - 1;
    let whole = rows.saturating_sub(beyond);
    // SAFETY: by the caller; the copies of row `i` end at `i·size + W`, for `i < whole` within all rows.
    unsafe {
        for i in 0..whole {
            let value = from.offset(i as isize * outer).read();
            to.add(i * size)
                .cast::<[T; W]>()
                .write_unaligned([value; W]);
        }
        for i in whole..rows {
            let value = from.offset(i as isize * outer).read();
            for j in 0..size {
                to.add(i * size + j).write(value);
            }
        }
    }
}

/// Writes `n` copies of an element, at least eight. The last block of a short row may repeat copies of the one before.
///
/// # Safety
/// `to` has room for them.
#[inline(always)]
unsafe fn repeat<T: Copy>(value: T, n: usize, to: *mut T) {
    const BLOCK: usize = 8;
    let mut at = 0;
    // SAFETY: by the caller; `at` is at most `n` less the block.
    unsafe {
        while at + BLOCK < n {
            let block = to.add(at).cast::<[T; BLOCK]>();
            block.write_unaligned([value; BLOCK]);
            at += BLOCK;
        }
        let block = to.add(n - BLOCK).cast::<[T; BLOCK]>();
        block.write_unaligned([value; BLOCK]);
    }
}

/// Fills `out` with `n` copies of one element.
///
/// # Safety
/// `element` has the width `width`; `out` has room for `n` of them and is aligned for them.
pub(super) unsafe fn fill(element: *const u8, width: Width, n: usize, out: *mut u8) {
    // SAFETY: by the caller.
    unsafe {
        by_width!(width, T => {
            let value = element.cast::<T>().read_unaligned();
            for i in 0..n {
                out.cast::<T>().add(i).write(value);
            }
        });
    }
}
