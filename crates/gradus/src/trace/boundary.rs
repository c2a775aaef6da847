//! The destination of mistakes: the innermost call that returns them as `Err`, otherwise a panic.

use super::{Trace, innermost_of};
use crate::tensor::Tensor;
use gradus_ir::{Error, Loc, Result};
use std::cell::{Cell, RefCell};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A call that returns mistakes as `Err`.
/// Traces opened in it refer to it, so that a mistake on another thread finds it, too.
#[derive(Clone, Default)]
pub(crate) struct Boundary(Arc<Mutex<Kept>>);

#[derive(Default)]
enum Kept {
    /// No mistake so far.
    #[default]
    Nothing,
    /// The first mistake.
    First(Error),
    /// The call has returned.
    Left,
}

thread_local! {
    /// The line of the composed function that runs on this thread.
    /// Closures inside it do not pass on their own caller.
    static ASKED_AT: Cell<Option<Loc>> = const { Cell::new(None) };
    /// The name of that function, which messages about operations inside it use.
    static CALLED: Cell<Option<&'static str>> = const { Cell::new(None) };
    /// The boundaries of this thread, innermost last.
    static BOUNDARIES: RefCell<Vec<Boundary>> = const { RefCell::new(Vec::new()) };
}

impl Boundary {
    /// The innermost boundary of this thread.
    pub(super) fn here() -> Option<Boundary> {
        BOUNDARIES.with_borrow(|b| b.last().cloned())
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps `error` if it is the first one. Returns it if the call has returned already.
    fn keep(&self, error: Error) -> Option<Error> {
        let mut kept = self.lock();
        match *kept {
            Kept::Nothing => *kept = Kept::First(error),
            Kept::First(_) => {}
            Kept::Left => return Some(error),
        }
        None
    }

    fn leave(&self) -> Option<Error> {
        match std::mem::replace(&mut *self.lock(), Kept::Left) {
            Kept::First(error) => Some(error),
            Kept::Nothing | Kept::Left => None,
        }
    }
}

/// Runs `f` so that mistakes in it come back as `Err`.
pub(crate) fn boundary<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    /// Leaves the boundary, also when `f` unwinds.
    struct Leave(Boundary);
    impl Drop for Leave {
        fn drop(&mut self) {
            self.0.leave();
            BOUNDARIES.with_borrow_mut(|b| b.pop());
        }
    }
    let here = Leave(Boundary::default());
    BOUNDARIES.with_borrow_mut(|b| b.push(here.0.clone()));
    let result = f();
    match here.0.leave() {
        Some(error) => Err(error),
        None => result,
    }
}

/// Keeps `error`, a mistake about `operands`, for its boundary: the innermost one of this thread,
/// otherwise the one around the trace of the operands. Returns the error if there is none.
pub(crate) fn keep_failure(error: Error, operands: &[&Tensor]) -> Option<Error> {
    let error = match CALLED.get() {
        Some(name) => error.named(name),
        None => error,
    };
    let found = Boundary::here()
        .or_else(|| Trace::current().and_then(|trace| trace.boundary()))
        .or_else(|| innermost_of(operands).and_then(|trace| trace.boundary()));
    match found {
        Some(boundary) => boundary.keep(error),
        None => Some(error),
    }
}

/// Reports `error`, made by a transform at `loc` on `operands`: a boundary keeps it, otherwise it panics.
pub(crate) fn stop(error: Error, loc: Loc, operands: &[&Tensor]) {
    if let Some(error) = keep_failure(error.at(users_place(loc)), operands) {
        panic!("{error}");
    }
}

/// Runs `f`, the body of one of the library's composed functions,
/// so that its operations belong to the line of the caller.
pub(crate) fn on_behalf_of<T>(loc: Loc, f: impl FnOnce() -> T) -> T {
    /// Restores the place, also when `f` unwinds.
    struct Restore(Option<Loc>);
    impl Drop for Restore {
        fn drop(&mut self) {
            ASKED_AT.set(self.0);
        }
    }
    let _restore = Restore(ASKED_AT.get());
    ASKED_AT.set(Some(ASKED_AT.get().unwrap_or(loc)));
    f()
}

/// Runs `f`, the body of the library's function `name`, which calls no user functions.
/// Its operations belong to the caller's line, and messages name `name` instead of the operation that fails.
/// If such functions call each other, the outermost one counts, because the user has called it.
#[track_caller]
pub(crate) fn called<T>(name: &'static str, f: impl FnOnce() -> T) -> T {
    /// Restores the name, also when `f` unwinds.
    struct Restore(Option<&'static str>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CALLED.set(self.0);
        }
    }
    let _restore = Restore(CALLED.get());
    CALLED.set(Some(CALLED.get().unwrap_or(name)));
    on_behalf_of(Loc::caller(), f)
}

/// Runs `f`, whose operations belong to the bytes `range` of `text` and not to the lines of the running program.
/// This is for programs that evaluate a text, for example a formula: messages, pages and searches for a NaN then
/// name the piece of the text.
///
/// ```
/// use gradus::prelude::*;
/// use gradus::on_behalf_of_text;
/// let formula = "sqrt(x)*2";
/// let f = |x: &Tensor| {
///     let root = on_behalf_of_text(formula, 0..7, || x.sqrt());
///     on_behalf_of_text(formula, 7..8, || root * 2.0)
/// };
/// let report = find_nan(f, &Tensor::from(-1.0))?.unwrap();
/// assert_eq!(report.loc().to_string(), "`sqrt(x)`, from character 1 on");
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If `range` is not a piece of `text`.
pub fn on_behalf_of_text<T>(
    text: &'static str,
    range: std::ops::Range<usize>,
    f: impl FnOnce() -> T,
) -> T {
    on_behalf_of(Loc::piece_of(text, range), f)
}

/// The user's line for a call at `direct`, and the function of the library that was called there.
pub(crate) fn users_place(direct: Loc) -> Loc {
    let place = ASKED_AT.get().unwrap_or(direct);
    CALLED
        .get()
        .map_or(place, |function| place.in_function(function))
}
