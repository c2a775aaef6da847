//! Candidates for a derivative, and their estimated costs.

use crate::cost::{Estimate, estimate, user_supplied};
use crate::elimination::Elimination;
use crate::options::PlanOptions;
use crate::order::Order;
use crate::reason::Reason;
use gradus_ir::Graph;

/// Forecasts how many bytes a program holds at once, arguments not included.
pub type Peak<'a> = &'a dyn Fn(&Graph) -> u64;

/// How a candidate accumulates the derivative.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Mode {
    /// Tangents are pushed through the whole program.
    Forward,
    /// Cotangents are pulled through the whole program.
    Reverse,
    /// The segments of a chain are joined in this order.
    Mixed(Order),
    /// Arrays of a program that is not a chain are eliminated in this order.
    Elimination(Elimination),
    /// The numbers of a small program are eliminated one by one.
    Scalar {
        /// Numbers between the inputs and the outputs.
        vertices: usize,
        /// Products of two partial derivatives.
        multiplications: u64,
    },
    /// For a Hessian-vector product: a tangent pushed through the gradient by reverse mode.
    ForwardOverReverse,
    /// For a Hessian-vector product: the gradient of the gradient's product with the vector.
    ReverseOverReverse,
    /// For a Hessian-vector product, the gradient of the directional derivative along the vector.
    /// For a Hessian, the Jacobian by reverse mode of the gradient by forward mode.
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
    /// How the derivative is accumulated; for a Hessian, how the derivative of the gradient is.
    pub mode: Mode,
    /// The name in tables.
    pub name: String,
    /// Whether equal blocks of a symmetric result are computed once.
    pub symmetric: bool,
    /// The program: from the function's inputs (and the vector of a product) to the derivatives, output by output.
    pub program: Graph,
    /// The estimated cost.
    pub estimate: Estimate,
    /// How many operations of the estimate are user-supplied.
    /// The executor counts the operations that run instead, so the estimate equals its count only where this is 0.
    pub user_supplied_operations: u64,
    /// Bytes held at once, arguments not included, if there is a forecast.
    pub peak_bytes: Option<u64>,
    /// Why the candidate cannot be chosen.
    pub ruled_out: Option<String>,
}

impl Candidate {
    /// A candidate without a memory forecast.
    pub(crate) fn new(mode: Mode, program: Graph, options: &PlanOptions) -> Candidate {
        Candidate {
            name: mode.name().to_string(),
            mode,
            symmetric: false,
            estimate: estimate(&program, &options.profile),
            user_supplied_operations: user_supplied(&program).operations,
            peak_bytes: None,
            program,
            ruled_out: None,
        }
    }

    /// Forecasts the memory unless a forecast exists, and rules the candidate out if it exceeds the limit.
    pub(crate) fn forecast(&mut self, options: &PlanOptions, peak: Option<Peak<'_>>) {
        let Some(peak) = peak.filter(|_| self.peak_bytes.is_none()) else {
            return;
        };
        let needed = peak(&self.program);
        self.peak_bytes = Some(needed);
        self.ruled_out = (options.memory_limit.filter(|&limit| needed > limit))
            .map(|limit| format!("needs {needed} bytes, the limit is {limit}"));
    }
}

/// A candidate that was not built.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotBuilt {
    /// Its name.
    pub name: String,
    /// The reason, as a clause that completes a sentence.
    pub why: &'static str,
}

/// The answer of a generator: a candidate, nothing to add, or the reason why it has no candidate.
pub(crate) type Proposal = Result<Option<Candidate>, Reason>;

/// The candidates proposed so far, and those that were not built.
#[derive(Default)]
pub(crate) struct Candidates {
    pub built: Vec<Candidate>,
    pub not_built: Vec<NotBuilt>,
}

impl Candidates {
    /// Records the answer of the generator `name`.
    pub fn record(&mut self, name: &str, proposal: Proposal) {
        match proposal {
            Ok(candidate) => self.built.extend(candidate),
            Err(why) => self.not_built.push(NotBuilt {
                name: name.to_string(),
                why,
            }),
        }
    }
}
