//! Regions that cannot run, because they have no value or cannot be compiled.

use super::Code;
use crate::count::StepForecast;
use crate::executable::Executable;
use crate::instrumentation::Instrumentation;
use gradus_ir::{Error, Result};
use smallvec::SmallVec;

/// A region that fails with this error when it runs.
pub(super) struct Refused(pub Error);

impl Code for Refused {
    const NAME: &'static str = "refused";

    fn bodies(&self) -> SmallVec<[&Executable; 2]> {
        SmallVec::new()
    }

    fn forecast(&self, _inside: &[StepForecast]) -> StepForecast {
        StepForecast::nothing()
    }

    unsafe fn run(
        &self,
        _inputs: &[*mut u8],
        _outputs: &[*mut u8],
        _scratch: *mut u8,
        _instrumentation: &mut Instrumentation,
    ) -> Result<()> {
        Err(self.0.clone())
    }
}
