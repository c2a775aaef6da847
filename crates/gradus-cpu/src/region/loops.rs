//! Runs loops: carried values alternate between two buffers; items of sequences are read and written in place.

use super::{Code, CompileBody, Pointers, room};
use crate::count::StepForecast;
use crate::executable::{Executable, Frame};
use crate::instrumentation::Instrumentation;
use crate::list::List;
#[cfg(feature = "native")]
use crate::native::{Changeover, Elements, Emitter};
use crate::options::Reuse;
use gradus_ir::primitives::region::Entering;
use gradus_ir::primitives::{Loop, Trips};
use gradus_ir::{DType, Result, Type};
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

/// A loop that runs.
pub(super) struct LoopCode {
    pub(super) step: Arc<Executable>,
    pub(super) condition: Option<Arc<Executable>>,
    pub(super) trips: Trips,
    pub(super) reverse: bool,
    /// The positions of its operands, and of the inputs of a step.
    pub(super) operands: Entering,
    pub(super) inputs: Entering,
    pub(super) carries: Vec<Type>,
    /// Bytes of an item of each sequence that is read, and of each sequence that is kept.
    pub(super) read: Vec<usize>,
    pub(super) kept: Vec<usize>,
    /// The destination of each carried value.
    destinations: Vec<Destination>,
    #[cfg(feature = "native")]
    pub(super) native: Changeover,
}

/// The destination of a carried value in a step.
#[derive(Clone, Copy)]
enum Destination {
    /// The memory of the carried input with this number.
    Over(usize),
    /// Spare memory.
    /// In the next step the memory of the carried input with this number,
    /// which nothing overwrites, is the spare one.
    Spare(usize),
}

impl LoopCode {
    pub fn new(r: &Loop, compile: CompileBody<'_>) -> Result<LoopCode> {
        let step = compile(&r.body, &step_reuse(r))?;
        let condition = match &r.trips {
            Trips::While(condition) => Some(compile(condition, &Reuse::default())?),
            _ => None,
        };
        let inputs = r.body.input_types();
        let outputs = r.body.output_types();
        let (entering, leaving) = (r.inputs(), r.outputs());
        let carries = outputs[leaving.carries.clone()].to_vec();
        let first = entering.carries.start;
        let reused = (leaving.carries).map(|k| step.reused_input(k).map(|input| input - first));
        Ok(LoopCode {
            destinations: destinations(&carries, &reused.collect::<Vec<_>>()),
            read: inputs[entering.sequences.clone()]
                .iter()
                .map(Type::bytes)
                .collect(),
            kept: outputs[leaving.kept].iter().map(Type::bytes).collect(),
            carries,
            condition,
            trips: r.trips.clone(),
            reverse: r.reverse,
            operands: r.operands(),
            inputs: r.inputs(),
            #[cfg(feature = "native")]
            native: Changeover::default(),
            step,
        })
    }

    /// Whether sequences are lists, because the number of steps is not known when the program is compiled.
    pub(super) fn has_lists(&self) -> bool {
        !matches!(self.trips, Trips::Fixed(_))
    }

    /// The number of steps, if it is fixed before the first.
    ///
    /// # Safety
    /// See [`Code::run`].
    pub(super) unsafe fn total(&self, inputs: &[*mut u8]) -> Option<usize> {
        match self.trips {
            Trips::Fixed(n) => Some(n),
            // SAFETY: by the type rule of `for`, the first operand is an i64 number.
            Trips::Counted => Some(unsafe { inputs[0].cast::<i64>().read() }.max(0) as usize),
            Trips::While(_) => None,
        }
    }

    /// Copies the carried values into scratch memory.
    /// Returns their addresses, spare memory for each, and the rest of the scratch memory.
    ///
    /// # Safety
    /// See [`Code::run`].
    unsafe fn copy_carried(
        &self,
        carried: &[*mut u8],
        scratch: *mut u8,
    ) -> (Pointers, Pointers, *mut u8) {
        let (mut current, mut spare) = (Pointers::new(), Pointers::new());
        let mut at = scratch;
        for (ty, &from) in self.carries.iter().zip(carried) {
            // SAFETY: scratch memory has two buffers for each carried value, see `arena_bytes`.
            unsafe {
                std::ptr::copy_nonoverlapping(from, at, ty.bytes());
                current.push(at);
                spare.push(at.add(room(ty)));
                at = at.add(2 * room(ty));
            }
        }
        (current, spare, at)
    }
}

/// A step can write carried results over carried inputs.
fn step_reuse(r: &Loop) -> Reuse {
    let carries = r.inputs().carries;
    let mut donated = vec![false; carries.start];
    donated.resize(carries.end, true);
    Reuse {
        donated,
        outputs: Some(r.carries),
    }
}

/// The destination of each carried value, given the carried input whose memory it reuses.
/// Memory that no value reuses is spare for a value of its size.
fn destinations(carries: &[Type], reused: &[Option<usize>]) -> Vec<Destination> {
    let mut left: Vec<usize> = (0..carries.len())
        .filter(|k| !reused.contains(&Some(*k)))
        .collect();
    let destinations = reused.iter().zip(carries).map(|(reused, ty)| match reused {
        Some(over) => Destination::Over(*over),
        None => match left.iter().position(|&p| carries[p].bytes() == ty.bytes()) {
            Some(at) => Destination::Spare(left.remove(at)),
            None => unreachable!("as many places of a size are left as values need one"),
        },
    });
    destinations.collect()
}

impl Code for LoopCode {
    const NAME: &'static str = "loop";

    fn bodies(&self) -> SmallVec<[&Executable; 2]> {
        let condition = self.condition.as_deref();
        condition.into_iter().chain([&*self.step]).collect()
    }

    /// Two buffers for each carried value, and the memory of the programs inside.
    fn arena_bytes(&self) -> usize {
        let inside = self.bodies().into_iter().map(Executable::arena_bytes);
        let places = self.carries.iter().chain(&self.carries).map(room);
        places.fold(inside.max().unwrap_or(0), usize::saturating_add)
    }

    /// The forecast of all steps; a loop of unknown length counts as one step.
    fn forecast(&self, inside: &[StepForecast]) -> StepForecast {
        let times = match self.trips {
            Trips::Fixed(n) => n as u64,
            _ => 1,
        };
        let mut all = self.own_work();
        for step in inside {
            for (work, operations) in step.operations.iter() {
                all.operations.add(work, operations.saturating_mul(times));
            }
            all.bytes = all.bytes.saturating_add(step.bytes.saturating_mul(times));
        }
        all
    }

    /// Carried values are read and written once before the first step and once after the last.
    fn own_work(&self) -> StepForecast {
        let carried = self.carries.iter().map(Type::bytes);
        let carried = carried.fold(0, usize::saturating_add);
        StepForecast::moving(DType::F64, carried.saturating_mul(4))
    }

    #[cfg(feature = "native")]
    fn emit(&self, emitter: &mut Emitter<'_>, operands: &[Elements]) -> Option<Vec<Elements>> {
        self.emit_loop(emitter, operands, None)
    }

    unsafe fn run(
        &self,
        inputs: &[*mut u8],
        outputs: &[*mut u8],
        scratch: *mut u8,
        instrumentation: &mut Instrumentation,
    ) -> Result<()> {
        #[cfg(feature = "native")]
        // SAFETY: by the caller.
        if unsafe { self.run_native(inputs, outputs, instrumentation) } {
            return Ok(());
        }
        let first = self.operands.consts.start;
        let carries = self.carries.len();
        let mut number = 0i64;
        let mut args: Pointers = smallvec![(&raw mut number).cast()];
        args.extend(inputs[first..].iter().copied());
        let mut results: Pointers = smallvec![std::ptr::null_mut(); carries + self.kept.len()];
        // SAFETY: by the caller; see `Run`.
        unsafe {
            let (mut current, mut spare, arena) =
                self.copy_carried(&args[self.inputs.carries.clone()], scratch);
            let mut run = Run {
                code: self,
                read: &inputs[self.operands.sequences.start..],
                kept: &outputs[carries..],
                total: self.total(inputs),
                current: &mut current,
                spare: &mut spare,
                args: &mut args,
                results: &mut results,
            };
            run.prepare_lists()?;
            let mut step = self.step.take_frame();
            (self.step).bind(&mut step, |k| run.args[k], |k| run.results[k], arena);
            let mut condition = self.condition.as_deref().map(|program| {
                let mut frame = program.take_frame();
                let none = |_| std::ptr::null_mut();
                program.bind(&mut frame, |k| run.args[k], none, arena);
                (program, frame)
            });
            let outcome = run.steps(&mut step, &mut condition, instrumentation);
            self.step.give_frame(step);
            if let Some((program, frame)) = condition {
                program.give_frame(frame);
            }
            let steps = outcome?;
            #[cfg(feature = "native")]
            self.count_steps(steps);
            for ((ty, &from), &to) in self.carries.iter().zip(&current).zip(outputs) {
                std::ptr::copy_nonoverlapping(from, to, ty.bytes());
            }
            if self.condition.is_some() {
                let count = outputs[carries + self.kept.len()];
                count.cast::<i64>().write(steps as i64);
            }
        }
        Ok(())
    }
}

/// One run of a loop.
///
/// Its functions are unsafe for the reasons at [`Code::run`].
/// Offsets and items lie within the arrays that the caller vouches for: scratch memory has two buffers for each
/// carried value, followed by the memory of the programs inside (`arena_bytes`).
/// Sequences have an item for each step by the type rule of `scan`.
/// Lists are made long enough before they are written (`List::resize`), and checked to be long enough before they
/// are read (`List::check`).
struct Run<'a> {
    code: &'a LoopCode,
    /// The sequences that are read, and the sequences that are kept.
    read: &'a [*mut u8],
    kept: &'a [*mut u8],
    /// The number of steps, if it is fixed before the first.
    total: Option<usize>,
    /// The addresses of carried values, and spare memory for each.
    current: &'a mut [*mut u8],
    spare: &'a mut [*mut u8],
    /// Inputs and outputs of the step. The first input is the number of the step.
    args: &'a mut [*mut u8],
    results: &'a mut [*mut u8],
}

impl Run<'_> {
    /// Resizes lists that are written to their final length if it is fixed, and checks once for all steps that no
    /// step reads past the end of a list.
    unsafe fn prepare_lists(&mut self) -> Result<()> {
        if !self.code.has_lists() {
            return Ok(());
        }
        let steps = self.total.unwrap_or(0);
        for (&to, &item) in self.kept.iter().zip(&self.code.kept) {
            // SAFETY: see `Run`.
            unsafe { &mut *to.cast::<List>() }.resize(steps, item)?;
        }
        for (&from, &item) in self.read.iter().zip(&self.code.read) {
            // SAFETY: see `Run`.
            unsafe { &*from.cast::<List>() }.check(steps, item)?;
        }
        Ok(())
    }

    /// Runs all steps and returns their number.
    unsafe fn steps(
        &mut self,
        step: &mut Frame,
        condition: &mut Option<(&Executable, Frame)>,
        instrumentation: &mut Instrumentation,
    ) -> Result<usize> {
        let mut done = 0;
        loop {
            let item = match (self.total, self.code.reverse) {
                (Some(n), _) if done == n => return Ok(done),
                (Some(n), true) => n - 1 - done,
                _ => done,
            };
            self.args[self.code.inputs.carries.clone()].copy_from_slice(self.current);
            // SAFETY: see `Run`.
            unsafe {
                self.args[0].cast::<i64>().write(item as i64);
                if let Some((program, frame)) = condition {
                    let mut goes_on = 0u8;
                    let args = &self.args[..self.code.inputs.carries.end];
                    program.run_again(frame, args, &[&raw mut goes_on], instrumentation)?;
                    if goes_on == 0 {
                        return Ok(done);
                    }
                }
                self.point_to_items(item)?;
                (self.code.step).run_again(step, self.args, self.results, instrumentation)?;
            }
            for (k, destination) in self.code.destinations.iter().enumerate() {
                if let Destination::Spare(next) = *destination {
                    self.spare[k] = self.current[next];
                }
            }
            let carries = self.current.len();
            self.current.copy_from_slice(&self.results[..carries]);
            done += 1;
        }
    }

    /// Points the step's inputs and outputs to the items with this number,
    /// and its carried results to their destinations.
    unsafe fn point_to_items(&mut self, item: usize) -> Result<()> {
        let code = self.code;
        let lists = code.has_lists();
        let items = &mut self.args[code.inputs.carries.end..];
        for ((arg, &from), &size) in items.iter_mut().zip(self.read).zip(&code.read) {
            // SAFETY: see `Run`.
            *arg = match lists {
                true => unsafe { (*from.cast::<List>()).at(item * size) },
                false => unsafe { from.add(item * size) },
            };
        }
        let (carried, items) = self.results.split_at_mut(self.current.len());
        for (k, destination) in code.destinations.iter().enumerate() {
            carried[k] = match *destination {
                Destination::Over(other) => self.current[other],
                Destination::Spare(_) => self.spare[k],
            };
        }
        for ((result, &to), &size) in items.iter_mut().zip(self.kept).zip(&code.kept) {
            if !lists {
                // SAFETY: see `Run`.
                *result = unsafe { to.add(item * size) };
                continue;
            }
            // SAFETY: see `Run`.
            let list = unsafe { &mut *to.cast::<List>() };
            if self.total.is_none() {
                list.resize(item + 1, size)?;
            }
            *result = list.at(item * size);
        }
        Ok(())
    }
}
