//! The tangent map at a point, as a program of its own.

use crate::GraphTransforms;
use gradus_ir::primitives::region::apply_forward_rules;
use gradus_ir::primitives::{Linearized, Transforms};
use gradus_ir::{Graph, ValueId, verify};

/// Splits `graph` at its derivative with respect to the inputs `wrt` (floats).
///
/// Every tangent output has its output's type. It is zero where there is no path, and for integer outputs.
pub fn linearize(graph: &Graph, wrt: &[usize]) -> Linearized {
    GraphTransforms::default().linearize(graph, wrt)
}

pub(crate) fn linearize_with(
    transforms: &mut GraphTransforms,
    graph: &Graph,
    wrt: &[usize],
) -> Linearized {
    let mut g = graph.clone();
    let pairs: Vec<(ValueId, ValueId)> = wrt
        .iter()
        .map(|&k| {
            let x = graph.inputs()[k];
            (x, g.input_like(graph, x))
        })
        .collect();
    let mut seeds: Vec<ValueId> = pairs.iter().map(|&(_, t)| t).collect();
    let mut tangents: Vec<ValueId> = transforms
        .jvp(&mut g, graph.outputs(), &pairs)
        .iter()
        .zip(graph.outputs())
        .map(|(t, &y)| t.unwrap_or_else(|| g.constant_like(0.0, y)))
        .collect();

    let marked: Vec<bool> = (0..graph.inputs().len())
        .map(|k| wrt.contains(&k))
        .collect();
    let (mut own, mut values) = (graph.inputs().to_vec(), graph.outputs().to_vec());
    let kept = &mut [&mut seeds[..], &mut tangents, &mut own, &mut values];
    let g = apply_forward_rules(g, graph.len(), &marked, kept);
    let residuals = g.needed_between(&seeds, &tangents);
    let mut inputs = residuals.clone();
    inputs.extend(&seeds);
    let tangent = g.extract(&inputs, &tangents);
    let mut outputs = values;
    outputs.extend(&residuals);
    let primal = g.program(&own, &outputs).merged();
    let tangent = tangent.merged();
    verify::check_after("linearize", &primal);
    verify::check_after("linearize", &tangent);
    Linearized {
        primal,
        tangent,
        residuals: residuals.len(),
    }
}
