//! Lists: the steps of a loop of unknown length keep values in them.

use gradus_engine::memory::{Buffer, Bytes, Shortage};
use gradus_ir::{Error, ErrorKind, Result};

/// Larger lists give their memory back after a run.
const KEPT_BYTES: usize = 1 << 20;

/// Items of one size, stored contiguously.
#[derive(Default)]
pub(crate) struct List {
    buffer: Option<Buffer>,
    /// Bytes in use.
    len: usize,
}

impl List {
    /// The bytes of its capacity.
    fn room(&self) -> usize {
        self.buffer.as_ref().map_or(0, |b| b.bytes().len())
    }

    /// Resizes it to `n` items of `item` bytes. Existing items stay.
    ///
    /// # Errors
    /// If memory cannot hold them.
    pub fn resize(&mut self, n: usize, item: usize) -> Result<()> {
        let len = n.saturating_mul(item);
        if len > self.room() {
            self.grow(len).map_err(|shortage| {
                let bytes = Bytes(len as u64);
                shortage.error(format_args!(
                    "a loop of {n} steps keeps {item} bytes of each, which takes {bytes}"
                ))
            })?;
        }
        self.len = len;
        Ok(())
    }

    /// Grows the capacity to at least `len` bytes: to twice the present bytes or,
    /// if memory cannot hold that, to an eighth more.
    /// With smaller steps a list that grows item by item would be copied for each item.
    fn grow(&mut self, len: usize) -> Result<(), Shortage> {
        let twice = self.len.saturating_mul(2);
        let more = self.len.saturating_add(self.len / 8);
        let larger = Buffer::new(len.max(twice)).or_else(|_| Buffer::new(len.max(more)))?;
        if let Some(old) = &self.buffer {
            // SAFETY: the list has `len` bytes; only `resize` increases `len`, after it has made room.
            // The new block has at least as many.
            unsafe { std::ptr::copy_nonoverlapping(old.start(), larger.start(), self.len) };
        }
        self.buffer = Some(larger);
        Ok(())
    }

    /// Checks that it has the `n` items of `item` bytes that a loop is going to read.
    ///
    /// # Errors
    /// If it has fewer.
    pub fn check(&self, n: usize, item: usize) -> Result<()> {
        let has = self.len.checked_div(item);
        match has.filter(|&has| has < n) {
            None => Ok(()),
            Some(has) => {
                let message = format!("a loop of {n} steps reads a list of {has} items");
                Err(Error::new(ErrorKind::Graph, message))
            }
        }
    }

    /// Bytes in use.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Empties it, and gives large memory back.
    pub fn give_back(&mut self) {
        if self.room() > KEPT_BYTES {
            self.buffer = None;
        }
        self.len = 0;
    }

    /// The address of byte `at`.
    pub fn at(&mut self, at: usize) -> *mut u8 {
        debug_assert!(at <= self.len);
        match &self.buffer {
            Some(buffer) => buffer.start().wrapping_add(at),
            // Items without bytes are neither read nor written.
            None => std::ptr::NonNull::<u64>::dangling().as_ptr().cast(),
        }
    }
}
