//! Checks whether memory can hold a run, and reports the error if it cannot.

use super::Executable;
use crate::step::Largest;
use gradus_engine::memory::{self, Bytes, Shortage, too_large};
use gradus_ir::{Error, Result};

impl Executable {
    /// Bytes that a run holds beside its inputs.
    pub(super) fn held(&self) -> usize {
        let beside = self.result_bytes.saturating_add(self.step_scratch);
        self.assignment.arena.saturating_add(beside)
    }

    /// Bytes of memory that a run needs beside its inputs and outputs.
    pub(crate) fn arena_bytes(&self) -> usize {
        self.assignment.arena
    }

    /// The most bytes of scratch memory that a step uses beside the buffers.
    pub(crate) fn step_scratch(&self) -> usize {
        self.step_scratch
    }

    /// The largest array that a run writes.
    pub(crate) fn largest(&self) -> Option<&Largest> {
        self.assignment.largest.as_ref()
    }

    /// Checks that memory is available for the arrays of a run beside the existing ones,
    /// so that no run starts that would fail half way. The arena still needs `arena` bytes.
    ///
    /// # Errors
    /// If it is not.
    pub(super) fn fits(&self, arena: usize) -> Result<()> {
        let wanted = self.held() - self.assignment.arena + arena;
        // Free blocks become results.
        let more = wanted.saturating_sub(memory::free_bytes());
        memory::allow(more).map_err(|shortage| self.refused(shortage))
    }

    /// The error of a run without enough memory for its arrays.
    pub(super) fn refused(&self, shortage: Shortage) -> Error {
        let held = Bytes(self.held() as u64);
        let Some(Largest { name, ty, loc }) = self.largest() else {
            return shortage.error(format_args!(
                "the program holds {held} in addition to its arguments"
            ));
        };
        if self.held() == ty.bytes() {
            return too_large(name, ty, shortage).at(*loc);
        }
        let bytes = Bytes(ty.bytes() as u64);
        let wanted = format_args!(
            "{name}: {ty} takes {bytes}, and the program that it belongs to holds {held} in addition to its arguments"
        );
        shortage.error(wanted).at(*loc)
    }
}
