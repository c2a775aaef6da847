//! Kernels that pick elements by index arrays, and slices with a computed start.

use super::{Arrays, InPlace, Kernel, Row, add_to, copy_unless_same, each_index, room};
use crate::buffers::Memory;
use crate::count::StepForecast;
use crate::kernels::{
    Arithmetic, Rounded, by_float, by_integer, by_number, copy_bytes, number_type,
};
use gradus_ir::primitives::Work;
use gradus_ir::{DType, Dims, Error, ErrorKind, IntegerType, Result, Type, row_major_strides};
use std::cell::Cell;

/// An array `[batch, before, n, after]` with indices `[batch, count]` into its axis of size `n`.
#[derive(Debug)]
struct Indexed {
    dtype: DType,
    index: IntegerType,
    batch: usize,
    before: usize,
    n: usize,
    after: usize,
    count: usize,
    axis: usize,
}

impl Indexed {
    /// By the type rules of `take` and `scatter_add` (`gradus_ir::primitives::Gather`), the array and the indices
    /// share their first sizes, and the picked elements have the shape of the
    /// array with the axis replaced by the index array's.
    fn new(x: &Type, indices: &Type, batch: usize, axis: usize) -> Indexed {
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
    fn picked(&self) -> (usize, usize) {
        let rows = self.batch * self.count;
        (
            rows * self.before * self.after,
            rows * self.index.dtype().size(),
        )
    }

    fn forecast_take(&self) -> StepForecast {
        let (elements, indices) = self.picked();
        let picked = (elements * self.dtype.size()).saturating_mul(2);
        StepForecast::moving(self.dtype, picked.saturating_add(indices))
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
        wrong.map_err(|index| {
            Error::new(
                ErrorKind::Index,
                format!(
                    "{name}: index {index} is out of bounds for axis {} of size {}",
                    self.axis, self.n
                ),
            )
        })
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
    /// The arrays have the types for which the kernel was made, and do not overlap.
    unsafe fn take(&self, x: Memory, indices: Memory, out: Memory) -> Result<()> {
        let row = self.after * self.dtype.size();
        // A row of one number is moved directly, because a call would cost more than the copy.
        // SAFETY: rows lie within the arrays, because `each` compares indices with the axis and `Indexed::new` has
        // the sizes of a valid operation.
        unsafe {
            match row {
                2 => self.each("take", indices, |from, to| move_to::<2>(x, from, out, to)),
                4 => self.each("take", indices, |from, to| move_to::<4>(x, from, out, to)),
                8 => self.each("take", indices, |from, to| move_to::<8>(x, from, out, to)),
                // Other row sizes take a call for each row.
                _ => self.each("take", indices, |from, to| {
                    copy_bytes(x.at(from * row, row), out.at(to * row, row), row);
                }),
            }
        }
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
        let (n, row) = (self.after, self.after * self.dtype.size());
        let number = number_type(self.dtype);
        // SAFETY: as in `take`; `updates` has the type of the picked elements by the type rule of `scatter_add`.
        unsafe {
            copy_unless_same(x, out, self.batch * self.before * self.n * row);
            if let (true, Some(float)) = (self.dtype.is_widened(), self.dtype.float()) {
                return by_float!(float, T => self.add_rounding_once::<T>(indices, updates, out));
            }
            by_number!(number, T => self.each("scatter_add", indices, |to, from| match n {
                // A row of one number is added directly.
                1 => add_one::<T>(out, to, updates, from),
                _ => {
                    let (from, to, step) = (from * row, to * row, 1);
                    add_to::<T>(out, updates, Row { from, to, n, step });
                }
            }))
        }
    }
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

/// Copies `N` bytes from position `from` to position `to`, counted in units of `N` bytes.
///
/// # Safety
/// The arrays have these bytes and do not overlap. Debug builds check the former.
#[inline(always)]
unsafe fn move_to<const N: usize>(source: Memory, from: usize, target: Memory, to: usize) {
    // SAFETY: by the caller.
    unsafe {
        let (from, to) = (source.at(from * N, N), target.at(to * N, N));
        std::ptr::copy_nonoverlapping(from.cast::<[u8; N]>(), to.cast(), 1);
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

/// A part of `sizes` of an array of `shape`.
#[derive(Debug)]
struct Window {
    dtype: DType,
    size: usize,
    shape: Dims,
    sizes: Dims,
}

impl Window {
    /// By the type rules of `dynamic_slice` and `dynamic_update` (`gradus_ir::primitives::Dynamic`),
    /// no size of the part exceeds the array's.
    fn new(x: &Type, sizes: &[usize]) -> Window {
        Window {
            dtype: x.dtype,
            size: x.dtype.size(),
            shape: x.shape.clone(),
            sizes: Dims::from_slice(sizes),
        }
    }

    fn forecast_slice(&self) -> StepForecast {
        let part = self.sizes.iter().product::<usize>() * self.size;
        let starts = self.shape.len() * DType::I64.size();
        let bytes = part.saturating_mul(2).saturating_add(starts);
        StepForecast::moving(self.dtype, bytes)
    }

    fn forecast_update(&self, in_place: InPlace) -> StepForecast {
        let mut step = self.forecast_slice();
        if in_place == InPlace::No {
            let whole = (self.shape.iter().product::<usize>() * self.size) as u64;
            step.bytes = step.bytes.saturating_add(whole.saturating_mul(2));
        }
        step
    }

    /// Calls `f` with the first byte of each row of the part,
    /// in the array and in the part, and with a row's bytes.
    /// Rows lie within the array, because each start is compared with the axis.
    ///
    /// # Safety
    /// `starts` is an i64 array with one number per axis.
    unsafe fn each(
        &self,
        name: &str,
        starts: Memory,
        mut f: impl FnMut(usize, usize, usize),
    ) -> Result<()> {
        let rank = self.shape.len();
        let strides = row_major_strides(&self.shape);
        let mut origin = 0;
        for (k, &stride) in strides.iter().enumerate() {
            // SAFETY: there is one start per axis, by the caller; arrays are aligned for their elements.
            let start = unsafe { starts.at(k * 8, 8).cast::<i64>().read() };
            let last = (self.shape[k] - self.sizes[k]) as i64;
            if start < 0 || start > last {
                return Err(Error::new(
                    ErrorKind::Index,
                    format!(
                        "{name}: a part of size {} at {start} leaves axis {k} of size {}",
                        self.sizes[k], self.shape[k]
                    ),
                ));
            }
            origin += start as usize * stride as usize;
        }
        let row = self.sizes.last().copied().unwrap_or(1);
        if row == 0 {
            return Ok(());
        }
        let outer = &self.sizes[..rank.saturating_sub(1)];
        let mut done = 0;
        each_index(outer, |index| {
            let at: usize = index
                .iter()
                .zip(&strides)
                .map(|(i, s)| i * *s as usize)
                .sum();
            f((origin + at) * self.size, done * self.size, row * self.size);
            done += row;
        });
        Ok(())
    }

    /// # Safety
    /// The arrays have the types for which the kernel was made, and do not overlap.
    unsafe fn slice(&self, x: Memory, starts: Memory, out: Memory) -> Result<()> {
        // SAFETY: rows lie within the arrays, because `each` compares starts with the axes and `Window::new` has
        // the sizes of a valid operation.
        unsafe {
            self.each("dynamic_slice", starts, |from, to, bytes| {
                let (from, to) = (x.at(from, bytes), out.at(to, bytes));
                std::ptr::copy_nonoverlapping(from, to, bytes);
            })
        }
    }

    /// # Safety
    /// The arrays have the types for which the kernel was made.
    /// The result can be the memory of `x`, and otherwise overlaps nothing.
    unsafe fn update(&self, x: Memory, part: Memory, starts: Memory, out: Memory) -> Result<()> {
        let bytes = self.shape.iter().product::<usize>() * self.size;
        // SAFETY: as in `slice`; the result has the type of `x` by the type rule of `dynamic_update`.
        unsafe {
            copy_unless_same(x, out, bytes);
            self.each("dynamic_update", starts, |to, from, bytes| {
                let (from, to) = (part.at(from, bytes), out.at(to, bytes));
                std::ptr::copy_nonoverlapping(from, to, bytes);
            })
        }
    }
}

/// `take`: elements picked by an index array.
#[derive(Debug)]
pub(super) struct Take(Indexed);

impl Take {
    pub fn new(x: &Type, indices: &Type, batch: usize, axis: usize) -> Take {
        Take(Indexed::new(x, indices, batch, axis))
    }
}

impl Kernel for Take {
    const NAME: &'static str = "take";

    fn forecast(&self, _in_place: InPlace) -> StepForecast {
        self.0.forecast_take()
    }

    unsafe fn run(&self, arrays: &Arrays<'_>) -> Result<()> {
        // SAFETY: by the caller.
        unsafe { (self.0).take(arrays.operand(0), arrays.operand(1), arrays.result(0)) }
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

/// `dynamic_slice`: a part that begins at computed indices.
#[derive(Debug)]
pub(super) struct DynamicSlice(Window);

impl DynamicSlice {
    pub fn new(x: &Type, sizes: &[usize]) -> DynamicSlice {
        DynamicSlice(Window::new(x, sizes))
    }
}

impl Kernel for DynamicSlice {
    const NAME: &'static str = "dynamic_slice";

    fn forecast(&self, _in_place: InPlace) -> StepForecast {
        self.0.forecast_slice()
    }

    unsafe fn run(&self, arrays: &Arrays<'_>) -> Result<()> {
        // SAFETY: by the caller.
        unsafe { (self.0).slice(arrays.operand(0), arrays.operand(1), arrays.result(0)) }
    }
}

/// `dynamic_update`: an array with a part replaced from computed indices on.
#[derive(Debug)]
pub(super) struct DynamicUpdate(Window);

impl DynamicUpdate {
    pub fn new(x: &Type, sizes: &[usize]) -> DynamicUpdate {
        DynamicUpdate(Window::new(x, sizes))
    }
}

impl Kernel for DynamicUpdate {
    const NAME: &'static str = "dynamic_update";
    const UPDATES_FIRST: bool = true;

    fn forecast(&self, in_place: InPlace) -> StepForecast {
        self.0.forecast_update(in_place)
    }

    unsafe fn run(&self, arrays: &Arrays<'_>) -> Result<()> {
        let (x, part, starts) = (arrays.operand(0), arrays.operand(1), arrays.operand(2));
        // SAFETY: by the caller.
        unsafe { (self.0).update(x, part, starts, arrays.result(0)) }
    }
}
