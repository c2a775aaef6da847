//! Blocks of memory that are kept for reuse.

use std::ptr::NonNull;

/// Free blocks by their sizes, up to a limit of bytes. Beyond the limit, blocks of the least recently used size go
/// first: when a program goes on to arrays of other sizes, the old blocks make room for the new ones.
pub(crate) struct FreeBlocks {
    /// The most bytes of all blocks together.
    most: usize,
    bytes: usize,
    /// In ascending order of size.
    sizes: Vec<OfSize>,
    /// Counts uses.
    clock: u64,
}

struct OfSize {
    size: usize,
    blocks: Vec<NonNull<u8>>,
    /// The clock when a block of this size was last taken or kept.
    used: u64,
}

/// A block and its size.
type Block = (NonNull<u8>, usize);

// SAFETY: no buffer has these blocks, because only its end puts them here.
unsafe impl Send for FreeBlocks {}

impl FreeBlocks {
    pub const fn new(most: usize) -> FreeBlocks {
        FreeBlocks {
            most,
            bytes: 0,
            sizes: Vec::new(),
            clock: 0,
        }
    }

    /// The bytes of all blocks.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// A block of this size, if there is one.
    #[inline]
    pub fn take(&mut self, size: usize) -> Option<NonNull<u8>> {
        let at = self.sizes.binary_search_by_key(&size, |s| s.size).ok()?;
        self.clock += 1;
        let found = &mut self.sizes[at];
        found.used = self.clock;
        let block = found.blocks.pop()?;
        self.bytes -= size;
        Some(block)
    }

    /// Keeps the block, and returns the blocks that have to go: others, or itself.
    #[must_use]
    pub fn keep(&mut self, block: NonNull<u8>, size: usize) -> Vec<Block> {
        if size > self.most {
            return vec![(block, size)];
        }
        let mut gone = Vec::new();
        if self.bytes + size > self.most && !self.make_room(size, &mut gone) {
            gone.push((block, size));
            return gone;
        }
        self.clock += 1;
        self.bytes += size;
        match self.sizes.binary_search_by_key(&size, |s| s.size) {
            Ok(at) => {
                self.sizes[at].blocks.push(block);
                self.sizes[at].used = self.clock;
            }
            Err(at) => self.sizes.insert(
                at,
                OfSize {
                    size,
                    blocks: vec![block],
                    used: self.clock,
                },
            ),
        }
        gone
    }

    /// Moves blocks of other sizes to `gone` until one of this size fits. `false` if there are not enough.
    #[cold]
    fn make_room(&mut self, size: usize, gone: &mut Vec<Block>) -> bool {
        while self.bytes + size > self.most {
            let others = self.sizes.iter_mut();
            let others = others.filter(|s| s.size != size && !s.blocks.is_empty());
            let oldest = others.min_by_key(|s| s.used);
            let Some((old, of)) = oldest.and_then(|s| Some((s.blocks.pop()?, s.size))) else {
                return false;
            };
            self.bytes -= of;
            gone.push((old, of));
        }
        true
    }

    /// Takes all blocks.
    pub fn take_all(&mut self) -> impl Iterator<Item = Block> + use<> {
        self.bytes = 0;
        let sizes = std::mem::take(&mut self.sizes);
        sizes
            .into_iter()
            .flat_map(|s| s.blocks.into_iter().map(move |block| (block, s.size)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pointer that is never read.
    fn block(number: usize) -> NonNull<u8> {
        NonNull::without_provenance(number.try_into().unwrap())
    }

    #[test]
    fn sizes_that_are_not_used_give_way() {
        let mut free = FreeBlocks::new(500);
        assert!(free.keep(block(1), 100).is_empty());
        assert!(free.keep(block(2), 200).is_empty());
        assert!(free.keep(block(3), 200).is_empty());
        assert_eq!((free.bytes(), free.take(300)), (500, None));
        // The two hundreds are used again, so the hundred goes first, then one of them.
        assert_eq!(free.take(200), Some(block(3)));
        assert!(free.keep(block(3), 200).is_empty());
        assert_eq!(free.keep(block(4), 50), [(block(1), 100)]);
        assert_eq!(free.keep(block(5), 250), [(block(3), 200)]);
        assert_eq!(free.bytes(), 500);
        // A block does not push out those of its own size, and one above the limit pushes out none.
        assert_eq!(free.keep(block(6), 501), [(block(6), 501)]);
        let gone = free.keep(block(7), 250);
        assert_eq!(gone, [(block(2), 200), (block(4), 50)]);
        assert_eq!(free.keep(block(8), 250), [(block(8), 250)]);
        let mut rest: Vec<Block> = free.take_all().collect();
        rest.sort();
        assert_eq!(rest, [(block(5), 250), (block(7), 250)]);
        assert_eq!((free.bytes(), free.take(250)), (0, None));
    }
}
