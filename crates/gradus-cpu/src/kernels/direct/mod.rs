//! Products of matrices of up to 64 rows and columns, read in place.
//! A block of the result stays in registers from the first to the last term of its sums.

#[cfg(target_arch = "x86_64")]
mod x86;

use super::isa::Isa;
use gradus_ir::ComputeFloat;

/// Products `[rows, depth] × [depth, columns]` of several pairs of matrices; strides in elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrices<'a> {
    /// The first elements of the left and the right matrix of each pair, counted from `left` and `right`.
    pub offsets: &'a [(isize, isize)],
    pub rows: usize,
    pub depth: usize,
    pub columns: usize,
    pub left: *const u8,
    /// The strides from row to row and from column to column.
    pub left_steps: (isize, isize),
    /// The elements of each row of a right matrix are adjacent, or those of each column.
    pub right: *const u8,
    pub right_steps: (isize, isize),
    /// The elements of a row of the result are adjacent.
    pub out: *mut u8,
    pub out_step: usize,
    /// From one result to the next.
    pub out_next: usize,
    /// Room for a right matrix, if the kernel [turns](Self::turns) them.
    pub room: *mut u8,
}

impl Matrices<'_> {
    /// Whether the right matrices are copied first, so that the elements of a row are adjacent.
    pub fn turns(&self) -> bool {
        turns(self.right_steps, self.columns)
    }
}

/// Whether right matrices with these steps and columns are copied first.
pub(crate) fn turns(right_steps: (isize, isize), columns: usize) -> bool {
    right_steps.1 != 1 && columns > 1
}

/// Each element of a result is the sum of its products from the first to the last.
///
/// # Safety
/// The pointers reach the sizes; `out` overlaps neither operand; the processor has the instructions
/// for which the kernel was chosen.
pub(crate) type DirectKernel = unsafe fn(&Matrices<'_>);

/// The kernels for one element type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Direct {
    /// Products and sums are rounded together.
    pub fused: DirectKernel,
    /// Products are rounded before they are added.
    pub separate: DirectKernel,
    /// The elements of a register.
    pub lanes: usize,
}

/// The kernels for this type at this level; `None` if there are none.
pub(crate) fn direct(float: ComputeFloat, isa: Isa) -> Option<Direct> {
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
