//! `take`: elements picked by an index array.
//!
//! Indices are compared with the axis a block at a time, before the block's rows are moved: no move waits for a branch,
//! and many are on their way at once.

use super::index::{Indexed, PIECE, WORTH_WAKING, first_outside};
use super::{Arrays, InPlace, Kernel};
use crate::buffers::Memory;
use crate::count::StepForecast;
use crate::kernels::{by_integer, copy_bytes};
use crate::pool::{self, Pieces};
use gradus_ir::{Result, Type};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The indices that are compared together.
const BLOCK: usize = 256;
#[derive(Debug)]
pub(super) struct Take(Indexed);

impl Take {
    pub fn new(x: &Type, indices: &Type, batch: usize, axis: usize) -> Take {
        Take(Indexed::new(x, indices, batch, axis))
    }

    /// The position of the first index out of bounds, if there is one. Rows that come after it may be moved or not.
    ///
    /// # Safety
    /// The arrays have the types for which the kernel was made, and do not overlap; indices are of type `I`.
    unsafe fn rows<I: Copy + Into<i64>>(
        &self,
        x: Memory,
        indices: Memory,
        out: Memory,
    ) -> Option<i64> {
        let Indexed { batch, count, .. } = self.0;
        let (size, bytes) = (size_of::<I>(), self.bytes());
        let pieces =
            Pieces::power_of_two((bytes / PIECE).min(batch * count), bytes >= WORTH_WAKING);
        let wrong = AtomicUsize::new(usize::MAX);
        pool::each(pieces, &|piece| {
            let share = |k: usize| batch * count * k / pieces.count;
            let (mut at, end) = (share(piece), share(piece + 1));
            while at < end {
                let first = at % count;
                let n = BLOCK.min(end - at).min(count - first);
                // SAFETY: there are batch · count indices, by `Indexed::new`; arrays are aligned for their elements.
                // Rows lie within the arrays, because the indices of the block have been compared with the axis.
                // Pieces write different rows.
                unsafe {
                    let block = indices.at(at * size, n * size).cast::<I>();
                    let block = std::slice::from_raw_parts(block.cast_const(), n);
                    if let Some(k) = first_outside(block, self.0.n) {
                        wrong.fetch_min(at + k, Ordering::Relaxed);
                        return;
                    }
                    self.block(block, (at / count, first), x, out);
                }
                at += n;
            }
        });
        match wrong.into_inner() {
            usize::MAX => None,
            // SAFETY: as above.
            at => Some(unsafe { indices.at(at * size, size).cast::<I>().read() }.into()),
        }
    }

    /// Moves the rows of these indices, which begin at number `first` of those of one member of the batch.
    ///
    /// # Safety
    /// As for [`rows`](Self::rows), and the indices are within the axis.
    unsafe fn block<I: Copy + Into<i64>>(
        &self,
        indices: &[I],
        (member, first): (usize, usize),
        x: Memory,
        out: Memory,
    ) {
        let Indexed {
            before, n, count, ..
        } = self.0;
        let row = self.0.after * self.0.dtype.size();
        for outer in member * before..(member + 1) * before {
            // SAFETY: by the caller.
            unsafe {
                let from = x.at(outer * n * row, n * row);
                let to = out.at((outer * count + first) * row, indices.len() * row);
                match row {
                    1 => numbers::<I, u8>(from, indices, to),
                    2 => numbers::<I, u16>(from, indices, to),
                    4 => numbers::<I, u32>(from, indices, to),
                    8 => numbers::<I, u64>(from, indices, to),
                    _ => {
                        for (k, &index) in indices.iter().enumerate() {
                            copy_bytes(from.add(index.into() as usize * row), to.add(k * row), row);
                        }
                    }
                }
            }
        }
    }

    /// The bytes of all picked elements.
    fn bytes(&self) -> usize {
        self.0.picked().0.saturating_mul(self.0.dtype.size())
    }
}

/// Rows of one number, as numbers of the same width.
///
/// # Safety
/// `from` has the numbers at the indices, and `to` has room for as many numbers.
unsafe fn numbers<I: Copy + Into<i64>, T: Copy>(from: *const u8, indices: &[I], to: *mut u8) {
    let (from, to) = (from.cast::<T>(), to.cast::<T>());
    for (k, &index) in indices.iter().enumerate() {
        // SAFETY: by the caller; arrays are aligned for their elements, which are as wide as `T`.
        unsafe {
            to.add(k)
                .write_unaligned(from.add(index.into() as usize).read_unaligned())
        };
    }
}

impl Kernel for Take {
    const NAME: &'static str = "take";

    fn forecast(&self, _in_place: InPlace) -> StepForecast {
        let indices = self.0.picked().1;
        StepForecast::moving(
            self.0.dtype,
            self.bytes().saturating_mul(2).saturating_add(indices),
        )
    }

    unsafe fn run(&self, arrays: &Arrays<'_>) -> Result<()> {
        let (x, indices, out) = (arrays.operand(0), arrays.operand(1), arrays.result(0));
        // SAFETY: by the caller.
        let wrong = unsafe { by_integer!(self.0.index, I => self.rows::<I>(x, indices, out)) };
        wrong.map_or(Ok(()), |index| Err(self.0.outside("take", index)))
    }
}
