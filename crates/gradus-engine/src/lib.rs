//! The interface between the front end and the engines that run its programs.
//!
//! **What it is**: an [`Engine`] compiles a graph to a [`Program`], which runs on [`Array`]s.
//! A [`Cache`] keeps compiled programs and other work on graphs. An [`Observer`] sees values while programs run.
//! **What enters**: a [`gradus_ir::Graph`] and arrays. **What leaves**: arrays, [`Counts`], [times](TimedStep).
//!
//! **Invariants**: arrays are in main memory, in row-major order.
//! Only this crate requests their memory from the system, so limits hold for all engines together. **Never here**:
//! derivatives, tracing, kernels, an engine.

mod array;
mod cache;
pub mod environment;
mod free_blocks;
mod limit;
mod near_blocks;
mod observer;
mod options;
mod program;
mod recent;
mod slice;

pub use array::{Array, Element, allocations, with_room};
pub use cache::{Cache, KeepsMemory, Key, Source, same_blame};
pub use observer::Observer;
pub use options::CompileOptions;
pub use program::{Counts, Engine, Input, Member, Program, TimedStep};
pub use recent::Recent;
pub use slice::{Slice, SliceMut, check_slices};

/// The memory of arrays, for engines that write results in place or keep memory from run to run.
pub mod memory {
    pub use crate::array::{ALIGNMENT, Buffer, NOTHING, free_bytes, too_large};
    pub use crate::limit::{Bytes, Shortage, allow, must_ask};
}
