//! Computes products in the orientation in which they are used.
//!
//! `(A·B)ᵀ = Bᵀ·Aᵀ`, and operands can be read with strides at no cost. A transposed result would need a copy.

use super::rewrite;
use gradus_ir::primitives::{Contract, Layout, Op};
use gradus_ir::{Dims, Graph, Node, ValueId};

/// If only the transpose of a product is used, it becomes the product of its operands in the other order.
/// Transposed operands cost nothing, but reading a transposed result does.
pub(super) fn orient_products(graph: &Graph) -> Graph {
    let mut users: Vec<Vec<&Node>> = vec![Vec::new(); graph.len()];
    let live = graph.live();
    for node in graph.nodes().iter().filter(|node| node.runs(&live)) {
        for o in &node.operands {
            users[o.index()].push(node);
        }
    }
    let is_output = graph.output_marks();
    let exchanged = |id: ValueId| {
        let all = &users[id.index()];
        !all.is_empty()
            && !is_output[id.index()]
            && all.iter().all(|user| exchanges(graph, id, user))
    };
    rewrite(graph, |out, id, operands| {
        let node = graph.maker(id);
        match &node.op {
            Op::Contract(c) if exchanged(id) => Some(out.emit(
                Op::Contract(c.flipped().into()),
                &[operands[1], operands[0]],
            )),
            Op::Layout(Layout::Transpose(_)) if exchanged(node.operands[0]) => Some(operands[0]),
            _ => None,
        }
    })
}

/// Whether `user` is the transpose of the product `id` that exchanges the axes of
/// its left operand with the axes of its right operand.
fn exchanges(graph: &Graph, id: ValueId, user: &Node) -> bool {
    let node = graph.maker(id);
    let Op::Contract(c) = &node.op else {
        return false;
    };
    let Op::Layout(Layout::Transpose(order)) = &user.op else {
        return false;
    };
    *order == exchange(c, graph.ty(node.operands[0]).rank(), node.ty().rank())
}

/// The axes of the exchanged product as axes of the product.
fn exchange(c: &Contract, left_rank: usize, rank: usize) -> Dims {
    let batch = c.batch_left.len();
    let right = batch + c.free_left(left_rank).len();
    (0..batch).chain(right..rank).chain(batch..right).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The outputs of `graph` at integer inputs.
    fn values(graph: &Graph) -> Vec<Vec<f64>> {
        let inputs = graph.input_types().into_iter().enumerate().map(|(k, ty)| {
            let values: Vec<f64> = (0..ty.elements())
                .map(|i| ((7 * i + k) % 11) as f64)
                .collect();
            crate::Input::Owned(crate::Array::from_slice(&values, &ty.shape).unwrap())
        });
        let program = crate::compile(graph, &crate::CompileOptions::default()).unwrap();
        let outputs = program.run(inputs.collect()).unwrap();
        outputs
            .iter()
            .map(|a| a.as_slice::<f64>().unwrap().to_vec())
            .collect()
    }

    fn transposes(graph: &Graph) -> usize {
        let live = graph.live();
        let found = graph.ids().filter(|id| {
            live[id.index()] && matches!(graph.maker(*id).op, Op::Layout(Layout::Transpose(_)))
        });
        found.count()
    }

    #[test]
    fn a_transposed_product_is_turned_round() {
        let text = "graph(%0: f64[5, 2, 3], %1: f64[5, 3, 4]) {
  %2: f64[5, 2, 4] = contract{batch_left=[0], batch_right=[0], contract_left=[2], contract_right=[1]} %0, %1
  %3: f64[5, 4, 2] = transpose{permutation=[0, 2, 1]} %2
  return %3
}
";
        let graph: Graph = text.parse().unwrap();
        let turned = orient_products(&graph);
        assert_eq!((transposes(&graph), transposes(&turned)), (1, 0));
        assert_eq!(values(&graph), values(&turned));
    }
}
