//! The CPU backend: from a graph to numbers.
//!
//! **What it is**: [`compile`] turns a graph into an [`Executable`]: passes, fusion, steps, their order, the memory of
//! their arrays. [`cached`] finds equal programs again.
//! **What enters**: a [`gradus_ir::Graph`] and [`Array`]s. **What leaves**: arrays.
//!
//! **Invariants**: results depend neither on the number of threads nor on how often a program ran.
//! After its first run a program asks the system for no array memory but that of results, which is reused when they are
//! dropped. An index out of bounds is an error with the user's line.
//! **Never here**: derivatives, tracing, trees.

mod arena;
mod array;
mod buffers;
mod cache;
mod compile;
mod count;
pub mod environment;
mod executable;
mod forecast;
mod fuse;
mod instrumentation;
mod kernels;
mod limit;
mod list;
mod lower;
pub mod math;
mod observer;
mod options;
mod origin;
pub mod passes;
mod pool;
mod recent;
mod region;
mod registers;
mod schedule;
mod standalone;
mod step;
mod storage;
mod tile;
mod view;

pub use array::{Array, Element, allocations, with_room};
pub use compile::{cached, compile, forecast};
pub use count::{Counts, StepForecast};
pub use executable::{Executable, Input, Report};
pub use forecast::Forecast;
pub use observer::Observer;
pub use options::CompileOptions;
pub use origin::Member;
pub use pool::{set_threads, threads};
pub use recent::Recent;
