//! Native code: machine code for programs and loops over few numbers, made with Cranelift.
//!
//! Each step of a program writes itself as instructions (`Step::emit`). Arrays are unrolled, so that each element is
//! a value in a register, and a loop becomes a loop of the machine with its carried values in registers.
//! Functions of more than a few instructions call the vector kernels on one or several elements, so the results have
//! the same bits as on tiles.
//!
//! A program or loop changes over to native code when its runs on tiles have taken about as long as making the code.
//! `GRADUS_NATIVE=off`, or [`set_policy`], keeps all programs on tiles. Where the system refuses executable memory,
//! programs stay on tiles too, and one line on standard error says so.

mod code;
mod emitter;
mod numbers;
mod policy;

pub use code::functions_made;
#[cfg(target_arch = "x86_64")]
pub(crate) use code::placed;
pub(crate) use code::{Code, function};
pub(crate) use emitter::{Elements, Emitter, Table};
pub(crate) use policy::Changeover;
pub use policy::{Policy, policy, set_policy};

use gradus_ir::Type;

/// Arrays with more elements are not unrolled.
pub(crate) const MOST_ELEMENTS: usize = 512;

/// Functions with more instructions are not made: the time of compiling grows faster than their number.
pub(crate) const MOST_INSTRUCTIONS: usize = 20_000;

/// Whether each of these arrays can be unrolled.
pub(crate) fn are_few<'a>(mut types: impl Iterator<Item = &'a Type>) -> bool {
    types.all(|ty| !ty.is_list() && ty.elements() <= MOST_ELEMENTS)
}
