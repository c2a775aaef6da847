//! Vertex elimination on the computational graphs of scalar programs.
//!
//! A scalar program is a directed acyclic graph whose edges carry local partial derivatives ([`ScalarGraph`],
//! written by formula with [`Builder`]).
//! Eliminating a vertex joins each of its predecessors to each of its successors by the product of both edges;
//! once no intermediate vertex is left, the edges are the Jacobian.
//! Every order of elimination gives the same Jacobian, at different cost:
//! forward and reverse mode are two of the orders ([`ScalarGraph::forward_order`], [`ScalarGraph::reverse_order`]),
//! and [`ScalarGraph::plan`] looks for a cheaper one.
//! Finding the cheapest is NP-complete, so the search is bounded.
//!
//! Programs of arrays that are small enough are read number by number (`program.rs`, `read.rs`),
//! and their Jacobian is made in the order found.
//!
//! **How it counts**: each product of two edges is one multiplication,
//! whatever their values (`1` and `-1` as well); additions are free.
//! Eliminating a vertex thus costs its predecessors times its successors.
//!
//! The reference for this module is A. Griewank, A. Walther, *Evaluating Derivatives*, chapters 9 and 10.

mod builder;
mod elimination;
mod graph;
mod improve;
mod options;
mod orders;
mod program;
pub mod published;
mod read;
mod search;

pub use builder::{Builder, Var};
pub use graph::{Edge, GraphError, ScalarGraph};
pub use options::{EliminationOptions, EliminationPlan};
pub use orders::OrderError;
pub(crate) use program::ScalarProgram;
