//! Rows of an array at the positions in an index array, and `scatter_add`, which adds to them.

use super::{Arrays, InPlace, Kernel, Row, add_to, copy_unless_same, room};
use crate::buffers::Memory;
use crate::count::StepForecast;
use crate::kernels::{
    Arithmetic, Rounded, by_float, by_integer, by_number, copy_bytes, number_type,
};
use crate::pool::{self, MOST_PIECES, Pieces};
use gradus_ir::primitives::Work;
use gradus_ir::{DType, Error, ErrorKind, IntegerType, Result, Type};
use std::cell::Cell;

/// The fewest bytes of a piece of work, and the fewest for which other threads are woken.
/// Going to any place takes longer than these bytes in order.
pub(super) const PIECE: usize = 1 << 15;
pub(super) const WORTH_WAKING: usize = 1 << 17;
/// The most bytes of an axis of single numbers to which one thread adds all updates. Several threads would each read
/// all indices, and could not foresee which of them are theirs. Beyond this, they share the waiting for memory.
const FEW_NUMBERS: usize = 1 << 20;

/// An array `[batch, before, n, after]` with indices `[batch, count]` into its axis of size `n`.
#[derive(Debug)]
pub(super) struct Indexed {
    pub dtype: DType,
    pub index: IntegerType,
    pub batch: usize,
    pub before: usize,
    pub n: usize,
    pub after: usize,
    pub count: usize,
    axis: usize,
}

impl Indexed {
    /// By the type rules of `take` and `scatter_add` (`gradus_ir::primitives::Gather`), the array and the indices
    /// share their first sizes, and the picked elements have the shape of the
    /// array with the axis replaced by the index array's.
    pub fn new(x: &Type, indices: &Type, batch: usize, axis: usize) -> Indexed {
        Indexed {
            dtype: x.dtype,
            index: (indices.dtype.integer()).expect("the type rules ask for integers"),
            batch: x.shape[..batch].iter().product(),
            before: x.shape[batch..axis].iter().product(),
            n: x.shape[axis],
            after: x.shape[axis + 1..].iter().product(),
            count: indices.shape[batch..].iter().product(),
            axis,
        }
    }

    /// The number of picked elements, and the bytes of the indices.
    pub fn picked(&self) -> (usize, usize) {
        let rows = self.batch * self.count;
        (
            rows * self.before * self.after,
            rows * self.index.dtype().size(),
        )
    }

    fn forecast_scatter_add(&self, in_place: InPlace) -> StepForecast {
        let (elements, indices) = self.picked();
        let whole = self.batch * self.before * self.n * self.after;
        let copied = if in_place == InPlace::Yes { 0 } else { whole };
        let size = self.dtype.size();
        let bytes = (elements * size).saturating_mul(3);
        let bytes = bytes.saturating_add((copied * size).saturating_mul(2));
        StepForecast::moving(self.dtype, bytes.saturating_add(indices))
            .with(Work::Indexing, elements)
    }

    /// Calls `f` with the position of each picked row in the array and among the picked rows.
    /// Positions lie within the arrays, because each index is compared with the axis.
    /// # Safety
    /// `indices` is an array of the type for which the kernel was made.
    unsafe fn each(&self, name: &str, indices: Memory, f: impl FnMut(usize, usize)) -> Result<()> {
        // One loop for each type: a choice at each index would cost as much as the index.
        // SAFETY: by the caller.
        let wrong = unsafe { by_integer!(self.index, T => self.each_of::<T>(indices, f)) };
        wrong.map_err(|index| self.outside(name, index))
    }

    /// The error of `name` for this index, which is out of bounds.
    pub fn outside(&self, name: &str, index: i64) -> Error {
        let (axis, n) = (self.axis, self.n);
        let message = format!("{name}: index {index} is out of bounds for axis {axis} of size {n}");
        Error::new(ErrorKind::Index, message)
    }

    /// [`each`](Self::each) for indices of type `I`; an index out of bounds is the error.
    ///
    /// # Safety
    /// `indices` is an array of `I` with the elements for which the kernel was made.
    #[inline(always)]
    unsafe fn each_of<I: Copy + Into<i64>>(
        &self,
        indices: Memory,
        mut f: impl FnMut(usize, usize),
    ) -> Result<(), i64> {
        let size = size_of::<I>();
        for b in 0..self.batch {
            for i in 0..self.count {
                // SAFETY: there are batch · count indices, by `Indexed::new`; arrays are aligned for their elements.
                let index = unsafe { indices.at((b * self.count + i) * size, size) };
                // SAFETY: as above.
                let index: i64 = unsafe { index.cast::<I>().read() }.into();
                let Some(at) = usize::try_from(index).ok().filter(|&k| k < self.n) else {
                    return Err(index);
                };
                for p in 0..self.before {
                    let outer = b * self.before + p;
                    f(outer * self.n + at, outer * self.count + i);
                }
            }
        }
        Ok(())
    }

    /// # Safety
    /// The arrays have the types for which the kernel was made.
    /// The result can be the memory of `x`, and otherwise overlaps nothing.
    unsafe fn scatter_add(
        &self,
        x: Memory,
        indices: Memory,
        updates: Memory,
        out: Memory,
    ) -> Result<()> {
        if let (true, Some(float)) = (self.dtype.is_widened(), self.dtype.float()) {
            let row = self.after * self.dtype.size();
            // SAFETY: by the caller; the result has the type of `x`, by the type rule.
            return unsafe {
                copy_unless_same(x, out, self.batch * self.before * self.n * row);
                by_float!(float, T => self.add_rounding_once::<T>(indices, updates, out))
            };
        }
        // SAFETY: by the caller.
        let wrong =
            unsafe { by_integer!(self.index, I => self.add_at::<I>([x, updates, out], indices)) };
        wrong.map_or(Ok(()), |index| Err(self.outside("scatter_add", index)))
    }

    /// Adds the updates, or gives the first index that is out of bounds.
    ///
    /// # Safety
    /// See [`scatter_add`](Self::scatter_add); indices are of type `I`.
    unsafe fn add_at<I: Copy + Into<i64> + Sync>(
        &self,
        arrays: [Memory; 3],
        indices: Memory,
    ) -> Option<i64> {
        let count = self.batch * self.count;
        // SAFETY: there are batch · count indices, by `Indexed::new`; arrays are aligned for their elements.
        let indices = unsafe {
            let start = indices.at(0, count * size_of::<I>()).cast::<I>();
            std::slice::from_raw_parts(start.cast_const(), count)
        };
        let number = number_type(self.dtype);
        if self.after == 1 && self.n * self.dtype.size() <= FEW_NUMBERS {
            // SAFETY: as below.
            return unsafe { by_number!(number, T => self.add_numbers::<I, T>(arrays, indices)) };
        }
        if let Some(at) = first_outside(indices, self.n) {
            return Some(indices[at].into());
        }
        // SAFETY: by the caller; `updates` has the type of the picked elements by the type rule of `scatter_add`.
        unsafe { by_number!(number, T => self.add_rows::<I, T>(arrays, indices)) };
        None
    }

    /// Adds updates that are single numbers, or gives the first index that is out of bounds.
    /// A block of indices is compared with the axis, and is still in the cache when its numbers are added.
    ///
    /// # Safety
    /// See [`scatter_add`](Self::scatter_add).
    unsafe fn add_numbers<I: Copy + Into<i64>, T: Arithmetic>(
        &self,
        [x, updates, out]: [Memory; 3],
        indices: &[I],
    ) -> Option<i64> {
        const BLOCK: usize = 1024;
        let outer = self.batch * self.before;
        // SAFETY: by the caller.
        unsafe { copy_unless_same(x, out, outer * self.n * size_of::<T>()) };
        for outer in 0..outer {
            let member = &indices[outer / self.before * self.count..][..self.count];
            for (k, block) in member.chunks(BLOCK).enumerate() {
                if let Some(wrong) = first_outside(block, self.n) {
                    return Some(block[wrong].into());
                }
                let first = outer * self.count + k * BLOCK;
                for (k, &index) in block.iter().enumerate() {
                    let target = outer * self.n + index.into() as usize;
                    // SAFETY: by the caller; the index is in the axis.
                    unsafe { add_one::<T>(out, target, updates, first + k) };
                }
            }
        }
        None
    }

    /// Adds the updates to the rows at indices that have been compared with the axis. Each thread has a part of the
    /// rows, so that the updates of a row are added in their order, by any number of threads.
    ///
    /// # Safety
    /// See [`scatter_add`](Self::scatter_add).
    unsafe fn add_rows<I: Copy + Into<i64> + Sync, T: Arithmetic>(
        &self,
        [x, updates, out]: [Memory; 3],
        indices: &[I],
    ) {
        let Indexed {
            before,
            n,
            after,
            count,
            ..
        } = *self;
        let (row, outer) = (after * size_of::<T>(), self.batch * before);
        let copies = x.start() != out.start();
        let bytes = (outer * row).saturating_mul(2 * count + if copies { n } else { 0 });
        let pieces = Pieces {
            count: pool::threads()
                .min(MOST_PIECES)
                .min(bytes / PIECE)
                .min(n)
                .max(1),
            large: bytes >= WORTH_WAKING,
        };
        pool::each(pieces, &|piece| {
            let (from, to) = (n * piece / pieces.count, n * (piece + 1) / pieces.count);
            for outer in 0..outer {
                let member = outer / before * count;
                let indices = &indices[member..member + count];
                // SAFETY: by the caller; pieces write different rows.
                unsafe {
                    if copies {
                        let (at, bytes) = ((outer * n + from) * row, (to - from) * row);
                        copy_bytes(x.at(at, bytes), out.at(at, bytes), bytes);
                    }
                    for (k, &index) in indices.iter().enumerate() {
                        let at = index.into() as usize;
                        if from <= at && at < to {
                            let (source, target) = (outer * count + k, outer * n + at);
                            match after {
                                // A row of one number is added directly.
                                1 => add_one::<T>(out, target, updates, source),
                                _ => {
                                    let (from, to, n, step) =
                                        (source * row, target * row, after, 1);
                                    add_to::<T>(out, updates, Row { from, to, n, step });
                                }
                            }
                        }
                    }
                }
            }
        });
    }
}

/// The position of the first index that is not in an axis of `n`.
pub(super) fn first_outside<I: Copy + Into<i64>>(indices: &[I], n: usize) -> Option<usize> {
    // Negative ones are larger than any axis.
    let outside = |&index: &I| index.into() as u64 >= n as u64;
    // All of them without a branch; their order matters only if one is wrong.
    let any = indices
        .iter()
        .fold(false, |any, index| any | outside(index));
    any.then(|| indices.iter().position(outside))?
}

/// Bytes of a pair of rows.
const PAIR: usize = size_of::<(usize, usize)>();

thread_local! {
    /// The pairs of a target row and an update row, and the sums for one target.
    static SUMMED: Cell<[Vec<u64>; 2]> = const { Cell::new([const { Vec::new() }; 2]) };
}

/// Sums that are computed in a wider type than the elements.
impl Indexed {
    /// Bytes that [`add_rounding_once`](Self::add_rounding_once) needs.
    fn summing_bytes(&self) -> usize {
        match self.dtype.is_widened() {
            true => {
                let pairs = [self.batch, self.count, self.before, PAIR];
                let pairs = pairs.into_iter().fold(1, usize::saturating_mul);
                pairs.saturating_add(self.after.saturating_mul(size_of::<f64>()))
            }
            false => 0,
        }
    }

    /// Adds the updates of each place and rounds their sum once, so that many small updates are not lost.
    ///
    /// # Safety
    /// As for [`scatter_add`](Self::scatter_add); `out` holds the array to which the updates are added.
    unsafe fn add_rounding_once<T: Rounded + Into<f64>>(
        &self,
        indices: Memory,
        updates: Memory,
        out: Memory,
    ) -> Result<()> {
        let n = self.after;
        if n == 0 {
            // SAFETY: by the caller.
            return unsafe { self.each("scatter_add", indices, |_, _| ()) };
        }
        let [mut pairs, mut sums] = SUMMED.take();
        let first = room::<(usize, usize)>(&mut pairs, self.batch * self.count * self.before);
        let mut found = 0;
        // SAFETY: by the caller; there are as many pairs as `each` calls.
        let checked = unsafe {
            self.each("scatter_add", indices, |to, from| {
                first.add(found).write((to, from));
                found += 1;
            })
        };
        if checked.is_ok() {
            let sums = room::<f64>(&mut sums, n);
            // SAFETY: as many pairs were written; there is room for a row of sums; rows lie within the arrays, since
            // `each` has compared indices with the axis.
            unsafe {
                let pairs = std::slice::from_raw_parts_mut(first, found);
                let sums = std::slice::from_raw_parts_mut(sums, n);
                // Sorts by place; updates of the same place keep their order.
                pairs.sort_unstable();
                for group in pairs.chunk_by(|a, b| a.0 == b.0) {
                    let bytes = n * size_of::<T>();
                    let place = out.at(group[0].0 * bytes, bytes).cast::<T>();
                    let place = std::slice::from_raw_parts_mut(place, n);
                    for (sum, &x) in sums.iter_mut().zip(&*place) {
                        *sum = x.into();
                    }
                    for &(_, from) in group {
                        let update = updates.at(from * bytes, bytes).cast::<T>();
                        let update = std::slice::from_raw_parts(update.cast_const(), n);
                        for (sum, &x) in sums.iter_mut().zip(update) {
                            *sum += x.into();
                        }
                    }
                    for (x, &sum) in place.iter_mut().zip(&*sums) {
                        *x = T::rounded(sum);
                    }
                }
            }
        }
        SUMMED.set([pairs, sums]);
        checked
    }
}

/// `target[to] += source[from]`
///
/// # Safety
/// The arrays are of type `T`, have these elements and do not overlap. Debug builds check that they have them.
#[inline(always)]
unsafe fn add_one<T: Arithmetic>(target: Memory, to: usize, source: Memory, from: usize) {
    let size = size_of::<T>();
    // SAFETY: by the caller; arrays are aligned for their elements.
    unsafe {
        let from = source.at(from * size, size).cast::<T>();
        let to = target.at(to * size, size).cast::<T>();
        to.write(to.read().plus(from.read()));
    }
}

/// `scatter_add`: numbers added at the positions in an index array.
#[derive(Debug)]
pub(super) struct ScatterAdd(Indexed);

impl ScatterAdd {
    pub fn new(x: &Type, indices: &Type, batch: usize, axis: usize) -> ScatterAdd {
        ScatterAdd(Indexed::new(x, indices, batch, axis))
    }
}

impl Kernel for ScatterAdd {
    const NAME: &'static str = "scatter_add";
    const UPDATES_FIRST: bool = true;

    fn scratch_bytes(&self) -> usize {
        self.0.summing_bytes()
    }

    fn forecast(&self, in_place: InPlace) -> StepForecast {
        self.0.forecast_scatter_add(in_place)
    }

    unsafe fn run(&self, arrays: &Arrays<'_>) -> Result<()> {
        let (x, indices, updates) = (arrays.operand(0), arrays.operand(1), arrays.operand(2));
        // SAFETY: by the caller.
        unsafe { (self.0).scatter_add(x, indices, updates, arrays.result(0)) }
    }
}
