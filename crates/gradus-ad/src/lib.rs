//! Graph-to-graph transforms: derivatives and batching.
//!
//! **What it is**: four transforms, one per file: [`jvp`] (forward mode), [`linearize`] (the tangent map
//! at a point as a program of its own), [`transpose`] (a linear program run backwards) and [`batch`].
//! [`nonlinearity`] finds out in advance whether a program can be transposed.
//! Reverse mode is transposition of the linearised program,
//! nothing else. **What enters and leaves**: a [`gradus_ir::Graph`].
//!
//! **Invariants**: the rules of an operation live with it, not here; a transform looks at types,
//! never at numbers; tangents and cotangents that are zero by structure have no node;
//! derivatives nest because a transformed program is a program. **Never here**: closures, tensors, kernels.

mod batch;
mod jvp;
mod linearize;
mod transpose;

pub use batch::{batch, check_rows};
pub use gradus_ir::primitives::Linearized;
pub use jvp::jvp;
pub use linearize::linearize;
pub use transpose::{transpose, transpose_linear};

use gradus_ir::primitives::region::apply_forward_rules;
use gradus_ir::primitives::{Derived, Transforms};
use gradus_ir::{Graph, Node, ValueId, verify};

/// The transforms, in the form in which rules of operations with bodies call them.
/// Calls that share a body share its derivative for the lifetime of this value.
#[derive(Default)]
pub struct GraphTransforms {
    derived: Derived,
}

impl Transforms for GraphTransforms {
    fn jvp(
        &mut self,
        g: &mut Graph,
        outputs: &[ValueId],
        at: &[(ValueId, ValueId)],
    ) -> Vec<Option<ValueId>> {
        jvp::jvp_with(self, g, outputs, at)
    }

    fn linearize(&mut self, program: &Graph, wrt: &[usize]) -> Linearized {
        linearize::linearize_with(self, program, wrt)
    }

    fn transpose(&mut self, linear: &Graph, fixed: usize, sums: usize) -> Graph {
        transpose::transpose_with(self, linear, fixed, sums)
    }

    fn batch(&mut self, program: &Graph, n: usize, batched: &[bool]) -> (Graph, Vec<bool>) {
        batch::batch_with(self, program, n, batched)
    }

    fn derived(&mut self) -> &mut Derived {
        &mut self.derived
    }
}

/// See [`gradus_ir::nonlinearity`].
pub fn nonlinearity<'a>(graph: &'a Graph, marked: &[bool]) -> Option<&'a Node> {
    gradus_ir::nonlinearity(&mut GraphTransforms::default(), graph, marked)
}

/// The gradient program of output 0 of `graph`, a scalar float, with respect to the inputs `wrt`.
///
/// Its inputs are the inputs of `graph`.
/// Its outputs are all outputs of `graph`,
/// then one cotangent for each input of `wrt` (zeros where there is no path).
///
/// # Panics
/// If output 0 is not a scalar float, or an input of `wrt` is not a float.
pub fn gradient(graph: &Graph, wrt: &[usize]) -> Graph {
    gradients(graph, 1, wrt)
}

/// Like [`gradient`], for each of the first `count` outputs.
/// The outputs are all outputs of `graph`, then the cotangents for output 0, for output 1, and so on.
///
/// Shared work is computed once.
///
/// # Panics
/// If one of these outputs is not a scalar float, or an input of `wrt` is not a float.
pub fn gradients(graph: &Graph, count: usize, wrt: &[usize]) -> Graph {
    let mut g = graph.clone();
    let mut inputs = graph.inputs().to_vec();
    let values = &graph.outputs()[..count];
    let pairs: Vec<(ValueId, ValueId)> = wrt
        .iter()
        .map(|&k| (inputs[k], g.input_like(graph, inputs[k])))
        .collect();
    let tangents = jvp(&mut g, values, &pairs);
    let seeds: Vec<ValueId> = pairs.iter().map(|&(_, t)| t).collect();
    let mut outputs = graph.outputs().to_vec();
    for (tangent, &value) in tangents.into_iter().zip(values) {
        let cotangents = match tangent {
            Some(t) => {
                let one = g.constant_like(1.0, value);
                transpose(&mut g, &[(t, one)], &seeds)
            }
            None => vec![None; seeds.len()],
        };
        for (ct, &(x, _)) in cotangents.iter().zip(&pairs) {
            outputs.push(match ct {
                Some(ct) => *ct,
                None => g.constant_like(0.0, x),
            });
        }
    }
    let marked: Vec<bool> = (0..inputs.len()).map(|k| wrt.contains(&k)).collect();
    let kept = &mut [&mut inputs[..], &mut outputs];
    let g = apply_forward_rules(g, graph.len(), &marked, kept);
    let gradient = g.program(&inputs, &outputs).merged();
    verify::check_after("gradient", &gradient);
    gradient
}
