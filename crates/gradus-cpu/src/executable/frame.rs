//! Memory that a program keeps between runs.

use super::Executable;
use crate::list::List;
use crate::registers::Registers;
use crate::storage::Storage;
use gradus_engine::KeepsMemory;
use gradus_engine::memory::Buffer;
use std::sync::PoisonError;

/// The memory of a run beside its inputs and outputs.
pub(crate) struct Frame {
    /// The program's own memory. A nested program uses the memory of the outer one.
    pub(super) arena: Option<Buffer>,
    /// The address of each buffer.
    pub(super) buffers: Vec<*mut u8>,
    lists: Vec<List>,
    /// The registers of each step.
    pub(super) registers: Vec<Option<Registers>>,
}

// SAFETY: `bind` and `run_again` set the pointers anew at each run, in the one thread that has the frame from
// `take_frame`, or they point to memory that the frame owns.
unsafe impl Send for Frame {}

impl Frame {
    /// Bytes of all lists.
    pub(super) fn list_bytes(&self) -> u64 {
        self.lists.iter().map(|list| list.len() as u64).sum()
    }
}

impl Executable {
    /// The frame of an earlier run, or a new one.
    pub(crate) fn take_frame(&self) -> Frame {
        let kept = self
            .frames
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        kept.unwrap_or_else(|| Frame {
            arena: None,
            buffers: vec![std::ptr::null_mut(); self.assignment.storage.len()],
            lists: (0..self.assignment.lists)
                .map(|_| List::default())
                .collect(),
            registers: self.steps.iter().map(|s| s.step.registers()).collect(),
        })
    }

    /// Keeps a frame for a later run.
    pub(crate) fn give_frame(&self, mut frame: Frame) {
        frame.lists.iter_mut().for_each(List::give_back);
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        frames.push(frame);
    }

    /// Points the buffers of `frame` to the arrays of a run.
    ///
    /// # Safety
    /// The arrays have the types of the program, and the arena has its bytes.
    pub(crate) unsafe fn bind(
        &self,
        frame: &mut Frame,
        input: impl Fn(usize) -> *mut u8,
        output: impl Fn(usize) -> *mut u8,
        arena: *mut u8,
    ) {
        let Frame { buffers, lists, .. } = frame;
        for (buffer, storage) in buffers.iter_mut().zip(&self.assignment.storage) {
            *buffer = match *storage {
                Storage::Input(k) => input(k),
                Storage::Output(k) => output(k),
                // SAFETY: `Arena::take` gave this offset below `Arena::size`,
                // and the arena has that many bytes by the caller.
                Storage::Arena(at) => unsafe { arena.add(at) },
                Storage::List(k) => (&raw mut lists[k]).cast(),
            };
        }
    }
}

impl KeepsMemory for Executable {
    fn release_memory(&self) {
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        let released = std::mem::take(&mut *frames);
        drop(frames);
        drop(released);
    }
}
