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
    /// Returns the tensor itself, and shows its value to `f`: immediately if the value is concrete,
    /// otherwise after each run of the program that contains it, in the order of the program.
    ///
    /// It works inside `jit`, derivatives and `vmap`; under `vmap` `f` sees all rows at once.
    /// It also works if no other operation needs the value, as is common in gradients. Derivatives ignore it.
    /// A kernel ends where a value is shown.
    ///
    /// In a loop `f` sees the value of each step, and in a choice the value of the branch that runs.
    /// Values that a derivative computes again, for example of a [`checkpoint`](crate::control::checkpoint),
    /// are not shown again.
    ///
    /// A closure with captures belongs to one trace: outside of `jit`, derivatives of functions with such a
    /// closure are compiled at each call.
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
        /// Observers without captures, so that the same closure gives the same program again.
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

/// Prints `text` on standard error, with the value of `x` in place of the first `{}`: immediately if the value is
/// concrete, otherwise after each run of the program that contains `x`, in the order of the program.
///
/// It works inside `jit`, derivatives and `vmap`; under `vmap` all rows are printed at once.
/// It also works if no other operation needs the value.
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

/// Observers with the lifetime of the process: one for each closure type or each text in the source.
type Kept<K> = Mutex<HashMap<K, Arc<Observer>>>;

fn kept<K: Eq + Hash>(
    all: &Kept<K>,
    key: K,
    make: impl FnOnce() -> Arc<Observer>,
) -> Arc<Observer> {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    all.entry(key).or_insert_with(make).clone()
}
