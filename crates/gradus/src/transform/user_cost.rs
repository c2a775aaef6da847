//! Functions with a user-supplied cost.

use crate::function::as_call;
use crate::tree::Tree;
use gradus_ir::Loc;
use gradus_ir::primitives::region::{Recompute, Recomputed};

pub use gradus_ir::primitives::region::UserCost;

/// `f` with a user-supplied cost: plans use `cost` instead of counting the operations of `f`.
///
/// This is for functions whose operations say little about their cost, such as a function with a custom rule
/// ([`custom_jvp`](crate::custom_jvp), [`custom_vjp`](crate::custom_vjp)) whose loop stops when it has converged:
/// a loop of unknown length counts as one step.
/// A tangent and a cotangent have their own costs, because their ratio decides between forward and reverse mode.
/// A derivative of a derivative costs as much as the derivative, and `n` rows at once, under [`vmap`](crate::vmap)
/// or in a Jacobian, cost `n` times as much.
///
/// The function is opaque to plans: they search no zeros and no cut inside it.
/// The cost changes nothing in the run, whose operations are counted as usual.
/// The operations of a plan then differ from the operations of a run,
/// and [`explain`](crate::plan::JacobianPlan::explain) says how many are user-supplied.
///
/// ```
/// use gradus::plan::Mode;
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
