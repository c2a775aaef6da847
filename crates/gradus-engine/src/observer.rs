//! Observers of the values that programs show while they run.

use crate::array::Array;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

/// A function that is called with a value, after the run that made it.
type Hook = dyn Fn(&Array) + Send + Sync;

/// Sees the values of the probes with its [`id`](Self::id) during its lifetime. Programs only hold the number.
pub struct Observer {
    id: u64,
    hook: Box<Hook>,
}

static OBSERVERS: LazyLock<Mutex<HashMap<u64, Weak<Observer>>>> = LazyLock::new(Mutex::default);

fn observers() -> MutexGuard<'static, HashMap<u64, Weak<Observer>>> {
    OBSERVERS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Observer {
    /// An observer with a number that was never used before.
    pub fn new(hook: impl Fn(&Array) + Send + Sync + 'static) -> Arc<Observer> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let observer = Arc::new(Observer {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            hook: Box::new(hook),
        });
        observers().insert(observer.id, Arc::downgrade(&observer));
        observer
    }

    /// The observer with this number, if it still exists.
    pub fn find(id: u64) -> Option<Arc<Observer>> {
        observers().get(&id).and_then(Weak::upgrade)
    }

    /// The number of the observer in probes.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Shows it a value. Engines call this after the run that made the value.
    pub fn see(&self, value: &Array) {
        (self.hook)(value);
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        observers().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observers_are_known_while_they_live() {
        let observer = Observer::new(|_| {});
        let id = observer.id();
        assert!(Observer::find(id).is_some());
        drop(observer);
        assert!(Observer::find(id).is_none());
        assert!(!observers().contains_key(&id));
    }
}
