//! Automatic differentiation of array programs.
//!
//! Write an ordinary function over [`Tensor`]s; transforms give functions again: [`grad`], [`jvp`], [`vjp`], [`jacobian`],
//! [`hessian`], [`hvp`], [`vmap`], [`jit`]. They compose in any order and to any depth.
//!
//! ```
//! use gradus::prelude::*;
//!
//! let f = |x: &Tensor| (x.sin() * x).sum();
//! let slope = grad(f);
//! let curvature = jacfwd(grad(f));
//! let x = Tensor::from([0.0, 1.0]);
//! println!("{} {}", slope(&x), curvature(&x));
//! ```
//!
//! **Invariants**: a transform flattens its trees at the door and works on graphs; every traced closure has a graph of its own, closed over what it
//! captures; a mistake names the user's line. **Never here**: rules of differentiation (they stand with the primitives), kernels.

extern crate self as gradus;

pub mod control;
#[cfg(feature = "io")]
pub mod io;
pub mod nn;
pub mod optim;
pub mod random;
mod seeing;
pub mod solve;
pub mod tensor;
mod trace;
pub mod transform;
pub mod tree;

pub use control::{
    Bound, Keep, LoopOptions, ScanOptions, associative_scan, checkpoint, cond, fori_loop,
    fori_loop_with, map, scan, scan_with, switch, while_loop, while_loop_with,
};
pub use gradus_cpu::{allocations, set_threads, threads};
pub use gradus_derive::Tree;
pub use gradus_ir::{DType, Error, ErrorKind, Graph, Loc, Part, Result, dot};
pub use seeing::*;
pub use solve::{
    Argmin, FixedPoint, LinearSolver, Method, Root, argmin, custom_root, find_root, fixed_point,
    linear_solve, linear_solve_preconditioned,
};
pub use tensor::Tensor;
pub use trace::on_behalf_of_text;
pub use transform::*;
pub use tree::Tree;

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// What most programs need.
pub mod prelude {
    pub use crate::control::*;
    pub use crate::seeing::*;
    pub use crate::solve::*;
    pub use crate::tensor::Tensor;
    pub use crate::transform::*;
    pub use crate::{DType, DType::*, Error, ErrorKind, Result, Tree};
}
