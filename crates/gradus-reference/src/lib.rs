//! An engine that runs a graph one operation at a time, with plain loops over indices that follow the definitions.
//!
//! **Purpose**: [`Reference`] is an [`Engine`](gradus_engine::Engine) for tests.
//! Tests compare the results of other engines with its results,
//! and run the front end on it as on any other engine.
//!
//! **Invariants**: each family of primitives has a file that a reader can
//! check against the definitions in `gradus-ir`.
//! Floating-point numbers are computed in f64 and rounded to their type after each operation.
//! **Never here**: kernels, passes, anything for speed.

mod arrange;
mod array;
mod elementwise;
mod engine;
mod functions;
mod gamma;
mod index;
mod product;
mod reduce;
mod region;
mod run;

pub use engine::Reference;

use gradus_engine::Array;
use gradus_ir::{Graph, Result};

/// Runs `graph` on these inputs and gives the values of its outputs.
///
/// # Errors
/// If the inputs differ from the graph's in number or type, an index is out of bounds,
/// a checked condition does not hold, or the graph needs an undefined derivative.
pub fn evaluate(graph: &Graph, inputs: &[Array]) -> Result<Vec<Array>> {
    let inputs: Vec<&Array> = inputs.iter().collect();
    Ok(engine::evaluate(run::Run::default(), graph, &inputs)?.0)
}
