//! Treats results that are not finite as errors.

use super::report::NanReport;
use super::search::{Finite, Meaning, search};
use gradus_engine::Array;
use gradus_ir::{Error, ErrorKind, Graph, Result};
use std::cell::Cell;
use std::sync::LazyLock;

/// Runs `f`.
/// Within it, on this thread, a program that makes NaN or infinity is an error,
/// with the message of [`find_nan`](super::find_nan) and the line.
/// Operations outside of programs count as programs, too.
/// NaN and infinity in the arguments are not errors,
/// and neither are infinities that follow from an infinite argument.
/// The environment variable `GRADUS_CHECK_NAN=1` does the same for all programs.
///
/// ```
/// use gradus::debug::with_nan_check;
/// use gradus::prelude::*;
/// let f = jit(|x: &Tensor| x.log().sum());
/// let error = with_nan_check(|| f.call(&Tensor::from([1.0, 0.0]))).unwrap_err();
/// assert!(error.message().starts_with("infinity made by log"));
/// ```
#[doc(alias = "debug_nans")]
#[doc(alias = "detect_anomaly")]
pub fn with_nan_check<T>(f: impl FnOnce() -> T) -> T {
    /// Restores the previous state, also when `f` unwinds.
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            CHECKED.set(self.0);
        }
    }
    let _restore = Restore(CHECKED.replace(true));
    f()
}

thread_local! {
    static CHECKED: Cell<bool> = const { Cell::new(false) };
}

/// Whether results are checked.
#[inline]
pub(crate) fn checking() -> bool {
    static ALWAYS: LazyLock<bool> =
        LazyLock::new(|| gradus_engine::environment::switch("GRADUS_CHECK_NAN"));
    CHECKED.get() || *ALWAYS
}

/// Refuses results of `graph` for these arguments if they are not finite.
pub(crate) fn check(graph: &Graph, arguments: &[Array], results: &[Array]) -> Result<()> {
    for result in results {
        if Finite::of(result) != Finite::All
            // Arguments have been checked before, or come from the caller.
            && let Some(found) = search(graph, arguments, Meaning::Meant)?
            && found.reaches_result
        {
            let report = NanReport::new(&found);
            let error = Error::new(ErrorKind::NotFinite, report.message());
            return Err(error.at(report.loc()));
        }
    }
    Ok(())
}
