//! The CPU backend: from a graph to numbers.
//!
//! **What it is**: [`Cpu`] is the engine of this crate; [`compile`] alone turns a graph into an [`Executable`]:
//! passes, fusion, steps, their order, the memory of their arrays.
//! **What enters**: a [`gradus_ir::Graph`] and [`Array`]s. **What leaves**: arrays.
//!
//! **Invariants**: results depend neither on the number of threads nor on the number of earlier runs.
//! After its first run a program requests no array memory from the system except for results,
//! whose memory is reused when they are dropped.
//! An index out of bounds is an error with the user's line. **Never here**: derivatives, tracing, trees.

mod arena;
mod buffers;
mod compile;
mod count;
mod executable;
mod forecast;
mod from_end;
mod fuse;
mod instrumentation;
mod kernels;
mod list;
mod lower;
pub mod math;
#[cfg(feature = "native")]
pub mod native;
mod options;
mod origin;
pub mod passes;
mod pool;
mod region;
mod registers;
mod schedule;
mod standalone;
mod step;
mod storage;
mod tile;
mod view;

pub use compile::{Cpu, compile, forecast};
pub use count::StepForecast;
pub use executable::{Executable, Report};
pub use forecast::Forecast;
#[doc(no_inline)]
pub use gradus_engine::{Array, CompileOptions, Counts, Element, Input, Member, Observer};
pub use pool::{set_threads, threads};
