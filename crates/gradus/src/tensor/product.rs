//! Products of vectors and matrices.

use super::Tensor;
use super::broadcast::{axis_of, common_shape, expand};
use super::integers::{Integers, Wide};
use crate::trace::called;
use gradus_ir::primitives::Contract;
use gradus_ir::{Dims, Error, ErrorKind, Op, Result, Type};

/// # Products of vectors and matrices
impl Tensor {
    #[track_caller]
    pub(super) fn contract(&self, name: &'static str, other: &Tensor, op: Contract) -> Tensor {
        let dtype = self.dtype().promoted(other.dtype());
        called(name, || {
            let (a, b) = (self.astype(dtype), other.astype(dtype));
            Tensor::apply(Op::Contract(op.into()), &[&a, &b])
        })
    }

    /// The matrix product of the last two axes; the axes before broadcast.
    /// A vector counts as a row on the left and as a column on the right, and the result does not have its axis.
    ///
    /// ```
    /// use gradus::Tensor;
    /// let a = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    /// let x = Tensor::from([1.0, 1.0]);
    /// assert_eq!(a.matmul(&x).to_vec::<f64>()?, [3.0, 7.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the inner sizes differ, the outer sizes do not broadcast, or one operand is a scalar.
    #[doc(alias = "mm")]
    #[doc(alias = "bmm")]
    #[doc(alias = "mv")]
    #[doc(alias = "gemm")]
    #[track_caller]
    pub fn matmul(&self, other: &Tensor) -> Tensor {
        let (m, n) = (self.rank(), other.rank());
        let refused = |why: &str| {
            Error::new(
                ErrorKind::Shape,
                format!("matmul: {} times {}: {why}", self.ty(), other.ty()),
            )
        };
        if m == 0 || n == 0 {
            let error = refused("one is a scalar; multiply by it with `*`");
            return Tensor::fail(error, &[self], self.ty().clone());
        }
        let inner = (self.shape()[m - 1], other.shape()[n.saturating_sub(2)]);
        if inner.0 != inner.1 {
            let error = refused(&format!(
                "the inner sizes are {} and {}; they must be equal",
                inner.0, inner.1
            ));
            return Tensor::fail(error, &[self], self.ty().clone());
        }
        if m == 1 || n == 1 || n == 2 {
            // The other axes already come out in the right order.
            return self.contract(
                "matmul",
                other,
                Contract {
                    contract_left: Dims::from_slice(&[m - 1]),
                    contract_right: Dims::from_slice(&[n.saturating_sub(2)]),
                    ..Contract::default()
                },
            );
        }
        let outer = |t: &Tensor| Type::new(t.dtype(), &t.shape()[..t.rank() - 2]);
        let (left, right) = (outer(self), outer(other));
        let Ok(batch) = common_shape("matmul", &left, &right) else {
            let error = refused(&format!(
                "the leading axes {:?} and {:?} do not broadcast; sizes must be equal or 1",
                &left.shape[..],
                &right.shape[..]
            ));
            return Tensor::fail(error, &[self], self.ty().clone());
        };
        let wide = |t: &Tensor| {
            let mut shape = batch.clone();
            shape.extend_from_slice(&t.shape()[t.rank() - 2..]);
            shape
        };
        let (left, right) = (expand(self, &wide(self)), expand(other, &wide(other)));
        let b = batch.len();
        let axes: Dims = (0..b).collect();
        left.contract(
            "matmul",
            &right,
            Contract {
                batch_left: axes.clone(),
                batch_right: axes,
                contract_left: Dims::from_slice(&[b + 1]),
                contract_right: Dims::from_slice(&[b]),
                ..Contract::default()
            },
        )
    }

    /// The product of NumPy's `dot`: the inner product of vectors, [`matmul`](Tensor::matmul) of matrices,
    /// a plain product with a scalar.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([1.0, 2.0]);
    /// assert_eq!(x.dot(&x).item::<f64>()?, 5.0);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the last axis of this tensor and the last but one axis of `other`
    /// (or its only axis) have different sizes.
    #[doc(alias = "inner")]
    #[doc(alias = "vdot")]
    #[track_caller]
    pub fn dot(&self, other: &Tensor) -> Tensor {
        let (m, n) = (self.rank(), other.rank());
        if m == 0 || n == 0 {
            return self * other;
        }
        let (left, right) = (self.shape()[m - 1], other.shape()[n.saturating_sub(2)]);
        if left != right {
            let error = Error::new(
                ErrorKind::Shape,
                format!(
                    "dot: {} times {}: the inner sizes are {left} and {right}; they must be equal",
                    self.ty(),
                    other.ty()
                ),
            );
            return Tensor::fail(error, &[self], self.ty().clone());
        }
        self.contract(
            "dot",
            other,
            Contract {
                contract_left: Dims::from_slice(&[m - 1]),
                contract_right: Dims::from_slice(&[n.saturating_sub(2)]),
                ..Contract::default()
            },
        )
    }

    /// All products of an element of this tensor with an element of `other`, both taken as vectors: `[m, n]`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([1.0, 2.0]);
    /// assert_eq!(x.outer(&x).to_vec::<f64>()?, [1.0, 2.0, 2.0, 4.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[doc(alias = "ger")]
    #[doc(alias = "kron")]
    #[track_caller]
    pub fn outer(&self, other: &Tensor) -> Tensor {
        self.ravel()
            .contract("outer", &other.ravel(), Contract::default())
    }

    /// The product summed over pairs of axes: `here` of this tensor with `there` of the other.
    /// The remaining axes follow, first the axes of this tensor.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let (a, b) = (Tensor::ones(&[2, 3, 4], F64), Tensor::ones(&[4, 3, 5], F64));
    /// assert_eq!(a.tensordot(&b, &[1, 2], &[1, 0]).shape(), [2, 5]);
    /// ```
    ///
    /// # Panics
    /// If the axes do not exist or have different sizes.
    #[track_caller]
    pub fn tensordot(&self, other: &Tensor, here: impl Integers, there: impl Integers) -> Tensor {
        let resolve = |t: &Tensor, axes: Wide| {
            let axes = axes.iter().map(|&a| axis_of("tensordot", a, t.ty()));
            axes.collect::<Result<Dims>>()
        };
        let (here, there) = (here.wide(), there.wide());
        match resolve(self, here).and_then(|l| Ok((l, resolve(other, there)?))) {
            Ok((contract_left, contract_right)) => self.contract(
                "tensordot",
                other,
                Contract {
                    contract_left,
                    contract_right,
                    ..Contract::default()
                },
            ),
            Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
        }
    }
}
