//! The buffers of a program, which hold its arrays: their types, and during a run their memory.
//! Debug builds also keep the sizes, and check each access of a kernel that computes its own addresses.

use gradus_ir::Type;
use std::fmt;

/// The number of a buffer of a program.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BufferId(usize);

impl BufferId {
    pub fn new(index: usize) -> BufferId {
        BufferId(index)
    }

    pub fn index(self) -> usize {
        self.0
    }
}

impl fmt::Display for BufferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for BufferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A buffer before its memory is assigned.
#[derive(Clone, Debug)]
pub(crate) struct BufferSpec {
    pub ty: Type,
    pub role: Role,
}

/// The use of a buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// It holds the input with this number.
    Input(usize),
    /// It holds the output with this number.
    Output(usize),
    /// It holds a value that one step writes and other steps read.
    Temporary,
    /// Scratch memory of one step, with no content before and after it.
    Scratch,
}

/// The memory of all buffers during a run.
#[derive(Clone, Copy)]
pub(crate) struct Buffers<'a> {
    starts: &'a [*mut u8],
    bytes: &'a [usize],
}

// SAFETY: chunks of one step write to different addresses,
// and no other chunk writes what they read (see `Step::may_overwrite`).
unsafe impl Send for Buffers<'_> {}
// SAFETY: as above.
unsafe impl Sync for Buffers<'_> {}

impl<'a> Buffers<'a> {
    /// No buffers.
    pub const NONE: Buffers<'static> = Buffers {
        starts: &[],
        bytes: &[],
    };

    /// Buffers that begin at `starts`, with these numbers of bytes.
    pub fn new(starts: &'a [*mut u8], bytes: &'a [usize]) -> Buffers<'a> {
        debug_assert_eq!(starts.len(), bytes.len());
        Buffers { starts, bytes }
    }

    /// The addresses of all buffers.
    pub fn starts(self) -> &'a [*mut u8] {
        self.starts
    }

    /// The same buffers at other addresses.
    pub fn with_starts<'b>(self, starts: &'b [*mut u8]) -> Buffers<'b>
    where
        'a: 'b,
    {
        Buffers::new(starts, self.bytes)
    }

    /// The address of the buffer.
    #[inline]
    pub fn start(self, buffer: BufferId) -> *mut u8 {
        self.starts[buffer.index()]
    }

    /// The memory of the buffer.
    #[inline]
    pub fn memory(self, buffer: BufferId) -> Memory {
        Memory::new(self.starts[buffer.index()], self.bytes[buffer.index()])
    }
}

/// The memory of one array.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    start: *mut u8,
    #[cfg(debug_assertions)]
    bytes: usize,
}

// SAFETY: as for `Buffers`.
unsafe impl Send for Memory {}
// SAFETY: as for `Buffers`.
unsafe impl Sync for Memory {}

impl Memory {
    #[cfg_attr(not(debug_assertions), expect(unused_variables))]
    #[inline]
    pub fn new(start: *mut u8, bytes: usize) -> Memory {
        Memory {
            start,
            #[cfg(debug_assertions)]
            bytes,
        }
    }

    /// The address of the array.
    #[inline]
    pub fn start(self) -> *mut u8 {
        self.start
    }

    /// The address of byte `at`. The caller uses `n` bytes from there.
    ///
    /// # Safety
    /// The array has these bytes. Debug builds check it.
    #[inline(always)]
    #[cfg_attr(not(debug_assertions), expect(unused_variables))]
    pub unsafe fn at(self, at: usize, n: usize) -> *mut u8 {
        #[cfg(debug_assertions)]
        assert!(
            at.checked_add(n).is_some_and(|end| end <= self.bytes),
            "a kernel uses {n} bytes from {at} on of an array that has {}",
            self.bytes
        );
        // SAFETY: by the caller.
        unsafe { self.start.add(at) }
    }

    /// The address of byte `at`. The caller uses `n` elements of `size` bytes from there, `step` elements apart.
    ///
    /// # Safety
    /// The array has these elements. Debug builds check it.
    #[inline(always)]
    pub unsafe fn row(self, at: usize, n: usize, step: usize, size: usize) -> *mut u8 {
        let reach = match n {
            0 => 0,
            n => ((n - 1) * step + 1) * size,
        };
        // SAFETY: by the caller.
        unsafe { self.at(at, reach) }
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;

    fn within(at: usize, n: usize, step: usize) {
        let mut bytes = [0u8; 32];
        let memory = Memory::new(bytes.as_mut_ptr(), bytes.len());
        // SAFETY: the address is checked and not used.
        unsafe { memory.row(at, n, step, 4) };
    }

    #[test]
    fn rows_within_an_array_pass() {
        for (at, n, step) in [(0, 8, 1), (28, 1, 9), (32, 0, 1), (4, 4, 2), (0, 2, 7)] {
            within(at, n, step);
        }
    }

    #[test]
    fn rows_that_leave_an_array_are_refused() {
        for (at, n, step) in [
            (0, 9, 1),
            (29, 1, 1),
            (33, 0, 1),
            (0, 2, 8),
            (usize::MAX, 1, 1),
        ] {
            let refused = std::panic::catch_unwind(|| within(at, n, step));
            assert!(refused.is_err(), "{at} {n} {step}");
        }
    }
}
