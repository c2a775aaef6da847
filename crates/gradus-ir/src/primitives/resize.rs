//! Arrays joined or enlarged: pad, concatenate, add to a slice. All are linear in every operand.

use super::layout::prepend;
use super::{Batch, Cost, Jvp, Linearity, Op, Push, Pushed, SingleResult, Transpose, Work, arity};
use crate::attributes::Attributes;
use crate::block::Block;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::ValueId;
use crate::types::{DType, Dims, LONGEST, Literal, Type};

/// An operation whose result is assembled from its operands.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Resize {
    /// `pad(x, value)`: `low` and `high` elements `value` before and after,
    /// and `interior` between any two of `x`, along each axis.
    Pad(Box<Padding>),
    /// The operands one after the other along this axis.
    Concat(usize),
    /// `slice_add(whole, part)`: `whole` with `part` added to its slice from `start` by steps of `stride`.
    SliceAdd(Box<Place>),
}

/// The numbers of elements that are added along each axis.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Padding {
    /// Elements before.
    pub low: Dims,
    /// Elements after.
    pub high: Dims,
    /// Elements between two neighbours.
    pub interior: Dims,
}

/// The place of a part whose sizes are known.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Place {
    /// First index along each axis.
    pub start: Dims,
    /// Step along each axis.
    pub stride: Dims,
}

impl From<Padding> for Resize {
    fn from(padding: Padding) -> Resize {
        Resize::Pad(Box::new(padding))
    }
}

impl From<Place> for Resize {
    fn from(place: Place) -> Resize {
        Resize::SliceAdd(Box::new(place))
    }
}

/// The end of a slice that takes exactly `n` elements; `None` if it overflows.
fn slice_limit(start: usize, stride: usize, n: usize) -> Option<usize> {
    match n {
        0 => Some(start),
        n => (n - 1)
            .checked_mul(stride)?
            .checked_add(start)?
            .checked_add(1),
    }
}

/// The size of an axis of `n` elements with others around and between them; `None` if it exceeds the longest axis.
fn padded(n: usize, low: usize, high: usize, interior: usize) -> Option<usize> {
    let between = n.saturating_sub(1).checked_mul(interior)?;
    let size = low
        .checked_add(n)?
        .checked_add(between)?
        .checked_add(high)?;
    (size <= LONGEST && interior < LONGEST).then_some(size)
}

impl Resize {
    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<Op>> {
        let resize = match name {
            "pad" => a.get_dims(name, "low").and_then(|low| {
                let padding = Padding {
                    low,
                    high: a.get_dims(name, "high")?,
                    interior: a.get_dims(name, "interior")?,
                };
                Ok(padding.into())
            }),
            "concat" => a.get_size(name, "axis").map(Resize::Concat),
            "slice_add" => a.get_dims(name, "start").and_then(|start| {
                let stride = a.get_dims(name, "stride")?;
                Ok(Place { start, stride }.into())
            }),
            _ => return None,
        };
        Some(resize.map(Op::Resize))
    }
}

/// The type of a padded array.
fn pad_type(operands: &[&Type], padding: &Padding) -> Result<Type> {
    let Padding {
        low,
        high,
        interior,
    } = padding;
    arity("pad", operands, 2)?;
    let (x, value) = (operands[0], operands[1]);
    if *value != Type::scalar(x.dtype) {
        return Err(Error::new(
            ErrorKind::DType,
            format!("pad: the value must be a scalar {}, got {value}", x.dtype),
        ));
    }
    if [low, high, interior].iter().any(|d| d.len() != x.rank()) {
        return Err(Error::new(
            ErrorKind::Axis,
            format!(
                "pad: widths are needed for each of the {} axes of {x}",
                x.rank()
            ),
        ));
    }
    let sizes = (0..x.rank()).map(|i| {
        padded(x.shape[i], low[i], high[i], interior[i]).ok_or_else(|| {
            Error::new(
                ErrorKind::Shape,
                format!(
                    "pad: {} elements before axis {i} of {x}, {} behind it and {} between two of it make an axis longer than {LONGEST}; \
                     a difference of sizes that is below zero wraps to such a number",
                    low[i], high[i], interior[i]
                ),
            )
        })
    });
    let shape: Dims = sizes.collect::<Result<_>>()?;
    Ok(x.with_shape(&shape))
}

/// The type of concatenated arrays.
fn concat_type(operands: &[&Type], axis: usize) -> Result<Type> {
    let Some((first, rest)) = operands.split_first() else {
        return Err(Error::new(
            ErrorKind::Shape,
            "concatenate: there is no array to put together",
        ));
    };
    if axis >= first.rank() {
        return Err(Error::new(
            ErrorKind::Axis,
            format!("concatenate: axis {axis} of an array {first}"),
        ));
    }
    let mut shape = first.shape.clone();
    for o in rest {
        let fits = o.dtype == first.dtype
            && o.rank() == first.rank()
            && (0..first.rank()).all(|i| i == axis || o.shape[i] == first.shape[i]);
        if !fits {
            return Err(Error::new(
                ErrorKind::Shape,
                format!(
                    "concatenate: {first} and {o} along axis {axis}; all other sizes and the element types must be equal"
                ),
            ));
        }
        let sum = shape[axis].checked_add(o.shape[axis]);
        shape[axis] = sum.filter(|&n| n <= LONGEST).ok_or_else(|| {
            let count = operands.len();
            let message = format!(
                "concatenate: {count} arrays such as {o} make axis {axis} longer than {LONGEST}"
            );
            Error::new(ErrorKind::Shape, message)
        })?;
    }
    Ok(first.with_shape(&shape))
}

/// The type of an array with a part added.
fn slice_add_type(operands: &[&Type], Place { start, stride }: &Place) -> Result<Type> {
    arity("slice_add", operands, 2)?;
    let (whole, part) = (operands[0], operands[1]);
    if whole.dtype == DType::Bool {
        return Err(Error::new(
            ErrorKind::DType,
            format!("slice_add: takes numbers, got {whole}; convert it first with `astype`"),
        ));
    }
    let n = whole.rank();
    let fits = whole.dtype == part.dtype
        && part.rank() == n
        && start.len() == n
        && stride.len() == n
        && (0..n).all(|i| {
            (1..=LONGEST).contains(&stride[i])
                && slice_limit(start[i], stride[i], part.shape[i])
                    .is_some_and(|limit| limit <= whole.shape[i])
        });
    if !fits {
        return Err(Error::new(
            ErrorKind::Shape,
            format!(
                "slice_add: {part} from {:?} by {:?} does not lie in {whole}",
                start.as_slice(),
                stride.as_slice()
            ),
        ));
    }
    Ok(whole.clone())
}

impl SingleResult for Resize {
    fn name(&self) -> &'static str {
        match self {
            Resize::Pad(_) => "pad",
            Resize::Concat(_) => "concat",
            Resize::SliceAdd(_) => "slice_add",
        }
    }

    fn attributes(&self) -> Attributes {
        let a = Attributes::default();
        match self {
            Resize::Pad(p) => a
                .dims("low", &p.low)
                .dims("high", &p.high)
                .dims("interior", &p.interior),
            Resize::Concat(axis) => a.int("axis", *axis as i64),
            Resize::SliceAdd(p) => a.dims("start", &p.start).dims("stride", &p.stride),
        }
    }

    fn result(&self, operands: &[&Type]) -> Result<Type> {
        match self {
            Resize::Pad(padding) => pad_type(operands, padding),
            Resize::Concat(axis) => concat_type(operands, *axis),
            Resize::SliceAdd(place) => slice_add_type(operands, place),
        }
    }

    fn jvp(&self, cx: &mut Jvp<'_>) -> Option<ValueId> {
        if let (Resize::SliceAdd(_), [Some(t), None]) = (self, cx.tangents) {
            return Some(*t);
        }
        cx.apply_linearly(Op::Resize(self.clone()))
    }

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        let ct = cx.cotangent();
        match self {
            Resize::Pad(padding) => {
                let x = cx.operand_type(0);
                let start = padding.low.clone();
                let stride: Dims = padding.interior.iter().map(|i| i + 1).collect();
                let inner = slice_of(cx, ct, &start, &stride, &x.shape);
                if cx.linear[0] {
                    cx.give(0, inner);
                }
                if cx.linear[1] {
                    // The remaining sum, once the part that came from `x` is cut out.
                    let zero = cx.graph.constant_like(0.0, inner);
                    let negative = cx.graph.sub(zero, inner);
                    let place = Place { start, stride };
                    let border = cx.graph.emit(Op::Resize(place.into()), &[ct, negative]);
                    let all: Dims = (0..x.rank()).collect();
                    let sum = cx.graph.sum(border, &all);
                    cx.give(1, sum);
                }
            }
            Resize::Concat(axis) => {
                let mut from = 0;
                for k in 0..cx.operands.len() {
                    let x = cx.operand_type(k);
                    if cx.linear[k] {
                        let mut start = Dims::from_elem(0, x.rank());
                        start[*axis] = from;
                        let ones = Dims::from_elem(1, x.rank());
                        let part = slice_of(cx, ct, &start, &ones, &x.shape);
                        cx.give(k, part);
                    }
                    from += x.shape[*axis];
                }
            }
            Resize::SliceAdd(place) => {
                if cx.linear[0] {
                    cx.give(0, ct);
                }
                if cx.linear[1] {
                    let part = cx.operand_type(1);
                    let ct = slice_of(cx, ct, &place.start, &place.stride, &part.shape);
                    cx.give(1, ct);
                }
            }
        }
        Linearity::Jointly
    }

    fn push(&self, mut cx: Push<'_>) -> Block {
        // A padding value that also has a derivative is rare, and has no structure.
        let fills = matches!(self, Resize::Pad(_)) && matches!(cx.operands[1], Pushed::Active(_));
        if fills || (0..cx.operands.len()).any(|k| !cx.is_zero(k)) {
            return cx.block_by_rows(|batch| self.batch(batch));
        }
        let ahead = |lead: usize, value: usize, rest: &[usize]| -> Dims {
            std::iter::repeat_n(value, lead)
                .chain(rest.iter().copied())
                .collect()
        };
        // Along axes that change, no diagonal is left.
        let moves: Vec<usize> = match self {
            Resize::Concat(axis) => vec![*axis],
            Resize::Pad(p) => (0..p.low.len())
                .filter(|&a| p.low[a] + p.high[a] + p.interior[a] > 0)
                .collect(),
            Resize::SliceAdd(_) => {
                let (part, whole) = (cx.shape(1), &cx.results[0].shape);
                (0..part.len()).filter(|&a| part[a] != whole[a]).collect()
            }
        };
        for operand in &mut cx.operands {
            if let Pushed::Active(x) = operand {
                *x = x.clone().expanded(cx.graph, |_, a| !moves.contains(&a));
            }
        }
        let common = cx.aligned();
        let shapes: Vec<Dims> = (0..cx.operands.len()).map(|k| cx.shape(k)).collect();
        let Push {
            graph: g,
            operands,
            results,
            ..
        } = cx;
        let ty = &results[0];
        let lead_shape = common.lead_shape();
        let lead = lead_shape.len();
        let filling = matches!(self, Resize::Pad(_));
        let ids: Vec<ValueId> = operands
            .into_iter()
            .zip(shapes)
            .map(|(o, shape)| match o {
                Pushed::Active(x) => x.tensor,
                // An operand without a derivative adds nothing; a padding value is a single number.
                _ => {
                    let zero = Literal::from_f64(ty.dtype, 0.0);
                    let front: &[usize] = if filling { &[] } else { &lead_shape };
                    g.constant(zero, &[front, shape.as_slice()].concat())
                }
            })
            .collect();
        let op = match self {
            Resize::Concat(axis) => Resize::Concat(lead + axis),
            Resize::SliceAdd(place) => Resize::from(Place {
                start: ahead(lead, 0, &place.start),
                stride: ahead(lead, 1, &place.stride),
            }),
            Resize::Pad(padding) => Resize::from(Padding {
                low: ahead(lead, 0, &padding.low),
                high: ahead(lead, 0, &padding.high),
                interior: ahead(lead, 0, &padding.interior),
            }),
        };
        let tensor = g.emit(Op::Resize(op), &ids);
        Block {
            tensor,
            target: ty.shape.clone(),
            ..common
        }
    }

    fn batch(&self, cx: &mut Batch<'_>) -> ValueId {
        match self {
            Resize::Pad(padding) => {
                let resize = Resize::from(Padding {
                    low: prepend(0, padding.low.iter().copied()),
                    high: prepend(0, padding.high.iter().copied()),
                    interior: prepend(0, padding.interior.iter().copied()),
                });
                let x = cx.with_axis(0);
                if !cx.batched[1] {
                    return cx.graph.emit(Op::Resize(resize), &[x, cx.operands[1]]);
                }
                // One padding value per row: pad with zeros, and add the value where no element of `x` lies.
                let g = &mut *cx.graph;
                let dtype = g.ty(x).dtype;
                let scalar = |g: &mut crate::Graph, v: f64| {
                    g.constant(crate::types::Literal::from_f64(dtype, v), &[])
                };
                let (zero, one) = (scalar(g, 0.0), scalar(g, 1.0));
                let padded = g.emit(Op::Resize(resize.clone()), &[x, zero]);
                let ones = g.constant_like(1.0, x);
                let inside = g.emit(Op::Resize(resize), &[ones, zero]);
                let shape = g.ty(padded).shape.clone();
                let one = g.broadcast(one, &shape, &[]);
                let inside = g.compare(super::Compare::Eq, inside, one);
                let value = g.broadcast(cx.operands[1], &shape, &[0]);
                g.select(inside, padded, value)
            }
            Resize::Concat(axis) => {
                let operands = cx.all_with_axis();
                cx.graph
                    .emit(Op::Resize(Resize::Concat(axis + 1)), &operands)
            }
            Resize::SliceAdd(place) => {
                let operands = cx.all_with_axis();
                let place = Place {
                    start: prepend(0, place.start.iter().copied()),
                    stride: prepend(1, place.stride.iter().copied()),
                };
                cx.graph.emit(Op::Resize(place.into()), &operands)
            }
        }
    }

    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        match self {
            Resize::SliceAdd(_) => {
                let part = operands[1];
                let mut cost = Cost::new(Work::Arithmetic, part.elements(), operands, result);
                // The operation works in place: only the changed part is touched.
                cost.bytes_read = 2 * part.bytes() as u64;
                cost.bytes_written = part.bytes() as u64;
                cost
            }
            _ => Cost::new(Work::Copy, 0, operands, result),
        }
    }
}

fn slice_of(
    cx: &mut Transpose<'_>,
    from: ValueId,
    start: &[usize],
    stride: &[usize],
    shape: &[usize],
) -> ValueId {
    let limit: Dims = (0..shape.len())
        .map(|i| slice_limit(start[i], stride[i], shape[i]).expect("the type rule has counted it"))
        .collect();
    cx.graph.slice(from, start, &limit, stride)
}
