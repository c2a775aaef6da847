//! Operations that rearrange elements or put arrays together.

use crate::array::Tensor;
use gradus_ir::primitives::{Layout, Resize};
use gradus_ir::{Literal, Result, Type};

pub fn layout(op: &Layout, ty: &Type, x: &Tensor) -> Result<Tensor> {
    let rank = x.ty.rank();
    match op {
        Layout::Broadcast { axes, .. } => Tensor::build(ty, |index| {
            let from = (0..rank).map(|i| {
                if x.ty.shape[i] == 1 {
                    0
                } else {
                    index[axes[i]]
                }
            });
            x.at(&from.collect::<Vec<_>>())
        }),
        Layout::Reshape(_) => Ok(Tensor {
            ty: ty.clone(),
            elements: x.elements.clone(),
        }),
        Layout::Transpose(permutation) => Tensor::build(ty, |index| {
            let mut from = vec![0; rank];
            for (i, &axis) in permutation.iter().enumerate() {
                from[axis] = index[i];
            }
            x.at(&from)
        }),
        Layout::Slice(slice) => Tensor::build(ty, |index| {
            let from = (0..rank).map(|i| slice.start[i] + index[i] * slice.stride[i]);
            x.at(&from.collect::<Vec<_>>())
        }),
        Layout::Reverse(axes) => Tensor::build(ty, |index| {
            let mut from = index.to_vec();
            for &axis in axes {
                from[axis] = ty.shape[axis] - 1 - index[axis];
            }
            x.at(&from)
        }),
    }
}

pub fn resize(op: &Resize, ty: &Type, operands: &[&Tensor]) -> Result<Tensor> {
    match op {
        Resize::Pad(padding) => {
            let (x, value) = (operands[0], operands[1].number());
            let spread = |i: usize, at: usize| padding.low[i] + at * (padding.interior[i] + 1);
            let mut out = Tensor::build(ty, |_| value)?;
            put(&mut out, x, spread, |_, new| new);
            Ok(out)
        }
        Resize::Concat(axis) => {
            let mut first = 0;
            let mut out = Tensor::build(ty, |_| Literal::lowest(ty.dtype))?;
            for x in operands {
                let behind = |i: usize, at: usize| if i == *axis { first + at } else { at };
                put(&mut out, x, behind, |_, new| new);
                first += x.ty.shape[*axis];
            }
            Ok(out)
        }
        Resize::SliceAdd(part) => {
            let mut out = operands[0].clone();
            let place = |i: usize, at: usize| part.start[i] + at * part.stride[i];
            put(&mut out, operands[1], place, crate::reduce::sum);
            Ok(out)
        }
    }
}

/// Joins each element of `x` with the one of `out` whose index along axis `i` is `place(i, at)`.
fn put(
    out: &mut Tensor,
    x: &Tensor,
    place: impl Fn(usize, usize) -> usize,
    join: impl Fn(Literal, Literal) -> Literal,
) {
    crate::array::for_each_index(&x.ty.shape, |index| {
        let to: Vec<usize> = (0..index.len()).map(|i| place(i, index[i])).collect();
        let at = out.position(&to);
        out.elements[at] = join(out.elements[at], x.at(index));
    });
}
