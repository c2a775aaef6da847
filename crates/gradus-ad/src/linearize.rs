//! The tangent map at a point, as a program of its own.

use crate::jvp;
use crate::way_back::settled;
use gradus_ir::{Graph, Op, ValueId, verify};

/// A program split at its linearisation.
pub struct Linearized {
    /// From the inputs to the outputs, followed by the residuals: the values that the tangent map needs.
    pub primal: Graph,
    /// From residuals, then one tangent for each input differentiated, to one tangent for each output. Linear in the tangents.
    pub tangent: Graph,
    /// How many residuals there are.
    pub residuals: usize,
}

/// Splits `graph` at its derivative with respect to the inputs `wrt` (floats).
///
/// Every tangent output has its output's type; it is zero where there is no path, also for outputs that are integers.
pub fn linearize(graph: &Graph, wrt: &[usize]) -> Linearized {
    let mut g = graph.clone();
    let pairs: Vec<(ValueId, ValueId)> = wrt
        .iter()
        .map(|&k| {
            let x = graph.inputs()[k];
            (x, g.input_like(graph, x))
        })
        .collect();
    let mut seeds: Vec<ValueId> = pairs.iter().map(|&(_, t)| t).collect();
    let mut tangents: Vec<ValueId> = jvp(&mut g, graph.outputs(), &pairs)
        .iter()
        .zip(graph.outputs())
        .map(|(t, &y)| t.unwrap_or_else(|| g.constant_like(0.0, y)))
        .collect();

    let marked: Vec<bool> = (0..graph.inputs().len())
        .map(|k| wrt.contains(&k))
        .collect();
    let (mut own, mut values) = (graph.inputs().to_vec(), graph.outputs().to_vec());
    let kept = &mut [&mut seeds[..], &mut tangents, &mut own, &mut values];
    let g = settled(g, graph.len(), &marked, kept);
    let residuals = needed_by(&g, &seeds, &tangents);
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

/// What the part of the program from `sources` to `ends` needs of the rest.
pub(crate) fn needed_by(g: &Graph, sources: &[ValueId], ends: &[ValueId]) -> Vec<ValueId> {
    let active = g.dependents_of(sources);
    let needed = g.needed_for(ends);
    let mut residuals: Vec<ValueId> = Vec::new();
    let mut stored = vec![false; g.len()];
    for id in g.ids() {
        if !(active[id.index()] && needed[id.index()]) {
            continue;
        }
        for &operand in &g.maker(id).operands {
            let source = stored_form(g, operand);
            if !active[operand.index()]
                && g.literal(source).is_none()
                && !std::mem::replace(&mut stored[source.index()], true)
            {
                residuals.push(source);
            }
        }
    }
    residuals
}

/// What to store for `x`: the array that it is a view of, which is never larger for the views that derivatives make.
fn stored_form(g: &Graph, mut x: ValueId) -> ValueId {
    while let Op::Layout(_) = g.maker(x).op {
        let operand = g.maker(x).operands[0];
        if g.ty(operand).bytes() > g.ty(x).bytes() {
            break;
        }
        x = operand;
    }
    x
}
