//! Loops of functions that have a shorter computation for usual operands.
//!
//! Most exponentials are normal numbers, and most logarithms are of normal numbers. Without the steps for overflow,
//! subnormal numbers and limits, these functions take half the time.

use super::Kernel;
use super::isa::{Isa, LANES, Lane, padded};

/// A function of one element with a shorter computation for usual operands.
pub(super) trait Usual: Lane {
    fn is_usual(x: Self::A) -> bool;
    /// The result for a usual operand, with the same bits as `apply` gives.
    fn apply_usual<const FMA: bool>(x: Self::A) -> Self::Out;
}

/// Elements that are computed by the shorter computation together, or by none of them.
const CHUNK: usize = 8 * LANES;

/// Computes whole vectors of elements.
#[inline(always)]
fn chunk<L: Usual<B = (), C = ()>, const FMA: bool>(a: &[L::A], out: &mut [L::Out]) {
    let mut all_usual = true;
    for &x in a {
        all_usual &= L::is_usual(x);
    }
    let n = a.len().min(out.len());
    if all_usual {
        for i in 0..n {
            out[i] = L::apply_usual::<FMA>(a[i]);
        }
    } else {
        for i in 0..n {
            out[i] = L::apply::<FMA>(a[i], (), ());
        }
    }
}

#[inline(always)]
unsafe fn run_usual<L: Usual<B = (), C = ()>, const FMA: bool>(
    a: *const u8,
    out: *mut u8,
    n: usize,
) {
    use std::ptr::copy_nonoverlapping;
    let (a, out) = (a.cast::<L::A>(), out.cast::<L::Out>());
    if n == 1 {
        // SAFETY: the caller's operand and result hold an element.
        unsafe { out.write(one_usual::<L, FMA>(a.read())) };
        return;
    }
    // The last few elements pass through a block of lanes of their own.
    let mut x = [L::FILL.0; LANES];
    let mut r = [L::ZERO; LANES];
    let mut i = 0;
    while i < n {
        let left = n - i;
        let m = (left - left % LANES).min(CHUNK);
        // SAFETY: the caller's operand and result hold `n` elements and do not overlap; from `i` on there are `left`.
        unsafe {
            let (from, to, m) = if m > 0 {
                (a.add(i), out.add(i), m)
            } else {
                copy_nonoverlapping(a.add(i), x.as_mut_ptr(), left);
                (x.as_ptr(), r.as_mut_ptr(), padded(left))
            };
            let from = std::slice::from_raw_parts(from, m);
            chunk::<L, FMA>(from, std::slice::from_raw_parts_mut(to, m));
            if left < LANES {
                copy_nonoverlapping(r.as_ptr(), out.add(i), left);
            }
        }
        i += if m > 0 { m } else { left };
    }
}

#[inline(always)]
fn one_usual<L: Usual<B = (), C = ()>, const FMA: bool>(x: L::A) -> L::Out {
    if L::is_usual(x) {
        L::apply_usual::<FMA>(x)
    } else {
        L::apply::<FMA>(x, (), ())
    }
}

unsafe fn portable_usual<L: Usual<B = (), C = ()>>(
    a: *const u8,
    _: *const u8,
    _: *const u8,
    out: *mut u8,
    n: usize,
) {
    // SAFETY: by the caller.
    unsafe { run_usual::<L, { cfg!(target_arch = "aarch64") }>(a, out, n) };
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2_usual<L: Usual<B = (), C = ()>>(
    a: *const u8,
    _: *const u8,
    _: *const u8,
    out: *mut u8,
    n: usize,
) {
    // SAFETY: by the caller.
    unsafe { run_usual::<L, true>(a, out, n) };
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512vl,avx512bw")]
unsafe fn avx512_usual<L: Usual<B = (), C = ()>>(
    a: *const u8,
    _: *const u8,
    _: *const u8,
    out: *mut u8,
    n: usize,
) {
    // SAFETY: by the caller.
    unsafe { run_usual::<L, true>(a, out, n) };
}

/// The loop of `L` with its shorter computation for this level.
pub(super) fn usual<L: Usual<B = (), C = ()>>(isa: Isa) -> Kernel {
    match isa {
        Isa::Portable => portable_usual::<L>,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2_usual::<L>,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512_usual::<L>,
    }
}

/// The loop of a function that has a shorter computation for usual operands.
macro_rules! with_usual {
    ($isa:expr, $t:ident, |$x:ident, $fma:ident| $usual:expr => $short:expr, else $body:expr) => {{
        struct L;
        impl $crate::kernels::isa::Lane for L {
            type A = $t;
            type B = ();
            type C = ();
            type Out = $t;
            const ARITY: usize = 1;
            const FILL: ($t, (), ()) = (1.0, (), ());
            const ZERO: $t = 0.0;
            #[inline(always)]
            fn apply<const $fma: bool>($x: $t, _: (), _: ()) -> $t {
                $body
            }
        }
        impl $crate::kernels::usual::Usual for L {
            #[inline(always)]
            fn is_usual($x: $t) -> bool {
                $usual
            }
            #[inline(always)]
            fn apply_usual<const $fma: bool>($x: $t) -> $t {
                $short
            }
        }
        $crate::kernels::usual::usual::<L>($isa)
    }};
}

pub(super) use with_usual;

#[cfg(test)]
mod tests {
    use super::super::floats;
    use super::*;
    use gradus_ir::ComputeFloat;
    use gradus_ir::primitives::FloatUnary;

    /// Results by the loop over all elements, and by one call for each.
    fn both<T: Copy>(kernel: Kernel, x: &[T]) -> (Vec<T>, Vec<T>) {
        let run = |x: &[T]| {
            let mut out = x.to_vec();
            let unused = std::ptr::null();
            // SAFETY: operand and result both have `x.len()` elements, and the kernel reads no other operand.
            unsafe {
                kernel(
                    x.as_ptr().cast(),
                    unused,
                    unused,
                    out.as_mut_ptr().cast(),
                    x.len(),
                );
            }
            out
        };
        (run(x), x.iter().flat_map(|x| run(&[*x])).collect())
    }

    macro_rules! same_bits {
        ($test:ident, $float:ident, $compute:expr) => {
            #[test]
            fn $test() {
                // Beside usual operands there are some at every limit, in chunks of their own and in mixed ones.
                let limits = [
                    0.0,
                    -0.0,
                    -1.0,
                    87.0,
                    88.5,
                    -88.0,
                    -104.0,
                    708.0,
                    709.5,
                    -709.0,
                    -746.0,
                    1e5,
                    1.5e5,
                    2e9,
                    $float::MIN_POSITIVE,
                    $float::MIN_POSITIVE / 8.0,
                    $float::MAX,
                    $float::INFINITY,
                    $float::NEG_INFINITY,
                    $float::NAN,
                ];
                let functions = [
                    FloatUnary::Exp,
                    FloatUnary::Log,
                    FloatUnary::Sin,
                    FloatUnary::Cos,
                    FloatUnary::Tan,
                ];
                for isa in Isa::available() {
                    for (op, n) in functions
                        .into_iter()
                        .flat_map(|op| [2, 31, 32, 100, 256, 257, 600].map(|n| (op, n)))
                    {
                        let kernel = floats::unary(op, $compute, isa);
                        let mut x: Vec<$float> = (0..n)
                            .map(|i| 0.01 + (i * 37 % 101) as $float * 0.07)
                            .collect();
                        for step in [usize::MAX, 300, 90, 7] {
                            for i in (step / 2..n).step_by(step) {
                                x[i] = limits[i % limits.len()];
                            }
                            let (together, alone) = both(kernel, &x);
                            for ((x, a), b) in x.iter().zip(together).zip(alone) {
                                let same = a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
                                assert!(same, "{op:?} of {x:e}, {n} together: {a:e}, alone: {b:e}");
                            }
                        }
                    }
                }
            }
        };
    }

    same_bits!(f32_has_the_same_bits_in_any_chunk, f32, ComputeFloat::F32);
    same_bits!(f64_has_the_same_bits_in_any_chunk, f64, ComputeFloat::F64);
}
