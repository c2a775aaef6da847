//! The plan of a Hessian-vector product.

use super::plan::{closed_at, measured, peak, said_by};
use crate::tensor::Tensor;
use crate::trace;
use gradus_engine::Observer;
use gradus_ir::{Error, ErrorKind, Loc, Result, Type};
use gradus_plan::{Analysis, Candidate, Plan, PlanOptions};
use std::sync::Arc;

/// The plan for the product of a function's Hessian with a vector at points of one type; see [`plan_hvp`].
pub struct HvpPlan {
    plan: Plan,
    /// The values that the function captures.
    captured: Vec<Tensor>,
    /// Observers of values in the programs.
    _observers: Vec<Arc<Observer>>,
    at: Type,
}

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
    let loc = Loc::caller();
    let name = "plan_hvp";
    trace::boundary(|| {
        let closed = closed_at(name, &f, x)?;
        super::grad::check_value(name, &closed.graph.output_types()[0])?;
        let plan = gradus_plan::hvp(&closed.graph, 1, options, Some(&peak));
        Ok(HvpPlan {
            plan: plan.map_err(|e| said_by(name, e))?,
            captured: closed.captured,
            _observers: closed.observers,
            at: x.ty().clone(),
        })
    })
    .map_err(|e| e.at(trace::users_place(loc)))
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
        &self.plan
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
        self.plan.explain()
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
        self.evaluate_by(self.plan.chosen(), x, v)
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
        let mut results = trace::apply(&candidate.program, self.arguments(x, v)?)?;
        Ok(results.remove(0))
    }

    /// Runs every admissible composition at `x` and `v` several times,
    /// and shows counts and times beside the estimates.
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
        measured(&self.plan, &self.arguments(x, v)?)
    }

    fn arguments(&self, x: &Tensor, v: &Tensor) -> Result<Vec<Tensor>> {
        for (what, got) in [("points", x), ("vectors", v)] {
            if *got.ty() != self.at {
                return Err(Error::new(
                    ErrorKind::Argument,
                    format!(
                        "the plan was made for {what} of type {}, got {}",
                        self.at,
                        got.ty()
                    ),
                ));
            }
        }
        let mut all = vec![x.clone()];
        all.extend(self.captured.iter().cloned());
        all.push(v.clone());
        Ok(all)
    }
}
