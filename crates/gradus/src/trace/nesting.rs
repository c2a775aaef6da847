//! Decides which trace an operation belongs to.
//!
//! Traces nest like the calls that open them: each trace knows its parent, in which it was opened.
//! An operation belongs to the innermost trace that one of its operands is a value of.
//! But while the body of a branch, a loop or another region is traced, every operation belongs to that body at
//! least, whatever its operands.
//! A value can be used on another thread than the one that traces it:
//! for that thread it comes from outside of all its traces.

use super::{Arguments, State, Trace};
use crate::context::{Context, Entered};
use crate::tensor::Tensor;
use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError, Weak};

thread_local! {
    /// The innermost trace that is open on this thread.
    static CURRENT: RefCell<Option<Arc<Trace>>> = const { RefCell::new(None) };
}

/// State shared by the traces that one thread has opened inside each other.
#[derive(Default)]
pub(super) struct OfThread {
    /// The innermost body that is being traced.
    /// Other threads read it; on its own thread the parents give the same answer.
    body: Mutex<Option<Weak<Trace>>>,
}

/// Whether a trace is the body of a region, which owns all operations while it is traced.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The body of a branch, a loop, a checkpoint or a rule, which can run never or several times.
    Body,
    /// The function given to a transform, which runs once:
    /// computations from captured values alone can run immediately.
    Function,
}

/// A trace while it is open on this thread.
pub(super) struct Open {
    pub trace: Arc<Trace>,
    outer: Option<Arc<Trace>>,
    outer_body: Option<Weak<Trace>>,
    /// The context of the parent, if the parent was opened on another thread in a context.
    _entered: Option<Entered>,
}

impl Open {
    /// Opens a trace inside the trace that is open on this thread,
    /// or else inside the trace of the tensors `given`.
    pub fn new(kind: Kind, arguments: Arguments, given: &[Tensor]) -> Open {
        let outer = Trace::current();
        let thread = match &outer {
            Some(outer) => outer.thread.clone(),
            None => Arc::default(),
        };
        let parent = outer.clone().or_else(|| {
            let given: Vec<&Tensor> = given.iter().collect();
            innermost_of(&given)
        });
        let inherited = parent.as_ref().and_then(|p| p.context.as_ref());
        let entered = Entered::of_trace(inherited);
        let boundary = super::Boundary::here().or_else(|| parent.as_ref()?.boundary());
        let trace = Arc::new(Trace {
            depth: parent.as_ref().map_or(0, |p| p.depth + 1),
            parent,
            thread,
            kind,
            context: Context::entered(),
            boundary,
            arguments,
            state: Mutex::new(State::default()),
        });
        CURRENT.set(Some(trace.clone()));
        let mut body = trace.thread.body();
        let outer_body = body.clone();
        if kind == Kind::Body {
            *body = Some(Arc::downgrade(&trace));
        }
        drop(body);
        Open {
            trace,
            outer,
            outer_body,
            _entered: entered,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // This also runs when the traced closure unwinds.
        self.trace.lock().ended = true;
        *self.trace.thread.body() = self.outer_body.take();
        CURRENT.set(self.outer.take());
    }
}

impl OfThread {
    fn body(&self) -> std::sync::MutexGuard<'_, Option<Weak<Trace>>> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trace {
    /// The innermost trace that is open on this thread.
    pub(crate) fn current() -> Option<Arc<Trace>> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Whether `other` is this trace or a trace around it.
    pub(crate) fn is_inside(&self, other: &Trace) -> bool {
        let mut next = Some(self);
        while let Some(trace) = next {
            if std::ptr::eq(trace, other) {
                return true;
            }
            next = trace.parent.as_deref();
        }
        false
    }

    /// As seen from another thread: this trace, or the body inside it that is being traced.
    fn or_body(self: &Arc<Trace>) -> Arc<Trace> {
        let body = self.thread.body().as_ref().and_then(Weak::upgrade);
        body.filter(|body| body.is_inside(self))
            .unwrap_or_else(|| self.clone())
    }
}

/// The trace of an operation on `operands` that this thread does now; `None` if it can run at once.
pub(crate) fn innermost(operands: &[&Tensor]) -> Option<Arc<Trace>> {
    let traced = || operands.iter().filter_map(|t| t.traced());
    let of_thread = CURRENT.with_borrow(|current| {
        let mut next = current.as_ref();
        while let Some(trace) = next {
            if trace.kind == Kind::Body || traced().any(|t| Arc::ptr_eq(&t.trace, trace)) {
                return Some(trace.clone());
            }
            next = trace.parent.as_ref();
        }
        None
    });
    of_thread.or_else(|| innermost_of(operands))
}

/// The innermost trace that one of `operands` is a value of.
pub(super) fn innermost_of(operands: &[&Tensor]) -> Option<Arc<Trace>> {
    let mut found: Option<&Arc<Trace>> = None;
    for t in operands.iter().filter_map(|t| t.traced()) {
        if found.is_none_or(|f| t.trace.is_inside(f)) {
            found = Some(&t.trace);
        }
    }
    found.map(Trace::or_body)
}

/// Whether an operation on `operands` becomes part of a trace instead of running at once.
#[inline]
pub(crate) fn is_traced<'a>(operands: impl IntoIterator<Item = &'a Tensor>) -> bool {
    let in_body = || {
        CURRENT.with_borrow(|current| {
            let around = std::iter::successors(current.as_ref(), |trace| trace.parent.as_ref());
            around.into_iter().any(|trace| trace.kind == Kind::Body)
        })
    };
    operands.into_iter().any(Tensor::is_traced) || in_body()
}

/// The name in messages of the closure that `tensor` is a value of, if that closure is traced inside `outer`.
pub(crate) fn inside(tensor: &Tensor, outer: Option<&Arc<Trace>>) -> Option<String> {
    let trace = &tensor.traced()?.trace;
    match (outer, &trace.arguments) {
        (Some(outer), _) if outer.is_inside(trace) => None,
        (_, Arguments::Abstract(name)) => Some(format!("`{name}`")),
        (_, Arguments::Concrete(_)) => Some("a derivative".to_string()),
    }
}

/// Runs `f` as if `outer` were the innermost open trace:
/// its operations are outside of the bodies that are being traced in there.
pub(crate) fn outside<T>(outer: Option<&Arc<Trace>>, f: impl FnOnce() -> T) -> T {
    /// Restores the trace, also when `f` unwinds.
    struct Back(Option<Arc<Trace>>);
    impl Drop for Back {
        fn drop(&mut self) {
            CURRENT.set(self.0.take());
        }
    }
    let _back = Back(CURRENT.replace(outer.cloned()));
    f()
}
