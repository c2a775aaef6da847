//! Reductions.
//! Each exists for all elements (`sum`), one axis (`sum_axis`) and several axes (`sum_axes`).
//! The forms for axes also come as `sum_axis_keep` and `sum_axes_keep`,
//! which leave the reduced axes with size 1, so that the result broadcasts against the original.

use super::Tensor;
use super::broadcast::{axes_of, axis_of};
use super::integers::{Integer, Integers};
use crate::trace::called;
use gradus_ir::primitives::{ArgReduce, CumSum, Reduce, ReduceKind};
use gradus_ir::{DType, Dims, FloatType, Op};

/// Each row has the names of a reduction for all elements, one axis, several axes, one axis kept and several axes
/// kept, and for its examples the argument, the result for all elements, and the result for axis 0.
macro_rules! reductions {
    ($($(#[$doc:meta])* $what:literal $all:ident $one:ident $several:ident $one_keep:ident $several_keep:ident $f:expr,
       $x:literal $total:literal $columns:literal;)*) => {
        /// # Reductions
        ///
        /// Sums, means, extremes and norms: of all elements (`sum`),
        /// along one axis (`sum_axis`) or several axes (`sum_axes`).
        /// The forms that end with `_keep` leave the reduced axes with size 1,
        /// so that the result broadcasts against the original. Negative axes count from the end.
        impl Tensor {$(
            #[doc = concat!($what, " of all elements, a scalar.")]
            ///
            $(#[$doc])*
            ///
            /// ```
            /// # use gradus::prelude::*;
            #[doc = concat!("let x = Tensor::from(", $x, ");")]
            #[doc = concat!("assert_eq!(x.", stringify!($all), "().item::<f64>()?, ", $total, ");")]
            /// # Ok::<(), gradus::Error>(())
            /// ```
            ///
            /// # Panics
            /// If the element type does not have this reduction, or it chooses an element and there is none.
            #[track_caller]
            pub fn $all(&self) -> Tensor {
                called(stringify!($all), || $f(self, (0..self.rank()).collect()))
            }

            #[doc = concat!($what, " along one axis, which the result does not have; see [`", stringify!($all), "`](Tensor::", stringify!($all), ").")]
            ///
            /// ```
            /// # use gradus::prelude::*;
            #[doc = concat!("let x = Tensor::from(", $x, ");")]
            #[doc = concat!("assert_eq!(x.", stringify!($one), "(0).to_vec::<f64>()?, [", $columns, "]);")]
            /// # Ok::<(), gradus::Error>(())
            /// ```
            ///
            /// # Panics
            #[doc = concat!("If there is no such axis, or for the reasons of [`", stringify!($all), "`](Tensor::", stringify!($all), ").")]
            #[track_caller]
            pub fn $one(&self, axis: impl Integer) -> Tensor {
                match axis_of(stringify!($one), axis, self.ty()) {
                    Ok(axis) => called(stringify!($one), || $f(self, Dims::from_slice(&[axis]))),
                    Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
                }
            }

            #[doc = concat!($what, " along one axis, which stays with size 1; see [`", stringify!($all), "`](Tensor::", stringify!($all), ").")]
            ///
            /// ```
            /// # use gradus::prelude::*;
            #[doc = concat!("let x = Tensor::from(", $x, ");")]
            #[doc = concat!("let kept = x.", stringify!($one_keep), "(0);")]
            #[doc = concat!("assert_eq!((kept.shape(), kept.to_vec::<f64>()?), (&[1, 2][..], vec![", $columns, "]));")]
            /// # Ok::<(), gradus::Error>(())
            /// ```
            ///
            /// # Panics
            #[doc = concat!("If there is no such axis, or for the reasons of [`", stringify!($all), "`](Tensor::", stringify!($all), ").")]
            #[track_caller]
            pub fn $one_keep(&self, axis: impl Integer) -> Tensor {
                match axis_of(stringify!($one_keep), axis, self.ty()) {
                    Ok(axis) => called(stringify!($one_keep), || kept(self, Dims::from_slice(&[axis]), $f)),
                    Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
                }
            }

            #[doc = concat!($what, " over several axes, which the result does not have; see [`", stringify!($all), "`](Tensor::", stringify!($all), ").")]
            ///
            /// ```
            /// # use gradus::prelude::*;
            #[doc = concat!("let x = Tensor::from(", $x, ");")]
            #[doc = concat!("assert_eq!(x.", stringify!($several), "(&[0, 1]).item::<f64>()?, ", $total, ");")]
            /// # Ok::<(), gradus::Error>(())
            /// ```
            ///
            /// # Panics
            #[doc = concat!("If an axis does not exist or is named twice, or for the reasons of [`", stringify!($all), "`](Tensor::", stringify!($all), ").")]
            #[track_caller]
            pub fn $several(&self, axes: impl Integers) -> Tensor {
                match axes_of(stringify!($several), axes, self.ty()) {
                    Ok(axes) => called(stringify!($several), || $f(self, axes)),
                    Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
                }
            }

            #[doc = concat!($what, " over several axes, which stay with size 1; see [`", stringify!($all), "`](Tensor::", stringify!($all), ").")]
            ///
            /// ```
            /// # use gradus::prelude::*;
            #[doc = concat!("let x = Tensor::from(", $x, ");")]
            #[doc = concat!("let kept = x.", stringify!($several_keep), "(&[0, -1]);")]
            #[doc = concat!("assert_eq!((kept.shape(), kept.item::<f64>()?), (&[1, 1][..], ", $total, "));")]
            /// # Ok::<(), gradus::Error>(())
            /// ```
            ///
            /// # Panics
            #[doc = concat!("If an axis does not exist or is named twice, or for the reasons of [`", stringify!($all), "`](Tensor::", stringify!($all), ").")]
            #[track_caller]
            pub fn $several_keep(&self, axes: impl Integers) -> Tensor {
                match axes_of(stringify!($several_keep), axes, self.ty()) {
                    Ok(axes) => called(stringify!($several_keep), || kept(self, axes, $f)),
                    Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
                }
            }
        )*}
    };
}

reductions! {
    /// Integers wrap. Booleans have no sum; convert them with `astype`.
    #[doc(alias = "reduce_sum")]
    "Sum" sum sum_axis sum_axes sum_axis_keep sum_axes_keep |x: &Tensor, axes| x.reduced(ReduceKind::Sum, axes),
        "[[1.0, 2.0], [3.0, 6.0]]" "12.0" "4.0, 8.0";
    /// The product of no elements is 1.
    #[doc(alias = "product")]
    "Product" prod prod_axis prod_axes prod_axis_keep prod_axes_keep |x: &Tensor, axes| x.reduced(ReduceKind::Prod, axes),
        "[[1.0, 2.0], [3.0, 6.0]]" "36.0" "3.0, 12.0";
    /// NaN if an element is NaN. Equal largest elements share the derivative evenly.
    #[doc(alias = "amax")]
    "Largest" max max_axis max_axes max_axis_keep max_axes_keep |x: &Tensor, axes| x.reduced(ReduceKind::Max, axes),
        "[[1.0, 2.0], [3.0, 6.0]]" "6.0" "3.0, 6.0";
    /// NaN if an element is NaN. Equal smallest elements share the derivative evenly.
    #[doc(alias = "amin")]
    "Smallest" min min_axis min_axes min_axis_keep min_axes_keep |x: &Tensor, axes| x.reduced(ReduceKind::Min, axes),
        "[[1.0, 2.0], [3.0, 6.0]]" "1.0" "1.0, 2.0";
    /// The mean of no elements is NaN. Integers give f64.
    #[doc(alias = "average")]
    "Mean" mean mean_axis mean_axes mean_axis_keep mean_axes_keep mean_over,
        "[[1.0, 2.0], [3.0, 6.0]]" "3.0" "2.0, 4.0";
    /// `mean((x - mean(x))²)`: divided by the number of elements, not by one less.
    #[doc(alias = "variance")]
    "Variance" var var_axis var_axes var_axis_keep var_axes_keep var_over,
        "[[1.0, 2.0], [3.0, 6.0]]" "3.5" "1.0, 4.0";
    /// The square root of the [variance](Tensor::var), divided by the number of elements.
    #[doc(alias = "stddev")]
    #[doc(alias = "standard_deviation")]
    "Standard deviation" std std_axis std_axes std_axis_keep std_axes_keep std_over,
        "[[1.0, 1.0], [3.0, 3.0]]" "1.0" "1.0, 1.0";
    /// `√Σx²`, even if the squares overflow or underflow. Integers give f64.
    /// Its derivative at 0 is NaN, because the norm has none there.
    #[doc(alias = "l2_norm")]
    #[doc(alias = "linalg.norm")]
    "Euclidean norm" norm norm_axis norm_axes norm_axis_keep norm_axes_keep norm_over,
        "[[3.0, 0.0], [4.0, 12.0]]" "13.0" "5.0, 12.0";
    /// `ln Σ eˣ` without overflow; -∞ for no elements. Integers give f64.
    /// If the largest elements are equal infinities, they share the derivative evenly.
    #[doc(alias = "logsumexp")]
    "Logarithm of the sum of exponentials" log_sum_exp log_sum_exp_axis log_sum_exp_axes log_sum_exp_axis_keep log_sum_exp_axes_keep
        log_sum_exp_over, "[[0.0, 0.0], [0.0, 0.0]]" "4f64.ln()" "2f64.ln(), 2f64.ln()";
}

/// A reduction whose axes stay, with size 1.
#[track_caller]
fn kept(x: &Tensor, axes: Dims, reduce: impl Fn(&Tensor, Dims) -> Tensor) -> Tensor {
    reduce(x, axes.clone()).with_axes(&axes, x.rank())
}

#[track_caller]
fn mean_over(x: &Tensor, axes: Dims) -> Tensor {
    let n: usize = axes.iter().map(|&a| x.shape()[a]).product();
    let x = &floats(x);
    // A narrow type cannot hold every count or the sum.
    (computed(x).reduced(ReduceKind::Sum, axes) / n as f64).astype(x.dtype())
}

/// Converts floats to the type in which kernels compute, so that the whole computation rounds once.
#[track_caller]
fn computed(x: &Tensor) -> Tensor {
    x.astype(x.dtype().compute_type())
}

/// Integers and booleans converted to f64.
#[track_caller]
fn floats(x: &Tensor) -> Tensor {
    match x.dtype().has_derivatives() {
        true => x.clone(),
        false => x.astype(DType::F64),
    }
}

#[track_caller]
fn var_over(x: &Tensor, axes: Dims) -> Tensor {
    let x = &floats(x);
    let wide = &computed(x);
    let mean = mean_over(wide, axes.clone()).with_axes(&axes, x.rank());
    mean_over(&(wide - mean).square(), axes).astype(x.dtype())
}

#[track_caller]
fn std_over(x: &Tensor, axes: Dims) -> Tensor {
    let x = &floats(x);
    var_over(&computed(x), axes).sqrt().astype(x.dtype())
}

#[track_caller]
fn norm_over(x: &Tensor, axes: Dims) -> Tensor {
    let x = &floats(x);
    match x.dtype().float() {
        Some(FloatType::F64) if axes.iter().all(|&a| x.shape()[a] != 0) => {}
        Some(_) if axes.iter().all(|&a| x.shape()[a] != 0) => {
            // In f64 the square of every nonzero number of the other types is finite and not 0.
            let squares = x.astype(DType::F64).square();
            let sum = squares.reduced(ReduceKind::Sum, axes);
            return sum.sqrt().astype(x.dtype());
        }
        Some(_) | None => return x.square().reduced(ReduceKind::Sum, axes).sqrt(),
    }
    // Scaled by a power of two, which is exact, to a range in which squares neither overflow nor underflow.
    // The norm does not depend on the factor, so no derivative does.
    let power = |n: i32| Tensor::from(2f64.powi(n));
    let largest = x.abs().reduced(ReduceKind::Max, axes.clone());
    let largest = largest.stop_gradient();
    let small = largest.less(power(-500));
    let factor = small.where_(power(600), power(0));
    let factor = largest.greater(power(500)).where_(power(-600), &factor);
    let scaled = x * factor.with_axes(&axes, x.rank());
    scaled.square().reduced(ReduceKind::Sum, axes).sqrt() / factor
}

#[track_caller]
fn log_sum_exp_over(x: &Tensor, axes: Dims) -> Tensor {
    let x = &floats(x);
    if axes.iter().any(|&a| x.shape()[a] == 0) {
        return x.exp().reduced(ReduceKind::Sum, axes).log();
    }
    let largest = x.reduced(ReduceKind::Max, axes.clone());
    let infinite = !largest.is_finite();
    let sum = exponentials(x, &largest.stop_gradient(), &axes).reduced(ReduceKind::Sum, axes);
    // If the largest element is infinite, it is the result, with its slope.
    let sum = infinite.where_(sum.ones_like(), &sum).log();
    sum + infinite.where_(&largest, largest.stop_gradient())
}

/// `exp(x - largest)`, to be summed over `axes`.
///
/// If `largest` is +∞, infinite elements give e⁴⁰ and finite ones at most 1, so the finite ones contribute less
/// than one rounding error (e⁻⁴⁰ ≈ 4e-18), and all slopes are 0. No value or slope is NaN unless an element is.
#[track_caller]
fn exponentials(x: &Tensor, largest: &Tensor, axes: &[usize]) -> Tensor {
    let most = x.dtype().float().map_or(f64::MAX, FloatType::largest);
    let finite = largest.clip(-most, most).with_axes(axes, x.rank());
    let infinite = (!largest.is_finite()).with_axes(axes, x.rank());
    let difference = x - finite;
    // The limit is for these lines alone, so that a derivative keeps one condition for each line.
    let limited = difference.minimum(40.0).stop_gradient();
    infinite.where_(limited, &difference).exp()
}

/// # Places of extremes, running sums, shares
impl Tensor {
    #[track_caller]
    fn reduced(&self, kind: ReduceKind, axes: Dims) -> Tensor {
        Tensor::apply(Op::Reduce(Reduce { kind, axes }), &[self])
    }

    /// Restores the reduced axes with size 1.
    #[track_caller]
    fn with_axes(&self, axes: &[usize], rank: usize) -> Tensor {
        let mut kept = self.shape().iter();
        let shape: Dims = (0..rank)
            .map(|i| {
                if axes.contains(&i) {
                    1
                } else {
                    kept.next().copied().unwrap_or(1)
                }
            })
            .collect();
        self.under(&shape)
    }

    #[track_caller]
    fn extreme(&self, name: &str, smallest: bool, axis: impl Integer) -> Tensor {
        match axis_of(name, axis, self.ty()) {
            Ok(axis) => Tensor::apply(Op::ArgReduce(ArgReduce { smallest, axis }), &[self]),
            Err(error) => Tensor::fail(error, &[self], self.ty().with_dtype(DType::I64)),
        }
    }

    #[track_caller]
    fn extreme_all(&self, name: &'static str, smallest: bool) -> Tensor {
        called(name, || self.ravel().extreme(name, smallest, 0))
    }

    #[track_caller]
    fn extreme_keep(&self, name: &'static str, smallest: bool, axis: impl Integer) -> Tensor {
        match axis_of(name, axis, self.ty()) {
            Ok(axis) => called(name, || {
                let found = self.extreme(name, smallest, axis);
                found.with_axes(&[axis], self.rank())
            }),
            Err(error) => Tensor::fail(error, &[self], self.ty().with_dtype(DType::I64)),
        }
    }

    /// The position of the largest element in row-major order, i64; the first among equals. It has no derivative.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([[1.0, 7.0], [5.0, 3.0]]);
    /// assert_eq!(x.argmax().item::<i64>()?, 1);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there is no element.
    #[doc(alias = "imax")]
    #[track_caller]
    pub fn argmax(&self) -> Tensor {
        self.extreme_all("argmax", false)
    }

    /// The index of the largest element along an axis, which the result does not have,
    /// i64; the first among equals.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let scores = Tensor::from([[1.0, 7.0], [5.0, 3.0]]);
    /// assert_eq!(scores.argmax_axis(-1).to_vec::<i64>()?, [1, 0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or it is empty.
    #[track_caller]
    pub fn argmax_axis(&self, axis: impl Integer) -> Tensor {
        called("argmax_axis", || self.extreme("argmax_axis", false, axis))
    }

    /// Like [`argmax_axis`](Tensor::argmax_axis), but the axis stays with size 1.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([[1.0, 7.0], [5.0, 3.0]]);
    /// let best = x.take_along_axis(&x.argmax_axis_keep(1), 1);
    /// assert_eq!(best.to_vec::<f64>()?, [7.0, 5.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or it is empty.
    #[track_caller]
    pub fn argmax_axis_keep(&self, axis: impl Integer) -> Tensor {
        self.extreme_keep("argmax_axis_keep", false, axis)
    }

    /// The position of the smallest element in row-major order, i64; the first among equals. It has no derivative.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([[1.0, 7.0], [-5.0, 3.0]]);
    /// assert_eq!(x.argmin().item::<i64>()?, 2);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there is no element.
    #[doc(alias = "imin")]
    #[track_caller]
    pub fn argmin(&self) -> Tensor {
        self.extreme_all("argmin", true)
    }

    /// The index of the smallest element along an axis, which the result does not have,
    /// i64; the first among equals.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([[1.0, 7.0], [5.0, 3.0]]);
    /// assert_eq!(x.argmin_axis(1).to_vec::<i64>()?, [0, 1]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or it is empty.
    #[track_caller]
    pub fn argmin_axis(&self, axis: impl Integer) -> Tensor {
        called("argmin_axis", || self.extreme("argmin_axis", true, axis))
    }

    /// Like [`argmin_axis`](Tensor::argmin_axis), but the axis stays with size 1.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([[1.0, 7.0], [5.0, 3.0]]);
    /// assert_eq!(x.argmin_axis_keep(0).shape(), [1, 2]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or it is empty.
    #[track_caller]
    pub fn argmin_axis_keep(&self, axis: impl Integer) -> Tensor {
        self.extreme_keep("argmin_axis_keep", true, axis)
    }

    /// Cumulative sums along an axis: element `i` is the sum of the elements up to and including `i`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::from([1.0, 2.0, 3.0]).cumsum(0).to_vec::<f64>()?, [1.0, 3.0, 6.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there is no such axis.
    #[doc(alias = "cumulative_sum")]
    #[track_caller]
    pub fn cumsum(&self, axis: impl Integer) -> Tensor {
        match axis_of("cumsum", axis, self.ty()) {
            Ok(axis) => {
                let reverse = false;
                Tensor::apply(Op::CumSum(CumSum { axis, reverse }), &[self])
            }
            Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
        }
    }

    /// `eˣ / Σ eˣ` along an axis, without overflow: shares that add up to 1. Integers give f64.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let scores = Tensor::from([[0.0, 0.0], [1000.0, 0.0]]);
    /// assert_eq!(scores.softmax(-1).to_vec::<f64>()?, [0.5, 0.5, 1.0, 0.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn softmax(&self, axis: impl Integer) -> Tensor {
        let shares = |a| {
            let (x, axes) = (floats(self), Dims::from_slice(&[a]));
            let largest = x.reduced(ReduceKind::Max, axes.clone()).stop_gradient();
            let e = exponentials(&x, &largest, &axes);
            let sum = e.reduced(ReduceKind::Sum, axes.clone());
            e / sum.with_axes(&axes, x.rank())
        };
        match axis_of("softmax", axis, self.ty()) {
            Ok(a) if self.shape()[a] == 0 => self.clone(),
            Ok(a) => called("softmax", || shares(a)),
            Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
        }
    }

    /// `ln softmax(x)` along an axis, without overflow. Integers give f64.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let scores = Tensor::from([1000.0, 0.0]);
    /// assert_eq!(scores.log_softmax(0).to_vec::<f64>()?, [0.0, -1000.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn log_softmax(&self, axis: impl Integer) -> Tensor {
        let logarithms = |a| {
            let (x, axes) = (floats(self), Dims::from_slice(&[a]));
            let largest = x.reduced(ReduceKind::Max, axes.clone()).stop_gradient();
            let largest = largest.with_axes(&axes, x.rank());
            // The largest element gives 0, even if the difference of two infinities would be NaN.
            let both = x.equal(f64::INFINITY) & largest.equal(f64::INFINITY);
            let shifted = both.where_(x.zeros_like(), &x - largest);
            let sum = shifted.exp().reduced(ReduceKind::Sum, axes.clone());
            &shifted - sum.log().with_axes(&axes, x.rank())
        };
        match axis_of("log_softmax", axis, self.ty()) {
            Ok(a) if self.shape()[a] == 0 => self.clone(),
            Ok(a) => called("log_softmax", || logarithms(a)),
            Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
        }
    }
}
