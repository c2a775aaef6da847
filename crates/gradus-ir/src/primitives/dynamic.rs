//! Slices whose start the program computes. A slice that does not lie in the array is an error when it runs.

use super::layout::prepend;
use super::{
    Batch, Compare, Contribution, Cost, Gather, Jvp, Linearity, Op, SingleResult, Transpose, Work,
    arity,
};
use crate::attributes::Attributes;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, ValueId};
use crate::types::{DType, Dims, Literal, Type};

/// A slice with a computed start; `starts` is an i64 array with one number per axis.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Dynamic {
    /// `dynamic_slice(x, starts)`: the part of these sizes.
    Slice {
        /// Sizes of the result.
        sizes: Dims,
    },
    /// `dynamic_update(x, part, starts)`: `x` with `part` written over its elements.
    Update,
}

impl Dynamic {
    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<Op>> {
        match name {
            "dynamic_slice" => Some(
                a.get_dims(name, "sizes")
                    .map(|sizes| Op::Dynamic(Dynamic::Slice { sizes })),
            ),
            "dynamic_update" => Some(Ok(Op::Dynamic(Dynamic::Update))),
            _ => None,
        }
    }
}

fn check(name: &str, x: &Type, sizes: &[usize], starts: &Type) -> Result<()> {
    if starts.dtype != DType::I64 || *starts.shape != [x.rank()] {
        return Err(Error::new(
            ErrorKind::Shape,
            format!(
                "{name}: the starts must be i64[{}], one for each axis of {x}, got {starts}",
                x.rank()
            ),
        ));
    }
    if sizes.len() != x.rank() || sizes.iter().zip(&x.shape).any(|(s, d)| s > d) {
        return Err(Error::new(
            ErrorKind::Shape,
            format!("{name}: a part of {sizes:?} does not fit into {x}"),
        ));
    }
    Ok(())
}

impl SingleResult for Dynamic {
    fn name(&self) -> &'static str {
        match self {
            Dynamic::Slice { .. } => "dynamic_slice",
            Dynamic::Update => "dynamic_update",
        }
    }

    fn attributes(&self) -> Attributes {
        match self {
            Dynamic::Slice { sizes } => Attributes::default().dims("sizes", sizes),
            Dynamic::Update => Attributes::default(),
        }
    }

    fn result(&self, operands: &[&Type]) -> Result<Type> {
        match self {
            Dynamic::Slice { sizes } => {
                arity("dynamic_slice", operands, 2)?;
                check("dynamic_slice", operands[0], sizes, operands[1])?;
                Ok(operands[0].with_shape(sizes))
            }
            Dynamic::Update => {
                arity("dynamic_update", operands, 3)?;
                let (x, part) = (operands[0], operands[1]);
                if x.dtype != part.dtype {
                    return Err(Error::new(
                        ErrorKind::DType,
                        format!("dynamic_update: {part} put into {x}; convert it with `astype`"),
                    ));
                }
                check("dynamic_update", x, &part.shape, operands[2])?;
                Ok(x.clone())
            }
        }
    }

    fn jvp(&self, cx: &mut Jvp<'_>) -> Option<ValueId> {
        let starts = *cx.operands.last()?;
        match self {
            Dynamic::Slice { .. } => {
                let t = cx.tangents[0]?;
                Some(cx.graph.emit(Op::Dynamic(self.clone()), &[t, starts]))
            }
            Dynamic::Update => {
                let (x, part) = (cx.tangent_or_zero(0), cx.tangent_or_zero(1));
                Some(
                    cx.graph
                        .emit(Op::Dynamic(Dynamic::Update), &[x, part, starts]),
                )
            }
        }
    }

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        let ct = cx.cotangent();
        match self {
            Dynamic::Slice { .. } => {
                let starts = cx.operands[1];
                let part = Contribution::Dynamic { part: ct, starts };
                cx.contributions.push((0, part));
                Linearity::Linear
            }
            Dynamic::Update => {
                let starts = cx.operands[2];
                let part = cx.operand_type(1);
                if cx.linear[0] {
                    let zero = cx
                        .graph
                        .constant(Literal::from_f64(part.dtype, 0.0), &part.shape);
                    let outside = cx
                        .graph
                        .emit(Op::Dynamic(Dynamic::Update), &[ct, zero, starts]);
                    cx.give(0, outside);
                }
                if cx.linear[1] {
                    let sizes = part.shape;
                    let inside = cx
                        .graph
                        .emit(Op::Dynamic(Dynamic::Slice { sizes }), &[ct, starts]);
                    cx.give(1, inside);
                }
                Linearity::Jointly
            }
        }
    }

    fn batch(&self, cx: &mut Batch<'_>) -> ValueId {
        let n = cx.size;
        let starts_operand = cx.operands.len() - 1;
        if !cx.batched[starts_operand] {
            // The start is the same in every row: the new axis is taken whole.
            let starts = cx.operands[starts_operand];
            let zero = cx.graph.constant(Literal::from_i64(DType::I64, 0), &[1]);
            let starts = cx.graph.concat(&[zero, starts], 0);
            let x = cx.with_axis(0);
            return match self {
                Dynamic::Slice { sizes } => {
                    let sizes = prepend(n, sizes.iter().copied());
                    cx.graph
                        .emit(Op::Dynamic(Dynamic::Slice { sizes }), &[x, starts])
                }
                Dynamic::Update => {
                    let part = cx.with_axis(1);
                    cx.graph
                        .emit(Op::Dynamic(Dynamic::Update), &[x, part, starts])
                }
            };
        }
        let starts = cx.operands[starts_operand];
        let x = cx.with_axis(0);
        let shape = Dims::from_slice(&cx.graph.shape(x)[1..]);
        let elements: usize = shape.iter().product();
        match self {
            Dynamic::Slice { sizes } => {
                let g = &mut *cx.graph;
                let indices = batched_linear_indices(g, starts, n, sizes, &shape);
                let flat = g.reshape(x, &[n, elements]);
                let take = Op::Gather(Gather::Take { batch: 1, axis: 1 });
                let picked = g.emit(take, &[flat, indices]);
                g.reshape(picked, &prepend(n, sizes.iter().copied()))
            }
            Dynamic::Update => {
                let part = cx.with_axis(1);
                let g = &mut *cx.graph;
                let dtype = g.ty(x).dtype;
                let sizes = Dims::from_slice(&g.shape(part)[1..]);
                let count: usize = sizes.iter().product();
                let indices = batched_linear_indices(g, starts, n, &sizes, &shape);
                // Marks the target of the part, and the source element of each position:
                // each position occurs at most once.
                let scatter = Op::Gather(Gather::ScatterAdd { batch: 1, axis: 1 });
                let nothing = g.constant(Literal::from_i64(DType::I64, 0), &[n, elements]);
                let numbers = g.iota(Type::new(DType::I64, &[n, count]), 1);
                let one = g.constant_like(1.0, numbers);
                let numbers = g.add_nodes(numbers, one);
                let marks = g.emit(scatter, &[nothing, indices, numbers]);
                let inside = g.compare(Compare::Gt, marks, nothing);
                if count == 0 {
                    return x;
                }
                let one = g.constant_like(1.0, marks);
                let marks = g.binary(super::Binary::Max, marks, one);
                let from = g.sub(marks, one);
                let flat_part = g.reshape(part, &[n, count]);
                let take = Op::Gather(Gather::Take { batch: 1, axis: 1 });
                let placed = g.emit(take, &[flat_part, from]);
                let flat = g.reshape(x, &[n, elements]);
                let chosen = g.select(inside, placed, flat);
                debug_assert_eq!(g.ty(chosen).dtype, dtype);
                g.reshape(chosen, &prepend(n, shape.iter().copied()))
            }
        }
    }

    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        let (part, starts) = match self {
            Dynamic::Slice { .. } => (result, operands[1]),
            Dynamic::Update => (operands[1], operands[2]),
        };
        let mut cost = Cost::new(Work::Copy, 0, operands, result);
        cost.bytes_read = (part.bytes() + starts.bytes()) as u64;
        cost.bytes_written = part.bytes() as u64;
        cost
    }
}

/// Row-major positions in an array of `shape` for the parts of `sizes` at `n` rows of starts (`[n, rank]`):
/// i64 `[n, elements of a part]`.
///
/// A part that does not lie in the array along some axis gets positions beyond the end,
/// so that indexing refuses them.
fn batched_linear_indices(
    g: &mut Graph,
    starts: ValueId,
    n: usize,
    sizes: &[usize],
    shape: &[usize],
) -> ValueId {
    let full = prepend(n, sizes.iter().copied());
    let strides = crate::types::row_major_strides(shape);
    let mut position = g.constant(Literal::from_i64(DType::I64, 0), &full);
    let beyond = shape.iter().product::<usize>() as i64;
    for (axis, &stride) in strides.iter().enumerate() {
        let column = g.slice(starts, &[0, axis], &[n, axis + 1], &[1, 1]);
        let column = g.reshape(column, &[n]);
        let start = g.broadcast(column, &full, &[0]);
        let offset = g.iota(Type::new(DType::I64, &full), axis + 1);
        let index = g.add_nodes(start, offset);
        let zero = g.constant(Literal::from_i64(DType::I64, 0), &full);
        let last = (shape[axis] - sizes[axis]) as i64;
        let last = g.constant(Literal::from_i64(DType::I64, last), &full);
        let low = g.compare(Compare::Lt, start, zero);
        let high = g.compare(Compare::Gt, start, last);
        let outside = g.binary(super::Binary::Or, low, high);
        let step = g.constant(Literal::from_i64(DType::I64, stride as i64), &full);
        let term = g.mul(index, step);
        let far = g.constant(Literal::from_i64(DType::I64, beyond), &full);
        let sum = g.add_nodes(position, term);
        // Once a position is beyond the end, it stays beyond: later terms are not negative there,
        // or replace it by `far` again.
        let was_outside = g.compare(Compare::Ge, position, far);
        let outside = g.binary(super::Binary::Or, outside, was_outside);
        position = g.select(outside, far, sum);
    }
    let size = sizes.iter().product();
    g.reshape(position, &[n, size])
}
