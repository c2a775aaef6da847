//! Vector registers of floats, for kernels that decide what stays in a register.
//! For all other kernels, loops that the compiler vectorises are enough.

use std::arch::x86_64::*;

/// Floats in one vector register.
///
/// # Safety
/// Each function needs a processor with the register's instructions.
/// Pointers reach as many elements as are read or written.
pub(super) trait Vector: Copy {
    type Element: Copy;
    /// Elements in a register.
    const LANES: usize;
    /// Whether there are 32 such registers, not 16.
    const MANY: bool;

    unsafe fn zero() -> Self;
    /// `x` in each lane.
    unsafe fn all(x: Self::Element) -> Self;
    unsafe fn load(from: *const Self::Element) -> Self;
    /// The first `n < LANES` elements, followed by zeros.
    unsafe fn load_first(from: *const Self::Element, n: usize) -> Self;
    unsafe fn store(v: Self, to: *mut Self::Element);
    unsafe fn store_first(v: Self, to: *mut Self::Element, n: usize);
    /// Stores past the caches, without reading the old contents. The address is aligned to the register.
    unsafe fn stream(v: Self, to: *mut Self::Element);
    unsafe fn add(a: Self, b: Self) -> Self;
    unsafe fn multiply(a: Self, b: Self) -> Self;
    /// `a · b + c`, rounded once.
    unsafe fn multiply_add(a: Self, b: Self, c: Self) -> Self;
    /// The sum of the lanes.
    unsafe fn sum(v: Self) -> Self::Element;
}

/// Functions of the trait, each one expression.
macro_rules! functions {
    ($(fn $name:ident($($arg:ident: $ty:ty),*) $(-> $out:ty)? = $body:expr;)*) => {$(
        #[inline(always)]
        unsafe fn $name($($arg: $ty),*) $(-> $out)? {
            // SAFETY: by the caller.
            unsafe { $body }
        }
    )*};
}

macro_rules! avx512 {
    ($v:ty, $t:ty, $lanes:literal, $mask:ty, $zero:ident, $all:ident, $load:ident, $load_first:ident, $store:ident, $store_first:ident, $stream:ident, $add:ident, $multiply:ident, $multiply_add:ident, $sum:ident) => {
        impl Vector for $v {
            type Element = $t;
            const LANES: usize = $lanes;
            const MANY: bool = true;
            functions! {
                fn zero() -> Self = $zero();
                fn all(x: $t) -> Self = $all(x);
                fn load(from: *const $t) -> Self = $load(from);
                fn load_first(from: *const $t, n: usize) -> Self = $load_first(((1u32 << n) - 1) as $mask, from);
                fn store(v: Self, to: *mut $t) = $store(to, v);
                fn store_first(v: Self, to: *mut $t, n: usize) = $store_first(to, ((1u32 << n) - 1) as $mask, v);
                fn stream(v: Self, to: *mut $t) = $stream(to, v);
                fn add(a: Self, b: Self) -> Self = $add(a, b);
                fn multiply(a: Self, b: Self) -> Self = $multiply(a, b);
                fn multiply_add(a: Self, b: Self, c: Self) -> Self = $multiply_add(a, b, c);
                fn sum(v: Self) -> $t = $sum(v);
            }
        }
    };
}

avx512!(
    __m512,
    f32,
    16,
    __mmask16,
    _mm512_setzero_ps,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_maskz_loadu_ps,
    _mm512_storeu_ps,
    _mm512_mask_storeu_ps,
    _mm512_stream_ps,
    _mm512_add_ps,
    _mm512_mul_ps,
    _mm512_fmadd_ps,
    _mm512_reduce_add_ps
);
avx512!(
    __m512d,
    f64,
    8,
    __mmask8,
    _mm512_setzero_pd,
    _mm512_set1_pd,
    _mm512_loadu_pd,
    _mm512_maskz_loadu_pd,
    _mm512_storeu_pd,
    _mm512_mask_storeu_pd,
    _mm512_stream_pd,
    _mm512_add_pd,
    _mm512_mul_pd,
    _mm512_fmadd_pd,
    _mm512_reduce_add_pd
);

/// The mask of the first `n` lanes.
#[inline]
#[target_feature(enable = "avx2")]
fn first_of_eight(n: usize) -> __m256i {
    let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), lanes)
}

/// The mask of the first `n` lanes.
#[inline]
#[target_feature(enable = "avx2")]
fn first_of_four(n: usize) -> __m256i {
    _mm256_cmpgt_epi64(_mm256_set1_epi64x(n as i64), _mm256_setr_epi64x(0, 1, 2, 3))
}

/// Stores the first `n` lanes, in halves: the instruction with a mask takes ten times as long on some processors.
///
/// # Safety
/// `to` has room for `n < 8` elements.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store_first_of_eight(v: __m256, mut to: *mut f32, n: usize) {
    let mut rest = _mm256_castps256_ps128(v);
    // SAFETY: by the caller; the parts have `n` elements in total.
    unsafe {
        if n & 4 != 0 {
            _mm_storeu_ps(to, rest);
            rest = _mm256_extractf128_ps::<1>(v);
            to = to.add(4);
        }
        if n & 2 != 0 {
            _mm_storel_pd(to.cast(), _mm_castps_pd(rest));
            rest = _mm_movehl_ps(rest, rest);
            to = to.add(2);
        }
        if n & 1 != 0 {
            _mm_store_ss(to, rest);
        }
    }
}

/// The same for wider elements.
///
/// # Safety
/// `to` has room for `n < 4` elements.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store_first_of_four(v: __m256d, mut to: *mut f64, n: usize) {
    let mut rest = _mm256_castpd256_pd128(v);
    // SAFETY: by the caller; the parts have `n` elements in total.
    unsafe {
        if n & 2 != 0 {
            _mm_storeu_pd(to, rest);
            rest = _mm256_extractf128_pd::<1>(v);
            to = to.add(2);
        }
        if n & 1 != 0 {
            _mm_store_sd(to, rest);
        }
    }
}

macro_rules! avx2 {
    ($v:ty, $t:ty, $lanes:literal, $zero:ident, $all:ident, $load:ident, $store:ident, $stream:ident, $add:ident, $multiply:ident, $multiply_add:ident, $first:ident, $load_first:ident, $store_first:ident) => {
        impl Vector for $v {
            type Element = $t;
            const LANES: usize = $lanes;
            const MANY: bool = false;
            functions! {
                fn zero() -> Self = $zero();
                fn all(x: $t) -> Self = $all(x);
                fn load(from: *const $t) -> Self = $load(from);
                fn load_first(from: *const $t, n: usize) -> Self = $load_first(from, $first(n));
                fn store(v: Self, to: *mut $t) = $store(to, v);
                fn store_first(v: Self, to: *mut $t, n: usize) = $store_first(v, to, n);
                fn stream(v: Self, to: *mut $t) = $stream(to, v);
                fn add(a: Self, b: Self) -> Self = $add(a, b);
                fn multiply(a: Self, b: Self) -> Self = $multiply(a, b);
                fn multiply_add(a: Self, b: Self, c: Self) -> Self = $multiply_add(a, b, c);
                fn sum(v: Self) -> $t = {
                    let mut lanes = [0.0; $lanes];
                    $store(lanes.as_mut_ptr(), v);
                    let mut half = $lanes / 2;
                    while half > 0 {
                        for i in 0..half {
                            lanes[i] += lanes[i + half];
                        }
                        half /= 2;
                    }
                    lanes[0]
                };
            }
        }
    };
}

avx2!(
    __m256,
    f32,
    8,
    _mm256_setzero_ps,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_stream_ps,
    _mm256_add_ps,
    _mm256_mul_ps,
    _mm256_fmadd_ps,
    first_of_eight,
    _mm256_maskload_ps,
    store_first_of_eight
);
avx2!(
    __m256d,
    f64,
    4,
    _mm256_setzero_pd,
    _mm256_set1_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_stream_pd,
    _mm256_add_pd,
    _mm256_mul_pd,
    _mm256_fmadd_pd,
    first_of_four,
    _mm256_maskload_pd,
    store_first_of_four
);
