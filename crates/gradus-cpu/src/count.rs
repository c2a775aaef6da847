//! The operations and bytes of steps and runs, counted by the kernels from their own loops.
//! A symmetric product counts as half a product and its diagonal, although its strips compute slightly more.

use gradus_engine::Counts;
use gradus_ir::primitives::Work;
use gradus_ir::{ByWork, DType};

/// The operations and bytes of one step of a compiled program.
///
/// **Operations** are counted as defined at [`gradus_ir::primitives::Cost`]: each instruction of a fused kernel
/// once for each element of its iteration, each reduction once for each element that is combined with another,
/// products by their sizes.
///
/// **Bytes** count the step's arrays in memory.
/// Each element read counts once for each view through which it is read, however often the view repeats it.
/// Each element written counts once. Values that stay within the step, and scratch memory, do not count.
/// A step that changes a part of an array counts the copy of the whole if it cannot work in place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StepForecast {
    /// Operations of each kind of work.
    pub operations: ByWork,
    /// Bytes read and written.
    pub bytes: u64,
    /// The sizes `(batch, m, k, n)` of `[batch, m, k] × [batch, k, n]`, if the step is a product of matrices.
    pub product: Option<(usize, usize, usize, usize)>,
    /// The element type of its computation: the first result's for a fused kernel, the operands' for another.
    pub dtype: DType,
}

impl StepForecast {
    /// A step that computes nothing and moves `bytes`.
    pub(crate) fn moving(dtype: DType, bytes: usize) -> StepForecast {
        StepForecast {
            operations: ByWork::default(),
            bytes: bytes as u64,
            product: None,
            dtype,
        }
    }

    /// A step that computes and moves nothing.
    pub(crate) fn nothing() -> StepForecast {
        StepForecast::moving(DType::F64, 0)
    }

    /// The same step with more `operations` of one kind.
    pub(crate) fn with(mut self, work: Work, operations: usize) -> StepForecast {
        self.operations.add(work, operations as u64);
        self
    }
}

/// Adds a step to the counts of a run.
pub(crate) fn count(counts: &mut Counts, step: &StepForecast) {
    counts.by_work += step.operations;
    counts.operations = counts.by_work.total();
    counts.bytes = counts.bytes.saturating_add(step.bytes);
}
