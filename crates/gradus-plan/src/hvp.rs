//! The product of a Hessian with a vector, among its three compositions.

use crate::bound::NotBuilt;
use crate::choice::{Candidate, Choice, Mode, Peak};
use crate::options::{Modes, PlanOptions};
use crate::plan::{Derivative, Plan};
use crate::regions::{self, ONLY_BACKWARD, TRANSPOSED};
use crate::segments::Outline;
use gradus_ir::primitives::Backward;
use gradus_ir::{Graph, Result, ValueId, verify};

/// Plans `∇²f(x)·v` for the scalar output 0 of `graph` and its first `n` inputs, all floats.
///
/// The programs have the inputs of `graph`, then `v…`, and give one array for each `x`. [`PlanOptions::modes`] says which mode may come last. Reverse mode last multiplies
/// from the left, which is the same for symmetric Hessians: where users have written derivatives, it is weighed only if it is asked for.
///
/// # Errors
/// If no composition meets the memory limit.
pub fn hvp(graph: &Graph, n: usize, options: &PlanOptions, peak: Option<Peak<'_>>) -> Result<Plan> {
    let modes: &[Mode] = match options.modes {
        Modes::Any => &[
            Mode::ForwardOverReverse,
            Mode::ReverseOverReverse,
            Mode::ReverseOverForward,
        ],
        Modes::Forward => &[Mode::ForwardOverReverse],
        Modes::Reverse => &[Mode::ReverseOverReverse, Mode::ReverseOverForward],
    };
    let (mut candidates, mut not_built) = (Vec::new(), Vec::new());
    let only_backward = graph.backward() == Backward::Only;
    let has_rules = regions::has_rules(graph);
    let wrt: Vec<usize> = (0..n).collect();
    let gradient = gradus_ad::gradient(graph, &wrt);
    for mode in modes {
        let why = match mode {
            Mode::ForwardOverReverse => None,
            _ if has_rules && options.modes == Modes::Any => Some(TRANSPOSED),
            Mode::ReverseOverForward if only_backward => Some(ONLY_BACKWARD),
            _ => None,
        };
        if let Some(why) = why {
            let name = mode.name().to_string();
            not_built.push(NotBuilt { name, why });
            continue;
        }
        let program = composed(graph, &gradient, n, mode);
        candidates.push(Candidate::new(mode.clone(), program, options));
    }
    let value = graph.extract(graph.inputs(), &graph.outputs()[..1]);
    Ok(Plan {
        profile: options.profile,
        derivative: Derivative::HessianProduct,
        x: graph.input_types().into_iter().take(n).collect(),
        y: value.output_types(),
        choice: Choice::cheapest(candidates, options, peak)?,
        objective: options.objective,
        not_built,
        outline: Outline::of(&value, n),
        kept: Vec::new(),
        source_lines: options.source_lines,
    })
}

fn composed(graph: &Graph, gradient: &Graph, n: usize, mode: &Mode) -> Graph {
    // The function, its gradient, or its change along v, each with v as further inputs.
    let mut g = match mode {
        Mode::ReverseOverForward => graph.clone(),
        _ => gradient.clone(),
    };
    let inputs = g.inputs().to_vec();
    let x = &inputs[..n];
    let v: Vec<ValueId> = x
        .iter()
        .map(|&x| {
            let ty = g.ty(x).clone();
            g.input(ty)
        })
        .collect();
    let pairs: Vec<(ValueId, ValueId)> = x.iter().copied().zip(v.iter().copied()).collect();
    // The gradient program has the function's outputs in front.
    let slopes: Vec<ValueId> = g.outputs()[graph.outputs().len()..].to_vec();
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
    let along = g.program(&all, &[along]).merged();
    let wrt: Vec<usize> = (0..n).collect();
    let slope = gradus_ad::gradient(&along, &wrt);
    slope.program(slope.inputs(), &slope.outputs()[1..])
}

fn finished(
    mut g: Graph,
    inputs: &[ValueId],
    v: &[ValueId],
    results: Vec<Option<ValueId>>,
) -> Graph {
    let results: Vec<ValueId> = results
        .into_iter()
        .zip(v)
        .map(|(r, &v)| r.unwrap_or_else(|| g.constant_like(0.0, v)))
        .collect();
    let program = g.program(&[inputs, v].concat(), &results).merged();
    verify::check_after("hvp", &program);
    program
}
