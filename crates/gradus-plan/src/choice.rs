//! Candidates for a derivative, what each would cost, and the one taken.

use crate::cost::{Estimate, estimate};
use crate::elimination::Elimination;
use crate::options::{Objective, PlanOptions};
use crate::order::Order;
use crate::regions::stated;
use gradus_ir::{Error, ErrorKind, Graph, Result};
use std::cmp::Ordering;

/// Says how many bytes a program holds at once, arguments apart.
pub type Peak<'a> = &'a dyn Fn(&Graph) -> u64;

/// Which of two candidates is better by the objective; equal ones are told apart by time and memory.
fn compare(objective: Objective, a: &Candidate, b: &Candidate) -> Ordering {
    let first = match objective {
        Objective::Time => Ordering::Equal,
        Objective::Operations => a.estimate.operations.cmp(&b.estimate.operations),
        Objective::Memory => a.peak_bytes.cmp(&b.peak_bytes),
    };
    let time = || a.estimate.seconds.total_cmp(&b.estimate.seconds);
    first
        .then_with(time)
        .then_with(|| a.peak_bytes.cmp(&b.peak_bytes))
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
    /// Arrays of a program that is no chain are eliminated in this order.
    Elimination(Elimination),
    /// Single numbers of a small program are eliminated, this many, by so many products.
    Scalar {
        /// Numbers between the inputs and the outputs.
        vertices: usize,
        /// Products of two partial derivatives.
        multiplications: u64,
    },
    /// Of a Hessian's product: a tangent pushed through the gradient by reverse mode.
    ForwardOverReverse,
    /// Of a Hessian's product: the gradient of the gradient's product with the vector.
    ReverseOverReverse,
    /// The gradient of the change along the vector, or the Jacobian by reverse mode of the gradient by forward mode.
    ReverseOverForward,
}

impl Mode {
    /// The name in tables.
    pub fn name(&self) -> &'static str {
        match self {
            Mode::Forward => "forward",
            Mode::Reverse => "reverse",
            Mode::Mixed(_) => "mixed",
            Mode::Elimination(_) => "elimination",
            Mode::Scalar { .. } => "scalar elimination",
            Mode::ForwardOverReverse => "forward over reverse",
            Mode::ReverseOverReverse => "reverse over reverse",
            Mode::ReverseOverForward => "reverse over forward",
        }
    }
}

/// One way to compute the derivative.
#[derive(Clone)]
pub struct Candidate {
    /// How it is accumulated; of a Hessian, which derivative of the gradient is taken.
    pub mode: Mode,
    /// The name in tables.
    pub name: String,
    /// Whether equal parts of a symmetric result are computed once.
    pub symmetric: bool,
    /// The program that it would run: from the function's inputs (and the vector of a product) to the derivatives, output by output.
    pub program: Graph,
    /// What it is thought to cost.
    pub estimate: Estimate,
    /// How many of the operations of the estimate the user states; what runs in their place is counted as it is, so the estimate is not what will be counted
    /// unless there are none.
    pub stated_operations: u64,
    /// Bytes that it holds at once, arguments apart, where asked for.
    pub peak_bytes: Option<u64>,
    /// Why it may not be taken.
    pub ruled_out: Option<String>,
}

impl Candidate {
    /// A candidate whose memory nobody has asked for yet.
    pub(crate) fn new(mode: Mode, program: Graph, options: &PlanOptions) -> Candidate {
        Candidate {
            name: mode.name().to_string(),
            mode,
            symmetric: false,
            estimate: estimate(&program, &options.profile),
            stated_operations: stated(&program).0,
            peak_bytes: None,
            program,
            ruled_out: None,
        }
    }

    /// Asks for its memory, and whether that is within the limit, unless that was done before.
    fn weigh(&mut self, options: &PlanOptions, peak: Option<Peak<'_>>) {
        let Some(peak) = peak.filter(|_| self.peak_bytes.is_none()) else {
            return;
        };
        let needed = peak(&self.program);
        self.peak_bytes = Some(needed);
        self.ruled_out = (options.memory_limit.filter(|&limit| needed > limit))
            .map(|limit| format!("needs {needed} bytes, the limit is {limit}"));
    }
}

/// The position of the candidate that is best by the objective; of equal ones that of the least time, of the smaller memory, then the first. One beyond the
/// memory limit only if all are.
///
/// Their memory is asked for only where something depends on it.
pub(crate) fn best(
    candidates: &mut [Candidate],
    options: &PlanOptions,
    peak: Option<Peak<'_>>,
) -> Option<usize> {
    if options.saves_memory() {
        candidates.iter_mut().for_each(|c| c.weigh(options, peak));
    }
    (0..candidates.len()).min_by(|&a, &b| {
        let (a, b) = (&candidates[a], &candidates[b]);
        let beyond = |c: &Candidate| c.ruled_out.is_some();
        (beyond(a).cmp(&beyond(b))).then_with(|| compare(options.objective, a, b))
    })
}

/// Candidates and the one taken.
#[derive(Clone)]
pub struct Choice {
    pub(crate) candidates: Vec<Candidate>,
    chosen: usize,
}

impl Choice {
    /// Takes the [`best`] candidate.
    ///
    /// # Errors
    /// If none meets the memory limit: how much is needed.
    pub(crate) fn cheapest(
        mut candidates: Vec<Candidate>,
        options: &PlanOptions,
        peak: Option<Peak<'_>>,
    ) -> Result<Choice> {
        candidates.iter_mut().for_each(|c| c.weigh(options, peak));
        let chosen = best(&mut candidates, options, peak);
        match chosen.filter(|&chosen| candidates[chosen].ruled_out.is_none()) {
            Some(chosen) => Ok(Choice { candidates, chosen }),
            None => Err(Error::new(
                ErrorKind::Argument,
                format!(
                    "no order of the chain rule keeps to {} bytes; the least that one needs is {} bytes \
                     (orders that compute parts again are not weighed yet)",
                    options.memory_limit.unwrap_or(0),
                    (candidates.iter().filter_map(|c| c.peak_bytes).min()).unwrap_or(0)
                ),
            )),
        }
    }

    /// The candidates, in the order in which they were considered.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// The candidate that was taken.
    pub fn chosen(&self) -> &Candidate {
        &self.candidates[self.chosen]
    }

    /// The position of the candidate that was taken.
    pub fn position(&self) -> usize {
        self.chosen
    }
}
