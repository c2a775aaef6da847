//! What the orders of the chain rule cost, and in time which one to take.
//!
//! **What it is today**: the cost of forward mode, reverse mode and the best bracketing on a chain of dense Jacobians, as integers ([`Chain`],
//! [`Bracketing`]), and orders of vertex elimination on graphs of scalars ([`scalar`]). **Its place is kept** for the planner proper: tangent graphs, cuts,
//! structured joins.
//!
//! **Invariants**: figures follow from shapes alone; no kernels, no tensors, no closures here.

mod bracketing;
mod chain;
pub mod scalar;

pub use bracketing::Bracketing;
pub use chain::{Chain, MemoryTerms, ModeCost};
