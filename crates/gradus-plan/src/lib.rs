//! Which order of the chain rule to take, what it costs, and why.
//!
//! **What it is**: [`jacobian`] plans the derivative of a graph: candidates in forward, reverse and mixed order and by elimination, each with its program and its
//! cost, and the one with the least time. [`Chain`] and [`Bracketing`] hold the formulas for chains of dense Jacobians,
//! [`scalar`] vertex elimination on graphs of single numbers.
//!
//! **Invariants**: figures follow from types alone; all candidates compute the same derivative; zeros by structure are never multiplied. **Never here**: kernels,
//! tensors, closures.

mod block;
mod bracketing;
mod chain;
mod choice;
mod cost;
mod elimination;
mod explain;
mod hvp;
mod matrix;
mod order;
mod plan;
mod price;
mod profile;
mod push;
mod report;
pub mod scalar;
mod segments;

pub use bracketing::Bracketing;
pub use chain::{Chain, MemoryTerms, ModeCost};
pub use choice::{Candidate, Choice, Mode, Modes, Objective, Peak, PlanOptions};
pub use cost::{Estimate, estimate};
pub use elimination::{Elimination, Found, How, Search, Step};
pub use explain::{Analysis, Measured, grouped};
pub use hvp::hvp;
pub use order::Order;
pub use plan::{Plan, jacobian};
pub use profile::Profile;
