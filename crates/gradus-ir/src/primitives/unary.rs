//! Elementwise functions of one operand: a row of the table is a function and its derivative.

use super::binary::within;
use super::{Batch, Binary, Cost, Jvp, Linearity, Op, Push, SingleResult, Transpose, Work, arity};
use crate::attributes::Attributes;
use crate::block::Block;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, ValueId};
use crate::types::{DType, Type};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LN_2, LOG2_E, LOG10_E, PI};

/// 2√(2/π)
const GELU_LINEAR: f64 = FRAC_1_SQRT_2 * FRAC_2_SQRT_PI * 2.0;

/// An elementwise function of one operand.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Unary {
    /// `-x`
    Neg,
    /// `|x|`; derivative at 0 is 0.
    Abs,
    /// -1, 0 or 1; `sign(0) = 0`.
    Sign,
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
    /// Largest integer not above.
    Floor,
    /// Smallest integer not below.
    Ceil,
    /// Nearest integer, ties to even.
    Round,
    /// Integer part.
    Trunc,
    /// Logical or bitwise complement.
    Not,
    /// Whether a float is neither infinite nor NaN.
    IsFinite,
    /// The value itself, with derivative zero.
    StopGradient,
    /// The power with a fixed integer exponent; `x⁰ = 1`.
    PowI(i32),
}

/// The derivative of a function, as what multiplies or divides the tangent.
enum Slope {
    Zero,
    Times(ValueId),
    Over(ValueId),
}

impl Unary {
    /// All functions, with an exponent of 3 for [`Unary::PowI`].
    pub const ALL: [Unary; 40] = [
        Unary::Neg,
        Unary::Abs,
        Unary::Sign,
        Unary::Sqrt,
        Unary::Rsqrt,
        Unary::Cbrt,
        Unary::Exp,
        Unary::Exp2,
        Unary::Expm1,
        Unary::Log,
        Unary::Log2,
        Unary::Log10,
        Unary::Log1p,
        Unary::Sin,
        Unary::Cos,
        Unary::Tan,
        Unary::Asin,
        Unary::Acos,
        Unary::Atan,
        Unary::Sinh,
        Unary::Cosh,
        Unary::Tanh,
        Unary::Asinh,
        Unary::Acosh,
        Unary::Atanh,
        Unary::Sigmoid,
        Unary::Silu,
        Unary::Gelu,
        Unary::GeluTanh,
        Unary::Erf,
        Unary::Erfc,
        Unary::ErfInv,
        Unary::Floor,
        Unary::Ceil,
        Unary::Round,
        Unary::Trunc,
        Unary::Not,
        Unary::IsFinite,
        Unary::StopGradient,
        Unary::PowI(3),
    ];

    /// The kind of work that an element is.
    pub fn work(self) -> Work {
        use Unary::*;
        match self {
            StopGradient => Work::View,
            Neg | Abs | Sign | Sqrt | Rsqrt | Floor | Ceil | Round | Trunc | Not | IsFinite
            | PowI(_) => Work::Arithmetic,
            _ => Work::Transcendental,
        }
    }

    pub(super) fn from_text(name: &str, attributes: &Attributes) -> Option<Result<Op>> {
        let found = Unary::ALL.into_iter().find(|u| u.name() == name)?;
        if !matches!(found, Unary::PowI(_)) {
            return Some(Ok(Op::Unary(found)));
        }
        Some(attributes.get_int(name, "exponent").and_then(|n| {
            let n = i32::try_from(n).map_err(|_| {
                Error::new(
                    ErrorKind::Graph,
                    format!("{name}: exponent {n} is out of range"),
                )
            })?;
            Ok(Op::Unary(Unary::PowI(n)))
        }))
    }

    /// Whether the derivative is zero wherever it exists.
    pub fn is_flat(self) -> bool {
        use Unary::*;
        matches!(
            self,
            Sign | Floor | Ceil | Round | Trunc | Not | IsFinite | StopGradient
        )
    }

    /// The table of derivatives: `x` is the operand, `y` the result.
    fn slope(self, g: &mut Graph, x: ValueId, y: ValueId) -> Slope {
        use Slope::{Over, Times, Zero};
        let one = g.constant_like(1.0, x);
        match self {
            Unary::Neg => Times(g.constant_like(-1.0, x)),
            Unary::Abs => Times(g.unary(Unary::Sign, x)),
            Unary::Sqrt => Over(g.scale(y, 2.0)),
            // -y³/2 would overflow earlier than this quotient does.
            Unary::Rsqrt => {
                let quotient = g.div(y, x);
                Times(g.scale(quotient, -0.5))
            }
            Unary::Cbrt => {
                let square = g.mul(y, y);
                Over(g.scale(square, 3.0))
            }
            Unary::Exp => Times(y),
            Unary::Exp2 => Times(g.scale(y, LN_2)),
            // y + 1 has no digits left where x is far below 0.
            Unary::Expm1 => Times(g.unary(Unary::Exp, x)),
            Unary::Log => Over(x),
            // x·ln 2 and x·ln 10 would overflow earlier than the slope vanishes.
            Unary::Log2 | Unary::Log10 => {
                let base = if self == Unary::Log2 { LOG2_E } else { LOG10_E };
                let factor = g.constant_like(base, x);
                Times(g.div(factor, x))
            }
            Unary::Log1p => Over(g.add_nodes(x, one)),
            Unary::Sin => Times(g.unary(Unary::Cos, x)),
            Unary::Cos => {
                let sin = g.unary(Unary::Sin, x);
                Times(g.unary(Unary::Neg, sin))
            }
            Unary::Tan => {
                let square = g.mul(y, y);
                Times(g.add_nodes(one, square))
            }
            Unary::Asin | Unary::Acos => {
                let product = one_minus_square(g, x);
                let root = g.unary(Unary::Rsqrt, product);
                Times(if self == Unary::Asin {
                    root
                } else {
                    g.unary(Unary::Neg, root)
                })
            }
            Unary::Atan => {
                // 1/(1 + x²), whose square would overflow earlier than the slope vanishes.
                let length = g.binary(Binary::Hypot, x, one);
                let inverse = g.div(one, length);
                Times(g.mul(inverse, inverse))
            }
            Unary::Sinh => Times(g.unary(Unary::Cosh, x)),
            Unary::Cosh => Times(g.unary(Unary::Sinh, x)),
            Unary::Tanh => Times(one_minus_square(g, y)),
            Unary::Asinh => {
                // √(x² + 1), without the overflow of the square.
                Over(g.binary(Binary::Hypot, x, one))
            }
            Unary::Acosh => {
                let (low, high) = (g.sub(x, one), g.add_nodes(x, one));
                // Two roots: their operands' product would overflow.
                let (low, high) = (g.unary(Unary::Rsqrt, low), g.unary(Unary::Rsqrt, high));
                Times(g.mul(low, high))
            }
            Unary::Atanh => Over(one_minus_square(g, x)),
            Unary::Sigmoid => {
                let rest = g.sub(one, y);
                Times(g.mul(y, rest))
            }
            Unary::Silu => {
                // σ(x) + x·σ(x)·(1 - σ(x)). A large y is held, as the last factor is 0 there and an infinite one would make NaN.
                let left = g.unary(Unary::Sigmoid, x);
                let right = g.sub(one, left);
                let held = held(g, y);
                let product = g.mul(held, right);
                Times(g.add_nodes(left, product))
            }
            Unary::Gelu => {
                // Φ(x) + x·φ(x); φ is 0 where x is held.
                let at = g.scale(x, -FRAC_1_SQRT_2);
                let tail = g.unary(Unary::Erfc, at);
                let below = g.scale(tail, 0.5);
                let near = within(g, x, 40.0);
                let square = g.mul(near, near);
                let exponent = g.scale(square, -0.5);
                let bell = g.unary(Unary::Exp, exponent);
                let product = g.mul(near, bell);
                let product = g.scale(product, 0.5 * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI);
                Times(g.add_nodes(below, product))
            }
            Unary::GeluTanh => {
                // y is x·σ(w) for w = x(a + bx²), so y' = σ(w) + y·(1 - σ(w))·w'; 1 - σ(w) is 0 where y and x are held above.
                let (a, b) = (GELU_LINEAR, GELU_LINEAR * 0.044_715);
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
                Times(g.add_nodes(left, product))
            }
            Unary::Erf | Unary::Erfc => {
                let square = g.mul(x, x);
                let negative = g.unary(Unary::Neg, square);
                let bell = g.unary(Unary::Exp, negative);
                let sign = if self == Unary::Erf { 1.0 } else { -1.0 };
                Times(g.scale(bell, sign * FRAC_2_SQRT_PI))
            }
            Unary::ErfInv => {
                let square = g.mul(y, y);
                let bell = g.unary(Unary::Exp, square);
                Times(g.scale(bell, PI.sqrt() / 2.0))
            }
            Unary::PowI(0) => Zero,
            // There is no lower exponent.
            Unary::PowI(i32::MIN) => {
                let quotient = g.div(y, x);
                Times(g.scale(quotient, f64::from(i32::MIN)))
            }
            Unary::PowI(n) => {
                let lower = match n.checked_sub(1) {
                    Some(lower) => g.unary(Unary::PowI(lower), x),
                    None => g.div(y, x),
                };
                Times(g.scale(lower, f64::from(n)))
            }
            Unary::Sign
            | Unary::Floor
            | Unary::Ceil
            | Unary::Round
            | Unary::Trunc
            | Unary::Not
            | Unary::IsFinite
            | Unary::StopGradient => Zero,
        }
    }
}

/// `(1 - v)(1 + v)`, which keeps its digits near `|v| = 1` where `1 - v²` loses them.
fn one_minus_square(g: &mut Graph, v: ValueId) -> ValueId {
    let one = g.constant_like(1.0, v);
    let (low, high) = (g.sub(one, v), g.add_nodes(one, v));
    g.mul(low, high)
}

/// `y` up to where it is a factor of 0 anyway.
fn held(g: &mut Graph, y: ValueId) -> ValueId {
    let limit = g.constant_like(1e4, y);
    g.binary(Binary::Min, y, limit)
}

impl SingleResult for Unary {
    fn name(&self) -> &'static str {
        match self {
            Unary::Neg => "neg",
            Unary::Abs => "abs",
            Unary::Sign => "sign",
            Unary::Sqrt => "sqrt",
            Unary::Rsqrt => "rsqrt",
            Unary::Cbrt => "cbrt",
            Unary::Exp => "exp",
            Unary::Exp2 => "exp2",
            Unary::Expm1 => "expm1",
            Unary::Log => "log",
            Unary::Log2 => "log2",
            Unary::Log10 => "log10",
            Unary::Log1p => "log1p",
            Unary::Sin => "sin",
            Unary::Cos => "cos",
            Unary::Tan => "tan",
            Unary::Asin => "asin",
            Unary::Acos => "acos",
            Unary::Atan => "atan",
            Unary::Sinh => "sinh",
            Unary::Cosh => "cosh",
            Unary::Tanh => "tanh",
            Unary::Asinh => "asinh",
            Unary::Acosh => "acosh",
            Unary::Atanh => "atanh",
            Unary::Sigmoid => "sigmoid",
            Unary::Silu => "silu",
            Unary::Gelu => "gelu",
            Unary::GeluTanh => "gelu_tanh",
            Unary::Erf => "erf",
            Unary::Erfc => "erfc",
            Unary::ErfInv => "erf_inv",
            Unary::Floor => "floor",
            Unary::Ceil => "ceil",
            Unary::Round => "round",
            Unary::Trunc => "trunc",
            Unary::Not => "not",
            Unary::IsFinite => "is_finite",
            Unary::StopGradient => "stop_gradient",
            Unary::PowI(_) => "powi",
        }
    }

    fn attributes(&self) -> Attributes {
        match self {
            Unary::PowI(n) => Attributes::default().int("exponent", i64::from(*n)),
            _ => Attributes::default(),
        }
    }

    fn result(&self, operands: &[&Type]) -> Result<Type> {
        arity(self.name(), operands, 1)?;
        let x = operands[0];
        let (fits, wanted) = match self {
            Unary::Neg | Unary::Abs | Unary::Sign => (x.dtype != DType::Bool, "numbers"),
            Unary::PowI(n) if x.dtype.is_integer() => (
                *n >= 0,
                "floating-point numbers where the exponent is negative",
            ),
            Unary::PowI(_) => (x.dtype.float().is_some(), "numbers"),
            Unary::Not => (x.dtype.float().is_none(), "truth values or integers"),
            Unary::StopGradient => (true, "anything"),
            _ => (x.dtype.float().is_some(), "floating-point numbers"),
        };
        if !fits {
            return Err(Error::new(
                ErrorKind::DType,
                format!(
                    "{}: takes {wanted}, got {x}; convert it first with `astype`",
                    self.name()
                ),
            ));
        }
        Ok(match self {
            Unary::IsFinite => x.with_dtype(DType::Bool),
            _ => x.clone(),
        })
    }

    fn jvp(&self, cx: &mut Jvp<'_>) -> Option<ValueId> {
        let t = cx.tangents[0]?;
        if *self == Unary::Neg {
            return Some(cx.graph.unary(Unary::Neg, t));
        }
        match self.slope(cx.graph, cx.operands[0], cx.result()) {
            Slope::Zero => None,
            Slope::Times(d) => Some(cx.graph.mul(d, t)),
            Slope::Over(d) => Some(cx.graph.div(t, d)),
        }
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
            // Square and multiply: one product a binary digit but the first and one a further digit set; the inverse at the end.
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
