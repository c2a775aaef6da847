//! Control flow whose course is not known while a program is traced: choices, loops, parts computed again.
//!
//! A Rust `if` or `for` inside a traced function is run while tracing: the branch is chosen then, the loop unrolled. The functions here become one
//! operation of the program, with the closures as programs inside it. They are differentiated in both modes and to any order, batched and compiled like
//! everything else; what their closures use from outside is passed in by itself. Up to 512 of them, and of transforms, may stand within each other; more is an error.
//! In a build without optimisation each level takes about 13 KB of the thread's stack. A spawned thread has 2 MB
//! unless told otherwise, and holds about 150 levels then.
//!
//! All that a closure does while it is traced belongs to its program, transforms in it included, also what it computes from captured tensors alone. Only what the steps of a loop that
//! makes at least one compute from those is computed before it, which is no difference but in time.
//! A value that follows from captured concrete tensors alone can still be read there. Another thread that a closure starts works for it where it is given traced tensors; what that thread does
//! with concrete tensors alone is done at once.

mod branch;
mod growing;
mod invariant;
mod keep;
mod loops;
mod scan;

pub use branch::{cond, switch};
pub use keep::{Keep, checkpoint};
pub use loops::{
    LoopBound, LoopOptions, LoopRange, fori_loop, fori_loop_with, while_loop, while_loop_with,
};
pub(crate) use scan::run as scan_at;
pub use scan::{ScanOptions, associative_scan, map, scan, scan_with};

use crate::tensor::Tensor;
use crate::trace::{self, Closed, Kind, Knowledge};
use crate::tree::{Structure, Tree, leaves, rebuild};
use gradus_ir::primitives::{Body, Call, Region};
use gradus_ir::{Error, ErrorKind, Graph, Literal, Loc, Result, Type, ValueId};

/// A closure as a program of its arguments and what it uses from outside, and a result to rebuild others like.
pub(crate) fn close<A: Tree, B: Tree>(
    name: &'static str,
    like: &A,
    types: &[Type],
    f: impl Fn(&A) -> B,
) -> Result<(Closed, B)> {
    trace::close_tree(Kind::Body, types, Knowledge::Types(name), like, f)
}

/// The program of inputs of these types that applies `graph` to those of them in `args`.
pub(crate) fn on_inputs(graph: &Graph, types: &[Type], args: &[usize]) -> Result<Graph> {
    let mut g = Graph::new();
    let inputs: Vec<ValueId> = types.iter().map(|ty| g.input(ty.clone())).collect();
    let args: Vec<ValueId> = args.iter().map(|&k| inputs[k]).collect();
    let outputs = g.inline(graph, &args)?;
    g.set_outputs(outputs);
    Ok(g)
}

/// Applies a region to tensors.
pub(crate) fn apply(region: Region, operands: Vec<Tensor>, loc: Loc) -> Result<Vec<Tensor>> {
    let mut g = Graph::new();
    g.set_loc(trace::users_place(loc));
    let inputs: Vec<ValueId> = operands.iter().map(|t| g.input(t.ty().clone())).collect();
    let outputs = g.add_region(region, &inputs)?;
    g.set_outputs(outputs);
    trace::apply(&g, operands)
}

/// `f` of `x` as a call of its program.
pub(crate) fn called<A: Tree, B: Tree>(
    name: &'static str,
    f: &impl Fn(&A) -> B,
    x: &A,
    loc: Loc,
    call: impl FnOnce(Body) -> Call,
) -> B {
    let run = || {
        let inputs = leaves(x);
        let (closed, like) = close(name, x, &types(&inputs), f)?;
        let operands = closed.arguments(inputs);
        let region = Region::Call(call(closed.graph.into()));
        Ok(rebuild(&like, apply(region, operands, loc)?))
    };
    or_stop(run(), loc, || leaves(x), || f(x))
}

pub(crate) fn types(leaves: &[Tensor]) -> Vec<Type> {
    leaves.iter().map(|t| t.ty().clone()).collect()
}

/// Checks that what a function returns is like what it must be: `what` is the beginning of the message, `differ` says how two types differ.
pub(crate) fn check_same<A: Tree>(
    what: &str,
    wanted: &A,
    got: &A,
    differ: impl Fn(&Type, &Type) -> String,
) -> Result<()> {
    let fail = |why: String| Err(Error::new(ErrorKind::Tree, format!("{what}: {why}")));
    let (s, t) = (Structure::record(wanted), Structure::record(got));
    if let Some(difference) = s.difference(&t) {
        return fail(format!("the trees differ: {difference}"));
    }
    let paths = crate::tree::paths(wanted);
    for (k, (w, g)) in leaves(wanted).iter().zip(leaves(got)).enumerate() {
        if w.ty() != g.ty() {
            let which = if paths[k].is_empty() {
                String::new()
            } else {
                format!("leaf `{}` ", paths[k])
            };
            return fail(format!("{which}{}", differ(w.ty(), g.ty())));
        }
    }
    Ok(())
}

/// Checks that a step returns what it carries with the types that it got.
fn check_carried<A: Tree>(name: &str, wanted: &A, got: &A) -> Result<()> {
    let what = format!("{name}: a step changes the type of what it carries");
    check_same(&what, wanted, got, |w, g| {
        let remedy = if w.dtype == g.dtype {
            "begin with the shape that a step returns, or let it return the one that it gets".into()
        } else {
            format!(
                "convert it with `astype({:?})`, or begin with {}",
                w.dtype, g.dtype
            )
        };
        format!("was {w}, is {g}; {remedy}")
    })
}

/// How two types of what must stay the same differ.
pub(crate) fn changed(wanted: &Type, got: &Type) -> String {
    let remedy = if wanted.dtype == got.dtype {
        String::new()
    } else {
        format!("; convert it with `astype({:?})`", wanted.dtype)
    };
    format!("was {wanted}, is {got}{remedy}")
}

/// Unwraps a result: a mistake about `operands` is reported at `loc`, and in a boundary `instead` takes its place.
pub(crate) fn or_stop<T>(
    result: Result<T>,
    loc: Loc,
    operands: impl FnOnce() -> Vec<Tensor>,
    instead: impl FnOnce() -> T,
) -> T {
    match result {
        Ok(value) => value,
        Err(error) => {
            trace::stop(error, loc, &operands().iter().collect::<Vec<_>>());
            instead()
        }
    }
}

/// Zeros of a type.
pub(crate) fn zeros(ty: &Type) -> Tensor {
    Tensor::splat(Literal::from_f64(ty.dtype, 0.0), &ty.shape)
}
