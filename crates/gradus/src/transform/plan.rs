//! Plans for derivatives: the chosen order of the chain rule, and its cost.

use super::grad::check_values;
use super::jacobian::check_outputs;
use super::plan_at::{Effort, PlanAt, peak};
use crate::tensor::Tensor;
use gradus_ir::{Graph, Loc, Result};
use gradus_plan::{Accumulation, Analysis, Candidate, Order, Plan, PlanOptions};
use std::time::Duration;

/// The plan for the Jacobian or the Hessian of a function at points of one type;
/// see [`plan_jacobian`] and [`plan_hessian`].
pub struct JacobianPlan(PlanAt<Accumulation>);

/// A Jacobian without its structural zeros; see [`JacobianPlan::evaluate_blocks`].
#[derive(Clone, Debug)]
pub struct JacobianBlocks {
    /// The derivatives: the axes of the output, then the axes of the input that are not in a diagonal pair.
    pub tensor: Tensor,
    /// The diagonal axes: pairs of an output axis and the input axis that it follows.
    /// The derivative is zero where their indices differ, and the tensor has both as one axis.
    pub diagonal: Vec<(usize, usize)>,
}

/// Plans the Jacobian of `f` at points of the type of `x`: the cheapest order of the chain rule,
/// beside the costs of the other orders.
///
/// It uses the rates of [`PlanOptions::profile`].
/// The default rates are built in, so that plans are the same on all machines; [`jacobian`](super::jacobian)
/// plans by the rates of [`machine_profile`](crate::plan::machine_profile).
///
/// ```
/// use gradus::prelude::*;
/// // Wide, narrow, wide: neither forward nor reverse mode is cheap.
/// let widths = [200, 40, 4, 40, 200];
/// let layers: Vec<Tensor> = widths.windows(2).map(|w| Tensor::full(&[w[1], w[0]], 0.1)).collect();
/// let f = move |x: &Tensor| layers.iter().fold(x.clone(), |x, w| w.matmul(&x).tanh());
/// let x = Tensor::ones(&[200], F64);
/// let plan = plan_jacobian(f, &x, &PlanOptions::default())?;
/// assert!(plan.explain().contains("chosen: mixed"));
/// assert_eq!(plan.evaluate(&x)?.shape(), [200, 200]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// Mistakes in `f`, an input or output that is not a float, or a memory limit that no order meets.
#[track_caller]
pub fn plan_jacobian(
    f: impl Fn(&Tensor) -> Tensor,
    x: &Tensor,
    options: &PlanOptions,
) -> Result<JacobianPlan> {
    let plan = |graph: &Graph| gradus_plan::jacobian(graph, 1, options, Some(&peak));
    PlanAt::new("plan_jacobian", &f, x, check_outputs, plan, Loc::caller()).map(JacobianPlan)
}

/// Plans the Hessian of `f`, which returns one number, at points of the type of `x`.
/// The candidates are the orders for the Jacobian of the gradient by reverse mode (forward over reverse,
/// reverse over reverse, mixed over reverse), reverse over forward, and the cheapest of these with blocks that are
/// equal by symmetry computed once.
///
/// [`PlanOptions::modes`] says which mode can be the mode of the derivative taken last.
/// If a function has custom rules ([`custom_jvp`](super::custom_jvp), [`custom_vjp`](super::custom_vjp),
/// [`with_cotangent`](super::with_cotangent)), the plan does not rely on symmetry.
/// The rates are the rates of [`PlanOptions::profile`], as for [`plan_jacobian`].
///
/// ```
/// use gradus::prelude::*;
/// let x = Tensor::from([1.0, 2.0, 3.0]);
/// let plan = plan_hessian(|x: &Tensor| x.prod(), &x, &PlanOptions::default())?;
/// assert!(plan.explain().contains("reverse over forward"));
/// assert_eq!(plan.evaluate(&x)?.to_vec::<f64>()?, [0.0, 3.0, 2.0, 3.0, 0.0, 1.0, 2.0, 1.0, 0.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// Mistakes in `f`, an input that is not a float, an output that is not a float scalar,
/// or a memory limit that no order meets.
#[track_caller]
pub fn plan_hessian(
    f: impl Fn(&Tensor) -> Tensor,
    x: &Tensor,
    options: &PlanOptions,
) -> Result<JacobianPlan> {
    let plan = |graph: &Graph| gradus_plan::hessian(graph, 1, options, Some(&peak));
    PlanAt::new("plan_hessian", &f, x, check_values, plan, Loc::caller()).map(JacobianPlan)
}

impl JacobianPlan {
    /// The plan itself: candidates, costs, programs.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let plan = plan_jacobian(|x: &Tensor| x.sin(), &Tensor::from([1.0, 2.0]), &PlanOptions::default())?;
    /// assert!(!plan.plan().candidates().is_empty());
    /// # Ok::<(), gradus::Error>(())
    /// ```
    pub fn plan(&self) -> &Plan {
        self.0.plan.plan()
    }

    /// The candidates with their costs, the chosen one, and its order. [`Plan`] has JSON, a drawing and a page.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let plan = plan_jacobian(|x: &Tensor| x.prod(), &Tensor::from([1.0, 2.0]), &PlanOptions::default())?;
    /// assert!(plan.explain().contains("chosen: "));
    /// # Ok::<(), gradus::Error>(())
    /// ```
    pub fn explain(&self) -> String {
        self.plan().explain()
    }

    /// The Jacobian (or the Hessian) at `x`, by the chosen order.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let plan = plan_jacobian(|x: &Tensor| x.prod(), &Tensor::from([1.0, 2.0]), &PlanOptions::default())?;
    /// assert_eq!(plan.evaluate(&Tensor::from([3.0, 4.0]))?.to_vec::<f64>()?, [4.0, 3.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `x` is of another type than the point that the plan was made for.
    pub fn evaluate(&self, x: &Tensor) -> Result<Tensor> {
        self.evaluate_by(self.plan().chosen(), x)
    }

    /// The same by another [candidate](Plan::candidates).
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([3.0, 4.0]);
    /// let plan = plan_jacobian(|x: &Tensor| x.prod(), &x, &PlanOptions::default())?;
    /// for candidate in plan.plan().candidates() {
    ///     assert_eq!(plan.evaluate_by(candidate, &x)?.to_vec::<f64>()?, [4.0, 3.0]);
    /// }
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// See [`evaluate`](Self::evaluate).
    pub fn evaluate_by(&self, candidate: &Candidate, x: &Tensor) -> Result<Tensor> {
        self.0.evaluate(&candidate.program, x, None)
    }

    /// The Jacobian at `x` without its structural zeros.
    /// For a function that is applied to each of `n` rows, it costs and holds as much as `n` small Jacobians.
    ///
    /// ```
    /// use gradus::prelude::*;
    /// let row = |x: &Tensor| stack(&[&x.prod(), &x.sum()], 0);
    /// let x = Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// let blocks = plan_jacobian(vmap(row), &x, &PlanOptions::default())?.evaluate_blocks(&x)?;
    /// // For each row two results by three arguments; output axis 0 follows input axis 0.
    /// assert_eq!(blocks.tensor.shape(), [2, 2, 3]);
    /// assert_eq!(blocks.diagonal, [(0, 0)]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// See [`evaluate`](Self::evaluate).
    pub fn evaluate_blocks(&self, x: &Tensor) -> Result<JacobianBlocks> {
        let (program, diagonal) = self.0.plan.compressed();
        let tensor = self.0.evaluate(&program, x, None)?;
        Ok(JacobianBlocks { tensor, diagonal })
    }

    /// The Jacobian at `x` by the given order; see [`gradus_plan::Accumulation::in_order`].
    ///
    /// ```
    /// use gradus::plan::Order;
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([3.0, 4.0]);
    /// let plan = plan_jacobian(|x: &Tensor| x.prod(), &x, &PlanOptions::default())?;
    /// assert_eq!(plan.evaluate_in(&Order::Forward(0), &x)?.to_vec::<f64>()?, [4.0, 3.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// Like [`evaluate`](Self::evaluate), and if the order does not span all segments, or leaves gaps.
    pub fn evaluate_in(&self, order: &Order, x: &Tensor) -> Result<Tensor> {
        let program = self.0.plan.in_order(order)?;
        self.0.evaluate(&program, x, None)
    }

    /// Runs every admissible candidate at `x` at least five times, for about a third of a second in all,
    /// and shows counts and times beside the estimates.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let x = Tensor::from([3.0, 4.0]);
    /// let plan = plan_jacobian(|x: &Tensor| x.prod(), &x, &PlanOptions::default())?;
    /// println!("{}", plan.analyze(&x)?.explain());
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// Like [`evaluate`](Self::evaluate), and if `x` is traced, so that nothing runs.
    pub fn analyze(&self, x: &Tensor) -> Result<Analysis<'_>> {
        self.0.analyze(self.plan(), x, None, Effort::ENOUGH)
    }

    /// Like [`analyze`](Self::analyze), but measures for this time, and every candidate at least once.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// use std::time::Duration;
    /// let x = Tensor::from([3.0, 4.0]);
    /// let plan = plan_jacobian(|x: &Tensor| x.prod(), &x, &PlanOptions::default())?;
    /// // The counts of operations and bytes, with a glance at the times.
    /// let analysis = plan.analyze_for(&x, Duration::ZERO)?;
    /// assert!(analysis.measured[0].is_some_and(|m| m.operations > 0));
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// See [`analyze`](Self::analyze).
    pub fn analyze_for(&self, x: &Tensor, time: Duration) -> Result<Analysis<'_>> {
        self.0.analyze(self.plan(), x, None, Effort::of(time))
    }
}
