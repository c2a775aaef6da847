//! Sums of products written with index letters.

use super::Tensor;
use crate::trace::called;
use gradus_ir::primitives::Contract;
use gradus_ir::{DType, Error, ErrorKind, Result, Type};
use std::collections::BTreeMap;

/// The sum of products that `formula` describes with a letter for each axis,
/// like NumPy's `einsum`: `"ij,jk->ik"` is a matrix product.
///
/// A letter that occurs in several operands pairs their axes.
/// A letter that is missing after the arrow is summed over.
/// A letter that occurs twice in one operand takes the diagonal.
/// Without an arrow the result has the letters that occur once, in alphabetical order.
/// Operands are multiplied from left to right.
///
/// ```
/// use gradus::prelude::*;
/// let a = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
/// assert_eq!(einsum("ii->", &[&a]).item::<f64>()?, 5.0);
/// assert_eq!(einsum("ij,j->i", &[&a, &Tensor::from([1.0, 1.0])]).to_vec::<f64>()?, [3.0, 7.0]);
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

type Letters = Vec<char>;

fn parse(formula: &str, operands: &[&Tensor]) -> Result<(Vec<Letters>, Letters)> {
    let wrong =
        |kind: ErrorKind, why: String| Error::new(kind, format!("einsum: `{formula}`: {why}"));
    let text: String = formula.chars().filter(|c| !c.is_whitespace()).collect();
    let (left, right) = match text.split_once("->") {
        Some((l, r)) => (l.to_string(), Some(r.to_string())),
        None => (text, None),
    };
    if let Some(c) = left
        .chars()
        .chain(right.iter().flat_map(|r| r.chars()))
        .find(|c| !c.is_ascii_alphabetic() && *c != ',')
    {
        return Err(wrong(
            ErrorKind::Argument,
            format!(
                "`{c}` is not an index; indices are single letters, operands are separated by commas"
            ),
        ));
    }
    let inputs: Vec<Letters> = left.split(',').map(|p| p.chars().collect()).collect();
    if inputs.len() != operands.len() {
        return Err(wrong(
            ErrorKind::Argument,
            format!(
                "names {} operands, {} were given",
                inputs.len(),
                operands.len()
            ),
        ));
    }
    let mut sizes: BTreeMap<char, (usize, usize)> = BTreeMap::new();
    let mut counts: BTreeMap<char, usize> = BTreeMap::new();
    for (k, (letters, t)) in inputs.iter().zip(operands).enumerate() {
        if letters.len() != t.rank() {
            return Err(wrong(
                ErrorKind::Shape,
                format!(
                    "operand {k} has {} indices, the tensor is {}",
                    letters.len(),
                    t.ty()
                ),
            ));
        }
        for (&c, &n) in letters.iter().zip(t.shape()) {
            *counts.entry(c).or_default() += 1;
            let (first, at) = *sizes.entry(c).or_insert((n, k));
            if first != n {
                return Err(wrong(
                    ErrorKind::Shape,
                    format!("index `{c}` has size {first} in operand {at} and {n} in operand {k}"),
                ));
            }
        }
    }
    let output: Letters = match right {
        Some(r) => r.chars().collect(),
        None => counts
            .iter()
            .filter(|(_, n)| **n == 1)
            .map(|(c, _)| *c)
            .collect(),
    };
    for (i, c) in output.iter().enumerate() {
        if !sizes.contains_key(c) {
            return Err(wrong(
                ErrorKind::Argument,
                format!("index `{c}` of the result stands in no operand"),
            ));
        }
        if output[..i].contains(c) {
            return Err(wrong(
                ErrorKind::Argument,
                format!("index `{c}` stands twice in the result"),
            ));
        }
    }
    Ok((inputs, output))
}

fn evaluate(letters: Vec<Letters>, output: &[char], operands: &[&Tensor]) -> Tensor {
    let mut rest: Vec<(Letters, Tensor)> = letters
        .into_iter()
        .zip(operands)
        .map(|(l, t)| diagonals(l, t))
        .collect();
    rest.reverse();
    let Some((mut names, mut sum)) = rest.pop() else {
        return Tensor::from(1.0);
    };
    let needed = |c: char, rest: &[(Letters, Tensor)]| {
        output.contains(&c) || rest.iter().any(|(l, _)| l.contains(&c))
    };
    (names, sum) = summed(names, sum, |c| needed(c, &rest));
    while let Some((other_names, other)) = rest.pop() {
        // Axes of one operand alone that are not needed any more are summed before the product.
        let (other_names, other) = summed(other_names, other, |c| {
            needed(c, &rest) || names.contains(&c)
        });
        (names, sum) = summed(names, sum, |c| needed(c, &rest) || other_names.contains(&c));
        let place = |names: &[char], c: char| names.iter().position(|&d| d == c);
        let mut op = Contract::default();
        let (mut batch, mut out) = (Letters::new(), Letters::new());
        for (i, &c) in names.iter().enumerate() {
            match place(&other_names, c) {
                Some(j) if needed(c, &rest) => {
                    op.batch_left.push(i);
                    op.batch_right.push(j);
                    batch.push(c);
                }
                Some(j) => {
                    op.contract_left.push(i);
                    op.contract_right.push(j);
                }
                None => out.push(c),
            }
        }
        out.extend(other_names.iter().filter(|c| !names.contains(c)));
        sum = sum.contract("einsum", &other, op);
        names = batch;
        names.extend(out);
    }
    (names, sum) = summed(names, sum, |c| output.contains(&c));
    let order: Vec<usize> = output
        .iter()
        .map(|c| names.iter().position(|d| d == c).unwrap_or(0))
        .collect();
    sum.permute(&order)
}

/// The tensor summed over the axes whose letters are not kept.
#[track_caller]
fn summed(names: Letters, t: Tensor, keep: impl Fn(char) -> bool) -> (Letters, Tensor) {
    let gone: Vec<usize> = (0..names.len()).filter(|&i| !keep(names[i])).collect();
    if gone.is_empty() {
        return (names, t);
    }
    let kept = names.into_iter().filter(|&c| keep(c)).collect();
    (kept, t.sum_axes(&gone))
}

/// For letters that occur twice, only elements with equal indices are taken.
#[track_caller]
fn diagonals(mut names: Letters, t: &Tensor) -> (Letters, Tensor) {
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
