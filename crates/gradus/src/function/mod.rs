//! Traces functions of trees into graphs; shared by transforms and control flow.

mod check;

pub(crate) use check::{argument_at, changed, check_like, check_same, error_in, named};

use crate::tensor::Tensor;
use crate::trace::{self, Arguments, Closed, Kind};
use crate::tree::{Tree, leaves, rebuild};
use gradus_ir::primitives::{Body, Call, Region};
use gradus_ir::{Graph, Literal, Loc, Result, Type, ValueId};

/// Traces `f` on arguments of known types but unknown values, because it may run never or several times.
/// Also gives the result of `f`, as an example for building results.
pub(crate) fn close<A: Tree, B: Tree>(
    name: &'static str,
    like: &A,
    types: &[Type],
    f: impl Fn(&A) -> B,
) -> Result<(Closed, B)> {
    close_tree(Kind::Body, types, Arguments::Abstract(name), like, f)
}

/// Traces `f`, which runs once, at known values, which it may read.
/// Also gives the result of `f`, as an example for building results.
pub(crate) fn close_at<A: Tree, B: Tree>(
    f: &impl Fn(&A) -> B,
    at: &A,
    leaves: &[Tensor],
) -> Result<(Closed, B)> {
    let arguments = Arguments::Concrete(leaves.to_vec());
    close_tree(Kind::Function, &types(leaves), arguments, at, f)
}

fn close_tree<A: Tree, B: Tree>(
    kind: Kind,
    types: &[Type],
    arguments: Arguments,
    like: &A,
    f: impl Fn(&A) -> B,
) -> Result<(Closed, B)> {
    let mut result = None;
    let given = leaves(like);
    let closed = trace::close(kind, types, arguments, &given, &mut |args| {
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

/// The graph with inputs of these types that applies `graph` to the inputs listed in `args`.
pub(crate) fn on_inputs(graph: &Graph, types: &[Type], args: &[usize]) -> Result<Graph> {
    let mut g = Graph::new();
    let inputs: Vec<ValueId> = types.iter().map(|ty| g.input(ty.clone())).collect();
    let args: Vec<ValueId> = args.iter().map(|&k| inputs[k]).collect();
    let outputs = g.inline(graph, &args)?;
    g.set_outputs(outputs);
    Ok(g)
}

/// Applies a region to tensors.
pub(crate) fn apply_region(region: Region, operands: Vec<Tensor>, loc: Loc) -> Result<Vec<Tensor>> {
    let mut g = Graph::new();
    g.set_loc(trace::users_place(loc));
    let inputs: Vec<ValueId> = operands.iter().map(|t| g.input(t.ty().clone())).collect();
    let outputs = g.add_region(region, &inputs)?;
    g.set_outputs(outputs);
    trace::apply(&g, operands)
}

/// `f(x)` as a call of the graph of `f`.
pub(crate) fn as_call<A: Tree, B: Tree>(
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
        Ok(rebuild(&like, apply_region(region, operands, loc)?))
    };
    or_stop(run(), loc, || leaves(x), || f(x))
}

/// Unwraps a result.
/// A mistake about `operands` is reported at `loc`; inside a boundary, `instead` replaces the result.
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

/// The types of tensors.
pub(crate) fn types(leaves: &[Tensor]) -> Vec<Type> {
    leaves.iter().map(|t| t.ty().clone()).collect()
}

/// Positions of the tensors that have derivatives.
pub(crate) fn floats(leaves: &[Tensor]) -> Vec<usize> {
    (0..leaves.len())
        .filter(|&k| leaves[k].ty().dtype.has_derivatives())
        .collect()
}

/// Zeros of a type.
pub(crate) fn zeros(ty: &Type) -> Tensor {
    Tensor::splat(Literal::from_f64(ty.dtype, 0.0), &ty.shape)
}
