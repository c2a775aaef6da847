//! Which orders of the chain rule the planner takes for a formula.

use super::subject::Subject;
use gradus::{JacobianPlan, PlanOptions, Result, plan_hessian, plan_jacobian};

pub struct Plans {
    pub derivative: JacobianPlan,
    /// For a formula of one number.
    pub hessian: Option<JacobianPlan>,
}

/// The plan of the derivative, and that of the Hessian if it is wanted and there is one.
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
