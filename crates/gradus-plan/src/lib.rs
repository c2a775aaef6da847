//! Which order of the chain rule to take, what it costs, and why.
//!
//! **What it is**: [`jacobian`] plans the derivative of a graph: candidates in forward, reverse and mixed order and by elimination, each with its program and its
//! cost, and the one with the least time; [`hessian`] and [`hvp`] do the same for second derivatives. [`Chain`] and [`Bracketing`] hold the formulas for chains of
//! dense Jacobians,
//! [`scalar`] vertex elimination on graphs of single numbers.
//!
//! **Invariants**: figures follow from types alone; all candidates compute the same derivative (a `with_cotangent` is seen by reverse mode alone); zeros by structure are never multiplied. **Never here**: kernels,
//! tensors, closures.

mod bound;
mod bracketing;
mod chain;
mod choice;
mod cost;
mod elimination;
mod explain;
mod format;
mod hessian;
mod hvp;
mod matrix;
mod options;
mod order;
pub mod page;
mod plan;
mod price;
mod products;
mod profile;
mod push;
mod quote;
mod regions;
mod report;
mod room;
pub mod scalar;
mod segments;
mod steps;
mod symmetric;

pub use bound::NotBuilt;
pub use bracketing::{BestBracketings, Bracketing};
pub use chain::{Chain, MemoryTerms, ModeCost};
pub use choice::{Candidate, Choice, Mode, Peak};
pub use cost::{Estimate, estimate, estimates};
pub use elimination::{Elimination, Found, How, Step};
pub use explain::{Analysis, Measured};
pub use format::grouped;
pub use hessian::hessian;
pub use hvp::hvp;
pub use options::{Modes, Objective, PlanOptions, SearchLimits, SourceLines};
pub use order::Order;
pub use plan::{Accumulation, Derivative, Plan, jacobian};
pub use profile::Profile;
pub use segments::Cut;
