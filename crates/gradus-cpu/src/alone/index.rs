//! Elements picked by index arrays, and slices at computed places.

use super::{add_to, copy_unless_same, each_index};
use crate::count::StepForecast;
use gradus_ir::primitives::Work;
use gradus_ir::{DType, Dims, Error, ErrorKind, Result, Type, row_major_strides};

/// An array `[batch, before, n, after]` with indices `[batch, count]` into its axis of size `n`.
#[derive(Debug)]
pub(crate) struct Indexed {
    dtype: DType,
    index: DType,
    batch: usize,
    before: usize,
    n: usize,
    after: usize,
    count: usize,
    axis: usize,
}

/// Integer `i` of an index array.
unsafe fn read(dtype: DType, indices: *const u8, i: usize) -> i64 {
    // SAFETY: by the caller, the array has more than `i` elements.
    unsafe {
        match dtype {
            DType::I32 => i64::from(indices.cast::<i32>().add(i).read()),
            DType::U32 => i64::from(indices.cast::<u32>().add(i).read()),
            _ => indices.cast::<i64>().add(i).read(),
        }
    }
}

impl Indexed {
    pub fn new(x: &Type, indices: &Type, batch: usize, axis: usize) -> Indexed {
        Indexed {
            dtype: x.dtype,
            index: indices.dtype,
            batch: x.shape[..batch].iter().product(),
            before: x.shape[batch..axis].iter().product(),
            n: x.shape[axis],
            after: x.shape[axis + 1..].iter().product(),
            count: indices.shape[batch..].iter().product(),
            axis,
        }
    }

    /// Elements picked, and bytes of the indices.
    fn picked(&self) -> (usize, usize) {
        let rows = self.batch * self.count;
        (rows * self.before * self.after, rows * self.index.size())
    }

    pub fn forecast_take(&self) -> StepForecast {
        let (elements, indices) = self.picked();
        StepForecast::moving(self.dtype, 2 * elements * self.dtype.size() + indices)
    }

    pub fn forecast_scatter_add(&self, in_place: bool) -> StepForecast {
        let (elements, indices) = self.picked();
        let whole = self.batch * self.before * self.n * self.after;
        let copied = if in_place { 0 } else { 2 * whole };
        let bytes = (3 * elements + copied) * self.dtype.size() + indices;
        StepForecast::moving(self.dtype, bytes).with(Work::Indexing, elements)
    }

    /// Calls `f` with the position of each picked row in the array and among the picked ones.
    unsafe fn each(
        &self,
        name: &str,
        indices: *const u8,
        mut f: impl FnMut(usize, usize),
    ) -> Result<()> {
        for b in 0..self.batch {
            for i in 0..self.count {
                // SAFETY: there are batch · count indices.
                let index = unsafe { read(self.index, indices, b * self.count + i) };
                let Some(at) = usize::try_from(index).ok().filter(|&k| k < self.n) else {
                    return Err(Error::new(
                        ErrorKind::Index,
                        format!(
                            "{name}: index {index} is out of bounds for axis {} of size {}",
                            self.axis, self.n
                        ),
                    ));
                };
                for p in 0..self.before {
                    let outer = b * self.before + p;
                    f(outer * self.n + at, outer * self.count + i);
                }
            }
        }
        Ok(())
    }

    pub unsafe fn take(&self, x: *const u8, indices: *const u8, out: *mut u8) -> Result<()> {
        let row = self.after * self.dtype.size();
        // SAFETY: rows lie within the arrays, since indices are checked.
        unsafe {
            self.each("take", indices, |from, to| {
                std::ptr::copy_nonoverlapping(x.add(from * row), out.add(to * row), row);
            })
        }
    }

    pub unsafe fn scatter_add(
        &self,
        x: *const u8,
        indices: *const u8,
        updates: *const u8,
        out: *mut u8,
    ) -> Result<()> {
        let row = self.after * self.dtype.size();
        // SAFETY: as in `take`.
        unsafe {
            copy_unless_same(x, out, self.batch * self.before * self.n * row);
            self.each("scatter_add", indices, |to, from| {
                add_to(
                    self.dtype,
                    out.add(to * row),
                    1,
                    updates.add(from * row),
                    self.after,
                );
            })
        }
    }
}

/// A part of `sizes` of an array of `shape`.
#[derive(Debug)]
pub(crate) struct Window {
    dtype: DType,
    size: usize,
    shape: Dims,
    sizes: Dims,
}

impl Window {
    pub fn new(x: &Type, sizes: &[usize]) -> Window {
        Window {
            dtype: x.dtype,
            size: x.dtype.size(),
            shape: x.shape.clone(),
            sizes: Dims::from_slice(sizes),
        }
    }

    pub fn forecast_slice(&self) -> StepForecast {
        let part: usize = self.sizes.iter().product();
        let starts = self.shape.len() * DType::I64.size();
        StepForecast::moving(self.dtype, 2 * part * self.size + starts)
    }

    pub fn forecast_update(&self, in_place: bool) -> StepForecast {
        let mut step = self.forecast_slice();
        if !in_place {
            step.bytes += 2 * (self.shape.iter().product::<usize>() * self.size) as u64;
        }
        step
    }

    /// Calls `f` with the first element of each row of the part: in the array and in the part; and gives a row's bytes.
    unsafe fn each(
        &self,
        name: &str,
        starts: *const u8,
        mut f: impl FnMut(usize, usize, usize),
    ) -> Result<()> {
        let rank = self.shape.len();
        let strides = row_major_strides(&self.shape);
        let mut origin = 0;
        for (k, &stride) in strides.iter().enumerate() {
            // SAFETY: there is one start an axis.
            let start = unsafe { read(DType::I64, starts, k) };
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

    pub unsafe fn slice(&self, x: *const u8, starts: *const u8, out: *mut u8) -> Result<()> {
        // SAFETY: rows lie within the arrays, since starts are checked.
        unsafe {
            self.each("dynamic_slice", starts, |from, to, bytes| {
                std::ptr::copy_nonoverlapping(x.add(from), out.add(to), bytes);
            })
        }
    }

    pub unsafe fn update(
        &self,
        x: *const u8,
        part: *const u8,
        starts: *const u8,
        out: *mut u8,
    ) -> Result<()> {
        let bytes = self.shape.iter().product::<usize>() * self.size;
        // SAFETY: as in `slice`.
        unsafe {
            copy_unless_same(x, out, bytes);
            self.each("dynamic_update", starts, |to, from, bytes| {
                std::ptr::copy_nonoverlapping(part.add(from), out.add(to), bytes);
            })
        }
    }
}
