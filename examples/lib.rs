//! Small programs that show Gradus at work, each a file beside this one:
//!
//! * `debugging`: a graph as a page, values while running, the line that made a NaN, a profile by line
//! * `first_derivatives`: gradient, Jacobian, Hessian, and the graph behind them
//! * `least_squares`: a curve fitted by Gauss-Newton steps
//! * `newton`: a minimum found with Hessian-vector products
//! * `per_example_gradients`: `vmap` of `grad`
//! * `pendulum`: the derivative of a simulation with respect to its parameters
//! * `train_xor`: a small network trained by a compiled step
//!
//! and in `cookbook/` one for each section of three pages about automatic differentiation by JAX and PyTorch.
//! Its `README.md` lists the sections.
//!
//! Run one with `cargo run --release -p gradus-examples --example newton`.

pub mod shared;
