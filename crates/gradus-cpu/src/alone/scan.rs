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

/// Numbers that can be compared, and added up in a running sum.
trait Number: Copy + PartialOrd {
    /// A sum that goes on.
    type Running: Copy;
    fn start(self) -> Self::Running;
    fn plus(sum: Self::Running, x: Self) -> Self::Running;
    fn value(sum: Self::Running) -> Self;
}

macro_rules! whole_numbers {
    ($($t:ty)*) => {$(
        impl Number for $t {
            type Running = $t;
            fn start(self) -> $t {
                self
            }
            fn plus(sum: $t, x: $t) -> $t {
                sum.wrapping_add(x)
            }
            fn value(sum: $t) -> $t {
                sum
            }
        }
    )*};
}

whole_numbers!(i32 i64 u32 u8);

/// In f64: a million additions lose less than one rounding to f32.
impl Number for f32 {
    type Running = f64;
    fn start(self) -> f64 {
        f64::from(self)
    }
    fn plus(sum: f64, x: f32) -> f64 {
        sum + f64::from(x)
    }
    fn value(sum: f64) -> f32 {
        sum as f32
    }
}

/// With what each addition loses carried along (Knuth).
impl Number for f64 {
    type Running = (f64, f64);
    fn start(self) -> (f64, f64) {
        (self, 0.0)
    }
    fn plus((sum, lost): (f64, f64), x: f64) -> (f64, f64) {
        let next = sum + x;
        let back = next - sum;
        (next, lost + ((sum - (next - back)) + (x - back)))
    }
    fn value((sum, lost): (f64, f64)) -> f64 {
        // An infinite sum loses NaN; the sum itself is right then.
        if lost.is_finite() { sum + lost } else { sum }
    }
}

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

/// Lines that run together where they lie side by side.
const LINES: usize = 512;

unsafe fn cumsum<T: Number>(axis: Axis, reverse: bool, x: *const u8, out: *mut u8) {
    let (x, out) = (x.cast::<T>(), out.cast::<T>());
    let Axis { outer, n, inner } = axis;
    if n == 0 {
        return;
    }
    for o in 0..outer {
        for first in (0..inner).step_by(LINES) {
            let lines = LINES.min(inner - first);
            let row = |step: usize| {
                let i = if reverse { n - 1 - step } else { step };
                (o * n + i) * inner + first
            };
            // SAFETY: positions lie within outer · n · inner elements.
            unsafe {
                if lines == 1 {
                    let mut sum = x.add(row(0)).read().start();
                    out.add(row(0)).write(T::value(sum));
                    for step in 1..n {
                        sum = T::plus(sum, x.add(row(step)).read());
                        out.add(row(step)).write(T::value(sum));
                    }
                    continue;
                }
                let given = |step: usize| std::slice::from_raw_parts(x.add(row(step)), lines);
                let mut sums = [x.add(row(0)).read().start(); LINES];
                let sums = &mut sums[..lines];
                for (sum, &v) in sums.iter_mut().zip(given(0)) {
                    *sum = v.start();
                }
                std::ptr::copy_nonoverlapping(x.add(row(0)), out.add(row(0)), lines);
                for step in 1..n {
                    let to = std::slice::from_raw_parts_mut(out.add(row(step)), lines);
                    for ((sum, to), &v) in sums.iter_mut().zip(to).zip(given(step)) {
                        *sum = T::plus(*sum, v);
                        *to = T::value(*sum);
                    }
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
