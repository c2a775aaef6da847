//! What the orders of the chain rule cost, and in time which one to take.
//!
//! **What it is today**: the cost of forward mode, reverse mode and the best bracketing on a chain of dense Jacobians, as integers ([`Chain`], [`Bracketing`]). **Its place is kept** for the planner
//! proper: tangent graphs, cuts, structured joins, elimination.
//!
//! **Invariants**: figures follow from shapes alone; no kernels, no tensors, no closures here.

mod bracketing;
mod chain;

pub use bracketing::Bracketing;
pub use chain::{Chain, MemoryTerms, ModeCost};
