//! A plan with the function that it was made for.

use super::grad::check_inputs;
use crate::context::Context;
use crate::function::error_in;
use crate::tensor::Tensor;
use crate::trace::{self, Arguments, Kind};
use gradus_engine::{CompileOptions, Input, Observer};
use gradus_ir::{Error, ErrorKind, Graph, Loc, Result, Type};
use gradus_plan::{Analysis, Measured, Plan};
use std::slice::from_ref;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A plan for a function of one tensor at points of one type, with the tensors that the function captures.
pub(super) struct PlanAt<P> {
    pub plan: P,
    captured: Vec<Tensor>,
    /// Observers of values in the programs.
    _observers: Vec<Arc<Observer>>,
    at: Type,
}

impl<P> PlanAt<P> {
    /// The plan that `plan` makes at points of the type of `x` for the program of `f`.
    /// The caller used the function `name` at `loc`.
    /// `check` refuses types of results that have no such derivative.
    pub fn new(
        name: &'static str,
        f: &impl Fn(&Tensor) -> Tensor,
        x: &Tensor,
        check: fn(&str, &[Type]) -> Result<()>,
        plan: impl FnOnce(&Graph) -> Result<P>,
        loc: Loc,
    ) -> Result<PlanAt<P>> {
        let planned = trace::boundary(|| {
            check_inputs(name, x, from_ref(x))?;
            let (kind, arguments) = (Kind::Function, Arguments::Abstract(name));
            let closed = trace::close(kind, from_ref(x.ty()), arguments, &[], &mut |args| {
                vec![f(&args[0])]
            })?;
            check(name, &closed.graph.output_types())?;
            Ok(PlanAt {
                plan: plan(&closed.graph).map_err(|e| error_in(name, e))?,
                captured: closed.captured,
                _observers: closed.observers,
                at: x.ty().clone(),
            })
        });
        planned.map_err(|e| e.at(trace::users_place(loc)))
    }

    /// Runs a program of the plan at `x`, and gives its result. A plan of a product with a vector needs `vector`.
    pub fn evaluate(&self, program: &Graph, x: &Tensor, vector: Option<&Tensor>) -> Result<Tensor> {
        let mut results = trace::apply(program, self.arguments(x, vector)?)?;
        Ok(results.remove(0))
    }

    /// Runs every admissible candidate of `plan`.
    pub fn analyze<'a>(
        &self,
        plan: &'a Plan,
        x: &Tensor,
        vector: Option<&Tensor>,
        effort: Effort,
    ) -> Result<Analysis<'a>> {
        measured(plan, &self.arguments(x, vector)?, effort)
    }

    fn arguments(&self, x: &Tensor, vector: Option<&Tensor>) -> Result<Vec<Tensor>> {
        for (given, got) in [("points", Some(x)), ("vectors", vector)] {
            if let Some(got) = got
                && *got.ty() != self.at
            {
                return Err(Error::new(
                    ErrorKind::Argument,
                    format!(
                        "the plan was made for {given} of type {}, got {}",
                        self.at,
                        got.ty()
                    ),
                ));
            }
        }
        let entering = [x].into_iter().chain(&self.captured).chain(vector);
        Ok(entering.cloned().collect())
    }
}

/// The bytes that a program holds at once, without its arguments.
pub(super) fn peak(program: &Graph) -> u64 {
    Context::current().forecast(program).peak_bytes
}

/// The time of a run, in seconds, above which the earlier content of the caches hardly matters.
const SHORT: f64 = 5e-3;
/// The number of runs after which the time of a short run no longer changes.
const WARM: usize = 4;
/// No more runs of a candidate count.
const MOST_RUNS: usize = 1000;

/// How long candidates are measured: for `time`, and at least `least_runs` runs.
pub(super) struct Effort {
    pub time: Duration,
    pub least_runs: usize,
}

impl Effort {
    /// Enough for medians that a second measurement confirms.
    pub const ENOUGH: Effort = Effort {
        time: Duration::from_millis(300),
        least_runs: 5,
    };

    /// For this time, and at least once.
    pub fn of(time: Duration) -> Effort {
        let least_runs = 1;
        Effort { time, least_runs }
    }
}

/// Runs every admissible candidate of `plan` on these arguments.
fn measured<'a>(plan: &'a Plan, arguments: &[Tensor], effort: Effort) -> Result<Analysis<'a>> {
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
    // The candidates run in turn, so that a change of the machine's speed affects all of them.
    // Of a few short runs only the last one counts, as in a program that calls the function repeatedly.
    // The first runs find the data of the previous candidate in the caches.
    while rounds < effort.least_runs || (begin.elapsed() < effort.time && rounds < MOST_RUNS) {
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
