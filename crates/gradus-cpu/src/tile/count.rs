//! The operations and bytes of a fused kernel.

use super::program::{Code, Program};
use crate::count::StepForecast;
use gradus_ir::DType;
use gradus_ir::primitives::Work;

impl Program {
    /// The operations and bytes of a run; parameters of functions must be lowered.
    pub fn forecast(&self) -> StepForecast {
        let elements: usize = self.shape.iter().product();
        let mut bytes = 0;
        for source in &self.sources {
            bytes += source.view.distinct() * source.dtype.size();
        }
        for store in &self.stores {
            bytes += elements * self.dtype(store.value).size();
        }
        let (outer, reduced, inner) = self.reduced;
        for r in &self.reductions {
            bytes += outer * inner * r.dtype.size();
        }
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
}
