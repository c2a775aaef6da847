//! Products of few rows with a large matrix that is read where it lies, once: its arithmetic is too little to pay for a copy in the order of the multiplication.
//!
//! [`Skinny::rows`] adds multiples of the matrix's rows, [`Skinny::dots`] multiplies with its columns; which one reads it in the order of its memory depends on how
//! it lies. Both sum in parts: `rows` [`DEPTH`] products at a time, `dots` in as many lanes as a register has.

#[cfg(target_arch = "x86_64")]
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::isa::Isa;
use gradus_ir::FloatType;

/// Rows of the matrix that [`Skinny::rows`] adds up in registers before it adds to the result.
pub(crate) const DEPTH: usize = 64;
/// Few rows that are taken through the matrix together; more are done in several passes.
const CHUNK: usize = 36;
/// `few × k` by `k × (to - from)` columns of a larger matrix; strides in elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub few: usize,
    pub k: usize,
    /// The columns of the matrix to multiply with.
    pub columns: (usize, usize),
    /// The few rows: for `rows` as [`pack`] leaves them, for `dots` each with its elements side by side, one row `left_step` behind the other.
    pub left: *const u8,
    pub left_step: isize,
    /// The matrix. For `rows` the elements of a row lie side by side, for `dots` those of a column; the lines are `right_step` apart.
    pub right: *const u8,
    pub right_step: isize,
    /// The element of the result in row 0 and column 0 of the matrix.
    pub out: *mut u8,
    /// From row to row, from column to column; `rows` writes columns side by side.
    pub out_strides: (isize, isize),
    /// Chunks of few rows to do, of [`chunks`] in all.
    pub chunks: (usize, usize),
    /// Rows in a group, at most, for which [`pack`](Skinny::pack) laid the few rows.
    pub group: usize,
    /// Whether `rows` stores past the caches. Then `k ≤ DEPTH`, and every row of the result and the first column begin a line of cache.
    pub stream: bool,
}

/// # Safety
/// The pointers of the block reach what it says; `out` overlaps neither operand; the processor has the instructions that the kernel was chosen for.
pub(crate) type SkinnyKernel = unsafe fn(&Block);

/// The kernels for one element type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Skinny {
    /// Adds multiples of rows: `out[i, j] = Σ_l left[i, l] · right[l, j]`, many `j` at a time.
    pub rows: SkinnyKernel,
    /// Multiplies with columns, many `l` at a time.
    pub dots: SkinnyKernel,
    /// Rows of a group that passes through registers together, at most: of a few that a large matrix is multiplied by.
    pub group: usize,
    /// The same of many rows of a large result: fewer, so that more of each row is written at once.
    pub group_of_many: usize,
    /// Whether `dots` keeps the processor busy with one row.
    pub one_by_dots: bool,
}

/// The kernels for this type at this level; `None` where there are none and the library multiplies.
pub(crate) fn skinny(float: FloatType, isa: Isa) -> Option<Skinny> {
    match (isa, float) {
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512, FloatType::F32) => Some(x86::AVX512_F32),
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512, FloatType::F64) => Some(x86::AVX512_F64),
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, FloatType::F32) => Some(x86::AVX2_F32),
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, FloatType::F64) => Some(x86::AVX2_F64),
        (Isa::Portable, FloatType::F32 | FloatType::F64) => None,
    }
}

/// Into how many chunks `few` rows are cut.
pub(crate) fn chunks(few: usize) -> usize {
    few.div_ceil(CHUNK)
}

/// Part `i` of `n` things in `parts` parts that differ by at most one.
#[inline(always)]
fn part(n: usize, parts: usize, i: usize) -> (usize, usize) {
    (n * i / parts, n * (i + 1) / parts)
}

impl Skinny {
    /// Lays `few` rows of `k` elements in the order in which `rows` reads them: chunk by chunk, in it depth by depth, in it group by group, in it column by
    /// column.
    ///
    /// # Safety
    /// `from` holds the rows with these strides, `to` has room for as many elements.
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
                            // SAFETY: `i < few`, `l < k`, and each pair comes once.
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
