//! The same elements in another arrangement, and tensors put together.

use super::Tensor;
use super::broadcast::{axes_of, axis_of, expand, fitting};
use crate::trace::on_behalf_of;
use gradus_ir::primitives::{Layout, Resize};
use gradus_ir::{DType, Dims, Error, ErrorKind, Loc, Op, Result};

/// A cut of nothing, and one that fails inside of a call that returns mistakes, give at most so many tensors.
const MOST_PARTS: usize = 1 << 16;

impl Tensor {
    #[track_caller]
    pub(super) fn layout(&self, layout: Layout) -> Tensor {
        Tensor::apply(Op::Layout(layout), &[self])
    }

    /// The elements in row-major order under another shape; one size may be -1, which stands for what is left.
    ///
    /// ```
    /// use gradus::Tensor;
    /// let t = Tensor::from([1, 2, 3, 4, 5, 6]);
    /// assert_eq!(t.reshape(&[2, -1]).shape(), [2, 3]);
    /// ```
    ///
    /// # Panics
    /// If the shape does not have as many elements.
    #[track_caller]
    pub fn reshape(&self, shape: &[isize]) -> Tensor {
        let sizes = shape.iter().filter(|&&n| n >= 0);
        let known = sizes.fold(1isize, |known, &n| known.saturating_mul(n));
        let open = shape.iter().filter(|&&n| n < 0).count();
        let n = self.len() as isize;
        let fits = open == 0 && known == n
            || open == 1 && shape.contains(&-1) && known > 0 && n % known == 0;
        if !fits {
            let error = Error::new(
                ErrorKind::Shape,
                format!(
                    "reshape: {} has {n} elements, which do not make the shape {shape:?}",
                    self.ty()
                ),
            );
            let plausible: Dims = shape.iter().map(|&n| n.max(1) as usize).collect();
            return Tensor::fail(error, &[self], self.ty().with_shape(&plausible));
        }
        let shape = shape
            .iter()
            .map(|&s| {
                if s < 0 {
                    (n / known) as usize
                } else {
                    s as usize
                }
            })
            .collect();
        self.layout(Layout::Reshape(shape))
    }

    /// As [`reshape`](Tensor::reshape) for sizes that are known to fit.
    #[track_caller]
    pub(super) fn under(&self, shape: &[usize]) -> Tensor {
        self.layout(Layout::Reshape(Dims::from_slice(shape)))
    }

    /// All elements in one dimension.
    #[track_caller]
    pub fn ravel(&self) -> Tensor {
        self.under(&[self.len()])
    }

    /// The axes in reverse order.
    #[track_caller]
    pub fn t(&self) -> Tensor {
        self.layout(Layout::Transpose((0..self.rank()).rev().collect()))
    }

    /// The axes in another order: axis `i` of the result is axis `order[i]`.
    ///
    /// # Panics
    /// If `order` is no permutation of the axes.
    #[track_caller]
    pub fn permute(&self, order: &[isize]) -> Tensor {
        let resolved: Result<Dims> = order
            .iter()
            .map(|&a| axis_of("permute", a, self.ty()))
            .collect();
        match resolved {
            Ok(order) => self.layout(Layout::Transpose(order)),
            Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
        }
    }

    /// Two axes exchanged.
    #[track_caller]
    pub fn swap_axes(&self, a: isize, b: isize) -> Tensor {
        let swapped = || {
            let (a, b) = (
                axis_of("swap_axes", a, self.ty())?,
                axis_of("swap_axes", b, self.ty())?,
            );
            let mut order: Dims = (0..self.rank()).collect();
            order.swap(a, b);
            Ok(order)
        };
        match swapped() {
            Ok(order) => self.layout(Layout::Transpose(order)),
            Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
        }
    }

    /// Axis `from` moved to place `to`, the others in their order.
    #[track_caller]
    pub fn move_axis(&self, from: isize, to: isize) -> Tensor {
        let moved = || {
            let (from, to) = (
                axis_of("move_axis", from, self.ty())?,
                axis_of("move_axis", to, self.ty())?,
            );
            let mut order: Dims = (0..self.rank()).filter(|&a| a != from).collect();
            order.insert(to, from);
            Ok(order)
        };
        match moved() {
            Ok(order) => self.layout(Layout::Transpose(order)),
            Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
        }
    }

    /// A new axis of size 1 at place `axis` of the result.
    #[track_caller]
    pub fn expand_dims(&self, axis: isize) -> Tensor {
        let mut shape = self.ty().shape.clone();
        shape.push(1);
        match axis_of("expand_dims", axis, &self.ty().with_shape(&shape)) {
            Ok(at) => {
                shape.pop();
                shape.insert(at, 1);
                self.under(&shape)
            }
            Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
        }
    }

    /// Without the axes of size 1.
    #[track_caller]
    pub fn squeeze(&self) -> Tensor {
        let shape: Dims = self.shape().iter().copied().filter(|&n| n != 1).collect();
        self.under(&shape)
    }

    /// Without this axis, which must have size 1.
    #[track_caller]
    pub fn squeeze_axis(&self, axis: isize) -> Tensor {
        let result = axis_of("squeeze_axis", axis, self.ty()).and_then(|a| {
            if self.shape()[a] != 1 {
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!(
                        "squeeze_axis: axis {axis} of {} has size {}, not 1",
                        self.ty(),
                        self.shape()[a]
                    ),
                ));
            }
            let mut shape = self.ty().shape.clone();
            shape.remove(a);
            Ok(shape)
        });
        match result {
            Ok(shape) => self.under(&shape),
            Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
        }
    }

    /// Repeated to `shape` by the rules of broadcasting.
    ///
    /// # Panics
    /// If a size is neither 1 nor the wanted one.
    #[track_caller]
    pub fn broadcast_to(&self, shape: &[usize]) -> Tensor {
        let skipped = shape.len().checked_sub(self.rank());
        let fits = skipped.is_some_and(|s| {
            (0..self.rank()).all(|i| self.shape()[i] == 1 || self.shape()[i] == shape[s + i])
        });
        if !fits {
            let error = Error::new(
                ErrorKind::Shape,
                format!(
                    "broadcast_to: {} does not broadcast to {shape:?}; from the last axis on, sizes must be equal or 1",
                    self.ty()
                ),
            );
            return Tensor::fail(error, &[self], self.ty().with_shape(shape));
        }
        expand(self, shape)
    }

    /// The order along these axes reversed.
    #[track_caller]
    pub fn flip(&self, axes: &[isize]) -> Tensor {
        match axes_of("flip", axes, self.ty()) {
            Ok(axes) => self.layout(Layout::Reverse(axes)),
            Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
        }
    }

    /// Elements moved by `shift` places along `axis`; what leaves at the end comes in at the start.
    #[track_caller]
    pub fn roll(&self, shift: isize, axis: isize) -> Tensor {
        let axis = match axis_of("roll", axis, self.ty()) {
            Ok(axis) => axis,
            Err(error) => return Tensor::fail(error, &[self], self.ty().clone()),
        };
        let n = self.shape()[axis];
        if n == 0 {
            return self.clone();
        }
        let cut = n - shift.rem_euclid(n as isize) as usize;
        let axis = axis as isize;
        let (cut, n) = (cut as isize, n as isize);
        concatenate(
            &[
                &self.slice_axis(axis, cut..n),
                &self.slice_axis(axis, 0..cut),
            ],
            axis,
        )
    }

    /// The whole tensor `times` times along each axis.
    #[track_caller]
    pub fn tile(&self, times: &[usize]) -> Tensor {
        let rank = self.rank().max(times.len());
        let shape_padded: Dims = std::iter::repeat_n(1, rank - self.rank())
            .chain(self.shape().iter().copied())
            .collect();
        let times_padded: Dims = std::iter::repeat_n(1, rank - times.len())
            .chain(times.iter().copied())
            .collect();
        let (mut apart, mut wide, mut together) = (Dims::new(), Dims::new(), Dims::new());
        for (&n, &k) in shape_padded.iter().zip(&times_padded) {
            apart.extend_from_slice(&[1, n]);
            wide.extend_from_slice(&[k, n]);
            // A product that cannot be counted is none of an array that `expand` makes.
            together.push(k.saturating_mul(n));
        }
        expand(&self.under(&apart), &wide).under(&together)
    }

    /// Each element `times` times, one after the other, along `axis`.
    #[track_caller]
    pub fn repeat(&self, times: usize, axis: isize) -> Tensor {
        let axis = match axis_of("repeat", axis, self.ty()) {
            Ok(axis) => axis,
            Err(error) => return Tensor::fail(error, &[self], self.ty().clone()),
        };
        let mut apart = self.ty().shape.clone();
        apart.insert(axis + 1, 1);
        let mut wide = apart.clone();
        wide[axis + 1] = times;
        let mut together = self.ty().shape.clone();
        together[axis] = together[axis].saturating_mul(times);
        expand(&self.under(&apart), &wide).under(&together)
    }

    /// `widths[i]` elements `value` before and after, along axis `i`.
    ///
    /// # Panics
    /// If there is not one pair an axis, or the value does not fit into the element type.
    #[track_caller]
    pub fn pad(&self, widths: &[(usize, usize)], value: f64) -> Tensor {
        let pad = Resize::Pad {
            low: widths.iter().map(|w| w.0).collect(),
            high: widths.iter().map(|w| w.1).collect(),
            interior: widths.iter().map(|_| 0).collect(),
        };
        let value = match fitting(value, self.dtype()) {
            Ok(value) => Tensor::splat(value, &[]),
            Err(error) => {
                let error = Error::new(error.kind(), format!("pad: {}", error.message()));
                return Tensor::fail(error, &[self], self.ty().clone());
            }
        };
        Tensor::apply(Op::Resize(pad), &[self, &value])
    }

    /// The tensor cut into `parts` of equal size along `axis`.
    ///
    /// # Panics
    /// If the size is no multiple of `parts`.
    #[track_caller]
    pub fn split(&self, parts: usize, axis: isize) -> Vec<Tensor> {
        let resolved = axis_of("split", axis, self.ty()).and_then(|a| {
            let n = self.shape()[a];
            if n == 0 && parts > MOST_PARTS {
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!(
                        "split: axis {axis} of {} has size 0, of which {parts} parts are more than {MOST_PARTS}",
                        self.ty()
                    ),
                ));
            }
            if parts == 0 || !n.is_multiple_of(parts) {
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!(
                        "split: axis {axis} of {} has size {n}, which is no multiple of {parts}",
                        self.ty()
                    ),
                ));
            }
            Ok((a, n / parts))
        });
        match resolved {
            Ok((a, n)) => on_behalf_of(Loc::caller(), || {
                let n = n as isize;
                (0..parts as isize)
                    .map(|i| self.slice_axis(a as isize, i * n..(i + 1) * n))
                    .collect()
            }),
            Err(error) => {
                vec![Tensor::fail(error, &[self], self.ty().clone()); parts.clamp(1, MOST_PARTS)]
            }
        }
    }
}

/// The element type for all of `parts`, to which they are converted.
#[track_caller]
fn promoted(parts: &[&Tensor]) -> Vec<Tensor> {
    let dtype = parts
        .iter()
        .map(|t| t.dtype())
        .reduce(DType::promoted)
        .unwrap_or(DType::F64);
    on_behalf_of(Loc::caller(), || {
        parts.iter().map(|t| t.astype(dtype)).collect()
    })
}

/// Tensors one after the other along an axis that they have; all other sizes must be equal.
///
/// ```
/// use gradus::{Tensor, tensor::concatenate};
/// let t = concatenate(&[&Tensor::from([1, 2]), &Tensor::from([3])], 0);
/// assert_eq!(t.to_vec::<i32>()?, [1, 2, 3]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If there is none, or they do not fit.
#[track_caller]
pub fn concatenate(parts: &[&Tensor], axis: isize) -> Tensor {
    let parts = promoted(parts);
    let axis = match parts.first() {
        Some(t) => axis_of("concatenate", axis, t.ty()),
        None => Ok(0),
    };
    match axis {
        Ok(axis) => {
            let references: Vec<&Tensor> = parts.iter().collect();
            Tensor::apply(Op::Resize(Resize::Concat(axis)), &references)
        }
        Err(error) => {
            let references: Vec<&Tensor> = parts.iter().collect();
            Tensor::fail(error, &references, parts[0].ty().clone())
        }
    }
}

/// Tensors of one shape along a new axis.
///
/// # Panics
/// If there is none, or their shapes differ.
#[track_caller]
pub fn stack(parts: &[&Tensor], axis: isize) -> Tensor {
    let mut lifted = Vec::with_capacity(parts.len());
    for t in parts {
        lifted.push(t.expand_dims(axis));
    }
    let references: Vec<&Tensor> = lifted.iter().collect();
    concatenate(&references, axis)
}
