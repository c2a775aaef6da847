//! A compiled program, and its runs.

mod bounds;
mod frame;
mod inside;
#[cfg(feature = "native")]
mod native;
mod program;
mod report;

pub(crate) use frame::Frame;
pub use report::Report;

use crate::buffers::Buffers;
use crate::count::count;
use crate::forecast::Forecast;
use crate::instrumentation::Instrumentation;
use crate::step::PlannedStep;
use crate::storage::{Assignment, Storage};
use gradus_engine::memory::{Buffer, NOTHING, must_ask};
use gradus_engine::{Array, Counts, Input, Slice, SliceMut, check_slices};
use gradus_ir::{ByWork, Error, ErrorKind, Result, Type};
use smallvec::SmallVec;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// The addresses of the arguments or the results of a run.
type Addresses = SmallVec<[*mut u8; 8]>;

/// A compiled program. Several runs can happen at the same time; each has its own memory.
pub struct Executable {
    inputs: Vec<Type>,
    outputs: Vec<Type>,
    steps: Vec<PlannedStep>,
    assignment: Assignment,
    /// The buffers of inputs and outputs by index. Their addresses differ at each run.
    moving: Vec<(usize, Storage)>,
    /// Bytes of the results that reuse no input.
    result_bytes: usize,
    /// The most bytes of scratch memory that a step uses beside the buffers.
    step_scratch: usize,
    /// The operations and bytes of a run, computed on first use.
    work: OnceLock<(ByWork, u64)>,
    /// Frames of earlier runs.
    frames: Mutex<Vec<Frame>>,
    #[cfg(feature = "native")]
    native: crate::native::Changeover,
    /// Whether all inputs and outputs are small enough for native code.
    #[cfg(feature = "native")]
    is_of_few_numbers: bool,
}

impl Executable {
    /// A program with prepared steps.
    pub(crate) fn new(
        inputs: Vec<Type>,
        outputs: Vec<Type>,
        assignment: Assignment,
        steps: Vec<PlannedStep>,
    ) -> Executable {
        let fresh = outputs.iter().zip(assignment.reuse.inputs());
        let fresh = fresh.filter(|(_, reused)| reused.is_none());
        let storage = assignment.storage.iter().copied().enumerate();
        let moving = storage.filter(|(_, s)| matches!(s, Storage::Input(_) | Storage::Output(_)));
        let scratch = steps.iter().map(|s| s.step.scratch_bytes());
        Executable {
            result_bytes: fresh.fold(0, |n: usize, (ty, _)| n.saturating_add(ty.bytes())),
            moving: moving.collect(),
            step_scratch: scratch.max().unwrap_or(0),
            work: OnceLock::new(),
            frames: Mutex::default(),
            #[cfg(feature = "native")]
            native: crate::native::Changeover::default(),
            #[cfg(feature = "native")]
            is_of_few_numbers: crate::native::are_few(inputs.iter().chain(&outputs)),
            inputs,
            outputs,
            steps,
            assignment,
        }
    }

    /// The values of the outputs for these inputs.
    ///
    /// # Errors
    /// If the inputs differ from the graph's in number or type, or an index is out of bounds.
    pub fn run(&self, inputs: Vec<Input<'_>>) -> Result<Vec<Array>> {
        self.run_with(inputs, &mut Instrumentation::default(), None)
    }

    /// Like [`run`](Self::run), with the run's operations, bytes and memory.
    /// The operations equal [`total_cost`](gradus_ir::total_cost)
    /// of the graph after the [passes](crate::passes::run).
    ///
    /// # Errors
    /// See [`run`](Self::run).
    pub fn run_counted(&self, inputs: Vec<Input<'_>>) -> Result<(Vec<Array>, Counts)> {
        let mut instrumentation = Instrumentation::counting();
        let results = self.run_with(inputs, &mut instrumentation, None)?;
        Ok((results, instrumentation.counts.unwrap_or_default()))
    }

    /// Forecasts the memory, operations and bytes of a run in which each result reuses its input, if it can.
    /// A run does so if the input is given away and no one else holds it.
    pub fn forecast(&self) -> Forecast {
        Forecast::new(&self.outputs, &self.assignment, &self.steps)
    }

    /// The operations and bytes of the [`forecast`](Self::forecast).
    /// They are computed once, because many programs can hold this one.
    pub(crate) fn work(&self) -> (ByWork, u64) {
        *self.work.get_or_init(|| {
            let forecast = self.forecast();
            (forecast.operations(), forecast.bytes())
        })
    }

    /// Like [`run`](Self::run), from memory of the caller into memory of the caller.
    /// After the first run in a thread nothing is allocated, unless a step needs more memory than before.
    ///
    /// # Errors
    /// See [`run`](Self::run), and if memory for an output has another length or type.
    pub fn run_into(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>]) -> Result<()> {
        check_slices((inputs, &self.inputs), (outputs, &self.outputs))?;
        // Lists that are collected are not written in place, which takes as long as a small program.
        let (mut from, mut to) = (Addresses::new(), Addresses::new());
        for slice in inputs {
            from.push(slice.start().cast_mut());
        }
        for slice in &mut *outputs {
            to.push(slice.start());
        }
        #[cfg(feature = "native")]
        if let Some(code) = self.hot_code() {
            // SAFETY: the types are checked.
            unsafe { code.run(&from, &to) };
            return Ok(());
        }
        let frame = self.frame_that_fits()?;
        let instrumentation = &mut Instrumentation::default();
        // SAFETY: the types are checked. Outputs are borrowed exclusively, so they overlap with nothing.
        unsafe { self.run_in(frame, |k| from[k], |k| to[k], instrumentation, None) }
    }

    fn run_with(
        &self,
        mut inputs: Vec<Input<'_>>,
        instrumentation: &mut Instrumentation,
        times: Option<&mut [Duration]>,
    ) -> Result<Vec<Array>> {
        self.check(&inputs)?;
        #[cfg(feature = "native")]
        if times.is_none()
            && instrumentation.counts.is_none()
            && let Some(code) = self.hot_code()
        {
            return self.run_native(code, &inputs);
        }
        let frame = self.frame_that_fits()?;
        let results = self.results(&mut inputs, instrumentation)?;
        let (input, output) = (
            |k: usize| inputs[k].array().start(),
            |k: usize| results[k].start(),
        );
        // SAFETY: `check` has compared the inputs' types.
        // Results were made for their types or reuse a buffer of the same size (`storage::assign` chooses no
        // other).
        unsafe { self.run_in(frame, input, output, instrumentation, times)? };
        Ok(results)
    }

    /// A frame for a run, if memory holds what the run needs beside it.
    ///
    /// # Errors
    /// If it does not.
    fn frame_that_fits(&self) -> Result<Frame> {
        let frame = self.take_frame();
        if must_ask(self.held()) {
            let arena = match frame.arena {
                Some(_) => 0,
                None => self.assignment.arena,
            };
            if let Err(error) = self.fits(arena) {
                self.give_frame(frame);
                return Err(error);
            }
        }
        Ok(frame)
    }

    /// Runs once in this frame, and gives it back.
    ///
    /// # Errors
    /// See [`run`](Self::run).
    ///
    /// # Safety
    /// `input` and `output` give the addresses of arrays of the program's types. Nothing overlaps, except that an
    /// output can be the memory of the input that it reuses.
    unsafe fn run_in(
        &self,
        mut frame: Frame,
        input: impl Fn(usize) -> *mut u8,
        output: impl Fn(usize) -> *mut u8,
        instrumentation: &mut Instrumentation,
        times: Option<&mut [Duration]>,
    ) -> Result<()> {
        let arena = match &mut frame.arena {
            Some(arena) => arena.start(),
            none => none.insert(self.allocate(self.assignment.arena)?).start(),
        };
        // SAFETY: by the caller, and the arena has the assigned bytes.
        unsafe { self.bind(&mut frame, input, output, arena) };
        let outcome = self.run_steps(&mut frame, instrumentation, times);
        if let Some(counts) = &mut instrumentation.counts {
            counts.peak_bytes += frame.list_bytes() + instrumentation.list_bytes;
        }
        self.give_frame(frame);
        // Values that were seen before an error are shown, too.
        instrumentation.show();
        outcome
    }

    /// Allocates the results of a run.
    /// A result reuses the memory of its input if that input was given away and is not shared.
    /// The inputs keep their buffers alive until the run ends.
    ///
    /// # Errors
    /// If memory cannot hold them.
    fn results(
        &self,
        inputs: &mut [Input<'_>],
        instrumentation: &mut Instrumentation,
    ) -> Result<Vec<Array>> {
        let mut results = Vec::with_capacity(self.outputs.len());
        for (ty, reused) in self.outputs.iter().zip(self.assignment.reuse.inputs()) {
            let taken = reused.and_then(|k| match &mut inputs[k] {
                // SAFETY: `storage::assign` chooses inputs with the same number of bytes.
                // No step reads the input after the result is written.
                Input::Owned(array) => unsafe { array.in_its_memory(ty) },
                Input::Borrowed(_) => None,
            });
            if let Some(array) = taken {
                results.push(array);
                continue;
            }
            let buffer = self.allocate(ty.bytes())?;
            // SAFETY: the buffer has the type's bytes. The steps write all elements of the outputs; if one fails, the
            // results are dropped.
            results.push(unsafe { Array::new(ty.clone(), buffer) });
            if let Some(counts) = &mut instrumentation.counts {
                counts.peak_bytes += ty.bytes() as u64;
            }
        }
        if let Some(counts) = &mut instrumentation.counts {
            counts.peak_bytes += self.assignment.arena as u64;
        }
        Ok(results)
    }

    /// # Errors
    /// If memory cannot hold `bytes`.
    fn allocate(&self, bytes: usize) -> Result<Buffer> {
        Buffer::new(bytes).map_err(|shortage| self.refused(shortage))
    }

    /// Runs all steps on the buffers that the frame points to.
    fn run_steps(
        &self,
        frame: &mut Frame,
        instrumentation: &mut Instrumentation,
        mut times: Option<&mut [Duration]>,
    ) -> Result<()> {
        let Frame {
            buffers, registers, ..
        } = frame;
        let buffers = Buffers::new(buffers, &self.assignment.bytes);
        for (k, (planned, registers)) in self.steps.iter().zip(registers).enumerate() {
            let begin = times.is_some().then(Instant::now);
            let seen = instrumentation.seen();
            let PlannedStep { step, origin } = planned;
            // SAFETY: the steps are prepared.
            // `bind` has pointed the buffers to arrays of the types for which the steps were made:
            // `check` compared the inputs, and outputs have their sizes.
            // `storage::assign` gives no two buffers that are live at once the same bytes of the arena,
            // unless `Step::may_overwrite` allows it. The registers were made by the step with the same number.
            // `Step::may_overwrite` says so. The registers were made by the step of the same number.
            let outcome = unsafe { step.run(buffers, registers.as_mut(), instrumentation) };
            instrumentation.locate(seen, origin.last);
            outcome.map_err(|e| e.at(origin.loc))?;
            if let (Some(times), Some(begin)) = (&mut times, begin) {
                times[k] += begin.elapsed();
            }
            if let Some(counts) = &mut instrumentation.counts {
                count(
                    counts,
                    &step.own_work(&|a, b| buffers.start(a) == buffers.start(b)),
                );
            }
            self.retire(k, buffers);
        }
        Ok(())
    }

    /// In debug builds: fills the buffers that end with step `k`, so that no later step reads their old content.
    fn retire(&self, k: usize, buffers: Buffers<'_>) {
        if !cfg!(debug_assertions) {
            return;
        }
        for &buffer in &self.assignment.ended[k] {
            let bytes = self.assignment.bytes[buffer.index()];
            // SAFETY: `storage::assign` has given the buffer these bytes of the arena,
            // no other buffer has them before the next step, and no later step reads it.
            unsafe { buffers.start(buffer).write_bytes(NOTHING, bytes) };
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
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;
    use crate::{CompileOptions, compile};

    /// No value of a run is left in its arena, so that no later one can read it.
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
        assert!(program.arena_bytes() >= 160, "{}", program.report());
        let x = Array::from_slice(&[0.0; 20], &[20]).unwrap();
        let sum = program.run(vec![Input::Borrowed(&x)]).unwrap();
        assert_eq!(sum[0].as_slice::<f64>().unwrap(), [210.0]);
        let frame = program.take_frame();
        let left = frame.arena.as_ref().unwrap().bytes();
        assert!(left.iter().all(|&byte| byte == NOTHING));
    }
}
