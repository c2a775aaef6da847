//! A cache of compiled programs and other work on graphs, keyed by the graph.

use crate::limit;
use crate::options::CompileOptions;
use crate::program::{Engine, Program};
use crate::recent::Recent;
use gradus_ir::primitives::Body;
use gradus_ir::{Graph, Op, Result};
use std::any::Any;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

/// The kind of work on a graph, and the type of the cached value.
pub trait Key: Clone + PartialEq + Send + Sync + 'static {
    /// The cached value.
    type Value: Clone + Send + Sync + 'static;

    /// Whether two graphs that compute the same can share a value.
    /// A value can depend on the source lines of its graph.
    fn shares(kept: &Graph, asked: &Graph) -> bool;
}

/// An object that keeps memory between runs.
pub trait KeepsMemory: Send + Sync {
    /// Gives back the memory that no run uses now.
    fn release_memory(&self);
}

/// A bounded table of work on graphs: when it is full, it removes the eighth that was used least recently.
/// Each context has one, which its engine and the front end share.
pub struct Cache {
    entries: Recent<Arc<Entry>>,
    keeping: Arc<Keeping>,
}

struct Entry {
    /// Shared with the operation that holds the graph, if there is one.
    graph: Body,
    /// The key and the value, `(K, K::Value)`.
    pair: Box<dyn Any + Send + Sync>,
}

/// A graph to look for: a separate one, or one that an operation holds,
/// which the cache shares instead of copying it.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// A separate graph.
    Graph(&'a Graph),
    /// The program of an operation.
    Body(&'a Body),
}

impl<'a> From<&'a Graph> for Source<'a> {
    fn from(graph: &'a Graph) -> Source<'a> {
        Source::Graph(graph)
    }
}

impl<'a> From<&'a Body> for Source<'a> {
    fn from(body: &'a Body) -> Source<'a> {
        Source::Body(body)
    }
}

impl Source<'_> {
    fn graph(&self) -> &Graph {
        match self {
            Source::Graph(graph) => graph,
            Source::Body(body) => body,
        }
    }

    fn fingerprint(&self) -> u64 {
        match self {
            Source::Graph(graph) => graph.fingerprint(),
            Source::Body(body) => body.fingerprint(),
        }
    }

    fn body(&self) -> Body {
        match self {
            Source::Graph(graph) => Graph::clone(graph).into(),
            Source::Body(body) => Body::clone(body),
        }
    }
}

impl Entry {
    fn pair<K: Key>(&self) -> Option<&(K, K::Value)> {
        self.pair.downcast_ref()
    }

    /// The value, if this is the entry of `key` for `graph`.
    fn value<K: Key>(&self, graph: &Graph, key: &K) -> Option<&K::Value> {
        let (own, value) = self.pair::<K>()?;
        let is = own == key && self.graph.same(graph) && K::shares(&self.graph, graph);
        is.then_some(value)
    }
}

impl Cache {
    /// An empty cache for at most `capacity` values.
    pub fn new(capacity: usize) -> Cache {
        let keeping = Arc::new(Keeping::default());
        all().push(Arc::downgrade(&keeping));
        Cache {
            entries: Recent::new(capacity),
            keeping,
        }
    }

    /// The cached value for `key` and a graph that computes the same as `graph`.
    /// If there is none, the result of `make`, which is cached.
    ///
    /// # Errors
    /// See `make`.
    pub fn find_or_make<'a, K: Key>(
        &self,
        graph: impl Into<Source<'a>>,
        key: &K,
        make: impl FnOnce() -> Result<K::Value>,
    ) -> Result<K::Value> {
        let source = graph.into();
        let (graph, hash) = (source.graph(), source.fingerprint());
        let is = |e: &Arc<Entry>| e.value(graph, key).is_some();
        let found = match self.entries.find(hash, is) {
            Some(found) => found,
            None => {
                // Other threads can make it at the same time; at worst it is made twice.
                let value = make()?;
                let entry = Arc::new(Entry {
                    graph: source.body(),
                    pair: Box::new((key.clone(), value)),
                });
                self.entries.keep(hash, entry, is)
            }
        };
        match found.pair::<K>() {
            Some((_, value)) => Ok(value.clone()),
            None => unreachable!("an entry of this key was found"),
        }
    }

    /// The compiled program of `graph`, compiled now if it is not cached.
    ///
    /// # Errors
    /// See [`Engine::compile`].
    pub fn program(
        &self,
        engine: &dyn Engine,
        graph: &Graph,
        options: &CompileOptions,
    ) -> Result<Arc<dyn Program>> {
        self.find_or_make(graph, options, || engine.compile(graph, options, self))
    }

    /// Registers `keeper`: during its lifetime it is asked for its memory when memory is short,
    /// or when the cache is cleared.
    pub fn register(&self, keeper: Weak<dyn KeepsMemory>) {
        self.keeping.add(keeper);
    }

    /// Removes all values, and makes those that live on give back their memory.
    pub fn clear(&self) {
        self.entries.clear();
        self.keeping.release();
    }

    /// The number of cached values.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no value is cached.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The largest number of cached values.
    pub fn capacity(&self) -> usize {
        self.entries.most()
    }
}

impl Key for CompileOptions {
    type Value = Arc<dyn Program>;

    fn shares(kept: &Graph, asked: &Graph) -> bool {
        same_blame(kept, asked)
    }
}

/// Whether runtime errors belong to the same source lines in two programs that compute the same.
pub fn same_blame(a: &Graph, b: &Graph) -> bool {
    let mut pairs = a.nodes().iter().zip(b.nodes());
    pairs.all(|(a, b)| match (&a.op, &b.op) {
        (op, _) if !op.may_fail() => true,
        _ if a.loc != b.loc => false,
        (Op::Region(x), Op::Region(y)) => {
            let (x, y) = (x.bodies(), y.bodies());
            let mut bodies = x.iter().zip(&y);
            bodies.all(|((_, x), (_, y))| x.identity() == y.identity() || same_blame(x, y))
        }
        _ => true,
    })
}

/// The objects that keep memory for the programs of a cache.
#[derive(Default)]
struct Keeping {
    keepers: Mutex<Vec<Weak<dyn KeepsMemory>>>,
}

impl Keeping {
    fn lock(&self) -> MutexGuard<'_, Vec<Weak<dyn KeepsMemory>>> {
        self.keepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, keeper: Weak<dyn KeepsMemory>) {
        let mut keepers = self.lock();
        // The list is cleaned only before it grows, and gets as much room again, so that the cost is spread.
        if keepers.len() == keepers.capacity() {
            keepers.retain(|k| k.strong_count() > 0);
            let left = keepers.len();
            keepers.reserve(left + 1);
        }
        keepers.push(keeper);
    }

    fn release(&self) {
        // They are asked without the lock, because dropping the last handle of one must not wait for the lock.
        let keepers: Vec<_> = self.lock().iter().filter_map(Weak::upgrade).collect();
        keepers.iter().for_each(|k| k.release_memory());
    }
}

/// The keepers of all caches of the process.
fn all() -> MutexGuard<'static, Vec<Weak<Keeping>>> {
    static ALL: LazyLock<Mutex<Vec<Weak<Keeping>>>> = LazyLock::new(|| {
        limit::on_release(release_all);
        Mutex::default()
    });
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|k| k.strong_count() > 0);
    all
}

fn release_all() {
    let keeping: Vec<Arc<Keeping>> = all().iter().filter_map(Weak::upgrade).collect();
    keeping.iter().for_each(|k| k.release());
}
