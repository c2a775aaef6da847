//! Where programs run: the engine, and the cache of the work on programs.
//! This file alone names an engine: the one of the process's own context.

pub use gradus_cpu::{Cpu, set_threads, threads};
use gradus_engine::{Cache, CompileOptions, Counts, Engine, Key, Program};
use gradus_ir::{Graph, Result};
use std::cell::RefCell;
use std::panic::RefUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

/// How many compiled programs and plans a context keeps unless another number is asked for.
const CAPACITY: usize = 4096;

/// An engine that runs programs, and a cache of compiled programs and plans.
///
/// The process has a context of its own, whose engine is [`Cpu`](crate::engine::Cpu). [`with`](Self::with) runs a
/// closure in another one.
/// Clones are handles of the same context.
///
/// The cache finds equal programs again. It is bounded: when it is full, the programs and plans that were not used for
/// the longest time are forgotten, and compiled or planned again when they are wanted.
///
/// A context belongs to the thread that has entered it. A trace remembers the context in which it was opened, so a
/// thread that works on its tensors finds it, unless that thread has entered another one.
///
/// ```
/// use gradus::engine::{Context, Cpu};
/// use gradus::prelude::*;
/// let context = Context::with_capacity(Cpu, 16);
/// let y = context.with(|| Tensor::from([1.0, 2.0]).sin().sum());
/// assert!(context.len() > 0);
/// context.clear();
/// assert_eq!(context.len(), 0);
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone)]
pub struct Context(Arc<Inner>);

struct Inner {
    /// A number that no other context has.
    id: u64,
    engine: Box<dyn Engine>,
    cache: Cache,
}

thread_local! {
    /// The innermost context that this thread has entered.
    static ENTERED: RefCell<Option<Context>> = const { RefCell::new(None) };
}

/// The context of the process.
static DEFAULT: LazyLock<Context> = LazyLock::new(|| Context::new(Cpu));

impl Context {
    /// A context for programs that this engine runs, with an empty cache for 4,096 programs and plans.
    pub fn new(engine: impl Engine + 'static) -> Context {
        Context::with_capacity(engine, CAPACITY)
    }

    /// As [`new`](Self::new), with a cache for at most `capacity` programs and plans, at least one.
    pub fn with_capacity(engine: impl Engine + 'static, capacity: usize) -> Context {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Context(Arc::new(Inner {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            engine: Box::new(engine),
            cache: Cache::new(capacity),
        }))
    }

    /// The context in which this thread runs programs: the innermost one entered, else that of the process.
    pub fn current() -> Context {
        Context::entered().unwrap_or_else(|| DEFAULT.clone())
    }

    /// Runs `f` in this context. Contexts nest: afterwards the one before is entered again.
    pub fn with<T>(&self, f: impl FnOnce() -> T) -> T {
        let _entered = Entered::new(self.clone());
        f()
    }

    /// Forgets all compiled programs and plans, and gives back their memory.
    ///
    /// A [`Jit`](crate::Jit) keeps the programs of its function as long as it lives. They stay, but give back the
    /// memory that they keep from call to call.
    pub fn clear(&self) {
        self.0.cache.clear();
    }

    /// How many programs and plans are kept now.
    pub fn len(&self) -> usize {
        self.0.cache.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.0.cache.is_empty()
    }

    /// How many programs and plans are kept at most.
    pub fn capacity(&self) -> usize {
        self.0.cache.capacity()
    }

    /// The innermost context that this thread has entered.
    pub(crate) fn entered() -> Option<Context> {
        ENTERED.with_borrow(Clone::clone)
    }

    /// A number of the [current](Self::current) context that no other one has.
    pub(crate) fn current_id() -> u64 {
        ENTERED.with_borrow(|entered| entered.as_ref().unwrap_or(&DEFAULT).0.id)
    }

    /// The compiled program of `graph`: from the cache, else compiled now.
    ///
    /// # Errors
    /// As [`Engine::compile`].
    pub(crate) fn program(
        &self,
        graph: &Graph,
        options: &CompileOptions,
    ) -> Result<Arc<dyn Program>> {
        let Inner { engine, cache, .. } = &*self.0;
        cache.program(&**engine, graph, options)
    }

    /// `graph` compiled now, with its own lines rather than those of an equal program.
    ///
    /// # Errors
    /// As [`Engine::compile`].
    pub(crate) fn compile(
        &self,
        graph: &Graph,
        options: &CompileOptions,
    ) -> Result<Arc<dyn Program>> {
        self.0.engine.compile(graph, options, &self.0.cache)
    }

    /// See [`Engine::forecast`].
    pub(crate) fn forecast(&self, graph: &Graph) -> Counts {
        self.0.engine.forecast(graph, &self.0.cache)
    }

    /// See [`Cache::find_or_make`].
    ///
    /// # Errors
    /// As `make`.
    pub(crate) fn find_or_make<K: Key>(
        &self,
        graph: &Graph,
        key: &K,
        make: impl FnOnce() -> Result<K::Value>,
    ) -> Result<K::Value> {
        self.0.cache.find_or_make(graph, key, make)
    }
}

// A panic leaves the cache as it was before or after a change: its locks protect single changes.
impl RefUnwindSafe for Context {}

/// A context while it is entered on this thread.
pub(crate) struct Entered(Option<Context>);

impl Entered {
    fn new(context: Context) -> Entered {
        Entered(ENTERED.replace(Some(context)))
    }

    /// Enters the context of a trace, unless this thread has entered one itself.
    pub fn of_trace(context: Option<&Context>) -> Option<Entered> {
        let context = context?;
        let is_free = ENTERED.with_borrow(Option::is_none);
        is_free.then(|| Entered::new(context.clone()))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // Also when the closure unwinds.
        ENTERED.set(self.0.take());
    }
}
