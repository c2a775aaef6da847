//! Graph-to-graph transforms: derivatives and batching.
//!
//! **What it is**: four transforms, a file each: [`jvp`] (forward mode), [`linearize`] (the tangent map at a point as a program of its own),
//! [`transpose`] (a linear program run backwards) and [`batch`]. Reverse mode is transposition of the linearised program, nothing else.
//! **What enters and leaves**: a [`gradus_ir::Graph`].
//!
//! **Invariants**: rules live with the primitives, not here; a transform looks at types, never at numbers; tangents and cotangents that are zero
//! by structure have no node; derivatives nest because a transformed program is a program. **Never here**: closures, tensors, kernels.

mod batch;
mod jvp;
mod linearize;
mod regions;
mod transpose;

pub use batch::batch;
pub use jvp::jvp;
pub use linearize::{Linearized, linearize};
pub use regions::batch as batch_region;
pub use transpose::{transpose, transpose_linear};

use gradus_ir::{Graph, NodeId, verify};

/// The gradient program of output 0 of `graph`, a scalar float, with respect to the inputs `wrt`.
///
/// Its inputs are those of `graph`; its outputs are all outputs of `graph`, then one cotangent an input of `wrt` (zeros where there is no path).
///
/// # Panics
/// If output 0 is not a scalar float, or an input of `wrt` is not a float.
pub fn gradient(graph: &Graph, wrt: &[usize]) -> Graph {
    let mut g = graph.clone();
    let inputs = graph.inputs().to_vec();
    let value = graph.outputs()[0];
    let one = g.constant_like(1.0, value);
    let pairs: Vec<(NodeId, NodeId)> = wrt
        .iter()
        .map(|&k| (inputs[k], g.input_like(graph, inputs[k])))
        .collect();
    let tangent = jvp(&mut g, &[value], &pairs)[0];
    let seeds: Vec<NodeId> = pairs.iter().map(|&(_, t)| t).collect();
    let cotangents = match tangent {
        Some(t) => transpose(&mut g, &[(t, one)], &seeds),
        None => vec![None; seeds.len()],
    };
    let mut outputs = graph.outputs().to_vec();
    for (ct, &(x, _)) in cotangents.iter().zip(&pairs) {
        outputs.push(match ct {
            Some(ct) => *ct,
            None => g.constant_like(0.0, x),
        });
    }
    let gradient = g.program(&inputs, &outputs).merged();
    verify::check_after("gradient", &gradient);
    gradient
}
