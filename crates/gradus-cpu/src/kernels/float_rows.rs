//! Reductions of rows of floats in vector registers.
//!
//! The lanes of a row are joined a vector at a time, until one vector is left. With each further join half of it would
//! be idle, so the vectors of eight rows of f32, or of four rows in f64, are joined together.
//! All numbers are joined in the order of [`reduce`](super::reduce).

use super::fold::RowsKernel;
use super::reduce::WIDTH;
use super::vector::Vector;
use gradus_ir::DType;
use gradus_ir::primitives::ReduceKind;
use std::arch::x86_64::*;

/// The kernel of this kind of reduction to results of type `result`, if that is a float that is not widened.
/// The processor must have AVX2.
pub(super) fn rows_kernel(kind: ReduceKind, result: DType) -> Option<RowsKernel> {
    Some(match (result, kind) {
        (DType::F32, ReduceKind::Sum) => run::<Widened, Sum>,
        (DType::F32, ReduceKind::Prod) => run::<Widened, Product>,
        (DType::F32, ReduceKind::Max) => run::<Single, Largest>,
        (DType::F32, ReduceKind::Min) => run::<Single, Smallest>,
        (DType::F64, ReduceKind::Sum) => run::<Double, Sum>,
        (DType::F64, ReduceKind::Prod) => run::<Double, Product>,
        (DType::F64, ReduceKind::Max) => run::<Double, Largest>,
        (DType::F64, ReduceKind::Min) => run::<Double, Smallest>,
        (DType::BF16 | DType::I32 | DType::I64 | DType::U32 | DType::Bool, _) => return None,
    })
}

/// The most vectors of [`WIDTH`] lanes.
const MOST: usize = WIDTH / 4;
/// Any number of vectors in a row.
const ANY: usize = 0;

unsafe fn run<R: Row, J: Join>(source: *const u8, rows: usize, n: usize, out: *mut u8) {
    #[target_feature(enable = "avx2,fma")]
    unsafe fn each<R: Row, J: Join, const VECTORS: usize>(
        source: *const u8,
        (rows, n): (usize, usize),
        out: *mut u8,
    ) {
        // SAFETY: by the caller.
        unsafe { each_row::<R, J, VECTORS>(source.cast(), (rows, n), out.cast()) }
    }
    let size = (rows, n);
    // SAFETY: by the caller; the kernel is chosen for processors with AVX2.
    unsafe {
        // Short rows have their number of vectors as a constant.
        match n.div_ceil(<R::Lanes as Vector>::LANES) {
            1 => each::<R, J, 1>(source, size, out),
            2 => each::<R, J, 2>(source, size, out),
            3 => each::<R, J, 3>(source, size, out),
            4 => each::<R, J, 4>(source, size, out),
            _ => each::<R, J, ANY>(source, size, out),
        }
    }
}

/// Reduces `rows` adjacent rows of `n` elements.
///
/// # Safety
/// See [`RowsKernel`]; the processor has AVX2; a row has `VECTORS` vectors, the last of which may be shorter.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "iterators are not inlined into functions for other instructions"
)]
unsafe fn each_row<R: Row, J: Join, const VECTORS: usize>(
    mut x: *const Element<R>,
    (mut rows, n): (usize, usize),
    mut out: *mut Element<R>,
) {
    let lanes = R::Lanes::LANES;
    let vectors = if VECTORS == ANY {
        n.div_ceil(lanes)
    } else {
        VECTORS
    };
    // SAFETY: by the caller; row `k` begins `k·n` elements after the first.
    unsafe {
        let last = Last::<R::Lanes>::new::<J>(n - (vectors - 1) * lanes);
        while rows >= R::TOGETHER {
            let mut ends = [R::End::zero(); 8];
            for k in 0..R::TOGETHER {
                ends[k] = R::end::<J>(lanes_of::<_, J, VECTORS>(x.add(k * n), vectors, &last));
            }
            R::finish::<J>(&ends, out);
            rows -= R::TOGETHER;
            (x, out) = (x.add(R::TOGETHER * n), out.add(R::TOGETHER));
        }
        if rows > 0 {
            let mut ends = [R::End::zero(); 8];
            for k in 0..rows {
                ends[k] = R::end::<J>(lanes_of::<_, J, VECTORS>(x.add(k * n), vectors, &last));
            }
            let mut results = [R::Lanes::neutral::<J>(); 8];
            R::finish::<J>(&ends, results.as_mut_ptr());
            std::ptr::copy_nonoverlapping(results.as_ptr(), out, rows);
        }
    }
}

/// The last vector of a row.
struct Last<V> {
    /// The number of its elements.
    n: usize,
    /// Zeros in the lanes of its elements, and numbers that change nothing in all others.
    others: V,
}

impl<V: Lanes> Last<V> {
    #[inline(always)]
    unsafe fn new<J: Join>(n: usize) -> Last<V> {
        let mut others = [V::neutral::<J>(); 8];
        others[..n].fill(V::ZERO);
        // SAFETY: by the caller.
        let others = unsafe { V::load(others.as_ptr()) };
        Last { n, others }
    }

    #[inline(always)]
    unsafe fn load(&self, from: *const V::Element) -> V {
        // SAFETY: by the caller.
        unsafe { V::or(V::load_first(from, self.n), self.others) }
    }
}

/// The lanes of one row, in some vectors: each joins the elements that are [`WIDTH`] apart.
///
/// # Safety
/// The row has `vectors` vectors, which are `VECTORS` unless they are any number.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "iterators are not inlined into functions for other instructions"
)]
unsafe fn lanes_of<V: Lanes, J: Join, const VECTORS: usize>(
    x: *const V::Element,
    vectors: usize,
    last: &Last<V>,
) -> ([V; MOST], usize) {
    let wide = WIDTH / V::LANES;
    // SAFETY: by the caller.
    unsafe {
        let mut lanes = [V::all(V::neutral::<J>()); MOST];
        if VECTORS != ANY {
            for k in 0..VECTORS - 1 {
                lanes[k] = V::load(x.add(k * V::LANES));
            }
            lanes[VECTORS - 1] = last.load(x.add((VECTORS - 1) * V::LANES));
            return (lanes, VECTORS);
        }
        let mut done = 0;
        while done + wide < vectors {
            for k in 0..wide {
                lanes[k] = V::join::<J>(lanes[k], V::load(x.add((done + k) * V::LANES)));
            }
            done += wide;
        }
        for k in 0..wide {
            let from = x.wrapping_add((done + k) * V::LANES);
            if done + k + 1 < vectors {
                lanes[k] = V::join::<J>(lanes[k], V::load(from));
            } else if done + k + 1 == vectors {
                lanes[k] = V::join::<J>(lanes[k], last.load(from));
            }
        }
        (lanes, wide)
    }
}

/// Joins vectors until one is left: the first half with the second half, and again.
#[inline(always)]
unsafe fn halve<V: Lanes, J: Join>((mut lanes, mut left): ([V; MOST], usize)) -> V {
    let mut width = MOST / 2;
    while width > 0 {
        for k in 0..width {
            if k + width < left {
                // SAFETY: by the caller.
                lanes[k] = unsafe { V::join::<J>(lanes[k], lanes[k + width]) };
            }
        }
        (left, width) = (left.min(width), width / 2);
    }
    lanes[0]
}

/// A vector whose lanes are joined.
trait Lanes: Vector {
    const ZERO: Self::Element;
    /// The number that changes nothing.
    fn neutral<J: Join>() -> Self::Element;
    unsafe fn join<J: Join>(a: Self, b: Self) -> Self;
    unsafe fn or(a: Self, b: Self) -> Self;
}

macro_rules! lanes {
    ($v:ty, $t:ty, $join:ident, $or:ident) => {
        impl Lanes for $v {
            const ZERO: $t = 0.0;
            #[inline(always)]
            fn neutral<J: Join>() -> $t {
                J::NEUTRAL as $t
            }
            #[inline(always)]
            unsafe fn join<J: Join>(a: Self, b: Self) -> Self {
                // SAFETY: by the caller.
                unsafe { J::$join(a, b) }
            }
            #[inline(always)]
            unsafe fn or(a: Self, b: Self) -> Self {
                // SAFETY: by the caller.
                unsafe { $or(a, b) }
            }
        }
    };
}

lanes!(__m256, f32, single, _mm256_or_ps);
lanes!(__m256d, f64, double, _mm256_or_pd);

/// How two numbers become one, in lanes of both types. All functions need AVX2.
trait Join {
    /// Joined to a number, it changes at most the sign of a zero.
    const NEUTRAL: f64;
    unsafe fn single(a: __m256, b: __m256) -> __m256;
    unsafe fn double(a: __m256d, b: __m256d) -> __m256d;
}

struct Sum;
struct Product;
/// NaN if one of the numbers is.
struct Largest;
struct Smallest;

macro_rules! joins {
    ($($join:ty, $neutral:expr, |$a:ident, $b:ident| $single:expr, $double:expr;)*) => {$(
        impl Join for $join {
            const NEUTRAL: f64 = $neutral;
            #[inline(always)]
            unsafe fn single($a: __m256, $b: __m256) -> __m256 {
                // SAFETY: by the caller.
                unsafe { $single }
            }
            #[inline(always)]
            unsafe fn double($a: __m256d, $b: __m256d) -> __m256d {
                // SAFETY: by the caller.
                unsafe { $double }
            }
        }
    )*};
}

joins!(
    Sum, 0.0, |a, b| _mm256_add_ps(a, b), _mm256_add_pd(a, b);
    Product, 1.0, |a, b| _mm256_mul_ps(a, b), _mm256_mul_pd(a, b);
    Largest, f64::NEG_INFINITY, |a, b| nan_or(a, _mm256_max_ps(a, b)), nan_or_double(a, _mm256_max_pd(a, b));
    Smallest, f64::INFINITY, |a, b| nan_or(a, _mm256_min_ps(a, b)), nan_or_double(a, _mm256_min_pd(a, b));
);

/// In lanes where `a` is NaN, `a`, and `b` in all others. The instructions for the larger and the smaller number give
/// the second one if one of them is NaN.
#[inline(always)]
unsafe fn nan_or(a: __m256, b: __m256) -> __m256 {
    // SAFETY: by the caller.
    unsafe { _mm256_blendv_ps(b, a, _mm256_cmp_ps::<_CMP_UNORD_Q>(a, a)) }
}

#[inline(always)]
unsafe fn nan_or_double(a: __m256d, b: __m256d) -> __m256d {
    // SAFETY: by the caller.
    unsafe { _mm256_blendv_pd(b, a, _mm256_cmp_pd::<_CMP_UNORD_Q>(a, a)) }
}

/// A type of rows, and the type in which their lanes are joined. All functions need AVX2.
trait Row {
    type Lanes: Lanes;
    /// The last vector of a row.
    type End: Vector;
    /// The number of rows whose last vectors are joined together.
    const TOGETHER: usize;
    unsafe fn end<J: Join>(lanes: ([Self::Lanes; MOST], usize)) -> Self::End;
    /// Writes the results of the rows that have these last vectors.
    unsafe fn finish<J: Join>(ends: &[Self::End; 8], out: *mut Element<Self>);
}

type Element<R> = <<R as Row>::Lanes as Vector>::Element;

/// Rows of f32, joined in f32.
struct Single;

impl Row for Single {
    type Lanes = __m256;
    type End = __m256;
    const TOGETHER: usize = 8;

    #[inline(always)]
    unsafe fn end<J: Join>(lanes: ([__m256; MOST], usize)) -> __m256 {
        // SAFETY: by the caller.
        unsafe { halve::<_, J>(lanes) }
    }

    #[inline(always)]
    unsafe fn finish<J: Join>(ends: &[__m256; 8], out: *mut f32) {
        // SAFETY: by the caller.
        unsafe {
            // Lanes 0 to 3 with lanes 4 to 7 of rows k and k + 4.
            let mut halves = [_mm256_setzero_ps(); 4];
            for k in 0..4 {
                let low = _mm256_permute2f128_ps::<0x20>(ends[k], ends[k + 4]);
                let high = _mm256_permute2f128_ps::<0x31>(ends[k], ends[k + 4]);
                halves[k] = J::single(low, high);
            }
            // Then the first two of four with the last two, of two rows each, and the first with the second.
            let mut pairs = [_mm256_setzero_ps(); 2];
            for k in 0..2 {
                let (a, b) = (halves[2 * k], halves[2 * k + 1]);
                let low = _mm256_shuffle_ps::<0x44>(a, b);
                pairs[k] = J::single(low, _mm256_shuffle_ps::<0xEE>(a, b));
            }
            let low = _mm256_shuffle_ps::<0x88>(pairs[0], pairs[1]);
            let high = _mm256_shuffle_ps::<0xDD>(pairs[0], pairs[1]);
            _mm256_storeu_ps(out, J::single(low, high));
        }
    }
}

/// Rows of f64.
struct Double;

impl Row for Double {
    type Lanes = __m256d;
    type End = __m256d;
    const TOGETHER: usize = 4;

    #[inline(always)]
    unsafe fn end<J: Join>(lanes: ([__m256d; MOST], usize)) -> __m256d {
        // SAFETY: by the caller.
        unsafe { halve::<_, J>(lanes) }
    }

    #[inline(always)]
    unsafe fn finish<J: Join>(ends: &[__m256d; 8], out: *mut f64) {
        // SAFETY: by the caller.
        unsafe { _mm256_storeu_pd(out, results::<J>(ends)) };
    }
}

/// Rows of f32, whose lanes are joined in f64.
struct Widened;

impl Row for Widened {
    type Lanes = __m256;
    type End = __m256d;
    const TOGETHER: usize = 4;

    #[inline(always)]
    unsafe fn end<J: Join>((lanes, n): ([__m256; MOST], usize)) -> __m256d {
        // SAFETY: by the caller.
        unsafe {
            let mut wide = [_mm256_setzero_pd(); MOST];
            for k in 0..n {
                wide[2 * k] = _mm256_cvtps_pd(_mm256_castps256_ps128(lanes[k]));
                wide[2 * k + 1] = _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(lanes[k]));
            }
            halve::<_, J>((wide, 2 * n))
        }
    }

    #[inline(always)]
    unsafe fn finish<J: Join>(ends: &[__m256d; 8], out: *mut f32) {
        // SAFETY: by the caller.
        unsafe { _mm_storeu_ps(out, _mm256_cvtpd_ps(results::<J>(ends))) };
    }
}

/// The results of four rows with these last vectors.
#[inline(always)]
unsafe fn results<J: Join>(ends: &[__m256d; 8]) -> __m256d {
    // SAFETY: by the caller.
    unsafe {
        // Lanes 0 and 1 with lanes 2 and 3 of rows k and k + 2, and then the first with the second.
        let mut halves = [_mm256_setzero_pd(); 2];
        for k in 0..2 {
            let low = _mm256_permute2f128_pd::<0x20>(ends[k], ends[k + 2]);
            let high = _mm256_permute2f128_pd::<0x31>(ends[k], ends[k + 2]);
            halves[k] = J::double(low, high);
        }
        let low = _mm256_unpacklo_pd(halves[0], halves[1]);
        let joined = J::double(low, _mm256_unpackhi_pd(halves[0], halves[1]));
        // A sum begins with 0, so it is not -0.
        J::double(_mm256_set1_pd(J::NEUTRAL), joined)
    }
}
