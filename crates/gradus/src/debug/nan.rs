//! The search for the first NaN or infinity of a function.

use super::report::NanReport;
use super::search::{Meaning, search};
use crate::function::{argument_at, close_at};
use crate::tensor::Tensor;
use crate::trace;
use crate::tree::{Tree, leaves, paths};
use gradus_engine::Array;
use gradus_ir::Result;

/// Runs `f` at `x` one operation at a time, and reports the operation that made the first NaN or infinity from
/// finite numbers, in the function itself or in a derivative that `f` takes. `None` if all numbers are finite.
///
/// An operation whose NaN or infinity reaches a result is reported before one whose does not.
/// An infinity that `f` writes as a literal, such as a mask, does not count; a NaN made from it does.
/// All values are held in memory at once.
///
/// For a loop, the report names the step and the operation in it; for a choice, the branch.
///
/// ```
/// use gradus::prelude::*;
/// let length = |x: &Tensor| x.square().sum().sqrt();
/// let report = find_nan(grad(length), &Tensor::from([0.0, 0.0]))?.unwrap();
/// assert_eq!(report.operation, "div");
/// assert_eq!(report.part.of(), Some("sqrt"));
/// assert!(report.to_string().starts_with("infinity in the backward pass of sqrt"));
/// assert!(find_nan(grad(length), &Tensor::from([3.0, 4.0]))?.is_none());
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// Mistakes in `f`, or if it uses values of an outer trace.
#[doc(alias = "debug_nans")]
pub fn find_nan<A: Tree, B: Tree>(f: impl Fn(&A) -> B, x: &A) -> Result<Option<NanReport>> {
    trace::boundary(|| {
        let inputs = leaves(x);
        let (closed, _) = close_at(&f, x, &inputs)?;
        let arguments = closed.arguments(inputs);
        let arrays: Result<Vec<Array>> = arguments.iter().map(Tensor::array).collect();
        let found = search(&closed.graph, &arrays?, Meaning::Searched)?;
        Ok(found.map(|found| {
            let mut report = NanReport::new(&found);
            let names = paths(x);
            let near = || found.near.iter().filter(|(k, _)| *k < names.len());
            let least = near().map(|(_, d)| *d).min();
            let nearest = near().filter(|(_, d)| Some(*d) == least);
            report.nearest = nearest.map(|(k, _)| names[*k].clone()).collect();
            report.nearest.sort();
            if let Some(k) = found.argument() {
                let of = names.get(k).map(|path| argument_at(path));
                report.argument = Some(of.unwrap_or_else(|| "a tensor from outside".into()));
            }
            report
        }))
    })
}
