//! Rearranges elements, and joins tensors.

use super::Tensor;
use super::broadcast::{axes_of, axis_of, expand, fitting};
use super::integers::{Integer, Integers, size_of, sizes_of};
use crate::trace::{called, on_behalf_of};
use gradus_ir::primitives::{Layout, Padding, Resize};
use gradus_ir::{DType, Dims, Error, ErrorKind, Loc, Op, Result, Type};

/// The most tensors that `split` returns for an empty axis, or after an error that a boundary keeps.
const MOST_PARTS: usize = 1 << 16;

/// # Rearranging elements
impl Tensor {
    #[track_caller]
    pub(super) fn layout(&self, layout: Layout) -> Tensor {
        Tensor::apply(Op::Layout(layout), &[self])
    }

    /// The elements in row-major order with another shape. One size can be -1; it is computed from the others.
    ///
    /// ```
    /// use gradus::Tensor;
    /// let t = Tensor::from([1, 2, 3, 4, 5, 6]);
    /// assert_eq!(t.reshape(&[2, -1]).shape(), [2, 3]);
    /// ```
    ///
    /// # Panics
    /// If the shape does not have as many elements.
    #[doc(alias = "view")]
    #[doc(alias = "into_shape")]
    #[doc(alias = "to_shape")]
    #[track_caller]
    pub fn reshape(&self, shape: impl Integers) -> Tensor {
        let shape = shape.wide();
        let sizes = shape.iter().filter(|&&n| n >= 0);
        let known = sizes.fold(1i128, |known, &n| known.saturating_mul(n));
        let open = shape.iter().filter(|&&n| n < 0).count();
        let n = self.len() as i128;
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
            let plausible = |&n: &i128| usize::try_from(n.max(1)).unwrap_or(usize::MAX);
            let plausible: Dims = shape.iter().map(plausible).collect();
            return Tensor::fail(error, &[self], self.ty().with_shape(&plausible));
        }
        let size = |&s: &i128| if s < 0 { n / known } else { s };
        let shape = shape.iter().map(|s| size(s) as usize).collect();
        self.layout(Layout::Reshape(shape))
    }

    /// Like [`reshape`](Tensor::reshape), for sizes that fit.
    #[track_caller]
    pub(super) fn under(&self, shape: &[usize]) -> Tensor {
        self.layout(Layout::Reshape(Dims::from_slice(shape)))
    }

    /// All elements along one axis.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::ones(&[2, 3], F64).ravel().shape(), [6]);
    /// ```
    #[doc(alias = "flatten")]
    #[track_caller]
    pub fn ravel(&self) -> Tensor {
        self.under(&[self.len()])
    }

    /// The axes in reverse order.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([[1, 2, 3], [4, 5, 6]]);
    /// assert_eq!(x.t().to_vec::<i32>()?, [1, 4, 2, 5, 3, 6]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[doc(alias = "transpose")]
    #[doc(alias = "reversed_axes")]
    #[doc(alias = "mT")]
    #[track_caller]
    pub fn t(&self) -> Tensor {
        self.layout(Layout::Transpose((0..self.rank()).rev().collect()))
    }

    /// The axes in another order: axis `i` of the result is axis `order[i]` of this tensor.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::ones(&[2, 3, 4], F64);
    /// assert_eq!(x.permute(&[2, 0, 1]).shape(), [4, 2, 3]);
    /// ```
    ///
    /// # Panics
    /// If `order` is not a permutation of the axes.
    #[doc(alias = "transpose")]
    #[doc(alias = "permuted_axes")]
    #[track_caller]
    pub fn permute(&self, order: impl Integers) -> Tensor {
        let order = order.wide();
        let resolved = order.iter().map(|&a| axis_of("permute", a, self.ty()));
        match resolved.collect::<Result<Dims>>() {
            Ok(order) => called("permute", || self.layout(Layout::Transpose(order))),
            Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
        }
    }

    /// The tensor with two axes exchanged.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::ones(&[2, 3, 4], F64);
    /// assert_eq!(x.swap_axes(-1, -2).shape(), [2, 4, 3]);
    /// ```
    ///
    /// # Panics
    /// If one of the axes does not exist.
    #[doc(alias = "swapaxes")]
    #[doc(alias = "transpose")]
    #[track_caller]
    pub fn swap_axes(&self, a: impl Integer, b: impl Integer) -> Tensor {
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

    /// The tensor with axis `from` moved to position `to`. The other axes keep their order.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::ones(&[2, 3, 4], F64);
    /// assert_eq!(x.move_axis(0, -1).shape(), [3, 4, 2]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis or position.
    #[doc(alias = "moveaxis")]
    #[doc(alias = "movedim")]
    #[track_caller]
    pub fn move_axis(&self, from: impl Integer, to: impl Integer) -> Tensor {
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

    /// The tensor with a new axis of size 1 at position `axis` of the result.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([1.0, 2.0]);
    /// assert_eq!(x.expand_dims(0).shape(), [1, 2]);
    /// assert_eq!(x.expand_dims(-1).shape(), [2, 1]);
    /// ```
    ///
    /// # Panics
    /// If there is no such position.
    #[doc(alias = "unsqueeze")]
    #[doc(alias = "insert_axis")]
    #[doc(alias = "newaxis")]
    #[track_caller]
    pub fn expand_dims(&self, axis: impl Integer) -> Tensor {
        match new_axis("expand_dims", axis, self.rank()) {
            Ok(at) => self.with_new_axis(at),
            Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
        }
    }

    #[track_caller]
    fn with_new_axis(&self, at: usize) -> Tensor {
        let mut shape = self.ty().shape.clone();
        shape.insert(at, 1);
        self.under(&shape)
    }

    /// The tensor without its axes of size 1.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::ones(&[1, 3, 1], F64).squeeze().shape(), [3]);
    /// ```
    #[track_caller]
    pub fn squeeze(&self) -> Tensor {
        let shape: Dims = self.shape().iter().copied().filter(|&n| n != 1).collect();
        self.under(&shape)
    }

    /// The tensor without this axis, which must have size 1.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::ones(&[1, 3, 1], F64).squeeze_axis(0).shape(), [3, 1]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or its size is not 1.
    #[doc(alias = "remove_axis")]
    #[track_caller]
    pub fn squeeze_axis(&self, axis: impl Integer) -> Tensor {
        let axis = axis.wide();
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

    /// The tensor repeated to `shape` by the rules of broadcasting.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([1.0, 2.0]);
    /// assert_eq!(x.broadcast_to(&[2, 2]).to_vec::<f64>()?, [1.0, 2.0, 1.0, 2.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If a size is neither 1 nor the requested one.
    #[doc(alias = "expand")]
    #[doc(alias = "broadcast")]
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl Integers) -> Tensor {
        let shape = &match sizes_of("broadcast_to", shape) {
            Ok(shape) => shape,
            Err(error) => return Tensor::fail(error, &[self], self.ty().clone()),
        };
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
        called("broadcast_to", || expand(self, shape))
    }

    /// The tensor with the order along these axes reversed.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::from([1, 2, 3]).flip(&[0]).to_vec::<i32>()?, [3, 2, 1]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[doc(alias = "reverse")]
    #[doc(alias = "rev")]
    #[doc(alias = "invert_axis")]
    #[track_caller]
    pub fn flip(&self, axes: impl Integers) -> Tensor {
        match axes_of("flip", axes, self.ty()) {
            Ok(axes) => self.layout(Layout::Reverse(axes)),
            Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
        }
    }

    /// The elements shifted by `shift` positions along `axis`.
    /// Elements that leave at the end come in at the start.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::from([1, 2, 3]).roll(1, 0).to_vec::<i32>()?, [3, 1, 2]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn roll(&self, shift: impl Integer, axis: impl Integer) -> Tensor {
        let axis = match axis_of("roll", axis, self.ty()) {
            Ok(axis) => axis,
            Err(error) => return Tensor::fail(error, &[self], self.ty().clone()),
        };
        let n = self.shape()[axis];
        if n == 0 {
            return self.clone();
        }
        let cut = n - shift.wide().rem_euclid(n as i128) as usize;
        concatenate(
            &[
                &self.slice_axis(axis, cut..n),
                &self.slice_axis(axis, 0..cut),
            ],
            axis,
        )
    }

    /// The whole tensor repeated `times` times along each axis.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::from([1, 2]).tile(&[2]).to_vec::<i32>()?, [1, 2, 1, 2]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If a number of times is negative, or memory cannot hold the result.
    #[track_caller]
    pub fn tile(&self, times: impl Integers) -> Tensor {
        let times = match sizes_of("tile", times) {
            Ok(times) => times,
            Err(error) => return Tensor::fail(error, &[self], self.ty().clone()),
        };
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
            // If the product overflows, `expand` has failed already.
            together.push(k.saturating_mul(n));
        }
        called("tile", || {
            expand(&self.under(&apart), &wide).under(&together)
        })
    }

    /// Each element repeated `times` times, one after the other, along `axis`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::from([1, 2]).repeat(2, 0).to_vec::<i32>()?, [1, 1, 2, 2]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, `times` is negative, or memory cannot hold the result.
    #[doc(alias = "repeat_interleave")]
    #[track_caller]
    pub fn repeat(&self, times: impl Integer, axis: impl Integer) -> Tensor {
        let resolved = || {
            let axis = axis_of("repeat", axis, self.ty())?;
            Ok((size_of("repeat", times.wide())?, axis))
        };
        let (times, axis) = match resolved() {
            Ok(both) => both,
            Err(error) => return Tensor::fail(error, &[self], self.ty().clone()),
        };
        let mut apart = self.ty().shape.clone();
        apart.insert(axis + 1, 1);
        let mut wide = apart.clone();
        wide[axis + 1] = times;
        let mut together = self.ty().shape.clone();
        together[axis] = together[axis].saturating_mul(times);
        called("repeat", || {
            expand(&self.under(&apart), &wide).under(&together)
        })
    }

    /// The tensor with `widths[i]` elements `value` before and after it, along axis `i`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([1.0, 2.0]).pad(&[(1, 2)], 0.0);
    /// assert_eq!(x.to_vec::<f64>()?, [0.0, 1.0, 2.0, 0.0, 0.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there is not one pair per axis, or the value does not fit into the element type.
    #[track_caller]
    pub fn pad<I: Integer>(&self, widths: &[(I, I)], value: f64) -> Tensor {
        let prepared = || {
            let low = widths.iter().map(|w| size_of("pad", w.0.wide()));
            let high = widths.iter().map(|w| size_of("pad", w.1.wide()));
            let padding = Padding {
                low: low.collect::<Result<_>>()?,
                high: high.collect::<Result<_>>()?,
                interior: widths.iter().map(|_| 0).collect(),
            };
            let value = fitting(value, self.dtype()).map_err(|e| e.named("pad"))?;
            Ok((Resize::from(padding), Tensor::splat(value, &[])))
        };
        match prepared() {
            Ok((pad, value)) => Tensor::apply(Op::Resize(pad), &[self, &value]),
            Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
        }
    }

    /// The tensor cut into `parts` of equal size along `axis`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let parts = Tensor::from([1, 2, 3, 4]).split(2, 0);
    /// assert_eq!(parts[1].to_vec::<i32>()?, [3, 4]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the size is not a multiple of `parts`.
    #[doc(alias = "chunk")]
    #[doc(alias = "array_split")]
    #[track_caller]
    pub fn split(&self, parts: impl Integer, axis: impl Integer) -> Vec<Tensor> {
        let (axis, wanted) = (axis.wide(), parts.wide());
        // A number of parts beyond `usize` never fits.
        let parts = usize::try_from(wanted).unwrap_or(0);
        let resolved = axis_of("split", axis, self.ty()).and_then(|a| {
            let n = self.shape()[a];
            if n == 0 && parts > MOST_PARTS {
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!(
                        "split: axis {axis} of {} has size 0, and {parts} parts are more than {MOST_PARTS}",
                        self.ty()
                    ),
                ));
            }
            if parts == 0 || !n.is_multiple_of(parts) {
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!(
                        "split: axis {axis} of {} has size {n}, which is not a multiple of {wanted}",
                        self.ty()
                    ),
                ));
            }
            Ok((a, n / parts))
        });
        match resolved {
            Ok((a, n)) => on_behalf_of(Loc::caller(), || {
                (0..parts)
                    .map(|i| self.slice_axis(a, i * n..(i + 1) * n))
                    .collect()
            }),
            Err(error) => {
                vec![Tensor::fail(error, &[self], self.ty().clone()); parts.clamp(1, MOST_PARTS)]
            }
        }
    }
}

/// Converts all `parts` to their common element type.
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

/// Joins tensors along an existing axis; all other sizes must be equal.
///
/// ```
/// use gradus::prelude::*;
/// let t = concatenate(&[&Tensor::from([1, 2]), &Tensor::from([3])], 0);
/// assert_eq!(t.to_vec::<i32>()?, [1, 2, 3]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If there are no tensors, or they do not fit.
#[doc(alias = "concat")]
#[doc(alias = "cat")]
#[doc(alias = "vstack")]
#[doc(alias = "hstack")]
#[doc(alias = "append")]
#[track_caller]
pub fn concatenate(parts: &[&Tensor], axis: impl Integer) -> Tensor {
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

/// Joins tensors of one shape along a new axis.
///
/// ```
/// # use gradus::prelude::*;
/// let (x, y) = (Tensor::from([1, 2]), Tensor::from([3, 4]));
/// assert_eq!(stack(&[&x, &y], 0).to_vec::<i32>()?, [1, 2, 3, 4]);
/// assert_eq!(stack(&[&x, &y], -1).to_vec::<i32>()?, [1, 3, 2, 4]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If there are no tensors, or their shapes differ.
#[doc(alias = "vstack")]
#[track_caller]
pub fn stack(parts: &[&Tensor], axis: impl Integer) -> Tensor {
    match stacked("stack", parts, axis.wide()) {
        Ok(at) => called("stack", || {
            let lifted: Vec<Tensor> = parts.iter().map(|t| t.with_new_axis(at)).collect();
            concatenate(&lifted.iter().collect::<Vec<_>>(), at)
        }),
        Err(error) => {
            let plausible = parts.first().map(|t| t.ty().clone());
            let plausible = plausible.unwrap_or(Type::new(DType::F64, &[0]));
            Tensor::fail(error, parts, plausible)
        }
    }
}

/// The position of the new axis, if the tensors can be stacked.
fn stacked(name: &str, parts: &[&Tensor], axis: i128) -> Result<usize> {
    let Some(first) = parts.first() else {
        let message = format!("{name}: there is no tensor to put together");
        return Err(Error::new(ErrorKind::Argument, message));
    };
    if let Some(k) = parts.iter().position(|t| t.shape() != first.shape()) {
        return Err(Error::new(
            ErrorKind::Shape,
            format!(
                "{name}: tensor 0 is {}, tensor {k} is {}; their shapes must be equal, `concatenate` joins tensors along an axis that they have",
                first.ty(),
                parts[k].ty()
            ),
        ));
    }
    new_axis(name, axis, first.rank())
}

/// The position of a new axis in a result with one axis more than `rank`.
fn new_axis(name: &str, axis: impl Integer, rank: usize) -> Result<usize> {
    let axis = axis.wide();
    let resolved = if axis < 0 {
        axis + rank as i128 + 1
    } else {
        axis
    };
    let at = usize::try_from(resolved).ok().filter(|&at| at <= rank);
    at.ok_or_else(|| {
        let axes = rank + 1;
        let message = format!(
            "{name}: a new axis {axis} in a result of rank {axes}; places go from -{axes} to {rank}"
        );
        Error::new(ErrorKind::Axis, message)
    })
}
