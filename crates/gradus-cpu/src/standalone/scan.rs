//! Cumulative sums.

use super::{Arrays, InPlace, Kernel};
use crate::count::StepForecast;
use crate::kernels::{AtLevel, Isa, Rounded, at_level, by_number, number_type};
use crate::pool::{self, Pieces, Shared};
use gradus_ir::primitives::Work;
use gradus_ir::{NumberType, Result, Type, bf16};
use std::mem::MaybeUninit;

/// An array `[outer, n, inner]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub outer: usize,
    pub n: usize,
    pub inner: usize,
}

impl Axis {
    pub fn of(x: &Type, axis: usize) -> Axis {
        Axis {
            outer: x.shape[..axis].iter().product(),
            n: x.shape[axis],
            inner: x.shape[axis + 1..].iter().product(),
        }
    }

    pub fn lines(self) -> usize {
        self.outer * self.inner
    }

    /// The number of elements that are combined with others: all elements of a line except the first.
    pub fn joined(self) -> usize {
        self.lines() * self.n.saturating_sub(1)
    }
}

/// Numbers that are added up in a cumulative sum.
trait Number: Copy {
    /// A running sum and its rounding error.
    /// For many lines each is in an array of its own, so that vectors of them are read and written directly.
    type Running: Copy;
    const NONE: Self::Running;
    fn start(self) -> Self::Running;
    fn plus(sum: &mut Self::Running, lost: &mut Self::Running, x: Self);
    fn value(sum: Self::Running, lost: Self::Running) -> Self;
}

macro_rules! whole_numbers {
    ($($t:ty)*) => {$(
        impl Number for $t {
            type Running = $t;
            const NONE: $t = 0;
            #[inline(always)]
            fn start(self) -> $t {
                self
            }
            #[inline(always)]
            fn plus(sum: &mut $t, _: &mut $t, x: $t) {
                *sum = sum.wrapping_add(x);
            }
            #[inline(always)]
            fn value(sum: $t, _: $t) -> $t {
                sum
            }
        }
    )*};
}

whole_numbers!(i32 i64 u32);

/// Summed in f64: a million additions lose less than one rounding to f32.
macro_rules! shorter_floats {
    ($($t:ty)*) => {$(
        impl Number for $t {
            type Running = f64;
            const NONE: f64 = 0.0;
            #[inline(always)]
            fn start(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn plus(sum: &mut f64, _: &mut f64, x: $t) {
                *sum += f64::from(x);
            }
            #[inline(always)]
            fn value(sum: f64, _: f64) -> $t {
                <$t>::rounded(sum)
            }
        }
    )*};
}

shorter_floats!(bf16 f32);

/// Summed with the rounding error of each addition (Knuth).
impl Number for f64 {
    type Running = f64;
    const NONE: f64 = 0.0;
    #[inline(always)]
    fn start(self) -> f64 {
        self
    }
    #[inline(always)]
    fn plus(sum: &mut f64, lost: &mut f64, x: f64) {
        let next = *sum + x;
        let back = next - *sum;
        *lost += (*sum - (next - back)) + (x - back);
        *sum = next;
    }
    #[inline(always)]
    fn value(sum: f64, lost: f64) -> f64 {
        // An infinite sum has NaN as its error; the sum itself is right then.
        if lost.is_finite() { sum + lost } else { sum }
    }
}

#[derive(Debug)]
pub(super) struct CumSum {
    axis: Axis,
    number: NumberType,
    reverse: bool,
}

impl CumSum {
    pub fn new(x: &Type, axis: usize, reverse: bool) -> CumSum {
        CumSum {
            axis: Axis::of(x, axis),
            number: number_type(x.dtype),
            reverse,
        }
    }
}

impl Kernel for CumSum {
    const NAME: &'static str = "cumsum";

    fn forecast(&self, _in_place: InPlace) -> StepForecast {
        let dtype = self.number.dtype();
        let elements = self.axis.lines() * self.axis.n;
        StepForecast::moving(dtype, 2 * elements * dtype.size())
            .with(Work::Reduction, self.axis.joined())
    }

    unsafe fn run(&self, arrays: &Arrays<'_>) -> Result<()> {
        let (x, out) = (arrays.operand(0).start(), arrays.result(0).start());
        // SAFETY: by the caller.
        unsafe { by_number!(self.number, T => cumsum::<T>(self.axis, self.reverse, x, out)) }
        Ok(())
    }
}

/// The most adjacent lines that run together.
/// With fewer, each row would touch another page of memory for as little work.
const LINES: usize = 1024;
/// The fewest elements of a piece of work, and the fewest for which other threads are woken.
const PIECE: usize = 100_000;
const WORTH_WAKING: usize = 500_000;

unsafe fn cumsum<T: Number>(axis: Axis, reverse: bool, x: *mut u8, out: *mut u8) {
    let Axis { outer, n, inner } = axis;
    let elements = axis.lines() * n;
    if elements == 0 {
        return;
    }
    let across = inner.div_ceil(LINES);
    let jobs = outer * across;
    let pieces = Pieces::power_of_two((elements / PIECE).min(jobs), elements >= WORTH_WAKING);
    let (x, out) = (Shared(x), Shared(out));
    pool::each(pieces, &|piece| {
        for job in jobs * piece / pieces.count..jobs * (piece + 1) / pieces.count {
            let (o, first) = (job / across, job % across * LINES);
            let from = o * n * inner + first;
            // SAFETY: positions lie within outer · n · inner elements, which both arrays have by the caller,
            // and jobs write different lines; the machine has its best level.
            unsafe {
                let lines = Lines {
                    x: x.get().cast_const().cast::<T>().add(from),
                    out: out.get().cast::<T>().add(from),
                    n,
                    step: inner,
                    count: LINES.min(inner - first),
                    reverse,
                };
                if lines.count == 1 {
                    lines.one();
                } else {
                    at_level(Isa::best(), lines);
                }
            }
        }
    });
}

/// Lines of `n` elements, `step` apart, whose first elements are adjacent.
struct Lines<T> {
    x: *const T,
    out: *mut T,
    n: usize,
    step: usize,
    count: usize,
    reverse: bool,
}

impl<T: Number> Lines<T> {
    /// The position of row `i` in the order of the sums.
    #[inline(always)]
    fn row(&self, i: usize) -> usize {
        let i = if self.reverse { self.n - 1 - i } else { i };
        i * self.step
    }

    /// The cumulative sum of one line.
    ///
    /// # Safety
    /// Both arrays have the line's elements, at least one.
    unsafe fn one(&self) {
        // SAFETY: by the caller.
        unsafe {
            let first = self.x.add(self.row(0)).read();
            let (mut sum, mut lost) = (first.start(), T::NONE);
            self.out.add(self.row(0)).write(first);
            for i in 1..self.n {
                let at = self.row(i);
                T::plus(&mut sum, &mut lost, self.x.add(at).read());
                self.out.add(at).write(T::value(sum, lost));
            }
        }
    }
}

impl<T: Number> AtLevel for Lines<T> {
    /// # Safety
    /// Both arrays have the elements of these lines,
    /// at least one of each and at most [`LINES`] lines, and do not overlap.
    #[inline(always)]
    unsafe fn run<const FMA: bool>(self) {
        let (mut sums, mut lost) = (Sums::new(), Sums::new());
        let sums = sums.first(self.count, T::NONE);
        let lost = lost.first(self.count, T::NONE);
        for i in 0..self.n {
            let at = self.row(i);
            // SAFETY: by the caller.
            let (x, out) = unsafe {
                (
                    std::slice::from_raw_parts(self.x.add(at), self.count),
                    std::slice::from_raw_parts_mut(self.out.add(at), self.count),
                )
            };
            if i == 0 {
                begin(sums, x, out);
            } else {
                go_on(sums, lost, x, out);
            }
        }
    }
}

/// Room for the sums of [`LINES`] lines, aligned to a cache line,
/// because otherwise half of all vectors would cross two.
#[repr(align(64))]
struct Sums<R>([MaybeUninit<R>; LINES]);

impl<R: Copy> Sums<R> {
    #[inline(always)]
    fn new() -> Sums<R> {
        Sums([const { MaybeUninit::uninit() }; LINES])
    }

    /// The first `count` sums, all set to `value`: a few lines need not initialise the rest.
    #[inline(always)]
    fn first(&mut self, count: usize, value: R) -> &mut [R] {
        let sums = &mut self.0[..count];
        for sum in &mut *sums {
            sum.write(value);
        }
        // SAFETY: all of them have just been written.
        unsafe { std::slice::from_raw_parts_mut(sums.as_mut_ptr().cast(), count) }
    }
}

#[inline(always)]
fn begin<T: Number>(sums: &mut [T::Running], x: &[T], out: &mut [T]) {
    for (sum, &x) in sums.iter_mut().zip(x) {
        *sum = x.start();
    }
    out.copy_from_slice(x);
}

#[inline(always)]
fn go_on<T: Number>(sums: &mut [T::Running], lost: &mut [T::Running], x: &[T], out: &mut [T]) {
    for (((sum, lost), &x), out) in sums.iter_mut().zip(lost).zip(x).zip(out) {
        T::plus(sum, lost, x);
        *out = T::value(*sum, *lost);
    }
}
