//! Elimination of single numbers in a small program.

use super::{Generator, Planning};
use crate::candidate::{Mode, Proposal};
use crate::options::Objective;
use crate::problem::Strategy;
use crate::scalar::ScalarProgram;

pub(super) const SCALAR: Generator = Generator {
    name: "scalar elimination",
    propose,
};

fn propose(planning: &mut Planning<'_>) -> Proposal {
    let problem = &planning.space.problem;
    let wanted = planning.options.objective == Objective::Operations || planning.is_of_numbers;
    // Both eliminations share one grant of the budget. The elimination of arrays reports a refusal.
    if problem.contents.regions || !wanted || planning.admit_elimination().is_err() {
        return Ok(None);
    }
    let problem = &planning.space.problem;
    let most = planning.options.search.scalars;
    let Some(scalar) = ScalarProgram::of(problem.tangent(), problem.residuals(), most) else {
        return Ok(None);
    };
    planning.has_scalar = true;
    let mode = Mode::Scalar {
        vertices: scalar.vertices(),
        multiplications: scalar.multiplications(),
    };
    Ok(planning.candidate(mode, Strategy::Scalar(&scalar)))
}
