//! Compiled programs and other work on graphs, found again by the graph.

use crate::limit;
use crate::options::CompileOptions;
use crate::program::{Engine, Program};
use crate::recent::Recent;
use gradus_ir::primitives::Body;
use gradus_ir::{Graph, Op, Result};
use std::any::Any;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

/// What is wanted of a graph, and the type of what the cache then keeps.
pub trait Key: Clone + PartialEq + Send + Sync + 'static {
    /// What is kept.
    type Value: Clone + Send + Sync + 'static;

    /// Whether two graphs that compute the same can share a value, which may depend on the lines that they come from.
    fn shares(kept: &Graph, asked: &Graph) -> bool;
}

/// Something that keeps memory from run to run.
pub trait KeepsMemory: Send + Sync {
    /// Gives back the memory that no run uses now.
    fn release_memory(&self);
}

/// A table of work on graphs with a bound: when it is full, it forgets the eighth that was not used for the longest
/// time. Each context has one, which its engine and the front end share.
pub struct Cache {
    entries: Recent<Arc<Entry>>,
    keeping: Arc<Keeping>,
}

struct Entry {
    /// Shared with the operation that holds the graph, if one does.
    graph: Body,
    /// The key and the value, `(K, K::Value)`.
    pair: Box<dyn Any + Send + Sync>,
}

/// A graph to look for: one by itself, or one that an operation holds, which the cache shares instead of copying it.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// A graph by itself.
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

    /// The value that is kept for `key` and a graph that computes the same as `graph`.
    /// If there is none, that of `make`, which is kept from now on.
    ///
    /// # Errors
    /// As `make`.
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
                // Others may make it meanwhile; at worst it is made twice.
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

    /// The compiled program of `graph`, compiled now if none is kept.
    ///
    /// # Errors
    /// As [`Engine::compile`].
    pub fn program(
        &self,
        engine: &dyn Engine,
        graph: &Graph,
        options: &CompileOptions,
    ) -> Result<Arc<dyn Program>> {
        self.find_or_make(graph, options, || engine.compile(graph, options, self))
    }

    /// Has `keeper` asked for its memory when memory is short, or when the cache is cleared, as long as it lives.
    pub fn register(&self, keeper: Weak<dyn KeepsMemory>) {
        self.keeping.add(keeper);
    }

    /// Forgets all values, and has those that live on give back their memory.
    pub fn clear(&self) {
        self.entries.clear();
        self.keeping.release();
    }

    /// How many values are kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many values are kept at most.
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

/// Whether errors while running belong to the same lines in two programs that compute the same.
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

/// Those that keep memory for the programs of a cache.
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
        // Only before the list grows, and with room for as many again after it, so that the cost is spread.
        if keepers.len() == keepers.capacity() {
            keepers.retain(|k| k.strong_count() > 0);
            let left = keepers.len();
            keepers.reserve(left + 1);
        }
        keepers.push(keeper);
    }

    fn release(&self) {
        // They are asked without the lock: dropping the last handle of one must not have to wait for it.
        let keepers: Vec<_> = self.lock().iter().filter_map(Weak::upgrade).collect();
        keepers.iter().for_each(|k| k.release_memory());
    }
}

/// Those of all caches of the process.
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
