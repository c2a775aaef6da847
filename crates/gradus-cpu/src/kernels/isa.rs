//! Levels of vector instructions, and generic loops compiled for each.

use super::Kernel;
use gradus_engine::environment;
use gradus_ir::bf16;
use std::sync::OnceLock;

/// The vector instructions that a loop can use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Isa {
    /// The instructions that every processor of the architecture has.
    Portable,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Isa {
    /// The best level of this machine. `GRADUS_ISA` (`portable`, `avx2`, `avx512`) can ask for a lower one.
    pub(crate) fn best() -> Isa {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| {
            let available = Isa::available();
            let best = available[available.len() - 1];
            let asked = environment::read("GRADUS_ISA", |text| {
                let found = available.iter().find(|isa| isa.name() == text);
                found.copied().ok_or_else(|| {
                    let names: Vec<&str> = available.iter().map(|isa| isa.name()).collect();
                    format!(
                        "this machine has {}; {} is used",
                        names.join(", "),
                        best.name()
                    )
                })
            });
            asked.unwrap_or(best)
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

/// A loop that is compiled for each level.
pub(crate) trait AtLevel {
    /// The work, inlined (`#[inline(always)]`) into a function that can use the level's instructions.
    /// `FMA` says whether they include fused multiply-add.
    ///
    /// # Safety
    /// See the implementation.
    unsafe fn run<const FMA: bool>(self);
}

/// Does the work with the instructions of this level.
///
/// # Safety
/// See the work; the processor has the level.
pub(crate) unsafe fn at_level<W: AtLevel>(isa: Isa, work: W) {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2<W: AtLevel>(work: W) {
        // SAFETY: by the caller.
        unsafe { work.run::<true>() };
    }
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512vl,avx512bw")]
    unsafe fn avx512<W: AtLevel>(work: W) {
        // SAFETY: by the caller.
        unsafe { work.run::<true>() };
    }
    // SAFETY: by the caller.
    unsafe {
        match isa {
            // aarch64 always has fused multiply-add.
            Isa::Portable => work.run::<{ cfg!(target_arch = "aarch64") }>(),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => avx2(work),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => avx512(work),
        }
    }
}

/// Loops over whole vectors do a multiple of this number of elements; the rest passes through lanes of its own.
pub(super) const LANES: usize = 32;

/// The number of lanes through which the last `rest` elements pass: whole vectors, of up to eight numbers.
#[inline(always)]
pub(super) fn padded(rest: usize) -> usize {
    rest.next_multiple_of(8)
}

/// A function of up to three elements.
///
/// # Safety
/// Unused operands can have any value; used ones are valid.
pub(super) trait Lane {
    type A: Copy;
    type B: Copy;
    type C: Copy;
    type Out: Copy;
    /// The number of operands that are read.
    const ARITY: usize;
    /// Fills the lanes after the last element.
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
    if n == 1 {
        // A program of single numbers does not compute unused lanes.
        // SAFETY: the caller's operands and result hold an element.
        unsafe {
            let y = if L::ARITY > 1 { b.read() } else { L::FILL.1 };
            let z = if L::ARITY > 2 { c.read() } else { L::FILL.2 };
            out.write(L::apply::<FMA>(a.read(), y, z));
        }
        return;
    }
    use std::ptr::copy_nonoverlapping;
    // The last few elements pass through a block of lanes of their own.
    let mut x = [L::FILL.0; LANES];
    let mut y = [L::FILL.1; LANES];
    let mut z = [L::FILL.2; LANES];
    let mut r = [L::ZERO; LANES];
    let mut done = 0;
    while done < n {
        let left = n - done;
        // SAFETY: the caller's operands and result hold `n` elements, and the result overlaps none of them;
        // from `done` on there are `left`. The pointers of unused operands are not read.
        unsafe {
            let (a, b) = (a.wrapping_add(done), b.wrapping_add(done));
            let (c, to) = (c.wrapping_add(done), out.add(done));
            let (a, b, c, results, count) = if left >= LANES {
                (a, b, c, to, left - left % LANES)
            } else {
                copy_nonoverlapping(a, x.as_mut_ptr(), left);
                if L::ARITY > 1 {
                    copy_nonoverlapping(b, y.as_mut_ptr(), left);
                }
                if L::ARITY > 2 {
                    copy_nonoverlapping(c, z.as_mut_ptr(), left);
                }
                (
                    x.as_ptr(),
                    y.as_ptr(),
                    z.as_ptr(),
                    r.as_mut_ptr(),
                    padded(left),
                )
            };
            run_simple::<L, FMA>(a.cast(), b.cast(), c.cast(), results.cast(), count);
            if left < LANES {
                copy_nonoverlapping(r.as_ptr(), to, left);
            }
            done += count.min(left);
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

/// A loop without lanes, for functions of a few instructions: AVX-512 would not speed it up,
/// because moving the elements is most of the work.
#[inline(always)]
unsafe fn run_simple<L: Lane, const FMA: bool>(
    a: *const u8,
    b: *const u8,
    c: *const u8,
    out: *mut u8,
    n: usize,
) {
    use std::slice::{from_raw_parts, from_raw_parts_mut};
    // SAFETY: the caller's operands and result hold `n` elements, and the result overlaps none of them.
    unsafe {
        let out = from_raw_parts_mut(out.cast::<L::Out>(), n);
        let a = from_raw_parts(a.cast::<L::A>(), n);
        match L::ARITY {
            1 => {
                for i in 0..n {
                    out[i] = L::apply::<FMA>(a[i], L::FILL.1, L::FILL.2);
                }
            }
            2 => {
                let b = from_raw_parts(b.cast::<L::B>(), n);
                for i in 0..n {
                    out[i] = L::apply::<FMA>(a[i], b[i], L::FILL.2);
                }
            }
            _ => {
                let b = from_raw_parts(b.cast::<L::B>(), n);
                let c = from_raw_parts(c.cast::<L::C>(), n);
                for i in 0..n {
                    out[i] = L::apply::<FMA>(a[i], b[i], c[i]);
                }
            }
        }
    }
}

unsafe fn portable_simple<L: Lane>(
    a: *const u8,
    b: *const u8,
    c: *const u8,
    out: *mut u8,
    n: usize,
) {
    const FMA: bool = cfg!(target_arch = "aarch64");
    // SAFETY: by the caller.
    unsafe { run_simple::<L, FMA>(a, b, c, out, n) };
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2_simple<L: Lane>(a: *const u8, b: *const u8, c: *const u8, out: *mut u8, n: usize) {
    // SAFETY: by the caller.
    unsafe { run_simple::<L, true>(a, b, c, out, n) };
}

/// Like [`run_simple`], with the result as the first operand: `out[i] = f(out[i], b[i])`.
#[inline(always)]
unsafe fn run_onto<L: Lane<A = <L as Lane>::Out>, const FMA: bool>(
    b: *const u8,
    out: *mut u8,
    n: usize,
) {
    // SAFETY: the caller's operand and result hold `n` elements and do not overlap.
    unsafe {
        let out = std::slice::from_raw_parts_mut(out.cast::<L::Out>(), n);
        let b = std::slice::from_raw_parts(b.cast::<L::B>(), n);
        for i in 0..n {
            out[i] = L::apply::<FMA>(out[i], b[i], L::FILL.2);
        }
    }
}

unsafe fn portable_onto<L: Lane<A = <L as Lane>::Out>>(
    _: *const u8,
    b: *const u8,
    _: *const u8,
    out: *mut u8,
    n: usize,
) {
    // SAFETY: by the caller.
    unsafe { run_onto::<L, { cfg!(target_arch = "aarch64") }>(b, out, n) };
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2_onto<L: Lane<A = <L as Lane>::Out>>(
    _: *const u8,
    b: *const u8,
    _: *const u8,
    out: *mut u8,
    n: usize,
) {
    // SAFETY: by the caller.
    unsafe { run_onto::<L, true>(b, out, n) };
}

/// The loop that combines a second operand with the result, whose old value is the first operand.
pub(super) fn onto<L: Lane<A = <L as Lane>::Out>>(isa: Isa) -> Kernel {
    match isa {
        Isa::Portable => portable_onto::<L>,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 => avx2_onto::<L>,
    }
}

/// The loop of a function of few instructions for this level.
pub(super) fn simple<L: Lane>(isa: Isa) -> Kernel {
    match isa {
        Isa::Portable => portable_simple::<L>,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 => avx2_simple::<L>,
    }
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

/// Defines a [`Lane`] of one operand and returns its loop.
macro_rules! lane1 {
    ($loop:ident($isa:expr), $a:ty => $out:ty, |$x:ident, $fma:ident| $body:expr) => {{
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
        $crate::kernels::isa::$loop::<L>($isa)
    }};
}

/// Defines a [`Lane`] of two operands of one type and returns its loop.
macro_rules! lane2 {
    ($loop:ident($isa:expr), $a:ty => $out:ty, |$x:ident, $y:ident, $fma:ident| $body:expr) => {{
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
        $crate::kernels::isa::$loop::<L>($isa)
    }};
}

pub(super) use {lane1, lane2};

/// A harmless value for unused lanes.
pub(super) trait Filler: Copy {
    const FILLER: Self;
}

macro_rules! fillers {
    ($($t:ty = $v:expr),*) => {$(impl Filler for $t { const FILLER: $t = $v; })*};
}

fillers!(
    bf16 = bf16::from_f32(1.0),
    f32 = 1.0,
    f64 = 1.0,
    i32 = 1,
    i64 = 1,
    u32 = 1,
    u8 = 0,
    u16 = 0,
    u64 = 0,
    [u64; 2] = [0; 2]
);
