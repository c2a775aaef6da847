//! Turns a function of one example into a function of a batch.

use crate::function::{argument_at, error_in, or_stop, zeros};
use crate::tensor::{Integer, Tensor};
use crate::trace::{self, Arguments, Kind};
use crate::tree::{Tree, leaves, paths, rebuild};
use gradus_ir::{Dims, Error, ErrorKind, Graph, Loc, Result, Type, ValueId};

/// The axis along which each tensor of a tree is mapped.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Axes {
    /// The same axis for all tensors; negative axes count from the end.
    All(isize),
    /// For each tensor of the tree in order: its axis, or `None` if it is the same for every example.
    Each(Vec<Option<isize>>),
}

impl<I: Integer> From<I> for Axes {
    fn from(axis: I) -> Axes {
        Axes::All(signed(axis))
    }
}

impl<I: Integer, const N: usize> From<[Option<I>; N]> for Axes {
    fn from(axes: [Option<I>; N]) -> Axes {
        Axes::Each(axes.map(|axis| axis.map(signed)).to_vec())
    }
}

impl<I: Integer> From<Vec<Option<I>>> for Axes {
    fn from(axes: Vec<Option<I>>) -> Axes {
        Axes::Each(axes.into_iter().map(|axis| axis.map(signed)).collect())
    }
}

/// The number, or the end of the range in its direction, which is not a valid axis either.
fn signed(axis: impl Integer) -> isize {
    let axis = axis.wide();
    let end = if axis < 0 { isize::MIN } else { isize::MAX };
    isize::try_from(axis).unwrap_or(end)
}

/// `f` applied to each row: all tensors of the argument have a new leading axis of one size,
/// and so have the tensors of the result.
///
/// The rows are computed together, not in a loop. Captured values are the same for every row.
/// Values cannot be read inside.
///
/// ```
/// use gradus::prelude::*;
/// let dot = |(a, b): &(Tensor, Tensor)| (a * b).sum();
/// let x = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
/// assert_eq!(vmap(dot)(&(x.clone(), x)).to_vec::<f64>()?, [5.0, 25.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// When called, if the tensors have no leading axis or it has different sizes.
#[doc(alias = "batch")]
#[doc(alias = "vectorize")]
#[track_caller]
pub fn vmap<A: Tree, B: Tree>(f: impl Fn(&A) -> B) -> impl Fn(&A) -> B {
    let loc = Loc::caller();
    move |x| map("vmap", &f, &Axes::All(0), &Axes::All(0), x, loc)
}

/// Like [`vmap`], along chosen axes of the argument and of the result.
///
/// ```
/// use gradus::prelude::*;
/// // Each column of `x` with the same `w`.
/// let f = vmap_with(|(w, x): &(Tensor, Tensor)| w.dot(x), [None, Some(1)], 0);
/// let (w, x) = (Tensor::from([1.0, 10.0]), Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]));
/// assert_eq!(f(&(w, x)).to_vec::<f64>()?, [41.0, 52.0, 63.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// When called, if the axes do not fit the tensors.
#[doc(alias = "in_axes")]
#[doc(alias = "in_dims")]
#[track_caller]
pub fn vmap_with<A: Tree, B: Tree>(
    f: impl Fn(&A) -> B,
    in_axes: impl Into<Axes>,
    out_axes: impl Into<Axes>,
) -> impl Fn(&A) -> B {
    let loc = Loc::caller();
    let (in_axes, out_axes) = (in_axes.into(), out_axes.into());
    move |x| map("vmap_with", &f, &in_axes, &out_axes, x, loc)
}

fn map<A: Tree, B: Tree>(
    name: &str,
    f: &impl Fn(&A) -> B,
    in_axes: &Axes,
    out_axes: &Axes,
    x: &A,
    loc: Loc,
) -> B {
    let mut like = None;
    let inputs = leaves(x);
    let paths = || paths(x);
    let result = run(name, &inputs, &paths, in_axes, out_axes, &mut |args| {
        let y = f(&rebuild(x, args));
        let leaves = leaves(&y);
        like = Some(y);
        leaves
    });
    let results = or_stop(
        result,
        loc,
        || inputs.clone(),
        || {
            let y = like.get_or_insert_with(|| f(x));
            leaves(y).iter().map(|t| zeros(t.ty())).collect()
        },
    );
    match like {
        Some(y) => rebuild(&y, results),
        None => unreachable!("the function was traced"),
    }
}

fn run(
    name: &str,
    inputs: &[Tensor],
    paths: &dyn Fn() -> Vec<String>,
    in_axes: &Axes,
    out_axes: &Axes,
    f: &mut dyn FnMut(Vec<Tensor>) -> Vec<Tensor>,
) -> Result<Vec<Tensor>> {
    let in_axes = resolve_inputs(name, inputs, paths, in_axes)?;
    let n = rows_of(name, inputs, paths, &in_axes)?;
    let rows: Vec<Type> = inputs
        .iter()
        .zip(&in_axes)
        .map(|(t, axis)| match axis {
            Some(axis) => {
                let mut shape = t.ty().shape.clone();
                shape.remove(*axis);
                t.ty().with_shape(&shape)
            }
            None => t.ty().clone(),
        })
        .collect();
    let closed = trace::close(
        Kind::Function,
        &rows,
        Arguments::Abstract("vmap"),
        inputs,
        f,
    )?;
    let mut batched: Vec<bool> = in_axes.iter().map(Option::is_some).collect();
    batched.resize(closed.graph.inputs().len(), false);
    gradus_ad::check_rows(&closed.graph, n, &batched).map_err(|e| error_in(name, e))?;
    let (body, with_axis) = gradus_ad::batch(&closed.graph, n, &batched);
    let out_axes = resolve_outputs(name, &body, &with_axis, out_axes)?;

    let program = with_axes(&body, n, inputs, &in_axes, &with_axis, &out_axes)?;
    trace::apply(&program, closed.arguments(inputs.to_vec()))
}

/// The number of rows: the size of all mapped axes.
fn rows_of(
    name: &str,
    inputs: &[Tensor],
    paths: &dyn Fn() -> Vec<String>,
    axes: &[Option<usize>],
) -> Result<usize> {
    let mut mapped =
        (axes.iter().enumerate()).filter_map(|(k, axis)| Some((k, inputs[k].ty().shape[(*axis)?])));
    let Some((j, first)) = mapped.next() else {
        return Err(Error::new(
            ErrorKind::Axis,
            format!("{name}: no tensor is mapped, so the number of examples is unknown"),
        ));
    };
    match mapped.find(|&(_, n)| n != first) {
        None => Ok(first),
        Some((k, n)) => {
            let paths = paths();
            Err(Error::new(
                ErrorKind::Shape,
                format!(
                    "{name}: the mapped axes have different sizes: {first} in leaf `{}` ({}), {n} in leaf `{}` ({})",
                    paths[j],
                    inputs[j].ty(),
                    paths[k],
                    inputs[k].ty()
                ),
            ))
        }
    }
}

/// The program of `body` with the rows of its inputs and outputs along chosen axes;
/// `body` has them along first axes.
fn with_axes(
    body: &Graph,
    n: usize,
    inputs: &[Tensor],
    in_axes: &[Option<usize>],
    with_axis: &[bool],
    out_axes: &[Option<usize>],
) -> Result<Graph> {
    let mut g = Graph::new();
    let mut arguments: Vec<ValueId> = Vec::new();
    let program_inputs: Vec<ValueId> = body
        .inputs()
        .iter()
        .enumerate()
        .map(|(k, &i)| match in_axes.get(k) {
            Some(&Some(axis)) => {
                let x = g.input(inputs[k].ty().clone());
                let rank = inputs[k].ty().rank();
                let order: Dims = [axis]
                    .into_iter()
                    .chain((0..rank).filter(|&a| a != axis))
                    .collect();
                arguments.push(g.transpose(x, &order));
                x
            }
            _ => {
                let x = g.input_like(body, i);
                arguments.push(x);
                x
            }
        })
        .collect();
    let results = g.inline(body, &arguments)?;
    let mut outputs = Vec::new();
    for ((mut y, &has_axis), &axis) in results.into_iter().zip(with_axis).zip(out_axes) {
        if let Some(axis) = axis {
            if !has_axis {
                y = g.repeat_front(y, n);
            }
            let rank = g.ty(y).rank();
            let order: Dims = (1..=axis).chain([0]).chain(axis + 1..rank).collect();
            y = g.transpose(y, &order);
        }
        outputs.push(y);
    }
    Ok(g.program(&program_inputs, &outputs))
}

fn resolve_inputs(
    name: &str,
    inputs: &[Tensor],
    paths: &dyn Fn() -> Vec<String>,
    axes: &Axes,
) -> Result<Vec<Option<usize>>> {
    let each = expand(name, "argument", axes, inputs.len())?;
    each.iter()
        .zip(inputs)
        .enumerate()
        .map(|(k, (axis, t))| match axis {
            None => Ok(None),
            Some(axis) => resolve(*axis, t.ty().rank()).map(Some).ok_or_else(|| {
                Error::new(
                    ErrorKind::Axis,
                    format!(
                        "{name}: {} is {} and has no axis {axis} to map over",
                        argument_at(&paths()[k]),
                        t.ty()
                    ),
                )
            }),
        })
        .collect()
}

fn resolve_outputs(
    name: &str,
    body: &Graph,
    with_axis: &[bool],
    axes: &Axes,
) -> Result<Vec<Option<usize>>> {
    let each = expand(name, "result", axes, with_axis.len())?;
    each.iter()
        .zip(body.outputs().iter().zip(with_axis))
        .map(|(axis, (&y, &has_axis))| {
            let ty = body.ty(y);
            let rank = ty.rank() + usize::from(!has_axis);
            match axis {
                None if has_axis => Err(Error::new(
                    ErrorKind::Axis,
                    format!("{name}: a result of type {ty} differs between examples, so it needs an output axis"),
                )),
                None => Ok(None),
                Some(axis) => resolve(*axis, rank).map(Some).ok_or_else(|| {
                    Error::new(
                        ErrorKind::Axis,
                        format!("{name}: output axis {axis} of a result of rank {rank}"),
                    )
                }),
            }
        })
        .collect()
}

fn expand(name: &str, what: &str, axes: &Axes, n: usize) -> Result<Vec<Option<isize>>> {
    match axes {
        Axes::All(axis) => Ok(vec![Some(*axis); n]),
        Axes::Each(each) if each.len() == n => Ok(each.clone()),
        Axes::Each(each) => Err(Error::new(
            ErrorKind::Axis,
            format!(
                "{name}: {} axes for the {n} tensors of the {what}; give one for each, or one for all",
                each.len()
            ),
        )),
    }
}

fn resolve(axis: isize, rank: usize) -> Option<usize> {
    let axis = if axis < 0 { axis + rank as isize } else { axis };
    usize::try_from(axis).ok().filter(|&a| a < rank)
}
