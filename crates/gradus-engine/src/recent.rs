//! Hash tables that remove the least recently used values.

use hashbrown::HashTable;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

/// A bounded table: when it is full, it removes the eighth that was used least recently.
/// Finding an entry takes one lookup, however full the table is.
pub struct Recent<T> {
    most: usize,
    /// Counts uses.
    clock: AtomicU64,
    entries: RwLock<HashTable<Entry<T>>>,
}

struct Entry<T> {
    hash: u64,
    value: T,
    /// The clock of its last use.
    used: AtomicU64,
}

impl<T: Clone> Recent<T> {
    /// An empty table for at most `most` values.
    pub fn new(most: usize) -> Recent<T> {
        Recent {
            most: most.max(1),
            clock: AtomicU64::new(0),
            entries: RwLock::default(),
        }
    }

    /// The value with this hash for which `is` is true, if it is in the table.
    pub fn find(&self, hash: u64, is: impl Fn(&T) -> bool) -> Option<T> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let found = entries.find(hash, |e| e.hash == hash && is(&e.value))?;
        Some(self.used(found, entries.len()))
    }

    /// Like [`find`](Self::find), for hashes that take longer than comparing a few values:
    /// the hash is computed only if the table has more.
    pub fn find_by(&self, hash: impl FnOnce() -> u64, is: impl Fn(&T) -> bool) -> Option<T> {
        const FEW: usize = 4;
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        if entries.len() > FEW {
            drop(entries);
            return self.find(hash(), is);
        }
        let found = entries.iter().find(|e| is(&e.value))?;
        Some(self.used(found, entries.len()))
    }

    /// Up to two values for which `is` is true.
    pub fn first_two(&self, is: impl Fn(&T) -> bool) -> [Option<T>; 2] {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = entries.iter().filter(|e| is(&e.value));
        let [first, second] = [found.next(), found.next()];
        let used = |entry: &Entry<T>| self.used(entry, entries.len());
        [first.map(used), second.map(used)]
    }

    /// The value of this entry of a table with `entries`.
    /// Its last use is recorded only if the table is half full: before that, no removal is near.
    fn used(&self, entry: &Entry<T>, entries: usize) -> T {
        if entries > self.most / 2 {
            entry.used.store(self.now(), Ordering::Relaxed);
        }
        entry.value.clone()
    }

    /// Adds `value`, unless another thread has added an equal one in the meantime. Returns the value in the table.
    pub fn keep(&self, hash: u64, value: T, is: impl Fn(&T) -> bool) -> T {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = entries.find(hash, |e| e.hash == hash && is(&e.value)) {
            return found.value.clone();
        }
        let forgotten = self.make_room(&mut entries);
        let entry = Entry {
            hash,
            value: value.clone(),
            used: AtomicU64::new(self.now()),
        };
        entries.insert_unique(hash, entry, |e| e.hash);
        drop(entries);
        // The values are dropped without the lock, because dropping one can use this table.
        drop(forgotten);
        value
    }

    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    /// Removes the values that were used least recently, if the table is full.
    fn make_room(&self, entries: &mut HashTable<Entry<T>>) -> Vec<Entry<T>> {
        if entries.len() < self.most {
            return Vec::new();
        }
        let mut uses: Vec<u64> = entries
            .iter()
            .map(|e| e.used.load(Ordering::Relaxed))
            .collect();
        let last = (self.most / 8).clamp(1, uses.len()) - 1;
        let (_, &mut last, _) = uses.select_nth_unstable(last);
        entries
            .extract_if(|e| e.used.load(Ordering::Relaxed) <= last)
            .collect()
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.len()
    }

    /// Whether the table has no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The largest number of values.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Removes all values.
    pub fn clear(&self) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let forgotten = std::mem::take(&mut *entries);
        drop(entries);
        drop(forgotten);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn what_was_used_last_stays() {
        let table = Recent::new(4);
        let found = |k: u64| table.find(k, |&v| v == k).is_some();
        for k in 0..4u64 {
            table.keep(k, k, |&v| v == k);
        }
        assert!(found(0) && found(2));
        table.keep(4, 4, |&v| v == 4);
        assert_eq!(table.len(), 4);
        // 1 was added after 0, but 0 was used later.
        assert!(found(0) && !found(1) && found(2) && found(3) && found(4));
        table.keep(5, 5, |&v| v == 5);
        assert!(!found(0) && found(5));
    }

    #[test]
    fn equal_hashes_are_told_apart_and_equal_things_kept_once() {
        let table = Recent::new(8);
        for k in 0..4 {
            table.keep(7, k, |&v| v == k);
            table.keep(7, k, |&v| v == k);
        }
        assert_eq!(table.len(), 4);
        assert_eq!(table.find(7, |&v| v == 3), Some(3));
        assert_eq!(table.find(7, |&v| v == 9), None);
    }

    /// Thousands of values in turn: the table stays small, and a lookup compares few.
    #[test]
    fn many_things_are_bounded_and_found_without_a_walk() {
        let table = Recent::new(1024);
        let looks = Cell::new(0usize);
        for k in 0..5000u64 {
            let is = |&v: &u64| {
                looks.set(looks.get() + 1);
                v == k
            };
            // Hashes with the distribution of a hasher.
            let hash = k.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            assert_eq!(table.find(hash, is), None);
            table.keep(hash, k, is);
            assert_eq!(table.find(hash, is), Some(k));
            assert!(table.len() <= 1024);
        }
        assert_eq!(looks.get(), 5000);
    }
}
