//! A loop nest of machine code, and its run.

use super::super::program::Value;
use crate::native::Code;

/// Operations as one loop over the elements of a tile.
pub(in super::super) struct Nest {
    pub(super) code: Code,
    /// The values in memory that the loop reads or writes. The code takes their addresses in this order.
    pub(super) memory: Vec<InMemory>,
    /// Vectors that instructions read, after the addresses of the values.
    pub(super) constants: Box<[[u8; VECTOR]]>,
    /// Elements of a vector.
    pub(super) lanes: usize,
}

/// A value that a nest reads from memory or writes there.
#[derive(Clone, Copy, Debug)]
pub(super) struct InMemory {
    pub value: Value,
    /// Bytes of an element.
    pub bytes: usize,
    /// Whether all elements of its tile are the same, so that the first vector is read each time.
    pub is_fixed: bool,
    pub is_written: bool,
}

/// Bytes of a vector register.
pub(super) const VECTOR: usize = 32;
/// The most values in memory of one nest: each has its address in a register.
pub(super) const MOST_IN_MEMORY: usize = 11;

impl Nest {
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
