//! Local simplification when a node is made: the obvious reductions.
//!
//! No rule changes a value other than the sign of a zero: sums are not reassociated, and `x·0` stays for floats,
//! because `x` can be infinite or NaN.
//! Structural zeros never become nodes in the first place: tangents and cotangents that vanish are absent.

use crate::fold;
use crate::graph::{Graph, ValueId};
use crate::primitives::{Binary, Compare, Gather, Layout, Op, Reduce, ReduceKind, Resize, Unary};
use crate::types::{DType, Dims, LONGEST, Literal, Type};

/// An existing or simpler value that equals `op` on `operands`, which has type `ty`.
pub(crate) fn node(g: &mut Graph, op: &Op, operands: &[ValueId], ty: &Type) -> Option<ValueId> {
    match op {
        Op::Unary(u) => unary(g, *u, operands[0]),
        Op::Cast(to) => cast(g, *to, operands[0]),
        Op::Binary(b) => binary(g, *b, operands[0], operands[1], ty),
        Op::Compare(c) => compare(g, *c, operands[0], operands[1]),
        Op::Select(_) => select(g, operands[0], operands[1], operands[2]),
        Op::Layout(layout) => self::layout(g, layout, operands[0], ty),
        Op::Resize(resize) => self::resize(g, resize, operands, ty),
        Op::Reduce(reduce) => self::reduce(g, reduce, operands[0], ty),
        Op::Gather(Gather::ScatterAdd { .. }) => {
            let zero = g.literal(operands[2]).is_some_and(|v| v.is(0.0));
            (zero || g.ty(operands[2]).elements() == 0).then_some(operands[0])
        }
        Op::CumSum(c) if g.shape(operands[0])[c.axis] <= 1 => Some(operands[0]),
        // Most operations have nothing to cross out.
        _ => None,
    }
}

fn splat(g: &mut Graph, value: Literal, ty: &Type) -> Option<ValueId> {
    Some(g.constant(value, &ty.shape))
}

fn unary(g: &mut Graph, op: Unary, x: ValueId) -> Option<ValueId> {
    if let Some(value) = g.literal(x).and_then(|v| fold::unary(op, v)) {
        let ty = g.ty(x).clone();
        return splat(g, value, &ty);
    }
    let inner = match g.maker(x).op {
        Op::Unary(inner) => Some((inner, g.maker(x).operands[0])),
        _ => None,
    };
    match (op, inner) {
        (Unary::Neg, Some((Unary::Neg, v))) | (Unary::Not, Some((Unary::Not, v))) => Some(v),
        // A literal has no derivative to stop.
        (Unary::StopGradient, _) if g.literal(x).is_some() => Some(x),
        (Unary::Abs, Some((Unary::Neg, v))) => Some(g.unary(Unary::Abs, v)),
        (Unary::Abs, Some((Unary::Abs, _)))
        | (Unary::StopGradient, Some((Unary::StopGradient, _))) => Some(x),
        (Unary::PowI(1), _) => Some(x),
        (Unary::PowI(0), _) => Some(g.constant_like(1.0, x)),
        (Unary::PowI(2), _) => Some(g.mul(x, x)),
        (Unary::PowI(-1), _) => {
            let one = g.constant_like(1.0, x);
            Some(g.div(one, x))
        }
        _ => None,
    }
}

fn cast(g: &mut Graph, to: DType, x: ValueId) -> Option<ValueId> {
    let ty = g.ty(x).clone();
    if ty.dtype == to {
        return Some(x);
    }
    let value = g.literal(x)?;
    splat(g, fold::cast(to, value), &ty)
}

/// The operand of a negation.
fn negated(g: &Graph, x: ValueId) -> Option<ValueId> {
    match g.maker(x).op {
        Op::Unary(Unary::Neg) => Some(g.maker(x).operands[0]),
        _ => None,
    }
}

fn binary(g: &mut Graph, op: Binary, a: ValueId, b: ValueId, ty: &Type) -> Option<ValueId> {
    let (la, lb) = (g.literal(a), g.literal(b));
    if let (Some(va), Some(vb)) = (la, lb)
        && let Some(value) = fold::binary(op, va, vb)
    {
        return splat(g, value, ty);
    }
    // Literals stand on the right.
    // Other operands are in the order of their creation, so that `a + b` and `b + a` are one node.
    if op.is_commutative()
        && ((la.is_some() && lb.is_none()) || (la.is_some() == lb.is_some() && a > b))
    {
        return Some(g.binary(op, b, a));
    }
    match op {
        Binary::Add => add(g, a, b, lb),
        Binary::Sub => sub(g, a, b, (la, lb), ty),
        Binary::Mul => mul(g, a, b, lb, ty),
        Binary::Div => div(g, a, lb, ty),
        Binary::Pow => pow(g, a, lb),
        Binary::Max | Binary::Min | Binary::And | Binary::Or if a == b => Some(a),
        Binary::And | Binary::Or if ty.dtype == DType::Bool => {
            // The value that decides the result for any other operand.
            let decides = op == Binary::Or;
            let value = lb?.as_i64() != 0;
            Some(if value == decides { b } else { a })
        }
        Binary::Rem
        | Binary::Atan2
        | Binary::Hypot
        | Binary::LogAddExp
        | Binary::Max
        | Binary::Min
        | Binary::And
        | Binary::Or
        | Binary::Xor
        | Binary::Shl
        | Binary::Shr => None,
    }
}

/// Whether there is a literal, and it is this number.
fn is(literal: Option<Literal>, value: f64) -> bool {
    literal.is_some_and(|v| v.is(value))
}

fn add(g: &mut Graph, a: ValueId, b: ValueId, lb: Option<Literal>) -> Option<ValueId> {
    if is(lb, 0.0) {
        return Some(a);
    }
    if let Some(v) = negated(g, b) {
        return Some(g.sub(a, v));
    }
    if let Some(v) = negated(g, a) {
        return Some(g.sub(b, v));
    }
    add_choices(g, a, b)
}

fn sub(
    g: &mut Graph,
    a: ValueId,
    b: ValueId,
    (la, lb): (Option<Literal>, Option<Literal>),
    ty: &Type,
) -> Option<ValueId> {
    if is(lb, 0.0) {
        return Some(a);
    }
    if is(la, 0.0) {
        return Some(g.unary(Unary::Neg, b));
    }
    if ty.dtype.is_integer() && a == b {
        return Some(g.constant_like(0.0, a));
    }
    negated(g, b).map(|v| g.add_nodes(a, v))
}

fn mul(g: &mut Graph, a: ValueId, b: ValueId, lb: Option<Literal>, ty: &Type) -> Option<ValueId> {
    if is(lb, 1.0) {
        return Some(a);
    }
    if is(lb, -1.0) {
        return Some(g.unary(Unary::Neg, a));
    }
    if ty.dtype.is_integer() && is(lb, 0.0) {
        return Some(b);
    }
    match (negated(g, a), negated(g, b), lb) {
        (Some(va), Some(vb), _) => Some(g.mul(va, vb)),
        // The sign moves into the literal.
        (Some(va), None, Some(value)) => {
            let value = fold::unary(Unary::Neg, value)?;
            let value = g.constant(value, &ty.shape);
            Some(g.mul(va, value))
        }
        _ => None,
    }
}

fn div(g: &mut Graph, a: ValueId, lb: Option<Literal>, ty: &Type) -> Option<ValueId> {
    if is(lb, 1.0) {
        return Some(a);
    }
    // Division by a power of two is multiplication by its exact inverse.
    let float = ty.dtype.float()?;
    let value = lb?.as_f64();
    let inverse = Literal::from_f64(ty.dtype, 1.0 / value);
    let normal = float.least_normal()..=float.largest();
    let exact = value.is_normal()
        && value.to_bits().trailing_zeros() >= 52
        && normal.contains(&inverse.as_f64().abs());
    if !exact {
        return None;
    }
    let inverse = g.constant(inverse, &ty.shape);
    Some(g.mul(a, inverse))
}

fn pow(g: &mut Graph, a: ValueId, lb: Option<Literal>) -> Option<ValueId> {
    if is(lb, 1.0) {
        return Some(a);
    }
    if is(lb, 2.0) {
        return Some(g.mul(a, a));
    }
    is(lb, 0.0).then(|| g.constant_like(1.0, a))
}

fn compare(g: &mut Graph, op: Compare, a: ValueId, b: ValueId) -> Option<ValueId> {
    let ty = g.ty(a).clone();
    match (g.literal(a), g.literal(b)) {
        (Some(va), Some(vb)) => splat(g, fold::compare(op, va, vb), &ty),
        (None, Some(v)) => compare_bool(g, a, |x| fold::compare(op, x, v)),
        (Some(v), None) => compare_bool(g, b, |x| fold::compare(op, v, x)),
        (None, None) => None,
    }
}

/// Simplifies the comparison of `x` with a literal if `x` is a boolean cast to a number.
/// The result is that boolean, its negation, or a constant.
fn compare_bool(g: &mut Graph, x: ValueId, result: impl Fn(Literal) -> Literal) -> Option<ValueId> {
    let Op::Cast(to) = g.maker(x).op else {
        return None;
    };
    let truth = g.maker(x).operands[0];
    if g.ty(truth).dtype != DType::Bool {
        return None;
    }
    let of = |n| result(Literal::from_i64(to, n)).as_i64() != 0;
    match (of(0), of(1)) {
        (false, true) => Some(truth),
        (true, false) => Some(g.unary(Unary::Not, truth)),
        (same, _) => {
            let ty = g.ty(x).clone();
            splat(g, Literal::from_bool(same), &ty)
        }
    }
}

fn select(g: &mut Graph, condition: ValueId, a: ValueId, b: ValueId) -> Option<ValueId> {
    if a == b {
        return Some(a);
    }
    if let Some(value) = g.literal(condition) {
        return Some(if value.as_i64() != 0 { a } else { b });
    }
    if let Op::Unary(Unary::Not) = g.maker(condition).op {
        let inner = g.maker(condition).operands[0];
        return Some(g.select(inner, b, a));
    }
    // A choice by the same condition inside.
    let side = |g: &Graph, x: ValueId, k: usize| match &g.maker(x).op {
        Op::Select(_) if g.maker(x).operands[0] == condition => g.maker(x).operands[k],
        _ => x,
    };
    let (then, otherwise) = (side(g, a, 1), side(g, b, 2));
    ((then, otherwise) != (a, b)).then(|| g.select(condition, then, otherwise))
}

/// Merges the sum of two choices by the same condition into one choice, if on each side one of them is zero.
fn add_choices(g: &mut Graph, a: ValueId, b: ValueId) -> Option<ValueId> {
    let (x, y) = (g.maker(a), g.maker(b));
    let (Op::Select(_), Op::Select(_)) = (&x.op, &y.op) else {
        return None;
    };
    let ([c, x1, x0], [d, y1, y0]) = (&x.operands[..], &y.operands[..]) else {
        return None;
    };
    let zero = |o: &ValueId| g.literal(*o).is_some_and(|v| v.is(0.0));
    let apart = (zero(x1) || zero(y1)) && (zero(x0) || zero(y0));
    if c != d || !apart {
        return None;
    }
    let (c, x1, x0, y1, y0) = (*c, *x1, *x0, *y1, *y0);
    let (then, otherwise) = (g.add_nodes(x1, y1), g.add_nodes(x0, y0));
    Some(g.select(c, then, otherwise))
}

fn layout(g: &mut Graph, layout: &Layout, x: ValueId, ty: &Type) -> Option<ValueId> {
    if let Some(value) = g.literal(x) {
        return splat(g, value, ty);
    }
    let rank = g.ty(x).rank();
    let inner = match &g.maker(x).op {
        Op::Layout(inner) => Some((inner.clone(), g.maker(x).operands[0])),
        _ => None,
    };
    match layout {
        Layout::Broadcast { axes, .. } => {
            if axes.len() == ty.rank() && g.ty(x) == ty {
                return Some(x);
            }
            let Some((Layout::Broadcast { axes: first, .. }, v)) = inner else {
                return None;
            };
            let both: Dims = first.iter().map(|&a| axes[a]).collect();
            Some(g.broadcast(v, &ty.shape, &both))
        }
        Layout::Reshape(shape) => {
            if g.ty(x) == ty {
                return Some(x);
            }
            match inner {
                Some((Layout::Reshape(_), v)) => Some(g.reshape(v, shape)),
                _ => None,
            }
        }
        Layout::Transpose(permutation) => {
            if permutation.iter().copied().eq(0..rank) {
                return Some(x);
            }
            let Some((Layout::Transpose(first), v)) = inner else {
                return None;
            };
            let both: Dims = permutation.iter().map(|&p| first[p]).collect();
            Some(g.transpose(v, &both))
        }
        Layout::Slice(slice) => {
            let (start, stride) = (&slice.start, &slice.stride);
            if g.ty(x) == ty && stride.iter().all(|&s| s == 1) {
                return Some(x);
            }
            let Some((Layout::Slice(inner), v)) = inner else {
                return None;
            };
            let (first, step) = (&inner.start, &inner.stride);
            // An empty slice can start at the very end, which composed positions can pass.
            if ty.elements() == 0 {
                return None;
            }
            let from: Dims = (0..rank).map(|i| first[i] + start[i] * step[i]).collect();
            // Only a step that is never taken can be longer than any axis.
            let by = (0..rank).map(|i| stride[i].saturating_mul(step[i]).min(LONGEST));
            let by: Dims = by.collect();
            let to: Dims = (0..rank)
                .map(|i| from[i] + (ty.shape[i] - 1) * by[i] + 1)
                .collect();
            Some(g.slice(v, &from, &to, &by))
        }
        Layout::Reverse(axes) => {
            if axes.iter().all(|&a| ty.shape[a] <= 1) {
                return Some(x);
            }
            match inner {
                Some((Layout::Reverse(first), v)) if first == *axes => Some(v),
                _ => None,
            }
        }
    }
}

fn resize(g: &mut Graph, resize: &Resize, operands: &[ValueId], ty: &Type) -> Option<ValueId> {
    match resize {
        Resize::Pad(_) => {
            let (x, value) = (operands[0], operands[1]);
            if g.ty(x) == ty {
                return Some(x);
            }
            let fill = g.literal(value)?;
            if g.ty(x).elements() == 0 || g.literal(x) == Some(fill) {
                return splat(g, fill, ty);
            }
            None
        }
        Resize::Concat(axis) => {
            if let [x] = operands {
                return Some(*x);
            }
            let full: Vec<ValueId> = operands
                .iter()
                .copied()
                .filter(|&o| g.shape(o)[*axis] > 0)
                .collect();
            match full.as_slice() {
                [] => Some(operands[0]),
                rest if rest.len() < operands.len() => Some(g.concat(rest, *axis)),
                rest => {
                    let value = g.literal(rest[0])?;
                    rest.iter()
                        .all(|&o| g.literal(o) == Some(value))
                        .then(|| g.constant(value, &ty.shape))
                }
            }
        }
        Resize::SliceAdd(place) => {
            let (whole, part) = (operands[0], operands[1]);
            let zero = |g: &Graph, x| g.literal(x).is_some_and(|v: Literal| v.is(0.0));
            if zero(g, part) || g.ty(part).elements() == 0 {
                return Some(whole);
            }
            if g.ty(part) == ty {
                return Some(g.add_nodes(whole, part));
            }
            zero(g, whole).then(|| g.place(part, &ty.shape, &place.start, &place.stride))
        }
    }
}

fn reduce(g: &mut Graph, reduce: &Reduce, x: ValueId, ty: &Type) -> Option<ValueId> {
    let n: usize = reduce.axes.iter().map(|&a| g.shape(x)[a]).product();
    if reduce.axes.is_empty() {
        return Some(x);
    }
    if n == 0 {
        let neutral = match reduce.kind {
            ReduceKind::Sum => 0.0,
            ReduceKind::Prod => 1.0,
            ReduceKind::Max | ReduceKind::Min => return None,
        };
        return splat(g, Literal::from_f64(ty.dtype, neutral), ty);
    }
    if n == 1 {
        return Some(g.reshape(x, &ty.shape));
    }
    let value = g.literal(x)?;
    match reduce.kind {
        ReduceKind::Max | ReduceKind::Min => splat(g, value, ty),
        ReduceKind::Sum => {
            let count = Literal::from_i64(ty.dtype, n as i64);
            let total = fold::binary(Binary::Mul, value, count)?;
            splat(g, total, ty)
        }
        ReduceKind::Prod => None,
    }
}
