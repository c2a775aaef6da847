//! The product of a Hessian with a vector, among its three compositions.

use crate::choice::{Candidate, Choice, Mode, Peak, PlanOptions};
use gradus_ir::{Graph, NodeId, Result, verify};

/// Plans `∇²f(x)·v` for the scalar output 0 of `graph` and its first `n` inputs, all floats.
///
/// The programs have the inputs of `graph`, then `v…`, and give one array for each `x`.
///
/// # Errors
/// If no composition meets the memory limit.
pub fn hvp(
    graph: &Graph,
    n: usize,
    options: &PlanOptions,
    peak: Option<Peak<'_>>,
) -> Result<Choice> {
    let modes = [
        Mode::ForwardOverReverse,
        Mode::ReverseOverReverse,
        Mode::ReverseOverForward,
    ];
    let candidates = modes.map(|mode| {
        let program = composed(graph, n, &mode);
        Candidate::new(mode, program, options, peak)
    });
    Choice::cheapest(candidates.into(), options)
}

fn composed(graph: &Graph, n: usize, mode: &Mode) -> Graph {
    let wrt: Vec<usize> = (0..n).collect();
    // The function, its gradient, or its change along v, each with v as further inputs.
    let mut g = match mode {
        Mode::ReverseOverForward => graph.clone(),
        _ => gradus_ad::gradient(graph, &wrt),
    };
    let inputs = g.inputs().to_vec();
    let x = &inputs[..n];
    let v: Vec<NodeId> = x
        .iter()
        .map(|&x| {
            let ty = g.ty(x).clone();
            g.input(ty)
        })
        .collect();
    let pairs: Vec<(NodeId, NodeId)> = x.iter().copied().zip(v.iter().copied()).collect();
    // The gradient program has the function's outputs in front.
    let slopes: Vec<NodeId> = g.outputs()[graph.outputs().len()..].to_vec();
    let along = match mode {
        Mode::ForwardOverReverse => {
            let changes = gradus_ad::jvp(&mut g, &slopes, &pairs);
            return finished(g, &inputs, &v, changes);
        }
        Mode::ReverseOverReverse => {
            let products = slopes
                .iter()
                .zip(&v)
                .map(|(&s, &v)| {
                    let product = g.mul(s, v);
                    let axes: Vec<usize> = (0..g.shape(product).len()).collect();
                    g.sum(product, &axes)
                })
                .collect::<Vec<_>>();
            products.into_iter().reduce(|a, b| {
                // Arrays of several widths meet in the first one's.
                let to = g.ty(a).dtype;
                let b = g.emit(gradus_ir::Op::Cast(to), &[b]);
                g.add_nodes(a, b)
            })
        }
        _ => {
            let value = g.outputs()[0];
            gradus_ad::jvp(&mut g, &[value], &pairs)[0]
        }
    };
    let all = [inputs.as_slice(), &v].concat();
    let Some(along) = along else {
        return finished(g, &inputs, &v, vec![None; n]);
    };
    let along = g.extract(&all, &[along]);
    let slope = gradus_ad::gradient(&along, &wrt);
    slope.extract(slope.inputs(), &slope.outputs()[1..])
}

fn finished(mut g: Graph, inputs: &[NodeId], v: &[NodeId], results: Vec<Option<NodeId>>) -> Graph {
    let results: Vec<NodeId> = results
        .into_iter()
        .zip(v)
        .map(|(r, &v)| r.unwrap_or_else(|| g.constant_like(0.0, v)))
        .collect();
    let program = g.extract(&[inputs, v].concat(), &results);
    verify::check_after("hvp", &program);
    program
}
