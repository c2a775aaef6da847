//! Copies whose elements lie in another order. They go from the source straight to the result, block by block.
//!
//! A block has neighbours of the source and neighbours of the result, as many as the first cache holds of both, so that
//! each line of the caches is read and written once.

use crate::kernels::{Grid, Rows, by_width, copy_grid, transpose_into};
use crate::pool::{self, Pieces, Shared};
use crate::view::{View, collapse};
use gradus_ir::{Width, row_major_strides};
use smallvec::SmallVec;

/// The fewest bytes of such a copy; less is a matter of a tile or two.
const LEAST: usize = 2 << 10;
/// The fewest elements of a plane that is turned: finding the next of many small ones would take most of the time.
const SMALL_PLANE: usize = 64;
/// The bytes of a block, in the source or in the result: half of the first cache.
const BLOCK: usize = 16 << 10;
/// The fewest bytes of a piece of work, and the fewest for which other threads are woken.
const PIECE: usize = 128 << 10;
const WORTH_WAKING: usize = 1 << 20;

/// An axis of both arrays.
#[derive(Clone, Copy, Debug)]
struct Axis {
    n: usize,
    /// Bytes from one neighbour to the next, in the source and in the result.
    from: isize,
    to: isize,
    /// The neighbours in a block; the last block has the rest as well.
    block: usize,
}

impl Axis {
    /// The number of blocks.
    fn blocks(self) -> usize {
        (self.n / self.block).max(1)
    }

    /// The first neighbour of block `k`, and the number of them.
    fn part(self, k: usize) -> (usize, usize) {
        let first = k * self.block;
        match k + 1 == self.blocks() {
            true => (first, self.n - first),
            false => (first, self.block),
        }
    }

    /// The distance of neighbour `k` from the first one, in both arrays.
    fn at(self, k: usize) -> (isize, isize) {
        (k as isize * self.from, k as isize * self.to)
    }
}

/// What is moved at once.
#[derive(Clone, Copy, Debug)]
enum Item {
    /// So many bytes that are adjacent in both arrays.
    Bytes(usize),
    /// An element; along the first axis of a block they are adjacent in the source, along the second one in the result.
    Turned(Width),
}

/// A copy of elements that lie in another order.
#[derive(Debug)]
pub(super) struct Rearrangement {
    /// The byte of the source's first element.
    offset: isize,
    /// The axes outside the plane, outermost first.
    outer: SmallVec<[Axis; 4]>,
    /// The axes of a block: neighbours along the first one are closest in the source, along the second one in the
    /// result.
    plane: [Axis; 2],
    item: Item,
    pieces: Pieces,
}

impl Rearrangement {
    /// The copy of a view with elements of this width, if there are bytes that can be moved together.
    pub fn new(view: &View, width: Width) -> Option<Rearrangement> {
        let size = width.bytes();
        let bytes = view.elements() * size;
        if bytes < LEAST {
            return None;
        }
        let mut outer = axes(view, size);
        let mut b = outer.pop()?;
        let mut item = size;
        if b.from == size as isize {
            // The last axis is moved as a whole, but for long rows, which are cut.
            let row = b.n * size;
            if row <= BLOCK {
                item = row;
                b = outer.pop()?;
            }
        }
        // The axis that is closest in the source; if it is the last one, the axis before it.
        let nearest = (0..outer.len())
            .filter(|&k| outer[k].from != 0)
            .min_by_key(|&k| outer[k].from.unsigned_abs());
        let crossing = nearest.filter(|&k| outer[k].from.unsigned_abs() < b.from.unsigned_abs());
        let a = match crossing.or(outer.len().checked_sub(1)) {
            Some(k) => outer.remove(k),
            None => Axis {
                n: 1,
                from: 0,
                to: 0,
                block: 1,
            },
        };
        let turned = match (crossing, item) {
            (Some(_), _) if a.from != item as isize || b.from % a.from != 0 => None,
            (Some(_), 1) => Some(Width::B1),
            (Some(_), 2) => Some(Width::B2),
            (Some(_), 4) => Some(Width::B4),
            (Some(_), 8) => Some(Width::B8),
            _ => None,
        };
        let one_by_one = turned.is_none() && item == size && size < 16 && b.from != size as isize;
        if one_by_one || turned.is_some() && a.n * b.n < SMALL_PLANE {
            return None;
        }
        let (of_a, of_b) = match (turned, crossing) {
            // Four lines of the source; each line of it is read in one go, so the result's can be longer.
            (Some(_), _) => (256 / item, 128),
            // Each set of the first cache has eight lines, so eight rows fit even if they are a power of two apart.
            (None, Some(_)) => ((BLOCK / (8 * item)).clamp(1, 64), 8),
            (None, None) => {
                let of_b = (BLOCK / item).max(1);
                ((of_b / b.n).max(1), of_b)
            }
        };
        let cut = |axis: Axis, block: usize| Axis { block, ..axis };
        let plane = [cut(a, of_a), cut(b, of_b)];
        let units = outer.iter().map(|axis| axis.n).product::<usize>()
            * plane.map(Axis::blocks).iter().product::<usize>();
        Some(Rearrangement {
            offset: view.offset * size as isize,
            outer,
            plane,
            item: turned.map_or(Item::Bytes(item), Item::Turned),
            pieces: Pieces::power_of_two((bytes / PIECE).min(units), bytes >= WORTH_WAKING),
        })
    }

    /// Copies the elements.
    ///
    /// # Safety
    /// `from` is the start of memory with all that the view reaches. `to` has room for the result; they do not overlap.
    pub unsafe fn run(&self, from: *mut u8, to: *mut u8) {
        let units = self.outer.iter().map(|a| a.n).product::<usize>() * self.blocks();
        let (from, to) = (Shared(from), Shared(to));
        let count = self.pieces.count;
        pool::each(self.pieces, &|k| {
            let part = (units * k / count, units * (k + 1) / count);
            // SAFETY: by the caller; units write to different addresses.
            unsafe { self.units((from.get(), to.get()), part) };
        });
    }

    /// The blocks of a plane.
    fn blocks(&self) -> usize {
        self.plane.map(Axis::blocks).iter().product()
    }

    /// Copies the blocks from number `unit` to number `end`, which is not included, counted over all planes.
    ///
    /// # Safety
    /// See [`run`](Self::run).
    unsafe fn units(&self, (from, to): (*mut u8, *mut u8), (mut unit, end): (usize, usize)) {
        let blocks = self.blocks();
        let mut index: SmallVec<[usize; 4]> = smallvec::smallvec![0; self.outer.len()];
        let (mut x, mut y) = (self.offset, 0);
        let mut rest = unit / blocks;
        for (axis, i) in self.outer.iter().zip(&mut index).rev() {
            *i = rest % axis.n;
            rest /= axis.n;
            let (from, to) = axis.at(*i);
            (x, y) = (x + from, y + to);
        }
        while unit < end {
            let first = unit % blocks;
            let last = blocks.min(first + end - unit);
            for k in first..last {
                // SAFETY: by the caller; `x` and `y` belong to an index of the outer axes.
                unsafe { self.block(from.wrapping_offset(x), to.wrapping_offset(y), k) };
            }
            unit += last - first;
            for (axis, i) in self.outer.iter().zip(&mut index).rev() {
                *i += 1;
                (x, y) = (x + axis.from, y + axis.to);
                if *i < axis.n {
                    break;
                }
                let (from, to) = axis.at(axis.n);
                (x, y, *i) = (x - from, y - to, 0);
            }
        }
    }

    /// Copies block `k` of a plane.
    ///
    /// # Safety
    /// `from` and `to` point to the first element of the plane, in the source and in the result.
    #[inline(always)]
    unsafe fn block(&self, from: *mut u8, to: *mut u8, k: usize) {
        let [a, b] = self.plane;
        let (first_a, n) = a.part(k / b.blocks());
        let (first_b, m) = b.part(k % b.blocks());
        let ((xa, ya), (xb, yb)) = (a.at(first_a), b.at(first_b));
        let (from, to) = (from.wrapping_offset(xa + xb), to.wrapping_offset(ya + yb));
        // SAFETY: by the caller; neighbours of a block lie within their axes.
        unsafe {
            match self.item {
                Item::Turned(width) => by_width!(width, T => {
                    let size = size_of::<T>() as isize;
                    let strides = (1, b.from / size);
                    transpose_into::<T>(from.cast(), strides, (n, m), to.cast(), (a.to / size) as usize);
                }),
                Item::Bytes(bytes) => {
                    let (bytes, inner) = match b.from == bytes as isize && b.to == b.from {
                        true => (bytes * m, 1),
                        false => (bytes, m),
                    };
                    let rows = |start: *mut u8, step: isize| Rows { start, step };
                    let grid = Grid {
                        outer: n,
                        from: a.from,
                        to: a.to,
                        inner,
                    };
                    copy_grid(rows(from, b.from), rows(to, b.to), grid, bytes);
                }
            }
        }
    }
}

/// The axes of a view and of the contiguous array with the same elements. Neighbouring axes that both cross like one
/// axis are one.
fn axes(view: &View, size: usize) -> SmallVec<[Axis; 4]> {
    let natural = row_major_strides(&view.shape);
    let axes = collapse(&view.shape, &[&view.strides, &natural]).into_iter();
    let axes = axes.map(|(n, steps)| Axis {
        n,
        from: steps[0] * size as isize,
        to: steps[1] * size as isize,
        block: 1,
    });
    axes.collect()
}
