//! Positions of extremes along an axis.
//!
//! Some lines are taken together, a vector of them, so that no line waits for its own comparisons.
//! A long line of adjacent elements is a vector by itself: its extreme is found first, and then its place.

use super::scan::Axis;
use super::{Arrays, InPlace, Kernel};
use crate::count::StepForecast;
use crate::kernels::{AtLevel, Isa, SQUARE, at_level, by_float, by_integer, transpose};
use crate::pool::{self, Pieces, Shared};
use gradus_ir::primitives::Work;
use gradus_ir::{DType, Kind, Result, Type};
use std::mem::MaybeUninit;

/// The lines that are taken together, and the parts of a long line.
const LANES: usize = 16;
/// A line of adjacent elements that is at least as long is taken by itself.
const LONG: usize = 8 * LANES;
/// The fewest elements of a piece of work, and the fewest for which other threads are woken.
const PIECE: usize = 50_000;
const WORTH_WAKING: usize = 200_000;

#[derive(Debug)]
pub(super) struct ArgReduce {
    axis: Axis,
    dtype: DType,
    smallest: bool,
}

impl ArgReduce {
    pub fn new(x: &Type, axis: usize, smallest: bool) -> ArgReduce {
        ArgReduce {
            axis: Axis::of(x, axis),
            dtype: x.dtype,
            smallest,
        }
    }
}

impl Kernel for ArgReduce {
    const NAME: &'static str = "argreduce";

    fn forecast(&self, _in_place: InPlace) -> StepForecast {
        let lines = self.axis.lines();
        let bytes = lines * (self.axis.n * self.dtype.size() + DType::I64.size());
        StepForecast::moving(self.dtype, bytes).with(Work::Reduction, self.axis.joined())
    }

    unsafe fn run(&self, arrays: &Arrays<'_>) -> Result<()> {
        let (x, out) = (arrays.operand(0).start(), arrays.result(0).start());
        let (axis, smallest) = (self.axis, self.smallest);
        // SAFETY: by the caller.
        unsafe {
            match self.dtype.kind() {
                Kind::Float(float) => by_float!(float, T => positions::<T>(axis, smallest, x, out)),
                Kind::Integer(t) => by_integer!(t, T => positions::<T>(axis, smallest, x, out)),
                Kind::Bool => positions::<u8>(axis, smallest, x, out),
            }
        }
        Ok(())
    }
}

unsafe fn positions<T: Copy + PartialOrd>(axis: Axis, smallest: bool, x: *mut u8, out: *mut u8) {
    // SAFETY: by the caller.
    match smallest {
        true => unsafe { each_line::<T, true>(axis, x, out) },
        false => unsafe { each_line::<T, false>(axis, x, out) },
    }
}

unsafe fn each_line<T: Copy + PartialOrd, const SMALLEST: bool>(
    axis: Axis,
    x: *mut u8,
    out: *mut u8,
) {
    let Axis { n, inner, .. } = axis;
    let lines = axis.lines();
    let elements = lines * n;
    let pieces = Pieces::power_of_two((elements / PIECE).min(lines), elements >= WORTH_WAKING);
    let (x, out) = (Shared(x), Shared(out));
    pool::each(pieces, &|piece| {
        let (from, to) = (
            lines * piece / pieces.count,
            lines * (piece + 1) / pieces.count,
        );
        // SAFETY: lines lie within outer · n · inner elements, which the operand has by `Axis::of`; n is not 0 by
        // the type rule of `argmax` and `argmin`; pieces write different elements; the machine has its best level.
        unsafe {
            at_level(
                Isa::best(),
                Lines::<T, SMALLEST> {
                    x: x.get().cast_const().cast(),
                    out: out.get().cast(),
                    n,
                    inner,
                    from,
                    to,
                },
            );
        }
    });
}

/// Lines of `n` elements, `inner` apart. As many lines have adjacent elements.
struct Lines<T, const SMALLEST: bool> {
    x: *const T,
    out: *mut i64,
    n: usize,
    inner: usize,
    from: usize,
    to: usize,
}

impl<T: Copy + PartialOrd, const SMALLEST: bool> AtLevel for Lines<T, SMALLEST> {
    /// # Safety
    /// The operand has the elements of these lines, at least one of each, and the result an element for each line.
    #[inline(always)]
    unsafe fn run<const FMA: bool>(self) {
        let mut line = self.from;
        while line < self.to {
            // SAFETY: by the caller.
            unsafe {
                if self.inner == 1 && self.n >= LONG {
                    let x = std::slice::from_raw_parts(self.x.add(line * self.n), self.n);
                    self.out.add(line).write(of_long::<T, SMALLEST>(x) as i64);
                    line += 1;
                    continue;
                }
                // The number of lines from here on whose first elements are equally spaced.
                let (outer, column) = (line / self.inner, line % self.inner);
                let ahead = match self.inner {
                    1 => self.to - line,
                    inner => (inner - column).min(self.to - line),
                };
                let apart = if self.inner == 1 { self.n } else { 1 };
                let x = self.x.add(outer * self.n * self.inner + column);
                let out = self.out.add(line);
                line += if ahead < LANES { 1 } else { LANES };
                if ahead < LANES {
                    self.some::<1>(x, apart, out);
                } else if self.inner == 1 && self.n >= SQUARE {
                    self.rows(x, out);
                } else {
                    self.some::<LANES>(x, apart, out);
                }
            }
        }
    }
}

impl<T: Copy + PartialOrd, const SMALLEST: bool> Lines<T, SMALLEST> {
    /// The positions in `L` lines, whose first elements are `apart` from each other.
    ///
    /// # Safety
    /// The operand has these lines, and the result `L` elements.
    #[inline(always)]
    unsafe fn some<const L: usize>(&self, x: *const T, apart: usize, out: *mut i64) {
        // SAFETY: by the caller.
        unsafe {
            let mut best: [T; L] = std::array::from_fn(|l| x.add(l * apart).read());
            let mut at = [0i64; L];
            for i in 1..self.n {
                for l in 0..L {
                    let v = x.add(l * apart + i * self.inner).read();
                    let better = extreme::<T, SMALLEST>(v, best[l]);
                    best[l] = if better { v } else { best[l] };
                    at[l] = if better { i as i64 } else { at[l] };
                }
            }
            for (l, at) in at.into_iter().enumerate() {
                out.add(l).write(at);
            }
        }
    }

    /// The positions in [`LANES`] adjacent rows, shorter than [`LONG`]. The rows become columns first, so that elements
    /// at the same position are a vector.
    ///
    /// # Safety
    /// The operand has these rows, and the result as many elements.
    #[inline(always)]
    #[expect(
        clippy::needless_range_loop,
        reason = "iterators are not inlined into functions for other instructions"
    )]
    unsafe fn rows(&self, x: *const T, out: *mut i64) {
        let mut columns = [const { MaybeUninit::<[T; LANES]>::uninit() }; LONG];
        let columns: *mut [T; LANES] = columns.as_mut_ptr().cast();
        // SAFETY: by the caller; there is room for all rows, and each of their elements is written.
        unsafe {
            let size = (self.n, LANES);
            transpose(x, (1, self.n as isize), size, columns.cast());
            let mut best = columns.read();
            // Narrow numbers, for which two vectors are enough.
            let mut at = [0i32; LANES];
            for i in 1..self.n {
                let v = columns.add(i).read();
                for l in 0..LANES {
                    let better = extreme::<T, SMALLEST>(v[l], best[l]);
                    best[l] = if better { v[l] } else { best[l] };
                    at[l] = if better { i as i32 } else { at[l] };
                }
            }
            for l in 0..LANES {
                out.add(l).write(i64::from(at[l]));
            }
        }
    }
}

/// Whether `v` is more extreme than `best`; a NaN is, except of another NaN.
#[inline(always)]
#[expect(
    clippy::eq_op,
    clippy::neg_cmp_op_on_partial_ord,
    reason = "only a NaN differs from itself and is not ordered, and the type may be an integer's"
)]
fn extreme<T: Copy + PartialOrd, const SMALLEST: bool>(v: T, best: T) -> bool {
    let beyond = if SMALLEST { !(v >= best) } else { !(v <= best) };
    beyond & (best == best)
}

/// The position in one line: the first element that equals the extreme of all.
#[inline(always)]
fn of_long<T: Copy + PartialOrd, const SMALLEST: bool>(x: &[T]) -> usize {
    let (chunks, rest) = x.as_chunks::<LANES>();
    let mut best = chunks[0];
    for chunk in chunks {
        for (best, &v) in best.iter_mut().zip(chunk) {
            *best = if extreme::<T, SMALLEST>(v, *best) {
                v
            } else {
                *best
            };
        }
    }
    let all = best.into_iter().chain(rest.iter().copied());
    let best = all.fold(x[0], |best, v| match extreme::<T, SMALLEST>(v, best) {
        true => v,
        false => best,
    });
    let is_best =
        |v: &T| *v == best || best.partial_cmp(&best).is_none() && v.partial_cmp(v).is_none();
    // Whole chunks are compared before the place in one of them is asked for.
    let has_it = |chunk: &[T; LANES]| chunk.iter().fold(false, |found, v| found | is_best(v));
    let first = chunks.iter().position(has_it).unwrap_or(chunks.len()) * LANES;
    first + x[first..].iter().position(is_best).unwrap_or(0)
}
