//! Reductions over axes, and the position of the largest or smallest element.

use super::layout::prepend;
use super::{
    Batch, Compare, Cost, Jvp, Linearity, Op, Push, SingleResult, Transpose, Work, arity,
    check_axes,
};
use crate::attributes::Attributes;
use crate::block::Block;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, ValueId};
use crate::types::{DType, Dims, Type};

/// The way in which elements are combined.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ReduceKind {
    /// Sum; 0 for no elements.
    Sum,
    /// Product; 1 for no elements. The derivative is right if elements are 0.
    Prod,
    /// The largest element; NaN if one is NaN. Ties share the derivative evenly.
    /// For booleans: whether any is true.
    Max,
    /// The smallest element; NaN if one is NaN. Ties share the derivative evenly.
    /// For booleans: whether all are true.
    Min,
}

/// A reduction over `axes`, which the result does not have.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Reduce {
    /// The way in which elements are combined.
    pub kind: ReduceKind,
    /// The axes, ascending.
    pub axes: Dims,
}

/// The shape without `axes`.
pub fn without_axes(shape: &[usize], axes: &[usize]) -> Dims {
    kept_axes(shape.len(), axes)
        .iter()
        .map(|&i| shape[i])
        .collect()
}

/// The axes that are not in `axes`.
pub fn kept_axes(rank: usize, axes: &[usize]) -> Dims {
    (0..rank).filter(|i| !axes.contains(i)).collect()
}

impl Reduce {
    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<Op>> {
        let kind = match name {
            "reduce_sum" => ReduceKind::Sum,
            "reduce_prod" => ReduceKind::Prod,
            "reduce_max" => ReduceKind::Max,
            "reduce_min" => ReduceKind::Min,
            _ => return None,
        };
        Some(
            a.get_dims(name, "axes")
                .map(|axes| Op::Reduce(Reduce { kind, axes })),
        )
    }

    /// `y` (the reduced array) repeated to the operand's shape.
    fn spread(&self, g: &mut Graph, y: ValueId, shape: &[usize]) -> ValueId {
        let kept = kept_axes(shape.len(), &self.axes);
        g.broadcast(y, shape, &kept)
    }
}

impl SingleResult for Reduce {
    fn name(&self) -> &'static str {
        match self.kind {
            ReduceKind::Sum => "reduce_sum",
            ReduceKind::Prod => "reduce_prod",
            ReduceKind::Max => "reduce_max",
            ReduceKind::Min => "reduce_min",
        }
    }

    fn attributes(&self) -> Attributes {
        Attributes::default().dims("axes", &self.axes)
    }

    fn result(&self, operands: &[&Type]) -> Result<Type> {
        let name = self.name();
        arity(name, operands, 1)?;
        let x = operands[0];
        check_axes(name, &self.axes, x.rank())?;
        match self.kind {
            ReduceKind::Sum | ReduceKind::Prod if x.dtype == DType::Bool => {
                return Err(Error::new(
                    ErrorKind::DType,
                    format!("{name}: takes numbers, got {x}; convert it first with `astype`"),
                ));
            }
            ReduceKind::Max | ReduceKind::Min => {
                if let Some(&axis) = self.axes.iter().find(|&&a| x.shape[a] == 0) {
                    return Err(Error::new(
                        ErrorKind::Shape,
                        format!(
                            "{name}: axis {axis} of {x} is empty, so there is no element to choose"
                        ),
                    ));
                }
            }
            _ => {}
        }
        Ok(x.with_shape(&without_axes(&x.shape, &self.axes)))
    }

    fn jvp(&self, cx: &mut Jvp<'_>) -> Option<ValueId> {
        let t = cx.tangents[0]?;
        let (x, y) = (cx.operands[0], cx.result());
        let g = &mut *cx.graph;
        let shape = g.ty(x).shape.clone();
        match self.kind {
            ReduceKind::Sum => Some(g.sum(t, &self.axes)),
            ReduceKind::Max | ReduceKind::Min => {
                let spread = self.spread(g, y, &shape);
                let hit = g.compare(Compare::Eq, x, spread);
                let (zero, one) = (g.constant_like(0.0, x), g.constant_like(1.0, x));
                let mask = g.select(hit, one, zero);
                let count = g.sum(mask, &self.axes);
                let product = g.mul(mask, t);
                let total = g.sum(product, &self.axes);
                Some(g.div(total, count))
            }
            ReduceKind::Prod => product_tangent(g, x, t, &self.axes),
        }
    }

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        if self.kind != ReduceKind::Sum {
            return Linearity::Nonlinear;
        }
        let shape = cx.operand_type(0).shape;
        let ct = self.spread(cx.graph, cx.cotangent(), &shape);
        cx.give(0, ct);
        Linearity::Linear
    }

    /// A sum over a diagonal axis adds nothing up, because each sum has one source element.
    /// The axis becomes a free axis of the source.
    fn push(&self, cx: Push<'_>) -> Block {
        if self.kind != ReduceKind::Sum {
            return cx.block_by_rows(|batch| self.batch(batch));
        }
        let axes = &self.axes;
        let (g, x, result) = cx.only();
        let lead = x.lead();
        let added: Vec<usize> = axes
            .iter()
            .filter(|&&a| x.source_axis_of(a).is_none())
            .map(|a| lead + a)
            .collect();
        let kept: Vec<usize> = (0..x.target.len()).filter(|a| !axes.contains(a)).collect();
        let after = |p: usize| p - added.iter().filter(|&&q| q < p).count();
        let tensor = g.sum(x.tensor, &added);
        let diagonal: Vec<(usize, usize)> = x
            .diagonal
            .iter()
            .filter_map(|&(s, a)| Some((s, kept.iter().position(|&k| k == a)?)))
            .collect();
        let old_free = x.free();
        let mut order: Vec<usize> = Vec::new();
        for s in 0..x.source.len() {
            if diagonal.iter().any(|(t, _)| *t == s) {
                continue;
            }
            order.push(match old_free.iter().position(|&f| f == s) {
                Some(p) => p,
                None => {
                    let pair = x.diagonal.iter().find(|(t, _)| *t == s);
                    after(lead + pair.expect("a source axis is free or diagonal").1)
                }
            });
        }
        order.extend(kept.iter().map(|&a| after(lead + a)));
        let tensor = g.transpose(tensor, &order);
        Block {
            tensor,
            target: result.shape.clone(),
            diagonal,
            ..x
        }
    }

    fn batch(&self, cx: &mut Batch<'_>) -> ValueId {
        let axes = self.axes.iter().map(|a| a + 1).collect();
        let kind = self.kind;
        cx.graph
            .emit(Op::Reduce(Reduce { kind, axes }), cx.operands)
    }

    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        let steps = operands[0].elements().saturating_sub(result.elements());
        Cost::new(Work::Reduction, steps, operands, result)
    }
}

/// The tangent of a product over `axes`.
/// Pairs are multiplied level by level, each with the product rule, so that no division by an element is needed
/// and zeros are handled correctly.
fn product_tangent(g: &mut Graph, x: ValueId, t: ValueId, axes: &[usize]) -> Option<ValueId> {
    let shape = g.ty(x).shape.clone();
    let kept = kept_axes(shape.len(), axes);
    let order: Dims = axes.iter().chain(&kept).copied().collect();
    let mut n: usize = axes.iter().map(|&a| shape[a]).product();
    let rest: Dims = kept.iter().map(|&a| shape[a]).collect();
    if n == 0 {
        return None;
    }
    let flatten = |g: &mut Graph, v: ValueId| {
        let v = g.transpose(v, &order);
        g.reshape(v, &prepend(n, rest.iter().copied()))
    };
    let (mut x, mut t) = (flatten(g, x), flatten(g, t));
    let part = |g: &mut Graph, v: ValueId, from: usize, to: usize| {
        let start = prepend(from, rest.iter().map(|_| 0));
        let limit = prepend(to, rest.iter().copied());
        let ones = prepend(1, rest.iter().map(|_| 1));
        g.slice(v, &start, &limit, &ones)
    };
    while n > 1 {
        let half = n / 2;
        let (a, b) = (part(g, x, 0, half), part(g, x, half, 2 * half));
        let (ta, tb) = (part(g, t, 0, half), part(g, t, half, 2 * half));
        let mut product = g.mul(a, b);
        let (left, right) = (g.mul(ta, b), g.mul(a, tb));
        let mut tangent = g.add_nodes(left, right);
        if n % 2 == 1 {
            let (last, t_last) = (part(g, x, n - 1, n), part(g, t, n - 1, n));
            product = g.concat(&[product, last], 0);
            tangent = g.concat(&[tangent, t_last], 0);
        }
        (x, t) = (product, tangent);
        n = n.div_ceil(2);
    }
    Some(g.reshape(t, &rest))
}

/// The index (i64) of the extreme element along one axis: the first among equals; NaN counts as the extreme.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ArgReduce {
    /// Whether it finds the smallest element instead of the largest.
    pub smallest: bool,
    /// The axis, which the result does not have.
    pub axis: usize,
}

impl ArgReduce {
    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<Op>> {
        let smallest = match name {
            "argmin" => true,
            "argmax" => false,
            _ => return None,
        };
        Some(
            a.get_size(name, "axis")
                .map(|axis| Op::ArgReduce(ArgReduce { smallest, axis })),
        )
    }
}

impl SingleResult for ArgReduce {
    fn name(&self) -> &'static str {
        if self.smallest { "argmin" } else { "argmax" }
    }

    fn attributes(&self) -> Attributes {
        Attributes::default().int("axis", self.axis as i64)
    }

    fn result(&self, operands: &[&Type]) -> Result<Type> {
        let name = self.name();
        arity(name, operands, 1)?;
        let x = operands[0];
        check_axes(name, &[self.axis], x.rank())?;
        if x.shape[self.axis] == 0 {
            return Err(Error::new(
                ErrorKind::Shape,
                format!(
                    "{name}: axis {} of {x} is empty, so there is no element to choose",
                    self.axis
                ),
            ));
        }
        Ok(Type::new(DType::I64, &without_axes(&x.shape, &[self.axis])))
    }

    fn jvp(&self, _cx: &mut Jvp<'_>) -> Option<ValueId> {
        None
    }

    fn transpose(&self, _cx: &mut Transpose<'_>) -> Linearity {
        Linearity::Nonlinear
    }

    fn batch(&self, cx: &mut Batch<'_>) -> ValueId {
        let op = ArgReduce {
            smallest: self.smallest,
            axis: self.axis + 1,
        };
        cx.graph.emit(Op::ArgReduce(op), cx.operands)
    }

    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        let steps = operands[0].elements().saturating_sub(result.elements());
        Cost::new(Work::Reduction, steps, operands, result)
    }
}
