//! Levels of vector instructions, and generic loops compiled for each.

use super::Kernel;
use std::sync::OnceLock;

/// Which vector instructions a loop may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Isa {
    /// What every processor of the architecture has.
    Portable,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Isa {
    /// The best level of this machine. `GRADUS_ISA` (`portable`, `avx2`, `avx512`) may ask for a lower one.
    pub(crate) fn best() -> Isa {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| {
            let available = Isa::available();
            let asked = std::env::var("GRADUS_ISA").ok();
            available
                .iter()
                .copied()
                .find(|isa| asked.as_deref() == Some(isa.name()))
                .unwrap_or(available[available.len() - 1])
        })
    }

    /// The levels of this machine, the best one last.
    pub(crate) fn available() -> Vec<Isa> {
        #[cfg_attr(not(target_arch = "x86_64"), expect(unused_mut))]
        let mut all = vec![Isa::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                all.push(Isa::Avx2);
            }
            if all.len() == 2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512bw")
            {
                all.push(Isa::Avx512);
            }
        }
        all
    }

    fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => "avx512",
        }
    }
}

/// Elements handled together: they pass through registers, so that a result that overwrites an operand cannot disturb the loop, and so that the last
/// few elements are computed exactly like all others.
pub(super) const LANES: usize = 32;

/// A function of up to three elements.
///
/// # Safety
/// Unused operands are whatever; used ones are valid.
pub(super) trait Lane {
    type A: Copy;
    type B: Copy;
    type C: Copy;
    type Out: Copy;
    /// How many operands are read.
    const ARITY: usize;
    /// Used to fill the lanes behind the last element.
    const FILL: (Self::A, Self::B, Self::C);
    const ZERO: Self::Out;

    fn apply<const FMA: bool>(a: Self::A, b: Self::B, c: Self::C) -> Self::Out;
}

#[inline(always)]
unsafe fn run<L: Lane, const FMA: bool>(
    a: *const u8,
    b: *const u8,
    c: *const u8,
    out: *mut u8,
    n: usize,
) {
    let (a, b, c) = (a.cast::<L::A>(), b.cast::<L::B>(), c.cast::<L::C>());
    let out = out.cast::<L::Out>();
    let mut x = [L::FILL.0; LANES];
    let mut y = [L::FILL.1; LANES];
    let mut z = [L::FILL.2; LANES];
    let mut r = [L::ZERO; LANES];
    let mut i = 0;
    // SAFETY: the caller's operands and result hold `n` elements; `i + LANES <= n` in the loop, and the rest is `n - i` elements.
    unsafe {
        while i + LANES <= n {
            std::ptr::copy_nonoverlapping(a.add(i), x.as_mut_ptr(), LANES);
            if L::ARITY > 1 {
                std::ptr::copy_nonoverlapping(b.add(i), y.as_mut_ptr(), LANES);
            }
            if L::ARITY > 2 {
                std::ptr::copy_nonoverlapping(c.add(i), z.as_mut_ptr(), LANES);
            }
            for j in 0..LANES {
                r[j] = L::apply::<FMA>(x[j], y[j], z[j]);
            }
            std::ptr::copy_nonoverlapping(r.as_ptr(), out.add(i), LANES);
            i += LANES;
        }
        let rest = n - i;
        if rest > 0 {
            std::ptr::copy_nonoverlapping(a.add(i), x.as_mut_ptr(), rest);
            if L::ARITY > 1 {
                std::ptr::copy_nonoverlapping(b.add(i), y.as_mut_ptr(), rest);
            }
            if L::ARITY > 2 {
                std::ptr::copy_nonoverlapping(c.add(i), z.as_mut_ptr(), rest);
            }
            for j in 0..LANES {
                r[j] = L::apply::<FMA>(x[j], y[j], z[j]);
            }
            std::ptr::copy_nonoverlapping(r.as_ptr(), out.add(i), rest);
        }
    }
}

unsafe fn portable<L: Lane>(a: *const u8, b: *const u8, c: *const u8, out: *mut u8, n: usize) {
    // aarch64 always has fused multiply-add.
    const FMA: bool = cfg!(target_arch = "aarch64");
    // SAFETY: by the caller.
    unsafe { run::<L, FMA>(a, b, c, out, n) };
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<L: Lane>(a: *const u8, b: *const u8, c: *const u8, out: *mut u8, n: usize) {
    // SAFETY: by the caller.
    unsafe { run::<L, true>(a, b, c, out, n) };
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512vl,avx512bw")]
unsafe fn avx512<L: Lane>(a: *const u8, b: *const u8, c: *const u8, out: *mut u8, n: usize) {
    // SAFETY: by the caller.
    unsafe { run::<L, true>(a, b, c, out, n) };
}

/// The loop of `L` for this level.
pub(super) fn kernel<L: Lane>(isa: Isa) -> Kernel {
    match isa {
        Isa::Portable => portable::<L>,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::<L>,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512::<L>,
    }
}

/// Defines a [`Lane`] of one operand and gives its loop.
macro_rules! lane1 {
    ($isa:expr, $a:ty => $out:ty, |$x:ident, $fma:ident| $body:expr) => {{
        struct L;
        impl $crate::kernels::isa::Lane for L {
            type A = $a;
            type B = ();
            type C = ();
            type Out = $out;
            const ARITY: usize = 1;
            const FILL: ($a, (), ()) = (<$a as $crate::kernels::isa::Filler>::FILLER, (), ());
            const ZERO: $out = <$out as $crate::kernels::isa::Filler>::FILLER;
            #[inline(always)]
            fn apply<const $fma: bool>($x: $a, _: (), _: ()) -> $out {
                $body
            }
        }
        $crate::kernels::isa::kernel::<L>($isa)
    }};
}

/// Defines a [`Lane`] of two operands of one type and gives its loop.
macro_rules! lane2 {
    ($isa:expr, $a:ty => $out:ty, |$x:ident, $y:ident, $fma:ident| $body:expr) => {{
        struct L;
        impl $crate::kernels::isa::Lane for L {
            type A = $a;
            type B = $a;
            type C = ();
            type Out = $out;
            const ARITY: usize = 2;
            const FILL: ($a, $a, ()) = (
                <$a as $crate::kernels::isa::Filler>::FILLER,
                <$a as $crate::kernels::isa::Filler>::FILLER,
                (),
            );
            const ZERO: $out = <$out as $crate::kernels::isa::Filler>::FILLER;
            #[inline(always)]
            fn apply<const $fma: bool>($x: $a, $y: $a, _: ()) -> $out {
                $body
            }
        }
        $crate::kernels::isa::kernel::<L>($isa)
    }};
}

pub(super) use {lane1, lane2};

/// A harmless value for lanes that no element is in.
pub(super) trait Filler: Copy {
    const FILLER: Self;
}

macro_rules! fillers {
    ($($t:ty = $v:expr),*) => {$(impl Filler for $t { const FILLER: $t = $v; })*};
}

fillers!(f32 = 1.0, f64 = 1.0, i32 = 1, i64 = 1, u32 = 1, u8 = 0, u64 = 0);
