//! Elementwise functions of one operand.
//! Each is a row of `Unary::row`: its name, its work, its value and its slope.

use super::binary::within;
use super::functions::{Slope, Value, functions, taken};
use super::{Batch, Binary, Cost, Jvp, Linearity, Op, Push, SingleResult, Transpose, Work, arity};
use crate::attributes::Attributes;
use crate::block::Block;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, ValueId};
use crate::listed::listed;
use crate::types::{DType, FloatType, IntegerType, Kind, NumberType, Type};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LN_2, LOG2_E, LOG10_E, PI};

functions! {
    /// An elementwise function of one operand.
    pub enum Unary;
    /// A function of one operand, with the element types that have it.
    pub enum UnaryOn { FloatUnary, IntegerUnary, BoolUnary }
    numbers {
        /// `-x`
        Neg,
        /// `|x|`; derivative at 0 is 0.
        Abs,
        /// -1, 0 or 1; `sign(0) = 0`.
        Sign,
    }
    floats {
        /// Square root; derivative at 0 is infinite.
        Sqrt,
        /// `1/√x`
        Rsqrt,
        /// Cube root.
        Cbrt,
        /// `eˣ`
        Exp,
        /// `2ˣ`
        Exp2,
        /// `eˣ - 1`, exact near 0.
        Expm1,
        /// Natural logarithm.
        Log,
        /// Logarithm to base 2.
        Log2,
        /// Logarithm to base 10.
        Log10,
        /// `ln(1 + x)`, exact near 0.
        Log1p,
        /// Sine of an angle in radians.
        Sin,
        /// Cosine of an angle in radians.
        Cos,
        /// Tangent of an angle in radians.
        Tan,
        /// Arc sine, in radians.
        Asin,
        /// Arc cosine, in radians.
        Acos,
        /// Arc tangent, in radians.
        Atan,
        /// Hyperbolic sine.
        Sinh,
        /// Hyperbolic cosine.
        Cosh,
        /// Hyperbolic tangent.
        Tanh,
        /// Inverse hyperbolic sine.
        Asinh,
        /// Inverse hyperbolic cosine.
        Acosh,
        /// Inverse hyperbolic tangent.
        Atanh,
        /// `1 / (1 + e⁻ˣ)`
        Sigmoid,
        /// `x / (1 + e⁻ˣ)`
        Silu,
        /// `x·Φ(x)` with the distribution function of the normal distribution, `Φ(x) = erfc(-x/√2)/2`.
        Gelu,
        /// `x/2·(1 + tanh(√(2/π)(x + 0.044715x³)))`
        GeluTanh,
        /// Error function `2/√π ∫₀ˣ exp(-t²) dt`.
        Erf,
        /// `1 - erf(x)`, exact for large x.
        Erfc,
        /// Inverse of the error function.
        ErfInv,
        /// Logarithm of the absolute value of the gamma function.
        Lgamma,
        /// Derivative of the logarithm of the gamma function.
        Digamma,
        /// The largest integer that is not above the operand.
        Floor,
        /// The smallest integer that is not below the operand.
        Ceil,
        /// Nearest integer, ties to even.
        Round,
        /// Integer part.
        Trunc,
        /// Whether a float is finite (neither infinite nor NaN).
        IsFinite,
    }
    integers {}
    integers_and_truth_values {
        /// Logical or bitwise complement.
        Not,
    }
    all_elements {
        /// The value itself, with derivative zero.
        StopGradient,
    }
    numbers_with {
        /// The power with a fixed integer exponent; `x⁰ = 1`.
        PowI(i32) such as 3,
    }
    floats_with {
        /// The derivative of digamma of this order, which is at least 1.
        Polygamma(u32) such as 2,
    }
}

/// The row of one function.
pub(crate) struct Row {
    name: &'static str,
    work: Work,
    /// The value, if every implementation computes the same bits.
    pub value: UnaryValue,
    slope: Rule,
}

type UnaryValue = Value<fn(f64) -> f64, fn(i64) -> i64, fn(bool) -> bool>;

/// The rule for a function's slope.
enum Rule {
    /// The slope is 0 wherever it exists.
    Flat,
    /// Computes the slope from the operand and the result.
    Of(fn(&mut Graph, ValueId, ValueId) -> Slope),
    /// The slope of the power with this exponent.
    Power(i32),
    /// That of the derivative of digamma of this order.
    Polygamma(u32),
}

impl Unary {
    /// The greatest order of [`Polygamma`](Unary::Polygamma).
    pub const MOST_ORDER: u32 = 1000;

    /// The table of functions. In slopes `x` is the operand and `y` the result.
    // Inlined, so that a caller reads one column without making the row: every node that is made asks for its name.
    #[inline(always)]
    #[rustfmt::skip]
    pub(crate) fn row(self) -> Row {
        use Rule::{Flat, Of, Polygamma, Power};
        use Slope::{MinusOne, Over, Times};
        use Work::{Arithmetic, Transcendental, View};
        let row = |name, work, value, slope| Row { name, work, value, slope };
        const BY_KERNELS: UnaryValue = Value::BY_KERNELS;
        match self {
            Unary::Neg => row("neg", Arithmetic, Value::numbers(|x| -x, i64::wrapping_neg), Of(|_, _, _| MinusOne)),
            Unary::Abs => row("abs", Arithmetic, Value::numbers(f64::abs, i64::wrapping_abs), Of(|g, x, _| Times(g.unary(Unary::Sign, x)))),
            Unary::Sign => row("sign", Arithmetic, Value::numbers(sign, i64::signum), Flat),
            Unary::Sqrt => row("sqrt", Arithmetic, Value::floats(f64::sqrt), Of(|g, _, y| Over(g.scale(y, 2.0)))),
            Unary::Rsqrt => row("rsqrt", Arithmetic, BY_KERNELS, Of(|g, x, y| {
                // -y³/2 would overflow for smaller operands than this quotient.
                let quotient = g.div(y, x);
                Times(g.scale(quotient, -0.5))
            })),
            Unary::Cbrt => row("cbrt", Transcendental, BY_KERNELS, Of(|g, _, y| {
                let square = g.mul(y, y);
                Over(g.scale(square, 3.0))
            })),
            Unary::Exp => row("exp", Transcendental, BY_KERNELS, Of(|_, _, y| Times(y))),
            Unary::Exp2 => row("exp2", Transcendental, BY_KERNELS, Of(|g, _, y| Times(g.scale(y, LN_2)))),
            // y + 1 loses all digits where x is far below 0.
            Unary::Expm1 => row("expm1", Transcendental, BY_KERNELS, Of(|g, x, _| Times(g.unary(Unary::Exp, x)))),
            Unary::Log => row("log", Transcendental, BY_KERNELS, Of(|_, x, _| Over(x))),
            // x·ln 2 and x·ln 10 would overflow before the slope vanishes.
            Unary::Log2 => row("log2", Transcendental, BY_KERNELS, Of(|g, x, _| Times(quotient(g, LOG2_E, x)))),
            Unary::Log10 => row("log10", Transcendental, BY_KERNELS, Of(|g, x, _| Times(quotient(g, LOG10_E, x)))),
            Unary::Log1p => row("log1p", Transcendental, BY_KERNELS, Of(|g, x, _| {
                let one = g.constant_like(1.0, x);
                Over(g.add_nodes(x, one))
            })),
            Unary::Sin => row("sin", Transcendental, BY_KERNELS, Of(|g, x, _| Times(g.unary(Unary::Cos, x)))),
            Unary::Cos => row("cos", Transcendental, BY_KERNELS, Of(|g, x, _| {
                let sin = g.unary(Unary::Sin, x);
                Times(g.unary(Unary::Neg, sin))
            })),
            Unary::Tan => row("tan", Transcendental, BY_KERNELS, Of(|g, _, y| {
                let one = g.constant_like(1.0, y);
                let square = g.mul(y, y);
                Times(g.add_nodes(one, square))
            })),
            Unary::Asin => row("asin", Transcendental, BY_KERNELS, Of(|g, x, _| Times(slope_of_arc(g, x)))),
            Unary::Acos => row("acos", Transcendental, BY_KERNELS, Of(|g, x, _| {
                let slope = slope_of_arc(g, x);
                Times(g.unary(Unary::Neg, slope))
            })),
            Unary::Atan => row("atan", Transcendental, BY_KERNELS, Of(|g, x, _| {
                // 1/(1 + x²), whose square would overflow before the slope vanishes.
                let one = g.constant_like(1.0, x);
                let length = g.binary(Binary::Hypot, x, one);
                let inverse = g.div(one, length);
                Times(g.mul(inverse, inverse))
            })),
            Unary::Sinh => row("sinh", Transcendental, BY_KERNELS, Of(|g, x, _| Times(g.unary(Unary::Cosh, x)))),
            Unary::Cosh => row("cosh", Transcendental, BY_KERNELS, Of(|g, x, _| Times(g.unary(Unary::Sinh, x)))),
            Unary::Tanh => row("tanh", Transcendental, BY_KERNELS, Of(|g, _, y| Times(one_minus_square(g, y)))),
            Unary::Asinh => row("asinh", Transcendental, BY_KERNELS, Of(|g, x, _| {
                // √(x² + 1), without overflow of the square.
                let one = g.constant_like(1.0, x);
                Over(g.binary(Binary::Hypot, x, one))
            })),
            Unary::Acosh => row("acosh", Transcendental, BY_KERNELS, Of(|g, x, _| {
                let one = g.constant_like(1.0, x);
                let (low, high) = (g.sub(x, one), g.add_nodes(x, one));
                // Two roots, because the product of their operands would overflow.
                let (low, high) = (g.unary(Unary::Rsqrt, low), g.unary(Unary::Rsqrt, high));
                Times(g.mul(low, high))
            })),
            Unary::Atanh => row("atanh", Transcendental, BY_KERNELS, Of(|g, x, _| Over(one_minus_square(g, x)))),
            Unary::Sigmoid => row("sigmoid", Transcendental, BY_KERNELS, Of(|g, _, y| {
                let one = g.constant_like(1.0, y);
                let rest = g.sub(one, y);
                Times(g.mul(y, rest))
            })),
            Unary::Silu => row("silu", Transcendental, BY_KERNELS, Of(slope_of_silu)),
            Unary::Gelu => row("gelu", Transcendental, BY_KERNELS, Of(slope_of_gelu)),
            Unary::GeluTanh => row("gelu_tanh", Transcendental, BY_KERNELS, Of(slope_of_gelu_tanh)),
            Unary::Erf => row("erf", Transcendental, BY_KERNELS, Of(|g, x, _| Times(bell(g, x, FRAC_2_SQRT_PI)))),
            Unary::Erfc => row("erfc", Transcendental, BY_KERNELS, Of(|g, x, _| Times(bell(g, x, -FRAC_2_SQRT_PI)))),
            Unary::ErfInv => row("erf_inv", Transcendental, BY_KERNELS, Of(|g, _, y| {
                let square = g.mul(y, y);
                let bell = g.unary(Unary::Exp, square);
                Times(g.scale(bell, PI.sqrt() / 2.0))
            })),
            Unary::Lgamma => row("lgamma", Transcendental, BY_KERNELS, Of(|g, x, _| Times(g.unary(Unary::Digamma, x)))),
            Unary::Digamma => row("digamma", Transcendental, BY_KERNELS, Of(|g, x, _| Times(g.unary(Unary::Polygamma(1), x)))),
            Unary::Floor => row("floor", Arithmetic, Value::floats(f64::floor), Flat),
            Unary::Ceil => row("ceil", Arithmetic, Value::floats(f64::ceil), Flat),
            Unary::Round => row("round", Arithmetic, Value::floats(f64::round_ties_even), Flat),
            Unary::Trunc => row("trunc", Arithmetic, Value::floats(f64::trunc), Flat),
            Unary::IsFinite => row("is_finite", Arithmetic, Value::floats(|x| f64::from(x.is_finite())), Flat),
            Unary::Not => row("not", Arithmetic, Value::integers_and_truth_values(|x| !x, |x| !x), Flat),
            Unary::StopGradient => row("stop_gradient", View, BY_KERNELS, Flat),
            Unary::PowI(n) => row("powi", Arithmetic, BY_KERNELS, Power(n)),
            Unary::Polygamma(n) => row("polygamma", Transcendental, BY_KERNELS, Polygamma(n)),
        }
    }

    /// The kind of work per element.
    pub fn work(self) -> Work {
        self.row().work
    }

    /// The element type of the result for elements of type `dtype`.
    pub(crate) fn result_dtype(self, dtype: DType) -> DType {
        match self {
            Unary::IsFinite => DType::Bool,
            _ => dtype,
        }
    }

    pub(super) fn from_text(name: &str, attributes: &Attributes) -> Option<Result<Op>> {
        let found = Unary::ALL.into_iter().find(|u| u.name() == name)?;
        let out_of_range = |what: &str, n: i64| {
            let message = format!("{name}: {what} {n} is out of range");
            Error::new(ErrorKind::Graph, message)
        };
        let made = match found {
            Unary::PowI(_) => attributes.get_int(name, "exponent").and_then(|n| {
                let exponent = i32::try_from(n).map_err(|_| out_of_range("exponent", n))?;
                Ok(Unary::PowI(exponent))
            }),
            Unary::Polygamma(_) => attributes.get_int(name, "order").and_then(|n| {
                let order = u32::try_from(n).map_err(|_| out_of_range("order", n))?;
                Ok(Unary::Polygamma(order))
            }),
            other => Ok(other),
        };
        Some(made.map(Op::Unary))
    }

    fn slope(self, g: &mut Graph, x: ValueId, y: ValueId) -> Slope {
        match self.row().slope {
            Rule::Flat => Slope::Zero,
            Rule::Of(slope) => slope(g, x, y),
            Rule::Power(n) => slope_of_power(g, n, x, y),
            Rule::Polygamma(n) => Slope::Times(g.unary(Unary::Polygamma(n.saturating_add(1)), x)),
        }
    }
}

/// -1, 0 or 1; a zero keeps its sign and NaN stays NaN.
fn sign(x: f64) -> f64 {
    if x == 0.0 || x.is_nan() {
        x
    } else {
        x.signum()
    }
}

/// `factor / x`
fn quotient(g: &mut Graph, factor: f64, x: ValueId) -> ValueId {
    let factor = g.constant_like(factor, x);
    g.div(factor, x)
}

/// `(1 - v)(1 + v)`, which keeps its digits near `|v| = 1` where `1 - v²` loses them.
fn one_minus_square(g: &mut Graph, v: ValueId) -> ValueId {
    let one = g.constant_like(1.0, v);
    let (low, high) = (g.sub(one, v), g.add_nodes(one, v));
    g.mul(low, high)
}

/// The slope of the arc sine, `1/√(1 - x²)`.
fn slope_of_arc(g: &mut Graph, x: ValueId) -> ValueId {
    let product = one_minus_square(g, x);
    g.unary(Unary::Rsqrt, product)
}

/// `factor · exp(-x²)`
fn bell(g: &mut Graph, x: ValueId, factor: f64) -> ValueId {
    let square = g.mul(x, x);
    let negative = g.unary(Unary::Neg, square);
    let bell = g.unary(Unary::Exp, negative);
    g.scale(bell, factor)
}

/// `y`, clipped where its factor is 0 anyway.
fn held(g: &mut Graph, y: ValueId) -> ValueId {
    let limit = g.constant_like(1e4, y);
    g.binary(Binary::Min, y, limit)
}

/// `σ(x) + x·σ(x)·(1 - σ(x))`.
/// A large `y` is clipped: the last factor is 0 there, and an infinite `y` would make NaN.
fn slope_of_silu(g: &mut Graph, x: ValueId, y: ValueId) -> Slope {
    let one = g.constant_like(1.0, x);
    let left = g.unary(Unary::Sigmoid, x);
    let right = g.sub(one, left);
    let held = held(g, y);
    let product = g.mul(held, right);
    Slope::Times(g.add_nodes(left, product))
}

/// `Φ(x) + x·φ(x)`; φ is 0 where `x` is clipped.
fn slope_of_gelu(g: &mut Graph, x: ValueId, _y: ValueId) -> Slope {
    let at = g.scale(x, -FRAC_1_SQRT_2);
    let tail = g.unary(Unary::Erfc, at);
    let below = g.scale(tail, 0.5);
    let near = within(g, x, 40.0);
    let square = g.mul(near, near);
    let exponent = g.scale(square, -0.5);
    let bell = g.unary(Unary::Exp, exponent);
    let product = g.mul(near, bell);
    let product = g.scale(product, 0.5 * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI);
    Slope::Times(g.add_nodes(below, product))
}

/// `y` is x·σ(w) for w = x(a + bx²), so y' = σ(w) + y·(1 - σ(w))·w';
/// 1 - σ(w) is 0 where `y` and `x` are clipped above.
fn slope_of_gelu_tanh(g: &mut Graph, x: ValueId, y: ValueId) -> Slope {
    // 2√(2/π)
    const LINEAR: f64 = FRAC_1_SQRT_2 * FRAC_2_SQRT_PI * 2.0;
    let (a, b) = (LINEAR, LINEAR * 0.044_715);
    let one = g.constant_like(1.0, x);
    let near = within(g, x, 40.0);
    let square = g.mul(near, near);
    let mut parabola = |b: f64| {
        let term = g.scale(square, b);
        let a = g.constant_like(a, x);
        g.add_nodes(term, a)
    };
    let (quotient, slope) = (parabola(b), parabola(3.0 * b));
    let w = g.mul(near, quotient);
    let left = g.unary(Unary::Sigmoid, w);
    let right = g.sub(one, left);
    let held = held(g, y);
    let product = g.mul(held, right);
    let product = g.mul(product, slope);
    Slope::Times(g.add_nodes(left, product))
}

/// `n·xⁿ⁻¹`
fn slope_of_power(g: &mut Graph, n: i32, x: ValueId, y: ValueId) -> Slope {
    if n == 0 {
        return Slope::Zero;
    }
    let lower = match n.checked_sub(1) {
        Some(lower) => g.unary(Unary::PowI(lower), x),
        // The lower exponent would overflow.
        None => g.div(y, x),
    };
    Slope::Times(g.scale(lower, f64::from(n)))
}

impl SingleResult for Unary {
    fn name(&self) -> &'static str {
        self.row().name
    }

    fn attributes(&self) -> Attributes {
        match self {
            Unary::PowI(n) => Attributes::default().int("exponent", i64::from(*n)),
            Unary::Polygamma(n) => Attributes::default().int("order", i64::from(*n)),
            _ => Attributes::default(),
        }
    }

    fn result(&self, operands: &[&Type]) -> Result<Type> {
        arity(self.name(), operands, 1)?;
        let x = operands[0];
        let wanted = match (self.on(x.dtype), self) {
            (Some(UnaryOn::PowI(..=-1, NumberType::Integer(_))), _) => {
                "floating-point numbers where the exponent is negative"
            }
            (Some(UnaryOn::Polygamma(n, _)), _) if !(1..=Unary::MOST_ORDER).contains(&n) => {
                let most = Unary::MOST_ORDER;
                let message = format!("polygamma: the order is from 1 to {most}, got {n}");
                return Err(Error::new(ErrorKind::Graph, message));
            }
            (Some(_), _) => return Ok(x.with_dtype(self.result_dtype(x.dtype))),
            (None, op) => taken([DType::F64, DType::I64, DType::Bool].map(|d| op.on(d).is_some())),
        };
        Err(Error::new(
            ErrorKind::DType,
            format!(
                "{}: takes {wanted}, got {x}; convert it first with `astype`",
                self.name()
            ),
        ))
    }

    fn jvp(&self, cx: &mut Jvp<'_>) -> Option<ValueId> {
        let t = cx.tangents[0]?;
        let slope = self.slope(cx.graph, cx.operands[0], cx.result());
        slope.apply(cx.graph, t)
    }

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        if *self != Unary::Neg {
            return Linearity::Nonlinear;
        }
        let ct = cx.graph.unary(Unary::Neg, cx.cotangent());
        cx.give(0, ct);
        Linearity::Linear
    }

    fn push(&self, cx: Push<'_>) -> Block {
        match self {
            Unary::Neg => cx.elementwise(Op::Unary(*self)),
            _ => cx.block_by_rows(|batch| self.batch(batch)),
        }
    }

    fn batch(&self, cx: &mut Batch<'_>) -> ValueId {
        cx.graph.emit(Op::Unary(*self), cx.operands)
    }

    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        let each = match self {
            Unary::StopGradient => 0,
            // Square and multiply: one product for each binary digit but the first, one for each further digit
            // that is set, and the inverse at the end.
            Unary::PowI(e) => {
                let size = e.unsigned_abs();
                let products =
                    size.checked_ilog2().unwrap_or(0) + size.count_ones().saturating_sub(1);
                products as usize + usize::from(*e < 0)
            }
            _ => 1,
        };
        let operations = result.elements().saturating_mul(each);
        Cost::new(self.work(), operations, operands, result)
    }
}
