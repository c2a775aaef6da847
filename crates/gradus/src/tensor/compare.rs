//! Comparison, choice, logic.

use super::Tensor;
use super::broadcast::{Operand, binary, both, common_shape, expand};
use super::widened;
use gradus_ir::primitives::{Compare, Select};
use gradus_ir::{DType, Error, ErrorKind, Op, Type};

/// The example of each comparison compares `[1, 2, 3]` with 2.
macro_rules! comparisons {
    ($($what:literal $alias:literal $name:ident $op:ident $example:literal;)*) => {
        /// # Comparisons
        ///
        /// Elementwise, with a tensor or a number. The results are booleans; `&`, `|`, `^` and `!` combine them.
        impl Tensor {$(
            #[doc = concat!("Whether `", $what, "`, elementwise; a tensor of booleans. NaN is not equal to anything, not less and not greater.")]
            ///
            /// ```
            /// # use gradus::prelude::*;
            #[doc = concat!("let holds = Tensor::from([1, 2, 3]).", stringify!($name), "(2);")]
            #[doc = concat!("assert_eq!(holds.to_vec::<bool>()?, [", $example, "]);")]
            /// # Ok::<(), gradus::Error>(())
            /// ```
            ///
            /// # Panics
            /// If the shapes do not broadcast.
            #[doc(alias = $alias)]
            #[track_caller]
            pub fn $name(&self, other: impl Operand) -> Tensor {
                binary(stringify!($name), Op::Compare(Compare::$op), self, &other)
            }
        )*}
    };
}

comparisons! {
    "self = other" "eq" equal Eq "false, true, false";
    "self ≠ other" "ne" not_equal Ne "true, false, true";
    "self < other" "lt" less Lt "true, false, false";
    "self ≤ other" "le" less_equal Le "true, true, false";
    "self > other" "gt" greater Gt "false, false, true";
    "self ≥ other" "ge" greater_equal Ge "false, true, true";
}

/// # Choices
impl Tensor {
    /// `a` where `self` is true, else `b`, elementwise with broadcasting.
    /// `a` and `b` are tensors or numbers; a number takes the element type of the other tensor.
    /// The function [`where_`] takes the same in NumPy's order.
    ///
    /// Both are computed. A derivative flows only to the chosen one.
    /// But if the slope of the other one is infinite or NaN there, `0·∞` still makes NaN: guard its argument,
    /// as in `ok.where_(&x, 1).sqrt()`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([-1.0, 2.0]);
    /// assert_eq!(x.greater(0.0).where_(&x, &x * 0.1).to_vec::<f64>()?, [-0.1, 2.0]);
    /// assert_eq!(x.greater(0.0).where_(1, 0).to_vec::<i64>()?, [0, 1]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `self` is not boolean, the shapes do not broadcast, or a number does not fit into the element type.
    #[doc(alias = "where")]
    #[doc(alias = "select")]
    #[doc(alias = "zip_map")]
    #[track_caller]
    pub fn where_(&self, a: impl Operand, b: impl Operand) -> Tensor {
        match both(&a, &b) {
            Ok((a, b)) => self.choose(&a, &b),
            Err(error) => {
                let error = error.named("where_");
                Tensor::fail(error, &[self], Type::new(a.own_dtype(), self.shape()))
            }
        }
    }

    #[track_caller]
    fn choose(&self, a: &Tensor, b: &Tensor) -> Tensor {
        if self.dtype() != DType::Bool {
            let error = Error::new(
                ErrorKind::DType,
                format!(
                    "where_: the condition is {}, it must hold booleans; compare it with something first",
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
        widened::note("where_", a, b);
        let (a, b) = (
            expand(&a.astype(dtype), &shape),
            expand(&b.astype(dtype), &shape),
        );
        Tensor::apply(Op::Select(Select), &[&expand(self, &shape), &a, &b])
    }

    /// Whether at least one element is true (or not 0), as a scalar.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert!(Tensor::from([false, true]).any().item::<bool>()?);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[track_caller]
    pub fn any(&self) -> Tensor {
        if self.is_empty() {
            return Tensor::from(false);
        }
        self.astype(DType::Bool).max()
    }

    /// Whether all elements are true (or not 0), as a scalar.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([1.0, 2.0]);
    /// assert!(x.greater(0).all().item::<bool>()?);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[track_caller]
    pub fn all(&self) -> Tensor {
        if self.is_empty() {
            return Tensor::from(true);
        }
        self.astype(DType::Bool).min()
    }
}

/// `a` where `condition` is true, else `b`, elementwise with broadcasting:
/// [`Tensor::where_`] in NumPy's order of arguments.
///
/// ```
/// # use gradus::prelude::*;
/// let x = Tensor::from([-1.0, 2.0]);
/// assert_eq!(where_(&x.greater(0), &x, 0).to_vec::<f64>()?, [0.0, 2.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If `condition` is not boolean, the shapes do not broadcast, or a number does not fit into the element type.
#[doc(alias = "where")]
#[doc(alias = "select")]
#[track_caller]
pub fn where_(condition: &Tensor, a: impl Operand, b: impl Operand) -> Tensor {
    condition.where_(a, b)
}
