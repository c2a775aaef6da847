//! Products with long sums. A plain sum of ten million products loses four digits of f32.
//! Here a few hundred are summed at a time, and these partial sums are added in higher precision,
//! so that a long product is as exact as a sum.

use super::library::{self, Float};
use super::product::{PIECE, TWO_PIECES, WORTH_WAKING};
use super::room;
use super::skinny::Skinny;
use crate::kernels::{
    add_dot_to_total, add_to_totals, by_compute_float, merge_totals, total, transpose,
};
use crate::pool::{self, Pieces, Shared};
use gradus_ir::ComputeFloat;
use std::cell::Cell;

/// Sums of more products than this are long.
/// With few rows or columns, which our own kernels multiply, the bound is lower,
/// because partial sums cost these kernels nothing.
const LONG: usize = 8192;
const LONG_OF_FEW: usize = 4096;
const FEW: usize = 20;
/// The number of products that are summed before they are added to totals, and the number that the library sums in
/// one register before it adds the sum to the partial sum.
const PART: usize = 512;
const IN_REGISTER: usize = 128;
/// Rows and columns of a block of the result, whose totals stay in the second-level cache.
/// With few rows, a block has this many columns, read row by row or column by column.
const SIDE: usize = 128;
const BY_ROWS: usize = 1024;
const BY_DOTS: usize = 32;
/// The sums themselves are cut if the result has too few blocks for the threads:
/// into parts of at least [`SHORTEST`] products, with at most [`MOST_TOTALS`] totals.
const SHORTEST: usize = 4096;
const MOST_TOTALS: usize = 1 << 18;

thread_local! {
    /// A part of a block, its totals and a transposed matrix, in units of any element's alignment.
    static BLOCK: Cell<[Vec<u64>; 3]> = const { Cell::new([const { Vec::new() }; 3]) };
    /// The totals of all blocks and cuts, owned by the thread that began the product.
    static ALL: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
}

/// `[batch, m, k] × [batch, k, n]` with a long `k`; strides in elements.
#[derive(Debug)]
pub(super) struct Long {
    float: ComputeFloat,
    m: usize,
    k: usize,
    n: usize,
    left: (isize, isize),
    right: (isize, isize),
    /// The few rows or columns, if there are few; otherwise the library multiplies.
    few: Option<Few>,
    /// Rows and columns of a block.
    block: (usize, usize),
    /// First row and column of each block of a result; for a symmetric result, of the blocks up to the diagonal.
    blocks: Vec<(usize, usize)>,
    symmetric: bool,
    batch: usize,
    /// The number of cuts of the sums.
    cuts: usize,
    pieces: Pieces,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Few {
    Rows,
    Columns,
}

/// The arrays of one product.
#[derive(Clone, Copy)]
pub(super) struct Addresses {
    pub left: Shared,
    pub right: Shared,
    pub out: Shared,
}

impl Long {
    /// `None` if the sums are short.
    pub fn new(
        float: ComputeFloat,
        (m, k, n): (usize, usize, usize),
        (left, right): ((isize, isize), (isize, isize)),
        batch: usize,
        symmetric: bool,
    ) -> Option<Long> {
        if k <= LONG_OF_FEW || m * n * batch == 0 {
            return None;
        }
        let which = if m <= n { Few::Rows } else { Few::Columns };
        let kernels = (m.min(n) <= FEW)
            .then(|| Skinny::part(float, (m, PART, n), left, right, which == Few::Columns))
            .flatten();
        let block = match (&kernels, which) {
            (None, _) if k <= LONG && m.min(n) > FEW => return None,
            (None, _) => (SIDE, SIDE),
            (Some(s), Few::Rows) => (m, if s.by_dots() { BY_DOTS } else { BY_ROWS }),
            (Some(s), Few::Columns) => (if s.by_dots() { BY_DOTS } else { BY_ROWS }, n),
        };
        let symmetric = symmetric && kernels.is_none();
        let blocks: Vec<(usize, usize)> = (0..m)
            .step_by(block.0)
            .flat_map(|i| (0..n).step_by(block.1).map(move |j| (i, j)))
            .filter(|&(i, j)| !symmetric || j <= i)
            .collect();
        let all = [batch, m, k, n].into_iter().fold(1, usize::saturating_mul);
        // This depends on the sizes alone, so that the sums are equal for any number of threads.
        let wanted =
            ((all as f64 / PIECE as f64).sqrt() as usize).max(1 + usize::from(all >= TWO_PIECES));
        let wanted = wanted.min(pool::MOST_PIECES);
        let there = blocks.len() * batch;
        let size = block.0.min(m) * block.1.min(n) * there;
        let cuts = wanted
            .div_ceil(there)
            .min(k / SHORTEST)
            .min(MOST_TOTALS / size)
            .max(1);
        let pieces = Pieces::power_of_two(wanted.min(there * cuts), all >= WORTH_WAKING);
        Some(Long {
            float,
            m,
            k,
            n,
            left,
            right,
            few: kernels.map(|_| which),
            block,
            blocks,
            symmetric,
            batch,
            cuts,
            pieces,
        })
    }

    /// Computes the products; `addresses` returns the arrays of product `i`.
    ///
    /// # Safety
    /// The operands hold everything that the strides reach; results have room and overlap neither.
    pub unsafe fn run(&self, addresses: &(dyn Fn(usize) -> Addresses + Sync)) {
        // SAFETY: by the caller.
        unsafe {
            by_compute_float!(self.float, T => self.run_as::<T>(addresses));
        }
    }

    unsafe fn run_as<T: Float>(&self, addresses: &(dyn Fn(usize) -> Addresses + Sync)) {
        let jobs = self.batch * self.blocks.len() * self.cuts;
        let most = self.block.0.min(self.m) * self.block.1.min(self.n);
        let mut memory = ALL.take();
        let of_all = match self.cuts {
            1 => None,
            _ => Some(Shared(room::<f64>(&mut memory, jobs * 2 * most).cast())),
        };
        let count = self.pieces.count;
        pool::each(self.pieces, &|piece| {
            let mut own = BLOCK.take();
            for job in jobs * piece / count..jobs * (piece + 1) / count {
                let (which, cut) = (job / self.cuts, job % self.cuts);
                let (i, block) = (which / self.blocks.len(), which % self.blocks.len());
                let size = self.size_of_block(block);
                let elements = size.0 * size.1;
                // SAFETY: by the caller; each job has its own totals, and each block is written by one job.
                unsafe {
                    let totals = match &of_all {
                        Some(all) => all.get().cast::<f64>().add(job * 2 * most),
                        None => room::<f64>(&mut own[1], 2 * elements),
                    };
                    totals.write_bytes(0, 2 * elements);
                    let from = self.k * cut / self.cuts;
                    let to = self.k * (cut + 1) / self.cuts;
                    self.sum::<T>(addresses(i), block, (from, to), totals, &mut own);
                    if of_all.is_none() {
                        self.finish::<T>(addresses(i).out, block, totals);
                    }
                }
            }
            BLOCK.set(own);
        });
        if let Some(all) = of_all {
            for which in 0..self.batch * self.blocks.len() {
                let (i, block) = (which / self.blocks.len(), which % self.blocks.len());
                let size = self.size_of_block(block);
                // SAFETY: the jobs are done; the totals of a block's cuts are adjacent.
                unsafe {
                    let first = all.get().cast::<f64>().add(which * self.cuts * 2 * most);
                    for cut in 1..self.cuts {
                        merge_totals(first.add(cut * 2 * most), first, size.0 * size.1);
                    }
                    self.finish::<T>(addresses(i).out, block, first);
                }
            }
        }
        ALL.set(memory);
    }

    /// Whether this is a product of two vectors with adjacent elements, which needs neither partial sums in memory
    /// nor kernels for several rows.
    fn is_dot(&self) -> bool {
        (self.m, self.n) == (1, 1) && (self.left.1, self.right.0) == (1, 1)
    }

    fn size_of_block(&self, block: usize) -> (usize, usize) {
        let (i, j) = self.blocks[block];
        (self.block.0.min(self.m - i), self.block.1.min(self.n - j))
    }

    /// Adds the products `from..to` of a block to its totals.
    ///
    /// # Safety
    /// See [`run`](Self::run); `totals` are the block's.
    unsafe fn sum<T: Float>(
        &self,
        at: Addresses,
        block: usize,
        (from, to): (usize, usize),
        totals: *mut f64,
        own: &mut [Vec<u64>; 3],
    ) {
        if self.is_dot() {
            // SAFETY: by the caller; the vectors' elements lie side by side.
            return unsafe {
                let left = at.left.get().cast::<T>().add(from).cast();
                let right = at.right.get().cast::<T>().add(from).cast();
                add_dot_to_total(self.float, left, right, to - from, totals);
            };
        }
        let (i, j) = self.blocks[block];
        let (rows, columns) = self.size_of_block(block);
        let [part, _, transposed] = own;
        let part = room::<T>(part, rows * columns);
        // For a vector the library adds each product to the result.
        let depth = match (self.few, rows.min(columns)) {
            (None, 1) => IN_REGISTER,
            _ => PART,
        };
        for l in (from..to).step_by(depth) {
            let depth = depth.min(to - l);
            // SAFETY: by the caller; these are the first elements of the block's rows and columns.
            unsafe {
                let left = at.left.get().cast::<T>();
                let left = left.offset(i as isize * self.left.0 + l as isize * self.left.1);
                let right = at.right.get().cast::<T>();
                let right = right.offset(l as isize * self.right.0 + j as isize * self.right.1);
                let size = (rows, depth, columns);
                match self.few {
                    Some(which) => {
                        let flipped = which == Few::Columns;
                        Skinny::part(self.float, size, self.left, self.right, flipped)
                            .expect("the kernel was chosen by what does not change")
                            .run(left.cast(), right.cast(), part.cast());
                    }
                    None => self.by_library(size, left, right, part, transposed),
                }
                add_to_totals(self.float, part.cast(), totals, rows * columns);
            }
        }
    }

    /// Computes a part of a block by the library.
    /// Each call has few products, because the library sums the products of a call in one register.
    ///
    /// # Safety
    /// See [`run`](Self::run); `part` has room for the block.
    unsafe fn by_library<T: Float>(
        &self,
        (rows, depth, columns): (usize, usize, usize),
        left: *const T,
        right: *const T,
        part: *mut T,
        transposed: &mut Vec<u64>,
    ) {
        let transposes = self.right.0 == 1
            && self.right.1 != 1
            && rows >= super::product::ROWS_WORTH_TRANSPOSING;
        for l in (0..depth).step_by(IN_REGISTER) {
            let depth = IN_REGISTER.min(depth - l);
            // SAFETY: by the caller.
            unsafe {
                let left = left.offset(l as isize * self.left.1);
                let mut right = right.offset(l as isize * self.right.0);
                let mut strides = self.right;
                if transposes {
                    let to = room::<T>(transposed, depth * columns);
                    transpose(right, strides, (depth, columns), to);
                    (right, strides) = (to, (columns as isize, 1));
                }
                let size = (rows, depth, columns);
                let out = (part, columns);
                library::multiply(size, (left, self.left), (right, strides), out, l > 0);
            }
        }
    }

    /// Writes a block and, for a symmetric result, the equal block.
    ///
    /// # Safety
    /// See [`run`](Self::run); `totals` are the block's.
    unsafe fn finish<T: Float>(&self, out: Shared, block: usize, totals: *const f64) {
        let (i0, j0) = self.blocks[block];
        let (rows, columns) = self.size_of_block(block);
        let n = rows * columns;
        let out = out.get().cast::<T>();
        for i in 0..rows {
            for j in 0..columns {
                // SAFETY: by the caller.
                unsafe {
                    let value = T::rounded(total(totals, n, i * columns + j));
                    let (i, j) = (i0 + i, j0 + j);
                    if !self.symmetric {
                        out.add(i * self.n + j).write(value);
                    } else if j <= i {
                        out.add(i * self.n + j).write(value);
                        out.add(j * self.n + i).write(value);
                    }
                }
            }
        }
    }
}
