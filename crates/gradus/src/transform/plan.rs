//! Plans for derivatives: the chosen order of the chain rule, and its cost.

use super::profile::machine_profile;
use crate::context::Context;
use crate::tensor::Tensor;
use crate::trace::{self, Closed, Kind, Knowledge};
use gradus_engine::{CompileOptions, Input, Key, Observer};
use gradus_ir::{Error, ErrorKind, Graph, Loc, Op, Result, Type};
use gradus_plan::{Accumulation, Analysis, Candidate, Measured, Modes, Order, Plan, PlanOptions};
use std::sync::Arc;
use std::time::Instant;

/// The derivative that is planned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Jacobian(Modes),
    Hessian,
    HessianProduct,
}

/// Finds the planned program of a derivative by the first inputs again.
#[derive(Clone, PartialEq)]
struct Planned {
    /// The number of these inputs.
    n: usize,
    wanted: Wanted,
}

impl Key for Planned {
    type Value = Arc<Graph>;

    fn shares(kept: &Graph, asked: &Graph) -> bool {
        same_places(kept, asked)
    }
}

/// The program that computes a derivative of `graph` by its first `n` inputs,
/// in the cheapest order by this machine's rates.
/// A Jacobian has a block for each output and each input, a Hessian for every two inputs,
/// and a Hessian-vector product an array for each input.
pub(super) fn planned(graph: &Graph, n: usize, wanted: Wanted) -> Result<Arc<Graph>> {
    let key = Planned { n, wanted };
    Context::current().find_or_make(graph, &key, || {
        let options = PlanOptions::default()
            .modes(match wanted {
                Wanted::Jacobian(modes) => modes,
                Wanted::Hessian | Wanted::HessianProduct => Modes::Any,
            })
            .profile(machine_profile());
        let of = |plan: &Plan| plan.chosen().program.clone();
        let program = match wanted {
            Wanted::Jacobian(_) => of(gradus_plan::jacobian(graph, n, &options, None)?.plan()),
            Wanted::Hessian => of(gradus_plan::hessian(graph, n, &options, None)?.plan()),
            Wanted::HessianProduct => of(&gradus_plan::hvp(graph, n, &options, None)?),
        };
        Ok(Arc::new(program))
    })
}

/// Whether two programs that compute the same have the same source lines, which errors and profiles name.
fn same_places(a: &Graph, b: &Graph) -> bool {
    let mut pairs = a.nodes().iter().zip(b.nodes());
    pairs.all(|(a, b)| {
        a.loc == b.loc
            && match (&a.op, &b.op) {
                (Op::Region(x), Op::Region(y)) => {
                    let (x, y) = (x.bodies(), y.bodies());
                    let mut bodies = x.iter().zip(&y);
                    bodies.all(|((_, x), (_, y))| x.identity() == y.identity() || same_places(x, y))
                }
                _ => true,
            }
    })
}

/// The plan for the Jacobian or the Hessian of a function at points of one type;
/// see [`plan_jacobian`] and [`plan_hessian`].
pub struct JacobianPlan {
    plan: Accumulation,
    /// The values that the function captures.
    captured: Vec<Tensor>,
    /// Observers of values in the programs.
    _observers: Vec<Arc<Observer>>,
    at: Type,
}

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
/// plans by the rates of [`machine_profile`].
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
    let loc = Loc::caller();
    let name = "plan_jacobian";
    trace::boundary(|| {
        let closed = closed_at(name, &f, x)?;
        super::jacobian::check_outputs(name, &closed.graph.output_types())?;
        let plan = gradus_plan::jacobian(&closed.graph, 1, options, Some(&peak));
        Ok(JacobianPlan {
            plan: plan.map_err(|e| said_by(name, e))?,
            captured: closed.captured,
            _observers: closed.observers,
            at: x.ty().clone(),
        })
    })
    .map_err(|e| e.at(trace::users_place(loc)))
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
    let loc = Loc::caller();
    let name = "plan_hessian";
    trace::boundary(|| {
        let closed = closed_at(name, &f, x)?;
        super::grad::check_value(name, &closed.graph.output_types()[0])?;
        let plan = gradus_plan::hessian(&closed.graph, 1, options, Some(&peak));
        Ok(JacobianPlan {
            plan: plan.map_err(|e| said_by(name, e))?,
            captured: closed.captured,
            _observers: closed.observers,
            at: x.ty().clone(),
        })
    })
    .map_err(|e| e.at(trace::users_place(loc)))
}

/// The program of `f` at points of the type of `x`, a float tensor.
pub(super) fn closed_at(
    name: &'static str,
    f: &impl Fn(&Tensor) -> Tensor,
    x: &Tensor,
) -> Result<Closed> {
    super::grad::check_inputs(name, x, std::slice::from_ref(x))?;
    let types = std::slice::from_ref(x.ty());
    trace::close(
        Kind::Function,
        types,
        Knowledge::Types(name),
        &[],
        &mut |args| vec![f(&args[0])],
    )
}

/// An error of the planner, as an error of the function that the user called.
pub(super) fn said_by(name: &str, error: Error) -> Error {
    let said = Error::new(error.kind(), format!("{name}: {}", error.message()));
    match error.loc() {
        Some(loc) => said.at(loc),
        None => said,
    }
}

/// The bytes that a program holds at once, without its arguments.
pub(super) fn peak(program: &Graph) -> u64 {
    Context::current().forecast(program).peak_bytes
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
        self.plan.plan()
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
        let mut results = trace::apply(&candidate.program, self.arguments(x)?)?;
        Ok(results.remove(0))
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
        let (program, diagonal) = self.plan.compressed();
        let mut results = trace::apply(&program, self.arguments(x)?)?;
        Ok(JacobianBlocks {
            tensor: results.remove(0),
            diagonal,
        })
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
        let program = self.plan.in_order(order)?;
        let mut results = trace::apply(&program, self.arguments(x)?)?;
        Ok(results.remove(0))
    }

    /// Runs every admissible candidate at `x` several times, and shows counts and times beside the estimates.
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
        measured(self.plan(), &self.arguments(x)?)
    }

    fn arguments(&self, x: &Tensor) -> Result<Vec<Tensor>> {
        if *x.ty() != self.at {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("the plan was made for {}, got {}", self.at, x.ty()),
            ));
        }
        let mut all = vec![x.clone()];
        all.extend(self.captured.iter().cloned());
        Ok(all)
    }
}

/// The seconds of a run that hardly depends on the previous content of the caches.
const SHORT: f64 = 5e-3;
/// The number of runs after which the time of a short run no longer changes.
const WARM: usize = 4;

/// Runs every admissible candidate of `plan` on these arguments, several times.
pub(super) fn measured<'a>(plan: &'a Plan, arguments: &[Tensor]) -> Result<Analysis<'a>> {
    trace::refuse_traced("analyze", arguments)?;
    let arrays: Vec<_> = arguments.iter().map(Tensor::array).collect::<Result<_>>()?;
    let inputs = || arrays.iter().map(Input::Borrowed).collect();
    let mut running = Vec::new();
    for (k, c) in plan.candidates().iter().enumerate() {
        if c.ruled_out.is_none() {
            let executable = Context::current().program(&c.program, &CompileOptions::default())?;
            let (_, counts) = executable.run_counted(inputs())?;
            running.push((k, executable, counts, Vec::new()));
        }
    }
    let begin = Instant::now();
    let mut rounds = 0;
    // The candidates run in turn, so that a change of the machine's speed affects all of them: at least 5 rounds,
    // then as many as fit in a third of a second.
    // Of a few short runs the last one counts, as in a program that calls the function repeatedly:
    // the first runs find in the caches the data of the previous candidate.
    while rounds < 5 || (begin.elapsed().as_secs_f64() < 0.3 && rounds < 1000) {
        for (_, executable, _, times) in &mut running {
            let run = || -> Result<f64> {
                let start = Instant::now();
                executable.run(inputs())?;
                Ok(start.elapsed().as_secs_f64())
            };
            let mut time = run()?;
            if time < SHORT {
                for _ in 1..WARM {
                    time = run()?;
                }
            }
            times.push(time);
        }
        rounds += 1;
    }
    let mut measured = vec![None; plan.candidates().len()];
    for (k, _, counts, mut times) in running {
        times.sort_by(f64::total_cmp);
        measured[k] = Some(Measured {
            operations: counts.operations,
            peak_bytes: counts.peak_bytes,
            seconds: times[times.len() / 2],
        });
    }
    Ok(Analysis { plan, measured })
}
