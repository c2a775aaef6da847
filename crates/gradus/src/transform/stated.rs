//! Functions whose cost the user states.

use crate::function::as_call;
use crate::tree::Tree;
use gradus_ir::Loc;
use gradus_ir::primitives::region::{Recompute, Recomputed};

pub use gradus_ir::primitives::region::UserCost;

/// `f`, which a plan counts as what `cost` says, in place of what it is seen to do.
///
/// For functions of which the operations tell little, such as one with a rule of its own ([`custom_jvp`](crate::custom_jvp), [`custom_vjp`](crate::custom_vjp)) whose loop stops when
/// it has converged: a loop of unknown length counts as one step. A tangent and a cotangent are stated for themselves, as their ratio decides between forward and reverse mode; a
/// derivative of a derivative costs what the derivative does, and `n` rows at once, of [`vmap`](crate::vmap) or a Jacobian, `n` times as much.
///
/// It is opaque to plans: none looks for zeros or a cut inside. What runs is the same with and without it, and is counted as it is: the operations of a plan are then no longer those
/// of a run, and [`explain`](crate::JacobianPlan::explain) says how many are stated.
///
/// ```
/// use gradus::prelude::*;
/// // Eight numbers from four: forward mode takes fewer products, unless one costs more.
/// let a = Tensor::full(&[8, 4], 0.5);
/// let f = |x: &Tensor| a.matmul(x).sin();
/// let taken = |tangent, cotangent| -> Result<Mode> {
///     let f = with_cost(f, UserCost { value: 1_000, tangent, cotangent });
///     let plan = plan_jacobian(f, &Tensor::ones(&[4], F64), &PlanOptions::default())?;
///     assert!(plan.explain().contains("of the operations user-supplied"));
///     Ok(plan.plan().chosen().mode.clone())
/// };
/// assert_eq!(taken(1_000_000, 1_000_000)?, Mode::Forward);
/// assert_eq!(taken(1_000_000, 1_000)?, Mode::Reverse);
/// # Ok::<(), gradus::Error>(())
/// ```
#[track_caller]
pub fn with_cost<A: Tree, B: Tree>(f: impl Fn(&A) -> B, cost: UserCost) -> impl Fn(&A) -> B {
    let loc = Loc::caller();
    move |x| {
        as_call("with_cost", &f, x, loc, |body| {
            Recompute::call(Recomputed::Costed(cost), body)
        })
    }
}
