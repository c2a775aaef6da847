//! Views: arrays seen through rearrangements, without moving elements.

use gradus_ir::primitives::Layout;
use gradus_ir::{Dims, row_major_strides};
use smallvec::SmallVec;

/// Steps in elements, one per axis.
pub(crate) type Strides = SmallVec<[isize; 4]>;

/// The layout of an array in the memory of another: element `i` is at `offset + Σ iₖ·strideₖ`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct View {
    pub shape: Dims,
    pub offset: isize,
    pub strides: Strides,
}

impl View {
    /// The view of an array in its own memory.
    pub fn whole(shape: &[usize]) -> View {
        View {
            shape: Dims::from_slice(shape),
            offset: 0,
            strides: row_major_strides(shape),
        }
    }

    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// The positions of the elements in the memory, in row-major order.
    #[cfg(any(test, feature = "native"))]
    pub fn positions(&self) -> Vec<isize> {
        let mut all = vec![self.offset];
        for (&n, &step) in self.shape.iter().zip(&self.strides) {
            let along = |p: isize| (0..n as isize).map(move |i| p + i * step);
            all = all.into_iter().flat_map(along).collect();
        }
        all
    }

    /// The number of distinct addresses of the elements: elements that a broadcast repeats share one.
    pub fn distinct(&self) -> usize {
        if self.elements() == 0 {
            return 0;
        }
        let axes = self.shape.iter().zip(&self.strides);
        axes.filter(|(_, s)| **s != 0).map(|(n, _)| n).product()
    }

    /// The first and the last position of elements in the memory, if there are any.
    pub fn reach(&self) -> Option<(isize, isize)> {
        if self.elements() == 0 {
            return None;
        }
        let axes = self.shape.iter().zip(&self.strides);
        let ends = axes.map(|(&n, &s)| (n as isize - 1) * s);
        Some(ends.fold((self.offset, self.offset), |(first, last), end| {
            (first + end.min(0), last + end.max(0))
        }))
    }

    /// Whether the elements are contiguous from the start of the memory.
    pub fn is_whole(&self) -> bool {
        self.offset == 0 && self.is_contiguous()
    }

    /// Whether the elements are contiguous.
    pub fn is_contiguous(&self) -> bool {
        if self.elements() == 0 {
            return true;
        }
        let natural = row_major_strides(&self.shape);
        (0..self.shape.len()).all(|i| self.shape[i] == 1 || self.strides[i] == natural[i])
    }

    /// This view seen through `layout`, which has `shape` as its result; `None` if elements would have to move.
    pub fn through(&self, layout: &Layout, shape: &[usize]) -> Option<View> {
        // An array without elements: its addresses need not lie in the memory.
        if shape.contains(&0) {
            return Some(View::whole(shape));
        }
        let mut out = View {
            shape: Dims::from_slice(shape),
            offset: self.offset,
            strides: Strides::new(),
        };
        match layout {
            Layout::Broadcast { axes, .. } => {
                out.strides = smallvec::smallvec![0; shape.len()];
                for (i, &a) in axes.iter().enumerate() {
                    if self.shape[i] == shape[a] {
                        out.strides[a] = self.strides[i];
                    }
                }
            }
            Layout::Transpose(permutation) => {
                out.strides = permutation.iter().map(|&p| self.strides[p]).collect();
            }
            Layout::Slice(slice) => {
                for (i, &size) in shape.iter().enumerate() {
                    out.offset += slice.start[i] as isize * self.strides[i];
                    // A step that is never taken can be larger than the memory.
                    let step = if size > 1 { slice.stride[i] } else { 1 };
                    out.strides.push(self.strides[i] * step as isize);
                }
            }
            Layout::Reverse(axes) => {
                out.strides = self.strides.clone();
                for &a in axes {
                    out.offset += (self.shape[a] as isize - 1) * self.strides[a];
                    out.strides[a] = -out.strides[a];
                }
            }
            Layout::Reshape(_) => out.strides = self.reshaped(shape)?,
        }
        Some(out)
    }

    /// The steps of the same elements in the same order with another shape.
    fn reshaped(&self, shape: &[usize]) -> Option<Strides> {
        // Groups of axes that have the layout of one axis, innermost first, are cut again.
        let mut groups = collapse(&self.shape, &[&self.strides]);
        let mut strides: Strides = smallvec::smallvec![0; shape.len()];
        let (mut left, mut step) = match groups.pop() {
            Some((n, s)) => (n, s[0]),
            None => (1, 0),
        };
        for i in (0..shape.len()).rev() {
            if shape[i] == 1 {
                continue;
            }
            if left == 1 {
                let (n, s) = groups.pop()?;
                (left, step) = (n, s[0]);
            }
            if left % shape[i] != 0 {
                return None;
            }
            strides[i] = step;
            step *= shape[i] as isize;
            left /= shape[i];
        }
        Some(strides)
    }
}

/// Joins neighbouring axes that all of several lists of steps cross like one axis; axes of size 1 vanish.
/// Outermost first.
pub(crate) fn collapse(shape: &[usize], all: &[&[isize]]) -> Vec<(usize, SmallVec<[isize; 8]>)> {
    let mut out: Vec<(usize, SmallVec<[isize; 8]>)> = Vec::new();
    for (i, &n) in shape.iter().enumerate() {
        if n == 1 {
            continue;
        }
        let steps: SmallVec<[isize; 8]> = all.iter().map(|s| s[i]).collect();
        if let Some((m, last)) = out.last_mut()
            && last
                .iter()
                .zip(&steps)
                .all(|(&outer, &inner)| outer == inner * n as isize)
        {
            *m *= n;
            *last = steps;
            continue;
        }
        out.push((n, steps));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradus_ir::primitives::Slice;

    #[test]
    fn a_reshape_keeps_the_order_or_is_refused() {
        let base = View::whole(&[2, 3, 4]);
        let turned = base.through(&Layout::Transpose(Dims::from_slice(&[1, 0, 2])), &[3, 2, 4]);
        let turned = turned.unwrap();
        for shape in [&[3, 2, 2, 2][..], &[3, 1, 8][..], &[6, 4][..], &[24][..]] {
            let again = turned.through(&Layout::Reshape(Dims::from_slice(shape)), shape);
            match again {
                Some(v) => assert_eq!(v.positions(), turned.positions(), "{shape:?}"),
                None => assert!([6, 24, 3].contains(&shape[0]) && shape != [3, 2, 2, 2]),
            }
        }
        assert!(
            base.through(&Layout::Reshape(Dims::from_slice(&[8, 3])), &[8, 3])
                .is_some()
        );
    }

    fn slice(start: &[usize], limit: &[usize], stride: &[usize]) -> Layout {
        Layout::from(Slice {
            start: Dims::from_slice(start),
            limit: Dims::from_slice(limit),
            stride: Dims::from_slice(stride),
        })
    }

    /// Positions for steps that are never taken, and of arrays without elements,
    /// are never computed: they could overflow.
    #[test]
    fn steps_that_are_never_taken_count_for_nothing() {
        let huge = isize::MAX as usize;
        let base = View::whole(&[4, 8]);
        let last = base.through(&slice(&[3, 1], &[4, 8], &[huge, huge]), &[1, 1]);
        assert_eq!(last.unwrap().positions(), [25]);
        let base = View::whole(&[1, 1, 1 << 62]);
        let behind = slice(&[1, 1, 1 << 62], &[1, 1, 1 << 62], &[1, 1, huge]);
        let nothing = base.through(&behind, &[0, 0, 0]).unwrap();
        assert_eq!(nothing, View::whole(&[0, 0, 0]));
    }

    #[test]
    fn slices_and_reverses_compose() {
        let base = View::whole(&[6]);
        let odd = base.through(&slice(&[1], &[6], &[2]), &[3]);
        let back = odd
            .unwrap()
            .through(&Layout::Reverse(Dims::from_slice(&[0])), &[3]);
        assert_eq!(back.unwrap().positions(), [5, 3, 1]);
    }
}
