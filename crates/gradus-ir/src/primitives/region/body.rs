//! A program held by an operation.

use crate::graph::Graph;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// A program that an operation holds. Shared; equal if it computes the same, wherever it comes from.
#[derive(Clone)]
pub struct Body {
    graph: Arc<Graph>,
    fingerprint: u64,
    effects: bool,
}

impl Body {
    /// Whether running it does something beside computing its outputs.
    pub fn has_effects(&self) -> bool {
        self.effects
    }

    /// A number that no other program in memory has; copies of a body share it.
    pub fn identity(&self) -> usize {
        Arc::as_ptr(&self.graph) as usize
    }

    /// The same [without effects](Graph::without_effects).
    pub fn without_effects(&self) -> Body {
        match self.effects {
            true => self.graph.without_effects().into(),
            false => self.clone(),
        }
    }

    /// A number that equal bodies share.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}

impl From<Graph> for Body {
    fn from(graph: Graph) -> Body {
        let effects = graph.effects().next().is_some();
        Body {
            fingerprint: graph.fingerprint(),
            effects,
            graph: Arc::new(graph),
        }
    }
}

impl Deref for Body {
    type Target = Graph;

    fn deref(&self) -> &Graph {
        &self.graph
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Body) -> bool {
        Arc::ptr_eq(&self.graph, &other.graph)
            || self.fingerprint == other.fingerprint && self.graph.same(&other.graph)
    }
}

impl Eq for Body {}

impl Hash for Body {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.fingerprint.hash(state);
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.graph, f)
    }
}
