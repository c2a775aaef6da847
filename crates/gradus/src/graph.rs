//! The parts of a [`Graph`](crate::Graph), for programs that walk through one.
//!
//! [`trace`](crate::trace()) gives the graph of a function: a list of nodes, each an operation with operands and
//! results.
//! It prints as text, [`text`] reads it back, and [`dot`] draws it for Graphviz.
//!
//! ```
//! use gradus::graph::Op;
//! use gradus::prelude::*;
//!
//! let graph = trace(grad(|x: &Tensor| x.sin().sum()), &Tensor::from([1.0, 2.0]))?;
//! let elementwise = graph.nodes().iter().filter(|node| matches!(node.op, Op::Unary(_)));
//! assert_eq!(elementwise.count(), 2);
//! assert!(gradus::graph::dot::render(&graph).starts_with("digraph"));
//! # Ok::<(), gradus::Error>(())
//! ```

#[doc(inline)]
pub use gradus_ir::{
    ByWork, ComputeFloat, Dims, FloatType, Form, IntegerType, Kind, LONGEST, Literal, Loc, Node,
    NodeId, NumberType, Op, Operands, Part, TotalCost, Type, Types, ValueId, Values, Width,
    nonlinearity, row_major_strides, total_cost,
};
#[doc(inline)]
pub use gradus_ir::{attributes, block, cost, dot, primitives, text, verify};
