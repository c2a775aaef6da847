//! Whether memory can hold what a run needs, and the error if it cannot.

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

    /// Bytes of scratch memory that a step takes beside the buffers, at most.
    pub(crate) fn step_scratch(&self) -> usize {
        self.step_scratch
    }

    /// The largest array that a run writes.
    pub(crate) fn largest(&self) -> Option<&Largest> {
        self.assignment.largest.as_ref()
    }

    /// Whether the arrays of a run can be had beside what is there, so that none begins that would end half way.
    /// The arena still needs `arena` bytes.
    ///
    /// # Errors
    /// If they cannot.
    pub(super) fn fits(&self, arena: usize) -> Result<()> {
        let wanted = self.held() - self.assignment.arena + arena;
        // Free blocks become results.
        let more = wanted.saturating_sub(memory::free_bytes());
        memory::allow(more).map_err(|shortage| self.refused(shortage))
    }

    /// The error of a run whose arrays cannot be had.
    pub(super) fn refused(&self, shortage: Shortage) -> Error {
        let held = Bytes(self.held() as u64);
        let Some(Largest { name, ty, loc }) = self.largest() else {
            return shortage.error(format_args!(
                "the program holds {held} beside its arguments"
            ));
        };
        if self.held() == ty.bytes() {
            return too_large(name, ty, shortage).at(*loc);
        }
        let bytes = Bytes(ty.bytes() as u64);
        let wanted = format_args!(
            "{name}: {ty} takes {bytes}, and the program that it belongs to holds {held} beside its arguments"
        );
        shortage.error(wanted).at(*loc)
    }
}
