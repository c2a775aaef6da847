//! From a graph to a program that runs: passes, fusion, steps, their order, and the memory of their arrays.

use crate::cache::find_or_compile;
use crate::executable::Executable;
use crate::forecast::Forecast;
use crate::fuse::fuse;
use crate::lower::{Lowered, lower};
use crate::options::CompileOptions;
use crate::passes;
use crate::schedule::schedule;
use crate::step::PlannedStep;
use crate::storage::{Assignment, assign};
use gradus_ir::primitives::Body;
use gradus_ir::{Error, ErrorKind, Graph, Result, Type, ValueId, verify};
use std::sync::Arc;

/// Compiles a graph.
///
/// # Errors
/// If it returns what is no array, or its arrays together are more than any machine has.
pub fn compile(graph: &Graph, options: &CompileOptions) -> Result<Executable> {
    verify::ends(graph)?;
    if let Some(largest) = beyond_machines(graph) {
        let node = graph.maker(largest);
        let (ty, name) = (graph.ty(largest), node.op.name());
        let message = format!(
            "no memory can hold all arrays of this program at once; the largest is {ty} of `{name}`"
        );
        return Err(Error::new(ErrorKind::Memory, message).at(node.loc));
    }
    let executable = plan(graph, options).executable();
    if passes::logged() {
        eprintln!("steps:\n{}", executable.report());
    }
    Ok(executable)
}

/// The compiled program of `graph`, compiled now if no equal one was before or it was forgotten: the 4,096 programs
/// used last are kept.
///
/// # Errors
/// As [`compile`].
pub fn cached(graph: &Graph, options: &CompileOptions) -> Result<Arc<Executable>> {
    let kept = || graph.clone().into();
    let compile = || compile(graph, options);
    find_or_compile(graph.fingerprint(), graph, options, kept, compile)
}

/// As [`cached`], for a program that an operation holds: the cache shares it instead of copying it.
fn cached_body(body: &Body, options: &CompileOptions) -> Result<Arc<Executable>> {
    let kept = || body.clone();
    let compile = || compile(body, options);
    find_or_compile(body.fingerprint(), body, options, kept, compile)
}

/// The memory, operations and bytes of a run of `graph` if the caller keeps all inputs.
/// Passes, fusion, order and memory are those of [`compile`].
/// It does not prepare steps, so it makes no kernels except for programs inside regions.
///
/// If the arrays together are more than any machine has, the memory is the largest number and there are no steps.
pub fn forecast(graph: &Graph) -> Forecast {
    match beyond_machines(graph) {
        Some(_) => Forecast::beyond_machines(),
        None => plan(graph, &CompileOptions::default()).forecast(),
    }
}

/// A program whose steps are not prepared.
struct PlannedProgram {
    inputs: Vec<Type>,
    outputs: Vec<Type>,
    steps: Vec<PlannedStep>,
    assignment: Assignment,
}

/// Everything that compiling decides.
fn plan(graph: &Graph, options: &CompileOptions) -> PlannedProgram {
    let graph = passes::run(graph);
    let fused = fuse(&graph);
    let Lowered { steps, buffers } = lower(&graph, &fused, &cached_body);
    let mut steps = schedule(steps, &buffers);
    let assignment = assign(&mut steps, &buffers, options);
    PlannedProgram {
        inputs: graph.input_types(),
        outputs: graph.output_types(),
        steps,
        assignment,
    }
}

impl PlannedProgram {
    fn executable(self) -> Executable {
        let PlannedProgram {
            inputs,
            outputs,
            mut steps,
            assignment,
        } = self;
        let arrays = inputs.iter().chain(&outputs).map(Type::bytes);
        let touched = arrays.fold(assignment.arena, usize::saturating_add);
        for planned in &mut steps {
            planned.step.prepare(touched);
        }
        Executable::new(inputs, outputs, assignment, steps)
    }

    fn forecast(&self) -> Forecast {
        Forecast::new(&self.outputs, &self.assignment, &self.steps)
    }
}

/// No machine has as many bytes, and sums of the sizes of larger arrays could wrap.
const MOST_BYTES: usize = 1 << 60;

/// The largest array of a program whose arrays together are more than any machine has.
fn beyond_machines(graph: &Graph) -> Option<ValueId> {
    let bytes = graph.ids().map(|id| graph.ty(id).bytes());
    if bytes.fold(0, usize::saturating_add) < MOST_BYTES {
        return None;
    }
    let live = graph.live();
    let all = || graph.ids().filter(|id| live[id.index()]);
    let bytes = all().map(|id| graph.ty(id).bytes());
    match bytes.fold(0, usize::saturating_add) {
        0..MOST_BYTES => None,
        _ => all().max_by_key(|&id| graph.ty(id).bytes()),
    }
}
