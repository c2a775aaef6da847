//! A program held by an operation.

use super::Backward;
use crate::cost::{TotalCost, total_cost};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::Graph;
use crate::primitives::{Contents, Op};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

/// A program that an operation holds. It is shared.
/// Bodies are equal if they compute the same, wherever they come from.
#[derive(Clone)]
pub struct Body(Arc<Held>);

/// The name of a program of a region in printed graphs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyName {
    /// The same for all regions of one kind.
    Named(&'static str),
    /// The branch with this number.
    Branch(usize),
}

impl fmt::Display for BodyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BodyName::Named(name) => f.write_str(name),
            BodyName::Branch(k) => write!(f, "branch{k}"),
        }
    }
}

/// The program with cached answers to frequent questions. Many regions can hold it, but it is searched once.
struct Held {
    graph: Graph,
    fingerprint: u64,
    effects: bool,
    may_fail: bool,
    backward: Backward,
    depth: usize,
    /// Programs all of whose values this one computes too.
    covers: Mutex<Vec<Weak<Held>>>,
    well_formed: OnceLock<()>,
    cost: OnceLock<TotalCost>,
    observers: OnceLock<Vec<u64>>,
    contents: OnceLock<Contents>,
}

impl Body {
    /// The limit of nesting: transforms and the compiler recurse through nested programs on the stack of their thread.
    pub const MOST_DEPTH: usize = 512;

    /// The error of an operation `name` whose programs are nested deeper than [`MOST_DEPTH`](Self::MOST_DEPTH).
    pub fn too_deep(name: &str) -> Error {
        let most = Body::MOST_DEPTH;
        let message = format!(
            "{name}: more than {most} programs (branches, bodies of loops, functions) are nested; \
             use a loop, or choose between values with `where_`"
        );
        Error::new(ErrorKind::Graph, message)
    }

    /// The nesting depth of programs: 1 if it holds no others.
    pub fn depth(&self) -> usize {
        self.0.depth
    }

    /// Whether it was [found](Self::set_covers) earlier that this program
    /// computes everything that `other` computes.
    pub(crate) fn covers(&self, other: &Body) -> bool {
        let known = self.0.covers.lock().unwrap_or_else(PoisonError::into_inner);
        let other = Arc::as_ptr(&other.0);
        known.iter().any(|k| Weak::as_ptr(k) == other)
    }

    /// Remembers that this program computes everything that `other` computes.
    /// In nested programs, each level asks this about all levels below.
    pub(crate) fn set_covers(&self, other: &Body) {
        let mut known = self.0.covers.lock().unwrap_or_else(PoisonError::into_inner);
        known.push(Arc::downgrade(&other.0));
    }

    /// Whether running it has effects beyond its outputs.
    pub fn has_effects(&self) -> bool {
        self.0.effects
    }

    /// Whether one of its operations [can fail](Op::may_fail).
    pub fn may_fail(&self) -> bool {
        self.0.may_fail
    }

    /// See [`Graph::backward`].
    pub fn backward(&self) -> Backward {
        self.0.backward
    }

    /// Checks the program with the [verifier](crate::verify), once for all its holders.
    pub(crate) fn check_once(&self, verify: fn(&Graph) -> Result<()>) -> Result<()> {
        if self.0.well_formed.get().is_none() {
            verify(&self.0.graph)?;
            self.0.well_formed.get_or_init(|| ());
        }
        Ok(())
    }

    /// The [cost](total_cost) of one evaluation.
    pub fn total_cost(&self) -> TotalCost {
        *self.0.cost.get_or_init(|| total_cost(&self.0.graph))
    }

    /// The [observers](Graph::observers) of its values.
    pub fn observers(&self) -> &[u64] {
        self.0.observers.get_or_init(|| self.0.graph.observers())
    }

    /// Its [contents](Graph::contents).
    pub fn contents(&self) -> Contents {
        *self.0.contents.get_or_init(|| self.0.graph.contents())
    }

    /// A number that is unique among the programs in memory; copies of a body share it.
    pub fn identity(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    /// The same [without effects](Graph::without_effects).
    pub fn without_effects(&self) -> Body {
        match self.0.effects {
            true => self.0.graph.without_effects().into(),
            false => self.clone(),
        }
    }

    /// A number that equal bodies share.
    pub fn fingerprint(&self) -> u64 {
        self.0.fingerprint
    }
}

impl From<Graph> for Body {
    fn from(graph: Graph) -> Body {
        let any = |asked: fn(&Op) -> bool| graph.nodes().iter().any(|node| asked(&node.op));
        Body(Arc::new(Held {
            fingerprint: graph.fingerprint(),
            depth: 1 + graph.depth(),
            covers: Mutex::default(),
            effects: any(Op::is_effect),
            may_fail: any(Op::may_fail),
            backward: graph.backward(),
            well_formed: OnceLock::new(),
            cost: OnceLock::new(),
            observers: OnceLock::new(),
            contents: OnceLock::new(),
            graph,
        }))
    }
}

impl Deref for Body {
    type Target = Graph;

    fn deref(&self) -> &Graph {
        &self.0.graph
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Body) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || self.0.fingerprint == other.0.fingerprint && self.0.graph.same(&other.0.graph)
    }
}

impl Eq for Body {}

impl Hash for Body {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.fingerprint.hash(state);
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.graph, f)
    }
}
