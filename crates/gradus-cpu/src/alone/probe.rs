//! A value passed on, and kept to be shown after the run.

use super::copy_unless_same;
use crate::array::Array;
use crate::count::StepForecast;
use crate::slots::Memory;
use gradus_ir::Type;

#[derive(Debug)]
pub(crate) struct Probe {
    /// The number of the observer.
    pub id: u64,
    ty: Type,
    /// How many rows the second operand chooses from, if there is one, and how many axes they replace.
    rows: Option<(usize, usize)>,
}

impl Probe {
    /// `operands` are the types of the value and, it may be, of which rows of it are shown.
    pub fn new(id: u64, operands: &[&Type]) -> Probe {
        let rows = operands
            .get(1)
            .map(|shown| (shown.elements(), shown.rank()));
        Probe {
            id,
            ty: operands[0].clone(),
            rows,
        }
    }

    pub fn forecast(&self) -> StepForecast {
        StepForecast::moving(self.ty.dtype, self.ty.bytes().saturating_mul(2))
    }

    /// # Safety
    /// Both are arrays of the type, the same or apart.
    pub unsafe fn run(&self, x: Memory, out: Memory) {
        // SAFETY: by the caller.
        unsafe { copy_unless_same(x, out, self.ty.bytes()) };
    }

    /// What is shown of the value that a run has left at `out`, to keep; `shown` says which rows that is. `None` if it is none of them.
    ///
    /// # Safety
    /// `out` is an array of the type; so is `shown` of the second operand's, if the kernel was made with one.
    pub unsafe fn seen(&self, out: Memory, shown: Option<Memory>) -> Option<Array> {
        let n = self.ty.bytes();
        // SAFETY: by the caller; `Memory` checks that there are so many bytes in debug builds.
        let bytes = unsafe { std::slice::from_raw_parts(out.at(0, n), n) };
        let (Some((rows, axes)), Some(shown)) = (self.rows, shown) else {
            return Some(array(self.ty.clone(), bytes));
        };
        // SAFETY: by the caller; truth values are bytes.
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

fn array(ty: Type, bytes: &[u8]) -> Array {
    match Array::from_bytes(ty, bytes) {
        Ok(array) => array,
        Err(error) => unreachable!("as many bytes as the type has: {error}"),
    }
}
