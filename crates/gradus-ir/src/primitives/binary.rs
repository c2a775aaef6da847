//! Elementwise functions of two operands of one type, and comparisons.
//! Each function is a row of `Binary::row`: its name, its work, its value and its slopes.

use super::functions::{Slope, Value, functions, taken};
use super::{
    Batch, Cost, Jvp, Linearity, Op, Push, Pushed, SingleResult, Transpose, Work, arity,
    equal_types,
};
use crate::block::Block;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, ValueId};
use crate::listed::listed;
use crate::primitives::Unary;
use crate::types::{DType, FloatType, IntegerType, Kind, Type};
use std::cmp::Ordering;

functions! {
    /// An elementwise function of two operands.
    pub enum Binary;
    /// A function of two operands, with the element types that have it.
    pub enum BinaryOn { FloatBinary, IntegerBinary, BoolBinary }
    numbers {
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
    }
    floats {
        /// `aᵇ`; `a⁰ = 1`. Derivatives at `a = 0` and `b = 0` are one-sided, from the side that exists.
        Pow,
        /// The angle of the point `(b, a)`, in radians from -π to π.
        Atan2,
        /// `√(a² + b²)` without intermediate overflow; infinite if one is infinite.
        /// Its derivatives at (0, 0) are 0.
        Hypot,
        /// `ln(eᵃ + eᵇ)` without overflow.
        LogAddExp,
    }
    integers {
        /// Shift to the left by `b` bits; 0 once all bits are shifted out.
        Shl,
        /// Shift to the right by `b` bits, keeping the sign of signed integers.
        Shr,
    }
    integers_and_truth_values {
        /// Logical or bitwise and.
        And,
        /// Logical or bitwise or.
        Or,
        /// Logical or bitwise exclusive or.
        Xor,
    }
    all_elements {
        /// The larger; NaN if one is NaN. A tie gives half of the derivative to each.
        Max,
        /// The smaller; NaN if one is NaN. A tie gives half of the derivative to each.
        Min,
    }
}

/// The row of one function.
pub(crate) struct Row {
    name: &'static str,
    work: Work,
    /// The value, if every implementation computes the same bits.
    pub value: BinaryValue,
    slopes: Rule,
}

type BinaryValue = Value<fn(f64, f64) -> f64, fn(i64, i64) -> i64, fn(bool, bool) -> bool>;

/// The rule for a function's slopes.
enum Rule {
    /// The slopes are 0 wherever they exist.
    Flat,
    /// The slopes by the first and by the second operand.
    By(SlopeRule, SlopeRule),
}

/// Computes a slope from the operands and the result.
type SlopeRule = fn(&mut Graph, ValueId, ValueId, ValueId) -> Slope;

impl Binary {
    /// The table of functions. In slopes `a` and `b` are the operands and `y` is the result.
    // Inlined, so that a caller reads one column without making the row: every node that is made asks for its name.
    #[inline(always)]
    #[rustfmt::skip]
    pub(crate) fn row(self) -> Row {
        use Rule::{By, Flat};
        use Slope::{MinusOne, One, Over, Times};
        use Work::{Arithmetic, Transcendental};
        let row = |name, work, value, slopes| Row { name, work, value, slopes };
        const BY_KERNELS: BinaryValue = Value::BY_KERNELS;
        match self {
            Binary::Add => row("add", Arithmetic, Value::numbers(|a, b| a + b, i64::wrapping_add), By(
                |_, _, _, _| One,
                |_, _, _, _| One,
            )),
            Binary::Sub => row("sub", Arithmetic, Value::numbers(|a, b| a - b, i64::wrapping_sub), By(
                |_, _, _, _| One,
                |_, _, _, _| MinusOne,
            )),
            Binary::Mul => row("mul", Arithmetic, Value::numbers(|a, b| a * b, i64::wrapping_mul), By(
                |_, _, b, _| Times(b),
                |_, a, _, _| Times(a),
            )),
            Binary::Div => row("div", Arithmetic, Value::numbers(|a, b| a / b, divide), By(
                |_, _, b, _| Over(b),
                |g, _, b, y| {
                    let slope = g.div(y, b);
                    Times(g.unary(Unary::Neg, slope))
                },
            )),
            Binary::Rem => row("rem", Transcendental, Value::numbers(|a, b| a % b, remainder), By(
                |_, _, _, _| One,
                |g, a, b, _| {
                    let quotient = g.div(a, b);
                    let whole = g.unary(Unary::Trunc, quotient);
                    Times(g.unary(Unary::Neg, whole))
                },
            )),
            Binary::Pow => row("pow", Transcendental, BY_KERNELS, By(
                |g, a, b, _| Times(slope_of_base(g, a, b)),
                |g, a, b, y| Times(slope_of_exponent(g, a, b, y)),
            )),
            Binary::Atan2 => row("atan2", Transcendental, BY_KERNELS, By(
                |g, a, b, _| {
                    let (_, towards_b, inverse) = direction(g, a, b);
                    Times(g.mul(towards_b, inverse))
                },
                |g, a, b, _| {
                    let (towards_a, _, inverse) = direction(g, a, b);
                    let slope = g.mul(towards_a, inverse);
                    Times(g.unary(Unary::Neg, slope))
                },
            )),
            Binary::Hypot => row("hypot", Transcendental, BY_KERNELS, By(
                |g, a, b, y| Times(slope_of_length(g, a, b, y)),
                |g, a, b, y| Times(slope_of_length(g, b, a, y)),
            )),
            Binary::LogAddExp => row("log_add_exp", Transcendental, BY_KERNELS, By(
                |g, a, b, _| Times(share_of_sum(g, a, b)),
                |g, a, b, _| Times(share_of_sum(g, b, a)),
            )),
            // The width of the type says which bits a shift loses.
            Binary::Shl => row("shl", Arithmetic, BY_KERNELS, Flat),
            Binary::Shr => row("shr", Arithmetic, BY_KERNELS, Flat),
            Binary::And => row("and", Arithmetic, Value::integers_and_truth_values(|a, b| a & b, |a, b| a & b), Flat),
            Binary::Or => row("or", Arithmetic, Value::integers_and_truth_values(|a, b| a | b, |a, b| a | b), Flat),
            Binary::Xor => row("xor", Arithmetic, Value::integers_and_truth_values(|a, b| a ^ b, |a, b| a ^ b), Flat),
            Binary::Max => row("max", Arithmetic, Value::all(larger, i64::max, |a, b| a | b), By(
                |g, a, b, y| Times(share_of_winner(g, a, y, b)),
                |g, a, b, y| Times(share_of_winner(g, b, y, a)),
            )),
            Binary::Min => row("min", Arithmetic, Value::all(smaller, i64::min, |a, b| a & b), By(
                |g, a, b, y| Times(share_of_winner(g, a, y, b)),
                |g, a, b, y| Times(share_of_winner(g, b, y, a)),
            )),
        }
    }

    /// The kind of work per element.
    pub fn work(self) -> Work {
        self.row().work
    }

    pub(super) fn from_text(name: &str) -> Option<Result<Op>> {
        let found = Binary::ALL.into_iter().find(|b| b.name() == name)?;
        Some(Ok(Op::Binary(found)))
    }

    /// Whether exchanging the operands changes nothing.
    pub fn is_commutative(self) -> bool {
        use Binary::*;
        match self {
            Add | Mul | Hypot | LogAddExp | Max | Min | And | Or | Xor => true,
            Sub | Div | Rem | Pow | Atan2 | Shl | Shr => false,
        }
    }
}

impl SingleResult for Binary {
    fn name(&self) -> &'static str {
        self.row().name
    }

    fn result(&self, operands: &[&Type]) -> Result<Type> {
        arity(self.name(), operands, 2)?;
        let ty = equal_types(self.name(), operands)?;
        if self.on(ty.dtype).is_some() {
            return Ok(ty);
        }
        let wanted = taken([DType::F64, DType::I64, DType::Bool].map(|d| self.on(d).is_some()));
        Err(Error::new(
            ErrorKind::DType,
            format!(
                "{}: takes {wanted}, got {ty}; convert it first with `astype`",
                self.name()
            ),
        ))
    }

    fn jvp(&self, cx: &mut Jvp<'_>) -> Option<ValueId> {
        let (a, b, y) = (cx.operands[0], cx.operands[1], cx.result());
        let (ta, tb) = (cx.tangents[0], cx.tangents[1]);
        let g = &mut *cx.graph;
        if let (Binary::Sub, Some(ta), Some(tb)) = (self, ta, tb) {
            return Some(g.sub(ta, tb));
        }
        let Rule::By(by_a, by_b) = self.row().slopes else {
            return None;
        };
        let of_a = ta.and_then(|t| by_a(g, a, b, y).apply(g, t));
        let of_b = tb.and_then(|t| by_b(g, a, b, y).apply(g, t));
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

/// Integer division; all bits are set if there is no quotient.
fn divide(a: i64, b: i64) -> i64 {
    if b == 0 { -1 } else { a.wrapping_div(b) }
}

/// The remainder of [`divide`].
fn remainder(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { a.wrapping_rem(b) }
}

/// The larger; NaN if one is NaN.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

/// The smaller; NaN if one is NaN.
fn smaller(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.min(b)
    }
}

/// `b·a^(b-1)`, and 0 where `b` is 0, even if `1/a` is infinite or NaN: `a⁰` is 1 for every `a`.
fn slope_of_base(g: &mut Graph, a: ValueId, b: ValueId) -> ValueId {
    let (zero, one) = (g.constant_like(0.0, b), g.constant_like(1.0, b));
    // Only where the quotient is infinite or NaN: elsewhere the slope changes with `b`.
    let inverse = g.div(one, a);
    let finite = g.unary(Unary::IsFinite, inverse);
    let no_number = g.unary(Unary::Not, finite);
    let no_power = g.compare(Compare::Eq, b, zero);
    let flat = g.binary(Binary::And, no_power, no_number);
    let base = g.select(flat, one, a);
    let lower = g.sub(b, one);
    let power = g.binary(Binary::Pow, base, lower);
    // For an infinite exponent the power is 0 or infinite, and a finite factor does not change that.
    let held = within(g, b, float_type(g, b).largest());
    let slope = g.mul(held, power);
    g.select(flat, zero, slope)
}

/// `aᵇ·ln a`, and 0 where the power is 0, whatever the logarithm is there. By convention also 0 for 0⁰.
fn slope_of_exponent(g: &mut Graph, a: ValueId, b: ValueId, y: ValueId) -> ValueId {
    let (zero, one) = (g.constant_like(0.0, a), g.constant_like(1.0, a));
    let vanished = g.compare(Compare::Eq, y, zero);
    let of_nothing = g.compare(Compare::Eq, a, zero);
    let no_power = g.compare(Compare::Eq, b, zero);
    let nothing = g.binary(Binary::And, of_nothing, no_power);
    let flat = g.binary(Binary::Or, vanished, nothing);
    let base = g.select(flat, one, a);
    let log = g.unary(Unary::Log, base);
    g.mul(log, y)
}

/// The unit vector in the direction of `(a, b)`, and one over its length, accurate over the whole range.
/// A point far out or near the origin is first scaled to where neither its length
/// nor the divisions by it overflow or lose digits. An infinite coordinate is farther out than every finite one.
fn direction(g: &mut Graph, a: ValueId, b: ValueId) -> (ValueId, ValueId, ValueId) {
    // A power of two; its fourth power is in the type's range too.
    let n = match float_type(g, a).largest() < 2f64.powi(128) {
        true => 30,
        false => 300,
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
    // Every finite number is smaller after the scaling.
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

/// `x` clipped to `-limit..=limit`.
pub(super) fn within(g: &mut Graph, x: ValueId, limit: f64) -> ValueId {
    let (low, high) = (g.constant_like(-limit, x), g.constant_like(limit, x));
    let x = g.binary(Binary::Max, x, low);
    g.binary(Binary::Min, x, high)
}

/// The slope of the length `y` of `(a, b)` by `a`, and 0 at the origin.
fn slope_of_length(g: &mut Graph, a: ValueId, b: ValueId, y: ValueId) -> ValueId {
    let (zero, one) = (g.constant_like(0.0, y), g.constant_like(1.0, y));
    let pole = g.compare(Compare::Eq, y, zero);
    let b = g.select(pole, one, b);
    let (towards_a, _, _) = direction(g, a, b);
    g.select(pole, zero, towards_a)
}

/// The slope of `ln(eᵃ + eᵇ)` by `a`: `σ(a - b)`. Equal infinities have a half each.
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

/// 1 where `mine` is the extreme `y`, 1/2 where the `other` is as well, else 0.
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

listed! {
    /// An elementwise comparison. With NaN all except `Ne` are false.
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
}

impl Compare {
    /// The table of comparisons: the name, and the value by the order of the operands (`None` with a NaN).
    fn row(self) -> (&'static str, fn(Option<Ordering>) -> bool) {
        use Ordering::{Equal, Greater, Less};
        match self {
            Compare::Eq => ("eq", |order| order == Some(Equal)),
            Compare::Ne => ("ne", |order| order != Some(Equal)),
            Compare::Lt => ("lt", |order| order == Some(Less)),
            Compare::Le => ("le", |order| matches!(order, Some(Less | Equal))),
            Compare::Gt => ("gt", |order| order == Some(Greater)),
            Compare::Ge => ("ge", |order| matches!(order, Some(Greater | Equal))),
        }
    }

    /// Whether it is true for operands in this order.
    pub(crate) fn holds(self, order: Option<Ordering>) -> bool {
        self.row().1(order)
    }

    pub(super) fn from_text(name: &str) -> Option<Result<Op>> {
        let found = Compare::ALL.into_iter().find(|c| c.name() == name)?;
        Some(Ok(Op::Compare(found)))
    }
}

impl SingleResult for Compare {
    fn name(&self) -> &'static str {
        self.row().0
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
