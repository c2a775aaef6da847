//! Calls that stay separate programs.

use super::{Code, most_expensive};
use crate::count::StepForecast;
use crate::executable::Executable;
use crate::instrumentation::Instrumentation;
#[cfg(feature = "native")]
use crate::native::{Elements, Emitter};
use gradus_ir::Result;
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

/// A call that runs.
pub(super) struct CallCode(pub Arc<Executable>);

impl Code for CallCode {
    const NAME: &'static str = "call";

    fn bodies(&self) -> SmallVec<[&Executable; 2]> {
        smallvec![&*self.0]
    }

    fn forecast(&self, inside: &[StepForecast]) -> StepForecast {
        most_expensive(inside)
    }

    #[cfg(feature = "native")]
    fn emit(&self, emitter: &mut Emitter<'_>, operands: &[Elements]) -> Option<Vec<Elements>> {
        self.0.emit_inside(emitter, operands)
    }

    unsafe fn run(
        &self,
        inputs: &[*mut u8],
        outputs: &[*mut u8],
        scratch: *mut u8,
        instrumentation: &mut Instrumentation,
    ) -> Result<()> {
        // SAFETY: by the caller.
        unsafe { (self.0).run_inside(inputs, outputs, scratch, instrumentation) }
    }
}
