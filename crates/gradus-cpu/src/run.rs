//! A compiled program, and running it.

use crate::alone::Alone;
use crate::array::{self, Array, Buffer, NOTHING, too_large};
use crate::count::{Counts, StepForecast};
use crate::forecast::Forecast;
use crate::limit::{self, Bytes, Shortage};
use crate::origin::{Member, Origin};
use crate::place::{Claims, Placed};
use crate::probe::Observer;
use crate::region::{self, List};
use crate::slots::Slots;
use crate::tile::{Kernel, Resident};
use gradus_ir::{ByWork, Error, ErrorKind, Loc, Result, Type};
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Where an array of the run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Home {
    Input(usize),
    Output(usize),
    /// At this byte of the arena.
    Arena(usize),
    /// The list of this number.
    List(usize),
}

pub(crate) struct Step {
    pub kind: StepKind,
    pub origin: Origin,
}

impl Step {
    /// Bytes that a run takes beside its arrays.
    fn scratch(&self) -> usize {
        match &self.kind {
            StepKind::Fused(_) => 0,
            StepKind::Alone(kernel, ..) => kernel.scratch(),
            StepKind::Region(region) => region.code.step_scratch(),
        }
    }

    /// What a run of the step does; `same` says whether two slots are the same memory.
    fn forecast(&self, same: impl Fn(usize, usize) -> bool) -> StepForecast {
        match &self.kind {
            StepKind::Fused(kernel) => kernel.forecast(),
            StepKind::Alone(kernel, operands, out) => kernel.forecast(|k| same(operands[k], *out)),
            StepKind::Region(region) => region.code.forecast(),
        }
    }
}

/// What is measured while a program runs.
#[derive(Default)]
pub(crate) struct Watch {
    /// Of each step.
    times: Option<Vec<Duration>>,
    counts: Option<Counts>,
    /// Values to be shown: the place of the probe in the program, its observer, the value.
    seen: Vec<(usize, u64, Array)>,
    /// Bytes of the lists of programs inside.
    lists: u64,
}

impl Watch {
    /// Counts what a step did, if this run is counted.
    pub fn count(&mut self, step: &StepForecast) {
        if let Some(counts) = &mut self.counts {
            counts.add(step);
        }
    }
}

pub(crate) enum StepKind {
    Fused(Box<Kernel>),
    Alone(Box<Alone>, Vec<usize>, usize),
    Region(Box<RegionStep>),
}

/// A region with the slots of its arrays.
pub(crate) struct RegionStep {
    pub code: region::Code,
    /// Their slots, and the byte where each begins.
    pub operands: Vec<(usize, usize)>,
    pub outs: Vec<usize>,
    pub scratch: usize,
}

/// The largest array that a program writes, and the operation whose result it is.
#[derive(Clone, Debug)]
pub(crate) struct Largest {
    pub name: &'static str,
    pub ty: Type,
    pub loc: Loc,
}

/// An argument of a run.
#[derive(Debug)]
pub enum Input<'a> {
    /// An array that stays the caller's.
    Borrowed(&'a Array),
    /// An array given away: if nobody else holds it, a result may take its memory.
    Owned(Array),
}

impl Input<'_> {
    fn array(&self) -> &Array {
        match self {
            Input::Borrowed(a) => a,
            Input::Owned(a) => a,
        }
    }
}

/// A compiled program. Runs may happen at the same time; each has memory of its own.
pub struct Executable {
    inputs: Vec<Type>,
    outputs: Vec<Type>,
    homes: Vec<Home>,
    /// The slots of inputs and outputs, which are elsewhere at each run.
    moving: Vec<(usize, Home)>,
    claims: Claims,
    arena: usize,
    lists: usize,
    /// Bytes of the array of each slot.
    bytes: Vec<usize>,
    /// For each step the slots that debug builds fill after it: see [`Placed::ended`].
    ended: Vec<Vec<usize>>,
    steps: Vec<Step>,
    /// The largest array that a run writes, for messages.
    largest: Option<Largest>,
    /// Bytes of the results that take no input's memory.
    result_bytes: usize,
    /// Bytes that a step takes beside its arrays, at most: operands turned for a product.
    step_scratch: usize,
    /// What a run does, once somebody has asked.
    does: OnceLock<(ByWork, u64)>,
    /// Memory of earlier runs.
    frames: Mutex<Vec<Frame>>,
}

/// What a run needs beside its arrays.
pub(crate) struct Frame {
    /// Memory of its own; a program inside another one uses that of the outer one.
    arena: Option<Buffer>,
    slots: Vec<*mut u8>,
    lists: Vec<List>,
    /// For each step that is a kernel of few elements, its registers.
    residents: Vec<Option<Resident>>,
}

// SAFETY: `bind` and `run_again` set the pointers anew at each run, in the one thread that `take_frame` has given the frame, or they point to memory that the frame owns.
unsafe impl Send for Frame {}

impl Frame {
    /// Bytes that lists hold.
    fn list_bytes(&self) -> u64 {
        self.lists.iter().map(|list| list.len() as u64).sum()
    }
}

impl Executable {
    pub(crate) fn new(
        inputs: Vec<Type>,
        outputs: Vec<Type>,
        placed: Placed,
        steps: Vec<Step>,
    ) -> Executable {
        let fresh = outputs.iter().zip(&placed.claims.0);
        let fresh = fresh.filter(|(_, claim)| claim.is_none());
        let result_bytes = fresh.fold(0, |n: usize, (ty, _)| n.saturating_add(ty.bytes()));
        let homes = placed.homes.iter().copied().enumerate();
        let moving = homes.filter(|(_, h)| matches!(h, Home::Input(_) | Home::Output(_)));
        Executable {
            inputs,
            outputs,
            moving: moving.collect(),
            homes: placed.homes,
            claims: placed.claims,
            arena: placed.arena,
            lists: placed.lists,
            largest: placed.largest,
            result_bytes,
            step_scratch: steps.iter().map(Step::scratch).max().unwrap_or(0),
            bytes: placed.bytes,
            ended: placed.ended,
            steps,
            does: OnceLock::new(),
            frames: Mutex::default(),
        }
    }

    /// The values of the outputs for these inputs.
    ///
    /// # Errors
    /// If number or types of the inputs are not those of the graph, or an index is out of bounds.
    pub fn run(&self, inputs: Vec<Input<'_>>) -> Result<Vec<Array>> {
        self.run_with(inputs, &mut Watch::default())
    }

    /// As [`run`](Self::run), with the time that each step of the [`report`](Self::report) took.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_timed(&self, inputs: Vec<Input<'_>>) -> Result<(Vec<Array>, Vec<Duration>)> {
        let mut watch = Watch {
            times: Some(vec![Duration::ZERO; self.steps.len()]),
            ..Watch::default()
        };
        let results = self.run_with(inputs, &mut watch)?;
        Ok((results, watch.times.unwrap_or_default()))
    }

    /// As [`run`](Self::run), with what the run did and held. The operations are those that
    /// [`total_cost`](gradus_ir::total_cost) says of the graph after the [passes](crate::passes::run).
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_counted(&self, inputs: Vec<Input<'_>>) -> Result<(Vec<Array>, Counts)> {
        let mut watch = Watch {
            counts: Some(Counts::default()),
            ..Watch::default()
        };
        let results = self.run_with(inputs, &mut watch)?;
        Ok((results, watch.counts.unwrap_or_default()))
    }

    /// What a run will hold and do, where each result takes the memory of the input that it may take: one that is given away and that nobody else holds.
    pub fn forecast(&self) -> Forecast {
        let steps = self.steps.iter().map(|step| {
            step.forecast(|a, b| self.claims.same_memory(self.homes[a], self.homes[b]))
        });
        Forecast::new(self.arena, &self.outputs, &self.claims, steps.collect())
    }

    /// The operations and bytes of the [`forecast`](Self::forecast). Found out once, as many programs may hold this one.
    pub(crate) fn does(&self) -> (ByWork, u64) {
        *self.does.get_or_init(|| {
            let forecast = self.forecast();
            (forecast.operations(), forecast.bytes())
        })
    }

    fn run_with(&self, mut inputs: Vec<Input<'_>>, watch: &mut Watch) -> Result<Vec<Array>> {
        self.check(&inputs)?;
        let mut frame = self.take_frame();
        if limit::must_ask(self.held()) {
            let arena = if frame.arena.is_some() { 0 } else { self.arena };
            if let Err(error) = self.fits(arena) {
                self.give_frame(frame);
                return Err(error);
            }
        }
        let results = self.results(&mut inputs, watch)?;
        let arena = match &mut frame.arena {
            Some(arena) => arena.start(),
            none => none
                .insert(Buffer::new(self.arena).map_err(|s| self.refused(s))?)
                .start(),
        };
        let (input, output) = (
            |k: usize| inputs[k].array().start(),
            |k: usize| results[k].start(),
        );
        // SAFETY: `check` has compared the inputs' types, results were made for theirs or take a buffer of as many bytes (`place` claims no other), and the arena has
        // `self.arena` bytes, as `Buffer::new` has found memory for them.
        unsafe { self.bind(&mut frame, input, output, arena) };
        let outcome = self.steps(&mut frame, watch);
        if let Some(counts) = &mut watch.counts {
            counts.peak_bytes += frame.list_bytes() + watch.lists;
        }
        self.give_frame(frame);
        // In the order of the program, also what was seen before a mistake; steps run in another one.
        let mut seen = std::mem::take(&mut watch.seen);
        seen.sort_by_key(|&(place, _, _)| place);
        for (_, id, value) in &seen {
            if let Some(observer) = Observer::find(*id) {
                observer.see(value);
            }
        }
        outcome?;
        Ok(results)
    }

    /// Allocates the results of a run. A result reuses the buffer of the input that it claims, if that input was
    /// given away and is not shared. The inputs keep their buffers alive until the run ends.
    ///
    /// # Errors
    /// If memory cannot hold them.
    fn results(&self, inputs: &mut [Input<'_>], watch: &mut Watch) -> Result<Vec<Array>> {
        let mut results = Vec::with_capacity(self.outputs.len());
        for (ty, claim) in self.outputs.iter().zip(&self.claims.0) {
            let taken = claim.and_then(|k| match &mut inputs[k] {
                Input::Owned(array) => array.in_its_memory(ty),
                Input::Borrowed(_) => None,
            });
            if let Some(array) = taken {
                results.push(array);
                continue;
            }
            let buffer = Buffer::new(ty.bytes()).map_err(|s| self.refused(s))?;
            results.push(Array::new(ty.clone(), buffer));
            if let Some(counts) = &mut watch.counts {
                counts.peak_bytes += ty.bytes() as u64;
            }
        }
        if let Some(counts) = &mut watch.counts {
            counts.peak_bytes += self.arena as u64;
        }
        Ok(results)
    }

    /// Bytes that a run holds beside its inputs.
    fn held(&self) -> usize {
        let beside = self.result_bytes.saturating_add(self.step_scratch);
        self.arena.saturating_add(beside)
    }

    /// Bytes that a step takes beside its arrays, at most.
    pub(crate) fn step_scratch(&self) -> usize {
        self.step_scratch
    }

    /// Whether the arrays of a run can be had beside what is there, so that none begins that would end half way.
    ///
    /// # Errors
    /// If they cannot.
    fn fits(&self, arena: usize) -> Result<()> {
        let wanted = self.held() - self.arena + arena;
        // Free blocks become results.
        let more = wanted.saturating_sub(array::free_bytes());
        limit::allow(more).map_err(|shortage| self.refused(shortage))
    }

    /// The error of a run whose arrays cannot be had.
    fn refused(&self, shortage: Shortage) -> Error {
        let held = Bytes(self.held() as u64);
        let Some(Largest { name, ty, loc }) = &self.largest else {
            return shortage.error(format_args!(
                "the program holds {held} beside its arguments"
            ));
        };
        if self.held() == ty.bytes() {
            return too_large(name, ty, shortage).at(*loc);
        }
        let bytes = Bytes(ty.bytes() as u64);
        let wanted = format_args!(
            "{name}: {ty} takes {bytes}, and the program that it belongs to holds {held} beside its arguments"
        );
        shortage.error(wanted).at(*loc)
    }

    /// The largest array that a run writes.
    pub(crate) fn largest(&self) -> Option<&Largest> {
        self.largest.as_ref()
    }

    /// Gives back the memory that is kept from run to run, where no run uses it now.
    pub(crate) fn release_memory(&self) {
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        let released: Vec<Frame> = frames.drain(..).collect();
        drop(frames);
        drop(released);
    }

    /// Points the slots of `frame` to the arrays of a run.
    ///
    /// # Safety
    /// The arrays are of the types of the program, the arena has its bytes.
    pub(crate) unsafe fn bind(
        &self,
        frame: &mut Frame,
        input: impl Fn(usize) -> *mut u8,
        output: impl Fn(usize) -> *mut u8,
        arena: *mut u8,
    ) {
        let Frame { slots, lists, .. } = frame;
        for (slot, home) in slots.iter_mut().zip(&self.homes) {
            *slot = match *home {
                Home::Input(k) => input(k),
                Home::Output(k) => output(k),
                // SAFETY: `Arena::take` gave this offset below `Arena::size`, and the arena has as many bytes by the caller.
                Home::Arena(at) => unsafe { arena.add(at) },
                Home::List(k) => (&raw mut lists[k]).cast(),
            };
        }
    }

    /// Runs as a part of another program, on its arrays and in its memory.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    ///
    /// # Safety
    /// The pointers are to arrays of the program's types; `arena` has [`arena_bytes`](Self::arena_bytes). Nothing overlaps, but outputs may be the memory of the inputs that they
    /// [claim](Self::claim).
    pub(crate) unsafe fn run_inside(
        &self,
        inputs: &[*mut u8],
        outputs: &[*mut u8],
        arena: *mut u8,
        watch: &mut Watch,
    ) -> Result<()> {
        let mut frame = self.take_frame();
        // SAFETY: by the caller.
        let outcome = unsafe {
            self.bind(&mut frame, |k| inputs[k], |k| outputs[k], arena);
            self.run_again(&mut frame, inputs, outputs, watch)
        };
        self.give_frame(frame);
        outcome
    }

    /// As [`run_inside`](Self::run_inside), in a frame that the caller has taken for several runs and [bound](Self::bind) to the arena.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    ///
    /// # Safety
    /// As [`run_inside`](Self::run_inside).
    pub(crate) unsafe fn run_again(
        &self,
        frame: &mut Frame,
        inputs: &[*mut u8],
        outputs: &[*mut u8],
        watch: &mut Watch,
    ) -> Result<()> {
        for &(slot, home) in &self.moving {
            frame.slots[slot] = match home {
                Home::Input(k) => inputs[k],
                Home::Output(k) => outputs[k],
                Home::Arena(_) | Home::List(_) => unreachable!("these stay"),
            };
        }
        let first = watch.seen.len();
        let outcome = if self.lists == 0 {
            self.steps(frame, watch)
        } else {
            let outside = std::mem::take(&mut watch.lists);
            let outcome = self.steps(frame, watch);
            watch.lists = outside.max(watch.lists + frame.list_bytes());
            outcome
        };
        watch.seen[first..].sort_by_key(|&(place, _, _)| place);
        outcome
    }

    /// Bytes of memory that a run needs beside its arrays.
    pub(crate) fn arena_bytes(&self) -> usize {
        self.arena
    }

    /// The input whose memory output `k` takes, if it is given away.
    pub(crate) fn claim(&self, k: usize) -> Option<usize> {
        self.claims.0[k]
    }

    fn steps(&self, frame: &mut Frame, watch: &mut Watch) -> Result<()> {
        let slots = Slots::new(&frame.slots, &self.bytes);
        for (k, step) in self.steps.iter().enumerate() {
            let begin = watch.times.is_some().then(Instant::now);
            // SAFETY: the slots point to arrays of the types that the kernels were made for, as `bind` has set them: `check` compared the inputs, outputs have their sizes, and
            // `place` gives no two arrays that are live at once the same bytes of the arena, unless `Draft::may_overwrite` says that one may be written over the other.
            unsafe {
                match &step.kind {
                    StepKind::Fused(kernel) => kernel.run(slots, frame.residents[k].as_mut()),
                    StepKind::Alone(kernel, operands, out) => kernel
                        .run(slots, operands, *out)
                        .map_err(|e| e.at(step.origin.loc))?,
                    StepKind::Region(region) => {
                        let scratch = slots.start(region.scratch);
                        let (operands, outs) = (&region.operands, &region.outs);
                        let first = watch.seen.len();
                        // Times are those of whole steps of the outermost program.
                        let mut times = watch.times.take();
                        let run = region.code.run(slots, operands, outs, scratch, watch);
                        // What was seen inside belongs to this place of the program.
                        for (place, _, _) in &mut watch.seen[first..] {
                            *place = step.origin.last;
                        }
                        if let (Some(times), Some(begin)) = (&mut times, begin) {
                            times[k] += begin.elapsed();
                        }
                        watch.times = times;
                        run.map_err(|e| e.at(step.origin.loc))?;
                        self.retire(k, slots);
                        // What the programs inside did they have counted themselves.
                        continue;
                    }
                }
            }
            if let StepKind::Alone(kernel, operands, out) = &step.kind
                && let Alone::Probe(probe) = &**kernel
            {
                let shown = operands.get(1).map(|&k| slots.memory(k));
                // SAFETY: the step has just written its result there, an array of the probe's type by the type rule of `probe`; its operands are as they were.
                let value = unsafe { probe.seen(slots.memory(*out), shown) };
                let seen = value.map(|value| (step.origin.last, probe.id, value));
                watch.seen.extend(seen);
            }
            if let (Some(times), Some(begin)) = (&mut watch.times, begin) {
                times[k] += begin.elapsed();
            }
            if let Some(counts) = &mut watch.counts {
                counts.add(&step.forecast(|a, b| slots.start(a) == slots.start(b)));
            }
            self.retire(k, slots);
        }
        Ok(())
    }

    /// Debug builds: fills the arrays that end with step `k`, so that nobody reads what is left of them.
    fn retire(&self, k: usize, slots: Slots<'_>) {
        if !cfg!(debug_assertions) {
            return;
        }
        for &slot in &self.ended[k] {
            // SAFETY: `place` has given the array these bytes of the arena, to no other one before the next step, and no later step reads it.
            unsafe { slots.start(slot).write_bytes(NOTHING, self.bytes[slot]) };
        }
    }

    fn check(&self, inputs: &[Input<'_>]) -> Result<()> {
        if inputs.len() != self.inputs.len() {
            return Err(Error::new(
                ErrorKind::Argument,
                format!(
                    "run: {} arguments for a program of {} inputs",
                    inputs.len(),
                    self.inputs.len()
                ),
            ));
        }
        for (k, (given, wanted)) in inputs.iter().zip(&self.inputs).enumerate() {
            let got = given.array().ty();
            if got != wanted {
                return Err(Error::new(
                    ErrorKind::Argument,
                    format!("run: argument {k} is {got}, the program was compiled for {wanted}"),
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn take_frame(&self) -> Frame {
        let kept = self
            .frames
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        kept.unwrap_or_else(|| Frame {
            arena: None,
            slots: vec![std::ptr::null_mut(); self.homes.len()],
            lists: (0..self.lists).map(|_| List::default()).collect(),
            residents: self
                .steps
                .iter()
                .map(|step| match &step.kind {
                    StepKind::Fused(kernel) => kernel.resident(),
                    _ => None,
                })
                .collect(),
        })
    }

    pub(crate) fn give_frame(&self, mut frame: Frame) {
        frame.lists.iter_mut().for_each(List::give_back);
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        frames.push(frame);
    }

    /// The operations of the graph that each step of the [`report`](Self::report) is made of.
    pub fn members(&self) -> impl Iterator<Item = &[Member]> {
        self.steps.iter().map(|s| s.origin.members())
    }

    /// What was compiled.
    pub fn report(&self) -> Report {
        let steps = self
            .steps
            .iter()
            .map(|s| match &s.kind {
                StepKind::Fused(k) => (k.to_string(), s.origin.loc),
                StepKind::Alone(k, operands, out) => {
                    (format!("{} {operands:?} -> {out}", k.name()), s.origin.loc)
                }
                StepKind::Region(r) => {
                    let RegionStep {
                        code,
                        operands,
                        outs,
                        ..
                    } = &**r;
                    let operands: Vec<usize> = operands.iter().map(|o| o.0).collect();
                    (
                        format!("{} {operands:?} -> {outs:?}", code.name()),
                        s.origin.loc,
                    )
                }
            })
            .collect();
        Report {
            steps,
            arena_bytes: self.arena,
            reused_inputs: self.claims.0.iter().flatten().count(),
        }
    }
}

/// What a compiled program consists of.
#[derive(Clone, Debug)]
pub struct Report {
    /// The steps in order, each with the user's line that it comes from.
    pub steps: Vec<(String, Loc)>,
    /// Bytes of the arena that holds what is neither input nor output.
    pub arena_bytes: usize,
    /// How many outputs can take the memory of an input.
    pub reused_inputs: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (k, (step, loc)) in self.steps.iter().enumerate() {
            writeln!(f, "  {k:3} {step}  // {loc}")?;
        }
        write!(
            f,
            "  arena {} bytes, {} outputs in the memory of inputs",
            self.arena_bytes, self.reused_inputs
        )
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;
    use crate::{CompileOptions, compile};

    /// Nothing of a run is left in its arena, so that no later one can read it.
    #[test]
    fn arrays_of_the_arena_are_filled_when_they_have_ended() {
        let text = "graph(%0: f64[20]) {
          %1: f64[20] = cumsum{axis=0, reverse=0} %0
          %2: f64[20] = exp %1
          %3: f64[20] = cumsum{axis=0, reverse=1} %2
          %4: f64[] = reduce_sum{axes=[0]} %3
          return %4
        }";
        let program = compile(&text.parse().unwrap(), &CompileOptions::default()).unwrap();
        assert!(program.arena >= 160, "{}", program.report());
        let x = Array::from_slice(&[0.0; 20], &[20]).unwrap();
        let sum = program.run(vec![Input::Borrowed(&x)]).unwrap();
        assert_eq!(sum[0].as_slice::<f64>().unwrap(), [210.0]);
        let frame = program.take_frame();
        let left = frame.arena.as_ref().unwrap().bytes();
        assert!(left.iter().all(|&byte| byte == NOTHING));
    }
}
