//! Lists, in which the steps of a loop keep values when the number of steps is not known before.

use gradus_engine::memory::{Buffer, Bytes, Shortage};
use gradus_ir::{Error, ErrorKind, Result};

/// Lists of more bytes give their memory back after a run, to be used again by whoever needs it next.
const KEPT_BYTES: usize = 1 << 20;

/// Items of one size, one after the other.
#[derive(Default)]
pub(crate) struct List {
    buffer: Option<Buffer>,
    /// Bytes in use.
    len: usize,
}

impl List {
    /// Bytes that it has room for.
    fn room(&self) -> usize {
        self.buffer.as_ref().map_or(0, |b| b.bytes().len())
    }

    /// Makes it `n` items of `item` bytes long; what was there stays.
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

    /// Makes room for `len` bytes and more: for twice the present bytes or, if memory cannot hold these, for an
    /// eighth more. With less a list that grows item by item would be copied at each item.
    fn grow(&mut self, len: usize) -> Result<(), Shortage> {
        let twice = self.len.saturating_mul(2);
        let more = self.len.saturating_add(self.len / 8);
        let larger = Buffer::new(len.max(twice)).or_else(|_| Buffer::new(len.max(more)))?;
        if let Some(old) = &self.buffer {
            // SAFETY: the list has `len` bytes, which `resize` alone makes more and has made room for; the new block
            // has at least as many.
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

    /// Makes it empty; memory that is large is given back.
    pub fn give_back(&mut self) {
        if self.room() > KEPT_BYTES {
            self.buffer = None;
        }
        self.len = 0;
    }

    /// Where the byte `at` is.
    pub fn at(&mut self, at: usize) -> *mut u8 {
        debug_assert!(at <= self.len);
        match &self.buffer {
            Some(buffer) => buffer.start().wrapping_add(at),
            // Of items without bytes, nothing is read or written.
            None => std::ptr::NonNull::<u64>::dangling().as_ptr().cast(),
        }
    }
}
