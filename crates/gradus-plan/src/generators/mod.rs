//! Generators of candidates for a Jacobian.
//!
//! A generator is one file with a function that proposes a candidate, has nothing to add, or says why it has none.
//! A new generator is a new file and a line in [`GENERATORS`].

mod elimination;
mod forward;
mod mixed;
mod reverse;
mod scalar;

use crate::addressing::{Addressing, Carried};
use crate::budget::Budget;
use crate::candidate::{Candidate, Candidates, Mode, Proposal};
use crate::cost::CostMetric;
use crate::options::{Modes, PlanOptions};
use crate::order::Order;
use crate::problem::{Problem, Strategy};
use crate::reason::{ONLY_BACKWARD, ONLY_IN_REVERSE, ROWS_APART, Reason, TOO_LARGE};
use crate::search_space::SearchSpace;
use gradus_ir::primitives::{Call, Region, region};
use gradus_ir::{Error, ErrorKind, Graph, Loc, Result};
use std::cmp::Ordering;

/// Proposes a candidate.
#[derive(Clone, Copy)]
struct Generator {
    /// The name of its candidate, also used if the candidate is left out.
    name: &'static str,
    propose: fn(&mut Planning<'_>) -> Proposal,
}

/// All generators, in the order in which explanations show their candidates.
const GENERATORS: [Generator; 5] = [
    forward::FORWARD,
    reverse::REVERSE,
    mixed::MIXED,
    scalar::SCALAR,
    elimination::ELIMINATION,
];

/// The state of planning one Jacobian, which the generators share.
pub(crate) struct Planning<'a> {
    pub options: &'a PlanOptions,
    pub space: SearchSpace,
    pub budget: Budget,
    pub candidates: Candidates,
    metric: CostMetric<'a>,
    addressing: Addressing,
    /// The reason why no order can mix forward and reverse mode.
    unmixed: Option<Reason>,
    /// The cheapest order of the segments between the cuts.
    chain_order: Option<Order>,
    /// The pure mode with fewer vectors to carry.
    fewer: &'static str,
    /// The most promising candidate. It is built even when the budget is spent.
    favourite: &'static str,
    /// Whether elimination is within the budget. `None` until a generator asks.
    elimination: Option<Result<(), Reason>>,
    is_of_numbers: bool,
    /// Whether there is a scalar program.
    has_scalar: bool,
}

/// Plans the Jacobian of all outputs of `graph` by its first `n` inputs.
///
/// # Errors
/// If forward mode is asked for and there is none, or if no memory can hold the arrays of any order.
pub(crate) fn run<'a>(graph: &Graph, n: usize, options: &'a PlanOptions) -> Result<Planning<'a>> {
    let mut planning = Planning::new(graph, n, options)?;
    let mut generators = match options.modes {
        Modes::Any => GENERATORS.to_vec(),
        Modes::Forward => vec![forward::FORWARD],
        Modes::Reverse => vec![reverse::REVERSE],
    };
    if planning.fewer == reverse::REVERSE.name && options.modes == Modes::Any {
        // The mode with fewer vectors is the first to spend the budget.
        generators.swap(0, 1);
    }
    for generator in generators {
        let proposal = (generator.propose)(&mut planning);
        planning.candidates.record(generator.name, proposal);
    }
    let place = |c: &Candidate| GENERATORS.iter().position(|g| g.name == c.name);
    planning.candidates.built.sort_by_key(place);
    match planning.candidates.built.is_empty() {
        true => Err(planning.addressing.error()),
        false => Ok(planning),
    }
}

impl<'a> Planning<'a> {
    fn new(graph: &Graph, n: usize, options: &'a PlanOptions) -> Result<Planning<'a>> {
        let problem = Problem::new(graph, n);
        let addressing = Addressing::of(&problem)?;
        if problem.only_backward && options.modes == Modes::Forward {
            return Err(no_forward_mode(problem.tangent()));
        }
        let whole = problem.whole();
        let fewer = match whole.widths[0].cmp(&whole.widths[1]) {
            _ if problem.only_backward => reverse::REVERSE,
            Ordering::Less => forward::FORWARD,
            Ordering::Equal if !problem.multiplies_along_rows() => forward::FORWARD,
            _ => reverse::REVERSE,
        };
        let mut planning = Planning {
            options,
            budget: Budget::new(options),
            candidates: Candidates::default(),
            metric: CostMetric::new(options),
            unmixed: unmixed(&problem, &addressing),
            chain_order: None,
            fewer: fewer.name,
            favourite: fewer.name,
            elimination: None,
            is_of_numbers: problem.is_of_numbers(),
            has_scalar: false,
            addressing,
            space: SearchSpace {
                problem,
                whole,
                cut: None,
                graph: None,
                by_forward: None,
            },
        };
        if options.modes == Modes::Any && planning.unmixed.is_none() {
            let searched = mixed::search(&mut planning);
            planning
                .candidates
                .record(mixed::MIXED.name, searched.map(|()| None));
        }
        planning.favourite = planning.most_promising();
        Ok(planning)
    }

    fn most_promising(&self) -> &'static str {
        match (&self.chain_order, self.options.modes) {
            (_, Modes::Forward) => forward::FORWARD.name,
            (_, Modes::Reverse) => reverse::REVERSE.name,
            (None, Modes::Any) => self.fewer,
            (Some(order), _) if order.is_forward() => forward::FORWARD.name,
            (Some(order), _) if order.is_reverse() => reverse::REVERSE.name,
            (Some(_), _) => mixed::MIXED.name,
        }
    }

    /// Whether the pure mode `name` can be built. It carries these vectors and visits `nodes` nodes.
    fn admit(&mut self, name: &str, carried: Carried, nodes: usize) -> Result<(), Reason> {
        if !self.addressing.holds(carried) {
            return Err(TOO_LARGE);
        }
        match name == self.favourite {
            true => Ok(()),
            false => self.budget.spend(nodes),
        }
    }

    /// Whether a search for an elimination order, of arrays or of numbers, is within the budget.
    fn admit_elimination(&mut self) -> Result<(), Reason> {
        if let Some(why) = self.unmixed {
            return Err(why);
        }
        if let Some(answer) = self.elimination {
            return answer;
        }
        let answer = self.budget.spend(self.search_nodes());
        self.elimination = Some(answer);
        answer
    }

    /// The nodes that a search for an order visits: it transposes all segments,
    /// and pushes through each in both directions.
    fn search_nodes(&self) -> usize {
        let problem = &self.space.problem;
        let vectors = problem.inputs().len() + problem.outputs().len();
        problem.tangent().len() * (vectors + 3)
    }

    /// The candidate of this strategy.
    /// There is none if another strategy led to the same program, but forward and reverse mode are always shown.
    fn candidate(&self, mode: Mode, strategy: Strategy<'_>) -> Option<Candidate> {
        let program = self.space.problem.emit(strategy);
        let pure = matches!(mode, Mode::Forward | Mode::Reverse);
        let mut known = self.candidates.built.iter();
        let new = pure || !known.any(|c| c.program.same(&program));
        new.then(|| Candidate::new(mode, program, self.options))
    }
}

/// The reason why no order can mix forward and reverse mode.
fn unmixed(problem: &Problem, addressing: &Addressing) -> Option<Reason> {
    match problem.contents.hooks {
        _ if problem.only_backward => Some(ONLY_BACKWARD),
        _ if !addressing.holds(Carried::Arrays) => Some(TOO_LARGE),
        true => Some(ONLY_IN_REVERSE),
        false => problem.gates.then_some(ROWS_APART),
    }
}

/// The error for a function without forward mode, with its line.
fn no_forward_mode(tangent: &Graph) -> Error {
    let error = Error::new(ErrorKind::Derivative, region::Reason::Forward.why());
    match only_backward_at(tangent) {
        Some(loc) => error.at(loc),
        None => error,
    }
}

/// The line of the first function that has only a backward pass.
fn only_backward_at(g: &Graph) -> Option<Loc> {
    g.nodes().iter().find_map(|node| {
        let region = node.region()?;
        match **region {
            Region::Call(Call::BackwardOnly(_)) => Some(node.loc),
            _ => {
                let bodies = region.bodies();
                bodies.iter().find_map(|(_, body)| only_backward_at(body))
            }
        }
    })
}
