//! Reductions of contiguous elements.
//!
//! Numbers are added in [`WIDTH`] lanes, at most a tile at a time.
//! The sums of tiles are added in f64 together with the rounding error of each addition (Neumaier),
//! so that the error does not grow with the number of tiles.

use super::isa::Isa;
use gradus_ir::primitives::ReduceKind;
use gradus_ir::{DType, FloatType, IntegerType, Kind, bf16};

pub(crate) const WIDTH: usize = 32;

/// The state of a reduction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Accumulate {
    value: f64,
    lost: f64,
    whole: i64,
}

/// Reduces `n` elements into the state.
///
/// # Safety
/// The pointer is to `n` elements of the type for which the kernel was made.
pub(crate) type FoldKernel = unsafe fn(source: *const u8, n: usize, state: &mut Accumulate);

/// One kind of reduction to one element type.
#[derive(Clone, Copy)]
pub(crate) struct Fold {
    pub kind: ReduceKind,
    /// The type of the result. The elements are held in its [compute type](DType::compute_type).
    pub result: DType,
    pub kernel: FoldKernel,
}

impl Fold {
    /// The state before the first element.
    pub(crate) fn start(&self) -> Accumulate {
        let value = match self.kind {
            ReduceKind::Sum => 0.0,
            ReduceKind::Prod => 1.0,
            ReduceKind::Max => f64::NEG_INFINITY,
            ReduceKind::Min => f64::INFINITY,
        };
        let whole = match self.kind {
            ReduceKind::Sum => 0,
            ReduceKind::Prod => 1,
            ReduceKind::Max => i64::MIN,
            ReduceKind::Min => i64::MAX,
        };
        Accumulate {
            value,
            lost: 0.0,
            whole,
        }
    }

    /// Combines the results of two parts, the left one first.
    pub(crate) fn merge(&self, state: &mut Accumulate, part: &Accumulate) {
        match self.kind {
            ReduceKind::Sum => {
                add(state, part.value);
                state.lost += part.lost;
                state.whole = state.whole.wrapping_add(part.whole);
            }
            ReduceKind::Prod => {
                state.value *= part.value;
                state.whole = state.whole.wrapping_mul(part.whole);
            }
            ReduceKind::Max => {
                state.value = max(state.value, part.value);
                state.whole = state.whole.max(part.whole);
            }
            ReduceKind::Min => {
                state.value = min(state.value, part.value);
                state.whole = state.whole.min(part.whole);
            }
        }
    }

    /// Writes the result.
    ///
    /// # Safety
    /// `out` points to room for one element.
    pub(crate) unsafe fn finish(&self, state: &Accumulate, out: *mut u8) {
        // An infinite sum has NaN as its error; the sum itself is right then.
        let value = if state.lost.is_finite() {
            state.value + state.lost
        } else {
            state.value
        };
        // SAFETY: by the caller.
        unsafe {
            match self.result {
                DType::BF16 => out.cast::<bf16>().write(bf16::from_f64(value)),
                DType::F32 => out.cast::<f32>().write(value as f32),
                DType::F64 => out.cast::<f64>().write(value),
                DType::I32 => out.cast::<i32>().write(state.whole as i32),
                DType::I64 => out.cast::<i64>().write(state.whole),
                DType::U32 => out.cast::<u32>().write(state.whole as u32),
                DType::Bool => out.write(state.whole as u8),
            }
        }
    }
}

#[inline(always)]
fn add(state: &mut Accumulate, x: f64) {
    let sum = state.value + x;
    state.lost += if state.value.abs() >= x.abs() {
        (state.value - sum) + x
    } else {
        (x - sum) + state.value
    };
    state.value = sum;
}

#[inline(always)]
fn max(a: f64, b: f64) -> f64 {
    if a > b || a.is_nan() { a } else { b }
}

#[inline(always)]
fn min(a: f64, b: f64) -> f64 {
    if a < b || a.is_nan() { a } else { b }
}

/// A reduction of elements of one type in lanes.
trait Lanes {
    type T: Copy;
    type Lane: Copy;
    const NEUTRAL: Self::T;
    const START: Self::Lane;
    fn step(acc: Self::Lane, x: Self::T) -> Self::Lane;
    fn close(lanes: [Self::Lane; WIDTH], state: &mut Accumulate);
}

#[inline(always)]
unsafe fn run<L: Lanes>(source: *const u8, n: usize, state: &mut Accumulate) {
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
    L::close(acc, state);
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

fn pick<L: Lanes>(isa: Isa) -> FoldKernel {
    match isa {
        Isa::Portable => portable::<L>,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::<L>,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512::<L>,
    }
}

/// Halves the lanes until one is left, in the same tree at every level of instructions.
macro_rules! tree {
    ($lanes:expr, |$a:ident, $b:ident| $join:expr) => {{
        let mut lanes = $lanes;
        let mut width = WIDTH / 2;
        while width > 0 {
            for j in 0..width {
                let ($a, $b) = (lanes[j], lanes[j + width]);
                lanes[j] = $join;
            }
            width /= 2;
        }
        lanes[0]
    }};
}

macro_rules! lanes {
    ($isa:expr, $t:ty as $lane:ty, $neutral:expr, |$a:ident, $x:ident| $step:expr, |$lanes:ident, $state:ident| $close:expr) => {{
        struct L;
        impl Lanes for L {
            type T = $t;
            type Lane = $lane;
            const NEUTRAL: $t = $neutral;
            const START: $lane = $neutral as $lane;
            #[inline(always)]
            fn step($a: $lane, $x: $t) -> $lane {
                $step
            }
            #[inline(always)]
            fn close($lanes: [$lane; WIDTH], $state: &mut Accumulate) {
                $close
            }
        }
        pick::<L>($isa)
    }};
}

/// Sums and products are computed in the type `$lane`.
macro_rules! floats {
    ($name:ident, $t:ty as $lane:ty) => {
        fn $name(kind: ReduceKind, isa: Isa) -> FoldKernel {
            match kind {
                ReduceKind::Sum => lanes!(
                    isa,
                    $t as $lane,
                    0.0,
                    |a, x| a + <$lane>::from(x),
                    |l, s| {
                        add(s, tree!(l.map(f64::from), |a, b| a + b));
                    }
                ),
                ReduceKind::Prod => lanes!(
                    isa,
                    $t as $lane,
                    1.0,
                    |a, x| a * <$lane>::from(x),
                    |l, s| {
                        s.value *= tree!(l.map(f64::from), |a, b| a * b);
                    }
                ),
                ReduceKind::Max => lanes!(
                    isa,
                    $t as $t,
                    <$t>::NEG_INFINITY,
                    |a, x| if a > x || a.is_nan() { a } else { x },
                    |l, s| s.value = max(s.value, tree!(l.map(f64::from), |a, b| max(a, b)))
                ),
                ReduceKind::Min => lanes!(
                    isa,
                    $t as $t,
                    <$t>::INFINITY,
                    |a, x| if a < x || a.is_nan() { a } else { x },
                    |l, s| s.value = min(s.value, tree!(l.map(f64::from), |a, b| min(a, b)))
                ),
            }
        }
    };
}

// In f64, sums of bf16 hardly depend on the tiles in which a kernel adds them up, so all kernels round the same sum.
floats!(of_bf16, f32 as f64);
floats!(of_f32, f32 as f32);
floats!(of_f64, f64 as f64);

macro_rules! integers {
    ($name:ident, $t:ty) => {
        fn $name(kind: ReduceKind, isa: Isa) -> FoldKernel {
            match kind {
                ReduceKind::Sum => lanes!(isa, $t as $t, 0, |a, x| a.wrapping_add(x), |l, s| {
                    s.whole = s
                        .whole
                        .wrapping_add(tree!(l, |a, b| a.wrapping_add(b)) as i64);
                }),
                ReduceKind::Prod => lanes!(isa, $t as $t, 1, |a, x| a.wrapping_mul(x), |l, s| {
                    s.whole = s
                        .whole
                        .wrapping_mul(tree!(l, |a, b| a.wrapping_mul(b)) as i64);
                }),
                ReduceKind::Max => lanes!(isa, $t as $t, <$t>::MIN, |a, x| a.max(x), |l, s| {
                    s.whole = s.whole.max(tree!(l, |a, b| a.max(b)) as i64);
                }),
                ReduceKind::Min => lanes!(isa, $t as $t, <$t>::MAX, |a, x| a.min(x), |l, s| {
                    s.whole = s.whole.min(tree!(l, |a, b| a.min(b)) as i64);
                }),
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
    let kernel = match result.kind() {
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
    Fold {
        kind,
        result,
        kernel,
    }
}
