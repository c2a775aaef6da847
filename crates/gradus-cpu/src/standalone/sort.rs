//! Elements in order along an axis, with their permutation.
//!
//! Each element becomes an integer of the same order, with its index in the low bits.
//! All integers then differ, so any sort of them is stable, and the result does not depend on how the work is split.

use super::scan::Axis;
use super::{Arrays, InPlace, Kernel};
use crate::count::StepForecast;
use crate::kernels::{by_float, by_integer};
use crate::pool::{self, Pieces, Shared};
use gradus_ir::primitives::{self, Work};
use gradus_ir::{DType, Kind, Result, Type, bf16};
use std::cell::Cell;
use std::thread::LocalKey;

/// The fewest comparisons of a piece of work, and the fewest for which other threads are woken.
const PIECE: usize = 50_000;
const WORTH_WAKING: usize = 250_000;

thread_local! {
    /// The numbers of one line.
    static NARROW: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
    static WIDE: Cell<Vec<u128>> = const { Cell::new(Vec::new()) };
}

/// An element as an integer of the same order.
trait Key: Copy {
    /// Whether the numbers have more than 32 bits.
    const IS_WIDE: bool;

    /// The number. NaN is the greatest in both directions, and both zeros are one number.
    fn key(self, descending: bool) -> u64;
}

macro_rules! float_keys {
    ($($t:ident as $bits:ident, $is_wide:expr;)*) => {$(
        impl Key for $t {
            const IS_WIDE: bool = $is_wide;

            #[inline(always)]
            fn key(self, descending: bool) -> u64 {
                if self.is_nan() {
                    return u64::from($bits::MAX);
                }
                const SIGN: $bits = 1 << ($bits::BITS - 1);
                // The sum makes one zero of both.
                let bits = (self + 0.0).to_bits();
                let key = if bits & SIGN != 0 { !bits } else { bits | SIGN };
                u64::from(if descending { !key } else { key })
            }
        }
    )*};
}

float_keys! {
    f32 as u32, false;
    f64 as u64, true;
}

impl Key for bf16 {
    const IS_WIDE: bool = false;

    #[inline(always)]
    fn key(self, descending: bool) -> u64 {
        self.to_f32().key(descending)
    }
}

macro_rules! integer_keys {
    ($($t:ident as $bits:ident, $is_wide:expr;)*) => {$(
        impl Key for $t {
            const IS_WIDE: bool = $is_wide;

            #[inline(always)]
            fn key(self, descending: bool) -> u64 {
                // The least number of the type becomes 0.
                let key = (self as $bits).wrapping_sub($t::MIN as $bits);
                u64::from(if descending { !key } else { key })
            }
        }
    )*};
}

integer_keys! {
    i32 as u32, false;
    i64 as u64, true;
    u32 as u32, false;
    u8 as u8, false;
}

/// A key with an index.
trait Packed: Ord + Copy + Default + 'static {
    const ROOM: &'static LocalKey<Cell<Vec<Self>>>;
    fn of(key: u64, index: usize) -> Self;
    fn index(self) -> usize;
}

impl Packed for u64 {
    const ROOM: &'static LocalKey<Cell<Vec<u64>>> = &NARROW;

    #[inline(always)]
    fn of(key: u64, index: usize) -> u64 {
        key << 32 | index as u64
    }

    #[inline(always)]
    fn index(self) -> usize {
        (self & u64::from(u32::MAX)) as usize
    }
}

impl Packed for u128 {
    const ROOM: &'static LocalKey<Cell<Vec<u128>>> = &WIDE;

    #[inline(always)]
    fn of(key: u64, index: usize) -> u128 {
        u128::from(key) << 64 | index as u128
    }

    #[inline(always)]
    fn index(self) -> usize {
        (self & u128::from(u64::MAX)) as usize
    }
}

/// `sort`
#[derive(Debug)]
pub(super) struct Sort {
    axis: Axis,
    dtype: DType,
    descending: bool,
    count: usize,
    pieces: Pieces,
}

impl Sort {
    pub fn new(x: &Type, sort: &primitives::Sort) -> Sort {
        let axis = Axis::of(x, sort.axis);
        let comparisons = primitives::Sort::comparisons(axis.n, sort.count);
        // Moving the elements is work as well.
        let work = (comparisons + axis.n).saturating_mul(axis.lines());
        let wanted = (work / PIECE).min(axis.lines());
        Sort {
            axis,
            dtype: x.dtype,
            descending: sort.descending,
            count: sort.count,
            pieces: Pieces::power_of_two(wanted, work >= WORTH_WAKING),
        }
    }

    /// Whether a key and an index need more than 64 bits together.
    fn is_wide(&self) -> bool {
        self.dtype.size() > 4 || u32::try_from(self.axis.n).is_err()
    }

    /// # Safety
    /// As for [`Kernel::run`]; the elements are of type `T`.
    unsafe fn run_as<T: Key>(&self, arrays: &Arrays<'_>) {
        debug_assert!(self.is_wide() || !T::IS_WIDE);
        // SAFETY: by the caller.
        unsafe {
            match self.is_wide() {
                true => self.run_packed::<T, u128>(arrays),
                false => self.run_packed::<T, u64>(arrays),
            }
        }
    }

    /// # Safety
    /// As for [`run_as`](Self::run_as).
    unsafe fn run_packed<T: Key, P: Packed>(&self, arrays: &Arrays<'_>) {
        let lines = self.axis.lines();
        let [x, values, indices] = [arrays.operand(0), arrays.result(0), arrays.result(1)];
        let [x, values, indices] = [x, values, indices].map(|memory| Shared(memory.start()));
        pool::each(self.pieces, &|piece| {
            let mut room = P::ROOM.take();
            if room.len() < self.axis.n {
                room.resize(self.axis.n, P::default());
            }
            let count = self.pieces.count;
            for line in lines * piece / count..lines * (piece + 1) / count {
                // SAFETY: by the caller; pieces write different lines.
                unsafe {
                    let out = (values.get().cast::<T>(), indices.get().cast::<i64>());
                    self.line(line, x.get().cast_const().cast::<T>(), out, &mut room);
                }
            }
            P::ROOM.set(room);
        });
    }

    /// Sorts one line.
    ///
    /// # Safety
    /// The arrays are whole, of the types that the kernel was made for, and do not overlap.
    unsafe fn line<T: Key, P: Packed>(
        &self,
        line: usize,
        x: *const T,
        (values, indices): (*mut T, *mut i64),
        room: &mut [P],
    ) {
        let Axis { n, inner, .. } = self.axis;
        let (outer, within) = (line / inner, line % inner);
        let from = outer * n * inner + within;
        let keys = &mut room[..n];
        for (i, key) in keys.iter_mut().enumerate() {
            // SAFETY: element `i` of the line lies within outer · n · inner elements.
            let element = unsafe { x.add(from + i * inner).read() };
            *key = P::of(element.key(self.descending), i);
        }
        if (1..n).contains(&self.count) {
            keys.select_nth_unstable(self.count - 1);
        }
        let first = &mut keys[..self.count];
        first.sort_unstable();
        let to = outer * self.count * inner + within;
        for (i, key) in first.iter().enumerate() {
            let index = key.index();
            // SAFETY: the index was that of an element above; element `i` of the line lies within outer · count · inner
            // elements of either result.
            unsafe {
                let element = x.add(from + index * inner).read();
                values.add(to + i * inner).write(element);
                indices.add(to + i * inner).write(index as i64);
            }
        }
    }
}

impl Kernel for Sort {
    const NAME: &'static str = "sort";

    fn scratch_bytes(&self) -> usize {
        let size = match self.is_wide() {
            true => size_of::<u128>(),
            false => size_of::<u64>(),
        };
        self.pieces.count.min(pool::threads()) * self.axis.n * size
    }

    fn forecast(&self, _in_place: InPlace) -> StepForecast {
        let Axis { n, .. } = self.axis;
        let lines = self.axis.lines();
        let size = self.dtype.size();
        let bytes = lines * (n * size + self.count * (size + DType::I64.size()));
        let comparisons = primitives::Sort::comparisons(n, self.count);
        StepForecast::moving(self.dtype, bytes).with(Work::Indexing, lines * comparisons)
    }

    unsafe fn run(&self, arrays: &Arrays<'_>) -> Result<()> {
        // SAFETY: by the caller.
        unsafe {
            match self.dtype.kind() {
                Kind::Float(float) => by_float!(float, T => self.run_as::<T>(arrays)),
                Kind::Integer(integer) => by_integer!(integer, T => self.run_as::<T>(arrays)),
                Kind::Bool => self.run_as::<u8>(arrays),
            }
        }
        Ok(())
    }
}
