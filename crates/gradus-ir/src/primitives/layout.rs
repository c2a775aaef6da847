//! Rearrangements of elements. All are linear, and all but reshape select elements.

use super::{
    Batch, Contribution, Cost, Jvp, Linearity, Op, Push, SingleResult, Transpose, Work, arity,
    check_axes,
};
use crate::attributes::Attributes;
use crate::block::Block;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::ValueId;
use crate::types::{Dims, LONGEST, Type};
use smallvec::SmallVec;

/// A rearrangement of elements.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Layout {
    /// The operand repeated to `shape`: its axis `i` becomes axis `axes[i]`,
    /// with the same size or repeated from size 1.
    Broadcast {
        /// Shape of the result.
        shape: Dims,
        /// For each operand axis, the axis of the result, ascending.
        axes: Dims,
    },
    /// The elements in row-major order with another shape.
    Reshape(Dims),
    /// Result axis `i` is operand axis `permutation[i]`.
    Transpose(Dims),
    /// The elements from `start` up to (not including) `limit`, by steps of `stride`.
    Slice(Box<Slice>),
    /// The elements with the order along these axes reversed.
    Reverse(Dims),
}

/// The place of a part of an array.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Slice {
    /// First index along each axis.
    pub start: Dims,
    /// End along each axis, not included.
    pub limit: Dims,
    /// Step along each axis, at least 1.
    pub stride: Dims,
}

impl From<Slice> for Layout {
    fn from(slice: Slice) -> Layout {
        Layout::Slice(Box::new(slice))
    }
}

impl Layout {
    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<Op>> {
        let layout = match name {
            "broadcast" => a.get_dims(name, "shape").and_then(|shape| {
                Ok(Layout::Broadcast {
                    shape,
                    axes: a.get_dims(name, "axes")?,
                })
            }),
            "reshape" => a.get_dims(name, "shape").map(Layout::Reshape),
            "transpose" => a.get_dims(name, "permutation").map(Layout::Transpose),
            "slice" => a.get_dims(name, "start").and_then(|start| {
                let slice = Slice {
                    start,
                    limit: a.get_dims(name, "limit")?,
                    stride: a.get_dims(name, "stride")?,
                };
                Ok(slice.into())
            }),
            "reverse" => a.get_dims(name, "axes").map(Layout::Reverse),
            _ => return None,
        };
        Some(layout.map(Op::Layout))
    }
}

/// The inverse of `permutation`.
pub fn inverse_permutation(permutation: &[usize]) -> Dims {
    let mut inverse = Dims::from_elem(0, permutation.len());
    for (i, &p) in permutation.iter().enumerate() {
        inverse[p] = i;
    }
    inverse
}

/// The type of a repeated array.
fn broadcast_type(x: &Type, shape: &Dims, axes: &Dims) -> Result<Type> {
    let fits = axes.len() == x.rank()
        && axes.windows(2).all(|w| w[0] < w[1])
        && axes
            .iter()
            .zip(&x.shape)
            .all(|(&a, &d)| a < shape.len() && (d == 1 || d == shape[a]));
    if !fits {
        return Err(Error::new(
            ErrorKind::Shape,
            format!(
                "broadcast: {x} does not fit {:?} with its axes at {:?}; sizes must be equal or 1",
                shape.as_slice(),
                axes.as_slice()
            ),
        ));
    }
    Ok(x.with_shape(shape))
}

/// The type of the same elements with another shape.
fn reshape_type(x: &Type, shape: &Dims) -> Result<Type> {
    let reshaped = x.with_shape(shape);
    if reshaped.elements() != x.elements() {
        return Err(Error::new(
            ErrorKind::Shape,
            format!(
                "reshape: {x} has {} elements, the shape {:?} wants {}",
                x.elements(),
                shape.as_slice(),
                reshaped.elements()
            ),
        ));
    }
    Ok(reshaped)
}

/// The type of an array with its axes permuted.
fn transpose_type(x: &Type, permutation: &Dims) -> Result<Type> {
    let mut sorted = permutation.clone();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..x.rank()) {
        return Err(Error::new(
            ErrorKind::Axis,
            format!(
                "transpose: {:?} is not a permutation of the {} axes of {x}",
                permutation.as_slice(),
                x.rank()
            ),
        ));
    }
    let shape: Dims = permutation.iter().map(|&p| x.shape[p]).collect();
    Ok(x.with_shape(&shape))
}

/// The type of a slice of an array.
fn slice_type(x: &Type, slice: &Slice) -> Result<Type> {
    let Slice {
        start,
        limit,
        stride,
    } = slice;
    let n = x.rank();
    let fits = start.len() == n
        && limit.len() == n
        && stride.len() == n
        && (0..n).all(|i| {
            start[i] <= limit[i] && limit[i] <= x.shape[i] && (1..=LONGEST).contains(&stride[i])
        });
    if !fits {
        return Err(Error::new(
            ErrorKind::Axis,
            format!(
                "slice: from {:?} to {:?} by {:?} does not lie in {x}",
                start.as_slice(),
                limit.as_slice(),
                stride.as_slice()
            ),
        ));
    }
    let shape: Dims = (0..n)
        .map(|i| (limit[i] - start[i]).div_ceil(stride[i]))
        .collect();
    Ok(x.with_shape(&shape))
}

impl SingleResult for Layout {
    fn name(&self) -> &'static str {
        match self {
            Layout::Broadcast { .. } => "broadcast",
            Layout::Reshape(_) => "reshape",
            Layout::Transpose(_) => "transpose",
            Layout::Slice(_) => "slice",
            Layout::Reverse(_) => "reverse",
        }
    }

    fn attributes(&self) -> Attributes {
        let a = Attributes::default();
        match self {
            Layout::Broadcast { shape, axes } => a.dims("shape", shape).dims("axes", axes),
            Layout::Reshape(shape) => a.dims("shape", shape),
            Layout::Transpose(permutation) => a.dims("permutation", permutation),
            Layout::Slice(slice) => a
                .dims("start", &slice.start)
                .dims("limit", &slice.limit)
                .dims("stride", &slice.stride),
            Layout::Reverse(axes) => a.dims("axes", axes),
        }
    }

    fn result(&self, operands: &[&Type]) -> Result<Type> {
        arity(self.name(), operands, 1)?;
        let x = operands[0];
        match self {
            Layout::Broadcast { shape, axes } => broadcast_type(x, shape, axes),
            Layout::Reshape(shape) => reshape_type(x, shape),
            Layout::Transpose(permutation) => transpose_type(x, permutation),
            Layout::Slice(slice) => slice_type(x, slice),
            Layout::Reverse(axes) => {
                check_axes("reverse", axes, x.rank())?;
                Ok(x.clone())
            }
        }
    }

    fn jvp(&self, cx: &mut Jvp<'_>) -> Option<ValueId> {
        cx.apply_linearly(Op::Layout(self.clone()))
    }

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        let from = cx.operand_type(0);
        let ct = cx.cotangent();
        match self {
            Layout::Broadcast { shape, axes } => {
                // Repeated axes are summed; axes that were expanded from size 1 are summed and kept.
                let repeated: Dims = (0..shape.len())
                    .filter(|a| match axes.iter().position(|b| b == a) {
                        Some(i) => from.shape[i] != shape[*a],
                        None => true,
                    })
                    .collect();
                let summed = cx.graph.sum(ct, &repeated);
                let ct = cx.graph.reshape(summed, &from.shape);
                cx.give(0, ct);
            }
            Layout::Reshape(_) => {
                let ct = cx.graph.reshape(ct, &from.shape);
                cx.give(0, ct);
            }
            Layout::Transpose(permutation) => {
                let ct = cx.graph.transpose(ct, &inverse_permutation(permutation));
                cx.give(0, ct);
            }
            Layout::Slice(slice) => {
                cx.contributions.push((
                    0,
                    Contribution::Slice {
                        part: ct,
                        start: slice.start.clone(),
                        stride: slice.stride.clone(),
                    },
                ));
            }
            Layout::Reverse(axes) => {
                let ct = cx.graph.reverse(ct, axes);
                cx.give(0, ct);
            }
        }
        Linearity::Linear
    }

    fn push(&self, cx: Push<'_>) -> Block {
        let (g, x, result) = cx.only();
        let shape = &result.shape;
        let from = x.target.clone();
        match self {
            Layout::Transpose(order) => {
                let lead = x.lead();
                let full: Vec<usize> = (0..lead).chain(order.iter().map(|a| lead + a)).collect();
                let tensor = g.transpose(x.tensor, &full);
                let to = |a: usize| order.iter().position(|&p| p == a);
                let diagonal = x
                    .diagonal
                    .iter()
                    .filter_map(|&(s, a)| Some((s, to(a)?)))
                    .collect();
                Block {
                    tensor,
                    target: shape.clone(),
                    diagonal,
                    ..x
                }
            }
            Layout::Broadcast { axes, .. } => {
                // An axis of size 1 is never diagonal, so diagonal axes keep their size.
                let lead = x.lead();
                let mut full = x.lead_shape();
                full.extend_from_slice(shape);
                let at: Vec<usize> = (0..lead).chain(axes.iter().map(|a| lead + a)).collect();
                let tensor = g.broadcast(x.tensor, &full, &at);
                let diagonal = x.diagonal.iter().map(|&(s, a)| (s, axes[a])).collect();
                Block {
                    tensor,
                    target: shape.clone(),
                    diagonal,
                    ..x
                }
            }
            Layout::Reshape(_) => x.retargeted(g, shape),
            Layout::Slice(slice) => {
                let Slice {
                    start,
                    limit,
                    stride,
                } = &**slice;
                let whole = |a: usize| start[a] == 0 && limit[a] == from[a] && stride[a] == 1;
                let x = x.expanded(g, |_, a| whole(a));
                let lead = x.lead_shape();
                let with = |first: &[usize], rest: &[usize]| [first, rest].concat();
                let zeros = vec![0; lead.len()];
                let ones = vec![1; lead.len()];
                let tensor = g.slice(
                    x.tensor,
                    &with(&zeros, start),
                    &with(&lead, limit),
                    &with(&ones, stride),
                );
                Block {
                    tensor,
                    target: shape.clone(),
                    ..x
                }
            }
            Layout::Reverse(axes) => {
                let x = x.expanded(g, |_, a| !axes.contains(&a));
                let lead = x.lead();
                let at: Vec<usize> = axes.iter().map(|a| lead + a).collect();
                let tensor = g.reverse(x.tensor, &at);
                Block { tensor, ..x }
            }
        }
    }

    fn batch(&self, cx: &mut Batch<'_>) -> ValueId {
        let x = cx.operands[0];
        let size = cx.size;
        let layout = match self {
            Layout::Broadcast { shape, axes } => Layout::Broadcast {
                shape: prepend(size, shape.iter().copied()),
                axes: prepend(0, axes.iter().map(|a| a + 1)),
            },
            Layout::Reshape(shape) => Layout::Reshape(prepend(size, shape.iter().copied())),
            Layout::Transpose(p) => Layout::Transpose(prepend(0, p.iter().map(|a| a + 1))),
            Layout::Slice(slice) => Layout::from(Slice {
                start: prepend(0, slice.start.iter().copied()),
                limit: prepend(size, slice.limit.iter().copied()),
                stride: prepend(1, slice.stride.iter().copied()),
            }),
            Layout::Reverse(axes) => Layout::Reverse(axes.iter().map(|a| a + 1).collect()),
        };
        cx.graph.emit(Op::Layout(layout), &[x])
    }

    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        Cost::new(Work::View, 0, operands, result)
    }
}

/// `first` followed by `rest`.
pub(super) fn prepend(first: usize, rest: impl Iterator<Item = usize>) -> Dims {
    let mut out: SmallVec<[usize; 4]> = SmallVec::new();
    out.push(first);
    out.extend(rest);
    out
}
