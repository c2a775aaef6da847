//! Choices between branches.

use super::{Code, most_expensive};
use crate::count::StepForecast;
use crate::executable::Executable;
use crate::instrumentation::Instrumentation;
#[cfg(feature = "native")]
use crate::native::{Elements, Emitter};
use gradus_ir::Result;
use gradus_ir::primitives::{Body, Switch};
use smallvec::SmallVec;
use std::sync::Arc;

/// A choice that runs: the first operand is the number of the branch.
pub(super) struct SwitchCode {
    pub(super) branches: Vec<Arc<Executable>>,
}

impl SwitchCode {
    pub fn new(
        switch: &Switch,
        compile: impl Fn(&Body) -> Result<Arc<Executable>>,
    ) -> Result<SwitchCode> {
        let branches = switch.branches.iter().map(compile);
        Ok(SwitchCode {
            branches: branches.collect::<Result<_>>()?,
        })
    }
}

impl Code for SwitchCode {
    const NAME: &'static str = "switch";

    fn bodies(&self) -> SmallVec<[&Executable; 2]> {
        self.branches.iter().map(|b| &**b).collect()
    }

    /// The forecast of the most expensive branch.
    fn forecast(&self, inside: &[StepForecast]) -> StepForecast {
        most_expensive(inside)
    }

    #[cfg(feature = "native")]
    fn emit(&self, emitter: &mut Emitter<'_>, operands: &[Elements]) -> Option<Vec<Elements>> {
        self.emit_choice(emitter, operands)
    }

    /// A number below 0 takes the first branch; a number beyond the last takes the last.
    unsafe fn run(
        &self,
        inputs: &[*mut u8],
        outputs: &[*mut u8],
        scratch: *mut u8,
        instrumentation: &mut Instrumentation,
    ) -> Result<()> {
        let last = self.branches.len() - 1;
        // SAFETY: by the caller; by the type rule of `switch` the first operand is an i64 number,
        // and the other operands are the inputs of each branch.
        unsafe {
            let index = inputs[0].cast::<i64>().read();
            let index = usize::try_from(index).unwrap_or(0).min(last);
            self.branches[index].run_inside(&inputs[1..], outputs, scratch, instrumentation)
        }
    }
}
