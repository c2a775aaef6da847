//! The products in a symmetric matrix that are symmetric themselves.

use gradus_ir::primitives::{Binary, Layout, Resize, Unary};
use gradus_ir::{Graph, Op, ValueId};
use std::collections::HashMap;

/// Narrower matrices are computed as a whole. The CPU backend has the same bounds (`standalone/symmetric.rs`).
const NARROWEST: usize = 64;
/// Products that sum fewer numbers are computed as wholes.
const SUMMED: usize = 16;
/// The most terms of a sum that is searched.
const MOST_TERMS: usize = 200;

/// A symmetric `n × n` matrix that is a sum of products,
/// diagonals and constants, with the products marked as symmetric.
/// `None` if it is no such sum, or if two or more products might be symmetric only together.
pub(crate) fn marked(g: &mut Graph, matrix: ValueId, n: usize) -> Option<ValueId> {
    if n < NARROWEST {
        return None;
    }
    let products = products(g, matrix, n)?;
    // A symmetric sum without its symmetric terms is symmetric.
    // A term that occurs twice counts twice: `p + pᵀ` is symmetric, but `p` need not be.
    let unproven = products.iter().filter(|&&p| !weighs_its_rows(g, p));
    if products.is_empty() || unproven.count() > 1 {
        return None;
    }
    let mut made = HashMap::new();
    for p in products {
        let node = g.maker(p).clone();
        if let Op::Contract(mut c) = node.op {
            c.symmetric = true;
            let outer = g.set_loc(node.loc);
            made.insert(p, g.emit(Op::Contract(c), &node.operands));
            g.set_loc(outer);
        }
    }
    Some(again(g, matrix, &mut made))
}

/// The products whose sum is the matrix, each as often as it is a term.
/// `None` if other terms might not be symmetric, or if there are too many terms.
fn products(g: &Graph, matrix: ValueId, n: usize) -> Option<Vec<ValueId>> {
    let (mut found, mut ahead) = (Vec::new(), vec![matrix]);
    for _ in 0..MOST_TERMS {
        let Some(id) = ahead.pop() else {
            return Some(found);
        };
        let node = g.maker(id);
        match &node.op {
            Op::Const(_) => {}
            Op::Contract(c) => {
                let [left, right] = [0, 1].map(|k| g.ty(node.operands[k]));
                let (_, rows, summed, columns) = c.sizes(left, right);
                let one = c.batch_left.is_empty() && (rows, columns) == (n, n);
                if !one || summed < SUMMED || node.ty().dtype.float().is_none() {
                    return None;
                }
                found.push(id);
            }
            Op::Layout(Layout::Reshape(_)) if is_diagonal(g, node.operands[0], n) => {}
            _ => ahead.extend(parts(g, id, n)?),
        }
    }
    None
}

/// The operands, if `id` is a linear combination of them with the same weight at each element,
/// perhaps in another shape or transposed.
fn parts(g: &Graph, id: ValueId, n: usize) -> Option<Vec<ValueId>> {
    let node = g.maker(id);
    let constant = |k: usize| matches!(g.maker(node.operands[k]).op, Op::Const(_));
    match &node.op {
        Op::Unary(Unary::Neg) | Op::Layout(Layout::Reshape(_)) => Some(vec![node.operands[0]]),
        Op::Cast(_)
            if g.ty(node.operands[0]).dtype.has_derivatives()
                && node.ty().dtype.has_derivatives() =>
        {
            Some(vec![node.operands[0]])
        }
        Op::Binary(Binary::Add | Binary::Sub) => Some(node.operands.to_vec()),
        Op::Binary(Binary::Mul | Binary::Div) if constant(1) => Some(vec![node.operands[0]]),
        Op::Binary(Binary::Mul) if constant(0) => Some(vec![node.operands[1]]),
        Op::Layout(Layout::Transpose(order)) => {
            let shape = g.shape(node.operands[0]);
            let exchanges = |rows: usize| {
                let exchanged = (rows..shape.len()).chain(0..rows);
                shape[..rows].iter().product::<usize>() == n && order.iter().copied().eq(exchanged)
            };
            let any = (0..=shape.len()).any(exchanges);
            any.then(|| vec![node.operands[0]])
        }
        _ => None,
    }
}

/// Whether `id` has the numbers of a diagonal, with zeros between them,
/// so that a reshape gives a diagonal `n × n` matrix.
fn is_diagonal(g: &Graph, id: ValueId, n: usize) -> bool {
    let node = g.maker(id);
    let Op::Resize(Resize::Pad(padding)) = &node.op else {
        return false;
    };
    let zero = matches!(g.maker(node.operands[1]).op, Op::Const(v) if v.as_f64() == 0.0);
    let is = |widths: &[usize], wanted: usize| widths == [wanted];
    zero && is(g.shape(node.operands[0]), n)
        && is(&padding.low, 0)
        && is(&padding.high, 0)
        && is(&padding.interior, n)
}

/// Emits `id` again, with replaced operands from `made`.
fn again(g: &mut Graph, id: ValueId, made: &mut HashMap<ValueId, ValueId>) -> ValueId {
    if let Some(&new) = made.get(&id) {
        return new;
    }
    let node = g.maker(id).clone();
    let inner = matches!(
        node.op,
        Op::Unary(_) | Op::Binary(_) | Op::Cast(_) | Op::Layout(_)
    );
    let new = if inner {
        let operands: Vec<ValueId> = node.operands.iter().map(|&o| again(g, o, made)).collect();
        if operands == node.operands.as_slice() {
            id
        } else {
            let outer = g.set_loc(node.loc);
            let new = g.emit(node.op, &operands);
            g.set_loc(outer);
            new
        }
    } else {
        id
    };
    made.insert(id, new);
    new
}

/// Whether the product is of a matrix with its summed elements weighted,
/// and of the same matrix with other weights: `Σ_c w[c]·a[i, c]·a[j, c]` is symmetric in `i` and `j`.
fn weighs_its_rows(g: &Graph, product: ValueId) -> bool {
    let node = g.maker(product);
    let Op::Contract(c) = &node.op else {
        return false;
    };
    let mut seen = HashMap::new();
    let sides = [(0, &c.contract_left), (1, &c.contract_right)];
    let [left, right] = sides.map(|(k, summed)| match (summed.as_slice(), node.operands[k]) {
        (&[axis], operand) if g.shape(operand).len() == 2 => weighed(g, operand, axis, &mut seen),
        _ => None,
    });
    left.is_some() && left == right
}

/// A matrix and its summed axis.
type Summed = (ValueId, usize);

/// Finds the matrix `a` if `id` is a weighted form of it:
/// its elements along axis `summed` multiplied by weights that are equal in all rows.
fn weighed(
    g: &Graph,
    id: ValueId,
    summed: usize,
    seen: &mut HashMap<Summed, Option<Summed>>,
) -> Option<Summed> {
    if let Some(&found) = seen.get(&(id, summed)) {
        return found;
    }
    let node = g.maker(id);
    let weight = |k: usize| is_weight(g, node.operands[k], summed);
    let found = match &node.op {
        Op::Unary(Unary::Neg) => weighed(g, node.operands[0], summed, seen),
        Op::Binary(Binary::Mul | Binary::Div) if weight(1) => {
            weighed(g, node.operands[0], summed, seen)
        }
        Op::Binary(Binary::Mul) if weight(0) => weighed(g, node.operands[1], summed, seen),
        Op::Binary(Binary::Add | Binary::Sub) => {
            let [a, b] = [0, 1].map(|k| weighed(g, node.operands[k], summed, seen));
            if a == b { a } else { None }
        }
        Op::Layout(Layout::Transpose(order)) => weighed(g, node.operands[0], order[summed], seen),
        _ => None,
    };
    // Anything is a matrix with weights of one.
    let found = found.or(Some((id, summed)));
    seen.insert((id, summed), found);
    found
}

/// Whether all elements of a matrix with the same index along axis `summed` are equal.
fn is_weight(g: &Graph, id: ValueId, summed: usize) -> bool {
    match &g.maker(id).op {
        Op::Const(_) => true,
        Op::Layout(Layout::Broadcast { axes, .. }) => {
            let from = g.shape(g.maker(id).operands[0]);
            (axes.iter().zip(from)).all(|(&axis, &size)| axis == summed || size == 1)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts the products marked in a matrix.
    /// `body` makes the matrix as `%9` from `%0`, `%1: f64[100, 30]`,
    /// the weights `%2: f64[30]` and `%3: f64[100]`, and `%4`, which is `%0·%1ᵀ`.
    fn marks(body: &str) -> Option<usize> {
        let text = format!(
            "graph(%0: f64[100, 30], %1: f64[100, 30], %2: f64[30], %3: f64[100]) {{
  %4: f64[100, 100] = contract{{batch_left=[], batch_right=[], contract_left=[1], contract_right=[1]}} %0, %1
{body}  return %9
}}
"
        );
        let mut g: Graph = text.parse().unwrap();
        let matrix = g.outputs()[0];
        let new = marked(&mut g, matrix, 100)?;
        let g = g.program(g.inputs(), &[new]);
        let is_marked = |id: &ValueId| matches!(&g.maker(*id).op, Op::Contract(c) if c.symmetric);
        Some(g.ids().filter(is_marked).count())
    }

    const SQUARE: &str = "  %9: f64[100, 100] = ";

    #[test]
    fn one_product_of_a_symmetric_sum_is_symmetric() {
        let alone = format!("{SQUARE}neg %4\n");
        assert_eq!(marks(&alone), Some(1));
        let with_a_diagonal = "  %5: f64[] = const 0.0
  %6: f64[10000] = pad{low=[0], high=[0], interior=[100]} %3, %5
  %7: f64[100, 100] = reshape{shape=[100, 100]} %6
  %8: f64[100, 100] = transpose{permutation=[1, 0]} %4
  %9: f64[100, 100] = sub %8, %7
";
        assert_eq!(marks(with_a_diagonal), Some(1));
        // The same numbers in the last column.
        let a_column = with_a_diagonal.replace(
            "low=[0], high=[0], interior=[100]",
            "low=[99], high=[0], interior=[99]",
        );
        assert_eq!(marks(&a_column), None);
    }

    #[test]
    fn products_of_one_matrix_with_weights_are_symmetric() {
        let weighed = "  %5: f64[100, 30] = broadcast{shape=[100, 30], axes=[1]} %2
  %6: f64[100, 30] = mul %0, %5
  %7: f64[100, 30] = sub %6, %0
  %8: f64[100, 100] = contract{batch_left=[], batch_right=[], contract_left=[1], contract_right=[1]} %7, %0
  %9: f64[100, 100] = add %8, %8
";
        assert_eq!(marks(weighed), Some(1));
        // Beside another one.
        assert_eq!(marks(&weighed.replace("%8, %8", "%8, %4")), Some(2));
        // Weights of rows.
        let rows = weighed.replace("axes=[1]} %2", "axes=[0]} %3");
        assert_eq!(marks(&rows), None);
        assert_eq!(marks(&rows.replace("%8, %8", "%8, %4")), None);
        // Of another matrix.
        let other = weighed.replace("%7, %0\n", "%7, %1\n");
        assert_eq!(marks(&other), None);
    }

    #[test]
    fn two_that_are_symmetric_together_need_not_be_alone() {
        let turned = "  %5: f64[100, 100] = transpose{permutation=[1, 0]} %4\n";
        assert_eq!(marks(&format!("{turned}{SQUARE}add %4, %5\n")), None);
        assert_eq!(marks(&format!("{SQUARE}add %4, %4\n")), None);
    }
}
