//! Elements in order.

use super::Tensor;
use super::broadcast::axis_of;
use super::integers::Integer;
use crate::trace::{called, users_place};
use gradus_ir::primitives::Sort;
use gradus_ir::{DType, Error, ErrorKind, Loc, Op, Result};

/// # Order
///
/// All sorts are stable: equal elements keep their order, in descending sorts, too. `-0.0` equals `0.0`.
/// NaN comes last in both directions, as in NumPy (JAX and PyTorch have it first in a descending sort).
/// False comes before true.
///
/// Values have derivatives: a sorted element is the element that it was, so its cotangent goes to the place that it
/// comes from. Where elements are equal, this is one of the possible choices. Indices have none.
impl Tensor {
    /// The elements along `axis` in rising order.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([[3.0, 1.0, 2.0], [0.0, f64::NAN, -1.0]]);
    /// let sorted = x.sort(-1);
    /// assert_eq!(sorted.at(0).to_vec::<f64>()?, [1.0, 2.0, 3.0]);
    /// assert_eq!(sorted.at(1).slice_axis(0, ..2).to_vec::<f64>()?, [-1.0, 0.0]);
    /// // The greatest element alone.
    /// let slope = grad(|x: &Tensor| x.sort(0).at(-1))(&Tensor::from([3.0, 1.0, 2.0]));
    /// assert_eq!(slope.to_vec::<f64>()?, [1.0, 0.0, 0.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn sort(&self, axis: impl Integer) -> Tensor {
        self.ordered("sort", axis, false, None).0
    }

    /// The elements along `axis` in falling order; NaN comes last, and equal elements keep their order.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([1, 3, 2]);
    /// assert_eq!(x.sort_descending(0).to_vec::<i32>()?, [3, 2, 1]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn sort_descending(&self, axis: impl Integer) -> Tensor {
        self.ordered("sort_descending", axis, true, None).0
    }

    /// The indices, i64, that bring the elements along `axis` in rising order.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([2.0, 1.0, 2.0]);
    /// let order = x.argsort(0);
    /// assert_eq!(order.to_vec::<i64>()?, [1, 0, 2]);
    /// assert_eq!(x.take_along_axis(&order, 0).to_vec::<f64>()?, [1.0, 2.0, 2.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn argsort(&self, axis: impl Integer) -> Tensor {
        self.ordered("argsort", axis, false, None).1
    }

    /// The indices, i64, that bring the elements along `axis` in falling order.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([2.0, 1.0, 2.0]);
    /// assert_eq!(x.argsort_descending(0).to_vec::<i64>()?, [0, 2, 1]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn argsort_descending(&self, axis: impl Integer) -> Tensor {
        self.ordered("argsort_descending", axis, true, None).1
    }

    /// [`sort`](Tensor::sort) and [`argsort`](Tensor::argsort) at once.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let (values, indices) = Tensor::from([2.0, 3.0, 1.0]).sort_with_indices(0);
    /// assert_eq!(values.to_vec::<f64>()?, [1.0, 2.0, 3.0]);
    /// assert_eq!(indices.to_vec::<i64>()?, [2, 0, 1]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there is no such axis.
    #[doc(alias = "sort_key_val")]
    #[track_caller]
    pub fn sort_with_indices(&self, axis: impl Integer) -> (Tensor, Tensor) {
        self.ordered("sort_with_indices", axis, false, None)
    }

    /// The `k` greatest elements along `axis` in falling order, and their indices, i64.
    /// Of equal elements the first ones count; NaN counts as less than any number.
    ///
    /// It takes less time than a sort where `k` is small.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let (values, indices) = Tensor::from([2.0, 5.0, 1.0, 4.0]).top_k(2, 0);
    /// assert_eq!(values.to_vec::<f64>()?, [5.0, 4.0]);
    /// assert_eq!(indices.to_vec::<i64>()?, [1, 3]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or it has fewer than `k` elements.
    #[doc(alias = "topk")]
    #[doc(alias = "argpartition")]
    #[track_caller]
    pub fn top_k(&self, k: impl Integer, axis: impl Integer) -> (Tensor, Tensor) {
        self.ordered("top_k", axis, true, Some(k.wide()))
    }

    /// Values and indices of the first `count` elements in order, of all if there is no count.
    #[track_caller]
    fn ordered(
        &self,
        name: &'static str,
        axis: impl Integer,
        descending: bool,
        count: Option<i128>,
    ) -> (Tensor, Tensor) {
        let sort = || -> Result<Sort> {
            let axis = axis_of(name, axis, self.ty())?;
            let n = self.shape()[axis];
            let count = match count {
                None => n,
                Some(k) => (usize::try_from(k).ok().filter(|&k| k <= n)).ok_or_else(|| {
                    let ty = self.ty();
                    let message = format!(
                        "{name}: {k} elements along axis {axis} of {ty}; there can be 0 to {n}"
                    );
                    Error::new(ErrorKind::Shape, message)
                })?,
            };
            Ok(Sort {
                axis,
                descending,
                count,
            })
        };
        match sort() {
            Ok(sort) => called(name, || self.sorted(sort)),
            Err(error) => {
                let values = Tensor::fail(error, &[self], self.ty().clone());
                let indices = values.zeros_like().astype(DType::I64);
                (values, indices)
            }
        }
    }

    #[track_caller]
    fn sorted(&self, sort: Sort) -> (Tensor, Tensor) {
        let loc = users_place(Loc::caller());
        let [values, indices] = Tensor::apply_all(Op::Sort(sort), &[self], loc);
        (values, indices)
    }
}
