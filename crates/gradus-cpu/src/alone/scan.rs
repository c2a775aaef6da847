//! Running sums, and positions of extremes.

use crate::count::StepForecast;
use gradus_ir::primitives::Work;
use gradus_ir::{DType, Type};

/// An array `[outer, n, inner]`.
#[derive(Clone, Copy, Debug)]
struct Axis {
    outer: usize,
    n: usize,
    inner: usize,
}

impl Axis {
    fn of(x: &Type, axis: usize) -> Axis {
        Axis {
            outer: x.shape[..axis].iter().product(),
            n: x.shape[axis],
            inner: x.shape[axis + 1..].iter().product(),
        }
    }

    fn lines(self) -> usize {
        self.outer * self.inner
    }

    /// Elements that join others: all of a line but the first.
    fn joined(self) -> usize {
        self.lines() * self.n.saturating_sub(1)
    }
}

macro_rules! with_type {
    ($dtype:expr, $f:ident::<_>($($arg:expr),*)) => {
        match $dtype {
            DType::F32 => $f::<f32>($($arg),*),
            DType::F64 => $f::<f64>($($arg),*),
            DType::I32 => $f::<i32>($($arg),*),
            DType::I64 => $f::<i64>($($arg),*),
            DType::U32 => $f::<u32>($($arg),*),
            DType::Bool => $f::<u8>($($arg),*),
        }
    };
}

/// Numbers that can be added and compared.
trait Number: Copy + PartialOrd {
    fn plus(self, other: Self) -> Self;
}

macro_rules! numbers {
    ($($t:ty: $add:expr),*) => {$(
        impl Number for $t {
            fn plus(self, other: $t) -> $t {
                $add(self, other)
            }
        }
    )*};
}

numbers!(
    f32: |a, b| a + b,
    f64: |a, b| a + b,
    i32: i32::wrapping_add,
    i64: i64::wrapping_add,
    u32: u32::wrapping_add,
    u8: u8::wrapping_add
);

#[derive(Debug)]
pub(crate) struct CumSum {
    axis: Axis,
    dtype: DType,
    reverse: bool,
}

impl CumSum {
    pub fn new(x: &Type, axis: usize, reverse: bool) -> CumSum {
        CumSum {
            axis: Axis::of(x, axis),
            dtype: x.dtype,
            reverse,
        }
    }

    pub fn forecast(&self) -> StepForecast {
        let elements = self.axis.lines() * self.axis.n;
        StepForecast::moving(self.dtype, 2 * elements * self.dtype.size())
            .with(Work::Reduction, self.axis.joined())
    }

    pub unsafe fn run(&self, x: *const u8, out: *mut u8) {
        // SAFETY: by the caller.
        unsafe { with_type!(self.dtype, cumsum::<_>(self.axis, self.reverse, x, out)) }
    }
}

unsafe fn cumsum<T: Number>(axis: Axis, reverse: bool, x: *const u8, out: *mut u8) {
    let (x, out) = (x.cast::<T>(), out.cast::<T>());
    let Axis { outer, n, inner } = axis;
    for o in 0..outer {
        for step in 0..n {
            let i = if reverse { n - 1 - step } else { step };
            let row = (o * n + i) * inner;
            for j in 0..inner {
                // SAFETY: positions lie within outer · n · inner elements.
                unsafe {
                    let mut v = x.add(row + j).read();
                    if step > 0 {
                        let before = if reverse { row + inner } else { row - inner };
                        v = out.add(before + j).read().plus(v);
                    }
                    out.add(row + j).write(v);
                }
            }
        }
    }
}

#[derive(Debug)]
pub(crate) struct ArgReduce {
    axis: Axis,
    dtype: DType,
    smallest: bool,
}

impl ArgReduce {
    pub fn new(x: &Type, axis: usize, smallest: bool) -> ArgReduce {
        ArgReduce {
            axis: Axis::of(x, axis),
            dtype: x.dtype,
            smallest,
        }
    }

    pub fn forecast(&self) -> StepForecast {
        let lines = self.axis.lines();
        let bytes = lines * (self.axis.n * self.dtype.size() + DType::I64.size());
        StepForecast::moving(self.dtype, bytes).with(Work::Reduction, self.axis.joined())
    }

    pub unsafe fn run(&self, x: *const u8, out: *mut u8) {
        // SAFETY: by the caller.
        unsafe { with_type!(self.dtype, position::<_>(self.axis, self.smallest, x, out)) }
    }
}

#[expect(
    clippy::eq_op,
    reason = "only a NaN differs from itself, and the type may be an integer's"
)]
unsafe fn position<T: Number>(axis: Axis, smallest: bool, x: *const u8, out: *mut u8) {
    let (x, out) = (x.cast::<T>(), out.cast::<i64>());
    let Axis { outer, n, inner } = axis;
    for o in 0..outer {
        for j in 0..inner {
            // SAFETY: positions lie within outer · n · inner elements, which the operand has by `Axis::of`, and n is not 0 by the type rule of `argmax` and `argmin`.
            unsafe {
                let mut best = x.add(o * n * inner + j).read();
                let mut at = 0;
                for i in 1..n {
                    let v = x.add((o * n + i) * inner + j).read();
                    let better = if smallest { v < best } else { v > best };
                    if best == best && (better || v != v) {
                        best = v;
                        at = i;
                    }
                }
                out.add(o * inner + j).write(at as i64);
            }
        }
    }
}
