//! Parts of tensors, by ranges and by index arrays.

use super::Tensor;
use super::broadcast::{axis_of, common_shape, expand};
use super::integers::{AxisRange, Integer, Integers, size_of, sizes_of};
use super::widened;
use crate::trace::called;
use gradus_ir::primitives::{Dynamic, Gather, Slice};
use gradus_ir::{DType, Dims, Error, ErrorKind, Op, Result, Type};
use std::ops::Bound;

/// # Parts, by ranges and by index arrays
impl Tensor {
    /// The elements in `range` along `axis`; negative ends count from the end.
    /// The axis stays; [`at`](Tensor::at) takes one entry.
    ///
    /// A range such as `1..-1` works. Clippy takes it for empty, but accepts `1..n - 1`.
    ///
    /// ```
    /// use gradus::Tensor;
    /// let t = Tensor::from([1, 2, 3, 4]);
    /// assert_eq!(t.slice_axis(0, 1..3).to_vec::<i32>()?, [2, 3]);
    /// assert_eq!(t.slice_axis(0, ..-1).to_vec::<i32>()?, [1, 2, 3]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the range does not lie within the axis.
    #[doc(alias = "narrow")]
    #[doc(alias = "slice_in_dim")]
    #[doc(alias = "slice")]
    #[track_caller]
    pub fn slice_axis(&self, axis: impl Integer, range: impl AxisRange) -> Tensor {
        self.slice_axis_step(axis, range, 1)
    }

    /// Like [`slice_axis`](Tensor::slice_axis), with every `step`-th element.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let t = Tensor::from([1, 2, 3, 4, 5]);
    /// assert_eq!(t.slice_axis_step(0, .., 2).to_vec::<i32>()?, [1, 3, 5]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the range does not lie within the axis, or `step` is 0.
    #[track_caller]
    pub fn slice_axis_step(
        &self,
        axis: impl Integer,
        range: impl AxisRange,
        step: impl Integer,
    ) -> Tensor {
        self.slice(axis.wide(), range.ends(), step.wide())
    }

    #[track_caller]
    fn slice(&self, axis: i128, ends: (Bound<i128>, Bound<i128>), step: i128) -> Tensor {
        let resolved = axis_of("slice_axis", axis, self.ty()).and_then(|a| {
            // The type is wide enough for the position after the last number that the range can name.
            let n = self.shape()[a] as i128;
            let from_end = |i: i128| i + if i < 0 { n } else { 0 };
            let start = match ends.0 {
                Bound::Included(i) => from_end(i),
                Bound::Excluded(i) => from_end(i).saturating_add(1),
                Bound::Unbounded => 0,
            };
            let stop = match ends.1 {
                Bound::Included(i) => from_end(i).saturating_add(1),
                Bound::Excluded(i) => from_end(i),
                Bound::Unbounded => n,
            };
            if step < 1 {
                let mut message =
                    format!("slice_axis: a step of {step} along axis {axis} of {}", self.ty());
                if step < 0 {
                    message += "; steps are positive, `flip` reverses an axis";
                }
                return Err(Error::new(ErrorKind::Axis, message));
            }
            if start < 0 || stop < start || stop > n {
                return Err(Error::new(
                    ErrorKind::Axis,
                    format!(
                        "slice_axis: places {start} to {stop} by {step} do not lie in axis {axis} of {}",
                        self.ty()
                    ),
                ));
            }
            // All steps that lead beyond the end are equal.
            let step = usize::try_from(step).unwrap_or(usize::MAX);
            Ok((a, start as usize, stop as usize, step))
        });
        match resolved {
            Ok((a, from, to, step)) => {
                let mut start = Dims::from_elem(0, self.rank());
                let mut limit = self.ty().shape.clone();
                let mut stride = Dims::from_elem(1, self.rank());
                (start[a], limit[a], stride[a]) = (from, to, step);
                let slice = Slice {
                    start,
                    limit,
                    stride,
                };
                self.layout(slice.into())
            }
            Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
        }
    }

    /// Entry `i` along the first axis, which the result does not have. A negative `i` counts from the end.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let t = Tensor::from([[1, 2], [3, 4]]);
    /// assert_eq!(t.at(0).to_vec::<i32>()?, [1, 2]);
    /// assert_eq!(t.at(-1).at(0).item::<i32>()?, 3);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there is no such entry.
    #[doc(alias = "select")]
    #[doc(alias = "index")]
    #[doc(alias = "row")]
    #[doc(alias = "get")]
    #[doc(alias = "index_axis")]
    #[track_caller]
    pub fn at(&self, i: impl Integer) -> Tensor {
        let (i, n) = (i.wide(), self.shape().first().copied().unwrap_or(0) as i128);
        let k = if i < 0 { i + n } else { i };
        if !(0..n).contains(&k) {
            let error = Error::new(
                ErrorKind::Axis,
                format!("at: there is no entry {i} in {}", self.ty()),
            );
            let shape = self.shape().get(1..).unwrap_or(&[]);
            return Tensor::fail(error, &[self], self.ty().with_shape(shape));
        }
        self.slice_axis(0, k..k + 1).under(&self.shape()[1..])
    }

    /// Integer indices as i64; negative ones count from the end of an axis of size `n`.
    #[track_caller]
    fn resolved_indices(&self, n: usize) -> Tensor {
        let wide = self.astype(DType::I64);
        if self.dtype() == DType::U32 {
            return wide;
        }
        // An index that is too low stays unchanged, for the message.
        let from_end = wide.less(0) & wide.greater_equal(-(n as i64));
        from_end.where_(&wide + n, &wide)
    }

    /// The entries along `axis` with these `indices` (integers of any shape), which replace the axis in the shape.
    /// Negative indices count from the end.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let t = Tensor::from([[1, 2, 3], [4, 5, 6]]);
    /// assert_eq!(t.take(&Tensor::from([2, 0]), 1).to_vec::<i32>()?, [3, 1, 6, 4]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `indices` are not integers. An index out of bounds is found when it runs.
    #[doc(alias = "index_select")]
    #[doc(alias = "gather")]
    #[track_caller]
    pub fn take(&self, indices: &Tensor, axis: impl Integer) -> Tensor {
        match axis_of("take", axis, self.ty()).and_then(|a| whole("take", indices).map(|()| a)) {
            Ok(axis) => {
                let indices = indices.resolved_indices(self.shape()[axis]);
                let take = Gather::Take { batch: 0, axis };
                Tensor::apply(Op::Gather(take), &[self, &indices])
            }
            Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
        }
    }

    /// For each position of `indices`, the entry along `axis` with that index,
    /// at the same position of the other axes. The sizes of the other axes broadcast.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let t = Tensor::from([[1, 2, 3], [4, 5, 6]]);
    /// let places = Tensor::from([[2], [0]]);
    /// assert_eq!(t.take_along_axis(&places, 1).to_vec::<i32>()?, [3, 4]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the ranks differ or the shapes do not fit. An index out of bounds is found when it runs.
    #[doc(alias = "gather")]
    #[track_caller]
    pub fn take_along_axis(&self, indices: &Tensor, axis: impl Integer) -> Tensor {
        let prepared = || -> Result<(usize, Dims)> {
            whole("take_along_axis", indices)?;
            let a = axis_of("take_along_axis", axis, self.ty())?;
            if indices.rank() != self.rank() {
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!(
                        "take_along_axis: {} with indices {}; both need the same number of axes",
                        self.ty(),
                        indices.ty()
                    ),
                ));
            }
            let (mut x, mut i) = (self.ty().clone(), indices.ty().clone());
            x.shape.remove(a);
            i.shape.remove(a);
            Ok((a, common_shape("take_along_axis", &x, &i)?))
        };
        let (a, others) = match prepared() {
            Ok(both) => both,
            Err(error) => {
                return Tensor::fail(error, &[self], self.ty().with_shape(indices.shape()));
            }
        };
        let wide = |t: &Tensor| {
            let mut shape = others.clone();
            shape.insert(a, t.shape()[a]);
            shape
        };
        let indices = indices.resolved_indices(self.shape()[a]);
        let x = expand(self, &wide(self)).move_axis(a, -1);
        let i = expand(&indices, &wide(&indices)).move_axis(a, -1);
        let batch = others.len();
        let take = Gather::Take { batch, axis: batch };
        called("take_along_axis", || {
            Tensor::apply(Op::Gather(take), &[&x, &i]).move_axis(-1, a)
        })
    }

    /// This tensor with `updates` added to the entries along `axis` with these `indices`.
    /// An index can occur several times.
    ///
    /// `updates` has the shape of the result of [`take`](Tensor::take).
    /// Both are brought to one element type, as by `+`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let t = Tensor::from([0.0, 0.0, 0.0]);
    /// let sums = t.index_add(0, &Tensor::from([2, 0, 2]), &Tensor::from([1.0, 2.0, 3.0]));
    /// assert_eq!(sums.to_vec::<f64>()?, [2.0, 0.0, 4.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit. An index out of bounds is found when it runs.
    #[doc(alias = "scatter_add")]
    #[doc(alias = "index_put")]
    #[doc(alias = "segment_sum")]
    #[track_caller]
    pub fn index_add(&self, axis: impl Integer, indices: &Tensor, updates: &Tensor) -> Tensor {
        match axis_of("index_add", axis, self.ty())
            .and_then(|a| whole("index_add", indices).map(|()| a))
        {
            Ok(axis) => {
                let indices = indices.resolved_indices(self.shape()[axis]);
                let scatter = Gather::ScatterAdd { batch: 0, axis };
                let dtype = self.dtype().promoted(updates.dtype());
                widened::note_part("index_add", self, updates);
                let (whole, updates) = (self.astype(dtype), updates.astype(dtype));
                called("index_add", || {
                    Tensor::apply(Op::Gather(scatter), &[&whole, &indices, &updates])
                })
            }
            Err(error) => Tensor::fail(error, &[self], self.ty().clone()),
        }
    }

    /// The part of size `sizes` that begins at `starts`: integers, one per axis, which can be computed values.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let t = Tensor::from([[1, 2, 3], [4, 5, 6]]);
    /// let part = t.dynamic_slice(&Tensor::from([0, 1]), &[2, 2]);
    /// assert_eq!(part.to_vec::<i32>()?, [2, 3, 5, 6]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit. A part that exceeds the tensor is found when it runs.
    #[track_caller]
    pub fn dynamic_slice(&self, starts: &Tensor, sizes: impl Integers) -> Tensor {
        let sizes = match sizes_of("dynamic_slice", sizes) {
            Ok(sizes) => sizes,
            Err(error) => return Tensor::fail(error, &[self], self.ty().clone()),
        };
        if let Err(error) = whole("dynamic_slice", starts) {
            return Tensor::fail(error, &[self], self.ty().with_shape(&sizes));
        }
        let op = Op::Dynamic(Dynamic::Slice { sizes });
        called("dynamic_slice", || {
            Tensor::apply(op, &[self, &starts.astype(DType::I64)])
        })
    }

    /// This tensor with `part` written over the elements from `starts` on: integers,
    /// one per axis, which can be computed values. Both are brought to one element type, as by `+`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let t = Tensor::from([1, 2, 3]);
    /// let changed = t.dynamic_update(&Tensor::from([7, 8]), &Tensor::from([1]));
    /// assert_eq!(changed.to_vec::<i32>()?, [1, 7, 8]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit. A part that exceeds the tensor is found when it runs.
    #[doc(alias = "dynamic_update_slice")]
    #[doc(alias = "index_copy")]
    #[track_caller]
    pub fn dynamic_update(&self, part: &Tensor, starts: &Tensor) -> Tensor {
        let dtype = self.dtype().promoted(part.dtype());
        widened::note_part("dynamic_update", self, part);
        if let Err(error) = whole("dynamic_update", starts) {
            return Tensor::fail(error, &[self], self.ty().with_dtype(dtype));
        }
        called("dynamic_update", || {
            let (whole, part) = (self.astype(dtype), part.astype(dtype));
            let starts = starts.astype(DType::I64);
            Tensor::apply(Op::Dynamic(Dynamic::Update), &[&whole, &part, &starts])
        })
    }

    /// A new last axis of size `n` that is 1 at the index in each element, 0 elsewhere, with element type `dtype`.
    ///
    /// Elements that are not a valid index give zeros.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let labels = Tensor::from([1, 0]);
    /// assert_eq!(labels.one_hot(3, F64).to_vec::<f64>()?, [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the elements are not integers.
    #[track_caller]
    pub fn one_hot(&self, n: impl Integer, dtype: DType) -> Tensor {
        let n = match whole("one_hot", self).and_then(|()| size_of("one_hot", n.wide())) {
            Ok(n) => n,
            Err(error) => return Tensor::fail(error, &[self], Type::new(dtype, self.shape())),
        };
        let mut shape = self.ty().shape.clone();
        shape.push(n);
        let places = Tensor::iota("one_hot", &[n], 0);
        called("one_hot", || {
            let wide = expand(&self.astype(DType::I64).expand_dims(-1), &shape);
            wide.equal(places).astype(dtype)
        })
    }

    /// The last two axes as matrices, zero above the `k`-th diagonal.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let t = Tensor::ones(&[2, 2], F64);
    /// assert_eq!(t.tril(0).to_vec::<f64>()?, [1.0, 0.0, 1.0, 1.0]);
    /// assert_eq!(t.tril(-1).to_vec::<f64>()?, [0.0, 0.0, 1.0, 0.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there are fewer than two axes.
    #[doc(alias = "lower_triangle")]
    #[track_caller]
    pub fn tril(&self, k: impl Integer) -> Tensor {
        self.triangle("tril", k.wide(), |row, column| row.greater_equal(column))
    }

    /// The last two axes as matrices, zero below the `k`-th diagonal.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let t = Tensor::ones(&[2, 2], F64);
    /// assert_eq!(t.triu(0).to_vec::<f64>()?, [1.0, 1.0, 0.0, 1.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there are fewer than two axes.
    #[doc(alias = "upper_triangle")]
    #[track_caller]
    pub fn triu(&self, k: impl Integer) -> Tensor {
        self.triangle("triu", k.wide(), |row, column| row.less_equal(column))
    }

    #[track_caller]
    fn triangle(&self, name: &str, k: i128, keep: fn(&Tensor, &Tensor) -> Tensor) -> Tensor {
        let Some((m, n)) = self.matrix_sizes() else {
            return Tensor::fail(needs_matrix(name, self), &[self], self.ty().clone());
        };
        let (row, column) = (
            Tensor::iota(name, &[m, n], 0),
            Tensor::iota(name, &[m, n], 1),
        );
        // Diagonals beyond the corners keep all or nothing. Row numbers and sizes add up to less than `i64::MAX`.
        let k = k.clamp(-(m as i128), n as i128) as i64;
        keep(&(&row + k), &column).where_(self, self.zeros_like())
    }

    pub(super) fn matrix_sizes(&self) -> Option<(usize, usize)> {
        match self.shape() {
            [.., m, n] => Some((*m, *n)),
            _ => None,
        }
    }

    /// The diagonal of the last two axes: `[…, min(m, n)]`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let t = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(t.diagonal().to_vec::<f64>()?, [1.0, 4.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there are fewer than two axes.
    #[doc(alias = "diag")]
    #[track_caller]
    pub fn diagonal(&self) -> Tensor {
        self.diagonal_of("diagonal")
    }

    #[track_caller]
    fn diagonal_of(&self, name: &str) -> Tensor {
        let Some((m, n)) = self.matrix_sizes() else {
            return Tensor::fail(needs_matrix(name, self), &[self], self.ty().clone());
        };
        let size = m.min(n);
        let mut shape = self.ty().shape.clone();
        shape.truncate(self.rank() - 2);
        shape.push(m * n);
        let places: Vec<i64> = (0..size).map(|i| (i * (n + 1)) as i64).collect();
        self.under(&shape).take(&Tensor::from(places), -1)
    }

    /// A square matrix with the elements of this vector on its diagonal, zeros elsewhere.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let t = Tensor::from([1.0, 2.0]).diag();
    /// assert_eq!(t.to_vec::<f64>()?, [1.0, 0.0, 0.0, 2.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If this is not a vector.
    #[doc(alias = "from_diagonal")]
    #[doc(alias = "from_diag")]
    #[doc(alias = "diagflat")]
    #[track_caller]
    pub fn diag(&self) -> Tensor {
        let &[n] = self.shape() else {
            let error = Error::new(
                ErrorKind::Shape,
                format!(
                    "diag: takes a vector, got {}; `diagonal` reads one from a matrix",
                    self.ty()
                ),
            );
            return Tensor::fail(error, &[self], self.ty().clone());
        };
        let wide = expand(self, &[n, n]);
        Tensor::eye(n, DType::Bool).where_(&wide, wide.zeros_like())
    }

    /// The sum of the diagonal of the last two axes.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let t = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(t.trace().item::<f64>()?, 5.0);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there are fewer than two axes.
    #[track_caller]
    pub fn trace(&self) -> Tensor {
        called("trace", || self.diagonal_of("trace").sum_axis(-1))
    }
}

fn whole(name: &str, indices: &Tensor) -> Result<()> {
    if indices.dtype().is_integer() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::DType,
        format!(
            "{name}: indices must be integers, got {}; convert them with `astype`",
            indices.ty()
        ),
    ))
}

fn needs_matrix(name: &str, t: &Tensor) -> Error {
    Error::new(
        ErrorKind::Shape,
        format!("{name}: needs at least two axes, got {}", t.ty()),
    )
}
