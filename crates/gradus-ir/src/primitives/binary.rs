//! Elementwise functions of two operands of one type, and comparisons.

use super::{
    Batch, Cost, Jvp, Linearity, Op, Push, Pushed, SingleResult, Transpose, Work, arity,
    equal_types,
};
use crate::block::Block;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, ValueId};
use crate::primitives::Unary;
use crate::types::{DType, FloatType, Type};

/// An elementwise function of two operands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Binary {
    /// `a + b`; integers wrap.
    Add,
    /// `a - b`; integers wrap.
    Sub,
    /// `a · b`; integers wrap.
    Mul,
    /// `a / b`; integers are truncated, and `a / 0` is -1 (all bits set).
    Div,
    /// `a - trunc(a/b)·b`, with the sign of `a`; for integers `a % 0` is `a`.
    Rem,
    /// `aᵇ`; `a⁰ = 1`. Derivatives at `a = 0` and `b = 0` are those of the side that exists.
    Pow,
    /// The angle of the point `(b, a)`, in radians from -π to π.
    Atan2,
    /// `√(a² + b²)` without overflow between; infinite if one is infinite. Its derivatives at (0, 0) are taken to be 0.
    Hypot,
    /// `ln(eᵃ + eᵇ)` without overflow.
    LogAddExp,
    /// The larger; NaN if one is NaN. A tie gives half of the derivative to each.
    Max,
    /// The smaller; NaN if one is NaN. A tie gives half of the derivative to each.
    Min,
    /// Logical or bitwise and.
    And,
    /// Logical or bitwise or.
    Or,
    /// Logical or bitwise exclusive or.
    Xor,
    /// Shift to the left by `b` bits; 0 once all bits are out.
    Shl,
    /// Shift to the right by `b` bits, keeping the sign of signed integers.
    Shr,
}

impl Binary {
    /// All functions.
    pub const ALL: [Binary; 16] = [
        Binary::Add,
        Binary::Sub,
        Binary::Mul,
        Binary::Div,
        Binary::Rem,
        Binary::Pow,
        Binary::Atan2,
        Binary::Hypot,
        Binary::LogAddExp,
        Binary::Max,
        Binary::Min,
        Binary::And,
        Binary::Or,
        Binary::Xor,
        Binary::Shl,
        Binary::Shr,
    ];

    pub(super) fn from_text(name: &str) -> Option<Result<Op>> {
        let found = Binary::ALL.into_iter().find(|b| b.name() == name)?;
        Some(Ok(Op::Binary(found)))
    }

    /// The kind of work that an element is.
    pub fn work(self) -> Work {
        match self {
            Binary::Pow | Binary::Atan2 | Binary::Hypot | Binary::LogAddExp | Binary::Rem => {
                Work::Transcendental
            }
            _ => Work::Arithmetic,
        }
    }

    /// Whether exchanging the operands changes nothing.
    pub fn is_commutative(self) -> bool {
        use Binary::*;
        matches!(
            self,
            Add | Mul | Hypot | LogAddExp | Max | Min | And | Or | Xor
        )
    }
}

impl SingleResult for Binary {
    fn name(&self) -> &'static str {
        match self {
            Binary::Add => "add",
            Binary::Sub => "sub",
            Binary::Mul => "mul",
            Binary::Div => "div",
            Binary::Rem => "rem",
            Binary::Pow => "pow",
            Binary::Atan2 => "atan2",
            Binary::Hypot => "hypot",
            Binary::LogAddExp => "log_add_exp",
            Binary::Max => "max",
            Binary::Min => "min",
            Binary::And => "and",
            Binary::Or => "or",
            Binary::Xor => "xor",
            Binary::Shl => "shl",
            Binary::Shr => "shr",
        }
    }

    fn result(&self, operands: &[&Type]) -> Result<Type> {
        use Binary::*;
        arity(self.name(), operands, 2)?;
        let ty = equal_types(self.name(), operands)?;
        let d = ty.dtype;
        let (fits, wanted) = match self {
            Add | Sub | Mul | Div | Rem => (d != DType::Bool, "numbers"),
            Pow | Atan2 | Hypot | LogAddExp => (d.float().is_some(), "floating-point numbers"),
            Max | Min => (true, "anything"),
            And | Or | Xor => (d.float().is_none(), "truth values or integers"),
            Shl | Shr => (d.is_integer(), "integers"),
        };
        if fits {
            return Ok(ty);
        }
        Err(Error::new(
            ErrorKind::DType,
            format!(
                "{}: takes {wanted}, got {ty}; convert it first with `astype`",
                self.name()
            ),
        ))
    }

    fn jvp(&self, cx: &mut Jvp<'_>) -> Option<ValueId> {
        use Binary::*;
        let (a, b, y) = (cx.operands[0], cx.operands[1], cx.result());
        let (ta, tb) = (cx.tangents[0], cx.tangents[1]);
        let g = &mut *cx.graph;
        if let (Sub, Some(ta), Some(tb)) = (self, ta, tb) {
            return Some(g.sub(ta, tb));
        }
        let of_a = match (self, ta) {
            (_, None) => None,
            (Add | Sub, Some(t)) => Some(t),
            (Rem, Some(t)) => Some(t),
            (Mul, Some(t)) => Some(g.mul(t, b)),
            (Div, Some(t)) => Some(g.div(t, b)),
            (Pow, Some(t)) => {
                let slope = slope_of_base(g, a, b);
                Some(g.mul(slope, t))
            }
            (Atan2, Some(t)) => {
                let (_, towards_b, inverse) = direction(g, a, b);
                let slope = g.mul(towards_b, inverse);
                Some(g.mul(slope, t))
            }
            (Hypot, Some(t)) => {
                let slope = slope_of_length(g, a, b, y);
                Some(g.mul(slope, t))
            }
            (LogAddExp, Some(t)) => {
                let slope = share_of_sum(g, a, b);
                Some(g.mul(slope, t))
            }
            (Max | Min, Some(t)) => {
                let share = share_of_winner(g, a, y, b);
                Some(g.mul(share, t))
            }
            (And | Or | Xor | Shl | Shr, Some(_)) => None,
        };
        let of_b = match (self, tb) {
            (_, None) => None,
            (Add, Some(t)) => Some(t),
            (Sub, Some(t)) => Some(g.unary(Unary::Neg, t)),
            (Mul, Some(t)) => Some(g.mul(a, t)),
            (Div, Some(t)) => {
                let slope = g.div(y, b);
                let slope = g.unary(Unary::Neg, slope);
                Some(g.mul(slope, t))
            }
            (Rem, Some(t)) => {
                let quotient = g.div(a, b);
                let whole = g.unary(Unary::Trunc, quotient);
                let slope = g.unary(Unary::Neg, whole);
                Some(g.mul(slope, t))
            }
            (Pow, Some(t)) => {
                // a^b·ln a, and 0 where the power is 0, whatever the logarithm is there, and by convention for 0⁰.
                let (zero, one) = (g.constant_like(0.0, a), g.constant_like(1.0, a));
                let vanished = g.compare(Compare::Eq, y, zero);
                let of_nothing = g.compare(Compare::Eq, a, zero);
                let no_power = g.compare(Compare::Eq, b, zero);
                let nothing = g.binary(And, of_nothing, no_power);
                let flat = g.binary(Or, vanished, nothing);
                let base = g.select(flat, one, a);
                let log = g.unary(Unary::Log, base);
                let slope = g.mul(log, y);
                Some(g.mul(slope, t))
            }
            (Atan2, Some(t)) => {
                let (towards_a, _, inverse) = direction(g, a, b);
                let slope = g.mul(towards_a, inverse);
                let slope = g.unary(Unary::Neg, slope);
                Some(g.mul(slope, t))
            }
            (Hypot, Some(t)) => {
                let slope = slope_of_length(g, b, a, y);
                Some(g.mul(slope, t))
            }
            (LogAddExp, Some(t)) => {
                let slope = share_of_sum(g, b, a);
                Some(g.mul(slope, t))
            }
            (Max | Min, Some(t)) => {
                let share = share_of_winner(g, b, y, a);
                Some(g.mul(share, t))
            }
            (And | Or | Xor | Shl | Shr, Some(_)) => None,
        };
        match (of_a, of_b) {
            (Some(p), Some(q)) => Some(g.add_nodes(p, q)),
            (p, q) => p.or(q),
        }
    }

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        let ct = cx.cotangent();
        match (self, cx.linear) {
            (Binary::Add | Binary::Sub, &[left, right]) => {
                if left {
                    cx.give(0, ct);
                }
                if right {
                    let ct = match self {
                        Binary::Sub => cx.graph.unary(Unary::Neg, ct),
                        _ => ct,
                    };
                    cx.give(1, ct);
                }
                return Linearity::Jointly;
            }
            (Binary::Mul, &[true, false]) => {
                let ct = cx.graph.mul(ct, cx.operands[1]);
                cx.give(0, ct);
            }
            (Binary::Mul, &[false, true]) => {
                let ct = cx.graph.mul(cx.operands[0], ct);
                cx.give(1, ct);
            }
            (Binary::Div, &[true, false]) => {
                let ct = cx.graph.div(ct, cx.operands[1]);
                cx.give(0, ct);
            }
            _ => return Linearity::Nonlinear,
        }
        Linearity::Linear
    }

    fn push(&self, cx: Push<'_>) -> Block {
        use Pushed::{Active, Zero};
        let (left, right) = (cx.is_fixed(0), cx.is_fixed(1));
        let keeps_zeros = match self {
            Binary::Add | Binary::Sub => !left && !right,
            Binary::Mul => left != right,
            Binary::Div => !left && right,
            _ => false,
        };
        if !keeps_zeros {
            return cx.block_by_rows(|batch| self.batch(batch));
        }
        match (self, cx.operands.as_slice()) {
            (Binary::Add | Binary::Sub, [Active(x), Zero(_)])
            | (Binary::Add, [Zero(_), Active(x)]) => x.clone(),
            (Binary::Sub, [Zero(_), Active(x)]) => Block {
                tensor: cx.graph.unary(Unary::Neg, x.tensor),
                ..x.clone()
            },
            _ => cx.elementwise(Op::Binary(*self)),
        }
    }

    fn batch(&self, cx: &mut Batch<'_>) -> ValueId {
        let operands = cx.all_with_axis();
        cx.graph.emit(Op::Binary(*self), &operands)
    }

    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        Cost::new(self.work(), result.elements(), operands, result)
    }
}

/// `b·a^(b-1)`, and 0 where `b` is 0 even if `1/a` is no number: `a⁰` is 1 for every `a`.
fn slope_of_base(g: &mut Graph, a: ValueId, b: ValueId) -> ValueId {
    let (zero, one) = (g.constant_like(0.0, b), g.constant_like(1.0, b));
    // Only where the quotient is no number: elsewhere the slope moves with `b`.
    let inverse = g.div(one, a);
    let finite = g.unary(Unary::IsFinite, inverse);
    let no_number = g.unary(Unary::Not, finite);
    let no_power = g.compare(Compare::Eq, b, zero);
    let flat = g.binary(Binary::And, no_power, no_number);
    let base = g.select(flat, one, a);
    let lower = g.sub(b, one);
    let power = g.binary(Binary::Pow, base, lower);
    // Of an infinite exponent the power is 0 or infinite; a finite one as a factor leaves either as it is.
    let held = within(g, b, float_type(g, b).largest());
    let slope = g.mul(held, power);
    g.select(flat, zero, slope)
}

/// The unit vector in the direction of `(a, b)`, and one by its length, right over the whole range: a point far out or near the pole is first brought to where
/// neither its length nor what is divided by it overflows or loses digits. An infinite coordinate is farther out than every finite one.
fn direction(g: &mut Graph, a: ValueId, b: ValueId) -> (ValueId, ValueId, ValueId) {
    let n = match float_type(g, a) {
        FloatType::F32 => 30,
        FloatType::F64 => 300,
    };
    let length = g.binary(Binary::Hypot, a, b);
    let number = |g: &mut Graph, n: i32| g.constant_like(2f64.powi(n), a);
    let (outer, inner) = (number(g, n), number(g, -n));
    let (down, up, as_it_is) = (number(g, -2 * n), number(g, 2 * n), number(g, 0));
    let (far, near) = (
        g.compare(Compare::Gt, length, outer),
        g.compare(Compare::Lt, length, inner),
    );
    let factor = g.select(near, up, as_it_is);
    let factor = g.select(far, down, factor);
    // No finite number is so large after it.
    let farthest = 2f64.powi(3 * n);
    let (a, b) = (g.mul(a, factor), g.mul(b, factor));
    let (a, b) = (within(g, a, farthest), within(g, b, farthest));
    let length = g.binary(Binary::Hypot, a, b);
    (g.div(a, length), g.div(b, length), g.div(factor, length))
}

/// The type of `x`, an operand of a function that only floating-point numbers have.
fn float_type(g: &Graph, x: ValueId) -> FloatType {
    let dtype = g.ty(x).dtype;
    dtype.float().expect("the type rule refuses other types")
}

/// `x` brought into `-limit..=limit`.
pub(super) fn within(g: &mut Graph, x: ValueId, limit: f64) -> ValueId {
    let (low, high) = (g.constant_like(-limit, x), g.constant_like(limit, x));
    let x = g.binary(Binary::Max, x, low);
    g.binary(Binary::Min, x, high)
}

/// The slope of the length `y` of `(a, b)` by `a`, and 0 at the pole.
fn slope_of_length(g: &mut Graph, a: ValueId, b: ValueId, y: ValueId) -> ValueId {
    let (zero, one) = (g.constant_like(0.0, y), g.constant_like(1.0, y));
    let pole = g.compare(Compare::Eq, y, zero);
    let b = g.select(pole, one, b);
    let (towards_a, _, _) = direction(g, a, b);
    g.select(pole, zero, towards_a)
}

/// The slope of `ln(eᵃ + eᵇ)` by `a`: `σ(a - b)`. Of equal infinities each has half.
fn share_of_sum(g: &mut Graph, a: ValueId, b: ValueId) -> ValueId {
    let equal = g.compare(Compare::Eq, a, b);
    let finite = g.unary(Unary::IsFinite, a);
    let infinite = g.unary(Unary::Not, finite);
    let no_difference = g.binary(Binary::And, equal, infinite);
    let zero = g.constant_like(0.0, a);
    let difference = g.sub(a, b);
    let difference = g.select(no_difference, zero, difference);
    g.unary(Unary::Sigmoid, difference)
}

/// 1 where `mine` is the winner `y`, 1/2 where the `other` is as well, else 0.
fn share_of_winner(g: &mut Graph, mine: ValueId, y: ValueId, other: ValueId) -> ValueId {
    let (zero, half, one) = (
        g.constant_like(0.0, y),
        g.constant_like(0.5, y),
        g.constant_like(1.0, y),
    );
    let wins = g.compare(Compare::Eq, mine, y);
    let tie = g.compare(Compare::Eq, mine, other);
    let won = g.select(tie, half, one);
    g.select(wins, won, zero)
}

/// An elementwise comparison; with NaN all but `Ne` are false.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Compare {
    /// `a = b`
    Eq,
    /// `a ≠ b`
    Ne,
    /// `a < b`
    Lt,
    /// `a ≤ b`
    Le,
    /// `a > b`
    Gt,
    /// `a ≥ b`
    Ge,
}

impl Compare {
    /// All comparisons.
    pub const ALL: [Compare; 6] = [
        Compare::Eq,
        Compare::Ne,
        Compare::Lt,
        Compare::Le,
        Compare::Gt,
        Compare::Ge,
    ];

    pub(super) fn from_text(name: &str) -> Option<Result<Op>> {
        let found = Compare::ALL.into_iter().find(|c| c.name() == name)?;
        Some(Ok(Op::Compare(found)))
    }
}

impl SingleResult for Compare {
    fn name(&self) -> &'static str {
        match self {
            Compare::Eq => "eq",
            Compare::Ne => "ne",
            Compare::Lt => "lt",
            Compare::Le => "le",
            Compare::Gt => "gt",
            Compare::Ge => "ge",
        }
    }

    fn result(&self, operands: &[&Type]) -> Result<Type> {
        arity(self.name(), operands, 2)?;
        Ok(equal_types(self.name(), operands)?.with_dtype(DType::Bool))
    }

    fn jvp(&self, _cx: &mut Jvp<'_>) -> Option<ValueId> {
        None
    }

    fn transpose(&self, _cx: &mut Transpose<'_>) -> Linearity {
        Linearity::Nonlinear
    }

    fn batch(&self, cx: &mut Batch<'_>) -> ValueId {
        let operands = cx.all_with_axis();
        cx.graph.emit(Op::Compare(*self), &operands)
    }

    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        Cost::new(Work::Arithmetic, result.elements(), operands, result)
    }
}
