//! Comparison, choice, logic.

use super::Tensor;
use super::broadcast::{Operand, binary, common_shape, expand};
use gradus_ir::primitives::{Compare, Select};
use gradus_ir::{DType, Error, ErrorKind, Op, Type};

macro_rules! comparisons {
    ($($what:literal $name:ident $op:ident;)*) => {
        impl Tensor {$(
            #[doc = concat!("Whether `", $what, "`, elementwise: truth values. NaN differs from everything and is in no order.")]
            ///
            /// # Panics
            /// If the shapes do not broadcast.
            #[track_caller]
            pub fn $name(&self, other: impl Operand) -> Tensor {
                binary(stringify!($name), Op::Compare(Compare::$op), self, &other)
            }
        )*}
    };
}

comparisons! {
    "self = other" equal Eq;
    "self ≠ other" not_equal Ne;
    "self < other" less Lt;
    "self ≤ other" less_equal Le;
    "self > other" greater Gt;
    "self ≥ other" greater_equal Ge;
}

impl Tensor {
    /// `a` where `self` (truth values) holds, else `b`, elementwise with broadcasting.
    ///
    /// Both are computed. A derivative flows only to the one that was chosen; but if the other one's slope is infinite or NaN there, `0·∞` still makes
    /// NaN: guard its argument, as in `ok.where_(&x, &1.into()).sqrt()`.
    ///
    /// ```
    /// use gradus::Tensor;
    /// let x = Tensor::from([-1.0, 2.0]);
    /// let y = x.greater(0.0).where_(&x, &(&x * 0.1));
    /// assert_eq!(y.to_vec::<f64>()?, [-0.1, 2.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `self` holds no truth values, or the shapes do not broadcast.
    #[track_caller]
    pub fn where_(&self, a: &Tensor, b: &Tensor) -> Tensor {
        if self.dtype() != DType::Bool {
            let error = Error::new(
                ErrorKind::DType,
                format!(
                    "where_: the condition is {}, it must hold truth values; compare it with something first",
                    self.ty()
                ),
            );
            return Tensor::fail(error, &[self, a, b], a.ty().clone());
        }
        let dtype = a.dtype().promoted(b.dtype());
        let shape = common_shape("where_", a.ty(), b.ty())
            .and_then(|s| common_shape("where_", self.ty(), &Type::new(dtype, &s)));
        let shape = match shape {
            Ok(shape) => shape,
            Err(error) => return Tensor::fail(error, &[self, a, b], a.ty().with_dtype(dtype)),
        };
        let (a, b) = (
            expand(&a.astype(dtype), &shape),
            expand(&b.astype(dtype), &shape),
        );
        Tensor::apply(Op::Select(Select), &[&expand(self, &shape), &a, &b])
    }

    /// Whether one element is true (or not 0), as a scalar.
    #[track_caller]
    pub fn any(&self) -> Tensor {
        if self.is_empty() {
            return Tensor::from(false);
        }
        self.astype(DType::Bool).max()
    }

    /// Whether all elements are true (or not 0), as a scalar.
    #[track_caller]
    pub fn all(&self) -> Tensor {
        if self.is_empty() {
            return Tensor::from(true);
        }
        self.astype(DType::Bool).min()
    }
}
