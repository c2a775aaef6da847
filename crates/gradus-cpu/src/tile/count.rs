//! The operations and bytes of a fused kernel.

use super::program::{Code, Program, Source};
use crate::buffers::BufferId;
use crate::count::StepForecast;
use gradus_ir::DType;
use gradus_ir::primitives::Work;

impl Program {
    /// The operations and bytes of a run; parameters of functions must be lowered.
    pub fn forecast(&self) -> StepForecast {
        let elements: usize = self.shape.iter().product();
        let bytes =
            self.sources.iter().map(Source::bytes).sum::<usize>() + self.bytes_written(|_| true);
        let (outer, reduced, inner) = self.reduced;
        let stored = self.stores.iter().map(|s| self.dtype(s.value));
        let first = stored.chain(self.reductions.iter().map(|r| r.dtype)).next();
        let dtype = first.unwrap_or(DType::F64);

        let mut step = StepForecast::moving(dtype, bytes);
        for instruction in &self.code {
            let work = match instruction.code {
                // Written to its register once, or computed from the position alone.
                Code::Literal(_) | Code::Iota(_) => continue,
                Code::Convert | Code::Round(_) => continue,
                Code::Unary(u) => u.work(),
                Code::Binary(b) => b.work(),
                Code::Compare(_) | Code::Select | Code::Cast => Work::Arithmetic,
            };
            step = step.with(work, elements);
        }
        // The first element of each result is combined with no other.
        let joined = outer * inner * reduced.saturating_sub(1);
        step.with(Work::Reduction, joined * self.reductions.len())
    }

    /// The bytes that it writes to these buffers.
    pub fn bytes_written(&self, counts: impl Fn(BufferId) -> bool) -> usize {
        let elements: usize = self.shape.iter().product();
        let (outer, _, inner) = self.reduced;
        let stores =
            (self.stores.iter()).map(|s| (s.buffer, elements * self.dtype(s.value).size()));
        let results = (self.reductions.iter()).map(|r| (r.buffer, outer * inner * r.dtype.size()));
        let counted = stores.chain(results).filter(|&(buffer, _)| counts(buffer));
        counted.map(|(_, bytes)| bytes).sum()
    }
}

impl Source {
    /// The bytes that are read.
    pub fn bytes(&self) -> usize {
        self.view.distinct() * self.dtype.size()
    }
}
