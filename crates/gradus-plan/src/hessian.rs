//! Plans a Hessian: chooses how to differentiate the gradient, and uses the symmetry.

use crate::budget::Budget;
use crate::candidate::{Candidate, Candidates, Mode, Peak, Proposal};
use crate::choice::{self, Choice};
use crate::generators;
use crate::jacobian::Accumulation;
use crate::options::{Modes, PlanOptions};
use crate::order::Order;
use crate::plan::Derivative;
use crate::problem::{Problem, Strategy};
use crate::reason::{ONLY_BACKWARD, ONLY_IN_REVERSE, Reason};
use crate::search_space::{Pushed, SearchSpace};
use crate::symmetric;
use gradus_ir::primitives::Backward;
use gradus_ir::{Graph, Result, Type};

/// Plans the Hessian of the scalar output 0 of `graph` by its first `n` inputs, all floats.
/// The result has a block for every two of them, row by row.
///
/// It is the Jacobian of the gradient. The candidates are
///
/// - the orders for the Jacobian of the gradient by reverse mode, with columns in place of rows where that is cheaper;
/// - reverse mode over the gradient by forward mode;
/// - the best of these with equal blocks computed once.
///
/// [`PlanOptions::modes`] says which mode comes last.
///
/// Where users have written derivatives (`custom_jvp`, `custom_vjp`,
/// `with_cotangent`), second derivatives need not be symmetric.
/// Then no block stands for another one, and columns are not rows. Forward mode ignores `with_cotangent`.
/// A function with one gets its gradient by reverse mode,
/// and the Jacobian of the gradient by forward or reverse mode; the two results differ.
///
/// # Errors
/// If no candidate meets the memory limit. The error says how much memory is needed.
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
    let symmetric = !graph.contents().custom_derivatives;

    let planning = generators::run(&gradient, n, options)?;
    let (mut space, mut budget) = (planning.space, planning.budget);
    let mut candidates = over_reverse(planning.candidates, |c| match symmetric {
        true => columns_as_rows(c, &x, options, peak),
        false => c,
    });
    if options.modes != Modes::Forward && n > 0 {
        let proposal = reverse_over_forward(graph, n, &mut space, &mut budget, options);
        candidates.record(Mode::ReverseOverForward.name(), proposal);
    }
    if symmetric {
        let once = blocks_once(&mut candidates, &x, options, peak);
        candidates.built.extend(once);
    }
    let choice = Choice::cheapest(candidates.built, options, peak)?;
    let y = graph.output_types().into_iter().take(1).collect();
    Ok(Accumulation::new(
        Derivative::Hessian,
        y,
        space,
        (choice, candidates.not_built),
        options,
    ))
}

/// Turns candidates for the Jacobian of the gradient by reverse mode into candidates for the Hessian.
fn over_reverse(jacobian: Candidates, improve: impl Fn(Candidate) -> Candidate) -> Candidates {
    let Candidates {
        built,
        mut not_built,
    } = jacobian;
    let mut built: Vec<Candidate> = built.into_iter().map(improve).collect();
    for c in &mut built {
        c.name = format!("{} over reverse", c.mode.name());
    }
    for left_out in &mut not_built {
        left_out.name.push_str(" over reverse");
    }
    Candidates { built, not_built }
}

/// The candidate with the columns of its result in place of the rows, if that is better.
fn columns_as_rows(
    candidate: Candidate,
    x: &[Type],
    options: &PlanOptions,
    peak: Option<Peak<'_>>,
) -> Candidate {
    let turned = symmetric::turned(&candidate.program, x);
    let turned = Candidate::new(candidate.mode.clone(), turned, options);
    let mut both = [candidate, turned];
    let better = choice::best(&mut both, options, peak) == Some(1);
    let [plain, turned] = both;
    if better { turned } else { plain }
}

/// Reverse mode over the gradient by forward mode.
fn reverse_over_forward(
    graph: &Graph,
    n: usize,
    space: &mut SearchSpace,
    budget: &mut Budget,
    options: &PlanOptions,
) -> Proposal {
    let pushed = by_forward(graph, n, space, budget)?;
    let candidate = Candidate::new(Mode::ReverseOverForward, pushed.pulled(), options);
    space.by_forward = Some(pushed);
    Ok(Some(candidate))
}

/// The gradient by forward mode, to be differentiated by reverse mode.
fn by_forward(
    graph: &Graph,
    n: usize,
    space: &SearchSpace,
    budget: &mut Budget,
) -> Result<Pushed, Reason> {
    if graph.backward() == Backward::Only {
        return Err(ONLY_BACKWARD);
    }
    if graph.contents().hooks {
        return Err(ONLY_IN_REVERSE);
    }
    // Each array that is pushed visits all nodes, and the nodes that it emits are linearised.
    let problem = &space.problem;
    budget.spend(2 * problem.tangent().len() * problem.inputs().len())?;
    let value = graph.program(graph.inputs(), &graph.outputs()[..1]);
    let function = Problem::new(&value, n);
    let slopes = function.emit(Strategy::Chain(&function.whole(), &Order::forward(1)));
    let problem = Problem::new(&slopes, n);
    budget.spend(problem.tangent().len() * (2 * n + 1))?;
    Ok(Pushed {
        whole: problem.whole(),
        problem,
    })
}

/// The best candidate with equal blocks computed once.
fn blocks_once(
    candidates: &mut Candidates,
    x: &[Type],
    options: &PlanOptions,
    peak: Option<Peak<'_>>,
) -> Option<Candidate> {
    let base = choice::best(&mut candidates.built, options, peak)?;
    let base = &candidates.built[base];
    let programs = symmetric::once(&base.program, x, &options.profile);
    let mut once: Vec<Candidate> = programs
        .into_iter()
        .map(|program| Candidate {
            name: format!("{}, symmetric", base.name),
            symmetric: true,
            ..Candidate::new(base.mode.clone(), program, options)
        })
        .collect();
    let best = choice::best(&mut once, options, peak)?;
    Some(once.swap_remove(best))
}
