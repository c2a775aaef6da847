//! Loop nests of vector instructions: neighbouring operations of a kernel as one loop of machine code.
//!
//! On tiles each operation reads its operands from the first-level cache and writes its result there. In a nest the
//! values stay in vector registers from their first to their last use; only what the rest of the kernel needs is
//! written. The instructions are those of the loops over tiles (AVX2), one for one, so the results have the same bits.
//! Elementary functions, and operations that have no instruction, keep their loops over tiles between the nests.
//!
//! Kernels change over as programs do, by [`Changeover`](crate::native::Changeover).

mod emit;
mod plan;

use super::kernel::Kernel;
use super::program::Value;
use super::stages::Stage;
use crate::kernels::Isa;
use crate::native::{self, Code};
use plan::Segment;

/// Operations as one loop over the elements of a tile.
pub(super) struct Nest {
    code: Code,
    /// The values in memory that the loop reads or writes. The code takes their addresses in this order.
    memory: Vec<InMemory>,
    /// Vectors that instructions read, after the addresses of the values.
    constants: Box<[[u8; VECTOR]]>,
    /// Elements of a vector.
    lanes: usize,
}

/// A value that a nest reads from memory or writes there.
#[derive(Clone, Copy, Debug)]
struct InMemory {
    value: Value,
    /// Bytes of an element.
    bytes: usize,
    /// Whether all elements of its tile are the same, so that the first vector is read each time.
    is_fixed: bool,
    is_written: bool,
}

/// Bytes of a vector register.
const VECTOR: usize = 32;
/// The most values in memory of one nest: each has its address in a register.
const MOST_IN_MEMORY: usize = 11;
/// Kernels with fewer elements have no nests.
const FEWEST_ELEMENTS: usize = 64;

/// Whether the kernel is long enough, and the machine has the instructions.
pub(super) fn can_have_nests(kernel: &Kernel) -> bool {
    kernel.elements >= FEWEST_ELEMENTS && kernel.loops.len() > 1 && Isa::best() != Isa::Portable
}

/// The work of the kernel on a tile with nests in it; `None` if no part of it can be a nest.
pub(super) fn stages(kernel: &Kernel) -> Option<Vec<Stage>> {
    let mut stages = Vec::new();
    let mut next = 0;
    for segment in plan::segments(kernel) {
        let Some(nest) = Nest::new(kernel, &segment) else {
            continue;
        };
        stages.extend((next..segment.first).map(Stage::Loop));
        stages.push(Stage::Nest(Box::new(nest)));
        next = segment.first + segment.length;
    }
    if stages.is_empty() {
        return None;
    }
    stages.extend((next..kernel.loops.len()).map(Stage::Loop));
    Some(stages)
}

impl Nest {
    fn new(kernel: &Kernel, segment: &Segment) -> Option<Nest> {
        let memory = plan::memory(kernel, segment);
        let written = emit::write(kernel, segment, &memory)?;
        Some(Nest {
            code: native::placed(&written.code)?,
            constants: written.constants.into(),
            lanes: VECTOR / segment.width.bytes(),
            memory,
        })
    }

    /// Runs the loop over the first `n` elements of a tile, where `pointers` has the address of each value of the
    /// kernel.
    ///
    /// # Safety
    /// The addresses are those of a tile with at least `n` elements; what is read holds values of its type.
    pub unsafe fn run(&self, pointers: &[*mut u8], n: usize) {
        let mut addresses = [std::ptr::null_mut(); MOST_IN_MEMORY + 1];
        for (address, m) in addresses.iter_mut().zip(&self.memory) {
            *address = pointers[m.value];
        }
        addresses[self.memory.len()] = self.constants.as_ptr().cast::<u8>().cast_mut();
        let rest = n % self.lanes;
        let whole = n - rest;
        if whole > 0 {
            // SAFETY: by the caller; the code reads and writes `whole` elements of each value.
            unsafe { self.code.run_nest(&addresses, whole) };
        }
        if rest == 0 {
            return;
        }
        // The last elements pass through a vector of their own, so that nothing beyond them is read or written.
        let mut vectors = [[0u8; VECTOR]; MOST_IN_MEMORY];
        for ((address, vector), m) in addresses.iter_mut().zip(&mut vectors).zip(&self.memory) {
            if !m.is_fixed {
                let from = address.wrapping_add(whole * m.bytes);
                // SAFETY: by the caller; the value has `rest` elements from there on, fewer than a vector.
                unsafe { std::ptr::copy_nonoverlapping(from, vector.as_mut_ptr(), rest * m.bytes) };
                *address = vector.as_mut_ptr();
            }
        }
        // SAFETY: each address is of one vector.
        unsafe { self.code.run_nest(&addresses, self.lanes) };
        for (vector, m) in vectors.iter().zip(&self.memory) {
            if m.is_written {
                let to = pointers[m.value].wrapping_add(whole * m.bytes);
                // SAFETY: as above.
                unsafe { std::ptr::copy_nonoverlapping(vector.as_ptr(), to, rest * m.bytes) };
            }
        }
    }
}
