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
}

impl Probe {
    pub fn new(id: u64, ty: &Type) -> Probe {
        Probe { id, ty: ty.clone() }
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

    /// The value that a run has left at `out`, to keep.
    ///
    /// # Safety
    /// `out` is an array of the type.
    pub unsafe fn seen(&self, out: Memory) -> Array {
        let n = self.ty.bytes();
        // SAFETY: by the caller; `Array` copies the bytes.
        let bytes = unsafe { std::slice::from_raw_parts(out.at(0, n), n) };
        match Array::from_bytes(self.ty.clone(), bytes) {
            Ok(array) => array,
            Err(error) => unreachable!("as many bytes as the type has: {error}"),
        }
    }
}
