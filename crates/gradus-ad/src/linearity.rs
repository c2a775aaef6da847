//! Whether a program is linear, so that it can be transposed.

use crate::regions;
use gradus_ir::primitives::{Binary, Call, Dynamic, Linearity, Region, Transpose, Trips};
use gradus_ir::{Graph, Node, Op, ValueId};

/// The first node of `graph` that is not linear in the inputs marked, or not linear by structure; `None` if the program can be transposed for them.
///
/// For programs that a user says are linear: rules for derivatives, matrices given as functions. A program is linear by structure if each of its
/// operations is; a sum of something that depends on the inputs and something that does not is not linear, but affine.
pub fn nonlinearity<'a>(graph: &'a Graph, marked: &[bool]) -> Option<&'a Node> {
    let inputs = graph.inputs().iter().zip(marked);
    let sources: Vec<ValueId> = inputs.filter(|(_, m)| **m).map(|(&x, _)| x).collect();
    let (active, live) = (graph.dependents_of(&sources), graph.live());
    let mut scratch = graph.clone();
    graph.nodes().iter().find(|node| {
        if !node.has_marked(&active) || !node.runs(&live) {
            return false;
        }
        let linear: Vec<bool> = node.operands.iter().map(|o| active[o.index()]).collect();
        let zero = |k: usize| {
            let value = graph.literal(node.operands[k]);
            value.is_some_and(|v| v.as_f64() == 0.0)
        };
        let is_linear = match &node.op {
            Op::Input(_) => true,
            Op::Region(region) => region_is_linear(region, &linear),
            op if !summed(op, linear.len()).all(|k| linear[k] || zero(k)) => false,
            op => {
                let cotangent = scratch.constant_like(0.0, node.result());
                let mut cx = Transpose {
                    graph: &mut scratch,
                    operands: &node.operands,
                    linear: &linear,
                    cotangent,
                    contributions: Default::default(),
                };
                op.transpose(&mut cx) == Linearity::Linear
            }
        };
        !is_linear
    })
}

/// The operands of which the result is made up side by side or added, so that it is linear in all of them together only.
fn summed(op: &Op, operands: usize) -> std::ops::Range<usize> {
    match op {
        Op::Binary(Binary::Add | Binary::Sub) | Op::Resize(_) => 0..operands,
        Op::Select(_) => 1..operands,
        Op::Dynamic(Dynamic::Update) => 0..2,
        _ => 0..0,
    }
}

fn region_is_linear(region: &Region, linear: &[bool]) -> bool {
    let inside = |body: &Graph, linear: &[bool]| nonlinearity(body, linear).is_none();
    match region {
        Region::Loop(r) => {
            let active = regions::active_inputs(r, linear);
            let decides = match &r.trips {
                Trips::While(condition) => {
                    let marked = &active[..condition.inputs().len()];
                    depends(condition, marked)
                }
                Trips::Counted => linear[0],
                Trips::Fixed(_) => false,
            };
            !decides && inside(&r.body, &active)
        }
        Region::Switch(r) => !linear[0] && r.branches.iter().all(|b| inside(b, &linear[1..])),
        Region::Call(Call::Undefined { .. }) => true,
        Region::Call(Call::OnlyBackward { residuals, .. } | Call::Linear { residuals, .. }) => {
            !linear[..*residuals].contains(&true)
        }
        Region::Call(Call::Solve(solve)) => !linear[..solve.residuals].contains(&true),
        Region::Call(call) => inside(call.body(), linear),
        Region::Check(_) => true,
    }
}

/// Whether an output depends on the inputs marked.
fn depends(body: &Graph, marked: &[bool]) -> bool {
    let inputs = body.inputs().iter().zip(marked);
    let sources: Vec<ValueId> = inputs.filter(|(_, m)| **m).map(|(&x, _)| x).collect();
    let active = body.dependents_of(&sources);
    body.outputs().iter().any(|y| active[y.index()])
}

/// Whether a program holds, at any depth, a function of which only the way back is known, so that forward mode cannot pass.
pub fn only_backward(graph: &Graph) -> bool {
    let mut regions = graph.nodes().iter().filter_map(Node::region);
    regions.any(|region| region.only_backward())
}
