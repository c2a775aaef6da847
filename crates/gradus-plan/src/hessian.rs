//! The plan of a Hessian: derivatives of the gradient, and what its symmetry saves.

use crate::bound::{Bound, REVERSE_OVER_FORWARD};
use crate::choice::{self, Candidate, Choice, Mode, Peak};
use crate::options::{Modes, PlanOptions};
use crate::order::Order;
use crate::plan::{Accumulation, Derivative, Problem, Way, draft};
use crate::regions::{self, ONLY_BACKWARD, ONLY_IN_REVERSE};
use crate::symmetric;
use gradus_ir::primitives::Backward;
use gradus_ir::{Graph, Result};
use std::sync::Arc;

/// Plans the Hessian of the scalar output 0 of `graph` with respect to its first `n` inputs, all floats: a block for every two of them, row by row.
///
/// It is the Jacobian of the gradient. Candidates are the orders for that of the gradient by reverse mode, reverse mode over the gradient by forward mode, and the
/// best of these with equal parts computed once. Columns may stand for rows in any of them. [`PlanOptions::modes`] says which mode may come last.
///
/// Where users have written derivatives (`custom_jvp`, `custom_vjp`, `with_cotangent`), nobody knows that the second ones are symmetric: then nothing is computed once, and
/// columns are no rows. As forward mode does not see a `with_cotangent`, the gradient is by reverse mode there, and its Jacobian in forward or reverse mode, which differ.
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
    let x = gradient.output_types();
    let symmetric = !regions::has_rules(graph);
    let (mut draft, mut candidates) = draft(&gradient, n, options)?;
    if symmetric {
        let better = |c: Candidate| {
            let turned = symmetric::turned(&c.program, &x);
            let turned = Candidate::new(c.mode.clone(), turned, options);
            let mut both = [c, turned];
            let turned = choice::best(&mut both, options, peak) == Some(1);
            let [as_it_is, other] = both;
            if turned { other } else { as_it_is }
        };
        candidates = candidates.into_iter().map(better).collect();
    }
    for c in &mut candidates {
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
        candidates.push(Candidate::new(Mode::ReverseOverForward, program, options));
        draft.forward = Some((Arc::new(problem), Arc::new(whole)));
    }
    if symmetric && let Some(base) = choice::best(&mut candidates, options, peak) {
        let base = &candidates[base];
        let mut once: Vec<Candidate> = symmetric::once(&base.program, &x, &options.profile)
            .into_iter()
            .map(|program| Candidate {
                name: format!("{}, symmetric", base.name),
                symmetric: true,
                ..Candidate::new(base.mode.clone(), program, options)
            })
            .collect();
        if let Some(best) = choice::best(&mut once, options, peak) {
            candidates.push(once.swap_remove(best));
        }
    }
    let choice = Choice::cheapest(candidates, options, peak)?;
    let y = graph.output_types().into_iter().take(1).collect();
    Ok(draft.chosen(Derivative::Hessian, y, choice, options))
}

/// The gradient by forward mode, to be differentiated by reverse mode, where there is one and room for it.
fn by_forward(graph: &Graph, n: usize, bound: &mut Bound) -> Option<Problem> {
    if graph.backward() == Backward::Only {
        bound.refuse(REVERSE_OVER_FORWARD, ONLY_BACKWARD);
        return None;
    }
    if regions::has_hooks(graph) {
        bound.refuse(REVERSE_OVER_FORWARD, ONLY_IN_REVERSE);
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
