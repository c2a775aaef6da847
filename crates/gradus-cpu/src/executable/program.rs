//! The engine interface of a compiled program.

use super::Executable;
use crate::instrumentation::Instrumentation;
use gradus_engine::{Array, Counts, Input, Program, Slice, SliceMut, TimedStep};
use gradus_ir::Result;
use std::time::Duration;

impl Program for Executable {
    fn run(&self, inputs: Vec<Input<'_>>) -> Result<Vec<Array>> {
        Executable::run(self, inputs)
    }

    fn run_into(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>]) -> Result<()> {
        Executable::run_into(self, inputs, outputs)
    }

    fn run_counted(&self, inputs: Vec<Input<'_>>) -> Result<(Vec<Array>, Counts)> {
        Executable::run_counted(self, inputs)
    }

    fn run_timed(&self, inputs: Vec<Input<'_>>) -> Result<(Vec<Array>, Vec<TimedStep>)> {
        let mut times = vec![Duration::ZERO; self.steps.len()];
        let mut instrumentation = Instrumentation::default();
        let results = self.run_with(inputs, &mut instrumentation, Some(&mut times))?;
        let moved = self.forecast().steps.into_iter().map(|step| step.bytes);
        let steps = self.steps.iter().zip(times).zip(moved);
        let steps = steps.map(|((planned, time), bytes)| TimedStep {
            what: planned.step.to_string(),
            loc: planned.origin.loc,
            time,
            bytes,
            members: planned.origin.members().to_vec(),
        });
        Ok((results, steps.collect()))
    }
}
