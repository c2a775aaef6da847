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
//! Nine jobs are in `jobs/`. Each is a complete program that checks its result:
//!
//! * `curve_fitting`: a damped oscillation fitted by the crate `levenberg-marquardt`
//! * `minimisation`: Rosenbrock's function minimised by the crate `argmin`
//! * `physics_informed`: a network that satisfies a differential equation
//! * `transformer`: a transformer block that learns to reverse sequences
//! * `gaussian_process`: length scale and noise by the likelihood, predictions between measurements
//! * `ode_fit`: rates of a differential equation fitted through its integration by `scan`
//! * `robot_arm`: inverse kinematics of an arm with six joints by its Jacobian
//! * `hamiltonian_monte_carlo`: mean and variance of a known posterior by 64 chains
//! * `optimal_control`: torques that swing a pendulum up, by the gradient through its motion
//!
//! Run one with `cargo run --release -p gradus-examples --example newton`.

pub mod shared;
