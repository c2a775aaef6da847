//! Brings operands to one element type and one shape.

use super::integers::{Integer, Integers};
use super::widened;
use super::{Repr, Tensor};
use gradus_engine::Element;
use gradus_ir::primitives::Layout;
use gradus_ir::{DType, Dims, Error, ErrorKind, Kind, Literal, Op, Result, Type, bf16};

/// An operand combined with a tensor: a tensor, a reference to one, or a number, which takes the tensor's element type.
///
/// ```
/// # use gradus::prelude::*;
/// let x = Tensor::from([1.0_f32, -2.0]);
/// assert_eq!((&x * 2).dtype(), F32);
/// assert_eq!(x.maximum(0.0).to_vec::<f32>()?, [1.0, 0.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be combined with a tensor",
    label = "expected a tensor, a reference to one, or a number"
)]
pub trait Operand {
    /// The operand as a tensor, for an operation with a tensor of type `like`.
    ///
    /// # Errors
    /// If the number does not fit into that type.
    #[doc(hidden)]
    fn operand(&self, like: DType) -> Result<Tensor>;

    /// The element type of a tensor, which does not change; `None` for a number.
    #[doc(hidden)]
    fn tensor_dtype(&self) -> Option<DType>;

    /// The element type if all operands are numbers: i64 for integers.
    #[doc(hidden)]
    fn own_dtype(&self) -> DType;
}

impl Operand for Tensor {
    fn operand(&self, _like: DType) -> Result<Tensor> {
        Ok(self.clone())
    }

    fn tensor_dtype(&self) -> Option<DType> {
        Some(self.dtype())
    }

    fn own_dtype(&self) -> DType {
        self.dtype()
    }
}

impl<T: Operand + ?Sized> Operand for &T {
    fn operand(&self, like: DType) -> Result<Tensor> {
        (**self).operand(like)
    }

    fn tensor_dtype(&self) -> Option<DType> {
        (**self).tensor_dtype()
    }

    fn own_dtype(&self) -> DType {
        (**self).own_dtype()
    }
}

/// Both operands as tensors. A number takes the type of the other tensor.
pub(super) fn both(a: &impl Operand, b: &impl Operand) -> Result<(Tensor, Tensor)> {
    let (of_a, of_b) = (a.tensor_dtype(), b.tensor_dtype());
    let like = of_a.or(of_b);
    let like = like.unwrap_or_else(|| a.own_dtype().promoted(b.own_dtype()));
    Ok((a.operand(like)?, b.operand(like)?))
}

/// `value` as a literal of type `dtype`.
///
/// # Errors
/// If it is out of the type's range, or if it is a fraction and the type is an integer type.
/// A float rounds off digits that it cannot hold.
pub(super) fn fitting(value: f64, dtype: DType) -> Result<Literal> {
    let literal = Literal::from_f64(dtype, value);
    let kept = match dtype.kind() {
        Kind::Float(_) => literal.as_f64().is_finite() || !value.is_finite(),
        // Larger numbers saturate to i64::MAX, and converted to f64 that is the next number above it.
        Kind::Integer(_) => literal.as_i64() as f64 == value && value < i64::MAX as f64,
        Kind::Bool => literal.as_i64() as f64 == value,
    };
    if kept {
        Ok(literal)
    } else {
        Err(does_not_fit(value, dtype))
    }
}

fn does_not_fit(value: impl std::fmt::Debug, dtype: DType) -> Error {
    Error::new(
        ErrorKind::DType,
        format!("the number {value:?} does not fit into {dtype}; convert the tensor with `astype`"),
    )
}

macro_rules! float_operands {
    ($($t:ty),*) => {$(
        impl Operand for $t {
            fn operand(&self, like: DType) -> Result<Tensor> {
                // A fraction with integers makes all of them f64.
                let dtype = if like.has_derivatives() { like } else { DType::F64 };
                Ok(Tensor::splat(fitting(f64::from(*self), dtype)?, &[]))
            }

            fn tensor_dtype(&self) -> Option<DType> {
                None
            }

            fn own_dtype(&self) -> DType {
                <$t as Element>::DTYPE
            }
        }
    )*};
}

float_operands!(f64, f32, bf16);

macro_rules! integer_operands {
    ($($t:ty),*) => {$(
        impl Operand for $t {
            fn operand(&self, like: DType) -> Result<Tensor> {
                let dtype = if like == DType::Bool { DType::I64 } else { like };
                let value = *self as i128;
                let literal = Literal::from_i64(dtype, value as i64);
                if dtype.is_integer() && i128::from(literal.as_i64()) != value {
                    return Err(does_not_fit(value, dtype));
                }
                if dtype.has_derivatives() {
                    return Ok(Tensor::splat(Literal::from_f64(dtype, value as f64), &[]));
                }
                Ok(Tensor::splat(literal, &[]))
            }

            fn tensor_dtype(&self) -> Option<DType> {
                None
            }

            fn own_dtype(&self) -> DType {
                DType::I64
            }
        }
    )*};
}

integer_operands!(i32, i64, u32, usize);

impl Operand for bool {
    fn operand(&self, _like: DType) -> Result<Tensor> {
        Ok(Tensor::splat(Literal::from_bool(*self), &[]))
    }

    fn tensor_dtype(&self) -> Option<DType> {
        None
    }

    fn own_dtype(&self) -> DType {
        DType::Bool
    }
}

/// The shape to which two shapes broadcast.
pub(super) fn common_shape(name: &str, a: &Type, b: &Type) -> Result<Dims> {
    let rank = a.rank().max(b.rank());
    let mut shape = Dims::from_elem(1, rank);
    for i in 0..rank {
        let size = |t: &Type| {
            let skipped = rank - t.rank();
            if i < skipped { 1 } else { t.shape[i - skipped] }
        };
        let (m, n) = (size(a), size(b));
        shape[i] = match (m, n) {
            _ if m == n => m,
            (1, n) => n,
            (m, 1) => m,
            _ => {
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!(
                        "{name}: shapes {:?} and {:?} do not broadcast: axis {i} has sizes {m} and {n}; sizes must be equal or 1",
                        a.shape.as_slice(),
                        b.shape.as_slice()
                    )
                    .replace(", ", ",")
                    .replace(",axis", ", axis"),
                ));
            }
        };
    }
    Ok(shape)
}

/// Repeats `t` to `shape`, to which it broadcasts.
#[track_caller]
pub(super) fn expand(t: &Tensor, shape: &[usize]) -> Tensor {
    if t.shape() == shape {
        return t.clone();
    }
    if let Repr::Splat(value, _) = &t.0 {
        return Tensor::filled("broadcast", *value, shape);
    }
    let skipped = shape.len() - t.rank();
    let layout = Layout::Broadcast {
        shape: Dims::from_slice(shape),
        axes: (skipped..shape.len()).collect(),
    };
    Tensor::apply(Op::Layout(layout), &[t])
}

/// Brings both operands to one element type and one shape.
#[track_caller]
pub(super) fn pair(name: &str, a: &Tensor, b: &impl Operand) -> Result<(Tensor, Tensor)> {
    let b = b.operand(a.dtype()).map_err(|e| e.named(name))?;
    let shape = common_shape(name, a.ty(), b.ty())?;
    let dtype = a.dtype().promoted(b.dtype());
    widened::note(name, a, &b);
    let (a, b) = (a.astype(dtype), b.astype(dtype));
    Ok((expand(&a, &shape), expand(&b, &shape)))
}

/// Applies a binary operation. If [`pair`] fails, a result of `a`'s type stands in.
#[track_caller]
pub(super) fn binary(name: &str, op: Op, a: &Tensor, b: &impl Operand) -> Tensor {
    match pair(name, a, b) {
        Ok((a, b)) => Tensor::apply(op, &[&a, &b]),
        Err(error) => Tensor::fail(error, &[a], a.ty().clone()),
    }
}

/// The axis `axis` of an array of `rank` dimensions; negative axes count from the end.
pub(super) fn axis_of(name: &str, axis: impl Integer, ty: &Type) -> Result<usize> {
    let (axis, rank) = (axis.wide(), ty.rank() as i128);
    let resolved = if axis < 0 { axis + rank } else { axis };
    if (0..rank).contains(&resolved) {
        return Ok(resolved as usize);
    }
    Err(Error::new(
        ErrorKind::Axis,
        if rank == 0 {
            format!("{name}: axis {axis} of {ty}, which is a scalar and has none")
        } else {
            format!(
                "{name}: axis {axis} of {ty}; axes go from -{rank} to {}",
                rank - 1
            )
        },
    ))
}

/// Distinct axes in ascending order.
pub(super) fn axes_of(name: &str, axes: impl Integers, ty: &Type) -> Result<Dims> {
    let axes = axes.wide();
    let mut out = axes
        .iter()
        .map(|&a| axis_of(name, a, ty))
        .collect::<Result<Dims>>()?;
    out.sort_unstable();
    if out.windows(2).any(|w| w[0] == w[1]) {
        return Err(Error::new(
            ErrorKind::Axis,
            format!("{name}: axes {axes:?} of {ty} contain one axis twice"),
        ));
    }
    Ok(out)
}
