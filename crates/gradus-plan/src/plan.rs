//! A plan: the candidates for a derivative, what each would cost, and the one chosen.

use crate::cost::{Estimate, estimate};
use crate::order::{Order, cheapest};
use crate::profile::Profile;
use crate::segments::Segments;
use gradus_ad::Linearized;
use gradus_ir::{Error, ErrorKind, Graph, Literal, NodeId, Op, Result, Type, verify};
use std::sync::Arc;

/// What a plan may choose from, and by which rates.
#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    /// Which orders may be taken.
    pub modes: Modes,
    /// The most bytes that a run may hold at once, arguments apart.
    pub memory_limit: Option<u64>,
    /// The machine that the time is estimated for.
    pub profile: Profile,
}

/// Which orders a plan may take.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Modes {
    /// Whatever is cheapest.
    #[default]
    Any,
    /// Forward mode alone.
    Forward,
    /// Reverse mode alone.
    Reverse,
}

/// The way in which a candidate accumulates the derivative.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Tangents are pushed through the whole program.
    Forward,
    /// Cotangents are pulled through the whole program.
    Reverse,
    /// Parts of a chain are joined in this order.
    Mixed(Order),
}

impl Mode {
    /// The name in tables.
    pub fn name(&self) -> &'static str {
        match self {
            Mode::Forward => "forward",
            Mode::Reverse => "reverse",
            Mode::Mixed(_) => "mixed",
        }
    }
}

/// One way to compute the derivative.
#[derive(Clone)]
pub struct Candidate {
    /// How it is accumulated.
    pub mode: Mode,
    /// The program that it would run: from the function's inputs to the blocks of the Jacobian, output by output.
    pub program: Graph,
    /// What it is thought to cost.
    pub estimate: Estimate,
    /// Bytes that it holds at once, arguments apart, where asked for.
    pub peak_bytes: Option<u64>,
    /// Why it may not be taken.
    pub ruled_out: Option<String>,
}

/// How to compute the Jacobian of a program.
#[derive(Clone)]
pub struct Plan {
    candidates: Vec<Candidate>,
    chosen: usize,
    problem: Arc<Problem>,
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
    peak: Option<&dyn Fn(&Graph) -> u64>,
) -> Result<Plan> {
    let wrt: Vec<usize> = (0..n).collect();
    let lin = gradus_ad::linearize(graph, &wrt);
    let problem = Problem {
        x: graph.input_types().into_iter().take(n).collect(),
        y: graph.output_types(),
        lin,
    };
    let whole = Segments::whole(&problem.lin.tangent, problem.lin.residuals);
    let mut candidates = Vec::new();
    let mut consider = |mode: Mode, segments: &Segments, order: &Order| {
        let program = problem.emit(segments, order);
        candidates.push(Candidate {
            mode,
            estimate: estimate(&program, 0, &options.profile),
            peak_bytes: peak.map(|peak| peak(&program)),
            program,
            ruled_out: None,
        });
    };
    if options.modes != Modes::Reverse {
        consider(Mode::Forward, &whole, &Order::forward(1));
    }
    if options.modes != Modes::Forward {
        consider(Mode::Reverse, &whole, &Order::reverse(1));
    }
    let cut = Segments::cut(&problem.lin.tangent, problem.lin.residuals);
    let parts = cut.parts.len();
    if options.modes == Modes::Any && parts > 1 {
        let order = cheapest(&cut, &problem.residual_types(), &options.profile);
        if order != Order::forward(parts) && order != Order::reverse(parts) {
            consider(Mode::Mixed(order.clone()), &cut, &order);
        }
    }
    let mut chosen = None;
    let mut least: Option<u64> = None;
    for (k, c) in candidates.iter_mut().enumerate() {
        if let (Some(limit), Some(needed)) = (options.memory_limit, c.peak_bytes) {
            least = Some(least.map_or(needed, |l| l.min(needed)));
            if needed > limit {
                c.ruled_out = Some(format!("needs {needed} bytes, the limit is {limit}"));
                continue;
            }
        }
        let seconds = c.estimate.seconds;
        chosen = match chosen {
            Some((_, s)) if s <= seconds => chosen,
            _ => Some((k, seconds)),
        };
    }
    let Some((chosen, _)) = chosen else {
        return Err(Error::new(
            ErrorKind::Argument,
            format!(
                "plan: no order of the chain rule needs as little as {} bytes; the least is {} bytes",
                options.memory_limit.unwrap_or(0),
                least.unwrap_or(0)
            ),
        ));
    };
    Ok(Plan {
        candidates,
        chosen,
        problem: Arc::new(problem),
        cut: Arc::new(cut),
    })
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

    /// The program that computes the Jacobian in this order.
    fn emit(&self, segments: &Segments, order: &Order) -> Graph {
        let primal = &self.lin.primal;
        let mut g = primal.clone();
        let residuals: Vec<NodeId> = primal.outputs()[self.y.len()..].to_vec();
        let matrix = order.build(&mut g, segments, &residuals);
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
    /// The candidates, in the order in which they were considered.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// The candidate that was taken.
    pub fn chosen(&self) -> &Candidate {
        &self.candidates[self.chosen]
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
        self.problem.emit(&self.cut, order)
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
