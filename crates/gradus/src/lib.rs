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
//! **Memory**: before a program runs, what it holds at its peak is compared with what can be had, and each array that is made is; more is an error (of the kind
//! [`ErrorKind::Memory`]) that names the operation, its shape and the bytes. What can be had is what the system leaves: of the address space (`ulimit -v`), of the control groups'
//! limits, of the memory available.
//!
//! **Environment variables**; a value that cannot be understood is named once on standard error and does not count:
//!
//! | variable | what it does |
//! |---|---|
//! | `GRADUS_MEMORY_LIMIT` | the most that all arrays together hold, instead of what the system leaves: `6GB`, `512MiB`, `1.5 GB` (`KB`, `MB`, `GB`, `TB` are powers of 1000, `KiB` … `TiB` of 1024), bytes without a unit, or `unlimited` |
//! | `GRADUS_NUM_THREADS` | how many threads kernels use, 1 to 1024, see [`set_threads`] |
//! | `GRADUS_CHECK_NAN` | `1`: results that are not finite are mistakes, see [`with_nan_check`] |
//! | `GRADUS_LOG` | words with commas between: `passes` prints what the compiler makes of each program; `types` names the lines where a tensor of one number of f64 turned an array of f32 into f64 |
//! | `GRADUS_ISA` | `portable`, `avx2` or `avx512`: kernels do without the better instructions that the machine has |
//!
//! **Invariants**: a transform flattens its trees at the door and works on graphs; every traced closure has a graph of its own, closed over what it
//! captures; a mistake names the user's line. **Never here**: rules of differentiation (they stand with the primitives), kernels.

extern crate self as gradus;

#[doc = include_str!("coming_from.md")]
pub mod coming_from {}
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
    Keep, LoopBound, LoopOptions, LoopRange, ScanOptions, associative_scan, checkpoint, cond,
    fori_loop, fori_loop_with, map, scan, scan_with, switch, while_loop, while_loop_with,
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
#[doc = include_str!("../README.md")]
struct Readme;

/// What most programs need.
pub mod prelude {
    pub use crate::control::*;
    pub use crate::seeing::*;
    pub use crate::solve::*;
    pub use crate::tensor::{Tensor, concatenate, einsum, stack, where_};
    #[doc(hidden)]
    #[allow(deprecated)]
    pub use crate::tensor::{cat, concat};
    pub use crate::transform::*;
    pub use crate::{DType, DType::*, Error, ErrorKind, Result, Tree};
    pub use crate::{nn, optim, random};
}
