//! Explanations of a plan: as text, JSON, a drawing and a page.

mod dot;
mod html;
mod json;
mod order_tree;
mod regions;
mod steps;
mod text;

use crate::candidate::{Candidate, Mode, NotBuilt};
use crate::cost::user_supplied;
use crate::format::grouped;
use crate::options::SourceLines;
use crate::plan::{Derivative, Plan};
use crate::segments::Cut;
use gradus_ir::{Loc, Type};

/// The measurements of a candidate.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Measured {
    /// Operations that the executor counted.
    pub operations: u64,
    /// Bytes held at once, arguments not included.
    pub peak_bytes: u64,
    /// Seconds, the median of several runs.
    pub seconds: f64,
}

/// A plan with measurements of its candidates.
pub struct Analysis<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The measurements, in the order of [`Plan::candidates`]; `None` for a candidate that was ruled out.
    pub measured: Vec<Option<Measured>>,
}

/// Candidates that the planner does not have yet.
/// Explanations name them, so that no reader thinks that they were considered.
const NOT_YET: [&str; 2] = [
    "compression by colouring (sparse results)",
    "recomputation (less memory than any order needs)",
];

impl Plan {
    /// The candidates with their costs, the chosen one and its order.
    pub fn explain(&self) -> String {
        Explanation::of(self).text()
    }

    /// The explanation as JSON: `subject`, `widths`, `chosen`, `not_built`; for each candidate `mode`,
    /// `order`, `operations`, `bytes`, `peak_bytes`, `seconds`, `ruled_out`, and `user_supplied_operations`
    /// if there are any; for each cut `operation`, `type`, `place`; the `steps`;
    /// and for each of the `regions` (loops, branches and calls) of the chosen program `what`, `place`,
    /// `operations`, `seconds`.
    pub fn to_json(&self) -> String {
        Explanation::of(self).json()
    }

    /// The plan as a self-contained HTML page.
    pub fn to_html(&self) -> String {
        Explanation::of(self).html()
    }
}

impl Analysis<'_> {
    /// The table of [`Plan::explain`] with the measurements beside it.
    pub fn explain(&self) -> String {
        self.explanation().text()
    }

    /// The JSON of [`Plan::to_json`] with `measured` for each candidate, and the `regret`.
    pub fn to_json(&self) -> String {
        self.explanation().json()
    }

    /// The page of [`Plan::to_html`] with the measurements beside the estimates.
    pub fn to_html(&self) -> String {
        self.explanation().html()
    }

    /// The time of the chosen order divided by the time of the fastest; `None` if the chosen order did not run.
    pub fn regret(&self) -> Option<f64> {
        self.explanation().regret()
    }

    fn explanation(&self) -> Explanation<'_> {
        Explanation {
            plan: self.plan,
            measured: Some(&self.measured),
        }
    }
}

/// A plan, with measurements if there are any.
struct Explanation<'a> {
    plan: &'a Plan,
    measured: Option<&'a [Option<Measured>]>,
}

impl<'a> Explanation<'a> {
    fn of(plan: &'a Plan) -> Explanation<'a> {
        Explanation {
            plan,
            measured: None,
        }
    }

    /// The measurements of candidate `k`.
    fn measured(&self, k: usize) -> Option<Measured> {
        self.measured.and_then(|m| m[k])
    }

    /// The shortest measured time.
    fn fastest(&self) -> f64 {
        let all = self.measured.into_iter().flatten().flatten();
        all.map(|m| m.seconds).fold(f64::INFINITY, f64::min)
    }

    fn regret(&self) -> Option<f64> {
        let chosen = self.measured(self.plan.choice().position())?;
        Some(chosen.seconds / self.fastest())
    }

    /// The derivative, with the types of outputs and inputs.
    fn subject(&self) -> String {
        let list = |types: &[Type]| {
            let all: Vec<String> = types.iter().map(ToString::to_string).collect();
            all.join(", ")
        };
        let (of, by) = (list(self.plan.outputs()), list(self.plan.inputs()));
        match self.plan.derivative {
            Derivative::Jacobian => format!("Jacobian of {of} by {by}"),
            Derivative::Hessian => format!("Hessian of {of} by {by}"),
            Derivative::HessianProduct => {
                format!("product of the Hessian of {of} by {by} with a vector")
            }
        }
    }

    /// The candidates that the planner does not have yet. A product with a vector is not sparse.
    fn not_yet(&self) -> &'static [&'static str] {
        match self.plan.derivative {
            Derivative::HessianProduct => &NOT_YET[1..],
            _ => &NOT_YET,
        }
    }

    /// A note that says how many operations of the chosen program are user-supplied, and where.
    fn user_supplied_note(&self) -> Option<String> {
        let supplied = user_supplied(&self.plan.chosen().program);
        let places = supplied.places.iter().filter(|&&loc| self.names(loc));
        let places: String = places.map(|loc| format!(", at {loc}")).collect();
        (supplied.operations > 0)
            .then(|| format!("user-supplied, not counted: the operations of with_cost{places}"))
    }

    /// The names of the candidates that were not built, for each reason.
    fn not_built_by_reason(&self) -> Vec<(&'static str, String)> {
        let mut reasons: Vec<(&'static str, String)> = Vec::new();
        for NotBuilt { name, why } in self.plan.not_built() {
            match reasons.iter_mut().find(|(known, _)| known == why) {
                Some((_, names)) => {
                    names.push_str(", ");
                    names.push_str(name);
                }
                None => reasons.push((why, name.clone())),
            }
        }
        reasons
    }

    /// A cut in words.
    fn cut(&self, k: usize, cut: &Cut) -> String {
        let place = self.at(cut.place);
        format!("cut {}: {}, {}{place}", k + 1, cut.operation, cut.ty)
    }

    /// Whether explanations name this line.
    fn names(&self, place: Loc) -> bool {
        self.plan.source_lines == SourceLines::Shown && place.is_known()
    }

    /// `, at file:line` if explanations name the line.
    fn at(&self, place: Loc) -> String {
        match self.names(place) {
            true => format!(", at {place}"),
            false => String::new(),
        }
    }

    /// The widths at the cuts.
    fn chain(&self) -> String {
        let widths: Vec<String> = self.plan.widths().iter().map(usize::to_string).collect();
        widths.join(" → ")
    }

    /// The chosen mode in words.
    fn in_words(&self) -> &'static str {
        match &self.plan.chosen().mode {
            Mode::Forward => "tangents pushed from the inputs to the outputs",
            Mode::Reverse => "cotangents pulled from the outputs to the inputs",
            Mode::Mixed(_) => "segments between cuts, each with its size, joined in this order:",
            Mode::Elimination(_) => {
                "arrays between the inputs and the outputs eliminated in this order:"
            }
            Mode::Scalar { .. } => {
                "numbers between the inputs and the outputs eliminated one by one:"
            }
            Mode::ForwardOverReverse => {
                "the directional derivative of the gradient along the vector"
            }
            Mode::ReverseOverReverse => "the gradient of the gradient's product with the vector",
            Mode::ReverseOverForward => match self.plan.derivative {
                Derivative::HessianProduct => {
                    "the gradient of the directional derivative along the vector"
                }
                _ => "cotangents pulled through the gradient by forward mode",
            },
        }
    }
}

/// How many operations of a candidate are user-supplied, if any.
fn user_supplied_share(c: &Candidate) -> Option<String> {
    let supplied = c.user_supplied_operations;
    (supplied > 0).then(|| format!("{} of the operations user-supplied", grouped(supplied)))
}
