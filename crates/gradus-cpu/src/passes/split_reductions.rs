//! Splits reductions into reductions over neighbouring axes.

use super::rewrite;
use crate::tile;
use gradus_ir::primitives::{Op, Reduce};
use gradus_ir::{Dims, Graph, ValueId};

/// A reduction over axes that are not neighbours becomes one reduction for each run of neighbours,
/// innermost first, because a fused kernel reduces one run.
/// Widened elements would be rounded after each run, so for them the axes are made neighbours.
pub(super) fn split_reductions(graph: &Graph) -> Graph {
    rewrite(graph, |out, id, operands| {
        let node = graph.maker(id);
        let Op::Reduce(r) = &node.op else { return None };
        let mut axes = r.axes.clone();
        tile::blocks(graph.shape(node.operands[0]), &axes)
            .is_none()
            .then(|| {
                let mut x = operands[0];
                if node.ty().dtype.is_widened() {
                    return reduced_together(out, x, r);
                }
                while let Some(&last) = axes.last() {
                    // The run of neighbours that ends in the last axis.
                    let mut first = last;
                    axes.pop();
                    while axes.last() == Some(&(first.wrapping_sub(1))) {
                        first -= 1;
                        axes.pop();
                    }
                    let run: Dims = (first..=last).collect();
                    let kind = r.kind;
                    x = out.emit(Op::Reduce(Reduce { kind, axes: run }), &[x]);
                }
                x
            })
    })
}

/// One reduction of `x` with the reduced axes moved to the end.
fn reduced_together(out: &mut Graph, x: ValueId, reduce: &Reduce) -> ValueId {
    let rank = out.shape(x).len();
    let kept = (0..rank).filter(|axis| !reduce.axes.contains(axis));
    let order: Dims = kept.chain(reduce.axes.iter().copied()).collect();
    let x = out.transpose(x, &order);
    let axes = (rank - reduce.axes.len()..rank).collect();
    out.emit(
        Op::Reduce(Reduce {
            axes,
            ..reduce.clone()
        }),
        &[x],
    )
}
