//! Lists: what the steps of a loop keep when their number is not known before.

use crate::array::Buffer;
use gradus_ir::{Error, ErrorKind, Result};

/// Lists of more bytes give their memory back after a run, to be used again by whoever needs it next.
const KEPT_BYTES: usize = 1 << 20;
/// What is longer cannot be addressed once it is rounded up to a size of block.
const MOST_BYTES: usize = isize::MAX as usize / 2;

/// Items of one size, one after the other.
pub(crate) struct List {
    buffer: Buffer,
    /// Bytes in use.
    len: usize,
}

impl Default for List {
    fn default() -> List {
        List {
            buffer: Buffer::new(0),
            len: 0,
        }
    }
}

impl List {
    /// Makes it `n` items of `item` bytes long; what was there stays.
    ///
    /// # Errors
    /// If no memory can hold so many.
    pub fn resize(&mut self, n: usize, item: usize) -> Result<()> {
        let Some(len) = n.checked_mul(item).filter(|&len| len <= MOST_BYTES) else {
            let message = format!(
                "a loop of {n} steps keeps {item} bytes of each, more than memory can hold"
            );
            return Err(Error::new(ErrorKind::Shape, message));
        };
        if len > self.buffer.bytes().len() {
            let larger = Buffer::new(len.max(2 * self.len));
            // SAFETY: the list has `len` bytes, which this function alone makes more and has made room for; the new block has at least as many.
            unsafe {
                std::ptr::copy_nonoverlapping(self.buffer.start(), larger.start(), self.len);
            }
            self.buffer = larger;
        }
        self.len = len;
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
        if self.buffer.bytes().len() > KEPT_BYTES {
            self.buffer = Buffer::new(0);
        }
        self.len = 0;
    }

    /// Where the byte `at` is.
    pub fn at(&mut self, at: usize) -> *mut u8 {
        debug_assert!(at <= self.len);
        self.buffer.start().wrapping_add(at)
    }
}
