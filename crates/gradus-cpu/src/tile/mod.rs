//! Fused elementwise kernels: many operations on a tile of elements that stays in the first cache, then the next tile.
//!
//! [`Program`] says what to compute: sources with their views, instructions, stores, and reductions at the end. [`Kernel`] is the program with loops
//! chosen, registers (tiles of scratch memory) assigned and work split into chunks; the split depends on the shape alone.

mod count;
mod execute;
mod kernel;
mod load;
mod powers;
mod program;

pub(crate) use execute::Resident;
pub(crate) use kernel::Kernel;
pub(crate) use powers::lower_powers;
pub(crate) use program::{Code, Instruction, Program, Reduction, Source, Store, Value, blocks};
