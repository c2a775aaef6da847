//! Padding: each row of the result is written once, from its first element to its last.

use super::{Arrays, InPlace, Kernel};
use crate::count::StepForecast;
use crate::kernels::{Rows, by_width, copy_bytes, copy_rows};
#[cfg(feature = "native")]
use crate::native::{Elements, Emitter};
use crate::pool::{self, Pieces, Shared};
#[cfg(feature = "native")]
use cranelift_codegen::ir::Value;
use gradus_ir::{DType, Result, Type};

/// The fewest bytes of a piece of work, and the fewest for which other threads are woken.
pub(super) const PIECE: usize = 1 << 18;
pub(super) const WORTH_WAKING: usize = 1 << 21;

/// The elements of the rows that are copied before their ends are filled: half of the first cache or less.
const TURN: usize = 2048;

/// An axis of the operand within the result.
#[derive(Clone, Copy, Debug)]
struct Axis {
    n: usize,
    /// The items of the result before the first one of the operand.
    low: usize,
    /// The distance of neighbours of the operand in the result.
    step: usize,
    /// The items of the result.
    size: usize,
}

impl Axis {
    /// The index in the operand of item `at` of the result, if it comes from there.
    #[inline(always)]
    fn inside(self, at: usize) -> Option<usize> {
        let behind = at.checked_sub(self.low)?;
        let (index, between) = match self.step {
            1 => (behind, 0),
            step => (behind / step, behind % step),
        };
        (between == 0 && index < self.n).then_some(index)
    }
}

#[derive(Debug)]
pub(super) struct Pad {
    /// The axes before the row, and before these an axis of one item.
    outer: Vec<Axis>,
    /// The last axis whose size changes: its items form a row.
    row: Axis,
    /// The elements of an item of a row.
    item: usize,
    dtype: DType,
    /// The elements of the operand and of the result.
    elements: (usize, usize),
}

impl Pad {
    /// The type rule of `pad` (`gradus_ir::primitives::Resize`) makes the result as large as `low` elements,
    /// the operand's with `interior` between any two, and the elements behind them.
    pub fn new(x: &Type, out: &Type, low: &[usize], interior: &[usize]) -> Pad {
        let axis = |a: usize| Axis {
            n: x.shape[a],
            low: low[a],
            step: interior[a] + 1,
            size: out.shape[a],
        };
        const ALONE: Axis = Axis {
            n: 1,
            low: 0,
            step: 1,
            size: 1,
        };
        let last = (0..x.rank()).rfind(|&a| x.shape[a] != out.shape[a]);
        let outer = (0..last.unwrap_or(0)).map(axis);
        Pad {
            outer: std::iter::once(ALONE).chain(outer).collect(),
            row: last.map_or(ALONE, axis),
            item: x.shape[last.map_or(0, |a| a + 1)..].iter().product(),
            dtype: out.dtype,
            elements: (x.elements(), out.elements()),
        }
    }

    /// Writes the rows of the result from row `from` to row `to`, which is not included.
    ///
    /// # Safety
    /// `x` points to the whole operand, and `out` to the whole result.
    unsafe fn rows<T: Copy>(&self, x: *const T, value: T, out: *mut T, (from, to): (usize, usize)) {
        let length = self.row.size * self.item;
        let Some((&last, before)) = self.outer.split_last() else {
            return;
        };
        let mut row = from;
        while row < to {
            let mut at = row % last.size;
            let end = last.size.min(at + to - row);
            let block = position(before, row / last.size);
            while at < end {
                let index = block.and_then(|b| Some(b * last.n + last.inside(at)?));
                // SAFETY: rows lie in the arrays by the caller.
                let done = unsafe {
                    let out = out.add(row * length);
                    match index.map(|i| x.add(i * self.row.n * self.item)) {
                        // Rows that follow each other in both arrays.
                        Some(x) if self.row.step == 1 && last.step == 1 => {
                            let count = (last.low + last.n).min(end) - at;
                            let count = count.min((TURN / length).max(1));
                            self.several(x, value, out, count);
                            count
                        }
                        x => {
                            self.one(x, value, out);
                            1
                        }
                    }
                };
                at += done;
                row += done;
            }
        }
    }

    /// Writes some rows that follow each other in both arrays.
    ///
    /// # Safety
    /// The pointers reach the elements of these rows.
    unsafe fn several<T: Copy>(&self, x: *const T, value: T, out: *mut T, count: usize) {
        let (item, size) = (self.item, size_of::<T>());
        let [low, n] = [self.row.low * item, self.row.n * item];
        let length = self.row.size * item;
        // SAFETY: by the caller.
        unsafe {
            let from = Rows {
                start: x.cast_mut().cast(),
                step: (n * size) as isize,
            };
            let to = Rows {
                start: out.add(low).cast(),
                step: (length * size) as isize,
            };
            copy_rows(from, to, count, n * size);
            // Behind each row but the last one are its own end and the beginning of the next.
            let (behind, gap) = (out.add(low + n), length - n);
            fill(out, low, value);
            match gap {
                1 => gaps::<T, 1>(behind, length, count - 1, value),
                2 => gaps::<T, 2>(behind, length, count - 1, value),
                _ => (0..count - 1).for_each(|i| fill(behind.add(i * length), gap, value)),
            }
            fill(behind.add((count - 1) * length), gap - low, value);
        }
    }

    /// Writes one row, from a row of the operand or of nothing but the value.
    ///
    /// # Safety
    /// The pointers reach the elements of a row.
    #[inline(always)]
    unsafe fn one<T: Copy>(&self, x: Option<*const T>, value: T, out: *mut T) {
        let Axis { n, low, step, size } = self.row;
        let item = self.item;
        let (Some(x), 1..) = (x, n) else {
            // SAFETY: by the caller.
            return unsafe { fill(out, size * item, value) };
        };
        let behind = low + (n - 1) * step + 1;
        // SAFETY: by the caller; `behind` is at most `size`.
        unsafe {
            fill(out, low * item, value);
            for i in 0..n {
                let to = out.add((low + i * step) * item);
                copy_bytes(x.add(i * item).cast(), to.cast(), item * size_of::<T>());
                if i + 1 < n {
                    fill(to.add(item), (step - 1) * item, value);
                }
            }
            fill(out.add(behind * item), (size - behind) * item, value);
        }
    }
}

/// The block of the operand for block `block` of the result, if it comes from there.
fn position(axes: &[Axis], block: usize) -> Option<usize> {
    let Some((last, before)) = axes.split_last() else {
        return Some(0);
    };
    let outer = position(before, block / last.size)?;
    Some(outer * last.n + last.inside(block % last.size)?)
}

/// Fills `count` gaps of `N` elements, `step` elements apart.
///
/// # Safety
/// All of them lie within the array.
unsafe fn gaps<T: Copy, const N: usize>(first: *mut T, step: usize, count: usize, value: T) {
    for i in 0..count {
        // SAFETY: by the caller.
        unsafe { first.add(i * step).cast::<[T; N]>().write([value; N]) };
    }
}

/// # Safety
/// `to` has room for `n` elements.
#[inline(always)]
unsafe fn fill<T: Copy>(to: *mut T, n: usize, value: T) {
    for i in 0..n {
        // SAFETY: by the caller.
        unsafe { to.add(i).write(value) };
    }
}

impl Kernel for Pad {
    const NAME: &'static str = "pad";

    #[cfg(feature = "native")]
    fn emit(&self, e: &mut Emitter<'_>, operands: &[Elements]) -> Option<Vec<Value>> {
        e.spend(self.elements.1)?;
        let value = e.element(&operands[1], self.dtype, 0)?;
        let (row, item) = (self.row, self.item);
        let results = (0..self.elements.1).map(|k| {
            let (at, block) = (k / item % row.size, k / item / row.size);
            let source = position(&self.outer, block).and_then(|block| {
                let index = block * row.n + row.inside(at)?;
                Some(index * item + k % item)
            });
            match source {
                Some(k) => e.element(&operands[0], self.dtype, k),
                None => Some(value),
            }
        });
        results.collect()
    }

    fn forecast(&self, _in_place: InPlace) -> StepForecast {
        let size = self.dtype.size();
        let (from, to) = self.elements;
        let elements = from.saturating_add(1).saturating_add(to);
        StepForecast::moving(self.dtype, elements.saturating_mul(size))
    }

    unsafe fn run(&self, arrays: &Arrays<'_>) -> Result<()> {
        let size = self.dtype.size();
        let (from, to) = self.elements;
        if to == 0 {
            return Ok(());
        }
        // SAFETY: the arrays have the types for which the kernel was made.
        let (x, value, out) = unsafe {
            (
                Shared(arrays.operand(0).at(0, from * size)),
                arrays.operand(1).at(0, size),
                Shared(arrays.result(0).at(0, to * size)),
            )
        };
        let rows = to / (self.row.size * self.item);
        let bytes = to * size;
        let pieces = Pieces::power_of_two((bytes / PIECE).min(rows), bytes >= WORTH_WAKING);
        by_width!(self.dtype.width(), T => {
            // SAFETY: the value is a scalar of the element type.
            let value = unsafe { value.cast::<T>().read() };
            pool::each(pieces, &|piece| {
                let part = (rows * piece / pieces.count, rows * (piece + 1) / pieces.count);
                // SAFETY: as above; pieces write different rows.
                unsafe { self.rows::<T>(x.get().cast(), value, out.get().cast(), part) }
            });
        });
        Ok(())
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;
    use crate::buffers::{BufferId, Buffers};

    /// Runs the kernel on a result with `n` elements, whatever size it was made for.
    fn pad_into(n: usize, low: usize) {
        let ty = |n: usize| Type::new(DType::F64, &[n]);
        let pad = Pad::new(&ty(3), &ty(3 + low), &[low], &[0]);
        let (mut x, mut value, mut out) = ([1.0f64; 3], [0.0f64], vec![0.0f64; n]);
        let starts = [x.as_mut_ptr(), value.as_mut_ptr(), out.as_mut_ptr()].map(<*mut f64>::cast);
        let bytes = [size_of_val(&x), size_of_val(&value), size_of_val(&*out)];
        let [first, second, result] = [0, 1, 2].map(BufferId::new);
        let arrays = Arrays {
            buffers: Buffers::new(&starts, &bytes),
            operands: &[first, second],
            results: &[result],
        };
        // SAFETY: the arrays outlive the call. Debug builds check that they are as long as the kernel assumes.
        unsafe { pad.run(&arrays) }.unwrap();
        assert_eq!(out[low..], x);
    }

    #[test]
    fn a_kernel_reaches_what_its_arrays_have() {
        pad_into(5, 2);
    }

    /// Like the kernel of a type whose sizes have wrapped.
    #[test]
    #[should_panic(expected = "of an array that has 32")]
    fn a_kernel_that_leaves_its_result_is_stopped() {
        pad_into(4, 2);
    }
}
