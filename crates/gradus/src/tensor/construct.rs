//! Making tensors.

use super::Tensor;
use gradus_cpu::{Array, Element};
use gradus_ir::{DType, Error, ErrorKind, Literal, Result, Type};

impl Tensor {
    /// The tensor of `shape` with these elements in row-major order.
    ///
    /// ```
    /// use gradus::Tensor;
    /// let t = Tensor::new(vec![1.0, 2.0, 3.0, 4.0], &[2, 2])?;
    /// assert_eq!(t.shape(), [2, 2]);
    /// assert_eq!(
    ///     Tensor::new(vec![1.0], &[2]).unwrap_err().message(),
    ///     "1 numbers for the shape [2], which has 2 elements"
    /// );
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// If their number is not that of the shape's elements.
    pub fn new<T: Element>(values: impl AsRef<[T]>, shape: &[usize]) -> Result<Tensor> {
        Ok(Tensor::from_array(Array::from_slice(
            values.as_ref(),
            shape,
        )?))
    }

    /// Zeros.
    ///
    /// # Panics
    /// If no memory can hold them.
    #[track_caller]
    pub fn zeros(shape: &[usize], dtype: DType) -> Tensor {
        Tensor::filled("zeros", Literal::from_i64(dtype, 0), shape)
    }

    /// Ones.
    ///
    /// # Panics
    /// If no memory can hold them.
    #[track_caller]
    pub fn ones(shape: &[usize], dtype: DType) -> Tensor {
        Tensor::filled("ones", Literal::from_i64(dtype, 1), shape)
    }

    /// Every element is `value`; of the value's type.
    ///
    /// # Panics
    /// If no memory can hold them.
    #[track_caller]
    pub fn full<T: Element>(shape: &[usize], value: T) -> Tensor {
        Tensor::filled("full", literal(value), shape)
    }

    /// As [`splat`](Self::splat), of a shape that a user gave.
    #[track_caller]
    pub(super) fn filled(name: &str, value: Literal, shape: &[usize]) -> Tensor {
        let ty = Type::new(value.dtype(), shape);
        if ty.is_addressable() {
            return Tensor::splat(value, shape);
        }
        let error = Error::new(ErrorKind::Shape, format!("{name}: no memory can hold {ty}"));
        Tensor::fail(error, &[], Type::scalar(value.dtype()))
    }

    /// Zeros of this tensor's type and shape.
    pub fn zeros_like(&self) -> Tensor {
        Tensor::zeros(self.shape(), self.dtype())
    }

    /// Ones of this tensor's type and shape.
    pub fn ones_like(&self) -> Tensor {
        Tensor::ones(self.shape(), self.dtype())
    }

    /// The `n × n` identity matrix.
    pub fn eye(n: usize, dtype: DType) -> Tensor {
        let row = Tensor::iota(&[n, n], 0);
        row.equal(Tensor::iota(&[n, n], 1)).astype(dtype)
    }

    /// The index along `axis` at each place of an array of `shape`, i64.
    pub(crate) fn iota(shape: &[usize], axis: usize) -> Tensor {
        let inner: usize = shape[axis + 1..].iter().product();
        let n: usize = shape.iter().product();
        let values: Vec<i64> = (0..n).map(|i| (i / inner % shape[axis]) as i64).collect();
        match Tensor::new(values, shape) {
            Ok(t) => t,
            Err(_) => unreachable!("there are as many values as elements"),
        }
    }

    /// `start, start + step, …` up to (not including) `stop`, f64.
    ///
    /// # Panics
    /// If `step` is 0 or the number of elements is not finite.
    #[track_caller]
    pub fn arange(start: f64, stop: f64, step: f64) -> Tensor {
        let n = ((stop - start) / step).ceil();
        if step == 0.0 || !n.is_finite() {
            let error = Error::new(
                ErrorKind::Argument,
                format!("arange: from {start} to {stop} by {step} is no finite sequence"),
            );
            return Tensor::fail(error, &[], Type::new(DType::F64, &[0]));
        }
        let values: Vec<f64> = (0..n.max(0.0) as usize)
            .map(|i| start + i as f64 * step)
            .collect();
        Tensor::from(values)
    }

    /// `n` numbers at equal distances from `start` to `stop`, both included, f64.
    pub fn linspace(start: f64, stop: f64, n: usize) -> Tensor {
        let step = (stop - start) / n.saturating_sub(1).max(1) as f64;
        let values: Vec<f64> = (0..n)
            .map(|i| {
                if i + 1 == n && n > 1 {
                    stop
                } else {
                    start + i as f64 * step
                }
            })
            .collect();
        Tensor::from(values)
    }
}

pub(super) fn literal<T: Element>(value: T) -> Literal {
    match Array::from_slice(&[value], &[]) {
        Ok(a) => a.get(0),
        Err(_) => unreachable!("one value is a scalar"),
    }
}

/// Scalars, lists and nested arrays of one element type.
macro_rules! conversions {
    ($($t:ty),*) => {$(
        impl From<$t> for Tensor {
            fn from(value: $t) -> Tensor {
                Tensor::splat(literal(value), &[])
            }
        }

        impl From<Vec<$t>> for Tensor {
            fn from(values: Vec<$t>) -> Tensor {
                from_flat(&values, &[values.len()])
            }
        }

        impl From<&[$t]> for Tensor {
            fn from(values: &[$t]) -> Tensor {
                from_flat(values, &[values.len()])
            }
        }

        impl<const N: usize> From<[$t; N]> for Tensor {
            fn from(values: [$t; N]) -> Tensor {
                from_flat(&values, &[N])
            }
        }

        impl<const M: usize, const N: usize> From<[[$t; N]; M]> for Tensor {
            fn from(values: [[$t; N]; M]) -> Tensor {
                from_flat(values.as_flattened(), &[M, N])
            }
        }

        impl<const L: usize, const M: usize, const N: usize> From<[[[$t; N]; M]; L]> for Tensor {
            fn from(values: [[[$t; N]; M]; L]) -> Tensor {
                from_flat(values.as_flattened().as_flattened(), &[L, M, N])
            }
        }
    )*};
}

conversions!(f32, f64, i32, i64, u32, bool);

fn from_flat<T: Element>(values: &[T], shape: &[usize]) -> Tensor {
    match Array::from_slice(values, shape) {
        Ok(array) => Tensor::from_array(array),
        Err(_) => unreachable!("the shape is that of the values"),
    }
}
