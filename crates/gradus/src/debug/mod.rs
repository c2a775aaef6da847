//! Debugging programs: as a page, while they run, for the first NaN, by line.

mod check;
mod nan;
mod probe;
mod profile;
mod report;
mod search;

pub use check::with_nan_check;
pub(crate) use check::{check, checking};
pub use nan::find_nan;
pub use probe::debug_print;
pub use profile::{LineProfile, LineTime, StepOperation, StepTime, by_line, chrome_trace};
pub use report::NanReport;
pub use search::NanWithin;

use crate::transform::profile::machine_profile;
use gradus_ir::Graph;

/// `graph` as one self-contained HTML page to walk through: source lines, types, dependencies,
/// forward and backward parts, and the cost of each node by the rates of the machine's profile.
///
/// [`Graph`] prints as text, and [`dot::render`](crate::graph::dot::render) draws it for Graphviz.
///
/// ```
/// use gradus::prelude::*;
/// let graph = trace(grad(|x: &Tensor| x.sin().sum()), &Tensor::from([1.0, 2.0]))?;
/// let html = page("The slope of a sine", &graph);
/// assert!(html.contains("f64[2] = cos %0"));
/// # Ok::<(), gradus::Error>(())
/// ```
pub fn page(title: &str, graph: &Graph) -> String {
    gradus_plan::page::render(title, graph, &machine_profile())
}
