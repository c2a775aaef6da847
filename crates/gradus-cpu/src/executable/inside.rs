//! Runs a program as a part of another, on its arrays and in its memory.

use super::{Executable, Frame};
use crate::instrumentation::Instrumentation;
use crate::storage::Storage;
use gradus_ir::Result;

impl Executable {
    /// Runs once.
    ///
    /// # Errors
    /// See [`run`](Self::run).
    ///
    /// # Safety
    /// The pointers are to arrays of the program's types; `arena` has [`arena_bytes`](Self::arena_bytes).
    /// Nothing overlaps, except that outputs can be the memory of the
    /// inputs that they [reuse](Self::reused_input).
    pub(crate) unsafe fn run_inside(
        &self,
        inputs: &[*mut u8],
        outputs: &[*mut u8],
        arena: *mut u8,
        instrumentation: &mut Instrumentation,
    ) -> Result<()> {
        let mut frame = self.take_frame();
        // SAFETY: by the caller.
        let outcome = unsafe {
            self.bind(&mut frame, |k| inputs[k], |k| outputs[k], arena);
            self.run_again(&mut frame, inputs, outputs, instrumentation)
        };
        self.give_frame(frame);
        outcome
    }

    /// Like [`run_inside`](Self::run_inside), in a frame that the caller has taken for several runs and
    /// [bound](Self::bind) to the arena.
    ///
    /// # Errors
    /// See [`run`](Self::run).
    ///
    /// # Safety
    /// See [`run_inside`](Self::run_inside).
    pub(crate) unsafe fn run_again(
        &self,
        frame: &mut Frame,
        inputs: &[*mut u8],
        outputs: &[*mut u8],
        instrumentation: &mut Instrumentation,
    ) -> Result<()> {
        for &(buffer, storage) in &self.moving {
            frame.buffers[buffer] = match storage {
                Storage::Input(k) => inputs[k],
                Storage::Output(k) => outputs[k],
                Storage::Arena(_) | Storage::List(_) => unreachable!("these stay"),
            };
        }
        let seen = instrumentation.seen();
        let outcome = if self.assignment.lists == 0 {
            self.run_steps(frame, instrumentation, None)
        } else {
            let outside = std::mem::take(&mut instrumentation.list_bytes);
            let outcome = self.run_steps(frame, instrumentation, None);
            let inside = instrumentation.list_bytes + frame.list_bytes();
            instrumentation.list_bytes = outside.max(inside);
            outcome
        };
        instrumentation.sort(seen);
        outcome
    }

    /// The input whose memory output `k` reuses, if it is given away.
    pub(crate) fn reused_input(&self, k: usize) -> Option<usize> {
        self.assignment.reuse.input_of(k)
    }
}
