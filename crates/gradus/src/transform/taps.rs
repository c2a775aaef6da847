//! Intermediate values of a computation, and their cotangents, by name.

use super::grad::{check_inputs, differentiate};
use crate::function::{or_stop, types, zeros};
use crate::tensor::Tensor;
use crate::trace::{self, Arguments, Kind, Trace};
use crate::tree::{Tree, leaves, paths, rebuild};
use gradus_ir::{Error, ErrorKind, Loc, Result};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The tapped values, by name.
pub type Taps = BTreeMap<String, Tensor>;

/// The result of [`grad_with_taps`].
#[derive(Clone, Debug, crate::Tree)]
pub struct TappedGradient<A: Tree> {
    /// The value of the function.
    pub value: Tensor,
    /// Its gradient.
    pub gradient: A,
    /// The tapped values.
    pub taps: Taps,
    /// The derivatives of the function's value with respect to each tapped value;
    /// zeros for values that are not floats.
    pub cotangents: Taps,
}

/// Returns `x`, and shows it under this name to the [`with_taps`] or [`grad_with_taps`] around it.
/// Without a collector it only returns `x`.
///
/// A tensor within a tree has its path after the name.
/// The innermost collector takes the value, and each name once.
/// A value inside another transform or a loop's body does not leave it,
/// and cannot be a result of the collector around it.
/// Tap the value that is returned from there, or put the collector inside,
/// as in `vmap(with_taps(f))` and `jit(with_taps(f))`. A program that is compiled already does not tap.
///
/// ```
/// use gradus::prelude::*;
/// let f = |x: &Tensor| tap("sine", &x.sin()).square().sum();
/// assert_eq!(f(&Tensor::from([0.0])).item::<f64>()?, 0.0);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If the collector has a value of this name already, or `x` is a value inside a transform or a loop's body and
/// the collector is outside of it.
#[doc(alias = "sow")]
#[doc(alias = "register_forward_hook")]
#[track_caller]
pub fn tap<A: Tree>(name: &str, x: &A) -> A {
    let loc = Loc::caller();
    let inputs = leaves(x);
    if COLLECTORS.with_borrow(Vec::is_empty) {
        return rebuild(x, inputs);
    }
    let seen = trace::on_behalf_of(loc, || see(name, &paths(x), &inputs));
    rebuild(x, or_stop(seen, loc, || inputs.clone(), || inputs.clone()))
}

/// `f` with its tapped values: a function that returns the values that [`tap`] showed beside the result.
///
/// It composes with all transforms from outside, such as `jit(with_taps(f))`, `vmap(with_taps(f))`,
/// and `grad` of a function of tapped values.
///
/// ```
/// use gradus::prelude::*;
/// let net = |x: &Tensor| {
///     let hidden = tap("hidden", &(x * 2.0).tanh());
///     hidden.sum()
/// };
/// let (_, taps) = with_taps(net)(&Tensor::from([0.0, 100.0]));
/// assert_eq!(taps["hidden"].to_vec::<f64>()?, [0.0, 1.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
pub fn with_taps<A: Tree, B: Tree>(f: impl Fn(&A) -> B) -> impl Fn(&A) -> (B, Taps) {
    move |x| collecting(Taps::new(), || f(x))
}

/// The value and gradient of `f`, its tapped values, and the derivative of its value with respect to each of them.
///
/// The cotangent of a tapped value counts all uses of the value that [`tap`] returned.
/// `f` is traced twice and runs once.
///
/// ```
/// use gradus::prelude::*;
/// let f = |x: &Tensor| tap("sine", &x.sin()).square().sum();
/// let found = grad_with_taps(f)(&Tensor::from([0.5, 1.0]));
/// let sine = found.taps["sine"].to_vec::<f64>()?;
/// assert_eq!(found.cotangents["sine"].to_vec::<f64>()?, [2.0 * sine[0], 2.0 * sine[1]]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// When called, if `f` does not return a float scalar, or its argument holds a tensor that is not a float.
#[track_caller]
pub fn grad_with_taps<A: Tree>(f: impl Fn(&A) -> Tensor) -> impl Fn(&A) -> TappedGradient<A> {
    let loc = Loc::caller();
    move |at| {
        let added = or_stop(nothing_added(&f, at), loc, || leaves(at), Taps::new);
        let tapped = |(x, added): &(A, Taps)| collecting(added.clone(), || f(x));
        let point = (rebuild(at, leaves(at)), added);
        let ((value, taps), (gradient, mut cotangents)) = differentiate(NAME, &tapped, &point, loc);
        for (name, t) in &taps {
            let found = cotangents.entry(name.clone());
            found.or_insert_with(|| zeros(t.ty()));
        }
        TappedGradient {
            value,
            gradient,
            taps,
            cotangents,
        }
    }
}

const NAME: &str = "grad_with_taps";

/// Collects the tapped values while a function runs.
struct Collector {
    /// The trace that the function runs in.
    outer: Option<Arc<Trace>>,
    seen: Taps,
    /// Zeros that are added to tapped values: the derivative with respect to one of them is the cotangent there.
    added: Taps,
}

thread_local! {
    /// The collectors of this thread, innermost last.
    static COLLECTORS: RefCell<Vec<Collector>> = const { RefCell::new(Vec::new()) };
}

fn collecting<T>(added: Taps, f: impl FnOnce() -> T) -> (T, Taps) {
    /// Ends the collection, also when `f` unwinds.
    struct Leave;
    impl Leave {
        fn seen() -> Taps {
            let seen =
                COLLECTORS.with_borrow_mut(|c| c.last_mut().map(|c| std::mem::take(&mut c.seen)));
            seen.unwrap_or_default()
        }
    }
    impl Drop for Leave {
        fn drop(&mut self) {
            COLLECTORS.with_borrow_mut(|c| c.pop());
        }
    }
    COLLECTORS.with_borrow_mut(|c| {
        c.push(Collector {
            outer: Trace::current(),
            seen: Taps::new(),
            added,
        });
    });
    let _leave = Leave;
    let result = f();
    (result, Leave::seen())
}

/// Shows these tensors to the innermost collector, and returns the tensors to continue with.
fn see(name: &str, paths: &[String], tensors: &[Tensor]) -> Result<Vec<Tensor>> {
    COLLECTORS.with_borrow_mut(|collectors| {
        let Some(collector) = collectors.last_mut() else {
            return Ok(tensors.to_vec());
        };
        let mut marked = Vec::new();
        for (t, path) in tensors.iter().zip(paths) {
            let name = format!("{name}{path}");
            if let Some(inside) = trace::inside(t, collector.outer.as_ref()) {
                return Err(Error::new(
                    ErrorKind::Traced,
                    format!(
                        "tap: `{name}` is a value inside of {inside} and does not leave it by itself; \
                         return it from the function given there, and tap what comes out (of `scan`, one row a step; of a derivative, by `value_and_grad_aux`)"
                    ),
                ));
            }
            let t = match collector.added.get(&name) {
                Some(zero) => trace::outside(collector.outer.as_ref(), || t + zero),
                None => t.clone(),
            };
            if collector.seen.insert(name.clone(), t.clone()).is_some() {
                return Err(Error::new(
                    ErrorKind::Argument,
                    format!(
                        "tap: the name `{name}` is used twice; give each value its own, for example with `format!`"
                    ),
                ));
            }
            marked.push(t);
        }
        Ok(marked)
    })
}

/// Zeros for each float that `f` taps.
fn nothing_added<A: Tree>(f: &impl Fn(&A) -> Tensor, at: &A) -> Result<Taps> {
    let inputs = leaves(at);
    check_inputs(NAME, at, &inputs)?;
    let mut seen = Taps::new();
    let arguments = Arguments::Concrete(inputs.clone());
    trace::close(
        Kind::Function,
        &types(&inputs),
        arguments,
        &inputs,
        &mut |args| {
            let (value, taps) = collecting(Taps::new(), || f(&rebuild(at, args)));
            seen = taps;
            vec![value]
        },
    )?;
    seen.retain(|_, t| t.ty().dtype.has_derivatives());
    Ok(seen
        .into_iter()
        .map(|(name, t)| (name, zeros(t.ty())))
        .collect())
}
