//! Values shown while programs run.

use crate::tensor::Tensor;
use crate::trace::{self, Trace};
use gradus_engine::Observer;
use gradus_ir::Op;
use gradus_ir::primitives::Probe;
use std::any::TypeId;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

impl Tensor {
    /// The tensor itself; `f` sees its value: now if it is known, else each time the program runs that it is traced into, after the run, in the order of the program.
    ///
    /// Works inside `jit`, derivatives and `vmap`, under which `f` sees all rows at once, and whether or not anything needs the value: a gradient often does not.
    /// Derivatives pass by unseen. A kernel ends where a value is shown.
    ///
    /// In a loop `f` sees the value of each step, in a choice that of the branch which runs; what a derivative computes again, of a
    /// [`checkpoint`](crate::control::checkpoint) for example, is not seen again.
    ///
    /// A closure that captures something belongs to one trace: derivatives of functions with one are compiled at each call outside of `jit`.
    ///
    /// ```
    /// use gradus::prelude::*;
    /// use std::sync::{Arc, Mutex};
    /// let seen = Arc::new(Mutex::new(Vec::new()));
    /// let log = seen.clone();
    /// let f = jit(move |x: &Tensor| {
    ///     let log = log.clone();
    ///     let y = x.square().inspect(move |y| log.lock().unwrap().push(y.item::<f64>().unwrap()));
    ///     y + 1.0
    /// });
    /// f.call(&Tensor::from(3.0))?;
    /// f.call(&Tensor::from(4.0))?;
    /// assert_eq!(*seen.lock().unwrap(), [9.0, 16.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[doc(alias = "callback")]
    #[doc(alias = "register_hook")]
    #[doc(alias = "host_callback")]
    #[track_caller]
    pub fn inspect<F: Fn(&Tensor) + Send + Sync + 'static>(&self, f: F) -> Tensor {
        /// Observers that capture nothing, so that the same closure is the same program again.
        static PLAIN: LazyLock<Kept<TypeId>> = LazyLock::new(Mutex::default);
        let Some(trace) = trace::innermost(&[self]) else {
            f(self);
            return self.clone();
        };
        let plain = size_of::<F>() == 0;
        let make = || Observer::new(move |a| f(&Tensor::from_array(a.clone())));
        let observer = match plain {
            true => kept(&PLAIN, TypeId::of::<F>(), make),
            false => make(),
        };
        let id = observer.id();
        Trace::keep(&trace, observer);
        Tensor::apply(Op::Probe(Probe { id }), &[self])
    }
}

/// Prints `text` on standard error with the value of `x` in the place of the first `{}`: now if it is known, else each time the program runs that `x` is traced into, once
/// a run, after it, in the order of the program.
///
/// Works inside `jit`, derivatives and `vmap`, under which all rows are printed at once, and whether or not anything needs the value.
///
/// ```
/// use gradus::prelude::*;
/// let f = jit(grad(|x: &Tensor| {
///     debug_print("x is {}", x);
///     x.square().sum()
/// }));
/// f.call(&Tensor::from([1.0, 2.0]))?; // x is [1. 2.]
/// # Ok::<(), gradus::Error>(())
/// ```
#[doc(alias = "print")]
#[track_caller]
pub fn debug_print(text: &'static str, x: &Tensor) {
    static PRINTERS: LazyLock<Kept<&'static str>> = LazyLock::new(Mutex::default);
    let print = move |x: &Tensor| eprintln!("{}", text.replacen("{}", &x.to_string(), 1));
    if !trace::is_traced([x]) {
        return print(x);
    }
    let observer = kept(&PRINTERS, text, || {
        Observer::new(move |a| print(&Tensor::from_array(a.clone())))
    });
    let id = observer.id();
    Tensor::apply(Op::Probe(Probe { id }), &[x]);
}

/// Observers that live as long as the process: one a closure type, or a text, of the source.
type Kept<K> = Mutex<HashMap<K, Arc<Observer>>>;

fn kept<K: Eq + Hash>(
    all: &Kept<K>,
    key: K,
    make: impl FnOnce() -> Arc<Observer>,
) -> Arc<Observer> {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    all.entry(key).or_insert_with(make).clone()
}
