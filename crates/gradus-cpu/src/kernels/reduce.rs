//! Reductions of contiguous elements.
//!
//! Numbers are added in [`WIDTH`] lanes, at most a tile at a time.
//! The sums of tiles are added in f64 together with the rounding error of each addition (Neumaier),
//! so that the error does not grow with the number of tiles.
//!
//! Short rows are reduced side by side, with the same additions in the same order, so that none waits for its own.

#[cfg(target_arch = "x86_64")]
use super::float_rows;
use super::fold::{Accumulate, Fold, FoldKernel, RowsKernel, add, max, min};
use super::isa::Isa;
use gradus_ir::primitives::ReduceKind;
use gradus_ir::{DType, FloatType, IntegerType, Kind, bf16};

pub(crate) const WIDTH: usize = 32;

/// The number of short rows that are reduced together.
pub(crate) const SIDE_BY_SIDE: usize = 8;
/// The most elements of a short row.
const SHORT_ROW: usize = 2 * WIDTH;

/// A reduction of elements of one type in lanes.
trait Lanes {
    type T: Copy;
    type Lane: Copy;
    /// The type in which lanes are joined.
    type Wide: Copy;
    /// The type of results.
    type Out: Copy;
    const NEUTRAL: Self::T;
    const START: Self::Lane;
    fn step(acc: Self::Lane, x: Self::T) -> Self::Lane;
    fn widen(lane: Self::Lane) -> Self::Wide;
    fn join(a: Self::Wide, b: Self::Wide) -> Self::Wide;
    /// Adds the joined lanes to the state.
    fn close(joined: Self::Wide, state: &mut Accumulate);
    /// What [`Fold::finish`] would give if the joined lanes were added to the first state.
    fn result(joined: Self::Wide) -> Self::Out;
}

#[inline(always)]
unsafe fn run<L: Lanes>(source: *const u8, n: usize, state: &mut Accumulate) {
    // SAFETY: by the caller.
    L::close(unsafe { joined::<L>(source, n) }, state);
}

/// Joins `n` elements.
#[inline(always)]
unsafe fn joined<L: Lanes>(source: *const u8, n: usize) -> L::Wide {
    let source = source.cast::<L::T>();
    let mut acc = [L::START; WIDTH];
    let mut x = [L::NEUTRAL; WIDTH];
    let mut i = 0;
    // SAFETY: the caller's pointer is to `n` elements; loads stay within.
    unsafe {
        while i + WIDTH <= n {
            std::ptr::copy_nonoverlapping(source.add(i), x.as_mut_ptr(), WIDTH);
            for j in 0..WIDTH {
                acc[j] = L::step(acc[j], x[j]);
            }
            i += WIDTH;
        }
        if i < n {
            x = [L::NEUTRAL; WIDTH];
            std::ptr::copy_nonoverlapping(source.add(i), x.as_mut_ptr(), n - i);
            for j in 0..WIDTH {
                acc[j] = L::step(acc[j], x[j]);
            }
        }
    }
    // The lanes are halved until one is left, in the same tree at every level of instructions.
    let mut lanes = [L::widen(L::START); WIDTH];
    for j in 0..WIDTH {
        lanes[j] = L::widen(acc[j]);
    }
    let mut width = WIDTH / 2;
    while width > 0 {
        for j in 0..width {
            lanes[j] = L::join(lanes[j], lanes[j + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// An array on cache lines of its own.
#[repr(align(64))]
struct Aligned<T>(T);

/// Like [`run`] on each row.
#[inline(always)]
unsafe fn run_rows<L: Lanes>(source: *const u8, rows: usize, n: usize, out: *mut u8) {
    let beside = match n {
        ..=SHORT_ROW => rows - rows % SIDE_BY_SIDE,
        _ => 0,
    };
    // SAFETY: by the caller, for these rows.
    unsafe {
        if beside > 0 {
            run_short_rows::<L>(source, beside, n, out);
        }
        for row in beside..rows {
            let joined = joined::<L>(source.add(row * n * size_of::<L::T>()), n);
            out.cast::<L::Out>().add(row).write(L::result(joined));
        }
    }
}

/// The same for a multiple of [`SIDE_BY_SIDE`] short rows. Lanes that have no element would change nothing, and are
/// left out.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "iterators are not inlined into functions for other instructions"
)]
unsafe fn run_short_rows<L: Lanes>(source: *const u8, rows: usize, n: usize, out: *mut u8) {
    let (mut x, mut out) = (source.cast::<L::T>(), out.cast::<L::Out>());
    let mut memory = Aligned([[[L::widen(L::START); SIDE_BY_SIDE]; WIDTH]; 2]);
    let [lanes, others] = &mut memory.0;
    let active = n.min(WIDTH);
    for _ in 0..rows / SIDE_BY_SIDE {
        // SAFETY: by the caller, for these rows.
        unsafe {
            let mut row = [x; SIDE_BY_SIDE];
            for r in 1..SIDE_BY_SIDE {
                row[r] = row[r - 1].add(n);
            }
            for i in 0..active {
                let mut acc = [L::START; SIDE_BY_SIDE];
                let mut at = i;
                while at < n {
                    for r in 0..SIDE_BY_SIDE {
                        acc[r] = L::step(acc[r], row[r].add(at).read());
                    }
                    at += WIDTH;
                }
                for r in 0..SIDE_BY_SIDE {
                    lanes[i][r] = L::widen(acc[r]);
                }
            }
            // From one array to the other, because a choice that is stored where it was read becomes a masked store.
            let (mut from, mut to) = (lanes.as_mut_ptr(), others.as_mut_ptr());
            let mut left = active;
            let mut width = active.next_power_of_two() / 2;
            while width > 0 {
                for j in 0..width {
                    let a = from.add(j).read();
                    let mut joined = a;
                    if j + width < left {
                        let b = from.add(j + width).read();
                        for r in 0..SIDE_BY_SIDE {
                            joined[r] = L::join(a[r], b[r]);
                        }
                    }
                    to.add(j).write(joined);
                }
                (from, to) = (to, from);
                (left, width) = (width, width / 2);
            }
            let joined = from.read();
            for r in 0..SIDE_BY_SIDE {
                out.add(r).write(L::result(joined[r]));
            }
            (x, out) = (x.add(SIDE_BY_SIDE * n), out.add(SIDE_BY_SIDE));
        }
    }
}

unsafe fn portable<L: Lanes>(source: *const u8, n: usize, state: &mut Accumulate) {
    // SAFETY: by the caller.
    unsafe { run::<L>(source, n, state) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<L: Lanes>(source: *const u8, n: usize, state: &mut Accumulate) {
    // SAFETY: by the caller.
    unsafe { run::<L>(source, n, state) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512vl,avx512bw")]
unsafe fn avx512<L: Lanes>(source: *const u8, n: usize, state: &mut Accumulate) {
    // SAFETY: by the caller.
    unsafe { run::<L>(source, n, state) }
}

unsafe fn portable_rows<L: Lanes>(source: *const u8, rows: usize, n: usize, out: *mut u8) {
    // SAFETY: by the caller.
    unsafe { run_rows::<L>(source, rows, n, out) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2_rows<L: Lanes>(source: *const u8, rows: usize, n: usize, out: *mut u8) {
    // SAFETY: by the caller.
    unsafe { run_rows::<L>(source, rows, n, out) }
}

fn pick<L: Lanes>(isa: Isa) -> (FoldKernel, RowsKernel) {
    match isa {
        Isa::Portable => (portable::<L>, portable_rows::<L>),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => (avx2::<L>, avx2_rows::<L>),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => (avx512::<L>, avx2_rows::<L>),
    }
}

/// The kernels of a reduction of `$t` in lanes of `$lane`, which are joined in `$wide`.
macro_rules! lanes {
    ($isa:expr, $t:ty as $lane:ty, $wide:ty, $out:ty, $neutral:expr, |$a:ident, $x:ident| $step:expr,
     |$l:ident, $r:ident| $join:expr, |$w:ident, $state:ident| $close:expr, |$v:ident| $result:expr) => {{
        struct L;
        impl Lanes for L {
            type T = $t;
            type Lane = $lane;
            type Wide = $wide;
            type Out = $out;
            const NEUTRAL: $t = $neutral;
            const START: $lane = $neutral as $lane;
            #[inline(always)]
            fn step($a: $lane, $x: $t) -> $lane {
                $step
            }
            #[inline(always)]
            fn widen(lane: $lane) -> $wide {
                lane.into()
            }
            #[inline(always)]
            fn join($l: $wide, $r: $wide) -> $wide {
                $join
            }
            #[inline(always)]
            fn close($w: $wide, $state: &mut Accumulate) {
                $close
            }
            #[inline(always)]
            fn result($v: $wide) -> $out {
                $result
            }
        }
        pick::<L>($isa)
    }};
}

/// Sums and products are computed in the type `$lane`. `$round` gives the result for a number in f64.
macro_rules! floats {
    ($name:ident, $t:ty as $lane:ty, $out:ty, $round:expr) => {
        fn $name(kind: ReduceKind, isa: Isa) -> (FoldKernel, RowsKernel) {
            match kind {
                ReduceKind::Sum => lanes!(
                    isa,
                    $t as $lane,
                    f64,
                    $out,
                    0.0,
                    |a, x| a + <$lane>::from(x),
                    |a, b| a + b,
                    |w, s| add(s, w),
                    |v| $round(v)
                ),
                ReduceKind::Prod => lanes!(
                    isa,
                    $t as $lane,
                    f64,
                    $out,
                    1.0,
                    |a, x| a * <$lane>::from(x),
                    |a, b| a * b,
                    |w, s| s.value *= w,
                    |v| $round(v)
                ),
                ReduceKind::Max => lanes!(
                    isa,
                    $t as $t,
                    $t,
                    $out,
                    <$t>::NEG_INFINITY,
                    |a, x| if (a > x) | a.is_nan() { a } else { x },
                    |a, b| if (a > b) | a.is_nan() { a } else { b },
                    |w, s| s.value = max(s.value, w.into()),
                    |v| $round(f64::from(v))
                ),
                ReduceKind::Min => lanes!(
                    isa,
                    $t as $t,
                    $t,
                    $out,
                    <$t>::INFINITY,
                    |a, x| if (a < x) | a.is_nan() { a } else { x },
                    |a, b| if (a < b) | a.is_nan() { a } else { b },
                    |w, s| s.value = min(s.value, w.into()),
                    |v| $round(f64::from(v))
                ),
            }
        }
    };
}

// In f64, sums of bf16 hardly depend on the tiles in which a kernel adds them up, so all kernels round the same sum.
floats!(of_bf16, f32 as f64, bf16, bf16::from_f64);
floats!(of_f32, f32 as f32, f32, |v: f64| v as f32);
floats!(of_f64, f64 as f64, f64, |v: f64| v);

macro_rules! integers {
    ($name:ident, $t:ty) => {
        fn $name(kind: ReduceKind, isa: Isa) -> (FoldKernel, RowsKernel) {
            match kind {
                ReduceKind::Sum => lanes!(
                    isa,
                    $t as $t,
                    $t,
                    $t,
                    0,
                    |a, x| a.wrapping_add(x),
                    |a, b| a.wrapping_add(b),
                    |w, s| s.whole = s.whole.wrapping_add(w as i64),
                    |v| v
                ),
                ReduceKind::Prod => lanes!(
                    isa,
                    $t as $t,
                    $t,
                    $t,
                    1,
                    |a, x| a.wrapping_mul(x),
                    |a, b| a.wrapping_mul(b),
                    |w, s| s.whole = s.whole.wrapping_mul(w as i64),
                    |v| v
                ),
                ReduceKind::Max => lanes!(
                    isa,
                    $t as $t,
                    $t,
                    $t,
                    <$t>::MIN,
                    |a, x| a.max(x),
                    |a, b| a.max(b),
                    |w, s| s.whole = s.whole.max(w as i64),
                    |v| v
                ),
                ReduceKind::Min => lanes!(
                    isa,
                    $t as $t,
                    $t,
                    $t,
                    <$t>::MAX,
                    |a, x| a.min(x),
                    |a, b| a.min(b),
                    |w, s| s.whole = s.whole.min(w as i64),
                    |v| v
                ),
            }
        }
    };
}

integers!(of_i32, i32);
integers!(of_i64, i64);
integers!(of_u32, u32);
integers!(of_bool, u8);

/// The reduction of this kind to results of type `result`.
pub(crate) fn fold_kernels(kind: ReduceKind, result: DType) -> Fold {
    let isa = Isa::best();
    let (kernel, rows) = match result.kind() {
        Kind::Float(float) => match float {
            FloatType::BF16 => of_bf16(kind, isa),
            FloatType::F32 => of_f32(kind, isa),
            FloatType::F64 => of_f64(kind, isa),
        },
        Kind::Integer(integer) => match integer {
            IntegerType::I32 => of_i32(kind, isa),
            IntegerType::I64 => of_i64(kind, isa),
            IntegerType::U32 => of_u32(kind, isa),
        },
        Kind::Bool => of_bool(kind, isa),
    };
    #[cfg(target_arch = "x86_64")]
    let rows = match isa {
        Isa::Portable => rows,
        Isa::Avx2 | Isa::Avx512 => float_rows::rows_kernel(kind, result).unwrap_or(rows),
    };
    Fold {
        kind,
        result,
        kernel,
        rows,
    }
}
