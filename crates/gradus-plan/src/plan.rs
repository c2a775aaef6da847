//! A plan: the candidates for a derivative, and the one chosen.

use crate::candidate::{Candidate, NotBuilt};
use crate::choice::Choice;
use crate::options::{Objective, PlanOptions, SourceLines};
use crate::profile::Profile;
use crate::segments::{Cut, Outline};
use gradus_ir::Type;

/// The derivative that is planned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Derivative {
    /// All first derivatives.
    Jacobian,
    /// All second derivatives of one number.
    Hessian,
    /// The product of the Hessian with a vector.
    HessianProduct,
}

/// The chosen way to compute a derivative, and the other candidates.
#[derive(Clone)]
pub struct Plan {
    pub(crate) derivative: Derivative,
    pub(crate) x: Vec<Type>,
    pub(crate) y: Vec<Type>,
    pub(crate) choice: Choice,
    pub(crate) not_built: Vec<NotBuilt>,
    pub(crate) outline: Outline,
    /// Values of the function that the derivative reads.
    pub(crate) residuals: Vec<Type>,
    pub(crate) objective: Objective,
    pub(crate) source_lines: SourceLines,
    /// The rates that the planner used.
    pub(crate) profile: Profile,
}

/// The function that is differentiated, as plans describe it.
pub(crate) struct Subject {
    pub derivative: Derivative,
    pub x: Vec<Type>,
    pub y: Vec<Type>,
    pub outline: Outline,
    pub residuals: Vec<Type>,
}

impl Plan {
    pub(crate) fn new(
        subject: Subject,
        choice: Choice,
        not_built: Vec<NotBuilt>,
        options: &PlanOptions,
    ) -> Plan {
        Plan {
            derivative: subject.derivative,
            x: subject.x,
            y: subject.y,
            choice,
            not_built,
            outline: subject.outline,
            residuals: subject.residuals,
            objective: options.objective,
            source_lines: options.source_lines,
            profile: options.profile,
        }
    }

    /// The candidates and the chosen one.
    pub fn choice(&self) -> &Choice {
        &self.choice
    }

    /// The candidates, in the order of their generators.
    pub fn candidates(&self) -> &[Candidate] {
        self.choice.candidates()
    }

    /// The chosen candidate.
    pub fn chosen(&self) -> &Candidate {
        self.choice.chosen()
    }

    /// The quantity that the plan minimises.
    pub fn objective(&self) -> Objective {
        self.objective
    }

    /// The candidates that were not built: the program does not admit them, or is too large for the
    /// [node budget](crate::PlanOptions::node_budget()) or the [`SearchLimits`](crate::SearchLimits).
    pub fn not_built(&self) -> &[NotBuilt] {
        &self.not_built
    }

    /// Elements of the inputs, of each cut that was considered, and of the outputs.
    pub fn widths(&self) -> &[usize] {
        &self.outline.widths
    }

    /// The cuts that were considered, without the inputs and the outputs.
    pub fn cuts(&self) -> &[Cut] {
        &self.outline.cuts
    }

    /// The types of the inputs that the function is differentiated by.
    pub fn inputs(&self) -> &[Type] {
        &self.x
    }

    /// The types of the outputs that are differentiated.
    pub fn outputs(&self) -> &[Type] {
        &self.y
    }
}
