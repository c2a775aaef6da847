//! Loads elements that are not contiguous into a tile.

use crate::kernels::by_width;
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

/// Copies `n` elements, from position `start` of the iteration on, to `out`.
///
/// # Safety
/// `base` is the start of memory that holds all elements that the axes reach;
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
    let (size, step) = axes[rank - 1];
    let mut done = 0;
    // SAFETY: `index` counts like the axes, so `position` is the position of an element of the view in every
    // iteration, and the caller's memory has it; `done` stays within `n`.
    unsafe {
        while done < n {
            let run = (size - index[rank - 1]).min(n - done);
            let source = base.offset(position);
            match step {
                1 => std::ptr::copy_nonoverlapping(source, out.add(done), run),
                0 => {
                    let value = source.read();
                    for j in 0..run {
                        out.add(done + j).write(value);
                    }
                }
                _ => {
                    for j in 0..run {
                        out.add(done + j)
                            .write(source.offset(j as isize * step).read());
                    }
                }
            }
            done += run;
            index[rank - 1] += run;
            position += run as isize * step;
            // Carry into the outer axes.
            let mut i = rank - 1;
            while i > 0 && index[i] == axes[i].0 {
                position += axes[i - 1].1 - axes[i].0 as isize * axes[i].1;
                index[i] = 0;
                index[i - 1] += 1;
                i -= 1;
            }
        }
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
