//! The step that runs a fused kernel.

use super::kernel::Kernel;
use super::parameters::lower_parameters;
use super::program::Program;
use super::widen::widen;
use crate::buffers::{BufferId, Buffers};
use crate::count::StepForecast;
use crate::instrumentation::Instrumentation;
#[cfg(feature = "native")]
use crate::native::{Emitter, Table};
use crate::registers::Registers;
use crate::step::{SameMemory, Step};
use crate::view::View;
use gradus_ir::Result;
use std::fmt;

/// A fused kernel. It is built when memory is assigned, because a store over a source needs another loop.
#[expect(
    clippy::large_enum_variant,
    reason = "all become ready, and a box would be one more address to follow in each run"
)]
pub(crate) enum Fused {
    /// Before it is prepared.
    Planned(Program),
    /// Ready to run.
    Ready(Kernel),
}

impl Fused {
    pub fn new(program: Program) -> Fused {
        Fused::Planned(lower_parameters(widen(program)))
    }

    pub fn program(&self) -> &Program {
        match self {
            Fused::Planned(program) => program,
            Fused::Ready(kernel) => &kernel.program,
        }
    }

    /// The kernel, once the step is prepared.
    pub fn kernel(&self) -> &Kernel {
        match self {
            Fused::Planned(_) => unreachable!("a step is prepared before it runs"),
            Fused::Ready(kernel) => kernel,
        }
    }
}

impl Step for Fused {
    fn reads(&self) -> Vec<(BufferId, &View)> {
        let sources = self.program().sources.iter();
        sources.map(|s| (s.buffer, &s.view)).collect()
    }

    fn writes(&self) -> Vec<BufferId> {
        let program = self.program();
        let stores = program.stores.iter().map(|s| s.buffer);
        let results = program.reductions.iter().map(|r| r.buffer);
        stores.chain(results).collect()
    }

    fn may_overwrite(&self, out: BufferId, source: BufferId) -> bool {
        let p = self.program();
        // Reductions and other stores read after the instructions, so their operands must still exist then.
        let read_late = |v: usize| p.sources.get(v).is_some_and(|s| s.buffer == source);
        let others = p.stores.iter().filter(|s| s.buffer != out);
        let mut late = others
            .map(|s| s.value)
            .chain(p.reductions.iter().map(|r| r.value));
        let Some(store) = p.stores.iter().find(|s| s.buffer == out) else {
            return false;
        };
        // Each element is read at the position where it is written.
        // The buffers have the same number of bytes, so elements of equal size are equally many.
        let size = p.dtype(store.value).size();
        let mut reads = p.sources.iter().filter(|s| s.buffer == source);
        !late.any(read_late) && reads.all(|s| s.view.is_whole() && s.dtype.size() == size)
    }

    fn overwrite(&mut self, out: BufferId) {
        if let Fused::Planned(program) = self {
            let stores = program.stores.iter_mut();
            stores
                .filter(|s| s.buffer == out)
                .for_each(|s| s.aliased = true);
        }
    }

    fn prepare(&mut self, _touched: usize) {
        if let Fused::Planned(program) = self {
            let program = std::mem::take(program);
            *self = Fused::Ready(Kernel::new(program));
        }
    }

    fn forecast(&self, _same_memory: SameMemory<'_>) -> StepForecast {
        self.program().forecast()
    }

    fn registers(&self) -> Option<Registers> {
        match self {
            Fused::Planned(_) => None,
            Fused::Ready(kernel) => kernel.registers(),
        }
    }

    #[cfg(feature = "native")]
    fn emit(&self, emitter: &mut Emitter<'_>, table: &mut Table) -> Option<()> {
        match self {
            Fused::Planned(_) => None,
            Fused::Ready(kernel) => kernel.emit(emitter, table),
        }
    }

    unsafe fn run(
        &self,
        buffers: Buffers<'_>,
        registers: Option<&mut Registers>,
        _instrumentation: &mut Instrumentation,
    ) -> Result<()> {
        // SAFETY: by the caller; the types of the buffers are the types of the program's values.
        unsafe { self.kernel().run(buffers, registers) };
        Ok(())
    }
}

impl fmt::Display for Fused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.program().fmt(f)
    }
}
