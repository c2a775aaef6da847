//! The plan of a Jacobian: one program for each candidate order, and the one taken.

use crate::bound::{Bound, ELIMINATION, FORWARD, LARGE, MIXED, NotBuilt, REVERSE};
use crate::choice::{Candidate, Choice, Mode, Peak};
use crate::cost::estimate;
use crate::elimination::{self, Net, Step, TooLarge};
use crate::matrix::Matrix;
use crate::options::{Modes, Objective, PlanOptions, SourceLines};
use crate::order::{Order, cheapest};
use crate::price::Price;
use crate::profile::Profile;
use crate::regions::{self, ONLY_BACKWARD, ONLY_IN_REVERSE, ROWS_APART};
use crate::room::{Room, TOO_LARGE};
use crate::scalar::ScalarProgram;
use crate::segments::{Cut, Outline, Segments};
use gradus_ad::Linearized;
use gradus_ir::primitives::Backward;
use gradus_ir::{Error, ErrorKind, Graph, Literal, Loc, Op, Result, Type, ValueId, verify};
use std::cmp::Ordering;
use std::sync::Arc;

/// What is planned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Derivative {
    /// All first derivatives.
    Jacobian,
    /// All second derivatives of one number.
    Hessian,
    /// The Hessian's product with a vector.
    HessianProduct,
}

/// How a derivative is computed, and what else was weighed.
#[derive(Clone)]
pub struct Plan {
    pub(crate) derivative: Derivative,
    pub(crate) x: Vec<Type>,
    pub(crate) y: Vec<Type>,
    pub(crate) choice: Choice,
    pub(crate) objective: Objective,
    pub(crate) not_built: Vec<NotBuilt>,
    pub(crate) outline: Outline,
    /// What the derivative needs of the function's run.
    pub(crate) kept: Vec<Type>,
    pub(crate) source_lines: SourceLines,
    /// The rates by which it was made.
    pub(crate) profile: Profile,
}

/// The plan of a Jacobian or a Hessian, with the means to accumulate it in other orders.
#[derive(Clone)]
pub struct Accumulation {
    pub(crate) plan: Plan,
    draft: Draft,
}

/// What there is to choose from.
#[derive(Clone)]
pub(crate) struct Draft {
    pub problem: Arc<Problem>,
    pub whole: Arc<Segments>,
    /// The parts between the cuts; the whole where there are none.
    pub cut: Arc<Segments>,
    /// The arrays that were eliminated, where that was tried.
    pub net: Option<Arc<Net>>,
    pub bound: Bound,
    /// Of a Hessian: the gradient by forward mode.
    pub forward: Option<(Arc<Problem>, Arc<Segments>)>,
}

/// Plans the Jacobian of all outputs of `graph`, which are floats, with respect to its first `n` inputs.
///
/// `peak` says how many bytes a program will hold at once, arguments apart; without it plans are made without that figure, and without a limit.
///
/// # Errors
/// If no candidate meets the memory limit: how much is needed. If forward mode is asked for and there is none.
pub fn jacobian(
    graph: &Graph,
    n: usize,
    options: &PlanOptions,
    peak: Option<Peak<'_>>,
) -> Result<Accumulation> {
    let (draft, candidates) = draft(graph, n, options)?;
    let choice = Choice::cheapest(candidates, options, peak)?;
    let y = graph.output_types();
    Ok(draft.chosen(Derivative::Jacobian, y, choice, options))
}

/// The candidates for the Jacobian of `graph`.
///
/// # Errors
/// If forward mode is asked for and there is none.
pub(crate) fn draft(
    graph: &Graph,
    n: usize,
    options: &PlanOptions,
) -> Result<(Draft, Vec<Candidate>)> {
    let problem = Problem::new(graph, n);
    let room = Room::of(&problem)?;
    let price = Price::new(options);
    let whole = Arc::new(problem.whole());
    let (tangent, residuals) = (&problem.lin.tangent, problem.lin.residuals);
    let any = options.modes == Modes::Any;
    let one_way = tangent.backward() == Backward::Only;
    if one_way && options.modes == Modes::Forward {
        return Err(regions::no_forward_mode(tangent));
    }
    let mut bound = Bound::new([tangent.len(), problem.x.len(), problem.y.len()], options);
    // What stands against orders that mix both modes.
    let unmixed = match regions::has_hooks(tangent) {
        _ if one_way => Some(ONLY_BACKWARD),
        _ if !room.holds(MIXED) => Some(TOO_LARGE),
        true => Some(ONLY_IN_REVERSE),
        false => regions::has_gates(graph).then_some(ROWS_APART),
    };
    let cuts = match any && unmixed.is_none() {
        true => Segments::cuts(tangent, residuals),
        false => Vec::new(),
    };
    let searched = (!cuts.is_empty() && bound.take(MIXED)).then(|| {
        let cut = Segments::at(tangent, residuals, &cuts);
        let order = cheapest(&cut, &problem.residual_types(), price);
        (cut, order)
    });
    let fewer = match whole.widths[0].cmp(&whole.widths[1]) {
        _ if one_way => REVERSE,
        Ordering::Less => FORWARD,
        Ordering::Equal if !multiplies_along_rows(tangent, residuals) => FORWARD,
        _ => REVERSE,
    };
    let favourite = match (&searched, options.modes) {
        (_, Modes::Forward) => FORWARD,
        (_, Modes::Reverse) => REVERSE,
        (None, Modes::Any) => fewer,
        (Some((cut, order)), Modes::Any) => match order {
            o if *o == Order::forward(cut.parts.len()) => FORWARD,
            o if *o == Order::reverse(cut.parts.len()) => REVERSE,
            _ => MIXED,
        },
    };
    let mut wanted = vec![favourite];
    wanted.retain(|mode| room.holds(mode));
    if wanted.is_empty() && !any {
        return Err(room.error());
    }
    if any && one_way {
        bound.refuse(FORWARD, ONLY_BACKWARD);
    } else if any {
        let other = if fewer == FORWARD { REVERSE } else { FORWARD };
        for mode in [fewer, other].into_iter().filter(|m| !room.holds(m)) {
            bound.refuse(mode, TOO_LARGE);
        }
        let rest = [fewer, other].into_iter();
        let rest = rest.filter(|&m| m != favourite && room.holds(m));
        wanted.extend(rest.filter(|mode| bound.take(mode)));
    }
    if let Some(why) = unmixed.filter(|_| any) {
        bound.refuse(MIXED, why);
        bound.refuse(ELIMINATION, why);
    }
    let mut candidates: Vec<Candidate> = Vec::new();
    let consider = |candidates: &mut Vec<Candidate>, mode: Mode, way: Way<'_>| {
        let program = problem.emit(way);
        // Another way may come to the program of forward or reverse mode, or of a chain.
        let pure = matches!(mode, Mode::Forward | Mode::Reverse);
        if pure || !candidates.iter().any(|c| c.program.same(&program)) {
            candidates.push(Candidate::new(mode, program, options));
        }
    };
    let (forward, reverse) = (Order::forward(1), Order::reverse(1));
    if wanted.contains(&FORWARD) {
        let way = Way::Chain(&whole, &forward);
        consider(&mut candidates, Mode::Forward, way);
    }
    if wanted.contains(&REVERSE) {
        let way = Way::Chain(&whole, &reverse);
        consider(&mut candidates, Mode::Reverse, way);
    }
    if let Some((cut, order)) = searched.as_ref().filter(|_| favourite == MIXED) {
        let way = Way::Chain(cut, order);
        consider(&mut candidates, Mode::Mixed(order.clone()), way);
    }
    if candidates.is_empty() {
        return Err(room.error());
    }
    let mut net = None;
    if any && unmixed.is_none() && bound.take(ELIMINATION) {
        let mut scalar = None;
        let numbers = problem.is_of_numbers();
        let scalars = numbers || options.objective == Objective::Operations;
        if scalars && !regions::has_regions(tangent) {
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
            match Net::of(tangent, residuals, options.search, price) {
                Ok(made) => net = made,
                Err(TooLarge) => bound.refuse(ELIMINATION, LARGE),
            }
        }
        // What the best order so far takes beside the function itself, where more than that is no use.
        let own = price.of(estimate(&problem.lin.primal, &options.profile));
        let known = candidates.iter().map(|c| price.of(c.estimate) - own);
        let known = match options.saves_memory() {
            true => f64::INFINITY,
            false => known.fold(f64::INFINITY, f64::min),
        };
        if let Some(net) = &net
            && let Some(order) = elimination::search(net, price, options.search, known)
        {
            let way = Way::Elimination(net, &order.steps);
            consider(&mut candidates, Mode::Elimination(order.clone()), way);
        }
    }
    let draft = Draft {
        problem: Arc::new(problem),
        cut: searched.map_or_else(|| whole.clone(), |(cut, _)| Arc::new(cut)),
        whole,
        net: net.map(Arc::new),
        bound,
        forward: None,
    };
    Ok((draft, candidates))
}

/// Whether most products of a linear program, with `residuals` inputs before its vectors, sum along rows of what is not carried, as `w.matmul(x)` does. Vectors lie
/// in rows; pushed, they are multiplied by such a matrix's rows one by one, pulled by the matrix as it lies, which takes less time for the same operations.
fn multiplies_along_rows(tangent: &Graph, residuals: usize) -> bool {
    let carried = tangent.dependents_of(&tangent.inputs()[residuals..]);
    let (mut along, mut across) = (0, 0);
    for node in tangent.nodes() {
        let Op::Contract(c) = &node.op else { continue };
        let (matrix, summed) = match [0, 1].map(|k| carried[node.operands[k].index()]) {
            [false, true] => (node.operands[0], &c.contract_left),
            [true, false] => (node.operands[1], &c.contract_right),
            _ => continue,
        };
        let rank = tangent.ty(matrix).rank();
        match rank > 1 && summed.contains(&(rank - 1)) {
            true => along += 1,
            false => across += 1,
        }
    }
    along > across
}

impl Draft {
    /// The plan that takes `choice`.
    pub fn chosen(
        self,
        derivative: Derivative,
        y: Vec<Type>,
        choice: Choice,
        options: &PlanOptions,
    ) -> Accumulation {
        let plan = Plan {
            derivative,
            x: self.problem.x.clone(),
            y,
            choice,
            objective: options.objective,
            not_built: self.bound.refused.clone(),
            outline: self.cut.outline(),
            kept: self.problem.residual_types(),
            source_lines: options.source_lines,
            profile: options.profile,
        };
        Accumulation { plan, draft: self }
    }
}

/// Elements of an array, on average, up to which a program is one of scalars: kernels run over longer arrays faster than number by number.
const MOST_IN_ARRAYS: usize = 4;

/// A way to accumulate the derivative.
pub(crate) enum Way<'a> {
    Chain(&'a Segments, &'a Order),
    Elimination(&'a Net, &'a [Step]),
    Scalar(&'a ScalarProgram),
}

/// A function, linearised.
pub(crate) struct Problem {
    x: Vec<Type>,
    y: Vec<Type>,
    lin: Linearized,
}

impl Problem {
    /// All outputs of `graph` by its first `n` inputs.
    pub fn new(graph: &Graph, n: usize) -> Problem {
        let wrt: Vec<usize> = (0..n).collect();
        Problem {
            x: graph.input_types().into_iter().take(n).collect(),
            y: graph.output_types(),
            lin: gradus_ad::linearize(graph, &wrt),
        }
    }

    /// The linear program as one part.
    pub fn whole(&self) -> Segments {
        Segments::whole(&self.lin.tangent, self.lin.residuals)
    }

    /// The types of what is differentiated by.
    pub fn inputs(&self) -> &[Type] {
        &self.x
    }

    /// The types of what is differentiated.
    pub fn outputs(&self) -> &[Type] {
        &self.y
    }

    /// The linear program.
    pub fn tangent(&self) -> &Graph {
        &self.lin.tangent
    }

    /// Operations of the linear program.
    pub fn size(&self) -> usize {
        self.lin.tangent.len()
    }

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
        let residuals: Vec<ValueId> = primal.outputs()[self.y.len()..].to_vec();
        // What joins the parts has no line of its own.
        let outer = g.set_loc(Loc::UNKNOWN.tangent("product"));
        let matrix = match way {
            Way::Chain(segments, order) => order.build(&mut g, segments, &residuals),
            Way::Elimination(net, steps) => elimination::build(&mut g, net, steps, &residuals),
            Way::Scalar(scalar) => scalar.build(&mut g, &self.lin.tangent, &residuals),
        };
        g.set_loc(outer);
        (g, matrix)
    }

    /// The program that computes the Jacobian in this way: a block for each output and each input.
    pub fn emit(&self, way: Way<'_>) -> Graph {
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
        let program = g.program(primal.inputs(), &blocks);
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

    /// The candidates that were not built, as the program is too large (see [`PlanOptions::node_budget`] and [`SearchLimits`](crate::SearchLimits)) or does not admit them.
    pub fn not_built(&self) -> &[NotBuilt] {
        &self.not_built
    }

    /// Elements at each cut that was considered, the inputs and the outputs included.
    pub fn widths(&self) -> &[usize] {
        &self.outline.widths
    }

    /// The cuts that were considered, those at the ends not included.
    pub fn cuts(&self) -> &[Cut] {
        &self.outline.cuts
    }

    /// The types that are differentiated by.
    pub fn inputs(&self) -> &[Type] {
        &self.x
    }

    /// The types that are differentiated.
    pub fn outputs(&self) -> &[Type] {
        &self.y
    }
}

impl Accumulation {
    /// What was weighed and taken.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The program that accumulates the Jacobian (of the gradient, for a Hessian) in an order of choice over the parts between the cuts, one part fewer than
    /// there are [`widths`](Plan::widths).
    ///
    /// # Errors
    /// If the order does not span all parts, or leaves gaps.
    pub fn in_order(&self, order: &Order) -> Result<Graph> {
        let parts = self.draft.cut.parts.len();
        if order.span() != Some((0, parts - 1)) {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("the order {order} does not join parts 1 to {parts} without gaps"),
            ));
        }
        Ok(self.draft.problem.emit(Way::Chain(&self.draft.cut, order)))
    }

    /// The program of the order taken that leaves out zeros by structure, for one input and one output, and its ties: pairs of an output axis and the input
    /// axis that it follows. It gives the derivatives off no diagonal of a tie: the axes of the output, then those of the input that are not tied. Where numbers are
    /// eliminated one by one there are no such zeros, and it is the program of forward mode.
    ///
    /// # Panics
    /// If there are several inputs or outputs.
    pub fn compressed(&self) -> (Graph, Vec<(usize, usize)>) {
        let draft = &self.draft;
        let (forward, reverse) = (Order::forward(1), Order::reverse(1));
        let mut problem = &draft.problem;
        let way = match &self.plan.chosen().mode {
            Mode::Mixed(order) => Way::Chain(&draft.cut, order),
            Mode::Reverse => Way::Chain(&draft.whole, &reverse),
            mode => match (mode, &draft.net, &draft.forward) {
                (Mode::Elimination(order), Some(net), _) => Way::Elimination(net, &order.steps),
                (Mode::ReverseOverForward, _, Some((by_forward, whole))) => {
                    problem = by_forward;
                    Way::Chain(whole, &reverse)
                }
                _ => Way::Chain(&draft.whole, &forward),
            },
        };
        let ([x], [y]) = (&problem.x[..], &problem.y[..]) else {
            panic!("a compressed Jacobian has one input and one output");
        };
        let (mut g, matrix) = problem.accumulate(way);
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
        let program = g.program(problem.lin.primal.inputs(), &[tensor]);
        (program, ties)
    }
}
