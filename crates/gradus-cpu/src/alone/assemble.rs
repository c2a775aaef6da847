//! Arrays put together or enlarged.

use super::{Row, add_to, copy_to, copy_unless_same, each_index};
use crate::count::StepForecast;
use crate::slots::Memory;
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
    /// The places of `part` from `start` by steps of `stride`: within `whole`, which the type rules of `pad` and `slice_add` check (`gradus_ir::primitives::Resize`).
    fn new(part: &Type, whole: &Type, start: &[usize], stride: &[usize]) -> Places {
        let size = part.dtype.size();
        let strides = row_major_strides(&whole.shape);
        // A step that is never taken may be larger than any array, and so may be the place of nothing.
        let taken = |axis: usize| part.shape[axis] > 1;
        let steps = (0..part.rank()).map(|axis| match taken(axis) {
            true => strides[axis] as usize * stride[axis] * size,
            false => 0,
        });
        let origin = match part.elements() {
            0 => 0,
            _ => (strides.iter().zip(start))
                .map(|(s, k)| *s as usize * k * size)
                .sum(),
        };
        Places {
            part: part.shape.clone(),
            steps: steps.collect(),
            origin,
            size,
        }
    }

    /// Bytes of the part.
    fn bytes(&self) -> usize {
        self.part.iter().product::<usize>() * self.size
    }

    /// Calls `f` for each row of the part, from the part to the whole.
    fn each(&self, mut f: impl FnMut(Row)) {
        if self.part.contains(&0) {
            return;
        }
        let one = Row {
            from: 0,
            to: self.origin,
            n: 1,
            step: 1,
        };
        let Some((&n, outer)) = self.part.split_last() else {
            return f(one);
        };
        let step = self.steps[outer.len()] / self.size;
        let mut done = 0;
        each_index(outer, |index| {
            let at: usize = index.iter().zip(&self.steps).map(|(i, s)| i * s).sum();
            f(Row {
                from: done * self.size,
                to: self.origin + at,
                n,
                step,
            });
            done += n;
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
        let bytes = [self.places.bytes(), size, self.elements * size];
        StepForecast::moving(self.dtype, bytes.into_iter().fold(0, usize::saturating_add))
    }

    /// # Safety
    /// The arrays are of the types that the kernel was made for, and do not overlap.
    pub unsafe fn run(&self, x: Memory, value: Memory, out: Memory) {
        let size = self.places.size;
        // SAFETY: the value is a scalar and the result as long as its parts together, by the type rule of `pad`; rows lie in the result by `Places::new`.
        unsafe {
            let (value, all) = (value.at(0, size), out.at(0, self.elements * size));
            for i in 0..self.elements {
                std::ptr::copy_nonoverlapping(value, all.add(i * size), size);
            }
            self.places.each(|row| copy_to(out, x, row, size));
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
        let copied = if in_place { 0 } else { self.bytes };
        let bytes = part
            .saturating_mul(3)
            .saturating_add(copied.saturating_mul(2));
        StepForecast::moving(self.dtype, bytes).with(Work::Arithmetic, part / self.places.size)
    }

    /// # Safety
    /// The arrays are of the types that the kernel was made for; the result may be the memory of `whole`, and else overlaps nothing.
    pub unsafe fn run(&self, whole: Memory, part: Memory, out: Memory) {
        // SAFETY: the result has the type of `whole` by the type rule of `slice_add`; rows lie in it by `Places::new`.
        unsafe {
            copy_unless_same(whole, out, self.bytes);
            (self.places).each(|row| add_to(self.dtype, out, part, row));
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
    /// Blocks are as long as the parts of one together: the type rule of `concat` (`gradus_ir::primitives::Resize`) adds their sizes up, and refuses a sum that wraps.
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
        // Each byte of the result is one of a part.
        let bytes = self.outer * self.block;
        StepForecast::moving(self.dtype, bytes.saturating_mul(2))
    }

    /// Copies part `k`.
    ///
    /// # Safety
    /// The arrays are of the types that the kernel was made for, and do not overlap.
    pub unsafe fn run(&self, k: usize, part: Memory, out: Memory) {
        let (bytes, begin) = self.parts[k];
        for o in 0..self.outer {
            // SAFETY: block `o` of the result has the part's bytes from `begin` on, by `Concat::new`.
            unsafe {
                std::ptr::copy_nonoverlapping(
                    part.at(o * bytes, bytes),
                    out.at(o * self.block + begin, bytes),
                    bytes,
                );
            }
        }
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;

    /// Runs the kernel on a result of `n` elements, whatever it was made for.
    fn pad_into(n: usize, low: usize) {
        let ty = |n: usize| Type::new(DType::F64, &[n]);
        let pad = Pad::new(&ty(3), &ty(3 + low), &[low], &[0]);
        let (mut x, mut value, mut out) = ([1.0f64; 3], [0.0f64], vec![0.0f64; n]);
        let memory = |at: &mut [f64]| Memory::new(at.as_mut_ptr().cast(), size_of_val(at));
        // SAFETY: the arrays outlive the call; whether they are as long as the kernel takes them to be is what debug builds check.
        unsafe { pad.run(memory(&mut x), memory(&mut value), memory(&mut out)) };
        assert_eq!(out[low..], x);
    }

    #[test]
    fn a_kernel_reaches_what_its_arrays_have() {
        pad_into(5, 2);
    }

    /// As the kernel of a type whose sizes have wrapped would.
    #[test]
    #[should_panic(expected = "of an array that has 32")]
    fn a_kernel_that_leaves_its_result_is_stopped() {
        pad_into(4, 2);
    }
}
