//! Sums of products written with index letters.

mod formula;
mod order;

use super::Tensor;
use crate::trace::called;
use formula::parse;
use gradus_ir::primitives::Contract;
use gradus_ir::{DType, Type};
use order::Factors;

/// The index letters of a tensor, one for each axis.
type Letters = Vec<char>;
/// An operand, or the product of several.
type Part = (Letters, Tensor);

/// The sum of products that `formula` describes with a letter for each axis,
/// like NumPy's `einsum`: `"ij,jk->ik"` is a matrix product.
///
/// A letter that occurs in several operands pairs their axes.
/// A letter that is missing after the arrow is summed over.
/// A letter that occurs twice in one operand takes the diagonal.
/// Without an arrow the result has the letters that occur once, in alphabetical order.
///
/// Operands are multiplied two at a time, in the order with the fewest multiplications.
/// Among several such orders, the intermediate results of the chosen one have the fewest elements in total;
/// among equal ones it is the one from left to right.
/// For up to eight operands all orders are considered. Of more, those two are multiplied first whose
/// product takes the fewest multiplications, until eight are left.
/// The order follows from the shapes alone, so it is the same on every run. It changes the rounding of floats;
/// where a certain order matters, multiply with [`matmul`](Tensor::matmul), which keeps the order that you write.
///
/// ```
/// use gradus::prelude::*;
/// let a = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
/// assert_eq!(einsum("ii->", &[&a]).item::<f64>()?, 5.0);
/// assert_eq!(einsum("ij,j->i", &[&a, &Tensor::from([1.0, 1.0])]).to_vec::<f64>()?, [3.0, 7.0]);
///
/// // Two matrices and a vector: two products with a vector take 2·100² multiplications,
/// // the product of the matrices alone would take 100³.
/// let (m, v) = (Tensor::ones(&[100, 100], F64), Tensor::ones(&[100], F64));
/// let graph = trace(|v: &Tensor| einsum("ij,jk,k->i", &[&m, &m, v]), &v)?;
/// assert!(!graph.to_string().contains("f64[100,100] = contract"));
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If the formula is invalid or does not fit the operands.
#[doc(alias = "contract")]
#[track_caller]
pub fn einsum(formula: &str, operands: &[&Tensor]) -> Tensor {
    match parse(formula, operands) {
        Ok((letters, output)) => called("einsum", || evaluate(letters, &output, operands)),
        Err(error) => Tensor::fail(error, operands, Type::scalar(DType::F64)),
    }
}

/// Takes diagonals, multiplies in the cheapest order, and sums what is left.
#[track_caller]
fn evaluate(letters: Vec<Letters>, output: &[char], operands: &[&Tensor]) -> Tensor {
    let taken = letters.into_iter().zip(operands);
    let mut parts: Vec<Part> = taken.map(|(l, t)| diagonals(l, t)).collect();
    let factors = Factors::new(parts.iter().map(|(l, t)| (&l[..], t.shape())), output);
    for (left, right) in factors.cheapest_order() {
        // The earlier operand is the left one, so the search never swaps the two operands of a product.
        let second = parts.remove(right);
        let first = std::mem::take(&mut parts[left].0);
        let first = (first, parts[left].1.clone());
        parts[left] = product(first, second, |c| {
            output.contains(&c) || parts.iter().any(|(l, _)| l.contains(&c))
        });
    }
    let Some((names, sum)) = parts.pop() else {
        return Tensor::from(1.0);
    };
    let (names, sum) = summed(names, sum, |c| output.contains(&c));
    let place = |c: &char| names.iter().position(|d| d == c).unwrap_or(0);
    sum.permute(&output.iter().map(place).collect::<Vec<usize>>())
}

/// The product of two parts, summed over the letters that nothing else needs.
#[track_caller]
fn product((names, left): Part, (other_names, right): Part, needed: impl Fn(char) -> bool) -> Part {
    // Axes of one operand alone that are not needed any more are summed before the product.
    let (names, left) = summed(names, left, |c| needed(c) || other_names.contains(&c));
    let right_needs = |c| needed(c) || names.contains(&c);
    let (other_names, right) = summed(other_names, right, right_needs);
    let mut op = Contract::default();
    let (mut batch, mut free) = (Letters::new(), Letters::new());
    for (i, &c) in names.iter().enumerate() {
        match other_names.iter().position(|&d| d == c) {
            Some(j) if needed(c) => {
                op.batch_left.push(i);
                op.batch_right.push(j);
                batch.push(c);
            }
            Some(j) => {
                op.contract_left.push(i);
                op.contract_right.push(j);
            }
            None => free.push(c),
        }
    }
    free.extend(other_names.iter().filter(|c| !names.contains(c)));
    batch.extend(free);
    (batch, left.contract("einsum", &right, op))
}

/// The tensor summed over the axes whose letters are not kept.
#[track_caller]
fn summed(names: Letters, t: Tensor, keep: impl Fn(char) -> bool) -> Part {
    let gone: Vec<usize> = (0..names.len()).filter(|&i| !keep(names[i])).collect();
    if gone.is_empty() {
        return (names, t);
    }
    let kept = names.into_iter().filter(|&c| keep(c)).collect();
    (kept, t.sum_axes(&gone))
}

/// For letters that occur twice, only elements with equal indices are taken.
#[track_caller]
fn diagonals(mut names: Letters, t: &Tensor) -> Part {
    let mut t = t.clone();
    let mut i = 0;
    while i < names.len() {
        let Some(j) = (i + 1..names.len()).find(|&j| names[j] == names[i]) else {
            i += 1;
            continue;
        };
        let last = t.move_axis(i, -1);
        // Axis j has moved one position to the front.
        let last = last.move_axis(j - 1, -2);
        t = last.diagonal();
        let letter = names.remove(j);
        names.remove(i);
        names.push(letter);
        i = 0;
    }
    (names, t)
}
