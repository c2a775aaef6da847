//! Compiles a graph to a program: passes, fusion, steps, their order, and the memory of their arrays.

use crate::executable::Executable;
use crate::forecast::Forecast;
use crate::fuse::fuse;
use crate::lower::{Lowered, lower};
use crate::options::Reuse;
use crate::passes;
use crate::schedule::schedule;
use crate::step::PlannedStep;
use crate::storage::{Assignment, assign};
use crate::tile::join_rows;
use gradus_engine::{Cache, CompileOptions, Counts, Engine, KeepsMemory, Key, Program, same_blame};
use gradus_ir::primitives::Body;
use gradus_ir::{Error, ErrorKind, Graph, Result, Type, ValueId, verify};
use std::sync::Arc;

/// The engine of this crate: vector kernels on the processor's cores.
#[derive(Clone, Copy, Default, Debug)]
pub struct Cpu;

impl Engine for Cpu {
    fn compile(
        &self,
        graph: &Graph,
        options: &CompileOptions,
        cache: &Cache,
    ) -> Result<Arc<dyn Program>> {
        Ok(kept(executable(graph, &options.into(), cache)?, cache))
    }

    fn forecast(&self, graph: &Graph, cache: &Cache) -> Counts {
        forecast_with(graph, cache).counts()
    }
}

/// Compiles a graph, without a cache.
///
/// # Errors
/// If it returns a value that is not an array, or its arrays together exceed the memory of any machine.
pub fn compile(graph: &Graph, options: &CompileOptions) -> Result<Executable> {
    executable(graph, &options.into(), &Cache::new(MOST_BODIES))
}

/// Forecasts the memory, operations and bytes of a run of `graph` in which the caller keeps all inputs.
/// Passes, fusion, order and memory are those of [`compile`].
/// It does not prepare steps, so it makes no kernels except for programs inside regions.
///
/// If the arrays together exceed the memory of any machine, the memory is `u64::MAX` and there are no steps.
pub fn forecast(graph: &Graph) -> Forecast {
    forecast_with(graph, &Cache::new(MOST_BODIES))
}

/// The most bodies of one program that are cached if there is no cache of a context.
const MOST_BODIES: usize = 4096;

fn executable(graph: &Graph, reuse: &Reuse, cache: &Cache) -> Result<Executable> {
    verify::ends(graph)?;
    if let Some(largest) = beyond_machines(graph) {
        let node = graph.maker(largest);
        let (ty, name) = (graph.ty(largest), node.op.name());
        let message = format!(
            "no memory can hold all arrays of this program at once; the largest is {ty} of `{name}`"
        );
        return Err(Error::new(ErrorKind::Memory, message).at(node.loc));
    }
    let executable = plan(graph, reuse, cache).executable();
    if passes::logged() {
        eprintln!("steps:\n{}", executable.report());
    }
    Ok(executable)
}

/// Registers the program with `cache`, which asks for its memory when memory is short.
fn kept(executable: Executable, cache: &Cache) -> Arc<Executable> {
    let executable = Arc::new(executable);
    let keeper: Arc<dyn KeepsMemory> = executable.clone();
    cache.register(Arc::downgrade(&keeper));
    executable
}

/// The key under which compiled bodies of regions are cached.
impl Key for Reuse {
    type Value = Arc<Executable>;

    fn shares(kept: &Graph, asked: &Graph) -> bool {
        same_blame(kept, asked)
    }
}

fn forecast_with(graph: &Graph, cache: &Cache) -> Forecast {
    match beyond_machines(graph) {
        Some(_) => Forecast::beyond_machines(),
        None => plan(graph, &Reuse::default(), cache).forecast(),
    }
}

/// A program whose steps are not prepared yet.
struct PlannedProgram {
    inputs: Vec<Type>,
    outputs: Vec<Type>,
    steps: Vec<PlannedStep>,
    assignment: Assignment,
}

/// Makes all decisions of compiling.
fn plan(graph: &Graph, reuse: &Reuse, cache: &Cache) -> PlannedProgram {
    let compile_body = |body: &Body, reuse: &Reuse| {
        cache.find_or_make(body, reuse, || {
            executable(body, reuse, cache).map(|e| kept(e, cache))
        })
    };
    let graph = passes::run(graph);
    let fused = fuse(&graph);
    let Lowered { steps, buffers } = lower(&graph, &fused, &compile_body);
    let mut steps = join_rows(schedule(steps, &buffers), &buffers);
    let assignment = assign(&mut steps, &buffers, reuse);
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

/// The sizes of larger arrays could wrap when added up. No machine has this many bytes.
const MOST_BYTES: usize = 1 << 60;

/// The largest array of a program whose arrays together exceed the memory of any machine.
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
