//! Where the arrays of a run are, with their sizes in debug builds, so that each access of a kernel that computes its own places is checked there.

/// The arrays of a run, by slot.
#[derive(Clone, Copy)]
pub(crate) struct Slots<'a> {
    starts: &'a [*mut u8],
    bytes: &'a [usize],
}

// SAFETY: chunks of one step write to different places, and what they read no other chunk writes (see `place::Draft::may_overwrite`).
unsafe impl Send for Slots<'_> {}
// SAFETY: as above.
unsafe impl Sync for Slots<'_> {}

impl<'a> Slots<'a> {
    /// No arrays.
    pub const NONE: Slots<'static> = Slots {
        starts: &[],
        bytes: &[],
    };

    /// Arrays that begin at `starts` and have so many bytes.
    pub fn new(starts: &'a [*mut u8], bytes: &'a [usize]) -> Slots<'a> {
        debug_assert_eq!(starts.len(), bytes.len());
        Slots { starts, bytes }
    }

    /// Where the array of `slot` begins.
    #[inline]
    pub fn start(self, slot: usize) -> *mut u8 {
        self.starts[slot]
    }

    /// The memory of the array of `slot`.
    #[inline]
    pub fn memory(self, slot: usize) -> Memory {
        Memory::new(self.starts[slot], self.bytes[slot])
    }
}

/// The memory of one array.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    start: *mut u8,
    #[cfg(debug_assertions)]
    bytes: usize,
}

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

    /// Where it begins.
    #[inline]
    pub fn start(self) -> *mut u8 {
        self.start
    }

    /// Where the byte `at` is, of which and of the following the caller uses `n`.
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

    /// Where the byte `at` is, if `n` elements of `size` bytes are used that are `step` elements apart.
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
        // SAFETY: the place is checked and not used.
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
