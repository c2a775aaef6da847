//! The arena of a run: one block of memory in which arrays with disjoint lifetimes share addresses.

use gradus_engine::memory::ALIGNMENT;

/// Offsets in an arena, allocated and freed.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    /// Free ranges below `size`, by offset: neither touching nor overlapping.
    free: Vec<(usize, usize)>,
    size: usize,
    /// Whether a request exceeded the largest possible memory. The offsets are then meaningless.
    beyond: bool,
}

/// The rounded size of `bytes`, if memory can be that large.
fn rounded(bytes: usize) -> Option<usize> {
    let room = bytes.max(1).checked_next_multiple_of(ALIGNMENT);
    room.filter(|&room| room <= isize::MAX as usize)
}

impl Arena {
    /// Allocates `bytes`, and returns the offset: the tightest free range, or else the end.
    pub fn take(&mut self, bytes: usize) -> usize {
        let Some(bytes) = rounded(bytes) else {
            self.beyond = true;
            return 0;
        };
        let tightest = (0..self.free.len())
            .filter(|&i| self.free[i].1 >= bytes)
            .min_by_key(|&i| self.free[i].1);
        if let Some(i) = tightest {
            let (offset, size) = self.free[i];
            if size == bytes {
                self.free.remove(i);
            } else {
                self.free[i] = (offset + bytes, size - bytes);
            }
            return offset;
        }
        // A free range at the end is extended.
        if let Some(&(offset, size)) = self.free.last()
            && offset + size == self.size
        {
            self.free.pop();
            self.grow(offset, bytes);
            return offset;
        }
        let offset = self.size;
        self.grow(offset, bytes);
        offset
    }

    /// Extends the arena so that it ends with `bytes` at `offset`.
    fn grow(&mut self, offset: usize, bytes: usize) {
        let end = offset.checked_add(bytes);
        match end.filter(|&end| end <= isize::MAX as usize) {
            Some(end) => self.size = end,
            None => self.beyond = true,
        }
    }

    /// Frees a range that [`take`](Self::take) allocated.
    pub fn give(&mut self, offset: usize, bytes: usize) {
        let (Some(bytes), false) = (rounded(bytes), self.beyond) else {
            return;
        };
        let at = self.free.partition_point(|&(o, _)| o < offset);
        self.free.insert(at, (offset, bytes));
        if at + 1 < self.free.len() && offset + bytes == self.free[at + 1].0 {
            self.free[at].1 += self.free[at + 1].1;
            self.free.remove(at + 1);
        }
        if at > 0 && self.free[at - 1].0 + self.free[at - 1].1 == offset {
            self.free[at - 1].1 += self.free[at].1;
            self.free.remove(at);
        }
    }

    /// The bytes of the arena; `usize::MAX` if no memory can be that large.
    pub fn size(&self) -> usize {
        if self.beyond { usize::MAX } else { self.size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_reused_and_joined() {
        let mut arena = Arena::default();
        let a = arena.take(100);
        let b = arena.take(64);
        let c = arena.take(1);
        assert_eq!((a, b, c, arena.size()), (0, 128, 192, 256));
        arena.give(b, 64);
        arena.give(a, 100);
        assert_eq!(arena.take(190), 0);
        arena.give(c, 1);
        // The free end is extended, not left behind.
        assert_eq!(arena.take(1000), 192);
        assert_eq!(arena.size(), 192 + 1024);
    }

    /// Four times a quarter of the address space would be an arena of no bytes if the sum wrapped.
    #[test]
    fn more_than_memory_can_have_stays_the_largest_number() {
        let quarter = 1 << 62;
        for bytes in [quarter, isize::MAX as usize, usize::MAX] {
            let mut arena = Arena::default();
            for _ in 0..4 {
                arena.take(bytes);
            }
            arena.give(0, bytes);
            arena.take(64);
            assert_eq!(arena.size(), usize::MAX, "{bytes}");
        }
    }
}
