//! Vertex elimination on the graph of arrays, for programs that are not chains.
//!
//! The vertices are the inputs, the outputs and some narrow arrays between them.
//! A vertex has the segment of the program that computes it from the vertices before it.
//! Eliminating a vertex joins each array before it to each array after it in one of three ways:
//! by the product of two accumulated derivatives, by pushing the columns of the derivative before through the
//! segment after, or by pulling the rows of the derivative after through the segment before.
//! Forward mode and reverse mode are two of the orders.
//! So are all orders over small sets of arrays that every path goes through.
//! The search compares shapes of derivatives, never programs; the best order is built once.
//! (A. Griewank, A. Walther, *Evaluating Derivatives*, chapters 9 and 10, for scalars.)

mod block_shape;
mod build;
mod cuts;
mod graph;
mod keys;
mod order;
mod search;
mod vector_cost;

pub(crate) use build::build;
pub(crate) use graph::EliminationGraph;
pub use order::{Elimination, EliminationStep, FoundBy, Join};
pub(crate) use search::search;
