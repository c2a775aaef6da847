//! The plan of a Jacobian: one program for each candidate order, and the one taken.

use crate::choice::{Candidate, Choice, Mode, Modes, Objective, Peak, PlanOptions};
use crate::elimination::{self, Net, Step};
use crate::matrix::Matrix;
use crate::order::{Order, cheapest};
use crate::price::Price;
use crate::segments::Segments;
use gradus_ad::Linearized;
use gradus_ir::{Graph, Literal, NodeId, Op, Result, Type, verify};
use std::sync::Arc;

/// How to compute the Jacobian of a program.
#[derive(Clone)]
pub struct Plan {
    choice: Choice,
    objective: Objective,
    bounded: bool,
    problem: Arc<Problem>,
    /// The arrays that were eliminated, where that was tried.
    net: Option<Arc<Net>>,
    whole: Arc<Segments>,
    /// The parts between the cuts; the whole where there are none.
    cut: Arc<Segments>,
}

/// Plans the Jacobian of all outputs of `graph`, which are floats, with respect to its first `n` inputs.
///
/// `peak` says how many bytes a program will hold at once, arguments apart; without it plans are made without that figure, and without a limit.
///
/// # Errors
/// If no candidate meets the memory limit: how much is needed.
pub fn jacobian(
    graph: &Graph,
    n: usize,
    options: &PlanOptions,
    peak: Option<Peak<'_>>,
) -> Result<Plan> {
    let wrt: Vec<usize> = (0..n).collect();
    let lin = gradus_ad::linearize(graph, &wrt);
    let problem = Problem {
        x: graph.input_types().into_iter().take(n).collect(),
        y: graph.output_types(),
        lin,
    };
    let price = Price::new(options);
    let whole = Arc::new(Segments::whole(&problem.lin.tangent, problem.lin.residuals));
    let mut candidates = Vec::new();
    let mut consider = |mode: Mode, way: Way<'_>| {
        let program = problem.emit(way);
        // Several ways may come to one program.
        if candidates
            .iter()
            .any(|c: &Candidate| c.program.same(&program))
        {
            return;
        }
        candidates.push(Candidate::new(mode, program, options, peak));
    };
    let ends = (whole.widths[0], whole.widths[1]);
    let bounded = problem.lin.tangent.len() > options.most_nodes && options.modes == Modes::Any;
    let skipped = match bounded {
        true if ends.0 <= ends.1 => Some(Modes::Reverse),
        true => Some(Modes::Forward),
        false => None,
    };
    if options.modes != Modes::Reverse && skipped != Some(Modes::Forward) {
        consider(Mode::Forward, Way::Chain(&whole, &Order::forward(1)));
    }
    if options.modes != Modes::Forward && skipped != Some(Modes::Reverse) {
        consider(Mode::Reverse, Way::Chain(&whole, &Order::reverse(1)));
    }
    let cut = match options.modes {
        Modes::Any => Segments::cut(&problem.lin.tangent, problem.lin.residuals),
        Modes::Forward | Modes::Reverse => None,
    };
    if let Some(cut) = &cut {
        let parts = cut.parts.len();
        let order = cheapest(cut, &problem.residual_types(), price);
        if order != Order::forward(parts) && order != Order::reverse(parts) {
            consider(Mode::Mixed(order.clone()), Way::Chain(cut, &order));
        }
    }
    let mut net = None;
    if options.modes == Modes::Any && !bounded {
        let (tangent, residuals) = (&problem.lin.tangent, problem.lin.residuals);
        net = Net::of(tangent, residuals, options.search.vertices, price);
        if let Some(net) = &net
            && let Some(order) = elimination::search(net, price, options.search)
        {
            consider(
                Mode::Elimination(order.clone()),
                Way::Elimination(net, &order.steps),
            );
        }
    }
    let choice = Choice::cheapest(candidates, options)?;
    Ok(Plan {
        choice,
        objective: options.objective,
        bounded,
        problem: Arc::new(problem),
        net: net.map(Arc::new),
        cut: cut.map_or_else(|| whole.clone(), Arc::new),
        whole,
    })
}

/// A way to accumulate the derivative.
enum Way<'a> {
    Chain(&'a Segments, &'a Order),
    Elimination(&'a Net, &'a [Step]),
}

/// A function, linearised.
struct Problem {
    x: Vec<Type>,
    y: Vec<Type>,
    lin: Linearized,
}

impl Problem {
    fn residual_types(&self) -> Vec<Type> {
        let mut types = self.lin.tangent.input_types();
        types.truncate(self.lin.residuals);
        types
    }

    /// The function with the derivatives accumulated in this way behind it.
    fn accumulate(&self, way: Way<'_>) -> (Graph, Matrix) {
        let primal = &self.lin.primal;
        let mut g = primal.clone();
        let residuals: Vec<NodeId> = primal.outputs()[self.y.len()..].to_vec();
        let matrix = match way {
            Way::Chain(segments, order) => order.build(&mut g, segments, &residuals),
            Way::Elimination(net, steps) => elimination::build(&mut g, net, steps, &residuals),
        };
        (g, matrix)
    }

    /// The program that computes the Jacobian in this way.
    fn emit(&self, way: Way<'_>) -> Graph {
        let primal = &self.lin.primal;
        let (mut g, matrix) = self.accumulate(way);
        let mut blocks = Vec::new();
        for (i, y) in self.y.iter().enumerate() {
            for (j, x) in self.x.iter().enumerate() {
                let block = match matrix.get(i, j) {
                    Some(block) => block.clone().dense(&mut g, &x.shape),
                    None => {
                        let mut shape = y.shape.clone();
                        shape.extend_from_slice(&x.shape);
                        g.constant(Literal::from_f64(y.dtype, 0.0), &shape)
                    }
                };
                // Whichever way it was made, a derivative has the type of what is differentiated.
                blocks.push(g.emit(Op::Cast(y.dtype), &[block]));
            }
        }
        let program = g.extract(primal.inputs(), &blocks);
        verify::check_after("plan", &program);
        program
    }
}

impl Plan {
    /// The candidates and the one taken.
    pub fn choice(&self) -> &Choice {
        &self.choice
    }

    /// The candidates, in the order in which they were considered.
    pub fn candidates(&self) -> &[Candidate] {
        &self.choice.candidates
    }

    /// The candidate that was taken.
    pub fn chosen(&self) -> &Candidate {
        self.choice.chosen()
    }

    /// What the plan saves.
    pub fn objective(&self) -> Objective {
        self.objective
    }

    /// Whether the program was too large for both pure modes to be built; see [`PlanOptions::most_nodes`].
    pub fn bounded(&self) -> bool {
        self.bounded
    }

    /// Elements at each cut that was considered, the inputs and the outputs included.
    pub fn widths(&self) -> &[usize] {
        &self.cut.widths
    }

    /// The program that accumulates the Jacobian in an order of choice over the parts between the cuts, one part fewer than there are
    /// [`widths`](Self::widths).
    ///
    /// # Panics
    /// If the order does not span all parts.
    pub fn in_order(&self, order: &Order) -> Graph {
        assert_eq!(
            order.range(),
            (0, self.cut.parts.len() - 1),
            "the order spans all parts"
        );
        self.problem.emit(Way::Chain(&self.cut, order))
    }

    /// The program of the order taken that leaves out zeros by structure, for one input and one output, and its ties: pairs of an output axis and the input
    /// axis that it follows. It gives the derivatives off no diagonal of a tie: the axes of the output, then those of the input that are not tied.
    ///
    /// # Panics
    /// If there are several inputs or outputs.
    pub fn compressed(&self) -> (Graph, Vec<(usize, usize)>) {
        let ([x], [y]) = (&self.problem.x[..], &self.problem.y[..]) else {
            panic!("a compressed Jacobian has one input and one output");
        };
        let (forward, reverse) = (Order::forward(1), Order::reverse(1));
        let way = match (&self.chosen().mode, &self.net) {
            (Mode::Mixed(order), _) => Way::Chain(&self.cut, order),
            (Mode::Elimination(order), Some(net)) => Way::Elimination(net, &order.steps),
            (Mode::Reverse, _) => Way::Chain(&self.whole, &reverse),
            _ => Way::Chain(&self.whole, &forward),
        };
        let (mut g, matrix) = self.problem.accumulate(way);
        let (tensor, ties) = match matrix.get(0, 0) {
            None => {
                let shape = [&y.shape[..], &x.shape].concat();
                (
                    g.constant(Literal::from_f64(y.dtype, 0.0), &shape),
                    Vec::new(),
                )
            }
            Some(block) if block.source != x.shape => {
                (block.clone().dense(&mut g, &x.shape), Vec::new())
            }
            Some(block) => {
                let (lead, rank) = (
                    block.lead(),
                    block.source.len() - block.ties.len() + y.rank(),
                );
                let order: Vec<usize> = (lead..rank).chain(0..lead).collect();
                let ties = block.ties.iter().map(|&(s, a)| (a, s)).collect();
                (g.transpose(block.tensor, &order), ties)
            }
        };
        let tensor = g.emit(Op::Cast(y.dtype), &[tensor]);
        let program = g.extract(self.problem.lin.primal.inputs(), &[tensor]);
        (program, ties)
    }

    /// The types that are differentiated by.
    pub fn inputs(&self) -> &[Type] {
        &self.problem.x
    }

    /// The types that are differentiated.
    pub fn outputs(&self) -> &[Type] {
        &self.problem.y
    }
}
