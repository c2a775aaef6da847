//! The plan of a Jacobian, with the means to accumulate it in other orders.

use crate::candidate::{Candidate, Candidates, Mode, NotBuilt, Peak};
use crate::choice::Choice;
use crate::generators;
use crate::matrix::Matrix;
use crate::options::PlanOptions;
use crate::order::Order;
use crate::plan::{Derivative, Plan, Subject};
use crate::problem::{Problem, Strategy, zero};
use crate::search_space::SearchSpace;
use gradus_ir::{Error, ErrorKind, Graph, Op, Result, Type};
use std::sync::Arc;

/// The plan of a Jacobian or a Hessian, with the means to accumulate it in other orders.
#[derive(Clone)]
pub struct Accumulation {
    plan: Plan,
    space: Arc<SearchSpace>,
}

/// Plans the Jacobian of all outputs of `graph`, which are floats, by its first `n` inputs.
///
/// `peak` forecasts how many bytes a program holds at once. Without it, plans have no such figure and no limit.
///
/// # Errors
/// If no candidate meets the memory limit (the error says how much memory is needed),
/// or if forward mode is asked for and there is none.
pub fn jacobian(
    graph: &Graph,
    n: usize,
    options: &PlanOptions,
    peak: Option<Peak<'_>>,
) -> Result<Accumulation> {
    let planning = generators::run(graph, n, options)?;
    let Candidates { built, not_built } = planning.candidates;
    let choice = Choice::cheapest(built, options, peak)?;
    let y = graph.output_types();
    Ok(Accumulation::new(
        Derivative::Jacobian,
        y,
        planning.space,
        (choice, not_built),
        options,
    ))
}

impl Accumulation {
    pub(crate) fn new(
        derivative: Derivative,
        y: Vec<Type>,
        space: SearchSpace,
        (choice, not_built): (Choice, Vec<NotBuilt>),
        options: &PlanOptions,
    ) -> Accumulation {
        let subject = Subject {
            derivative,
            x: space.problem.inputs().to_vec(),
            y,
            outline: space.segments().outline(),
            residuals: space.problem.residual_types(),
        };
        Accumulation {
            plan: Plan::new(subject, choice, not_built, options),
            space: Arc::new(space),
        }
    }

    /// The candidates and the chosen one.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The program that accumulates the Jacobian (of the gradient, for a Hessian) in the given order of the
    /// segments between the cuts. There is one segment fewer than there are [`widths`](Plan::widths).
    ///
    /// # Errors
    /// If the order does not span all segments, or leaves gaps.
    pub fn in_order(&self, order: &Order) -> Result<Graph> {
        let segments = self.space.segments();
        let n = segments.list.len();
        if order.span() != Some((0, n - 1)) {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("the order {order} does not join segments 1 to {n} without gaps"),
            ));
        }
        Ok(self.space.problem.emit(Strategy::Chain(segments, order)))
    }

    /// The program of the chosen order without structural zeros, for one input and one output, and its diagonal axes:
    /// pairs of an output axis and the input axis that it follows. The derivative is zero where their indices differ.
    ///
    /// The result has the axes of the output, then the axes of the input that are not in a pair.
    /// If the chosen order eliminates single numbers, the program uses forward mode,
    /// because scalar elimination finds no such zeros.
    ///
    /// # Panics
    /// If there are several inputs or outputs.
    pub fn compressed(&self) -> (Graph, Vec<(usize, usize)>) {
        let (problem, (mut g, matrix)) = self.accumulated();
        let ([x], [y]) = (problem.inputs(), problem.outputs()) else {
            panic!("a compressed Jacobian has one input and one output");
        };
        let (tensor, diagonal) = match matrix.get(0, 0) {
            None => (zero(&mut g, y, x), Vec::new()),
            Some(block) if block.source != x.shape => {
                (block.clone().dense(&mut g, &x.shape), Vec::new())
            }
            Some(block) => {
                let lead = block.lead();
                let rank = block.source.len() - block.diagonal.len() + y.rank();
                let order: Vec<usize> = (lead..rank).chain(0..lead).collect();
                let diagonal = block.diagonal.iter().map(|&(s, a)| (a, s)).collect();
                (g.transpose(block.tensor, &order), diagonal)
            }
        };
        let tensor = g.emit(Op::Cast(y.dtype), &[tensor]);
        let program = g.program(problem.primal().inputs(), &[tensor]);
        (program, diagonal)
    }

    /// The function followed by its derivative, in the chosen order if that order keeps structural zeros.
    fn accumulated(&self) -> (&Problem, (Graph, Matrix)) {
        let space = &*self.space;
        let chosen: &Candidate = self.plan.chosen();
        let (forward, reverse) = (Order::forward(1), Order::reverse(1));
        let (problem, strategy) = match (&chosen.mode, &space.graph, &space.by_forward) {
            (Mode::Mixed(order), ..) => (&space.problem, Strategy::Chain(space.segments(), order)),
            (Mode::Reverse, ..) => (&space.problem, Strategy::Chain(&space.whole, &reverse)),
            (Mode::Elimination(order), Some(graph), _) => {
                (&space.problem, Strategy::Elimination(graph, &order.steps))
            }
            (Mode::ReverseOverForward, _, Some(pushed)) => {
                (&pushed.problem, Strategy::Chain(&pushed.whole, &reverse))
            }
            _ => (&space.problem, Strategy::Chain(&space.whole, &forward)),
        };
        (problem, problem.accumulate(strategy))
    }
}
