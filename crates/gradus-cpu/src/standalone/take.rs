//! `take`: elements picked by an index array.
//!
//! Indices are compared with the axis a block at a time, before the block's rows are moved: no move waits for a branch,
//! and many are on their way at once.

use super::index::{BLOCK, Indexed, PIECE, Range, WORTH_WAKING};
use super::{Arrays, InPlace, Kernel};
use crate::buffers::Memory;
use crate::count::StepForecast;
use crate::kernels::{by_integer, copy_bytes};
use crate::pool::{self, Pieces};
use gradus_ir::{Result, Type};
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Debug)]
pub(super) struct Take(Indexed);

impl Take {
    pub fn new(x: &Type, indices: &Type, batch: usize, axis: usize, range: Range) -> Take {
        Take(Indexed::new(x, indices, batch, axis, range))
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
            let mut places = [0; BLOCK];
            while at < end {
                let first = at % count;
                let n = BLOCK.min(end - at).min(count - first);
                // SAFETY: there are batch · count indices, by `Indexed::new`; arrays are aligned for their elements.
                // Rows lie within the arrays, because the indices of the block have been compared with the axis.
                // Pieces write different rows.
                unsafe {
                    let block = indices.at(at * size, n * size).cast::<I>();
                    let block = std::slice::from_raw_parts(block.cast_const(), n);
                    match self.0.places(block, &mut places) {
                        Ok(places) => self.block(places, (at / count, first), x, out),
                        Err(k) => {
                            wrong.fetch_min(at + k, Ordering::Relaxed);
                            return;
                        }
                    }
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

    /// Moves the rows at these places, which begin at number `first` of those of one member of the batch.
    ///
    /// # Safety
    /// As for [`rows`](Self::rows), and the places are within the axis.
    unsafe fn block(
        &self,
        places: &[usize],
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
                let to = out.at((outer * count + first) * row, places.len() * row);
                match row {
                    1 => numbers::<u8>(from, places, to),
                    2 => numbers::<u16>(from, places, to),
                    4 => numbers::<u32>(from, places, to),
                    8 => numbers::<u64>(from, places, to),
                    _ => {
                        for (k, &place) in places.iter().enumerate() {
                            copy_bytes(from.add(place * row), to.add(k * row), row);
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
/// `from` has the numbers at these places, and `to` has room for as many numbers.
unsafe fn numbers<T: Copy>(from: *const u8, places: &[usize], to: *mut u8) {
    let (from, to) = (from.cast::<T>(), to.cast::<T>());
    if places.len() > 1 {
        // The processor can wait for more numbers at once than it has room for the instructions that move them.
        (places.iter()).for_each(|&place| prefetch(from.wrapping_add(place)));
    }
    for (k, &place) in places.iter().enumerate() {
        // SAFETY: by the caller; arrays are aligned for their elements, which are as wide as `T`.
        unsafe { to.add(k).write_unaligned(from.add(place).read_unaligned()) };
    }
}

/// Asks for the number at this address, where the processor has an instruction for it.
#[inline(always)]
fn prefetch<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every processor of the architecture has the instruction, which changes nothing and cannot fail.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

impl Kernel for Take {
    const NAME: &'static str = "take";

    fn forecast(&self, _in_place: InPlace) -> StepForecast {
        self.0.forecast(self.bytes().saturating_mul(2))
    }

    unsafe fn run(&self, arrays: &Arrays<'_>) -> Result<()> {
        let (x, indices, out) = (arrays.operand(0), arrays.operand(1), arrays.result(0));
        // SAFETY: by the caller.
        let wrong = unsafe { by_integer!(self.0.index, I => self.rows::<I>(x, indices, out)) };
        wrong.map_or(Ok(()), |index| Err(self.0.outside("take", index)))
    }
}
