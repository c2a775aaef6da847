//! The plan of a Hessian-vector product.

use super::grad::check_values;
use super::plan_at::{Effort, PlanAt, peak};
use crate::tensor::Tensor;
use gradus_ir::{Graph, Loc, Result};
use gradus_plan::{Analysis, Candidate, Plan, PlanOptions};
use std::time::Duration;

/// The plan for the product of a function's Hessian with a vector at points of one type; see [`plan_hvp`].
pub struct HvpPlan(PlanAt<Plan>);

/// Plans the product of the Hessian of `f`, which returns one number, with a vector, at points of the type of `x`:
/// the cheapest of the three compositions of two derivatives, beside the costs of the other two.
///
/// If `f` has custom rules, the Hessian need not be symmetric.
/// Reverse mode then comes last only if [`PlanOptions::modes`] asks for it, because it multiplies from the left.
///
/// ```
/// use gradus::prelude::*;
/// let x = Tensor::from([1.0, 2.0]);
/// let plan = plan_hvp(|x: &Tensor| x.powi(3).sum(), &x, &PlanOptions::default())?;
/// for composition in ["forward over reverse", "reverse over reverse", "reverse over forward"] {
///     assert!(plan.explain().contains(composition));
/// }
/// assert_eq!(plan.evaluate(&x, &Tensor::from([1.0, 1.0]))?.to_vec::<f64>()?, [6.0, 12.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// Mistakes in `f`, an input that is not a float, an output that is not a float scalar,
/// or a memory limit that no composition meets.
#[track_caller]
pub fn plan_hvp(
    f: impl Fn(&Tensor) -> Tensor,
    x: &Tensor,
    options: &PlanOptions,
) -> Result<HvpPlan> {
    let plan = |graph: &Graph| gradus_plan::hvp(graph, 1, options, Some(&peak));
    PlanAt::new("plan_hvp", &f, x, check_values, plan, Loc::caller()).map(HvpPlan)
}

impl HvpPlan {
    /// The plan itself: candidates, costs, programs.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let plan = plan_hvp(|x: &Tensor| x.powi(3).sum(), &Tensor::from([1.0]), &PlanOptions::default())?;
    /// assert_eq!(plan.plan().candidates().len(), 3);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    pub fn plan(&self) -> &Plan {
        &self.0.plan
    }

    /// The compositions with their costs, the chosen one, and its steps. [`Plan`] has JSON, a drawing and a page.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let plan = plan_hvp(|x: &Tensor| x.powi(3).sum(), &Tensor::from([1.0]), &PlanOptions::default())?;
    /// assert!(plan.explain().contains("forward over reverse"));
    /// # Ok::<(), gradus::Error>(())
    /// ```
    pub fn explain(&self) -> String {
        self.plan().explain()
    }

    /// The Hessian at `x` times `v`, by the chosen composition.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let plan = plan_hvp(|x: &Tensor| x.powi(3).sum(), &Tensor::from([1.0]), &PlanOptions::default())?;
    /// assert_eq!(plan.evaluate(&Tensor::from([2.0]), &Tensor::from([1.0]))?.to_vec::<f64>()?, [12.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `x` or `v` is of another type than the point that the plan was made for.
    pub fn evaluate(&self, x: &Tensor, v: &Tensor) -> Result<Tensor> {
        self.evaluate_by(self.plan().chosen(), x, v)
    }

    /// The same by another [candidate](Plan::candidates).
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let (x, v) = (Tensor::from([2.0]), Tensor::from([1.0]));
    /// let plan = plan_hvp(|x: &Tensor| x.powi(3).sum(), &x, &PlanOptions::default())?;
    /// for candidate in plan.plan().candidates() {
    ///     assert_eq!(plan.evaluate_by(candidate, &x, &v)?.to_vec::<f64>()?, [12.0]);
    /// }
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// See [`evaluate`](Self::evaluate).
    pub fn evaluate_by(&self, candidate: &Candidate, x: &Tensor, v: &Tensor) -> Result<Tensor> {
        self.0.evaluate(&candidate.program, x, Some(v))
    }

    /// Runs every admissible composition at `x` and `v` at least five times,
    /// for about a third of a second in all, and shows counts and times beside the estimates.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let (x, v) = (Tensor::from([2.0]), Tensor::from([1.0]));
    /// let plan = plan_hvp(|x: &Tensor| x.powi(3).sum(), &x, &PlanOptions::default())?;
    /// println!("{}", plan.analyze(&x, &v)?.explain());
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// Like [`evaluate`](Self::evaluate), and if `x` or `v` is traced, so that nothing runs.
    pub fn analyze(&self, x: &Tensor, v: &Tensor) -> Result<Analysis<'_>> {
        self.0.analyze(self.plan(), x, Some(v), Effort::ENOUGH)
    }

    /// Like [`analyze`](Self::analyze), but measures for this time, and every candidate at least once.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// use std::time::Duration;
    /// let (x, v) = (Tensor::from([2.0]), Tensor::from([1.0]));
    /// let plan = plan_hvp(|x: &Tensor| x.powi(3).sum(), &x, &PlanOptions::default())?;
    /// // The counts of operations and bytes, with a glance at the times.
    /// let analysis = plan.analyze_for(&x, &v, Duration::ZERO)?;
    /// assert!(analysis.measured[0].is_some_and(|m| m.operations > 0));
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// See [`analyze`](Self::analyze).
    pub fn analyze_for(&self, x: &Tensor, v: &Tensor, time: Duration) -> Result<Analysis<'_>> {
        self.0.analyze(self.plan(), x, Some(v), Effort::of(time))
    }
}
