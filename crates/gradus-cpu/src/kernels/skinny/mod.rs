//! Products of few rows with a large matrix that is read in place, once.
//! There is too little arithmetic to pay for a copy in the order of the multiplication.
//!
//! [`Skinny::rows`] adds multiples of the matrix's rows, [`Skinny::dots`] multiplies with its columns.
//! The layout of the matrix decides which one reads it in the order of its memory.
//! Both sum in parts: `rows` [`DEPTH`] products at a time, `dots` in as many lanes as a register has.

#[cfg(target_arch = "x86_64")]
mod one_row;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::isa::Isa;
use gradus_ir::ComputeFloat;

/// The number of rows of the matrix that [`Skinny::rows`] sums in registers before it adds to the result.
pub(crate) const DEPTH: usize = 64;
/// The few rows that are multiplied by the matrix together; more rows need several passes.
const CHUNK: usize = 36;
/// `few × k` by `k × (to - from)` columns of a larger matrix; strides in elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub few: usize,
    pub k: usize,
    /// The range of the matrix's columns.
    pub columns: (usize, usize),
    /// The few rows.
    /// For `rows` they are packed by [`pack`]; for `dots` the elements of each row are adjacent,
    /// and rows are `left_step` apart.
    pub left: *const u8,
    pub left_step: isize,
    /// The matrix.
    /// For `rows` the elements of a row are adjacent, for `dots` the elements of a column;
    /// the rows or columns are `right_step` apart.
    pub right: *const u8,
    pub right_step: isize,
    /// The element of the result in row 0 and column 0 of the matrix.
    pub out: *mut u8,
    /// The strides from row to row and from column to column. `rows` writes adjacent columns.
    pub out_strides: (isize, isize),
    /// The range of chunks of few rows, of [`chunks`] in total.
    pub chunks: (usize, usize),
    /// The most rows of a group for which [`pack`](Skinny::pack) has laid out the few rows.
    pub group: usize,
    /// Whether `rows` uses stores that bypass the caches.
    /// Then `k ≤ DEPTH`, and every row of the result and the first column begin a cache line.
    pub stream: bool,
}

/// # Safety
/// The pointers of the block reach its sizes; `out` overlaps neither operand; the processor has the instructions
/// for which the kernel was chosen.
pub(crate) type SkinnyKernel = unsafe fn(&Block);

/// The kernels for one element type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Skinny {
    /// Adds multiples of rows: `out[i, j] = Σ_l left[i, l] · right[l, j]`, many `j` at a time.
    pub rows: SkinnyKernel,
    /// Multiplies with columns, many `l` at a time.
    pub dots: SkinnyKernel,
    /// The most rows of a group that passes through registers together, for few rows with a large matrix.
    pub group: usize,
    /// The same for many rows of a large result: fewer, so that more of each row is written at once.
    pub group_of_many: usize,
    /// Whether `dots` keeps the processor busy with one row.
    pub one_by_dots: bool,
}

/// The kernels for this type at this level; `None` if there are none and the library multiplies.
pub(crate) fn skinny(float: ComputeFloat, isa: Isa) -> Option<Skinny> {
    match (isa, float) {
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512, ComputeFloat::F32) => Some(x86::AVX512_F32),
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512, ComputeFloat::F64) => Some(x86::AVX512_F64),
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, ComputeFloat::F32) => Some(x86::AVX2_F32),
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, ComputeFloat::F64) => Some(x86::AVX2_F64),
        (Isa::Portable, ComputeFloat::F32 | ComputeFloat::F64) => None,
    }
}

/// The number of chunks into which `few` rows are cut.
pub(crate) fn chunks(few: usize) -> usize {
    few.div_ceil(CHUNK)
}

/// The range of part `i` if `n` items are cut into `parts` parts that differ by at most one.
#[inline(always)]
fn part(n: usize, parts: usize, i: usize) -> (usize, usize) {
    (n * i / parts, n * (i + 1) / parts)
}

impl Skinny {
    /// Lays out `few` rows of `k` elements in the order in which `rows` reads them: by chunk, then by depth,
    /// then by group, then by column.
    ///
    /// # Safety
    /// `from` holds the rows with these strides; `to` has room for all their elements.
    pub unsafe fn pack<T: Copy>(
        &self,
        (few, k): (usize, usize),
        group: usize,
        from: *const T,
        strides: (isize, isize),
        to: *mut T,
    ) {
        let mut to = to;
        for c in 0..chunks(few) {
            let (c0, c1) = part(few, chunks(few), c);
            let groups = (c1 - c0).div_ceil(group);
            let depths = k.div_ceil(DEPTH);
            for d in 0..depths {
                let (l0, l1) = part(k, depths, d);
                for g in 0..groups {
                    let (i0, i1) = part(c1 - c0, groups, g);
                    for l in l0..l1 {
                        for i in c0 + i0..c0 + i1 {
                            // SAFETY: `i < few`, `l < k`, and each pair occurs once.
                            unsafe {
                                let at = i as isize * strides.0 + l as isize * strides.1;
                                to.write(from.offset(at).read());
                                to = to.add(1);
                            }
                        }
                    }
                }
            }
        }
    }
}
