//! Elements read or changed at computed indices. An index out of bounds is an error.

use crate::array::{Tensor, for_each_index, lines};
use crate::elementwise::order;
use crate::reduce::sum;
use gradus_ir::primitives::{Dynamic, Gather, Sort};
use gradus_ir::{Error, ErrorKind, Literal, Result, Type};

/// For an operand `[B…, P…, N, Q…]` and indices `[B…, I…]` the picked elements are `[B…, P…, I…, Q…]`.
pub fn gather(op: &Gather, ty: &Type, operands: &[&Tensor]) -> Result<Tensor> {
    let (whole, indices) = (operands[0], operands[1]);
    match *op {
        Gather::Take { batch, axis } => {
            let picked = Picked::new("take", batch, axis, whole, indices)?;
            Tensor::build(ty, |index| whole.at(&picked.place(index)))
        }
        Gather::ScatterAdd { batch, axis } => {
            let (picked, updates) = (
                Picked::new("scatter_add", batch, axis, whole, indices)?,
                operands[2],
            );
            let mut out = whole.clone();
            for_each_index(&updates.ty.shape, |index| {
                let at = out.position(&picked.place(index));
                out.elements[at] = sum(out.elements[at], updates.at(index));
            });
            Ok(out)
        }
    }
}

/// Indices that are checked to be in bounds.
struct Picked<'a> {
    batch: usize,
    axis: usize,
    indices: &'a Tensor,
}

impl Picked<'_> {
    fn new<'a>(
        name: &str,
        batch: usize,
        axis: usize,
        whole: &Tensor,
        indices: &'a Tensor,
    ) -> Result<Picked<'a>> {
        let n = whole.ty.shape[axis];
        for index in &indices.elements {
            let index = index.as_i64();
            if !(0..n as i64).contains(&index) {
                let message =
                    format!("{name}: index {index} is out of bounds for axis {axis} of size {n}");
                return Err(Error::new(ErrorKind::Index, message));
            }
        }
        Ok(Picked {
            batch,
            axis,
            indices,
        })
    }

    /// The index in the operand of a picked element.
    fn place(&self, index: &[usize]) -> Vec<usize> {
        let (axis, batch) = (self.axis, self.batch);
        let own = self.indices.ty.rank() - batch;
        let of_indices = [&index[..batch], &index[axis..axis + own]].concat();
        let along = self.indices.at(&of_indices).as_i64() as usize;
        [&index[..axis], &[along], &index[axis + own..]].concat()
    }
}

pub fn dynamic(op: &Dynamic, ty: &Type, operands: &[&Tensor]) -> Result<Tensor> {
    let x = operands[0];
    match op {
        Dynamic::Slice { sizes } => {
            let starts = starts("dynamic_slice", x, sizes, operands[1])?;
            Tensor::build(ty, |index| {
                let from = index.iter().zip(&starts).map(|(i, start)| i + start);
                x.at(&from.collect::<Vec<_>>())
            })
        }
        Dynamic::Update => {
            let part = operands[1];
            let starts = starts("dynamic_update", x, &part.ty.shape, operands[2])?;
            let mut out = x.clone();
            for_each_index(&part.ty.shape, |index| {
                let to: Vec<usize> = index
                    .iter()
                    .zip(&starts)
                    .map(|(i, start)| i + start)
                    .collect();
                let at = out.position(&to);
                out.elements[at] = part.at(index);
            });
            Ok(out)
        }
    }
}

/// The start of a part of these sizes, if the part lies in `x`.
fn starts(name: &str, x: &Tensor, sizes: &[usize], starts: &Tensor) -> Result<Vec<usize>> {
    let mut found = Vec::new();
    for (axis, (&size, &n)) in sizes.iter().zip(&x.ty.shape).enumerate() {
        let start = starts.elements[axis].as_i64();
        if !(0..=(n - size) as i64).contains(&start) {
            let message = format!(
                "{name}: a part of size {size} from {start} does not lie in axis {axis} of size {n}"
            );
            return Err(Error::new(ErrorKind::Index, message));
        }
        found.push(start as usize);
    }
    Ok(found)
}

/// The first elements of each line in order, and their indices. Equal ones keep their order, and NaN comes last.
pub fn sort(op: &Sort, types: &[Type], x: &Tensor) -> Result<Vec<Tensor>> {
    let [mut values, mut indices] = [
        Tensor::build(&types[0], |_| Literal::lowest(types[0].dtype))?,
        Tensor::build(&types[1], |_| Literal::from_i64(types[1].dtype, 0))?,
    ];
    let is_nan = |v: Literal| order(v, v).is_none();
    for (line, sorted) in lines(&x.ty.shape, op.axis).zip(lines(&types[0].shape, op.axis)) {
        let mut elements: Vec<(usize, Literal)> = line.map(|k| x.elements[k]).enumerate().collect();
        elements.sort_by(|(_, a), (_, b)| match order(*a, *b) {
            Some(order) if op.descending => order.reverse(),
            Some(order) => order,
            None => is_nan(*a).cmp(&is_nan(*b)),
        });
        for (k, (index, element)) in sorted.zip(elements) {
            values.elements[k] = element;
            indices.elements[k] = Literal::from_i64(types[1].dtype, index as i64);
        }
    }
    Ok(vec![values, indices])
}
