//! The context in which programs run: the engine, and the cache of compiled programs and plans.
//! Only this file names an engine: the engine of the default context.

pub use gradus_cpu::{Cpu, set_threads, threads};
use gradus_engine::{Cache, CompileOptions, Counts, Engine, Key, Program};
use gradus_ir::{Graph, Result};
use std::cell::{Cell, RefCell};
use std::panic::RefUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

/// The default number of compiled programs and plans that a context keeps.
const CAPACITY: usize = 4096;

/// An engine that runs programs, and a cache of compiled programs and plans.
///
/// The process has a default context, whose engine is [`Cpu`](crate::engine::Cpu).
/// [`with`](Self::with) runs a closure in another one. Clones are handles of the same context.
///
/// The cache finds equal programs again.
/// Its size is bounded: when it is full, it removes the programs and plans that were used least recently.
/// They are compiled or planned again when they are needed.
///
/// A context belongs to the thread that has entered it. A trace remembers the context in which it was opened.
/// A thread that works on its tensors uses that context, unless the thread has entered another one.
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
    /// A unique number of the context.
    id: u64,
    engine: Box<dyn Engine>,
    cache: Cache,
}

thread_local! {
    /// The innermost context that this thread has entered.
    static ENTERED: RefCell<Option<Context>> = const { RefCell::new(None) };
    /// The number of that context, or of the default context: each call of a compiled function reads it.
    static CURRENT_ID: Cell<u64> = const { Cell::new(DEFAULT_ID) };
}

const DEFAULT_ID: u64 = 0;

/// The context of the process.
static DEFAULT: LazyLock<Context> =
    LazyLock::new(|| Context::with_id(DEFAULT_ID, Box::new(Cpu), CAPACITY));

impl Context {
    /// A context for programs that this engine runs, with an empty cache for 4,096 programs and plans.
    ///
    /// ```
    /// # use gradus::engine::{Context, Cpu};
    /// let context = Context::new(Cpu);
    /// assert_eq!((context.len(), context.capacity()), (0, 4096));
    /// ```
    pub fn new(engine: impl Engine + 'static) -> Context {
        Context::with_capacity(engine, CAPACITY)
    }

    /// Like [`new`](Self::new), with a cache for at most `capacity` programs and plans, at least one.
    ///
    /// ```
    /// # use gradus::engine::{Context, Cpu};
    /// # use gradus::prelude::*;
    /// let context = Context::with_capacity(Cpu, 2);
    /// context.with(|| {
    ///     for n in 1..10 {
    ///         Tensor::from(vec![0.5; n]).sin();
    ///     }
    /// });
    /// assert_eq!(context.len(), 2);
    /// ```
    pub fn with_capacity(engine: impl Engine + 'static, capacity: usize) -> Context {
        static NEXT: AtomicU64 = AtomicU64::new(DEFAULT_ID + 1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Context::with_id(id, Box::new(engine), capacity)
    }

    fn with_id(id: u64, engine: Box<dyn Engine>, capacity: usize) -> Context {
        Context(Arc::new(Inner {
            id,
            engine,
            cache: Cache::new(capacity),
        }))
    }

    /// The context in which this thread runs programs: the innermost one entered, or else the default context.
    ///
    /// ```
    /// # use gradus::engine::Context;
    /// # use gradus::prelude::*;
    /// // Another thread can enter the same one.
    /// let context = Context::current();
    /// let run = move || context.with(|| Tensor::from(2.0).sqrt().item::<f64>());
    /// assert_eq!(std::thread::spawn(run).join().unwrap()?, 2f64.sqrt());
    /// # Ok::<(), gradus::Error>(())
    /// ```
    pub fn current() -> Context {
        Context::entered().unwrap_or_else(|| DEFAULT.clone())
    }

    /// Runs `f` in this context. Contexts nest: afterwards the previous context is active again.
    ///
    /// ```
    /// # use gradus::engine::{Context, Cpu};
    /// # use gradus::prelude::*;
    /// let context = Context::new(Cpu);
    /// let slope = context.with(|| grad(|x: &Tensor| x.powi(3))(&Tensor::from(2.0)));
    /// assert_eq!(slope.item::<f64>()?, 12.0);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    pub fn with<T>(&self, f: impl FnOnce() -> T) -> T {
        let _entered = Entered::new(self.clone());
        f()
    }

    /// Removes all compiled programs and plans, and gives back their memory.
    ///
    /// A [`Jit`](crate::Jit) keeps the programs of its function for its lifetime.
    /// They stay, but give back the memory that they keep between calls.
    ///
    /// ```
    /// # use gradus::engine::Context;
    /// // A server between two requests.
    /// Context::current().clear();
    /// ```
    pub fn clear(&self) {
        self.0.cache.clear();
    }

    /// The number of programs and plans that are kept now.
    ///
    /// ```
    /// # use gradus::engine::{Context, Cpu};
    /// # use gradus::prelude::*;
    /// let context = Context::new(Cpu);
    /// context.with(|| Tensor::from(2.0).sin());
    /// assert_eq!(context.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.0.cache.len()
    }

    /// Whether no program or plan is kept.
    ///
    /// ```
    /// # use gradus::engine::{Context, Cpu};
    /// assert!(Context::new(Cpu).is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.0.cache.is_empty()
    }

    /// The largest number of programs and plans that are kept.
    ///
    /// ```
    /// # use gradus::engine::{Context, Cpu};
    /// assert_eq!(Context::with_capacity(Cpu, 16).capacity(), 16);
    /// ```
    pub fn capacity(&self) -> usize {
        self.0.cache.capacity()
    }

    /// Calls `f` with the [current](Self::current) context, without a handle if it is the default one.
    pub(crate) fn with_current<T>(f: impl FnOnce(&Context) -> T) -> T {
        match Context::current_id() {
            DEFAULT_ID => f(&DEFAULT),
            _ => f(&Context::current()),
        }
    }

    /// The innermost context that this thread has entered.
    pub(crate) fn entered() -> Option<Context> {
        ENTERED.with_borrow(Clone::clone)
    }

    /// The unique number of the [current](Self::current) context.
    #[inline]
    pub(crate) fn current_id() -> u64 {
        CURRENT_ID.get()
    }

    /// The compiled program of `graph`, from the cache or compiled now.
    ///
    /// # Errors
    /// See [`Engine::compile`].
    pub(crate) fn program(
        &self,
        graph: &Graph,
        options: &CompileOptions,
    ) -> Result<Arc<dyn Program>> {
        let Inner { engine, cache, .. } = &*self.0;
        cache.program(&**engine, graph, options)
    }

    /// Compiles `graph` now, with its own source lines rather than the lines of an equal program in the cache.
    ///
    /// # Errors
    /// See [`Engine::compile`].
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
    /// See `make`.
    pub(crate) fn find_or_make<K: Key>(
        &self,
        graph: &Graph,
        key: &K,
        make: impl FnOnce() -> Result<K::Value>,
    ) -> Result<K::Value> {
        self.0.cache.find_or_make(graph, key, make)
    }
}

// The locks of the cache protect single changes, so a panic leaves it in the state before or after a change.
impl RefUnwindSafe for Context {}

/// Keeps a context entered on this thread.
pub(crate) struct Entered(Option<Context>);

impl Entered {
    fn new(context: Context) -> Entered {
        Entered(Entered::replace(Some(context)))
    }

    /// Makes another context, or the default one, the innermost of this thread; returns the one before.
    fn replace(context: Option<Context>) -> Option<Context> {
        CURRENT_ID.set(context.as_ref().map_or(DEFAULT_ID, |context| context.0.id));
        ENTERED.replace(context)
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
        // This also runs when the closure unwinds.
        Entered::replace(self.0.take());
    }
}
