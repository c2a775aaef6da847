//! Automatic differentiation of array programs.
//!
//! You write an ordinary function over [`Tensor`]s.
//! Gradus gives its derivatives of any order, maps it over batches, compiles it in milliseconds and runs it in fused
//! vector kernels.
//! It needs stable Rust and nothing else.
//!
//! ```
//! use gradus::prelude::*;
//!
//! let f = |x: &Tensor| (x.sin() * x).sum();
//! let x = Tensor::from([0.0, 1.0]);
//! let slope = grad(f)(&x);
//! let curvature = hessian(f)(&x);
//! assert_eq!((slope.shape(), curvature.shape()), (&[2][..], &[2, 2][..]));
//! ```
//!
//! [`tour`] shows each subject in a paragraph and an example.
//! [`coming_from`] sets the names of JAX, NumPy, PyTorch, ndarray and nalgebra beside those of Gradus.
//!
//! # Where things are
//!
//! | subject | where |
//! |---|---|
//! | arrays and their operators | [`Tensor`]; [`tensor`] for [`stack`](tensor::stack), [`concatenate`](tensor::concatenate), [`einsum`](tensor::einsum), [`where_`](tensor::where_) |
//! | derivatives | [`grad`], [`value_and_grad`], [`jvp`], [`vjp`], [`linearize`], [`jacobian`], [`hessian`], [`hvp`] |
//! | derivatives of parts, of several losses, on their way | [`grad_wrt`], [`freeze`], [`value_and_grads`], [`with_cotangent`], [`tap`] |
//! | rules of your own | [`custom_jvp`], [`custom_vjp`], [`linear_call`], [`check_grads`] |
//! | batches | [`vmap`], [`vmap_with`] |
//! | compilation | [`jit`] |
//! | control flow | [`control`]: [`cond`](control::cond), [`switch`](control::switch), [`scan`](control::scan), [`fori_loop`](control::fori_loop), [`while_loop`](control::while_loop), [`checkpoint`](control::checkpoint) |
//! | structures of tensors | [`Tree`] and `#[derive(Tree)]`; [`tree`] for functions of all tensors of one |
//! | networks | [`nn`] and [`optim`] |
//! | random numbers | [`random`] |
//! | equations and minima | [`solve`]: [`linear_solve`](solve::linear_solve), [`find_root`](solve::find_root), [`fixed_point`](solve::fixed_point), [`argmin`](solve::argmin()) |
//! | the order of the chain rule | [`plan`]: [`plan_jacobian`](plan::plan_jacobian), [`plan_hessian`](plan::plan_hessian), [`plan_hvp`](plan::plan_hvp) |
//! | looking into programs | [`trace`](crate::trace()); [`debug`]: [`page`](debug::page), [`debug_print`](debug::debug_print), [`find_nan`](debug::find_nan), [`by_line`](debug::by_line) |
//! | programs as data | [`Graph`]; [`graph`] for what it is made of |
//! | files | [`io`] |
//! | mistakes | [`Error`], [`ErrorKind`], [`Result`] |
//!
//! Each name has one path.
//! The root has the types that all subjects share, the transforms and the settings of the process.
//! Every other name is in the module of its subject.
//! The [`prelude`] repeats the names that most programs need.
//!
//! # Tensors
//!
//! Operators broadcast as in NumPy.
//! A number combined with a tensor takes the tensor's type; axes and sizes are integers of any type.
//!
//! ```
//! use gradus::prelude::*;
//! let a = Tensor::from([[1.0, 2.0], [3.0, 6.0]]);
//! let centred = &a - a.mean_axis_keep(-1);
//! assert_eq!(centred.to_vec::<f64>()?, [-0.5, 0.5, -1.5, 1.5]);
//! assert_eq!(a.matmul(&a.t()).at(0).to_vec::<f64>()?, [5.0, 15.0]);
//! # Ok::<(), gradus::Error>(())
//! ```
//!
//! # Transforms
//!
//! They take functions and return functions, so they nest in any order and to any depth.
//!
//! ```
//! use gradus::prelude::*;
//! let f = |x: &Tensor| x.powi(3).sum();
//! let x = Tensor::from([1.0, 2.0]);
//! assert_eq!(grad(f)(&x).to_vec::<f64>()?, [3.0, 12.0]);
//! assert_eq!(hvp(f)(&x, &x).to_vec::<f64>()?, [6.0, 24.0]);
//! let of_rows = jit(vmap(grad(f)));
//! assert_eq!(of_rows.call(&Tensor::ones(&[5, 2], F64))?.shape(), [5, 2]);
//! # Ok::<(), gradus::Error>(())
//! ```
//!
//! # Parameters
//!
//! Arguments and results are trees of tensors: tuples, arrays, `Vec`, maps and your own types.
//!
//! ```
//! use gradus::prelude::*;
//! #[derive(Tree)]
//! struct Line { slope: Tensor, offset: Tensor }
//!
//! let (x, y) = (Tensor::from([0.0, 1.0, 2.0]), Tensor::from([1.0, 3.0, 5.0]));
//! let loss = |l: &Line| (&l.slope * &x + &l.offset - &y).square().mean();
//! let g = grad(loss)(&Line { slope: Tensor::from(0.0), offset: Tensor::from(0.0) });
//! assert_eq!(g.offset.item::<f64>()?, -6.0);
//! # Ok::<(), gradus::Error>(())
//! ```
//!
//! # Loops and choices
//!
//! A Rust `for` or `if` runs while the function is traced.
//! [`scan`](control::scan), [`fori_loop`](control::fori_loop), [`cond`](control::cond) and similar functions
//! become one operation of the program, and are differentiated in both modes.
//!
//! ```
//! use gradus::prelude::*;
//! let orbit = |r: &Tensor| fori_loop(0..1000, |_, x: &Tensor| r * x * (1 - x), &Tensor::from(0.3));
//! let slope = jit(grad(orbit)).call(&Tensor::from(2.5))?;
//! assert!((slope.item::<f64>()? - 0.16).abs() < 1e-9);
//! # Ok::<(), gradus::Error>(())
//! ```
//!
//! # Training
//!
//! Networks and optimisers are trees and plain functions, so a step with its gradient is one compiled program.
//!
//! ```
//! use gradus::prelude::*;
//! let net = nn::Mlp::new(&random::key(0), &[2, 16, 1], nn::Activation::Tanh, F32)?;
//! let x = random::normal(&random::key(1), &[64, 2], F32);
//! let y = x.square().sum_axis_keep(-1);
//! let adam = optim::Adam::default();
//! let step = jit(move |(net, state): &(nn::Mlp, optim::AdamState<nn::Mlp>)| {
//!     let loss = |net: &nn::Mlp| nn::mean_squared_error(&net.forward(&x), &y);
//!     let (loss, slope) = value_and_grad(loss)(net);
//!     (adam.update(net, &slope, state, &Tensor::from(0.01_f32)), loss)
//! });
//! let mut at = (net.clone(), adam.start(&net));
//! let mut losses = Vec::new();
//! for _ in 0..50 {
//!     let (next, loss) = step.call_owned(at)?;
//!     losses.push(loss.item::<f32>()?);
//!     at = next;
//! }
//! assert!(losses[49] < losses[0]);
//! # Ok::<(), gradus::Error>(())
//! ```
//!
//! # The order of the chain rule
//!
//! [`jacobian`], [`hessian`] and [`hvp`] take the order with the lowest estimated cost.
//! A plan explains the choice.
//!
//! ```
//! use gradus::prelude::*;
//! // Wide, narrow, wide: neither forward nor reverse mode is cheap.
//! let widths = [200, 40, 4, 40, 200];
//! let layers: Vec<Tensor> = widths.windows(2).map(|w| Tensor::full(&[w[1], w[0]], 0.1)).collect();
//! let f = move |x: &Tensor| layers.iter().fold(x.clone(), |x, w| w.matmul(&x).tanh());
//! let plan = plan_jacobian(f, &Tensor::ones(&[200], F64), &PlanOptions::default())?;
//! assert!(plan.explain().contains("chosen: mixed"));
//! # Ok::<(), gradus::Error>(())
//! ```
//!
//! # Looking into programs
//!
//! ```
//! use gradus::prelude::*;
//! let length = |x: &Tensor| x.square().sum().sqrt();
//! let report = find_nan(grad(length), &Tensor::from([0.0, 0.0]))?.unwrap();
//! assert!(report.to_string().starts_with("infinity in the backward pass of sqrt"));
//! # Ok::<(), gradus::Error>(())
//! ```
//!
//! # Mistakes
//!
//! A mistake names the operation, the shapes, your line, and what would fit.
//! [`Jit::call`] and other calls that return a [`Result`] return it as `Err`; elsewhere it panics,
//! like an index out of bounds in Rust.
//!
//! ```
//! use gradus::prelude::*;
//! let wrong = jit(|x: &Tensor| x + Tensor::ones(&[4], F64));
//! assert_eq!(
//!     wrong.call(&Tensor::ones(&[2, 3], F64)).unwrap_err().message(),
//!     "add: shapes [2,3] and [4] do not broadcast: axis 1 has sizes 3 and 4; sizes must be equal or 1"
//! );
//! ```
//!
//! # Memory and environment variables
//!
//! Before a program runs, the memory that it holds at its peak is compared with the available memory.
//! A program that needs more fails with an error of kind [`ErrorKind::Memory`] that names the operation,
//! its shape and the bytes.
//! The system's limits apply: the address space (`ulimit -v`), the control groups, the available memory.
//!
//! A variable with an invalid value is reported once on standard error and ignored.
//!
//! | variable | what it does |
//! |---|---|
//! | `GRADUS_MEMORY_LIMIT` | the most that all arrays together hold, instead of what the system leaves: `6GB`, `512MiB`, `1.5 GB` (`KB`, `MB`, `GB`, `TB` are powers of 1000, `KiB` … `TiB` of 1024), bytes without a unit, or `unlimited` |
//! | `GRADUS_NUM_THREADS` | how many threads kernels use, 1 to 1024, see [`set_threads`] |
//! | `GRADUS_CHECK_NAN` | `1`: results that are not finite are mistakes, see [`with_nan_check`](debug::with_nan_check) |
//! | `GRADUS_LOG` | words with commas between: `passes` prints what the compiler makes of each program; `types` names the lines where a tensor of one number of f64 turned an array of f32 into f64 |
//! | `GRADUS_ISA` | `portable`, `avx2` or `avx512`: kernels do without the better instructions that the machine has |
//! | `GRADUS_NATIVE` | `off`, `hot` or `always`, when loops, programs over few numbers, and kernels become machine code |

// Invariants: a transform flattens its trees at the door and works on graphs; every traced closure has its own
// graph, closed over its captured values; a mistake names the user's line.
// Never here: rules of differentiation (they are with the primitives), kernels.

extern crate self as gradus;

#[doc = include_str!("coming_from.md")]
pub mod coming_from {}
mod context;
pub mod control;
pub mod debug;
mod function;
pub mod graph;
#[cfg(feature = "io")]
pub mod io;
pub mod nn;
pub mod optim;
pub mod plan;
pub mod random;
mod run;
pub mod solve;
pub mod tensor;
#[doc = include_str!("tour.md")]
pub mod tour {}
mod trace;
mod transform;
pub mod tree;

#[doc(inline)]
pub use context::{set_threads, threads};
#[cfg(feature = "native")]
#[doc(inline)]
pub use gradus_cpu::native;
#[doc(inline)]
pub use gradus_derive::Tree;
#[doc(inline)]
pub use gradus_engine::allocations;
#[doc(inline)]
pub use gradus_ir::{DType, Error, ErrorKind, Graph, Result, bf16};
pub use tensor::handle::Tensor;
pub use trace::on_behalf_of_text;
pub use transform::{
    Axes, Blocks, CheckOptions, HvpOrder, Jit, TappedGradient, Taps, UserCost, check_grads,
    check_grads_with, custom_jvp, custom_vjp, freeze, grad, grad_with_taps, grad_wrt, hessian,
    hessian_tree, hvp, hvp_with, jacfwd, jacobian, jacobian_tree, jacrev, jit, jvp, linear_call,
    linearize, stop_gradient, straight_through, tap, trace, value_and_grad,
    value_and_grad_accumulated, value_and_grad_aux, value_and_grad_wrt, value_and_grads, vjp, vmap,
    vmap_with, with_cost, with_cotangent, with_taps,
};
pub use tree::definition::Tree;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Engines, contexts, and the types that both use.
///
/// A [`Context`](engine::Context) has an engine and a cache of compiled programs.
/// A type that implements [`Engine`](engine::Engine) runs the programs of its contexts.
pub mod engine {
    pub use crate::context::{Context, Cpu};
    pub use gradus_engine::memory::{Buffer, Shortage};
    pub use gradus_engine::{
        Array, Cache, CompileOptions, Counts, Engine, Input, KeepsMemory, Key, Member, Observer,
        Program, Slice, SliceMut, Source, TimedStep, check_slices,
    };
}

/// The names that most programs use.
///
/// It has [`Tensor`], [`Tree`], the element types and [`Result`]; the transforms, plans and control flow;
/// the modules [`nn`], [`optim`] and [`random`]; functions of several tensors;
/// and functions that look into a program.
/// It defines nothing: each name also has its own path.
pub mod prelude {
    pub use crate::control::{
        Keep, LoopOptions, ScanOptions, associative_scan, associative_scan_reverse, checkpoint,
        cond, fori_loop, fori_loop_with, map, scan, scan_with, switch, while_loop, while_loop_with,
    };
    pub use crate::debug::{by_line, chrome_trace, debug_print, find_nan, page};
    pub use crate::plan::{Modes, Objective, PlanOptions, plan_hessian, plan_hvp, plan_jacobian};
    #[doc(hidden)]
    #[allow(deprecated)]
    pub use crate::tensor::{cat, concat};
    pub use crate::tensor::{concatenate, einsum, stack, where_};
    pub use crate::{
        Axes, CheckOptions, HvpOrder, Jit, UserCost, check_grads, check_grads_with, custom_jvp,
        custom_vjp, freeze, grad, grad_with_taps, grad_wrt, hessian, hessian_tree, hvp, hvp_with,
        jacfwd, jacobian, jacobian_tree, jacrev, jit, jvp, linear_call, linearize, stop_gradient,
        straight_through, tap, trace, value_and_grad, value_and_grad_accumulated,
        value_and_grad_aux, value_and_grad_wrt, value_and_grads, vjp, vmap, vmap_with, with_cost,
        with_cotangent, with_taps,
    };
    pub use crate::{DType, DType::*, Error, ErrorKind, Result, Tensor, Tree, bf16};
    pub use crate::{nn, optim, random};
}
