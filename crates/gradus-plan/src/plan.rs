//! The plan of a Jacobian: one program for each candidate order, and the one taken.

use crate::choice::{Candidate, Choice, Mode, Modes, Objective, Peak, PlanOptions};
use crate::cost::estimate;
use crate::elimination::{self, Net, Step};
use crate::matrix::Matrix;
use crate::order::{Order, cheapest};
use crate::price::Price;
use crate::scalar::ScalarProgram;
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
    searched: bool,
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
    let mut candidates: Vec<Candidate> = Vec::new();
    let consider = |candidates: &mut Vec<Candidate>, mode: Mode, way: Way<'_>| {
        let program = problem.emit(way);
        // Another way may come to the program of forward or reverse mode, or of a chain.
        let pure = matches!(mode, Mode::Forward | Mode::Reverse);
        if !pure && candidates.iter().any(|c| c.program.same(&program)) {
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
        consider(
            &mut candidates,
            Mode::Forward,
            Way::Chain(&whole, &Order::forward(1)),
        );
    }
    if options.modes != Modes::Forward && skipped != Some(Modes::Reverse) {
        consider(
            &mut candidates,
            Mode::Reverse,
            Way::Chain(&whole, &Order::reverse(1)),
        );
    }
    let cut = match options.modes {
        Modes::Any => Segments::cut(&problem.lin.tangent, problem.lin.residuals),
        Modes::Forward | Modes::Reverse => None,
    };
    if let Some(cut) = &cut {
        let parts = cut.parts.len();
        let order = cheapest(cut, &problem.residual_types(), price);
        if order != Order::forward(parts) && order != Order::reverse(parts) {
            consider(
                &mut candidates,
                Mode::Mixed(order.clone()),
                Way::Chain(cut, &order),
            );
        }
    }
    let mut net = None;
    let mut searched = true;
    if options.modes == Modes::Any && !bounded {
        let (tangent, residuals) = (&problem.lin.tangent, problem.lin.residuals);
        let mut scalar = None;
        let numbers = problem.is_of_numbers();
        if numbers || options.objective == Objective::Operations {
            scalar = ScalarProgram::of(tangent, residuals, options.search.scalars);
        }
        if let Some(scalar) = &scalar {
            let mode = Mode::Scalar {
                vertices: scalar.vertices(),
                multiplications: scalar.multiplications(),
            };
            consider(&mut candidates, mode, Way::Scalar(scalar));
        }
        if !numbers || scalar.is_none() {
            let made = Net::of(tangent, residuals, options.search, price);
            (searched, net) = (made.is_ok(), made.ok().flatten());
        }
        // What the best order so far takes beside the function itself.
        let own = price.of(estimate(&problem.lin.primal, &options.profile));
        let known = candidates.iter().map(|c| price.of(c.estimate) - own);
        let known = known.fold(f64::INFINITY, f64::min);
        if let Some(net) = &net
            && let Some(order) = elimination::search(net, price, options.search, known)
        {
            let way = Way::Elimination(net, &order.steps);
            consider(&mut candidates, Mode::Elimination(order.clone()), way);
        }
    }
    let choice = Choice::cheapest(candidates, options)?;
    Ok(Plan {
        choice,
        objective: options.objective,
        bounded,
        searched,
        problem: Arc::new(problem),
        net: net.map(Arc::new),
        cut: cut.map_or_else(|| whole.clone(), Arc::new),
        whole,
    })
}

/// Elements of an array, on average, up to which a program is one of scalars: kernels run over longer arrays faster than number by number.
const MOST_IN_ARRAYS: usize = 4;

/// A way to accumulate the derivative.
enum Way<'a> {
    Chain(&'a Segments, &'a Order),
    Elimination(&'a Net, &'a [Step]),
    Scalar(&'a ScalarProgram),
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

    /// Whether most arrays hold a few numbers, as those of a program of scalars do.
    fn is_of_numbers(&self) -> bool {
        let tangent = &self.lin.tangent;
        let active = tangent.dependents_of(&tangent.inputs()[self.lin.residuals..]);
        let all = tangent.ids().filter(|id| active[id.index()]);
        let (arrays, numbers) = all.fold((0, 0), |(arrays, numbers), id| {
            (arrays + 1, numbers + tangent.ty(id).elements())
        });
        numbers <= MOST_IN_ARRAYS * arrays
    }

    /// The function with the derivatives accumulated in this way behind it.
    fn accumulate(&self, way: Way<'_>) -> (Graph, Matrix) {
        let primal = &self.lin.primal;
        let mut g = primal.clone();
        let residuals: Vec<NodeId> = primal.outputs()[self.y.len()..].to_vec();
        let matrix = match way {
            Way::Chain(segments, order) => order.build(&mut g, segments, &residuals),
            Way::Elimination(net, steps) => elimination::build(&mut g, net, steps, &residuals),
            Way::Scalar(scalar) => scalar.build(&mut g, &self.lin.tangent, &residuals),
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

    /// Whether elimination was weighed wherever it might pay; see [`Search`](crate::Search) for the bounds.
    pub fn searched(&self) -> bool {
        self.searched
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

    /// The program of the order taken that leaves out zeros by structure (of forward mode, where numbers are eliminated one by one, which has no blocks), for one input and one output, and its ties: pairs of an output axis and the input
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
