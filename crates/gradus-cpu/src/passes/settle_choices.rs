//! Choices inside of a choice by the same condition.

use super::rewrite;
use gradus_ir::primitives::{Binary, Op, Unary};
use gradus_ir::{Graph, NodeId};

/// So many operations are looked through.
const MOST_BETWEEN: usize = 3;

/// In `select c, f(select c, p, q), b` the inner choice is p, where f is sums and products. Derivatives of choices are made of these: what is chosen, times one or zero by the
/// same condition. It is no rule for programs that are differentiated later: the choice inside may keep an infinite slope from a zero cotangent.
pub(super) fn settle_choices(graph: &Graph) -> Graph {
    let settled = rewrite(graph, |out, id, operands| {
        let Op::Select(_) = graph.node(id).op else {
            return None;
        };
        let &[condition, a, b] = operands else {
            return None;
        };
        let a = chosen(out, condition, true, a, MOST_BETWEEN);
        let b = chosen(out, condition, false, b, MOST_BETWEEN);
        Some(out.select(condition, a, b))
    });
    settled.pruned()
}

/// `x` where the condition has this truth value.
fn chosen(g: &mut Graph, condition: NodeId, truth: bool, x: NodeId, depth: usize) -> NodeId {
    let node = g.node(x);
    match node.op {
        Op::Select(_) if node.operands[0] == condition => {
            let side = node.operands[if truth { 1 } else { 2 }];
            chosen(g, condition, truth, side, depth)
        }
        Op::Unary(Unary::Neg) | Op::Binary(Binary::Add | Binary::Sub | Binary::Mul)
            if depth > 0 =>
        {
            let node = node.clone();
            let operands = node.operands.iter();
            let settled: Vec<NodeId> = operands
                .map(|&o| chosen(g, condition, truth, o, depth - 1))
                .collect();
            match settled[..] == node.operands[..] {
                true => x,
                false => {
                    let outer = g.set_loc(node.loc);
                    let new = g.add_like(&node, &settled);
                    g.set_loc(outer);
                    new
                }
            }
        }
        _ => x,
    }
}
