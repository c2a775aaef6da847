//! What the orders of the chain rule cost, and in time which one to take.
//!
//! **What it is today**: the cost of forward and reverse mode on a chain of dense layers, as integers ([`Chain`]). **Its place is kept** for the planner
//! proper: tangent graphs, cuts, the dynamic program over bracketings, elimination.
//!
//! **Invariants**: figures follow from shapes alone; no kernels, no tensors, no closures here.

mod chain;

pub use chain::{Chain, ModeCost};
