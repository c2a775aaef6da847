//! Creates tensors.

use super::Tensor;
use super::broadcast::Operand;
use super::integers::{Integer, Integers, size_of, sizes_of};
use crate::trace::{called, on_behalf_of};
use gradus_engine::{Array, Element};
use gradus_ir::{DType, Error, ErrorKind, Literal, Loc, Result, Type, bf16};
use std::borrow::Cow;
use std::fmt::Display;

/// # Making tensors
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
    /// If the number of elements does not fit the shape, or memory cannot hold a copy.
    #[doc(alias = "from_vec")]
    #[doc(alias = "from_shape_vec")]
    #[doc(alias = "from_slice")]
    #[doc(alias = "from_row_slice")]
    #[doc(alias = "tensor")]
    #[doc(alias = "array")]
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

    /// A tensor of zeros.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::zeros(&[2], F64).to_vec::<f64>()?, [0.0, 0.0]);
    /// assert_eq!(Tensor::zeros(&[], F32).item::<f32>()?, 0.0);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If memory cannot hold them.
    #[track_caller]
    pub fn zeros(shape: impl Integers, dtype: DType) -> Tensor {
        Tensor::filled("zeros", Literal::from_i64(dtype, 0), shape)
    }

    /// A tensor of ones.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::ones(&[2], I64).to_vec::<i64>()?, [1, 1]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If memory cannot hold them.
    #[track_caller]
    pub fn ones(shape: impl Integers, dtype: DType) -> Tensor {
        Tensor::filled("ones", Literal::from_i64(dtype, 1), shape)
    }

    /// A tensor whose elements are all `value`, of the value's type.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::full(&[2], 0.5).to_vec::<f64>()?, [0.5, 0.5]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If memory cannot hold them.
    #[doc(alias = "from_elem")]
    #[doc(alias = "from_element")]
    #[doc(alias = "fill")]
    #[doc(alias = "repeat")]
    #[track_caller]
    pub fn full<T: Element>(shape: impl Integers, value: T) -> Tensor {
        Tensor::filled("full", literal(value), shape)
    }

    /// Like [`splat`](Self::splat), with a shape from a user.
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
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([1.0_f32, 2.0]);
    /// assert_eq!(x.zeros_like().to_vec::<f32>()?, [0.0, 0.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[track_caller]
    pub fn zeros_like(&self) -> Tensor {
        Tensor::zeros(self.shape(), self.dtype())
    }

    /// Ones of this tensor's type and shape.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([1.0_f32, 2.0]);
    /// assert_eq!(x.ones_like().to_vec::<f32>()?, [1.0, 1.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[track_caller]
    pub fn ones_like(&self) -> Tensor {
        Tensor::ones(self.shape(), self.dtype())
    }

    /// A tensor of this type and shape whose elements are all `value`.
    /// A number must fit into the element type; a tensor is broadcast to the shape.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([1.0_f32, 2.0]);
    /// assert_eq!(x.full_like(7).to_vec::<f32>()?, [7.0, 7.0]);
    /// assert_eq!(x.full_like(x.max()).to_vec::<f32>()?, [2.0, 2.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the value does not fit into the element type, or does not broadcast to the shape.
    #[track_caller]
    pub fn full_like(&self, value: impl Operand) -> Tensor {
        let fits = value.operand(self.dtype()).and_then(|value| {
            if self.dtype().promoted(value.dtype()) == self.dtype() {
                return Ok(value.astype(self.dtype()));
            }
            let (of, value) = (self.dtype(), value.ty());
            let message = format!("{value} does not fit into {of}; convert it with `astype`");
            Err(Error::new(ErrorKind::DType, message))
        });
        match fits {
            Ok(value) => called("full_like", || value.broadcast_to(self.shape())),
            Err(error) => Tensor::fail(error.named("full_like"), &[self], self.ty().clone()),
        }
    }

    /// The `n × n` identity matrix.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::eye(2, F64).to_vec::<f64>()?, [1.0, 0.0, 0.0, 1.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If memory cannot hold it.
    #[doc(alias = "identity")]
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

    /// The index along `axis` at each position of an array of `shape`, i64; for the operation `name`.
    #[track_caller]
    pub(crate) fn iota(name: &str, shape: &[usize], axis: usize) -> Tensor {
        let inner = shape[axis + 1..].iter();
        let inner = inner.fold(1, |n: usize, &d| n.saturating_mul(d));
        Tensor::generated(name, shape, |i| (i / inner % shape[axis]) as i64)
    }

    /// The tensor of `shape` whose elements in row-major order are `element(0)`,
    /// `element(1)`, …; for the operation `name`.
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

    /// `start, start + step, …` up to and not including `stop`: `[n]`, of the type of the numbers.
    /// Integer literals count as i64.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::arange(0, 10, 3).to_vec::<i64>()?, [0, 3, 6, 9]);
    /// assert_eq!(Tensor::arange(1.0_f32, 0.0, -0.5).to_vec::<f32>()?, [1.0, 0.5]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `step` is 0, or the number of elements is not finite or more than memory can hold.
    #[doc(alias = "range")]
    #[doc(alias = "iota")]
    #[track_caller]
    pub fn arange<N: SequenceNumber>(start: N, stop: N, step: N) -> Tensor {
        let (from, by) = (start.float(), step.float());
        let refused = || {
            let message =
                format!("arange: from {start} to {stop} by {step} is not a finite sequence");
            let error = Error::new(ErrorKind::Argument, message);
            Tensor::fail(error, &[], Type::new(N::ELEMENT, &[0]))
        };
        if by == 0.0 {
            return refused();
        }
        if let (Some(from), Some(to), Some(by)) = (start.whole(), stop.whole(), step.whole()) {
            let (distance, size) = ((to - from) * by.signum(), by.abs());
            let n = (distance + size - 1).div_euclid(size);
            let n = usize::try_from(n.max(0)).unwrap_or(usize::MAX);
            let whole = Tensor::generated("arange", &[n], |i| (from + i as i128 * by) as i64);
            return whole.astype(N::ELEMENT);
        }
        let n = ((stop.float() - from) / by).ceil();
        if !n.is_finite() {
            return refused();
        }
        let n = n.max(0.0) as usize;
        floats("arange", N::ELEMENT, n, |i| from + i as f64 * by)
    }

    /// `n` equidistant numbers from `start` to `stop`, both included: `[n]`, of the type of the numbers.
    /// Integers give f64.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::linspace(0, 1, 5).to_vec::<f64>()?, [0.0, 0.25, 0.5, 0.75, 1.0]);
    /// assert_eq!(Tensor::linspace(0.0_f32, 1.0, 3).dtype(), F32);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `n` is negative, or memory cannot hold them.
    #[track_caller]
    pub fn linspace<N: SequenceNumber>(start: N, stop: N, n: impl Integer) -> Tensor {
        let dtype = if N::ELEMENT.has_derivatives() {
            N::ELEMENT
        } else {
            DType::F64
        };
        let n = match size_of("linspace", n.wide()) {
            Ok(n) => n,
            Err(error) => return Tensor::fail(error, &[], Type::new(dtype, &[0])),
        };
        let (start, stop) = (start.float(), stop.float());
        let step = (stop - start) / n.saturating_sub(1).max(1) as f64;
        floats("linspace", dtype, n, |i| {
            if i + 1 == n && n > 1 {
                stop
            } else {
                start + i as f64 * step
            }
        })
    }
}

/// `n` floats of type `dtype`.
#[track_caller]
fn floats(name: &str, dtype: DType, n: usize, element: impl Fn(usize) -> f64) -> Tensor {
    match dtype {
        DType::F32 => Tensor::generated(name, &[n], |i| element(i) as f32),
        _ => Tensor::generated(name, &[n], element).astype(dtype),
    }
}

/// A number for [`Tensor::arange`] and [`Tensor::linspace`]. Integers give i64, except u32.
#[diagnostic::on_unimplemented(
    message = "a sequence cannot be made of `{Self}`",
    label = "expected `f32`, `f64`, `bf16`, or an integer"
)]
pub trait SequenceNumber: Copy + Display + sealed::Sealed {
    /// The element type of a sequence of these numbers.
    #[doc(hidden)]
    const ELEMENT: DType;

    /// The number as a float.
    #[doc(hidden)]
    fn float(self) -> f64;

    /// The number, if it is an integer.
    #[doc(hidden)]
    fn whole(self) -> Option<i128>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! sequence_numbers {
    ($($t:ident: $dtype:ident, |$v:ident| $float:expr, $whole:expr;)*) => {$(
        impl sealed::Sealed for $t {}

        impl SequenceNumber for $t {
            const ELEMENT: DType = DType::$dtype;

            fn float(self) -> f64 {
                let $v = self;
                $float
            }

            fn whole(self) -> Option<i128> {
                #[allow(unused_variables, reason = "a float is none")]
                let $v = self;
                $whole
            }
        }
    )*};
}

sequence_numbers! {
    bf16: BF16, |v| v.into(), None;
    f32: F32, |v| v.into(), None;
    f64: F64, |v| v, None;
    i32: I64, |v| v.into(), Some(v.into());
    i64: I64, |v| v as f64, Some(v.into());
    u32: U32, |v| v.into(), Some(v.into());
    usize: I64, |v| v as f64, Some(v as i128);
}

pub(super) fn literal<T: Element>(value: T) -> Literal {
    match Array::from_slice(&[value], &[]) {
        Ok(a) => a.get(0),
        Err(_) => unreachable!("one value is a scalar"),
    }
}

/// A number in a list that becomes a tensor.
trait Entry: Copy {
    type Element: Element;

    /// The numbers as elements.
    fn elements(values: &[Self]) -> Result<Cow<'_, [Self::Element]>>;
}

/// Scalars, lists, nested arrays and nested lists of one element type.
macro_rules! conversions {
    ($($t:ty as $element:ty: |$values:ident| $elements:expr;)*) => {$(
        impl Entry for $t {
            type Element = $element;

            fn elements($values: &[$t]) -> Result<Cow<'_, [$element]>> {
                $elements
            }
        }

        impl From<$t> for Tensor {
            #[track_caller]
            fn from(value: $t) -> Tensor {
                match <$t>::elements(&[value]) {
                    Ok(values) => Tensor::splat(literal(values[0]), &[]),
                    Err(error) => Tensor::fail(error, &[], Type::scalar(<$element>::DTYPE)),
                }
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

        conversions! { @lists $t;
            [] [$t] |values| from_flat(values, &[values.len()]);
            [const N: usize] [[$t; N]] |values| from_flat(values.as_flattened(), &[values.len(), N]);
            [] [Vec<$t>] |values| from_rows(values);
            [] [Vec<Vec<$t>>] |values| from_blocks(values);
        }
    )*};
    (@lists $t:ty; $([$($generic:tt)*] [$item:ty] |$values:ident| $made:expr;)*) => {$(
        impl<$($generic)*> From<Vec<$item>> for Tensor {
            #[track_caller]
            fn from(values: Vec<$item>) -> Tensor {
                Tensor::from(&values[..])
            }
        }

        impl<$($generic)*> From<&Vec<$item>> for Tensor {
            #[track_caller]
            fn from(values: &Vec<$item>) -> Tensor {
                Tensor::from(&values[..])
            }
        }

        impl<$($generic)*> From<&[$item]> for Tensor {
            #[track_caller]
            fn from($values: &[$item]) -> Tensor {
                $made
            }
        }
    )*};
}

conversions! {
    bf16 as bf16: |values| Ok(values.into());
    f32 as f32: |values| Ok(values.into());
    f64 as f64: |values| Ok(values.into());
    i32 as i32: |values| Ok(values.into());
    i64 as i64: |values| Ok(values.into());
    u32 as u32: |values| Ok(values.into());
    bool as bool: |values| Ok(values.into());
    usize as i64: |values| values.iter().map(|&v| whole(v)).collect::<Result<Vec<i64>>>().map(Cow::from);
}

/// A position or a count as an element.
fn whole(n: usize) -> Result<i64> {
    i64::try_from(n).map_err(|_| {
        let message = format!("Tensor::from: the number {n} does not fit into i64");
        Error::new(ErrorKind::DType, message)
    })
}

/// The shape fits the values, but memory can lack for a copy.
#[track_caller]
fn from_flat<T: Entry>(values: &[T], shape: &[usize]) -> Tensor {
    let array = T::elements(values).and_then(|values| Array::from_slice(&values, shape));
    match array {
        Ok(array) => Tensor::from_array(array),
        Err(error) => Tensor::fail(error, &[], Type::new(T::Element::DTYPE, shape)),
    }
}

#[track_caller]
fn from_rows<T: Entry>(rows: &[Vec<T>]) -> Tensor {
    match equal_lengths(rows, "row") {
        Ok(n) => from_flat(&rows.concat(), &[rows.len(), n]),
        Err(error) => Tensor::fail(error, &[], Type::new(T::Element::DTYPE, &[rows.len(), 0])),
    }
}

#[track_caller]
fn from_blocks<T: Entry>(blocks: &[Vec<Vec<T>>]) -> Tensor {
    let rows = blocks.concat();
    let sizes = equal_lengths(blocks, "block").and_then(|m| Ok((m, equal_lengths(&rows, "row")?)));
    match sizes {
        Ok((m, n)) => from_flat(&rows.concat(), &[blocks.len(), m, n]),
        Err(error) => {
            let plausible = Type::new(T::Element::DTYPE, &[blocks.len(), 0, 0]);
            Tensor::fail(error, &[], plausible)
        }
    }
}

/// The common length of `lists`; 0 for no lists.
fn equal_lengths<T>(lists: &[Vec<T>], name: &str) -> Result<usize> {
    let first = lists.first().map_or(0, Vec::len);
    match lists.iter().position(|list| list.len() != first) {
        None => Ok(first),
        Some(k) => Err(Error::new(
            ErrorKind::Shape,
            format!(
                "Tensor::from: {name} 0 has {first} entries, {name} {k} has {}; all must be equally long",
                lists[k].len()
            ),
        )),
    }
}
