//! Functions of each element.

use super::Tensor;
use super::broadcast::{Operand, binary, pair};
use gradus_ir::primitives::{Binary, Unary};
use gradus_ir::{DType, Literal, Op};

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident $op:ident;)*) => {
        impl Tensor {$(
            $(#[$doc])*
            ///
            /// # Panics
            /// If the element type does not have this function.
            #[track_caller]
            pub fn $name(&self) -> Tensor {
                Tensor::apply(Op::Unary(Unary::$op), &[self])
            }
        )*}

        /// The method that applies a function; `None` for those that are operators or have a parameter.
        fn method(function: Unary) -> Option<fn(&Tensor) -> Tensor> {
            match function {
                $(Unary::$op => Some(Tensor::$name),)*
                Unary::StopGradient => Some(Tensor::stop_gradient),
                Unary::Neg | Unary::Not | Unary::PowI(_) => None,
            }
        }
    };
}

functions! {
    /// `|x|`; its derivative at 0 is taken to be 0, between those of both sides.
    abs Abs;
    /// -1, 0 or 1 by the sign; derivative 0.
    sign Sign;
    /// `√x`; its derivative at 0 is infinite.
    sqrt Sqrt;
    /// `1/√x`
    rsqrt Rsqrt;
    /// `∛x`, of negative numbers too.
    cbrt Cbrt;
    /// `eˣ`
    exp Exp;
    /// `2ˣ`
    exp2 Exp2;
    /// `eˣ - 1`, with all digits near 0.
    expm1 Expm1;
    /// Natural logarithm.
    log Log;
    /// Logarithm to base 2.
    log2 Log2;
    /// Logarithm to base 10.
    log10 Log10;
    /// `ln(1 + x)`, with all digits near 0.
    log1p Log1p;
    /// Sine, of radians.
    sin Sin;
    /// Cosine, of radians.
    cos Cos;
    /// Tangent, of radians.
    tan Tan;
    /// Arc sine, in radians.
    asin Asin;
    /// Arc cosine, in radians.
    acos Acos;
    /// Arc tangent, in radians.
    atan Atan;
    /// Hyperbolic sine.
    sinh Sinh;
    /// Hyperbolic cosine.
    cosh Cosh;
    /// Hyperbolic tangent.
    tanh Tanh;
    /// Inverse hyperbolic sine.
    asinh Asinh;
    /// Inverse hyperbolic cosine.
    acosh Acosh;
    /// Inverse hyperbolic tangent.
    atanh Atanh;
    /// `1 / (1 + e⁻ˣ)`
    sigmoid Sigmoid;
    /// `x·sigmoid(x)`
    silu Silu;
    /// `x·Φ(x)` with the distribution function of the normal distribution.
    gelu Gelu;
    /// [`gelu`](Tensor::gelu) approximated by `x/2·(1 + tanh(√(2/π)(x + 0.044715x³)))`.
    gelu_tanh GeluTanh;
    /// Error function, `2/√π ∫₀ˣ exp(-t²) dt`.
    erf Erf;
    /// `1 - erf(x)`, with all digits for large x.
    erfc Erfc;
    /// Inverse of the error function.
    erf_inv ErfInv;
    /// Largest whole number not above; derivative 0.
    floor Floor;
    /// Smallest whole number not below; derivative 0.
    ceil Ceil;
    /// Nearest whole number, ties to the even one; derivative 0.
    round Round;
    /// Whole part; derivative 0.
    trunc Trunc;
    /// Whether each element is neither infinite nor NaN.
    is_finite IsFinite;
}

/// The methods that are functions of each element, by the names that printed programs have for them: for programs that read formulas.
///
/// ```
/// use gradus::{Tensor, tensor::elementwise_functions};
/// let (_, cosine) = elementwise_functions().find(|(name, _)| *name == "cos").unwrap();
/// assert_eq!(cosine(&Tensor::from(0.0)).item::<f64>()?, 1.0);
/// # Ok::<(), gradus::Error>(())
/// ```
pub fn elementwise_functions() -> impl Iterator<Item = (&'static str, fn(&Tensor) -> Tensor)> {
    let functions = Unary::ALL.into_iter();
    functions.filter_map(|function| Some((Op::Unary(function).name(), method(function)?)))
}

impl Tensor {
    /// A constant of this tensor's element type, for formulas.
    fn number(&self, value: f64) -> Tensor {
        Tensor::splat(Literal::from_f64(self.dtype(), value), &[])
    }

    /// The same values with derivative zero.
    #[track_caller]
    pub fn stop_gradient(&self) -> Tensor {
        Tensor::apply(Op::Unary(Unary::StopGradient), &[self])
    }

    /// The elements as another type: floats become whole numbers by truncation (saturating, NaN as 0), whole numbers wrap, and what is not 0 is true.
    ///
    /// Between floats it is differentiable.
    #[track_caller]
    pub fn astype(&self, dtype: DType) -> Tensor {
        if self.dtype() == dtype {
            return self.clone();
        }
        Tensor::apply(Op::Cast(dtype), &[self])
    }

    /// `x²`
    #[track_caller]
    pub fn square(&self) -> Tensor {
        self * self
    }

    /// `1/x`
    #[track_caller]
    pub fn reciprocal(&self) -> Tensor {
        self.number(1.0) / self
    }

    /// `xⁿ` for a whole `n`, by products; `x⁰ = 1`, also for its derivatives.
    ///
    /// # Panics
    /// If `n` is negative and the elements are whole numbers.
    #[track_caller]
    pub fn powi(&self, n: i32) -> Tensor {
        Tensor::apply(Op::Unary(Unary::PowI(n)), &[self])
    }

    /// `x^y`, elementwise. Where `y` is a whole literal, prefer [`powi`](Tensor::powi).
    ///
    /// `x⁰ = 1`. The derivative by `x` is 0 where `y` is 0, and that by `y` is 0 where `x` is 0.
    ///
    /// # Panics
    /// If the shapes do not broadcast, or the elements are no floats.
    #[track_caller]
    pub fn pow(&self, y: impl Operand) -> Tensor {
        binary("pow", Op::Binary(Binary::Pow), self, &y)
    }

    /// The angle of the point `(x, self)`, in radians from -π to π.
    #[track_caller]
    pub fn atan2(&self, x: impl Operand) -> Tensor {
        binary("atan2", Op::Binary(Binary::Atan2), self, &x)
    }

    /// The larger of two, elementwise; NaN if one is. A tie gives half of the derivative to each.
    #[track_caller]
    pub fn maximum(&self, other: impl Operand) -> Tensor {
        binary("maximum", Op::Binary(Binary::Max), self, &other)
    }

    /// The smaller of two, elementwise; NaN if one is. A tie gives half of the derivative to each.
    #[track_caller]
    pub fn minimum(&self, other: impl Operand) -> Tensor {
        binary("minimum", Op::Binary(Binary::Min), self, &other)
    }

    /// What is left of the division by `other` rounded down, `x - y·⌊x/y⌋`: it has the sign of `other`, where `%` gives that of `self`.
    #[track_caller]
    pub fn remainder(&self, other: impl Operand) -> Tensor {
        let (a, b) = match pair("remainder", self, &other) {
            Ok(both) => both,
            Err(error) => return Tensor::fail(error, &[self], self.ty().clone()),
        };
        let left = &a % &b;
        let other_sign = left.not_equal(0) & (left.less(0) ^ b.less(0));
        other_sign.where_(&(&left + &b), &left)
    }

    /// Each element brought into `low..=high`: `min(max(x, low), high)`, with its derivatives at the bounds.
    #[track_caller]
    pub fn clip(&self, low: impl Operand, high: impl Operand) -> Tensor {
        self.maximum(low).minimum(high)
    }

    /// `√(x² + y²)` without overflow between; infinite if one of them is. Its derivatives at (0, 0) are taken to be 0.
    #[track_caller]
    pub fn hypot(&self, other: impl Operand) -> Tensor {
        binary("hypot", Op::Binary(Binary::Hypot), self, &other)
    }

    /// `ln(eˣ + eʸ)` without overflow. Of two equal infinities each has half of the derivative.
    #[track_caller]
    pub fn log_add_exp(&self, other: impl Operand) -> Tensor {
        binary("log_add_exp", Op::Binary(Binary::LogAddExp), self, &other)
    }

    /// `max(x, 0)`; its derivative at 0 is 0.
    #[track_caller]
    pub fn relu(&self) -> Tensor {
        // This way round what is no number stays what it is.
        self.less_equal(0).where_(&self.zeros_like(), self)
    }

    /// `x` where positive, else `slope·x`.
    #[track_caller]
    pub fn leaky_relu(&self, slope: f64) -> Tensor {
        self.greater_equal(0).where_(self, &(self * slope))
    }

    /// `x` where positive, else `eˣ - 1`.
    #[track_caller]
    pub fn elu(&self) -> Tensor {
        let positive = self.greater(0);
        // The branch that is not taken must not overflow.
        let guarded = positive.where_(&self.zeros_like(), self);
        positive.where_(self, &guarded.expm1())
    }

    /// Scaled [`elu`](Tensor::elu). G. Klambauer et al.: "Self-normalizing neural networks", NIPS 2017.
    #[track_caller]
    pub fn selu(&self) -> Tensor {
        const ALPHA: f64 = 1.673_263_242_354_377_2;
        const SCALE: f64 = 1.050_700_987_355_480_5;
        let positive = self.greater(0);
        let guarded = positive.where_(&self.zeros_like(), self);
        positive.where_(&(self * SCALE), &(guarded.expm1() * (ALPHA * SCALE)))
    }

    /// `ln(1 + eˣ)` without overflow.
    #[track_caller]
    pub fn softplus(&self) -> Tensor {
        self.log_add_exp(0)
    }

    /// `ln sigmoid(x)` without overflow.
    #[track_caller]
    pub fn log_sigmoid(&self) -> Tensor {
        -(-self).softplus()
    }

    /// Whether each element is NaN.
    #[track_caller]
    pub fn is_nan(&self) -> Tensor {
        self.not_equal(self)
    }
}
