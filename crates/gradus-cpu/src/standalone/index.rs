//! An axis of an array, and the array of indices into it: what `take` and `scatter_add` share.

use crate::buffers::Memory;
use crate::count::StepForecast;
use crate::kernels::by_integer;
use gradus_ir::primitives::Work;
use gradus_ir::{DType, Error, ErrorKind, IntegerType, Result, Type};

/// The fewest bytes of a piece of work, and the fewest for which other threads are woken.
/// Going to any place takes longer than these bytes in order.
pub(super) const PIECE: usize = 1 << 15;
pub(super) const WORTH_WAKING: usize = 1 << 17;

/// The indices that are compared with the axis together.
pub(super) const BLOCK: usize = 256;

/// The range of the indices of a gather into an axis of size `n`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Range {
    /// `0..n`
    Axis,
    /// `-n..n`: negative indices count from the end.
    FromEnd,
}

/// The operations for each index that counts from the end, as the graph has them: two comparisons, their
/// conjunction, a sum, a choice.
const FROM_END_OPERATIONS: usize = 5;

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
    range: Range,
}

impl Indexed {
    /// By the type rules of `take` and `scatter_add` (`gradus_ir::primitives::Gather`), the array and the indices
    /// share their first sizes, and the picked elements have the shape of the
    /// array with the axis replaced by the index array's.
    pub fn new(x: &Type, indices: &Type, batch: usize, axis: usize, range: Range) -> Indexed {
        Indexed {
            dtype: x.dtype,
            index: (indices.dtype.integer()).expect("the type rules ask for integers"),
            batch: x.shape[..batch].iter().product(),
            before: x.shape[batch..axis].iter().product(),
            n: x.shape[axis],
            after: x.shape[axis + 1..].iter().product(),
            count: indices.shape[batch..].iter().product(),
            axis,
            range,
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

    /// A step that moves `bytes` beside the indices, with the operations on the indices.
    pub fn forecast(&self, bytes: usize) -> StepForecast {
        let step = StepForecast::moving(self.dtype, bytes.saturating_add(self.picked().1));
        match self.range {
            Range::Axis => step,
            Range::FromEnd => {
                let indices = self.batch * self.count;
                step.with(Work::Arithmetic, FROM_END_OPERATIONS * indices)
            }
        }
    }

    /// What is added to negative indices.
    fn shift(&self) -> i64 {
        match self.range {
            Range::Axis => 0,
            Range::FromEnd => self.n as i64,
        }
    }

    /// The place of an index, which is in the axis only if it is less than `n`. Without a branch, so that indices
    /// become vectors.
    #[inline(always)]
    fn place(index: i64, shift: i64) -> u64 {
        // The shift of a negative index cannot overflow.
        (index + (shift & (index >> 63))) as u64
    }

    /// The place of an index; `None` if it is out of bounds.
    #[inline(always)]
    pub fn find<I: Copy + Into<i64>>(&self, index: I) -> Option<usize> {
        let at = Indexed::place(index.into(), self.shift());
        (at < self.n as u64).then_some(at as usize)
    }

    /// The places of at most [`BLOCK`] indices; the position of the first that is out of bounds is the error.
    #[inline(always)]
    pub fn places<'a, I: Copy + Into<i64>>(
        &self,
        indices: &[I],
        places: &'a mut [usize; BLOCK],
    ) -> Result<&'a [usize], usize> {
        let (shift, n) = (self.shift(), self.n as u64);
        let places = &mut places[..indices.len()];
        if let (&[index], [place]) = (indices, &mut *places) {
            // As in a batch with one index each: setting up vectors would take longer.
            *place = self.find(index).ok_or(0usize)?;
            return Ok(places);
        }
        // All of them without a branch; their order matters only if one is wrong.
        let mut outside = false;
        for (place, &index) in places.iter_mut().zip(indices) {
            let at = Indexed::place(index.into(), shift);
            outside |= at >= n;
            *place = at as usize;
        }
        match outside {
            false => Ok(places),
            true => {
                let wrong = |&index: &I| self.find(index).is_none();
                Err(indices.iter().position(wrong).unwrap_or(0))
            }
        }
    }

    /// The position of the first index that is out of bounds.
    pub fn first_outside<I: Copy + Into<i64>>(&self, indices: &[I]) -> Option<usize> {
        let mut places = [0; BLOCK];
        let wrong = |(k, block)| {
            self.places(block, &mut places)
                .err()
                .map(|at| k * BLOCK + at)
        };
        indices.chunks(BLOCK).enumerate().find_map(wrong)
    }

    /// The place of an index that [`first_outside`](Self::first_outside) has passed.
    #[inline(always)]
    pub fn place_inside<I: Copy + Into<i64>>(&self, index: I) -> usize {
        Indexed::place(index.into(), self.shift()) as usize
    }

    /// Calls `f` with the position of each picked row in the array and among the picked rows.
    /// Positions lie within the arrays, because each index is compared with the axis.
    /// # Safety
    /// `indices` is an array of the type for which the kernel was made.
    pub unsafe fn each(
        &self,
        name: &str,
        indices: Memory,
        f: impl FnMut(usize, usize),
    ) -> Result<()> {
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
                let Some(at) = self.find(index) else {
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
}
