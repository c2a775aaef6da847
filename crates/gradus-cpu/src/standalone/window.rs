//! Parts of arrays that begin at computed indices.

use super::{Arrays, InPlace, Kernel, copy_unless_same, each_index};
use crate::buffers::Memory;
use crate::count::StepForecast;
use gradus_ir::{DType, Dims, Error, ErrorKind, Result, Type, row_major_strides};

/// A part of `sizes` of an array of `shape`.
#[derive(Debug)]
struct Window {
    dtype: DType,
    size: usize,
    shape: Dims,
    sizes: Dims,
}

impl Window {
    /// By the type rules of `dynamic_slice` and `dynamic_update` (`gradus_ir::primitives::Dynamic`),
    /// no size of the part exceeds the array's.
    fn new(x: &Type, sizes: &[usize]) -> Window {
        Window {
            dtype: x.dtype,
            size: x.dtype.size(),
            shape: x.shape.clone(),
            sizes: Dims::from_slice(sizes),
        }
    }

    fn forecast_slice(&self) -> StepForecast {
        let part = self.sizes.iter().product::<usize>() * self.size;
        let starts = self.shape.len() * DType::I64.size();
        let bytes = part.saturating_mul(2).saturating_add(starts);
        StepForecast::moving(self.dtype, bytes)
    }

    fn forecast_update(&self, in_place: InPlace) -> StepForecast {
        let mut step = self.forecast_slice();
        if in_place == InPlace::No {
            let whole = (self.shape.iter().product::<usize>() * self.size) as u64;
            step.bytes = step.bytes.saturating_add(whole.saturating_mul(2));
        }
        step
    }

    /// Calls `f` with the first byte of each row of the part,
    /// in the array and in the part, and with a row's bytes.
    /// Rows lie within the array, because each start is compared with the axis.
    ///
    /// # Safety
    /// `starts` is an i64 array with one number per axis.
    unsafe fn each(
        &self,
        name: &str,
        starts: Memory,
        mut f: impl FnMut(usize, usize, usize),
    ) -> Result<()> {
        let rank = self.shape.len();
        let strides = row_major_strides(&self.shape);
        let mut origin = 0;
        for (k, &stride) in strides.iter().enumerate() {
            // SAFETY: there is one start per axis, by the caller; arrays are aligned for their elements.
            let start = unsafe { starts.at(k * 8, 8).cast::<i64>().read() };
            let last = (self.shape[k] - self.sizes[k]) as i64;
            if start < 0 || start > last {
                return Err(Error::new(
                    ErrorKind::Index,
                    format!(
                        "{name}: a part of size {} at {start} leaves axis {k} of size {}",
                        self.sizes[k], self.shape[k]
                    ),
                ));
            }
            origin += start as usize * stride as usize;
        }
        let row = self.sizes.last().copied().unwrap_or(1);
        if row == 0 {
            return Ok(());
        }
        let outer = &self.sizes[..rank.saturating_sub(1)];
        let mut done = 0;
        each_index(outer, |index| {
            let at: usize = index
                .iter()
                .zip(&strides)
                .map(|(i, s)| i * *s as usize)
                .sum();
            f((origin + at) * self.size, done * self.size, row * self.size);
            done += row;
        });
        Ok(())
    }

    /// # Safety
    /// The arrays have the types for which the kernel was made, and do not overlap.
    unsafe fn slice(&self, x: Memory, starts: Memory, out: Memory) -> Result<()> {
        // SAFETY: rows lie within the arrays, because `each` compares starts with the axes and `Window::new` has
        // the sizes of a valid operation.
        unsafe {
            self.each("dynamic_slice", starts, |from, to, bytes| {
                let (from, to) = (x.at(from, bytes), out.at(to, bytes));
                std::ptr::copy_nonoverlapping(from, to, bytes);
            })
        }
    }

    /// # Safety
    /// The arrays have the types for which the kernel was made.
    /// The result can be the memory of `x`, and otherwise overlaps nothing.
    unsafe fn update(&self, x: Memory, part: Memory, starts: Memory, out: Memory) -> Result<()> {
        let bytes = self.shape.iter().product::<usize>() * self.size;
        // SAFETY: as in `slice`; the result has the type of `x` by the type rule of `dynamic_update`.
        unsafe {
            copy_unless_same(x, out, bytes);
            self.each("dynamic_update", starts, |to, from, bytes| {
                let (from, to) = (part.at(from, bytes), out.at(to, bytes));
                std::ptr::copy_nonoverlapping(from, to, bytes);
            })
        }
    }
}

/// `dynamic_slice`: a part that begins at computed indices.
#[derive(Debug)]
pub(super) struct DynamicSlice(Window);

impl DynamicSlice {
    pub fn new(x: &Type, sizes: &[usize]) -> DynamicSlice {
        DynamicSlice(Window::new(x, sizes))
    }
}

impl Kernel for DynamicSlice {
    const NAME: &'static str = "dynamic_slice";

    fn forecast(&self, _in_place: InPlace) -> StepForecast {
        self.0.forecast_slice()
    }

    unsafe fn run(&self, arrays: &Arrays<'_>) -> Result<()> {
        // SAFETY: by the caller.
        unsafe { (self.0).slice(arrays.operand(0), arrays.operand(1), arrays.result(0)) }
    }
}

/// `dynamic_update`: an array with a part replaced from computed indices on.
#[derive(Debug)]
pub(super) struct DynamicUpdate(Window);

impl DynamicUpdate {
    pub fn new(x: &Type, sizes: &[usize]) -> DynamicUpdate {
        DynamicUpdate(Window::new(x, sizes))
    }
}

impl Kernel for DynamicUpdate {
    const NAME: &'static str = "dynamic_update";
    const UPDATES_FIRST: bool = true;

    fn forecast(&self, in_place: InPlace) -> StepForecast {
        self.0.forecast_update(in_place)
    }

    unsafe fn run(&self, arrays: &Arrays<'_>) -> Result<()> {
        let (x, part, starts) = (arrays.operand(0), arrays.operand(1), arrays.operand(2));
        // SAFETY: by the caller.
        unsafe { (self.0).update(x, part, starts, arrays.result(0)) }
    }
}
