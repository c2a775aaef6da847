//! Adds an array to a part of a larger one.

use super::{Arrays, InPlace, Kernel, Row, add_to, copy_unless_same, each_index};
use crate::count::StepForecast;
use crate::kernels::{by_number, number_type};
#[cfg(feature = "native")]
use crate::native::{Elements, Emitter};
#[cfg(feature = "native")]
use cranelift_codegen::ir::Value;
#[cfg(feature = "native")]
use gradus_ir::primitives::Binary;
use gradus_ir::primitives::Work;
use gradus_ir::{Dims, NumberType, Result, Type, row_major_strides};

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

    #[cfg(feature = "native")]
    fn emit(&self, e: &mut Emitter<'_>, operands: &[Elements]) -> Option<Vec<Value>> {
        let (dtype, size) = (self.number.dtype(), self.places.size);
        let mut results = e.values(&operands[0], dtype, self.bytes / size)?.to_vec();
        let mut written = Some(());
        self.places.each(|row| {
            written = written.and_then(|()| {
                e.spend(row.n)?;
                for k in 0..row.n {
                    let x = e.element(&operands[1], dtype, row.from / size + k)?;
                    let at = row.to / size + k * row.step;
                    results[at] = e.binary(Binary::Add, dtype, results[at], x)?;
                }
                Some(())
            });
        });
        written.map(|()| results)
    }

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
            by_number!(self.number, T => self.places.each(|row| add_to::<T>(out, part, row)));
        }
        Ok(())
    }
}
