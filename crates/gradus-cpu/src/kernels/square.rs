//! Squares of a matrix that are transposed in vector registers.

use std::arch::x86_64::*;

/// An element by its width alone: it is moved, whatever it means. No address need be a multiple of it.
///
/// # Safety
/// The processor has AVX2.
pub(super) trait Square: Copy {
    /// Rows and columns of a square.
    const SIDE: usize;

    /// Writes a square with rows and columns exchanged. `row` is the address of each row;
    /// the rows of the result are `to_step` bytes apart.
    ///
    /// # Safety
    /// The rows and `to` hold the square and do not overlap.
    unsafe fn turn(row: impl Fn(usize) -> *const Self, to: *mut Self, to_step: usize);
}

// Closures with registers would not be inlined into the code that has the instructions, so there are loops.

impl Square for u8 {
    const SIDE: usize = 8;

    #[inline(always)]
    unsafe fn turn(row: impl Fn(usize) -> *const u8, to: *mut u8, to_step: usize) {
        // SAFETY: by the caller; each register holds eight elements of one row, then two columns.
        unsafe {
            let mut pairs = [_mm_setzero_si128(); 4];
            for (i, pair) in pairs.iter_mut().enumerate() {
                let (upper, lower) = (row(2 * i), row(2 * i + 1));
                *pair =
                    _mm_unpacklo_epi8(_mm_loadl_epi64(upper.cast()), _mm_loadl_epi64(lower.cast()));
            }
            let [a, b, c, d] = pairs;
            let (a, b) = (_mm_unpacklo_epi16(a, b), _mm_unpackhi_epi16(a, b));
            let (c, d) = (_mm_unpacklo_epi16(c, d), _mm_unpackhi_epi16(c, d));
            let columns = [
                _mm_unpacklo_epi32(a, c),
                _mm_unpackhi_epi32(a, c),
                _mm_unpacklo_epi32(b, d),
                _mm_unpackhi_epi32(b, d),
            ];
            for (i, two) in columns.into_iter().enumerate() {
                let column = to.byte_add(2 * i * to_step);
                _mm_storel_epi64(column.cast(), two);
                _mm_storeh_pd(column.byte_add(to_step).cast(), _mm_castsi128_pd(two));
            }
        }
    }
}

impl Square for u16 {
    const SIDE: usize = 8;

    #[inline(always)]
    unsafe fn turn(row: impl Fn(usize) -> *const u16, to: *mut u16, to_step: usize) {
        // SAFETY: by the caller; each register holds one row, then one column.
        unsafe {
            let mut pairs = [[_mm_setzero_si128(); 2]; 4];
            for (i, pair) in pairs.iter_mut().enumerate() {
                let (upper, lower) = (row(2 * i), row(2 * i + 1));
                let (a, b) = (_mm_loadu_si128(upper.cast()), _mm_loadu_si128(lower.cast()));
                *pair = [_mm_unpacklo_epi16(a, b), _mm_unpackhi_epi16(a, b)];
            }
            let [p, q, r, s] = pairs;
            for half in [0, 1] {
                let (a, b, c, d) = (p[half], q[half], r[half], s[half]);
                let fours = [
                    (_mm_unpacklo_epi32(a, b), _mm_unpacklo_epi32(c, d)),
                    (_mm_unpackhi_epi32(a, b), _mm_unpackhi_epi32(c, d)),
                ];
                for (k, (upper, lower)) in fours.into_iter().enumerate() {
                    let column = to.byte_add((4 * half + 2 * k) * to_step);
                    _mm_storeu_si128(column.cast(), _mm_unpacklo_epi64(upper, lower));
                    let next = column.byte_add(to_step);
                    _mm_storeu_si128(next.cast(), _mm_unpackhi_epi64(upper, lower));
                }
            }
        }
    }
}

impl Square for u32 {
    const SIDE: usize = 8;

    #[inline(always)]
    unsafe fn turn(row: impl Fn(usize) -> *const u32, to: *mut u32, to_step: usize) {
        // SAFETY: by the caller.
        unsafe {
            // Rows `i` and `i + 4` share a register from the start, so that no element has to change its half later.
            for half in 0..2 {
                let mut both = [_mm256_setzero_ps(); 4];
                for (i, both) in both.iter_mut().enumerate() {
                    let (upper, lower) = (row(i).add(4 * half), row(i + 4).add(4 * half));
                    *both = _mm256_loadu2_m128(lower.cast(), upper.cast());
                }
                let [a, b, c, d] = both;
                let low = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
                let high = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
                let columns = [
                    _mm256_shuffle_ps::<0x44>(low.0, low.1),
                    _mm256_shuffle_ps::<0xEE>(low.0, low.1),
                    _mm256_shuffle_ps::<0x44>(high.0, high.1),
                    _mm256_shuffle_ps::<0xEE>(high.0, high.1),
                ];
                for (k, column) in columns.into_iter().enumerate() {
                    _mm256_storeu_ps(to.byte_add((4 * half + k) * to_step).cast(), column);
                }
            }
        }
    }
}

impl Square for u64 {
    const SIDE: usize = 4;

    #[inline(always)]
    unsafe fn turn(row: impl Fn(usize) -> *const u64, to: *mut u64, to_step: usize) {
        // SAFETY: by the caller.
        unsafe {
            // As above: rows `i` and `i + 2` share a register.
            for half in 0..2 {
                let mut both = [_mm256_setzero_pd(); 2];
                for (i, both) in both.iter_mut().enumerate() {
                    let (upper, lower) = (row(i).add(2 * half), row(i + 2).add(2 * half));
                    *both = _mm256_loadu2_m128d(lower.cast(), upper.cast());
                }
                let [a, b] = both;
                let column = to.byte_add(2 * half * to_step);
                _mm256_storeu_pd(column.cast(), _mm256_unpacklo_pd(a, b));
                _mm256_storeu_pd(column.byte_add(to_step).cast(), _mm256_unpackhi_pd(a, b));
            }
        }
    }
}

/// Floats are moved like integers of their width.
macro_rules! floats {
    ($($float:ty as $integer:ty),*) => {$(
        impl Square for $float {
            const SIDE: usize = <$integer>::SIDE;

            #[inline(always)]
            unsafe fn turn(row: impl Fn(usize) -> *const $float, to: *mut $float, to_step: usize) {
                // SAFETY: by the caller.
                unsafe { <$integer>::turn(|i| row(i).cast(), to.cast(), to_step) };
            }
        }
    )*};
}

floats!(f32 as u32, f64 as u64);

/// Bytes of a line of the caches.
const LINE: usize = 64;

/// Writes the rows of a matrix of `k` rows and `n` columns, `to_step` bytes apart.
/// The elements of each column are adjacent, and `column` is its address.
///
/// # Safety
/// The processor has AVX2; the columns hold the matrix, `to` has room for it.
#[inline(always)]
pub(super) unsafe fn turn<T: Square>(
    column: impl Fn(usize) -> *const T,
    (k, n): (usize, usize),
    to: *mut T,
    to_step: usize,
) {
    // SAFETY: by the caller; indices are below `k` and `n`.
    unsafe {
        if k < T::SIDE || n < T::SIDE {
            // The longer axis is the inner loop.
            let copy = |l: usize, j: usize| {
                let element = column(j).add(l).read_unaligned();
                to.byte_add(l * to_step).add(j).write_unaligned(element);
            };
            match k < n {
                true => (0..k).for_each(|l| (0..n).for_each(|j| copy(l, j))),
                false => (0..n).for_each(|j| (0..k).for_each(|l| copy(l, j))),
            }
            return;
        }
        // Whole lines of the cache are read of one square's columns, then of the next one's: the lines of many columns
        // would be gone before their second half is read, above all where columns are a power of two apart.
        let line = (LINE / size_of::<T>()).max(T::SIDE);
        for l0 in (0..k).step_by(line) {
            for j in (0..n).step_by(T::SIDE) {
                let j = j.min(n - T::SIDE);
                for l in (l0..k.min(l0 + line)).step_by(T::SIDE) {
                    // The last squares overlap those before, and write the same elements again.
                    let l = l.min(k - T::SIDE);
                    let square = to.byte_add(l * to_step).add(j);
                    T::turn(|i| column(j + i).add(l), square, to_step);
                }
            }
        }
    }
}
