//! Totals of many sums side by side, in higher precision than the sums: adding partial sums of a few dozen numbers
//! is then as exact as a short sum.

use super::isa::{AtLevel, Isa, at_level};
use super::{Rounded, by_compute_float, by_float};
use gradus_ir::{ComputeFloat, FloatType};

/// Bytes of a total: the sum, and its rounding error.
pub(crate) const TOTAL_BYTES: usize = 2 * size_of::<f64>();

/// The number of products that [`add_dot_to_total`] sums in lanes before it adds them to the total,
/// so that a lane sums sixteen.
const PRODUCTS: usize = 1024;
const LANES: usize = 64;

/// Adds `n` sums of type `float` to totals: `n` sums in f64, followed by their rounding errors so far.
///
/// # Safety
/// `sums` points to `n` numbers of the type, `totals` to `2n` initialised numbers.
pub(crate) unsafe fn add_to_totals(
    float: ComputeFloat,
    sums: *const u8,
    totals: *mut f64,
    n: usize,
) {
    // SAFETY: by the caller; the machine has its best level.
    unsafe {
        let (total, lost) = std::slice::from_raw_parts_mut(totals, 2 * n).split_at_mut(n);
        match float {
            ComputeFloat::F32 => {
                let sums = std::slice::from_raw_parts(sums.cast::<f32>(), n);
                at_level(Isa::best(), AddSingles { sums, total });
            }
            ComputeFloat::F64 => {
                let sums = std::slice::from_raw_parts(sums.cast::<f64>(), n);
                at_level(Isa::best(), AddDoubles { sums, total, lost });
            }
        }
    }
}

struct AddSingles<'a> {
    sums: &'a [f32],
    total: &'a mut [f64],
}

impl AtLevel for AddSingles<'_> {
    #[inline(always)]
    unsafe fn run<const FMA: bool>(self) {
        // f64 has enough precision for millions of them.
        for (total, &x) in self.total.iter_mut().zip(self.sums) {
            *total += f64::from(x);
        }
    }
}

struct AddDoubles<'a> {
    sums: &'a [f64],
    total: &'a mut [f64],
    lost: &'a mut [f64],
}

impl AtLevel for AddDoubles<'_> {
    #[inline(always)]
    unsafe fn run<const FMA: bool>(self) {
        for ((total, lost), &x) in self.total.iter_mut().zip(self.lost).zip(self.sums) {
            add_with_error(total, lost, x);
        }
    }
}

/// Knuth's exact sum: the total and its error.
#[inline(always)]
fn add_with_error(total: &mut f64, lost: &mut f64, x: f64) {
    let next = *total + x;
    let back = next - *total;
    *lost += (*total - (next - back)) + (x - back);
    *total = next;
}

/// Adds the products of `n` pairs of adjacent floats to one total.
///
/// # Safety
/// `left` and `right` point to `n` numbers of type `float`,
/// `total` to two numbers: the sum, and its rounding error.
pub(crate) unsafe fn add_dot_to_total(
    float: ComputeFloat,
    left: *const u8,
    right: *const u8,
    n: usize,
    total: *mut f64,
) {
    // SAFETY: by the caller; the machine has its best level.
    unsafe {
        let total = &mut *total.cast::<[f64; 2]>();
        by_compute_float!(float, T => {
            let left = std::slice::from_raw_parts(left.cast::<T>(), n);
            let right = std::slice::from_raw_parts(right.cast::<T>(), n);
            at_level(Isa::best(), Dot { left, right, total });
        });
    }
}

struct Dot<'a, T> {
    left: &'a [T],
    right: &'a [T],
    total: &'a mut [f64; 2],
}

/// `sum + x · y`, rounded once if the processor can.
trait Multiply: Copy + Into<f64> {
    const ZERO: Self;
    fn multiply_add<const FMA: bool>(x: Self, y: Self, sum: Self) -> Self;
}

macro_rules! multiply {
    ($($t:ty)*) => {$(
        impl Multiply for $t {
            const ZERO: $t = 0.0;
            #[inline(always)]
            fn multiply_add<const FMA: bool>(x: $t, y: $t, sum: $t) -> $t {
                if FMA { x.mul_add(y, sum) } else { x * y + sum }
            }
        }
    )*};
}

multiply!(f32 f64);

impl<T: Multiply> AtLevel for Dot<'_, T> {
    #[inline(always)]
    unsafe fn run<const FMA: bool>(self) {
        let [mut total, mut lost] = *self.total;
        for (left, right) in self.left.chunks(PRODUCTS).zip(self.right.chunks(PRODUCTS)) {
            let (left, last_left) = left.as_chunks::<LANES>();
            let (right, last_right) = right.as_chunks::<LANES>();
            let mut sums = [T::ZERO; LANES];
            for (x, y) in left.iter().zip(right) {
                for j in 0..LANES {
                    sums[j] = T::multiply_add::<FMA>(x[j], y[j], sums[j]);
                }
            }
            for ((sum, &x), &y) in sums.iter_mut().zip(last_left).zip(last_right) {
                *sum = T::multiply_add::<FMA>(x, y, *sum);
            }
            let mut sums: [f64; LANES] = sums.map(T::into);
            let mut width = LANES / 2;
            while width > 0 {
                for j in 0..width {
                    sums[j] += sums[j + width];
                }
                width /= 2;
            }
            add_with_error(&mut total, &mut lost, sums[0]);
        }
        *self.total = [total, lost];
    }
}

/// Rounds the totals to `n` numbers of type `float`.
///
/// # Safety
/// `totals` come from [`add_to_totals`]; `out` has room for `n` numbers of the type.
pub(crate) unsafe fn finish_totals(float: FloatType, totals: *const f64, n: usize, out: *mut u8) {
    // SAFETY: by the caller.
    unsafe {
        for i in 0..n {
            let value = total(totals, n, i);
            by_float!(float, T => out.cast::<T>().add(i).write(T::rounded(value)));
        }
    }
}

/// Total `i` of `n`.
///
/// # Safety
/// See [`finish_totals`], and `i < n`.
pub(crate) unsafe fn total(totals: *const f64, n: usize, i: usize) -> f64 {
    // SAFETY: by the caller.
    let (sum, lost) = unsafe { (totals.add(i).read(), totals.add(n + i).read()) };
    // An infinite sum has NaN as its error; the sum itself is right then.
    if lost.is_finite() { sum + lost } else { sum }
}

/// Adds totals to other totals.
///
/// # Safety
/// Both are `n` totals of [`add_to_totals`].
pub(crate) unsafe fn merge_totals(from: *const f64, totals: *mut f64, n: usize) {
    // SAFETY: by the caller.
    unsafe {
        add_to_totals(ComputeFloat::F64, from.cast(), totals, n);
        for i in n..2 * n {
            totals
                .add(i)
                .write(totals.add(i).read() + from.add(i).read());
        }
    }
}
