//! Products with few rows, few columns or few numbers to sum.
//! Their cost is reading the large operand once, or writing the large result once.

use super::room;
use crate::kernels::{self, Block, DEPTH, Isa, transpose};
use crate::pool::{self, Pieces, Shared};
use gradus_ir::ComputeFloat;
use std::cell::Cell;

// These bounds say when the kernels are used.
// Within them the kernels were up to four times as fast as the library on one thread, and seldom below 0.9 of its
// speed; outside, the library's packing pays off.
// (AVX-512, both element types, operands in cache,
// the minimum of 15 interleaved runs of about two hundred shapes.)

/// The most rows or columns that count as few, for each strategy.
/// For dots the bound is higher if the large operand has [`LONG_DOTS`] elements, because packing it takes long.
const FEW_BY_ROWS: usize = 20;
const FEW_BY_DOTS: usize = 24;
const FEW_BY_LONG_DOTS: usize = 72;
const LONG_DOTS: usize = 80_000;
/// The fewest elements of the large operand: a smaller one is packed quickly.
const LARGE_BY_ROWS: usize = 50_000;
const LARGE_BY_DOTS: usize = 8192;
/// The bound for rows if the result has few columns, for which the library is slow:
/// it makes a training step of a small network 5 % faster.
const LARGE_TRANSPOSED: usize = 8192;
/// With up to [`FEW_COLUMNS`] columns, and a large operand of [`LARGE_FEW_COLUMNS`] elements,
/// the library takes at least 1.5 times as long as either strategy.
/// With one column or row it takes 1.1 to 2 times as long.
const FEW_COLUMNS: usize = 8;
const LARGE_FEW_COLUMNS: usize = 1024;
/// The fewest products in a sum: lanes have to be summed up, and sums by rows have to be added to the result.
const SUMMED_BY_ROWS: usize = 32;
const SUMMED_BY_DOTS: usize = 64;
const SUMMED_BY_FEW_DOTS: usize = 40;
/// With two columns and fewer multiplications than this the library is as fast.
const MULTIPLIED: usize = 40_000;
/// A result of at least this many bytes is stored past the caches,
/// which otherwise read the old contents and lose the next data.
/// Only this makes it faster than the library, whose sums are as fast.
const STREAMED: usize = 6 << 20;
/// Several threads write to the last-level cache twice as fast as to memory.
/// They do if the program touches at most this many bytes, which stay in the cache.
const LAST_CACHE: usize = 16 << 20;
/// The cost of reading an element of the large operand, in multiplications.
const READ: usize = 8;
/// The multiplications and reads that are worth a piece: three or four microseconds on one thread.
const PIECE: usize = 250_000;
/// The multiplications and reads that are worth waking a thread.
const WORTH_WAKING: usize = 2_000_000;
/// The bytes of each row of a wide matrix that a piece of its product with one row reads: a page of memory.
const ONE_ROW_PIECE: usize = 4096;
/// The fewest columns of a matrix that is cut in this way.
const ONE_ROW_LEAST: usize = 1024;
/// Bytes of a cache line; pieces begin at a cache line.
const LINE: usize = 64;

thread_local! {
    /// The few rows, and a transposed operand, in units of any element's alignment.
    static PREPARED: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
    /// The transposed result of a piece.
    static RESULT: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
}

/// A product `[few, k] × [k, many]`, possibly the transpose of the requested one; strides in elements.
#[derive(Debug)]
pub(super) struct Skinny {
    kernels: kernels::Skinny,
    float: ComputeFloat,
    strategy: Strategy,
    /// Whether the few rows are columns of the right operand.
    flipped: bool,
    few: usize,
    k: usize,
    many: usize,
    left: (isize, isize),
    right: (isize, isize),
    out: (isize, isize),
    pieces: Pieces,
    /// Whether the program touches more memory than the last-level cache holds.
    fills_cache: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Strategy {
    /// It adds multiples of rows.
    Rows,
    /// It adds multiples of rows, and the result is the large array; pieces are cut from its rows.
    Outer,
    /// It multiplies columns.
    Dots,
}

impl Skinny {
    /// The kernel for `[m, k] × [k, n]`, if it is faster than the library.
    pub fn choose(
        float: ComputeFloat,
        (m, k, n): (usize, usize, usize),
        left: (isize, isize),
        right: (isize, isize),
    ) -> Option<Skinny> {
        let kernels = kernels::skinny(float, Isa::best())?;
        let mut skinny = Skinny {
            kernels,
            float,
            strategy: Strategy::Rows,
            flipped: false,
            few: m,
            k,
            many: n,
            left,
            right,
            out: (n as isize, 1),
            pieces: Pieces::ONE,
            fills_cache: true,
        };
        let bytes = float.dtype().size();
        if m.min(n) <= FEW_BY_LONG_DOTS {
            if n < m {
                skinny.flipped = true;
                (skinny.few, skinny.many) = (n, m);
                skinny.left = (right.1, right.0);
                skinny.right = (left.1, left.0);
                skinny.out = (1, n as isize);
            }
            skinny.strategy = match skinny.right {
                (_, 1) => Strategy::Rows,
                (1, _) => Strategy::Dots,
                _ => return None,
            };
            let (few, large) = (skinny.few, k * skinny.many);
            // One row reads its matrix in long pieces of rows.
            let narrowest = match skinny.strategy {
                Strategy::Rows if few == 1 && skinny.many >= ONE_ROW_LEAST => {
                    (skinny.many / 2).min(ONE_ROW_PIECE / bytes)
                }
                _ => LINE / bytes,
            };
            skinny.cut(large * (few + READ), skinny.many / narrowest);
            let faster = match skinny.strategy {
                // For a row times columns the library is as fast on one thread.
                Strategy::Dots if few == 1 => {
                    let alone = skinny.flipped && kernels.one_by_dots && large >= LARGE_FEW_COLUMNS;
                    alone || skinny.pieces.count > 1
                }
                _ if few == 1 => large >= LARGE_FEW_COLUMNS,
                _ if skinny.flipped && few <= FEW_COLUMNS => {
                    k >= SUMMED_BY_ROWS && large >= LARGE_FEW_COLUMNS
                }
                Strategy::Dots => {
                    (k >= SUMMED_BY_DOTS || few <= FEW_COLUMNS && k >= SUMMED_BY_FEW_DOTS)
                        && large >= LARGE_BY_DOTS
                        && few * large >= MULTIPLIED
                        && (few <= FEW_BY_DOTS || large >= LONG_DOTS)
                }
                _ => {
                    let least = if skinny.flipped {
                        LARGE_TRANSPOSED
                    } else {
                        LARGE_BY_ROWS
                    };
                    k >= SUMMED_BY_ROWS && large >= least && few <= FEW_BY_ROWS
                }
            };
            if !faster {
                return None;
            }
        } else if k <= DEPTH && m * n * bytes >= STREAMED && (n * bytes).is_multiple_of(LINE) {
            skinny.strategy = Strategy::Outer;
            skinny.cut(m * n * (k + READ), kernels::chunks(m));
        } else {
            return None;
        }
        Some(skinny)
    }

    /// The kernel for a part of a product whose sums are cut: `[m, k] × [k, n]` on the calling thread,
    /// with few columns if `flipped`, else few rows.
    /// `None` if there is no kernel, or if neither axis of the large operand is contiguous.
    pub fn part(
        float: ComputeFloat,
        (m, k, n): (usize, usize, usize),
        left: (isize, isize),
        right: (isize, isize),
        flipped: bool,
    ) -> Option<Skinny> {
        let ((few, many), (left, right), out) = match flipped {
            true => (
                (n, m),
                ((right.1, right.0), (left.1, left.0)),
                (1, n as isize),
            ),
            false => ((m, n), (left, right), (n as isize, 1)),
        };
        let strategy = match right {
            (1, _) if many == 1 => Strategy::Dots,
            (_, 1) => Strategy::Rows,
            (1, _) => Strategy::Dots,
            _ => return None,
        };
        Some(Skinny {
            kernels: kernels::skinny(float, Isa::best())?,
            float,
            strategy,
            flipped,
            few,
            k,
            many,
            left,
            right,
            out,
            pieces: Pieces::ONE,
            fills_cache: false,
        })
    }

    /// Whether the large operand is read column by column.
    pub fn by_dots(&self) -> bool {
        self.strategy == Strategy::Dots
    }

    /// Chooses the pieces by the sizes alone, so that the program is the same for any number of threads.
    fn cut(&mut self, work: usize, most: usize) {
        self.pieces = Pieces::power_of_two((work / PIECE).min(most), work >= WORTH_WAKING);
    }

    /// Sets the number of bytes that a run of the whole program touches.
    pub fn in_program(&mut self, touched: usize) {
        self.fills_cache = touched > LAST_CACHE;
    }

    /// Computes the product.
    ///
    /// # Safety
    /// The operands hold everything that the strides reach; `out` has room for the result and overlaps neither.
    pub unsafe fn run(&self, left: *const u8, right: *const u8, out: *mut u8) {
        // SAFETY: by the caller.
        unsafe {
            kernels::by_compute_float!(self.float, T => self.run_as::<T>(left, right, out));
        }
    }

    /// The elements of the few rows and of the transposed operand that a run prepares.
    fn prepared(&self) -> (usize, usize) {
        let transposed_right = self.right.1 != 1 && self.strategy == Strategy::Outer;
        let in_order = self.strategy == Strategy::Dots && self.left.1 == 1;
        let left = if in_order { 0 } else { self.few * self.k };
        let right = if transposed_right {
            self.k * self.many
        } else {
            0
        };
        (left, right)
    }

    /// Bytes that a run prepares beside its arrays.
    pub fn scratch(&self) -> usize {
        let (left, right) = self.prepared();
        (left + right) * self.float.dtype().size()
    }

    /// # Safety
    /// See [`run`](Self::run); the elements have type `T`.
    unsafe fn run_as<T: Copy>(&self, left: *const u8, right: *const u8, out: *mut u8) {
        let (left, right) = match self.flipped {
            true => (right, left),
            false => (left, right),
        };
        let mut memory = PREPARED.take();
        let (left_len, right_len) = self.prepared();
        let room = room::<T>(&mut memory, left_len + right_len);
        // SAFETY: by the caller; there is room for both.
        let operands = unsafe { self.prepare_operands(left.cast::<T>(), right.cast(), room) };
        let out = Shared(out);
        let streams = self.fills_cache || pool::threads() == 1;
        pool::each(self.pieces, &|piece| {
            let share = |n: usize| {
                let count = self.pieces.count;
                (n * piece / count, n * (piece + 1) / count)
            };
            let mut block = Block {
                few: self.few,
                k: self.k,
                columns: (0, self.many),
                left: operands.left.get(),
                left_step: operands.left_step,
                right: operands.right.get(),
                right_step: operands.right_step,
                out: out.get(),
                out_strides: self.out,
                chunks: (0, kernels::chunks(self.few)),
                group: self.group(),
                stream: false,
            };
            // SAFETY: by the caller; pieces write to different parts of the result.
            unsafe {
                if self.strategy == Strategy::Outer {
                    block.chunks = share(block.chunks.1);
                    block.stream = streams && out_begins_line(block.out);
                    return (self.kernels.rows)(&block);
                }
                let unit = LINE / size_of::<T>();
                let (from, to) = share(self.many.div_ceil(unit));
                block.columns = (from * unit, (to * unit).min(self.many));
                if self.strategy == Strategy::Dots {
                    (self.kernels.dots)(&block);
                } else if self.out.1 == 1 {
                    (self.kernels.rows)(&block);
                } else {
                    rows_transposed::<T>(self.kernels, block);
                }
            }
        });
        PREPARED.set(memory);
    }

    /// The number of few rows that are packed together.
    fn group(&self) -> usize {
        match self.strategy {
            Strategy::Outer => self.kernels.group_of_many,
            _ => self.kernels.group,
        }
    }

    /// The operands in the form that the kernels read: packed or transposed in `room`, or in place.
    ///
    /// # Safety
    /// The operands hold everything that the strides reach;
    /// `room` has room for the [prepared](Self::prepared) elements.
    unsafe fn prepare_operands<T: Copy>(
        &self,
        left: *const T,
        right: *const T,
        room: *mut T,
    ) -> Prepared {
        let (few, k, many) = (self.few, self.k, self.many);
        let (left_len, right_len) = self.prepared();
        let (in_order, transposes_right) = (left_len == 0, right_len > 0);
        let right_room = room.wrapping_add(left_len);
        // SAFETY: by the caller.
        unsafe {
            match self.strategy {
                Strategy::Dots if in_order => {}
                Strategy::Dots => transpose(left, self.left, (few, k), room),
                _ => (self.kernels).pack((few, k), self.group(), left, self.left, room),
            }
            if transposes_right {
                transpose(right, self.right, (k, many), right_room);
            }
        }
        let (left, left_step) = match in_order {
            true => (left, self.left.0),
            false => (room.cast_const(), k as isize),
        };
        let right_step = match self.strategy {
            Strategy::Dots => self.right.1,
            _ if transposes_right => many as isize,
            _ => self.right.0,
        };
        let right = match transposes_right {
            true => right_room.cast_const(),
            false => right,
        };
        Prepared {
            left: Shared(left.cast_mut().cast()),
            left_step,
            right: Shared(right.cast_mut().cast()),
            right_step,
        }
    }
}

/// The operands in the form that the kernels read.
struct Prepared {
    left: Shared,
    left_step: isize,
    right: Shared,
    right_step: isize,
}

/// Computes the rows of the result in scratch memory, and copies them to the columns of the result.
///
/// # Safety
/// See the kernel; the result's columns are adjacent.
unsafe fn rows_transposed<T: Copy>(kernels: kernels::Skinny, block: Block) {
    let (from, to) = block.columns;
    let n = to - from;
    let mut memory = RESULT.take();
    let rows = room::<T>(&mut memory, n * block.few);
    // SAFETY: by the caller; columns from the first of the block on are written to the scratch memory.
    unsafe {
        let inner = Block {
            columns: (0, n),
            right: block.right.cast::<T>().add(from).cast(),
            out: rows.cast(),
            out_strides: (n as isize, 1),
            ..block
        };
        (kernels.rows)(&inner);
        let out = block.out.cast::<T>().add(from * block.few);
        transpose(rows.cast_const(), (1, n as isize), (n, block.few), out);
    }
    RESULT.set(memory);
}

fn out_begins_line(out: *mut u8) -> bool {
    out.addr().is_multiple_of(LINE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The strategy for `[m, k] × [k, n]`, with both operands row by row unless transposed.
    fn strategy((m, k, n): (usize, usize, usize), transposed: [bool; 2]) -> Option<Strategy> {
        let lies = |rows: usize, columns: usize, transposed| {
            if transposed {
                (1, rows as isize)
            } else {
                (columns as isize, 1)
            }
        };
        let (left, right) = (lies(m, k, transposed[0]), lies(k, n, transposed[1]));
        Skinny::choose(ComputeFloat::F32, (m, k, n), left, right).map(|s| s.strategy)
    }

    #[test]
    fn the_large_operand_is_read_in_the_order_in_which_it_lies() {
        if kernels::skinny(ComputeFloat::F32, Isa::best()).is_none() {
            return;
        }
        assert_eq!(
            strategy((20, 2000, 2000), [false, false]),
            Some(Strategy::Rows)
        );
        assert_eq!(
            strategy((20, 2000, 2000), [true, true]),
            Some(Strategy::Dots)
        );
        assert_eq!(
            strategy((2000, 2000, 20), [false, true]),
            Some(Strategy::Dots)
        );
        assert_eq!(
            strategy((2000, 2000, 20), [true, false]),
            Some(Strategy::Rows)
        );
        assert_eq!(
            strategy((2000, 20, 2000), [true, true]),
            Some(Strategy::Outer)
        );
        // Large enough for two threads, and too small.
        assert_eq!(
            strategy((2000, 2000, 1), [false, false]),
            Some(Strategy::Dots)
        );
        let alone = strategy((200, 200, 1), [false, false]);
        assert_eq!(alone.is_some(), Isa::best() == Isa::Avx512);
        assert_eq!(strategy((200, 200, 1), [true, false]), Some(Strategy::Rows));
        assert_eq!(strategy((1, 200, 200), [false, true]), None);
        assert_eq!(strategy((30, 30, 1), [false, false]), None);
        // Few columns; many rows of a large operand with contiguous columns.
        assert_eq!(strategy((64, 64, 4), [true, true]), Some(Strategy::Rows));
        assert_eq!(strategy((64, 64, 4), [false, false]), Some(Strategy::Dots));
        assert_eq!(
            strategy((64, 300, 300), [false, true]),
            Some(Strategy::Dots)
        );
        assert_eq!(strategy((64, 100, 100), [false, true]), None);
        // Many rows, a small operand, a small result, rows of the result with any alignment.
        assert_eq!(strategy((128, 784, 512), [false, false]), None);
        assert_eq!(strategy((4, 64, 64), [false, false]), None);
        assert_eq!(strategy((500, 10, 500), [false, false]), None);
        assert_eq!(strategy((2000, 20, 2001), [false, false]), None);
    }
}
