//! The general product: `y[b, i, j] = Σ_c x[b, i, c] · z[b, j, c]`, for operand axes in any order.

use crate::array::{Tensor, for_each_index};
use gradus_engine::with_room;
use gradus_ir::primitives::Contract;
use gradus_ir::{Kind, Literal, Result, Type};

pub fn contract(op: &Contract, ty: &Type, left: &Tensor, right: &Tensor) -> Result<Tensor> {
    let free_left = op.free_left(left.ty.rank());
    let free_right = op.free_right(right.ty.rank());
    let left_axes: [&[usize]; 3] = [&op.batch_left, &free_left, &op.contract_left];
    let right_axes: [&[usize]; 3] = [&op.batch_right, &free_right, &op.contract_right];
    let elements = match ty.dtype.kind() {
        Kind::Float(_) => {
            let of = |x: Literal| x.as_f64();
            let (x, z) = (rows(left, left_axes, of)?, rows(right, right_axes, of)?);
            products(&x, &z, |x, z| {
                let terms = x.iter().zip(z).map(|(x, z)| x * z);
                Literal::from_f64(ty.dtype, terms.fold(0.0, |sum, term| sum + term))
            })
        }
        Kind::Integer(_) | Kind::Bool => {
            let of = |x: Literal| x.as_i64();
            let (x, z) = (rows(left, left_axes, of)?, rows(right, right_axes, of)?);
            products(&x, &z, |x, z| {
                let terms = x.iter().zip(z).map(|(x, z)| x.wrapping_mul(*z));
                Literal::from_i64(ty.dtype, terms.fold(0, i64::wrapping_add))
            })
        }
    };
    let ty = ty.clone();
    Ok(Tensor {
        elements: elements?,
        ty,
    })
}

/// An operand as rows of numbers, for each index along its batch axes.
struct Rows<T> {
    batch: usize,
    rows: usize,
    length: usize,
    numbers: Vec<T>,
}

impl<T> Rows<T> {
    fn row(&self, batch: usize, row: usize) -> &[T] {
        let from = (batch * self.rows + row) * self.length;
        &self.numbers[from..from + self.length]
    }
}

/// The elements of `x`, with its axes reordered: first the batch axes, then the axes of the rows,
/// then the axes within a row.
fn rows<T>(x: &Tensor, axes: [&[usize]; 3], number: impl Fn(Literal) -> T) -> Result<Rows<T>> {
    let size = |axes: &[usize]| axes.iter().map(|&a| x.ty.shape[a]).product();
    let order = axes.concat();
    let shape: Vec<usize> = order.iter().map(|&a| x.ty.shape[a]).collect();
    let mut numbers = with_room("reference", x.elements.len())?;
    let mut at = vec![0; order.len()];
    for_each_index(&shape, |index| {
        order.iter().zip(index).for_each(|(&axis, &i)| at[axis] = i);
        numbers.push(number(x.at(&at)));
    });
    Ok(Rows {
        batch: size(axes[0]),
        rows: size(axes[1]),
        length: size(axes[2]),
        numbers,
    })
}

/// `product` of each row of `x` with each row of `z` that has the same batch index.
fn products<T>(
    x: &Rows<T>,
    z: &Rows<T>,
    product: impl Fn(&[T], &[T]) -> Literal,
) -> Result<Vec<Literal>> {
    let mut elements = with_room("reference", x.batch * x.rows * z.rows)?;
    for batch in 0..x.batch {
        for i in 0..x.rows {
            for j in 0..z.rows {
                elements.push(product(x.row(batch, i), z.row(batch, j)));
            }
        }
    }
    Ok(elements)
}
