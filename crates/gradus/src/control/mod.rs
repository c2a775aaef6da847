//! Control flow whose course is not known while a program is traced: choices, loops, parts computed again.
//!
//! A Rust `if` or `for` inside a traced function is run while tracing: the branch is chosen then, the loop unrolled. The functions here become one
//! operation of the program, with the closures as programs inside it. They are differentiated in both modes and to any order, batched and compiled like
//! everything else; what their closures use from outside is passed in by itself.

mod branch;
mod keep;
mod loops;
mod scan;

pub use branch::{cond, switch};
pub use keep::{Keep, checkpoint};
pub use loops::{Bound, LoopOptions, fori_loop, fori_loop_with, while_loop};
pub use scan::{ScanOptions, associative_scan, map, scan, scan_with};

use crate::tensor::Tensor;
use crate::trace::{self, Closed, Knowledge};
use crate::tree::{Structure, Tree, leaves, rebuild};
use gradus_ir::primitives::Region;
use gradus_ir::{Error, ErrorKind, Graph, Literal, Loc, NodeId, Result, Type};

/// A closure as a program of its arguments and what it uses from outside, and a result to rebuild others like.
fn close<A: Tree, B: Tree>(
    name: &'static str,
    like: &A,
    types: &[Type],
    f: impl Fn(&A) -> B,
) -> Result<(Closed, B)> {
    let mut result = None;
    let closed = trace::close(types, Knowledge::Types(name), &mut |args| {
        let y = f(&rebuild(like, args));
        let leaves = leaves(&y);
        result = Some(y);
        leaves
    })?;
    match result {
        Some(y) => Ok((closed, y)),
        None => unreachable!("the closure was traced"),
    }
}

/// The program of inputs of these types that applies `graph` to those of them in `args`.
fn on_inputs(graph: &Graph, types: &[Type], args: &[usize]) -> Result<Graph> {
    let mut g = Graph::new();
    let inputs: Vec<NodeId> = types.iter().map(|ty| g.input(ty.clone())).collect();
    let args: Vec<NodeId> = args.iter().map(|&k| inputs[k]).collect();
    let outputs = g.inline(graph, &args)?;
    g.set_outputs(outputs);
    Ok(g)
}

/// Applies a region to tensors.
fn apply(region: Region, operands: Vec<Tensor>, loc: Loc) -> Result<Vec<Tensor>> {
    let mut g = Graph::new();
    g.set_loc(trace::users_place(loc));
    let inputs: Vec<NodeId> = operands.iter().map(|t| g.input(t.ty().clone())).collect();
    let outputs = g.add_region(region, &inputs)?;
    g.set_outputs(outputs);
    trace::apply(&g, operands)
}

fn types(leaves: &[Tensor]) -> Vec<Type> {
    leaves.iter().map(|t| t.ty().clone()).collect()
}

/// Checks that what a function returns is like what it must be: `what` is the beginning of the message, `got` what it says it returned.
fn check_same<A: Tree>(what: &str, wanted: &A, got: &A) -> Result<()> {
    let (s, t) = (Structure::record(wanted), Structure::record(got));
    if let Some(difference) = s.difference(&t) {
        return Err(Error::new(
            ErrorKind::Tree,
            format!("{what}: the trees differ: {difference}"),
        ));
    }
    let paths = crate::tree::paths(wanted);
    for (k, (w, g)) in leaves(wanted).iter().zip(leaves(got)).enumerate() {
        if w.ty() != g.ty() {
            let which = if paths[k].is_empty() {
                String::new()
            } else {
                format!("leaf `{}` ", paths[k])
            };
            let remedy = if w.ty().dtype != g.ty().dtype {
                format!("; convert it with `astype({:?})`", w.ty().dtype)
            } else {
                String::new()
            };
            return Err(Error::new(
                ErrorKind::Tree,
                format!("{what}: {which}was {}, is {}{remedy}", w.ty(), g.ty()),
            ));
        }
    }
    Ok(())
}

/// Unwraps a result: a mistake is reported at `loc`, and in a boundary `instead` takes its place.
fn or_stop<T>(result: Result<T>, loc: Loc, instead: impl FnOnce() -> T) -> T {
    match result {
        Ok(value) => value,
        Err(error) => {
            trace::stop(error, loc);
            instead()
        }
    }
}

fn zeros(ty: &Type) -> Tensor {
    Tensor::splat(Literal::from_f64(ty.dtype, 0.0), &ty.shape)
}
