//! Elementwise functions.

use super::Tensor;
use super::broadcast::{Operand, binary, pair};
use crate::trace::called;
use gradus_ir::primitives::{Binary, Unary};
use gradus_ir::{DType, Error, ErrorKind, Literal, Op};

/// Each row has a function's documentation, name and operation, and the argument and result of its example.
macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident $op:ident $x:literal $y:literal;)*) => {
        /// # Elementwise functions
        ///
        /// Roots, exponentials, logarithms, angles, rounding: `x.sin()` has the shape and type of `x`.
        /// They take floats, unless their description says more.
        impl Tensor {$(
            $(#[$doc])*
            ///
            /// ```
            /// # use gradus::prelude::*;
            #[doc = concat!("let y = Tensor::from(", $x, ").", stringify!($name), "();")]
            #[doc = concat!("assert!((y.item::<f64>()? - ", $y, ").abs() < 1e-12);")]
            /// # Ok::<(), gradus::Error>(())
            /// ```
            ///
            /// # Panics
            /// If the element type does not have this function.
            #[track_caller]
            pub fn $name(&self) -> Tensor {
                Tensor::apply(Op::Unary(Unary::$op), &[self])
            }
        )*}

        /// The method that applies a function; `None` for operators and functions with a parameter.
        fn method(function: Unary) -> Option<fn(&Tensor) -> Tensor> {
            match function {
                $(Unary::$op => Some(Tensor::$name),)*
                Unary::IsFinite => Some(Tensor::is_finite),
                Unary::StopGradient => Some(Tensor::stop_gradient),
                Unary::Neg | Unary::Not | Unary::PowI(_) | Unary::Polygamma(_) => None,
            }
        }
    };
}

functions! {
    /// `|x|`, also of integers. Its derivative at 0 is 0, between the slopes of both sides.
    #[doc(alias = "absolute")]
    #[doc(alias = "fabs")]
    abs Abs "-2.0" "2.0";
    /// -1, 0 or 1 by the sign, also of integers; derivative 0.
    #[doc(alias = "signum")]
    #[doc(alias = "sgn")]
    sign Sign "-2.5" "-1.0";
    /// `√x`; its derivative at 0 is infinite.
    sqrt Sqrt "9.0" "3.0";
    /// `1/√x`
    #[doc(alias = "inverse_sqrt")]
    rsqrt Rsqrt "4.0" "0.5";
    /// `∛x`, also of negative numbers.
    #[doc(alias = "cube_root")]
    cbrt Cbrt "-27.0" "-3.0";
    /// `eˣ`
    exp Exp "1.0" "std::f64::consts::E";
    /// `2ˣ`
    exp2 Exp2 "3.0" "8.0";
    /// `eˣ - 1`, with all digits near 0.
    #[doc(alias = "exp_m1")]
    expm1 Expm1 "2f64.ln()" "1.0";
    /// Natural logarithm.
    #[doc(alias = "ln")]
    log Log "std::f64::consts::E" "1.0";
    /// Logarithm to base 2.
    log2 Log2 "8.0" "3.0";
    /// Logarithm to base 10.
    log10 Log10 "1000.0" "3.0";
    /// `ln(1 + x)`, with all digits near 0.
    #[doc(alias = "ln_1p")]
    log1p Log1p "1e-20" "1e-20";
    /// Sine, of radians.
    sin Sin "std::f64::consts::FRAC_PI_6" "0.5";
    /// Cosine, of radians.
    cos Cos "std::f64::consts::FRAC_PI_3" "0.5";
    /// Tangent, of radians.
    tan Tan "std::f64::consts::FRAC_PI_4" "1.0";
    /// Arc sine, in radians.
    #[doc(alias = "arcsin")]
    asin Asin "0.5" "std::f64::consts::FRAC_PI_6";
    /// Arc cosine, in radians.
    #[doc(alias = "arccos")]
    acos Acos "0.5" "std::f64::consts::FRAC_PI_3";
    /// Arc tangent, in radians.
    #[doc(alias = "arctan")]
    atan Atan "1.0" "std::f64::consts::FRAC_PI_4";
    /// Hyperbolic sine.
    sinh Sinh "1.0" "1f64.sinh()";
    /// Hyperbolic cosine.
    cosh Cosh "1.0" "1f64.cosh()";
    /// Hyperbolic tangent.
    tanh Tanh "1.0" "1f64.tanh()";
    /// Inverse hyperbolic sine.
    #[doc(alias = "arcsinh")]
    asinh Asinh "1f64.sinh()" "1.0";
    /// Inverse hyperbolic cosine.
    #[doc(alias = "arccosh")]
    acosh Acosh "1f64.cosh()" "1.0";
    /// Inverse hyperbolic tangent.
    #[doc(alias = "arctanh")]
    atanh Atanh "1f64.tanh()" "1.0";
    /// `1 / (1 + e⁻ˣ)`
    #[doc(alias = "logistic")]
    #[doc(alias = "expit")]
    sigmoid Sigmoid "0.0" "0.5";
    /// `x·sigmoid(x)`
    #[doc(alias = "swish")]
    silu Silu "50.0" "50.0";
    /// `x·Φ(x)` with the distribution function of the normal distribution.
    gelu Gelu "50.0" "50.0";
    /// [`gelu`](Tensor::gelu) approximated by `x/2·(1 + tanh(√(2/π)(x + 0.044715x³)))`.
    gelu_tanh GeluTanh "50.0" "50.0";
    /// Error function, `2/√π ∫₀ˣ exp(-t²) dt`.
    erf Erf "0.4769362762044699" "0.5";
    /// `1 - erf(x)`, with all digits for large x.
    erfc Erfc "0.4769362762044699" "0.5";
    /// Inverse of the error function.
    #[doc(alias = "erfinv")]
    erf_inv ErfInv "0.5" "0.4769362762044699";
    /// `log|Γ(x)|`, the logarithm of the absolute value of the gamma function.
    /// It is infinite at 0 and at the negative integers.
    ///
    /// For x above 0 it is right to 2 units in the last place; below 0 to some units of the larger of the two
    /// logarithms whose difference it is. At -∞ it is ∞, as in C and JAX (SciPy: -∞).
    #[doc(alias = "gammaln")]
    #[doc(alias = "loggamma")]
    #[doc(alias = "gamma_ln")]
    lgamma Lgamma "5.0" "24f64.ln()";
    /// The derivative of [`lgamma`](Tensor::lgamma), `Γ'(x)/Γ(x)`.
    ///
    /// It is -∞ at 0, ∞ at -0, and NaN at the negative integers, where both sides differ, as in SciPy.
    /// For x above 0 it is right to 2 units in the last place; below 0 to some units of the larger of the two terms
    /// whose difference it is.
    #[doc(alias = "psi")]
    digamma Digamma "1.0" "-0.5772156649015329";
    /// The largest integer that is not above `x`; derivative 0.
    floor Floor "-1.5" "-2.0";
    /// The smallest integer that is not below `x`; derivative 0.
    ceil Ceil "-1.5" "-1.0";
    /// The nearest integer, ties to the even one; derivative 0.
    #[doc(alias = "rint")]
    #[doc(alias = "round_ties_even")]
    round Round "2.5" "2.0";
    /// The integer part; derivative 0.
    #[doc(alias = "fix")]
    trunc Trunc "-1.5" "-1.0";
}

/// The methods that are elementwise functions, with their names in printed programs,
/// for programs that read formulas.
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

/// # Powers, comparisons with a second operand, activations
///
/// The second operand is a tensor, to which the first one is broadcast, or a number.
impl Tensor {
    /// A constant of this tensor's element type, for formulas.
    fn number(&self, value: f64) -> Tensor {
        Tensor::splat(Literal::from_f64(self.dtype(), value), &[])
    }

    /// The same values with derivative zero.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let f = |x: &Tensor| (x * x.stop_gradient()).sum();
    /// assert_eq!(grad(f)(&Tensor::from(3.0)).item::<f64>()?, 3.0);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[doc(alias = "detach")]
    #[doc(alias = "no_grad")]
    #[track_caller]
    pub fn stop_gradient(&self) -> Tensor {
        Tensor::apply(Op::Unary(Unary::StopGradient), &[self])
    }

    /// The elements converted to another type.
    /// Floats become integers by truncation (saturating, NaN as 0),
    /// integers wrap, and every value except 0 is true.
    ///
    /// Between floats it is differentiable.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([1.7, -1.7]);
    /// assert_eq!(x.astype(I32).to_vec::<i32>()?, [1, -1]);
    /// assert_eq!(x.astype(F32).to_vec::<f32>()?, [1.7, -1.7]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[doc(alias = "cast")]
    #[doc(alias = "to_dtype")]
    #[doc(alias = "convert_element_type")]
    #[doc(alias = "mapv")]
    #[track_caller]
    pub fn astype(&self, dtype: DType) -> Tensor {
        if self.dtype() == dtype {
            return self.clone();
        }
        Tensor::apply(Op::Cast(dtype), &[self])
    }

    /// `x²`, also of integers.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::from([3, -4]).square().to_vec::<i32>()?, [9, 16]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the elements are booleans.
    #[doc(alias = "sqr")]
    #[doc(alias = "pow2")]
    #[track_caller]
    pub fn square(&self) -> Tensor {
        called("square", || self * self)
    }

    /// `1/x`
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::from([4.0, -0.5]).reciprocal().to_vec::<f64>()?, [0.25, -2.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the elements are booleans.
    #[doc(alias = "recip")]
    #[track_caller]
    pub fn reciprocal(&self) -> Tensor {
        called("reciprocal", || self.number(1.0) / self)
    }

    /// `xⁿ` for an integer `n`, by products; `x⁰ = 1`, also for its derivatives.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([2.0, -2.0]);
    /// assert_eq!(x.powi(3).to_vec::<f64>()?, [8.0, -8.0]);
    /// assert_eq!(x.powi(-1).to_vec::<f64>()?, [0.5, -0.5]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `n` is negative and the elements are integers.
    #[doc(alias = "integer_pow")]
    #[doc(alias = "power")]
    #[track_caller]
    pub fn powi(&self, n: i32) -> Tensor {
        Tensor::apply(Op::Unary(Unary::PowI(n)), &[self])
    }

    /// The greatest order of [`polygamma`](Tensor::polygamma).
    // Half of what programs have, so that derivatives are left.
    pub const MOST_ORDER: u32 = Unary::MOST_ORDER / 2;

    /// The derivative of order `n` of [`digamma`](Tensor::digamma), `(-1)ⁿ⁺¹·n!·Σ 1/(x + k)ⁿ⁺¹` over k = 0, 1, …;
    /// `digamma` itself if `n` is 0.
    ///
    /// For x above 0 it is right to 2 units in the last place. Below 0 it is the difference of two terms, of which the
    /// larger is right to 10⁻¹³ up to order 10, and to 10⁻¹⁶ times the order beyond.
    /// Poles of odd orders are ∞. Those of even orders are NaN, as both sides differ, but -∞ at 0 and ∞ at -0
    /// (SciPy: -∞).
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from(1.0);
    /// let trigamma = x.polygamma(1).item::<f64>()?;
    /// assert!((trigamma - std::f64::consts::PI.powi(2) / 6.0).abs() < 1e-15);
    /// assert_eq!(grad(|x: &Tensor| x.digamma())(&x).item::<f64>()?, trigamma);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the elements are not floats, or `n` is above [`MOST_ORDER`](Tensor::MOST_ORDER).
    #[doc(alias = "trigamma")]
    #[doc(alias = "zeta")]
    #[track_caller]
    pub fn polygamma(&self, n: u32) -> Tensor {
        if n == 0 {
            return called("polygamma", || self.digamma());
        }
        if n > Tensor::MOST_ORDER {
            let most = Tensor::MOST_ORDER;
            let message = format!("polygamma: the order is at most {most}, got {n}");
            let error = Error::new(ErrorKind::Argument, message);
            return Tensor::fail(error, &[self], self.ty().clone());
        }
        Tensor::apply(Op::Unary(Unary::Polygamma(n)), &[self])
    }

    /// `x^y`, elementwise. If `y` is an integer literal, prefer [`powi`](Tensor::powi).
    ///
    /// `x⁰ = 1`. The derivative by `x` is 0 where `y` is 0, and the derivative by `y` is 0 where `x` is 0.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([4.0, 9.0]);
    /// assert!((x.pow(0.5) - x.sqrt()).abs().max().item::<f64>()? < 1e-15);
    /// assert_eq!(x.pow(Tensor::from([0.0, 2.0])).to_vec::<f64>()?, [1.0, 81.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast, or the elements are not floats.
    #[doc(alias = "powf")]
    #[doc(alias = "power")]
    #[doc(alias = "float_power")]
    #[track_caller]
    pub fn pow(&self, y: impl Operand) -> Tensor {
        binary("pow", Op::Binary(Binary::Pow), self, &y)
    }

    /// The angle of the point `(x, self)`, in radians from -π to π.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let angle = Tensor::from(1.0).atan2(-1.0).item::<f64>()?;
    /// assert!((angle - 0.75 * std::f64::consts::PI).abs() < 1e-15);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast, or the elements are not floats.
    #[doc(alias = "arctan2")]
    #[track_caller]
    pub fn atan2(&self, x: impl Operand) -> Tensor {
        binary("atan2", Op::Binary(Binary::Atan2), self, &x)
    }

    /// The larger of two elements; NaN if one is NaN. A tie gives half of the derivative to each.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([1.0, 5.0]);
    /// assert_eq!(x.maximum(Tensor::from([3.0, 3.0])).to_vec::<f64>()?, [3.0, 5.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[doc(alias = "clamp_min")]
    #[track_caller]
    pub fn maximum(&self, other: impl Operand) -> Tensor {
        binary("maximum", Op::Binary(Binary::Max), self, &other)
    }

    /// The smaller of two elements; NaN if one is NaN. A tie gives half of the derivative to each.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::from([1.0, 5.0]).minimum(3).to_vec::<f64>()?, [1.0, 3.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[doc(alias = "clamp_max")]
    #[track_caller]
    pub fn minimum(&self, other: impl Operand) -> Tensor {
        binary("minimum", Op::Binary(Binary::Min), self, &other)
    }

    /// The remainder of the division by `other` rounded down, `x - y·⌊x/y⌋`.
    /// It has the sign of `other`; the remainder by `%` has the sign of `self`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([-7, 7]);
    /// assert_eq!(x.remainder(3).to_vec::<i32>()?, [2, 1]);
    /// assert_eq!((x % 3).to_vec::<i32>()?, [-1, 1]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[doc(alias = "mod")]
    #[doc(alias = "rem_euclid")]
    #[track_caller]
    pub fn remainder(&self, other: impl Operand) -> Tensor {
        match pair("remainder", self, &other) {
            Ok((a, b)) => called("remainder", || {
                let left = &a % &b;
                let other_sign = left.not_equal(0) & (left.less(0) ^ b.less(0));
                other_sign.where_(&left + &b, &left)
            }),
            Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
        }
    }

    /// Each element clipped to `low..=high`: `min(max(x, low), high)`, with its derivatives at the bounds.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::from([-2.0, 0.5, 2.0]).clip(0, 1).to_vec::<f64>()?, [0.0, 0.5, 1.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[doc(alias = "clamp")]
    #[track_caller]
    pub fn clip(&self, low: impl Operand, high: impl Operand) -> Tensor {
        called("clip", || self.maximum(low).minimum(high))
    }

    /// `√(x² + y²)` without intermediate overflow; infinite if one of them is. Its derivatives at (0, 0) are 0.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert!((Tensor::from(3e200).hypot(4e200) / 5e200 - 1.0).abs().item::<f64>()? < 1e-15);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast, or the elements are not floats.
    #[track_caller]
    pub fn hypot(&self, other: impl Operand) -> Tensor {
        binary("hypot", Op::Binary(Binary::Hypot), self, &other)
    }

    /// `ln(eˣ + eʸ)` without overflow. Two equal infinities have half of the derivative each.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let sum = Tensor::from(1000.0).log_add_exp(1000.0).item::<f64>()?;
    /// assert!((sum - (1000.0 + 2f64.ln())).abs() < 1e-12);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast, or the elements are not floats.
    #[doc(alias = "logaddexp")]
    #[track_caller]
    pub fn log_add_exp(&self, other: impl Operand) -> Tensor {
        binary("log_add_exp", Op::Binary(Binary::LogAddExp), self, &other)
    }

    /// `max(x, 0)`; its derivative at 0 is 0.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::from([-1.0, 2.0]).relu().to_vec::<f64>()?, [0.0, 2.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[track_caller]
    pub fn relu(&self) -> Tensor {
        // In this order NaN stays NaN.
        called("relu", || {
            self.less_equal(0).where_(self.zeros_like(), self)
        })
    }

    /// `x` where `x` is positive, else `slope·x`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::from([-4.0, 2.0]).leaky_relu(0.25).to_vec::<f64>()?, [-1.0, 2.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[track_caller]
    pub fn leaky_relu(&self, slope: f64) -> Tensor {
        called("leaky_relu", || {
            self.greater_equal(0).where_(self, self * slope)
        })
    }

    /// `x` where `x` is positive, else `eˣ - 1`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::from([-1000.0, 2.0]).elu().to_vec::<f64>()?, [-1.0, 2.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the elements are not floats.
    #[track_caller]
    pub fn elu(&self) -> Tensor {
        called("elu", || {
            let positive = self.greater(0);
            // The branch that is not taken must not overflow.
            let guarded = positive.where_(self.zeros_like(), self);
            positive.where_(self, guarded.expm1())
        })
    }

    /// Scaled [`elu`](Tensor::elu). G. Klambauer et al.: "Self-normalizing neural networks", NIPS 2017.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::from(1.0).selu().item::<f64>()?, 1.0507009873554805);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the elements are not floats.
    #[track_caller]
    pub fn selu(&self) -> Tensor {
        const ALPHA: f64 = 1.673_263_242_354_377_2;
        const SCALE: f64 = 1.050_700_987_355_480_5;
        called("selu", || {
            let positive = self.greater(0);
            let guarded = positive.where_(self.zeros_like(), self);
            positive.where_(self * SCALE, guarded.expm1() * (ALPHA * SCALE))
        })
    }

    /// `ln(1 + eˣ)` without overflow.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::from([-1000.0, 1000.0]).softplus().to_vec::<f64>()?, [0.0, 1000.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the elements are not floats.
    #[track_caller]
    pub fn softplus(&self) -> Tensor {
        called("softplus", || self.log_add_exp(0))
    }

    /// `ln sigmoid(x)` without overflow.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::from(-1000.0).log_sigmoid().item::<f64>()?, -1000.0);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the elements are not floats.
    #[doc(alias = "logsigmoid")]
    #[track_caller]
    pub fn log_sigmoid(&self) -> Tensor {
        called("log_sigmoid", || -(-self).softplus())
    }

    /// Whether each element is finite (neither infinite nor NaN), as booleans.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([1.0, f64::INFINITY, f64::NAN]);
    /// assert_eq!(x.is_finite().to_vec::<bool>()?, [true, false, false]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the elements are not floats.
    #[doc(alias = "isfinite")]
    #[track_caller]
    pub fn is_finite(&self) -> Tensor {
        Tensor::apply(Op::Unary(Unary::IsFinite), &[self])
    }

    /// Whether each element is NaN, as booleans.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::from([1.0, f64::NAN]).is_nan().to_vec::<bool>()?, [false, true]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[doc(alias = "isnan")]
    #[track_caller]
    pub fn is_nan(&self) -> Tensor {
        called("is_nan", || self.not_equal(self))
    }
}
