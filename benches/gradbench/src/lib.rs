//! Gradus as a tool of GradBench (<https://github.com/gradbench/gradbench>): the suite's objectives as programs over
//! tensors, and their derivatives.
//!
//! Each file with the name of an eval has its objective, step by step as the suite's C++ or JAX code has it.
//! `protocol` reads the suite's messages and answers them, `compare` sets this tool beside others.

// Invariants: whatever the suite's C++ code computes in each call is computed in each call here, so inputs are
// arguments of compiled functions; sizes alone are constants. Reading input and writing output is not timed.

pub mod compare;
pub mod protocol;

mod ba;
mod failure;
mod gmm;
mod hello;
mod input;
mod kmeans;
mod llsq;
mod lse;
mod lstm;
mod measure;
mod ode;
