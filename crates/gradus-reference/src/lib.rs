//! An engine that runs a graph one operation at a time, with plain loops over indices, by the definitions.
//!
//! **What it is**: [`Reference`] is an [`Engine`](gradus_engine::Engine) for tests. What other engines compute is
//! compared with what it computes, and the front end runs on it as on any other engine.
//!
//! **Invariants**: a family of primitives is a file that a reader can check against the definitions in `gradus-ir`.
//! Floating-point numbers are computed in f64 and rounded to their type after each operation.
//! **Never here**: kernels, passes, anything for speed.

mod arrange;
mod array;
mod elementwise;
mod engine;
mod functions;
mod index;
mod product;
mod reduce;
mod region;
mod run;

pub use engine::Reference;

use gradus_engine::Array;
use gradus_ir::{Graph, Result};

/// The values of the outputs of `graph` for these inputs.
///
/// # Errors
/// If the inputs differ from the graph's in number or type, an index is out of bounds, a checked condition does not
/// hold, or a derivative is needed that is not known.
pub fn evaluate(graph: &Graph, inputs: &[Array]) -> Result<Vec<Array>> {
    let inputs: Vec<&Array> = inputs.iter().collect();
    Ok(engine::evaluate(run::Run::default(), graph, &inputs)?.0)
}
