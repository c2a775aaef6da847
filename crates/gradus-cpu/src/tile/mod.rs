//! Fused elementwise kernels: many operations on a tile of elements that stays
//! in the first-level cache, then the next tile.
//!
//! [`Program`] describes the computation: sources with their views,
//! instructions, stores, and reductions at the end.
//! `Kernel` is the program with loops chosen, registers (tiles of scratch memory) assigned and work split into
//! chunks; the split depends on the shape alone. [`Fused`] is the step that runs it, and `Rows` one that runs several.

mod build;
mod changeover;
mod count;
mod execute;
mod kernel;
mod load;
#[cfg(feature = "native")]
mod native;
mod parameters;
mod program;
mod rearrange;
mod rows;
mod stages;
mod step;
#[cfg(all(feature = "native", target_arch = "x86_64"))]
mod vector;
mod widen;

pub(crate) use program::{Code, Program, Reduction, Source, Value, blocks};
pub(crate) use rows::join_rows;
pub(crate) use step::Fused;
