//! Derivatives of bodies, found again within one transform: calls that share a body share its derivative. Without that a nest of calls, as checkpoints make one,
//! would be differentiated once for every path through it.

use gradus_ir::primitives::Body;
use std::cell::RefCell;
use std::collections::HashMap;

/// A body, by identity and not by what it computes, as equal ones may come from different lines; and what is asked of it.
type Key = (usize, Vec<Vec<usize>>);

#[derive(Default)]
struct Known {
    /// How many transforms are under way, one inside the other.
    depth: usize,
    /// The body is held, so that its identity stays its own.
    found: HashMap<Key, (Body, Body)>,
}

thread_local! {
    static KNOWN: RefCell<Known> = RefCell::default();
}

/// As long as it lives, derivatives are found again.
pub(crate) struct Scope(());

impl Scope {
    pub fn enter() -> Scope {
        KNOWN.with_borrow_mut(|known| known.depth += 1);
        Scope(())
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        let forgotten = KNOWN.with_borrow_mut(|known| {
            known.depth -= 1;
            (known.depth == 0).then(|| std::mem::take(&mut known.found))
        });
        drop(forgotten);
    }
}

/// What `make` makes of `body`, which depends on nothing else but `asked`.
pub(super) fn derived(body: &Body, asked: &[&[usize]], make: impl FnOnce() -> Body) -> Body {
    let key = (body.identity(), asked.iter().map(|a| a.to_vec()).collect());
    let found = KNOWN.with_borrow(|known| known.found.get(&key).map(|(_, b)| b.clone()));
    found.unwrap_or_else(|| {
        let made = make();
        KNOWN.with_borrow_mut(|known| {
            if known.depth > 0 {
                known.found.insert(key, (body.clone(), made.clone()));
            }
        });
        made
    })
}
