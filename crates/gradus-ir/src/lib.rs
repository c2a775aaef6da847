//! The typed graph of Gradus.
//!
//! **What it is**: array programs as data: [`Graph`] is an arena of typed nodes in topological order,
//! [`Op`] is the closed set of primitives. **What enters**: operations from a tracer,
//! a transform or a text. **What leaves**: a graph that is well typed,
//! locally simplified and free of common subexpressions.
//!
//! **Invariants**: nodes never change; operands come before their users; every node's type follows from its
//! operands by the primitive's own rule; no node looks at the values of arrays, only at types and literals.
//! **Never here**: kernels, closures, devices, global state.

pub mod attributes;
pub mod block;
mod builder;
pub mod cost;
pub mod dot;
mod effects;
mod error;
mod fold;
mod gates;
mod graph;
mod linearity;
mod listed;
mod loc;
mod merge;
pub mod primitives;
mod simplify;
pub mod text;
mod types;
pub mod verify;

pub use cost::{ByWork, TotalCost, total_cost};
pub use error::{Error, ErrorKind, Result};
pub use graph::{Graph, Node, NodeId, Operands, Types, ValueId, Values};
pub use linearity::nonlinearity;
pub use loc::{Loc, Part};
pub use primitives::Op;
pub use types::{
    ComputeFloat, DType, Dims, FloatType, Form, IntegerType, Kind, LONGEST, Literal, NumberType,
    Type, Width, bf16, row_major_strides,
};
