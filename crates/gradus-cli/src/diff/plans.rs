//! The orders of the chain rule that the planner chooses for a formula.

use super::subject::Subject;
use gradus::Result;
use gradus::plan::{JacobianPlan, PlanOptions, plan_hessian, plan_jacobian};

pub struct Plans {
    pub derivative: JacobianPlan,
    /// Only for a formula with one number as its value.
    pub hessian: Option<JacobianPlan>,
}

/// The plan of the derivative, and the plan of the Hessian if it is wanted and exists.
pub fn of(subject: &Subject, hessian: bool, options: &PlanOptions) -> Result<Plans> {
    let (f, x) = (subject.of_vector(), subject.point());
    Ok(Plans {
        derivative: plan_jacobian(&f, &x, options)?,
        hessian: match hessian && subject.outputs.is_none() {
            true => Some(plan_hessian(f, &x, options)?),
            false => None,
        },
    })
}
