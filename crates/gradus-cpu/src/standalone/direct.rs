//! Products of small matrices, alone or in batches: too little arithmetic to pay for packing.

use super::room;
use crate::kernels::{self, DirectKernel, Isa, Matrices, turns};
use gradus_ir::ComputeFloat;
use std::cell::Cell;

/// Products of up to this many rows or columns, and sums of as many products, are direct.
const MOST: usize = 64;
/// With fewer columns for each lane of a register, most of the register would be empty.
const LEAST_FILLED: usize = 2;

thread_local! {
    /// A right matrix, row by row, in units of any element's alignment.
    static COPIED: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
}

/// A kernel that reads its operands in place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Direct {
    kernel: DirectKernel,
    float: ComputeFloat,
    lanes: usize,
}

impl Direct {
    /// The kernel for products `[m, k] × [k, n]`, if it is faster than the library and plain loops;
    /// `right` has the strides of the right matrix.
    /// `separate` asks for products that are rounded before they are added, as plain loops do.
    pub fn choose(
        float: ComputeFloat,
        (m, k, n): (usize, usize, usize),
        right: (isize, isize),
        separate: bool,
    ) -> Option<Direct> {
        let kernels = kernels::direct(float, Isa::best())?;
        if m.max(k).max(n) > MOST || n * LEAST_FILLED < kernels.lanes {
            return None;
        }
        // Rows and columns with gaps between their elements are left to the library.
        if turns(right, n) && right.0 != 1 && k > 1 {
            return None;
        }
        let kernel = match separate {
            true => kernels.separate,
            false => kernels.fused,
        };
        Some(Direct {
            kernel,
            float,
            lanes: kernels.lanes,
        })
    }

    /// Whether the columns fill a register.
    pub fn fills(&self, columns: usize) -> bool {
        columns >= self.lanes
    }

    /// Whether the right matrices are copied first: their rows are read as wholes.
    pub fn copies(right_steps: (isize, isize), columns: usize) -> bool {
        turns(right_steps, columns)
    }

    /// Computes the products.
    ///
    /// # Safety
    /// The operands hold the rows and columns of the matrices, and `out` has room for them and overlaps neither.
    /// The steps of the right matrix are among those for which the kernel was chosen.
    pub unsafe fn run(&self, matrices: Matrices<'_>) {
        if !matrices.turns() {
            // SAFETY: by the caller.
            return unsafe { (self.kernel)(&matrices) };
        }
        let mut memory = COPIED.take();
        let elements = matrices.depth * matrices.columns;
        let room = match self.float {
            ComputeFloat::F32 => room::<f32>(&mut memory, elements).cast(),
            ComputeFloat::F64 => room::<f64>(&mut memory, elements).cast(),
        };
        // SAFETY: by the caller; there is room for a right matrix.
        unsafe { (self.kernel)(&Matrices { room, ..matrices }) };
        COPIED.set(memory);
    }
}
