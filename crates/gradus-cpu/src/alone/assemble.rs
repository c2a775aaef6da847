//! Arrays put together or enlarged.

use super::{add_to, copy_unless_same, each_index};
use crate::count::StepForecast;
use gradus_ir::primitives::Work;
use gradus_ir::{DType, Dims, Type, row_major_strides};

/// Where the rows of a part belong in a larger array.
#[derive(Debug)]
struct Places {
    part: Dims,
    /// Bytes between neighbours along each axis.
    steps: Vec<usize>,
    origin: usize,
    size: usize,
}

impl Places {
    fn new(part: &Type, whole: &Type, start: &[usize], stride: &[usize]) -> Places {
        let size = part.dtype.size();
        let strides = row_major_strides(&whole.shape);
        let steps = strides
            .iter()
            .zip(stride)
            .map(|(s, k)| *s as usize * k * size)
            .collect();
        let origin = strides
            .iter()
            .zip(start)
            .map(|(s, k)| *s as usize * k * size)
            .sum();
        Places {
            part: part.shape.clone(),
            steps,
            origin,
            size,
        }
    }

    /// Bytes of the part.
    fn bytes(&self) -> usize {
        self.part.iter().product::<usize>() * self.size
    }

    /// Calls `f` for each row of the part: byte in the whole, byte in the part, elements, elements between neighbours in the whole.
    fn each(&self, mut f: impl FnMut(usize, usize, usize, usize)) {
        if self.part.contains(&0) {
            return;
        }
        let Some((&row, outer)) = self.part.split_last() else {
            f(self.origin, 0, 1, 1);
            return;
        };
        let step = self.steps[outer.len()] / self.size;
        let mut done = 0;
        each_index(outer, |index| {
            let at: usize = index.iter().zip(&self.steps).map(|(i, s)| i * s).sum();
            f(self.origin + at, done * self.size, row, step);
            done += row;
        });
    }
}

#[derive(Debug)]
pub(crate) struct Pad {
    places: Places,
    dtype: DType,
    elements: usize,
}

impl Pad {
    pub fn new(x: &Type, out: &Type, low: &[usize], interior: &[usize]) -> Pad {
        let stride: Vec<usize> = interior.iter().map(|i| i + 1).collect();
        Pad {
            places: Places::new(x, out, low, &stride),
            dtype: out.dtype,
            elements: out.elements(),
        }
    }

    pub fn forecast(&self) -> StepForecast {
        let size = self.places.size;
        StepForecast::moving(
            self.dtype,
            self.places.bytes() + size + self.elements * size,
        )
    }

    pub unsafe fn run(&self, x: *const u8, value: *const u8, out: *mut u8) {
        let size = self.places.size;
        // SAFETY: the value is one element; rows lie within the arrays by the type rule.
        unsafe {
            for i in 0..self.elements {
                std::ptr::copy_nonoverlapping(value, out.add(i * size), size);
            }
            self.places.each(|to, from, n, step| {
                place(x.add(from), out.add(to), n, step, size);
            });
        }
    }
}

/// Copies `n` neighbouring elements to places `step` elements apart.
unsafe fn place(from: *const u8, to: *mut u8, n: usize, step: usize, size: usize) {
    // SAFETY: by the caller.
    unsafe {
        if step == 1 {
            std::ptr::copy_nonoverlapping(from, to, n * size);
            return;
        }
        for i in 0..n {
            std::ptr::copy_nonoverlapping(from.add(i * size), to.add(i * step * size), size);
        }
    }
}

#[derive(Debug)]
pub(crate) struct SliceAdd {
    places: Places,
    dtype: DType,
    bytes: usize,
}

impl SliceAdd {
    pub fn new(whole: &Type, part: &Type, start: &[usize], stride: &[usize]) -> SliceAdd {
        SliceAdd {
            places: Places::new(part, whole, start, stride),
            dtype: whole.dtype,
            bytes: whole.bytes(),
        }
    }

    pub fn forecast(&self, in_place: bool) -> StepForecast {
        let part = self.places.bytes();
        let copied = if in_place { 0 } else { 2 * self.bytes };
        StepForecast::moving(self.dtype, 3 * part + copied)
            .with(Work::Arithmetic, part / self.places.size)
    }

    pub unsafe fn run(&self, whole: *const u8, part: *const u8, out: *mut u8) {
        // SAFETY: rows lie within the arrays by the type rule.
        unsafe {
            copy_unless_same(whole, out, self.bytes);
            self.places.each(|to, from, n, step| {
                add_to(self.dtype, out.add(to), step, part.add(from), n);
            });
        }
    }
}

#[derive(Debug)]
pub(crate) struct Concat {
    /// Blocks in front of the axis.
    outer: usize,
    /// Bytes of each part in a block, and where it begins.
    parts: Vec<(usize, usize)>,
    /// Bytes of a block.
    block: usize,
    dtype: DType,
}

impl Concat {
    pub fn new(types: &[&Type], out: &Type, axis: usize) -> Concat {
        let inner: usize = out.shape[axis + 1..].iter().product::<usize>() * out.dtype.size();
        let mut begin = 0;
        let parts = types
            .iter()
            .map(|t| {
                let bytes = t.shape[axis] * inner;
                begin += bytes;
                (bytes, begin - bytes)
            })
            .collect();
        Concat {
            outer: out.shape[..axis].iter().product(),
            parts,
            block: out.shape[axis] * inner,
            dtype: out.dtype,
        }
    }

    pub fn forecast(&self) -> StepForecast {
        let parts: usize = self.parts.iter().map(|(bytes, _)| bytes).sum();
        StepForecast::moving(self.dtype, self.outer * (parts + self.block))
    }

    /// Copies part `k`.
    pub unsafe fn run(&self, k: usize, part: *const u8, out: *mut u8) {
        let (bytes, begin) = self.parts[k];
        for o in 0..self.outer {
            // SAFETY: block `o` has the part's bytes from `begin` on.
            unsafe {
                std::ptr::copy_nonoverlapping(
                    part.add(o * bytes),
                    out.add(o * self.block + begin),
                    bytes,
                );
            }
        }
    }
}
