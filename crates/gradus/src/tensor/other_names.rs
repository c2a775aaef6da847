//! Methods with the names of other libraries, so that the compiler says the name in Gradus.

use super::broadcast::Operand;
use super::integers::{Integer, Integers};
use super::{Element, Tensor};
use gradus_ir::{DType, Result};

macro_rules! other_names {
    ($($name:ident$([$($generic:tt)*])?($($argument:ident: $t:ty),*) -> $result:ty: $note:literal, |$this:ident| $body:expr;)*) => {
        impl Tensor {$(
            #[doc(hidden)]
            #[deprecated(note = $note)]
            #[track_caller]
            pub fn $name$(<$($generic)*>)?(&self, $($argument: $t),*) -> $result {
                let $this = self;
                $body
            }
        )*}
    };
}

other_names! {
    ln() -> Tensor: "Gradus calls this `log`", |x| x.log();
    ln_1p() -> Tensor: "Gradus calls this `log1p`", |x| x.log1p();
    exp_m1() -> Tensor: "Gradus calls this `expm1`", |x| x.expm1();
    powf(y: impl Operand) -> Tensor: "Gradus calls this `pow`", |x| x.pow(y);
    sqr() -> Tensor: "Gradus calls this `square`", |x| x.square();
    recip() -> Tensor: "Gradus calls this `reciprocal`", |x| x.reciprocal();
    signum() -> Tensor: "Gradus calls this `sign`", |x| x.sign();
    clamp(low: impl Operand, high: impl Operand) -> Tensor: "Gradus calls this `clip`", |x| x.clip(low, high);
    detach() -> Tensor: "Gradus calls this `stop_gradient`", |x| x.stop_gradient();
    cast(dtype: DType) -> Tensor: "Gradus calls this `astype`", |x| x.astype(dtype);
    to_dtype(dtype: DType) -> Tensor: "Gradus calls this `astype`", |x| x.astype(dtype);
    transpose() -> Tensor: "Gradus calls this `t`; `permute` takes an order of the axes, `swap_axes` two of them", |x| x.t();
    view(shape: impl Integers) -> Tensor: "Gradus calls this `reshape`", |x| x.reshape(shape);
    unsqueeze(axis: impl Integer) -> Tensor: "Gradus calls this `expand_dims`", |x| x.expand_dims(axis);
    expand(shape: impl Integers) -> Tensor: "Gradus calls this `broadcast_to`", |x| x.broadcast_to(shape);
    index_select(axis: impl Integer, indices: &Tensor) -> Tensor: "Gradus calls this `take(indices, axis)`", |x| x.take(indices, axis);
    narrow(axis: impl Integer, start: usize, len: usize) -> Tensor: "Gradus calls this `slice_axis(axis, start..start + len)`",
        |x| x.slice_axis(axis, start..start.saturating_add(len));
    mm(other: &Tensor) -> Tensor: "Gradus calls this `matmul`", |x| x.matmul(other);
    logsumexp(axis: impl Integer) -> Tensor: "Gradus calls this `log_sum_exp_axis`", |x| x.log_sum_exp_axis(axis);
    sum_keepdim(axis: impl Integer) -> Tensor: "Gradus calls this `sum_axis_keep`", |x| x.sum_axis_keep(axis);
    mean_keepdim(axis: impl Integer) -> Tensor: "Gradus calls this `mean_axis_keep`", |x| x.mean_axis_keep(axis);
    max_keepdim(axis: impl Integer) -> Tensor: "Gradus calls this `max_axis_keep`", |x| x.max_axis_keep(axis);
    min_keepdim(axis: impl Integer) -> Tensor: "Gradus calls this `min_axis_keep`", |x| x.min_axis_keep(axis);
    eq(other: impl Operand) -> Tensor: "Gradus calls this `equal`", |x| x.equal(other);
    ne(other: impl Operand) -> Tensor: "Gradus calls this `not_equal`", |x| x.not_equal(other);
    lt(other: impl Operand) -> Tensor: "Gradus calls this `less`", |x| x.less(other);
    le(other: impl Operand) -> Tensor: "Gradus calls this `less_equal`", |x| x.less_equal(other);
    gt(other: impl Operand) -> Tensor: "Gradus calls this `greater`", |x| x.greater(other);
    ge(other: impl Operand) -> Tensor: "Gradus calls this `greater_equal`", |x| x.greater_equal(other);
    dim() -> usize: "Gradus calls this `rank`; `shape` has the sizes", |x| x.rank();
    ndim() -> usize: "Gradus calls this `rank`", |x| x.rank();
    numel() -> usize: "Gradus calls this `len`", |x| x.len();
    to_scalar[T: Element]() -> Result<T>: "Gradus calls this `item`", |x| x.item();
}

impl Tensor {
    #[doc(hidden)]
    #[deprecated(note = "Gradus calls this `eye`")]
    #[track_caller]
    pub fn identity(n: impl Integer, dtype: DType) -> Tensor {
        Tensor::eye(n, dtype)
    }
}

#[doc(hidden)]
#[deprecated(note = "Gradus calls this `concatenate`")]
#[track_caller]
pub fn concat(parts: &[&Tensor], axis: impl Integer) -> Tensor {
    super::concatenate(parts, axis)
}

#[doc(hidden)]
#[deprecated(note = "Gradus calls this `concatenate`")]
#[track_caller]
pub fn cat(parts: &[&Tensor], axis: impl Integer) -> Tensor {
    super::concatenate(parts, axis)
}
