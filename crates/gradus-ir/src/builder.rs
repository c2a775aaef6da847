//! Shorthands for writing nodes in rules and transforms.
//! Operands must fit: a misfit is a mistake in the rule and panics.

use crate::graph::{Graph, ValueId};
use crate::primitives::reduce::without_axes;
use crate::primitives::{
    Binary, Compare, Layout, Op, Padding, Reduce, ReduceKind, Resize, Select, Slice, Unary,
};
use crate::types::{Dims, Literal};

impl Graph {
    /// `op(x)`
    pub fn unary(&mut self, op: Unary, x: ValueId) -> ValueId {
        self.emit(Op::Unary(op), &[x])
    }

    /// `op(a, b)`
    pub fn binary(&mut self, op: Binary, a: ValueId, b: ValueId) -> ValueId {
        self.emit(Op::Binary(op), &[a, b])
    }

    /// `a + b`
    pub fn add_nodes(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.binary(Binary::Add, a, b)
    }

    /// `a - b`
    pub fn sub(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.binary(Binary::Sub, a, b)
    }

    /// `a · b`
    pub fn mul(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.binary(Binary::Mul, a, b)
    }

    /// `a / b`
    pub fn div(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.binary(Binary::Div, a, b)
    }

    /// `factor · x`
    pub fn scale(&mut self, x: ValueId, factor: f64) -> ValueId {
        let factor = self.constant_like(factor, x);
        self.mul(factor, x)
    }

    /// `op(a, b)` as booleans
    pub fn compare(&mut self, op: Compare, a: ValueId, b: ValueId) -> ValueId {
        self.emit(Op::Compare(op), &[a, b])
    }

    /// `a` where `condition` holds, else `b`
    pub fn select(&mut self, condition: ValueId, a: ValueId, b: ValueId) -> ValueId {
        self.emit(Op::Select(Select), &[condition, a, b])
    }

    /// `x` repeated to `shape`, its axis `i` becoming `axes[i]`
    pub fn broadcast(&mut self, x: ValueId, shape: &[usize], axes: &[usize]) -> ValueId {
        let (shape, axes) = (Dims::from_slice(shape), Dims::from_slice(axes));
        self.emit(Op::Layout(Layout::Broadcast { shape, axes }), &[x])
    }

    /// `x` repeated `n` times along a new leading axis
    pub fn repeat_front(&mut self, x: ValueId, n: usize) -> ValueId {
        let ty = self.ty(x).batched(n);
        let axes: Dims = (1..ty.rank()).collect();
        self.broadcast(x, &ty.shape, &axes)
    }

    /// `x` with another shape
    pub fn reshape(&mut self, x: ValueId, shape: &[usize]) -> ValueId {
        self.emit(Op::Layout(Layout::Reshape(Dims::from_slice(shape))), &[x])
    }

    /// `x` with its axes permuted
    pub fn transpose(&mut self, x: ValueId, permutation: &[usize]) -> ValueId {
        let permutation = Dims::from_slice(permutation);
        self.emit(Op::Layout(Layout::Transpose(permutation)), &[x])
    }

    /// The part of `x` from `start` to `limit` by `stride`
    pub fn slice(
        &mut self,
        x: ValueId,
        start: &[usize],
        limit: &[usize],
        stride: &[usize],
    ) -> ValueId {
        let slice = Slice {
            start: Dims::from_slice(start),
            limit: Dims::from_slice(limit),
            stride: Dims::from_slice(stride),
        };
        self.emit(Op::Layout(slice.into()), &[x])
    }

    /// `x` reversed along `axes`
    pub fn reverse(&mut self, x: ValueId, axes: &[usize]) -> ValueId {
        self.emit(Op::Layout(Layout::Reverse(Dims::from_slice(axes))), &[x])
    }

    /// `parts` one after the other along `axis`
    pub fn concat(&mut self, parts: &[ValueId], axis: usize) -> ValueId {
        self.emit(Op::Resize(Resize::Concat(axis)), parts)
    }

    /// An array of zeros of `shape` with `part` in the slice from `start` by `stride`
    pub fn place(
        &mut self,
        part: ValueId,
        shape: &[usize],
        start: &[usize],
        stride: &[usize],
    ) -> ValueId {
        let ty = self.ty(part).clone();
        let zero = self.constant(Literal::from_f64(ty.dtype, 0.0), &[]);
        let high: Dims = (0..shape.len())
            .map(|i| match ty.shape[i] {
                0 => shape[i] - start[i],
                n => shape[i] - (start[i] + (n - 1) * stride[i] + 1),
            })
            .collect();
        let padding = Padding {
            low: Dims::from_slice(start),
            high,
            interior: stride.iter().map(|s| s - 1).collect(),
        };
        self.emit(Op::Resize(padding.into()), &[part, zero])
    }

    /// The sum of `x` over `axes`
    pub fn sum(&mut self, x: ValueId, axes: &[usize]) -> ValueId {
        self.reduce(ReduceKind::Sum, x, axes)
    }

    /// The reduction of `x` over `axes`
    pub fn reduce(&mut self, kind: ReduceKind, x: ValueId, axes: &[usize]) -> ValueId {
        let axes = Dims::from_slice(axes);
        debug_assert!(without_axes(self.shape(x), &axes).len() + axes.len() == self.shape(x).len());
        self.emit(Op::Reduce(Reduce { kind, axes }), &[x])
    }
}
