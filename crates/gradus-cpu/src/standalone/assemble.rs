//! Kernels that join or enlarge arrays.

use super::{Arrays, InPlace, Kernel, Row, add_to, copy_to, copy_unless_same, each_index};
use crate::count::StepForecast;
use crate::kernels::number_type;
use gradus_ir::primitives::Work;
use gradus_ir::{DType, Dims, NumberType, Result, Type, row_major_strides};

/// The positions of the rows of a part in a larger array.
#[derive(Debug)]
struct Places {
    part: Dims,
    /// Bytes between neighbours along each axis.
    steps: Vec<usize>,
    origin: usize,
    size: usize,
}

impl Places {
    /// The positions of `part` from `start` by steps of `stride`.
    /// They lie within `whole`, which the type rules of `pad` and `slice_add`
    /// check (`gradus_ir::primitives::Resize`).
    fn new(part: &Type, whole: &Type, start: &[usize], stride: &[usize]) -> Places {
        let size = part.dtype.size();
        let strides = row_major_strides(&whole.shape);
        // A step that is never taken can be larger than any array, and so can be the position of an empty part.
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
pub(super) struct Pad {
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
}

impl Kernel for Pad {
    const NAME: &'static str = "pad";

    fn forecast(&self, _in_place: InPlace) -> StepForecast {
        let size = self.places.size;
        let bytes = [self.places.bytes(), size, self.elements * size];
        StepForecast::moving(self.dtype, bytes.into_iter().fold(0, usize::saturating_add))
    }

    unsafe fn run(&self, arrays: &Arrays<'_>) -> Result<()> {
        let (x, value, out) = (arrays.operand(0), arrays.operand(1), arrays.result(0));
        let size = self.places.size;
        // SAFETY: the value is a scalar, and the result is as long as its parts together,
        // by the type rule of `pad`; rows lie in the result by `Places::new`.
        unsafe {
            let (value, all) = (value.at(0, size), out.at(0, self.elements * size));
            for i in 0..self.elements {
                std::ptr::copy_nonoverlapping(value, all.add(i * size), size);
            }
            self.places.each(|row| copy_to(out, x, row, size));
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct SliceAdd {
    places: Places,
    number: NumberType,
    bytes: usize,
}

impl SliceAdd {
    pub fn new(whole: &Type, part: &Type, start: &[usize], stride: &[usize]) -> SliceAdd {
        SliceAdd {
            places: Places::new(part, whole, start, stride),
            number: number_type(whole.dtype),
            bytes: whole.bytes(),
        }
    }
}

impl Kernel for SliceAdd {
    const NAME: &'static str = "slice_add";
    const UPDATES_FIRST: bool = true;

    fn forecast(&self, in_place: InPlace) -> StepForecast {
        let part = self.places.bytes();
        let copied = match in_place {
            InPlace::Yes => 0,
            InPlace::No => self.bytes,
        };
        let bytes = part
            .saturating_mul(3)
            .saturating_add(copied.saturating_mul(2));
        StepForecast::moving(self.number.dtype(), bytes)
            .with(Work::Arithmetic, part / self.places.size)
    }

    unsafe fn run(&self, arrays: &Arrays<'_>) -> Result<()> {
        let (whole, part, out) = (arrays.operand(0), arrays.operand(1), arrays.result(0));
        // SAFETY: the result has the type of `whole` by the type rule of `slice_add`; rows lie in it by `Places::new`.
        unsafe {
            copy_unless_same(whole, out, self.bytes);
            (self.places).each(|row| add_to(self.number, out, part, row));
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct Concat {
    /// The number of blocks before the axis.
    outer: usize,
    /// Bytes of each part in a block, and its first byte.
    parts: Vec<(usize, usize)>,
    /// Bytes of a block.
    block: usize,
    dtype: DType,
}

impl Concat {
    /// A block is as long as one block of each part together: the type rule of `concat`
    /// (`gradus_ir::primitives::Resize`) adds their sizes up, and refuses a sum that wraps.
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
}

impl Kernel for Concat {
    const NAME: &'static str = "concat";

    fn forecast(&self, _in_place: InPlace) -> StepForecast {
        // Each byte of the result comes from one part.
        let bytes = self.outer * self.block;
        StepForecast::moving(self.dtype, bytes.saturating_mul(2))
    }

    unsafe fn run(&self, arrays: &Arrays<'_>) -> Result<()> {
        let out = arrays.result(0);
        for (k, &(bytes, begin)) in self.parts.iter().enumerate() {
            let part = arrays.operand(k);
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
        Ok(())
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;
    use crate::buffers::{BufferId, Buffers};

    /// Runs the kernel on a result with `n` elements, whatever size it was made for.
    fn pad_into(n: usize, low: usize) {
        let ty = |n: usize| Type::new(DType::F64, &[n]);
        let pad = Pad::new(&ty(3), &ty(3 + low), &[low], &[0]);
        let (mut x, mut value, mut out) = ([1.0f64; 3], [0.0f64], vec![0.0f64; n]);
        let starts = [x.as_mut_ptr(), value.as_mut_ptr(), out.as_mut_ptr()].map(<*mut f64>::cast);
        let bytes = [size_of_val(&x), size_of_val(&value), size_of_val(&*out)];
        let [first, second, result] = [0, 1, 2].map(BufferId::new);
        let arrays = Arrays {
            buffers: Buffers::new(&starts, &bytes),
            operands: &[first, second],
            results: &[result],
        };
        // SAFETY: the arrays outlive the call. Debug builds check that they are as long as the kernel assumes.
        unsafe { pad.run(&arrays) }.unwrap();
        assert_eq!(out[low..], x);
    }

    #[test]
    fn a_kernel_reaches_what_its_arrays_have() {
        pad_into(5, 2);
    }

    /// Like the kernel of a type whose sizes have wrapped.
    #[test]
    #[should_panic(expected = "of an array that has 32")]
    fn a_kernel_that_leaves_its_result_is_stopped() {
        pad_into(4, 2);
    }
}
