//! The CPU backend: from a graph to numbers.
//!
//! **What it is**: [`compile`] turns a graph into an [`Executable`]: passes, fusion into kernels, places in memory, chosen loops; [`cached`] finds
//! equal programs again. **What enters**: a [`gradus_ir::Graph`] and [`Array`]s. **What leaves**: arrays.
//!
//! **Invariants**: results depend neither on the number of threads nor on how often a program ran; after a program's first run it asks the system for no
//! array memory but that of results, which is reused when they are dropped; an index out of bounds is an error with the user's line.
//! **Never here**: derivatives, tracing, trees.

mod alone;
mod array;
mod cache;
mod compile;
mod count;
pub mod environment;
mod forecast;
mod fuse;
mod kernels;
mod limit;
pub mod math;
mod memory;
mod origin;
pub mod passes;
mod place;
mod pool;
mod probe;
mod recent;
mod region;
mod run;
mod schedule;
mod slots;
mod tile;
mod view;

pub use array::{Array, Element, allocations, with_room};
pub use cache::cached;
pub use compile::{CompileOptions, compile};
pub use count::{Counts, StepForecast};
pub use forecast::{Forecast, forecast};
pub use origin::Member;
pub use pool::{set_threads, threads};
pub use probe::Observer;
pub use recent::Recent;
pub use run::{Executable, Input, Report};
