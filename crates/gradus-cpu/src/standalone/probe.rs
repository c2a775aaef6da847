//! The step of a probe: it passes a value on, and keeps the value for its observer until after the run.

use super::copy_unless_same;
use crate::buffers::{BufferId, Buffers, Memory};
use crate::count::StepForecast;
use crate::instrumentation::Instrumentation;
use crate::registers::Registers;
use crate::step::{Operand, Operands, SameMemory, Step};
use crate::view::View;
use gradus_engine::Array;
use gradus_ir::{Result, Type};
use std::fmt;

pub(super) struct Probe {
    /// The number of the observer.
    observer: u64,
    ty: Type,
    /// If a second operand chooses the rows to show: the number of these rows,
    /// and the number of axes that they replace.
    rows: Option<(usize, usize)>,
    operands: Operands,
    out: BufferId,
}

impl Probe {
    /// The operands are the value and, if not all of it is shown,
    /// the booleans that choose its rows; `types` are their types.
    pub fn new(observer: u64, types: &[&Type], operands: Vec<Operand>, out: BufferId) -> Probe {
        let shown = types.get(1);
        Probe {
            observer,
            ty: types[0].clone(),
            rows: shown.map(|shown| (shown.elements(), shown.rank())),
            operands: Operands::new(operands),
            out,
        }
    }

    /// The rows of `out` that `shown` chooses, copied; `None` if it chooses none.
    ///
    /// # Safety
    /// `out` and `shown` are arrays with the types of the operands.
    unsafe fn seen(&self, out: Memory, shown: Option<Memory>) -> Option<Array> {
        let n = self.ty.bytes();
        // SAFETY: by the caller. `Memory` checks the number of bytes in debug builds.
        let bytes = unsafe { std::slice::from_raw_parts(out.at(0, n), n) };
        let (Some((rows, axes)), Some(shown)) = (self.rows, shown) else {
            return Some(array(self.ty.clone(), bytes));
        };
        // SAFETY: by the caller; booleans are bytes.
        let shown = unsafe { std::slice::from_raw_parts(shown.at(0, rows), rows) };
        let count = shown.iter().filter(|&&s| s != 0).count();
        match (count, axes) {
            (0, _) => None,
            (_, 0) => Some(array(self.ty.clone(), bytes)),
            _ => {
                let size = self.ty.bytes() / rows;
                let kept = (shown.iter().enumerate()).filter(|(_, s)| **s != 0);
                let kept = kept.flat_map(|(i, _)| &bytes[i * size..(i + 1) * size]);
                let shape = [&[count], &self.ty.shape[axes..]].concat();
                let kept: Vec<u8> = kept.copied().collect();
                Some(array(self.ty.with_shape(&shape), &kept))
            }
        }
    }
}

impl Step for Probe {
    fn reads(&self) -> Vec<(BufferId, &View)> {
        self.operands.reads()
    }

    fn writes(&self) -> Vec<BufferId> {
        vec![self.out]
    }

    fn forecast(&self, _same_memory: SameMemory<'_>) -> StepForecast {
        StepForecast::moving(self.ty.dtype, self.ty.bytes().saturating_mul(2))
    }

    unsafe fn run(
        &self,
        buffers: Buffers<'_>,
        _registers: Option<&mut Registers>,
        instrumentation: &mut Instrumentation,
    ) -> Result<()> {
        let at = |k: usize| self.operands.buffers().get(k).map(|&o| buffers.memory(o));
        let out = buffers.memory(self.out);
        // SAFETY: by the caller; by the type rule of `probe` the result has the type of the value.
        let seen = unsafe {
            if let Some(value) = at(0) {
                copy_unless_same(value, out, self.ty.bytes());
            }
            self.seen(out, at(1))
        };
        if let Some(value) = seen {
            instrumentation.see(self.observer, value);
        }
        Ok(())
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "probe {:?} -> {}", self.operands.buffers(), self.out)
    }
}

fn array(ty: Type, bytes: &[u8]) -> Array {
    match Array::from_bytes(ty, bytes) {
        Ok(array) => array,
        Err(error) => unreachable!("as many bytes as the type has: {error}"),
    }
}
