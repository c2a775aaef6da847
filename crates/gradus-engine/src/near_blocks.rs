//! Small free blocks that a thread keeps for itself, so that it takes them again without a lock.

use std::cell::Cell;
use std::ptr::NonNull;

/// Larger blocks are common to all threads: filling them takes longer than a lock.
const LARGEST: usize = 512;
/// Blocks of sizes that are no multiple of this are not kept here.
const STEP: usize = 16;
/// The most blocks of one size. Programs of numbers seldom have more results.
const MOST: usize = 4;

type Place = Cell<Option<NonNull<u8>>>;

/// Free blocks of one thread.
pub(crate) struct NearBlocks {
    /// By size, in steps.
    places: [[Place; MOST]; LARGEST / STEP + 1],
}

impl NearBlocks {
    pub const fn new() -> NearBlocks {
        NearBlocks {
            places: [const { [const { Cell::new(None) }; MOST] }; LARGEST / STEP + 1],
        }
    }

    /// The places for blocks of this size.
    #[inline]
    fn places(&self, size: usize) -> &[Place] {
        match size % STEP {
            0 => self.places.get(size / STEP).map_or(&[], |places| places),
            _ => &[],
        }
    }

    /// A block of this size, if there is one.
    #[inline]
    pub fn take(&self, size: usize) -> Option<NonNull<u8>> {
        self.places(size).iter().find_map(Cell::take)
    }

    /// Keeps a block that no buffer has, and its size. False if there is no place for it.
    #[inline]
    pub fn keep(&self, block: NonNull<u8>, size: usize) -> bool {
        let place = self.places(size).iter().find(|p| p.get().is_none());
        place.inspect(|p| p.set(Some(block))).is_some()
    }

    /// Takes all blocks, with their sizes.
    pub fn take_all(&self) -> impl Iterator<Item = (NonNull<u8>, usize)> {
        let sizes = (0..).step_by(STEP).zip(&self.places);
        sizes.flat_map(|(size, places)| {
            let blocks = places.iter().filter_map(Cell::take);
            blocks.map(move |block| (block, size))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Addresses stand for blocks; nothing reads them.
    fn block(address: usize) -> NonNull<u8> {
        match NonNull::new(address as *mut u8) {
            Some(block) => block,
            None => unreachable!("tests use no address 0"),
        }
    }

    #[test]
    fn blocks_come_back_by_size() {
        let near = NearBlocks::new();
        assert!(near.keep(block(1), 64) && near.keep(block(2), 80));
        assert_eq!(near.take(96), None);
        assert_eq!(near.take(80), Some(block(2)));
        assert_eq!(near.take(80), None);
        assert_eq!(near.take(64), Some(block(1)));
    }

    #[test]
    fn few_blocks_and_small_ones_are_kept() {
        let near = NearBlocks::new();
        for k in 1..=MOST {
            assert!(near.keep(block(k), LARGEST));
        }
        assert!(!near.keep(block(9), LARGEST));
        assert!(!near.keep(block(9), LARGEST + STEP));
        assert!(!near.keep(block(9), STEP + 1));
        assert_eq!(near.take_all().count(), MOST);
        assert_eq!(near.take(LARGEST), None);
    }
}
