//! The text of a sum of products: the letters of its operands and of its result.

use super::super::Tensor;
use super::Letters;
use gradus_ir::{Error, ErrorKind, Result};
use std::collections::BTreeMap;

/// The letters of each operand and of the result.
pub(super) fn parse(formula: &str, operands: &[&Tensor]) -> Result<(Vec<Letters>, Letters)> {
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
