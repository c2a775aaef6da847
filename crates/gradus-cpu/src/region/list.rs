//! Lists: what the steps of a loop keep when their number is not known before.

use crate::array::Buffer;

/// Lists of more bytes give their memory back after a run, to be used again by whoever needs it next.
const KEPT_BYTES: usize = 1 << 20;

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
    /// Makes it `len` bytes long; what was there stays.
    pub fn resize(&mut self, len: usize) {
        if len > self.buffer.bytes().len() {
            let larger = Buffer::new(len.max(2 * self.len));
            // SAFETY: both have that many bytes, and are different blocks.
            unsafe {
                std::ptr::copy_nonoverlapping(self.buffer.start(), larger.start(), self.len);
            }
            self.buffer = larger;
        }
        self.len = len;
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
        // SAFETY: within the buffer or one past it.
        unsafe { self.buffer.start().add(at) }
    }
}
