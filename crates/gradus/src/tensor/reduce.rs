//! Reductions. Each comes for all elements (`sum`), one axis (`sum_axis`), several (`sum_axes`); negative axes count from the end. `keep` leaves
//! the reduced axes with size 1.

use super::Tensor;
use super::broadcast::{axes_of, axis_of};
use super::integers::{Integer, Integers};
use gradus_ir::primitives::{ArgReduce, CumSum, Reduce, ReduceKind};
use gradus_ir::{DType, Dims, Op};

macro_rules! reductions {
    ($($what:literal $all:ident $one:ident $several:ident $kind:ident;)*) => {
        impl Tensor {$(
            #[doc = concat!($what, " of all elements, a scalar.")]
            #[track_caller]
            pub fn $all(&self) -> Tensor {
                let axes = (0..self.rank()).collect();
                self.reduced(ReduceKind::$kind, axes)
            }

            #[doc = concat!($what, " along one axis, which the result does not have.")]
            ///
            /// # Panics
            /// If there is no such axis.
            #[track_caller]
            pub fn $one(&self, axis: impl Integer) -> Tensor {
                match axis_of(stringify!($one), axis, self.ty()) {
                    Ok(axis) => self.reduced(ReduceKind::$kind, Dims::from_slice(&[axis])),
                    Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
                }
            }

            #[doc = concat!($what, " over several axes, which the result does not have.")]
            ///
            /// # Panics
            /// If an axis does not exist or is named twice.
            #[track_caller]
            pub fn $several(&self, axes: impl Integers) -> Tensor {
                match axes_of(stringify!($several), axes, self.ty()) {
                    Ok(axes) => self.reduced(ReduceKind::$kind, axes),
                    Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
                }
            }
        )*}
    };
}

reductions! {
    "Sum" sum sum_axis sum_axes Sum;
    "Product" prod prod_axis prod_axes Prod;
    "Largest" max max_axis max_axes Max;
    "Smallest" min min_axis min_axes Min;
}

macro_rules! statistics {
    ($($(#[$doc:meta])* $all:ident $one:ident $several:ident $f:ident;)*) => {
        impl Tensor {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $all(&self) -> Tensor {
                $f(self, (0..self.rank()).collect())
            }

            /// As the function for all elements, along one axis.
            ///
            /// # Panics
            /// If there is no such axis.
            #[track_caller]
            pub fn $one(&self, axis: impl Integer) -> Tensor {
                match axis_of(stringify!($one), axis, self.ty()) {
                    Ok(axis) => $f(self, Dims::from_slice(&[axis])),
                    Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
                }
            }

            /// As the function for all elements, over several axes.
            ///
            /// # Panics
            /// If an axis does not exist or is named twice.
            #[track_caller]
            pub fn $several(&self, axes: impl Integers) -> Tensor {
                match axes_of(stringify!($several), axes, self.ty()) {
                    Ok(axes) => $f(self, axes),
                    Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
                }
            }
        )*}
    };
}

statistics! {
    /// Mean of all elements, a scalar; NaN of none. Whole numbers give f64.
    mean mean_axis mean_axes mean_over;
    /// Variance of all elements, `mean((x - mean(x))²)`, a scalar.
    var var_axis var_axes var_over;
    /// Standard deviation of all elements, the square root of the variance.
    std std_axis std_axes std_over;
    /// Euclidean norm of all elements, `√Σx²`, also where the squares are no numbers; its derivative at 0 is NaN, as the norm has none there.
    norm norm_axis norm_axes norm_over;
    /// `ln Σ eˣ` of all elements without overflow, a scalar; -∞ of none. Of equal infinities that are the largest, each has the same share of the derivative.
    log_sum_exp log_sum_exp_axis log_sum_exp_axes log_sum_exp_over;
}

#[track_caller]
fn mean_over(x: &Tensor, axes: Dims) -> Tensor {
    let n: usize = axes.iter().map(|&a| x.shape()[a]).product();
    let x = if x.dtype().is_float() {
        x.clone()
    } else {
        x.astype(DType::F64)
    };
    x.reduced(ReduceKind::Sum, axes) / n as f64
}

#[track_caller]
fn var_over(x: &Tensor, axes: Dims) -> Tensor {
    let mean = mean_over(x, axes.clone()).with_axes(&axes, x.rank());
    mean_over(&(x - mean).square(), axes)
}

#[track_caller]
fn std_over(x: &Tensor, axes: Dims) -> Tensor {
    var_over(x, axes).sqrt()
}

#[track_caller]
fn norm_over(x: &Tensor, axes: Dims) -> Tensor {
    if !x.dtype().is_float() || axes.iter().any(|&a| x.shape()[a] == 0) {
        return x.square().reduced(ReduceKind::Sum, axes).sqrt();
    }
    if x.dtype() == DType::F32 {
        // Squares of all of these are numbers in f64.
        let squares = x.astype(DType::F64).square();
        return squares
            .reduced(ReduceKind::Sum, axes)
            .sqrt()
            .astype(DType::F32);
    }
    // Scaled by a power of two, which loses nothing, to where squares are numbers.
    // The norm does not depend on the factor, and so no derivative does.
    let power = |n: i32| Tensor::from(2f64.powi(n));
    let largest = x.abs().reduced(ReduceKind::Max, axes.clone());
    let largest = largest.stop_gradient();
    let small = largest.less(power(-500));
    let factor = small.where_(&power(600), &power(0));
    let factor = largest.greater(power(500)).where_(&power(-600), &factor);
    let scaled = x * factor.with_axes(&axes, x.rank());
    scaled.square().reduced(ReduceKind::Sum, axes).sqrt() / factor
}

#[track_caller]
fn log_sum_exp_over(x: &Tensor, axes: Dims) -> Tensor {
    if axes.iter().any(|&a| x.shape()[a] == 0) {
        return x.exp().reduced(ReduceKind::Sum, axes).log();
    }
    let largest = x.reduced(ReduceKind::Max, axes.clone());
    let infinite = !largest.is_finite();
    let sum = exponentials(x, &largest.stop_gradient(), &axes).reduced(ReduceKind::Sum, axes);
    // Where the largest is infinite, it is the result, with its slope.
    let sum = infinite.where_(&sum.ones_like(), &sum).log();
    sum + infinite.where_(&largest, &largest.stop_gradient())
}

/// `exp(x - largest)`, to be summed over `axes`.
///
/// If `largest` is +∞, infinite elements give e⁴⁰ and finite ones at most 1, so the finite ones contribute less than
/// one rounding error (e⁻⁴⁰ ≈ 4e-18). No value or slope is NaN, unless an element is.
#[track_caller]
fn exponentials(x: &Tensor, largest: &Tensor, axes: &[usize]) -> Tensor {
    let most = match x.dtype() {
        DType::F32 => f64::from(f32::MAX),
        _ => f64::MAX,
    };
    let finite = largest.clip(-most, most).with_axes(axes, x.rank());
    (x - finite).minimum(40.0).exp()
}

impl Tensor {
    #[track_caller]
    fn reduced(&self, kind: ReduceKind, axes: Dims) -> Tensor {
        Tensor::apply(Op::Reduce(Reduce { kind, axes }), &[self])
    }

    /// The reduced axes put back with size 1.
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

    /// This tensor, reduced over `axes` of one of rank `rank`, with these axes put back as size 1, so that it broadcasts against the original.
    ///
    /// ```
    /// use gradus::Tensor;
    /// let x = Tensor::from([[1.0, 2.0], [3.0, 6.0]]);
    /// let centred = &x - x.mean_axis(1).keep(&[1], 2);
    /// assert_eq!(centred.to_vec::<f64>()?, [-0.5, 0.5, -1.5, 1.5]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the axes do not fit.
    #[track_caller]
    pub fn keep(&self, axes: impl Integers, rank: usize) -> Tensor {
        let full = gradus_ir::Type::new(self.dtype(), &vec![1; rank]);
        match axes_of("keep", axes, &full) {
            Ok(axes) => self.with_axes(&axes, rank),
            Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
        }
    }

    #[track_caller]
    fn extreme(&self, name: &str, smallest: bool, axis: impl Integer) -> Tensor {
        match axis_of(name, axis, self.ty()) {
            Ok(axis) => Tensor::apply(Op::ArgReduce(ArgReduce { smallest, axis }), &[self]),
            Err(error) => Tensor::fail(error, &[self], self.ty().with_dtype(DType::I64)),
        }
    }

    /// The position of the largest element in row-major order, i64; the first of equal ones.
    #[track_caller]
    pub fn argmax(&self) -> Tensor {
        self.ravel().extreme("argmax", false, 0)
    }

    /// The index of the largest element along an axis, i64; the first of equal ones.
    #[track_caller]
    pub fn argmax_axis(&self, axis: impl Integer) -> Tensor {
        self.extreme("argmax_axis", false, axis)
    }

    /// The position of the smallest element in row-major order, i64; the first of equal ones.
    #[track_caller]
    pub fn argmin(&self) -> Tensor {
        self.ravel().extreme("argmin", true, 0)
    }

    /// The index of the smallest element along an axis, i64; the first of equal ones.
    #[track_caller]
    pub fn argmin_axis(&self, axis: impl Integer) -> Tensor {
        self.extreme("argmin_axis", true, axis)
    }

    /// Running sums along an axis: element `i` is the sum of those up to and including `i`.
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

    /// `eˣ / Σ eˣ` along an axis, without overflow.
    #[track_caller]
    pub fn softmax(&self, axis: impl Integer) -> Tensor {
        match axis_of("softmax", axis, self.ty()) {
            Ok(a) if self.shape()[a] == 0 => self.clone(),
            Ok(a) => {
                let axes = Dims::from_slice(&[a]);
                let largest = self.reduced(ReduceKind::Max, axes.clone()).stop_gradient();
                let e = exponentials(self, &largest, &axes);
                let sum = e.reduced(ReduceKind::Sum, axes.clone());
                e / sum.with_axes(&axes, self.rank())
            }
            Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
        }
    }

    /// `ln softmax(x)` along an axis, without overflow.
    #[track_caller]
    pub fn log_softmax(&self, axis: impl Integer) -> Tensor {
        match axis_of("log_softmax", axis, self.ty()) {
            Ok(a) if self.shape()[a] == 0 => self.clone(),
            Ok(a) => {
                let axes = Dims::from_slice(&[a]);
                let largest = self.reduced(ReduceKind::Max, axes.clone()).stop_gradient();
                let largest = largest.with_axes(&axes, self.rank());
                // What is itself the largest is 0 where the difference of two infinities would be NaN.
                let both = self.equal(f64::INFINITY) & largest.equal(f64::INFINITY);
                let shifted = both.where_(&self.zeros_like(), &(self - largest));
                let sum = shifted.exp().reduced(ReduceKind::Sum, axes.clone());
                &shifted - sum.log().with_axes(&axes, self.rank())
            }
            Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
        }
    }
}
