//! Making tensors.

use super::Tensor;
use super::integers::{Integer, Integers, size_of, sizes_of};
use crate::trace::on_behalf_of;
use gradus_cpu::{Array, Element};
use gradus_ir::{DType, Error, ErrorKind, Literal, Loc, Result, Type};

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
    /// If their number is not that of the shape's elements, or memory cannot hold a copy.
    #[track_caller]
    pub fn new<T: Element>(values: impl AsRef<[T]>, shape: impl Integers) -> Result<Tensor> {
        let shape = sizes_of("Tensor::new", shape)?;
        let array = Array::from_slice(values.as_ref(), &shape);
        array.map(Tensor::from_array).map_err(|e| {
            if e.kind() == ErrorKind::Memory {
                e.at(Loc::caller())
            } else {
                e
            }
        })
    }

    /// Zeros.
    ///
    /// # Panics
    /// If no memory can hold them.
    #[track_caller]
    pub fn zeros(shape: impl Integers, dtype: DType) -> Tensor {
        Tensor::filled("zeros", Literal::from_i64(dtype, 0), shape)
    }

    /// Ones.
    ///
    /// # Panics
    /// If no memory can hold them.
    #[track_caller]
    pub fn ones(shape: impl Integers, dtype: DType) -> Tensor {
        Tensor::filled("ones", Literal::from_i64(dtype, 1), shape)
    }

    /// Every element is `value`; of the value's type.
    ///
    /// # Panics
    /// If no memory can hold them.
    #[track_caller]
    pub fn full<T: Element>(shape: impl Integers, value: T) -> Tensor {
        Tensor::filled("full", literal(value), shape)
    }

    /// As [`splat`](Self::splat), of a shape that a user gave.
    #[track_caller]
    pub(super) fn filled(name: &str, value: Literal, shape: impl Integers) -> Tensor {
        let sizes = sizes_of(name, shape).and_then(|shape| {
            let ty = Type::new(value.dtype(), &shape);
            match ty.is_addressable() {
                true => Ok(shape),
                false => {
                    let message = format!("{name}: no memory can hold {ty}");
                    Err(Error::new(ErrorKind::Shape, message))
                }
            }
        });
        match sizes {
            Ok(shape) => Tensor::splat(value, &shape),
            Err(error) => Tensor::fail(error, &[], Type::scalar(value.dtype())),
        }
    }

    /// Zeros of this tensor's type and shape.
    #[track_caller]
    pub fn zeros_like(&self) -> Tensor {
        Tensor::zeros(self.shape(), self.dtype())
    }

    /// Ones of this tensor's type and shape.
    #[track_caller]
    pub fn ones_like(&self) -> Tensor {
        Tensor::ones(self.shape(), self.dtype())
    }

    /// The `n × n` identity matrix.
    ///
    /// # Panics
    /// If memory cannot hold it.
    #[track_caller]
    pub fn eye(n: impl Integer, dtype: DType) -> Tensor {
        let n = match size_of("eye", n.wide()) {
            Ok(n) => n,
            Err(error) => return Tensor::fail(error, &[], Type::new(dtype, &[0, 0])),
        };
        let loc = Loc::caller();
        on_behalf_of(loc, || {
            let diagonal = n.saturating_add(1);
            Tensor::generated("eye", &[n, n], |i| i % diagonal == 0).astype(dtype)
        })
    }

    /// The index along `axis` at each place of an array of `shape`, i64; for the operation `name`.
    #[track_caller]
    pub(crate) fn iota(name: &str, shape: &[usize], axis: usize) -> Tensor {
        let inner = shape[axis + 1..].iter();
        let inner = inner.fold(1, |n: usize, &d| n.saturating_mul(d));
        Tensor::generated(name, shape, |i| (i / inner % shape[axis]) as i64)
    }

    /// The tensor of `shape` whose elements in row-major order are `element(0)`, `element(1)`, …; for the operation `name`.
    #[track_caller]
    pub(crate) fn generated<T: Element>(
        name: &str,
        shape: &[usize],
        element: impl Fn(usize) -> T,
    ) -> Tensor {
        match Array::generate(name, shape, element) {
            Ok(array) => Tensor::from_array(array),
            Err(error) => {
                let ty = Type::new(T::DTYPE, shape);
                let ty = if ty.is_addressable() {
                    ty
                } else {
                    Type::scalar(T::DTYPE)
                };
                Tensor::fail(error, &[], ty)
            }
        }
    }

    /// `start, start + step, …` up to (not including) `stop`, f64.
    ///
    /// # Panics
    /// If `step` is 0, or the number of elements is not finite or more than memory can hold.
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
        let n = n.max(0.0) as usize;
        Tensor::generated("arange", &[n], |i| start + i as f64 * step)
    }

    /// `n` numbers at equal distances from `start` to `stop`, both included, f64.
    ///
    /// # Panics
    /// If memory cannot hold them.
    #[track_caller]
    pub fn linspace(start: f64, stop: f64, n: usize) -> Tensor {
        let step = (stop - start) / n.saturating_sub(1).max(1) as f64;
        Tensor::generated("linspace", &[n], |i| {
            if i + 1 == n && n > 1 {
                stop
            } else {
                start + i as f64 * step
            }
        })
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
            #[track_caller]
            fn from(value: $t) -> Tensor {
                Tensor::splat(literal(value), &[])
            }
        }

        impl From<Vec<$t>> for Tensor {
            #[track_caller]
            fn from(values: Vec<$t>) -> Tensor {
                from_flat(&values, &[values.len()])
            }
        }

        impl From<&[$t]> for Tensor {
            #[track_caller]
            fn from(values: &[$t]) -> Tensor {
                from_flat(values, &[values.len()])
            }
        }

        impl<const N: usize> From<[$t; N]> for Tensor {
            #[track_caller]
            fn from(values: [$t; N]) -> Tensor {
                from_flat(&values, &[N])
            }
        }

        impl<const M: usize, const N: usize> From<[[$t; N]; M]> for Tensor {
            #[track_caller]
            fn from(values: [[$t; N]; M]) -> Tensor {
                from_flat(values.as_flattened(), &[M, N])
            }
        }

        impl<const L: usize, const M: usize, const N: usize> From<[[[$t; N]; M]; L]> for Tensor {
            #[track_caller]
            fn from(values: [[[$t; N]; M]; L]) -> Tensor {
                from_flat(values.as_flattened().as_flattened(), &[L, M, N])
            }
        }
    )*};
}

conversions!(f32, f64, i32, i64, u32, bool);

/// The shape is that of the values; memory may lack for a copy.
#[track_caller]
fn from_flat<T: Element>(values: &[T], shape: &[usize]) -> Tensor {
    match Array::from_slice(values, shape) {
        Ok(array) => Tensor::from_array(array),
        Err(error) => Tensor::fail(error, &[], Type::new(T::DTYPE, shape)),
    }
}
