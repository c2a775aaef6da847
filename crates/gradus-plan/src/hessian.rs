//! The plan of a Hessian: derivatives of the gradient, and what its symmetry saves.

use crate::bound::{Bound, REVERSE_OVER_FORWARD};
use crate::choice::{Candidate, Choice, Mode, Modes, Peak, PlanOptions};
use crate::order::Order;
use crate::plan::{Accumulation, Derivative, Problem, Way, draft};
use crate::regions::ONLY_BACKWARD;
use crate::symmetric;
use gradus_ir::{Graph, Result};
use std::sync::Arc;

/// Plans the Hessian of the scalar output 0 of `graph` with respect to its first `n` inputs, all floats: a block for every two of them, row by row.
///
/// Candidates are the orders for the Jacobian of the gradient by reverse mode, reverse mode over the gradient by forward mode, and the cheapest of these with
/// equal parts computed once. Columns may stand for rows in any of them. [`PlanOptions::modes`] says which mode may come last.
///
/// # Errors
/// If no candidate meets the memory limit: how much is needed.
pub fn hessian(
    graph: &Graph,
    n: usize,
    options: &PlanOptions,
    peak: Option<Peak<'_>>,
) -> Result<Accumulation> {
    let wrt: Vec<usize> = (0..n).collect();
    let with_value = gradus_ad::gradient(graph, &wrt);
    let slopes = &with_value.outputs()[graph.outputs().len()..];
    let gradient = with_value.program(with_value.inputs(), slopes);
    let (mut draft, mut candidates) = draft(&gradient, n, options, peak)?;
    for c in &mut candidates {
        let program = symmetric::turned(&c.program, &gradient.output_types());
        let turned = Candidate::new(c.mode.clone(), program, options, peak);
        if turned.estimate.seconds < c.estimate.seconds {
            *c = turned;
        }
        c.name = format!("{} over reverse", c.mode.name());
    }
    for not_built in &mut draft.bound.refused {
        not_built.name.push_str(" over reverse");
    }
    if options.modes != Modes::Forward
        && n > 0
        && let Some(problem) = by_forward(graph, n, &mut draft.bound)
    {
        let whole = problem.whole();
        let program = problem.emit(Way::Chain(&whole, &Order::reverse(1)));
        let mode = Mode::ReverseOverForward;
        candidates.push(Candidate::new(mode, program, options, peak));
        draft.forward = Some((Arc::new(problem), Arc::new(whole)));
    }
    let mut choice = Choice::cheapest(candidates, options)?;
    let base = choice.chosen();
    if let Some(program) =
        symmetric::once(&base.program, &gradient.output_types(), &options.profile)
    {
        let candidate = Candidate {
            name: format!("{}, symmetric", base.name),
            symmetric: true,
            ..Candidate::new(base.mode.clone(), program, options, peak)
        };
        let mut candidates = choice.candidates;
        candidates.push(candidate);
        choice = Choice::cheapest(candidates, options)?;
    }
    let y = graph.output_types().into_iter().take(1).collect();
    Ok(draft.chosen(Derivative::Hessian, y, choice, options))
}

/// The gradient by forward mode, to be differentiated by reverse mode, where there is one and room for it.
fn by_forward(graph: &Graph, n: usize, bound: &mut Bound) -> Option<Problem> {
    if gradus_ad::only_backward(graph) {
        bound.refuse(REVERSE_OVER_FORWARD, ONLY_BACKWARD);
        return None;
    }
    let [size, x, _] = bound.sizes;
    // What is pushed is visited once for each array, and linearised.
    if !bound.spend(REVERSE_OVER_FORWARD, 2 * size * x) {
        return None;
    }
    let value = graph.program(graph.inputs(), &graph.outputs()[..1]);
    let pushed = Problem::new(&value, n);
    let slopes = pushed.emit(Way::Chain(&pushed.whole(), &Order::forward(1)));
    let problem = Problem::new(&slopes, n);
    let nodes = problem.size() * (2 * n + 1);
    bound.spend(REVERSE_OVER_FORWARD, nodes).then_some(problem)
}
