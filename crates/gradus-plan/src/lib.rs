//! The order of the chain rule: candidates, their costs, and the choice among them.
//!
//! **Contents**: [`jacobian`] plans the derivative of a graph.
//! Each generator of `generators/` proposes a candidate (forward, reverse or mixed order,
//! or elimination) with its program and its cost; the cheapest is chosen.
//! [`hessian`] and [`hvp`] do the same for second derivatives.
//! [`Chain`] and [`Bracketing`] hold the formulas for chains of dense Jacobians,
//! [`scalar`] vertex elimination on graphs of single numbers.
//!
//! **Invariants**: figures follow from types alone; all candidates compute the same derivative (only reverse mode
//! sees a `with_cotangent`); structural zeros are never multiplied;
//! files import each other without circles. **Never here**: kernels, tensors, closures.

mod addressing;
mod bracketing;
mod budget;
mod candidate;
mod chain;
mod chain_order;
mod choice;
mod cost;
mod elimination;
mod explain;
mod format;
mod generators;
mod hessian;
mod hvp;
mod jacobian;
mod matrix;
mod options;
mod order;
pub mod page;
mod plan;
mod problem;
mod products;
mod profile;
mod push;
mod quote;
mod reason;
pub mod scalar;
mod search_space;
mod segments;
mod symmetric;

pub use bracketing::{BestBracketings, Bracketing};
pub use candidate::{Candidate, Mode, NotBuilt, Peak};
pub use chain::{Chain, MemoryTerms, ModeCost};
pub use choice::Choice;
pub use cost::{Estimate, estimate, estimates};
pub use elimination::{Elimination, EliminationStep, FoundBy, Join};
pub use explain::{Analysis, Measured};
pub use format::grouped;
pub use hessian::hessian;
pub use hvp::hvp;
pub use jacobian::{Accumulation, jacobian};
pub use options::{Modes, Objective, PlanOptions, SearchLimits, SourceLines};
pub use order::Order;
pub use plan::{Derivative, Plan};
pub use profile::Profile;
pub use segments::Cut;
