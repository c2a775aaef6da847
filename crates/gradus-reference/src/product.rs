//! The general product: `y[b, i, j] = Σ_c x[b, i, c] · z[b, j, c]`, for operand axes in any order.

use crate::array::{Tensor, for_each_index};
use crate::reduce::{converted, total_type};
use gradus_ir::primitives::Contract;
use gradus_ir::{Kind, Literal, Result, Type};

pub fn contract(op: &Contract, ty: &Type, left: &Tensor, right: &Tensor) -> Result<Tensor> {
    let (rank_left, rank_right) = (left.ty.rank(), right.ty.rank());
    let (free_left, free_right) = (op.free_left(rank_left), op.free_right(rank_right));
    let summed: Vec<usize> = op.contract_left.iter().map(|&a| left.ty.shape[a]).collect();
    let total = total_type(ty.dtype);
    Tensor::build(ty, |index| {
        let (batch, free) = index.split_at(op.batch_left.len());
        let (own_left, own_right) = free.split_at(free_left.len());
        let mut sum = Literal::from_i64(total, 0);
        for_each_index(&summed, |along| {
            let place = |rank: usize, axes: [(&[usize], &[usize]); 3]| {
                let mut at = vec![0; rank];
                for (axes, index) in axes {
                    axes.iter().zip(index).for_each(|(&axis, &i)| at[axis] = i);
                }
                at
            };
            let of_left = [
                (&*op.batch_left, batch),
                (&*op.contract_left, along),
                (&*free_left, own_left),
            ];
            let of_right = [
                (&*op.batch_right, batch),
                (&*op.contract_right, along),
                (&*free_right, own_right),
            ];
            let a = left.at(&place(rank_left, of_left));
            let b = right.at(&place(rank_right, of_right));
            sum = match ty.dtype.kind() {
                Kind::Float(_) => Literal::from_f64(total, sum.as_f64() + a.as_f64() * b.as_f64()),
                Kind::Integer(_) | Kind::Bool => {
                    let product = a.as_i64().wrapping_mul(b.as_i64());
                    Literal::from_i64(total, sum.as_i64().wrapping_add(product))
                }
            };
        });
        converted(ty.dtype, sum)
    })
}
