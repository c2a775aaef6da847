//! `scatter_add`: numbers added at the positions in an index array.

use super::index::{Indexed, PIECE, Range, WORTH_WAKING};
use super::{Arrays, InPlace, Kernel, Row, add_to, room};
use crate::buffers::Memory;
use crate::count::StepForecast;
use crate::kernels::{
    Arithmetic, Rounded, by_float, by_integer, by_number, copy_bytes, number_type,
};
use crate::pool::{self, MOST_PIECES, Pieces};
use gradus_ir::primitives::Work;
use gradus_ir::{Result, Type};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The most bytes of an axis of single numbers whose updates are not shared out by their places. Threads that share
/// them so read all indices, and cannot foresee which of them are theirs. Beyond this, they share the waiting for
/// memory.
const FEW_NUMBERS: usize = 1 << 20;
/// The fewest updates of single numbers that are summed apart, and their fewest for each place of the axis.
const PART: usize = 1 << 17;
const PART_PER_PLACE: usize = 4;

/// The array to which the updates are added.
#[derive(Clone, Copy)]
enum Start {
    Zeros,
    Array(Memory),
}

impl Start {
    /// Writes these bytes of the array to the same bytes of `out`.
    ///
    /// # Safety
    /// Both have these bytes. The array is the memory of `out`, or does not overlap with it.
    unsafe fn write(self, out: Memory, at: usize, bytes: usize) {
        // SAFETY: by the caller.
        unsafe {
            match self {
                Start::Zeros => out.at(at, bytes).write_bytes(0, bytes),
                Start::Array(x) if x.start() == out.start() => {}
                Start::Array(x) => copy_bytes(x.at(at, bytes), out.at(at, bytes), bytes),
            }
        }
    }

    /// Whether [`write`](Self::write) writes anything.
    fn writes(self, out: Memory) -> bool {
        match self {
            Start::Zeros => true,
            Start::Array(x) => x.start() != out.start(),
        }
    }
}

impl Indexed {
    fn forecast_scatter_add(&self, written_first: usize) -> StepForecast {
        let elements = self.picked().0;
        let bytes = (elements * self.dtype.size()).saturating_mul(3);
        self.forecast(bytes.saturating_add(written_first))
            .with(Work::Indexing, elements)
    }

    /// The bytes of the array to which the updates are added.
    fn whole_bytes(&self) -> usize {
        self.batch * self.before * self.n * self.after * self.dtype.size()
    }

    /// # Safety
    /// The arrays have the types for which the kernel was made.
    /// The result can be the memory of the array of `start`, and otherwise overlaps nothing.
    unsafe fn scatter_add(
        &self,
        start: Start,
        indices: Memory,
        [updates, out]: [Memory; 2],
    ) -> Result<()> {
        if let (true, Some(float)) = (self.dtype.is_widened(), self.dtype.float()) {
            // SAFETY: by the caller; the result has the type of the array, by the type rule.
            return unsafe {
                start.write(out, 0, self.whole_bytes());
                by_float!(float, T => self.add_rounding_once::<T>(indices, updates, out))
            };
        }
        // SAFETY: by the caller.
        let wrong = unsafe {
            by_integer!(self.index, I => self.add_at::<I>(start, [updates, out], indices))
        };
        wrong.map_or(Ok(()), |index| Err(self.outside("scatter_add", index)))
    }

    /// Adds the updates, or gives the first index that is out of bounds.
    ///
    /// # Safety
    /// See [`scatter_add`](Self::scatter_add); indices are of type `I`.
    unsafe fn add_at<I: Copy + Into<i64> + Sync>(
        &self,
        start: Start,
        arrays: [Memory; 2],
        indices: Memory,
    ) -> Option<i64> {
        let count = self.batch * self.count;
        // SAFETY: there are batch · count indices, by `Indexed::new`; arrays are aligned for their elements.
        let indices = unsafe {
            let start = indices.at(0, count * size_of::<I>()).cast::<I>();
            std::slice::from_raw_parts(start.cast_const(), count)
        };
        let number = number_type(self.dtype);
        if self.has_few_numbers() {
            // SAFETY: as below.
            return unsafe {
                by_number!(number, T => self.add_numbers::<I, T>(start, arrays, indices))
            };
        }
        if let Some(at) = self.first_outside(indices) {
            return Some(indices[at].into());
        }
        // SAFETY: by the caller; `updates` has the type of the picked elements by the type rule of `scatter_add`.
        unsafe { by_number!(number, T => self.add_rows::<I, T>(start, arrays, indices)) };
        None
    }

    fn has_few_numbers(&self) -> bool {
        self.after == 1 && self.n.saturating_mul(self.dtype.size()) <= FEW_NUMBERS
    }

    /// The number of parts into which updates of single numbers are cut: each has sums of its own, which are added in
    /// order. It depends on sizes alone, so that results do not depend on the number of threads.
    fn parts(&self) -> usize {
        let part = self.n.saturating_mul(PART_PER_PLACE).max(PART);
        match self.has_few_numbers() && !self.dtype.is_widened() {
            true => Pieces::power_of_two(self.count / part, true).count,
            false => 1,
        }
    }

    /// Adds updates that are single numbers, or gives the first index that is out of bounds.
    ///
    /// # Safety
    /// See [`scatter_add`](Self::scatter_add).
    unsafe fn add_numbers<I: Copy + Into<i64> + Sync, T: Arithmetic>(
        &self,
        start: Start,
        [updates, out]: [Memory; 2],
        indices: &[I],
    ) -> Option<i64> {
        let (count, size) = (self.count, size_of::<T>());
        // SAFETY: by the caller; each member of the batch has `count` indices, and as many updates in each row.
        unsafe { start.write(out, 0, self.whole_bytes()) };
        for outer in 0..self.batch * self.before {
            let indices = &indices[outer / self.before * count..][..count];
            // SAFETY: as above.
            let wrong = unsafe {
                let updates =
                    Memory::new(updates.at(outer * count * size, count * size), count * size);
                let row = self.n * size;
                let out = Memory::new(out.at(outer * row, row), row);
                match self.parts() {
                    1 => self.add_part::<I, T>(indices, 0..count, updates, out),
                    parts => self.add_parts::<I, T>(parts, indices, updates, out),
                }
            };
            if let Some(at) = wrong {
                return Some(indices[at].into());
            }
        }
        None
    }

    /// Adds the updates of this range to one axis, or gives the position of the first index that is out of bounds.
    ///
    /// # Safety
    /// Each index has an update in `updates`, an array of `T`; `out` is an axis of `T`.
    unsafe fn add_part<I: Copy + Into<i64>, T: Arithmetic>(
        &self,
        indices: &[I],
        part: std::ops::Range<usize>,
        updates: Memory,
        out: Memory,
    ) -> Option<usize> {
        for k in part {
            let Some(place) = self.find(indices[k]) else {
                return Some(k);
            };
            // SAFETY: by the caller; the place is in the axis.
            unsafe { add_one::<T>(out, place, updates, k) };
        }
        None
    }

    /// [`add_part`](Self::add_part) for all updates, on several threads: sums of each part, which are then added to
    /// the axis in the order of the parts.
    ///
    /// # Safety
    /// See [`add_part`](Self::add_part).
    unsafe fn add_parts<I: Copy + Into<i64> + Sync, T: Arithmetic>(
        &self,
        parts: usize,
        indices: &[I],
        updates: Memory,
        out: Memory,
    ) -> Option<usize> {
        let (n, row) = (self.n, self.n * size_of::<T>());
        let [pairs, mut sums] = SUMMED.take();
        let start = room::<T>(&mut sums, parts * n).cast::<u8>();
        let all = Memory::new(start, parts * row);
        let wrong = AtomicUsize::new(usize::MAX);
        let pieces = Pieces {
            count: parts,
            large: true,
        };
        pool::each(pieces, &|k| {
            let share = |k: usize| indices.len() * k / parts;
            // SAFETY: by the caller; there is room for the sums of all parts, and each writes its own.
            let found = unsafe {
                let own = Memory::new(all.at(k * row, row), row);
                own.at(0, row).write_bytes(0, row);
                self.add_part::<I, T>(indices, share(k)..share(k + 1), updates, own)
            };
            if let Some(at) = found {
                wrong.fetch_min(at, Ordering::Relaxed);
            }
        });
        for k in 0..parts {
            let (from, to, step) = (k * row, 0, 1);
            // SAFETY: as above.
            unsafe { add_to::<T>(out, all, Row { from, to, n, step }) };
        }
        SUMMED.set([pairs, sums]);
        Some(wrong.into_inner()).filter(|&at| at < usize::MAX)
    }

    /// Adds the updates to the rows at indices that have been compared with the axis. Each thread has a part of the
    /// rows, so that the updates of a row are added in their order, by any number of threads.
    ///
    /// # Safety
    /// See [`scatter_add`](Self::scatter_add).
    unsafe fn add_rows<I: Copy + Into<i64> + Sync, T: Arithmetic>(
        &self,
        start: Start,
        [updates, out]: [Memory; 2],
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
        let written = if start.writes(out) { n } else { 0 };
        let bytes = (outer * row).saturating_mul(2 * count + written);
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
                    start.write(out, (outer * n + from) * row, (to - from) * row);
                    for (k, &index) in indices.iter().enumerate() {
                        let at = self.place_inside(index);
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

/// Bytes of a pair of rows.
const PAIR: usize = size_of::<(usize, usize)>();

thread_local! {
    /// The pairs of a target row and an update row, and the sums for one target or of the parts of all updates.
    static SUMMED: Cell<[Vec<u64>; 2]> = const { Cell::new([const { Vec::new() }; 2]) };
}

/// Sums that are computed in a wider type than the elements.
impl Indexed {
    /// Bytes that [`add_rounding_once`](Self::add_rounding_once) or [`add_parts`](Self::add_parts) needs.
    fn summing_bytes(&self) -> usize {
        match self.dtype.is_widened() {
            true => {
                let pairs = [self.batch, self.count, self.before, PAIR];
                let pairs = pairs.into_iter().fold(1, usize::saturating_mul);
                pairs.saturating_add(self.after.saturating_mul(size_of::<f64>()))
            }
            false => match self.parts() {
                1 => 0,
                parts => (parts * self.n).saturating_mul(self.dtype.size()),
            },
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

/// `scatter_add` to an array.
#[derive(Debug)]
pub(super) struct ScatterAdd(Indexed);

impl ScatterAdd {
    pub fn new(x: &Type, indices: &Type, batch: usize, axis: usize, range: Range) -> ScatterAdd {
        ScatterAdd(Indexed::new(x, indices, batch, axis, range))
    }
}

impl Kernel for ScatterAdd {
    const NAME: &'static str = "scatter_add";
    const UPDATES_FIRST: bool = true;

    fn scratch_bytes(&self) -> usize {
        self.0.summing_bytes()
    }

    fn forecast(&self, in_place: InPlace) -> StepForecast {
        self.0.forecast_scatter_add(match in_place {
            InPlace::Yes => 0,
            InPlace::No => self.0.whole_bytes().saturating_mul(2),
        })
    }

    unsafe fn run(&self, arrays: &Arrays<'_>) -> Result<()> {
        let (x, indices, updates) = (arrays.operand(0), arrays.operand(1), arrays.operand(2));
        // SAFETY: by the caller.
        unsafe { (self.0).scatter_add(Start::Array(x), indices, [updates, arrays.result(0)]) }
    }
}

/// `scatter_add` to zeros, which need not be an array: each thread clears rows just before it adds to them.
#[derive(Debug)]
pub(super) struct ScatterToZeros(Indexed);

impl ScatterToZeros {
    pub fn new(
        out: &Type,
        indices: &Type,
        batch: usize,
        axis: usize,
        range: Range,
    ) -> ScatterToZeros {
        ScatterToZeros(Indexed::new(out, indices, batch, axis, range))
    }
}

impl Kernel for ScatterToZeros {
    const NAME: &'static str = "scatter_add to zeros";

    fn scratch_bytes(&self) -> usize {
        self.0.summing_bytes()
    }

    fn forecast(&self, _in_place: InPlace) -> StepForecast {
        self.0.forecast_scatter_add(self.0.whole_bytes())
    }

    unsafe fn run(&self, arrays: &Arrays<'_>) -> Result<()> {
        let (indices, updates) = (arrays.operand(0), arrays.operand(1));
        // SAFETY: by the caller.
        unsafe { (self.0).scatter_add(Start::Zeros, indices, [updates, arrays.result(0)]) }
    }
}
