//! One step of a compiled program, as seen by scheduling, the assignment of memory and the run.
//!
//! Everything that runs implements [`Step`], and each kind has its own file: fused kernels (`tile/`),
//! kernels of single operations (`standalone/`), operations that hold programs (`region/`).
//! A new kind of step is one more implementation.

use crate::buffers::{BufferId, Buffers};
use crate::count::StepForecast;
use crate::instrumentation::Instrumentation;
#[cfg(feature = "native")]
use crate::native::{Emitter, Table};
use crate::origin::Origin;
use crate::registers::Registers;
use crate::view::View;
use gradus_ir::{Loc, Result, Type};
use std::any::Any;
use std::fmt;

/// A kernel, or an operation that holds programs. Its `Display` is its line of a [`Report`](crate::Report).
pub(crate) trait Step: fmt::Display + Any + Send + Sync {
    /// The buffers that it reads, and the elements that it reads from each.
    fn reads(&self) -> Vec<(BufferId, &View)>;

    /// The buffers that it writes.
    fn writes(&self) -> Vec<BufferId>;

    /// Whether `out` can reuse the memory of `source`, which this step reads and no later step does:
    /// each element is read before it is overwritten. Both buffers have the same number of bytes.
    fn may_overwrite(&self, _out: BufferId, _source: BufferId) -> bool {
        false
    }

    /// Records that `out` reuses the memory of a buffer that the step reads.
    fn overwrite(&mut self, _out: BufferId) {}

    /// Makes the step ready to run, once memory is assigned. A run of the whole program touches `_touched` bytes.
    fn prepare(&mut self, _touched: usize) {}

    /// The most bytes of scratch memory that a run uses beside the program's buffers.
    fn scratch_bytes(&self) -> usize {
        0
    }

    /// The operations and bytes of a run; `same_memory` says whether two buffers share memory.
    fn forecast(&self, same_memory: SameMemory<'_>) -> StepForecast;

    /// The part of the [`forecast`](Self::forecast) that the step does itself. Programs inside count their own steps.
    fn own_work(&self, same_memory: SameMemory<'_>) -> StepForecast {
        self.forecast(same_memory)
    }

    /// The largest array that programs inside write.
    fn largest_inside(&self) -> Option<&Largest> {
        None
    }

    /// Registers that the step keeps between runs, if it has any.
    fn registers(&self) -> Option<Registers> {
        None
    }

    /// Writes the step as native code: reads the elements of its operands from `table`, and adds its results.
    /// `None` if the step has no native form, or needs too many instructions; what is written then is not used.
    #[cfg(feature = "native")]
    fn emit(&self, _emitter: &mut Emitter<'_>, _table: &mut Table) -> Option<()> {
        None
    }

    /// Runs the step.
    ///
    /// # Errors
    /// If an index is out of bounds, a checked condition fails, or a program inside fails.
    ///
    /// # Safety
    /// The step is [prepared](Self::prepare). Its buffers have the types for which it was made.
    /// No two of them overlap, except for a result in the memory of an operand
    /// that [`overwrite`](Self::overwrite) has recorded.
    /// `registers` is the result of [`registers`](Self::registers) for this step.
    unsafe fn run(
        &self,
        buffers: Buffers<'_>,
        registers: Option<&mut Registers>,
        instrumentation: &mut Instrumentation,
    ) -> Result<()>;
}

/// Says whether two buffers share memory.
pub(crate) type SameMemory<'a> = &'a dyn Fn(BufferId, BufferId) -> bool;

/// A step, and the operations of the graph that it computes.
pub(crate) struct PlannedStep {
    pub step: Box<dyn Step>,
    pub origin: Origin,
}

/// An array, in the form in which a step reads it.
#[derive(Clone, Debug)]
pub(crate) struct Operand {
    pub buffer: BufferId,
    pub view: View,
}

/// The operands of a step. A run only needs the buffers, so these are adjacent.
#[derive(Debug)]
pub(crate) struct Operands {
    buffers: Vec<BufferId>,
    views: Vec<View>,
}

impl Operands {
    pub fn new(operands: Vec<Operand>) -> Operands {
        let (buffers, views) = operands.into_iter().map(|o| (o.buffer, o.view)).unzip();
        Operands { buffers, views }
    }

    pub fn buffers(&self) -> &[BufferId] {
        &self.buffers
    }

    /// See [`Step::reads`].
    pub fn reads(&self) -> Vec<(BufferId, &View)> {
        self.buffers.iter().copied().zip(&self.views).collect()
    }
}

/// The largest array that a program writes, and the operation that computes it.
#[derive(Clone, Debug)]
pub(crate) struct Largest {
    pub name: &'static str,
    pub ty: Type,
    pub loc: Loc,
}
