//! Decides whether a program is linear, so that it can be transposed.

use crate::graph::{Graph, Node, ValueId};
use crate::primitives::{LinearityCheck, Op, Transforms};

/// The first node of `graph` that is not linear in the marked inputs, or not recognisably so.
/// `None` if the program can be transposed for them.
///
/// This is for programs that a user declares as linear: rules for derivatives, matrices given as functions.
/// A program is linear by structure if each of its operations is.
/// The sum of a value that depends on the inputs and a value that does not is affine, not linear.
pub fn nonlinearity<'a>(
    transforms: &mut dyn Transforms,
    graph: &'a Graph,
    marked: &[bool],
) -> Option<&'a Node> {
    let inputs = graph.inputs().iter().zip(marked);
    let sources: Vec<ValueId> = inputs.filter(|(_, m)| **m).map(|(&x, _)| x).collect();
    let (active, live) = (graph.dependents_of(&sources), graph.live());
    let mut scratch = graph.clone();
    graph.nodes().iter().find(|node| {
        if matches!(node.op, Op::Input(_)) || !node.has_marked(&active) || !node.runs(&live) {
            return false;
        }
        let linear: Vec<bool> = node.operands.iter().map(|o| active[o.index()]).collect();
        !node.op.is_linear(&mut LinearityCheck {
            scratch: &mut scratch,
            transforms: &mut *transforms,
            node,
            linear: &linear,
        })
    })
}
