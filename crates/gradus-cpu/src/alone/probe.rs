//! A value passed on, and kept to be shown after the run.

use super::copy_unless_same;
use crate::array::Array;
use crate::count::StepForecast;
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
        StepForecast::moving(self.ty.dtype, 2 * self.ty.bytes())
    }

    /// # Safety
    /// Both are arrays of the type, the same or apart.
    pub unsafe fn run(&self, x: *const u8, out: *mut u8) {
        // SAFETY: by the caller.
        unsafe { copy_unless_same(x, out, self.ty.bytes()) };
    }

    /// The value that a run has left at `out`, to keep.
    ///
    /// # Safety
    /// `out` is an array of the type.
    pub unsafe fn seen(&self, out: *const u8) -> Array {
        // SAFETY: by the caller; `Array` copies the bytes.
        let bytes = unsafe { std::slice::from_raw_parts(out, self.ty.bytes()) };
        match Array::from_bytes(self.ty.clone(), bytes) {
            Ok(array) => array,
            Err(error) => unreachable!("as many bytes as the type has: {error}"),
        }
    }
}
