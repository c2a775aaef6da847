//! The loops of arithmetic, comparison and choice.

use super::Kernel;
use super::isa::{Filler, Isa, Lane, lane1, lane2, simple};
use super::{Arithmetic, by_width};
use gradus_ir::primitives::{Binary, Compare, ReduceKind, Unary};
use gradus_ir::{DType, Width};

macro_rules! float_unary {
    ($name:ident, $t:ty) => {
        fn $name(op: Unary, isa: Isa) -> Option<Kernel> {
            Some(match op {
                Unary::Neg => lane1!(simple(isa), $t => $t, |x, FMA| -x),
                Unary::Abs => lane1!(simple(isa), $t => $t, |x, FMA| x.abs()),
                Unary::Sign => lane1!(simple(isa), $t => $t, |x, FMA| {
                    let one = (1.0 as $t).copysign(x);
                    if x == 0.0 || x.is_nan() { x } else { one }
                }),
                Unary::Sqrt => lane1!(simple(isa), $t => $t, |x, FMA| x.sqrt()),
                Unary::Rsqrt => lane1!(simple(isa), $t => $t, |x, FMA| 1.0 / x.sqrt()),
                Unary::Floor => lane1!(simple(isa), $t => $t, |x, FMA| x.floor()),
                Unary::Ceil => lane1!(simple(isa), $t => $t, |x, FMA| x.ceil()),
                Unary::Round => lane1!(simple(isa), $t => $t, |x, FMA| x.round_ties_even()),
                Unary::Trunc => lane1!(simple(isa), $t => $t, |x, FMA| x.trunc()),
                Unary::IsFinite => lane1!(simple(isa), $t => u8, |x, FMA| u8::from(x.is_finite())),
                _ => return None,
            })
        }
    };
}

float_unary!(unary_f32, f32);
float_unary!(unary_f64, f64);

macro_rules! integer_unary {
    ($name:ident, $t:ty, $abs:expr, $sign:expr) => {
        fn $name(op: Unary, isa: Isa) -> Option<Kernel> {
            Some(match op {
                Unary::Neg => lane1!(simple(isa), $t => $t, |x, FMA| x.wrapping_neg()),
                Unary::Abs => lane1!(simple(isa), $t => $t, |x, FMA| $abs(x)),
                Unary::Sign => lane1!(simple(isa), $t => $t, |x, FMA| $sign(x)),
                Unary::Not => lane1!(simple(isa), $t => $t, |x, FMA| !x),
                _ => return None,
            })
        }
    };
}

integer_unary!(unary_i32, i32, i32::wrapping_abs, i32::signum);
integer_unary!(unary_i64, i64, i64::wrapping_abs, i64::signum);
integer_unary!(unary_u32, u32, std::convert::identity, |x: u32| x.min(1));

pub(super) fn unary(op: Unary, dtype: DType, isa: Isa) -> Option<Kernel> {
    match dtype {
        DType::F32 => unary_f32(op, isa),
        DType::F64 => unary_f64(op, isa),
        DType::I32 => unary_i32(op, isa),
        DType::I64 => unary_i64(op, isa),
        DType::U32 => unary_u32(op, isa),
        DType::Bool if op == Unary::Not => Some(lane1!(simple(isa), u8 => u8, |x, FMA| x ^ 1)),
        DType::Bool => None,
    }
}

macro_rules! float_binary {
    ($name:ident, $t:ty) => {
        fn $name(op: Binary, isa: Isa) -> Option<Kernel> {
            Some(match op {
                Binary::Add => lane2!(simple(isa), $t => $t, |x, y, FMA| x + y),
                Binary::Sub => lane2!(simple(isa), $t => $t, |x, y, FMA| x - y),
                Binary::Mul => lane2!(simple(isa), $t => $t, |x, y, FMA| x * y),
                Binary::Div => lane2!(simple(isa), $t => $t, |x, y, FMA| x / y),
                Binary::Rem => lane2!(simple(isa), $t => $t, |x, y, FMA| x % y),
                // A NaN compares false, so it is asked for; of two zeros the one of the right sign wins by addition of nothing.
                Binary::Max => lane2!(simple(isa), $t => $t, |x, y, FMA| {
                    if x > y || x.is_nan() { x } else { y }
                }),
                Binary::Min => lane2!(simple(isa), $t => $t, |x, y, FMA| {
                    if x < y || x.is_nan() { x } else { y }
                }),
                _ => return None,
            })
        }
    };
}

float_binary!(binary_f32, f32);
float_binary!(binary_f64, f64);

macro_rules! integer_binary {
    ($name:ident, $t:ty, $u:ty) => {
        fn $name(op: Binary, isa: Isa) -> Option<Kernel> {
            const BITS: $t = <$t>::BITS as $t;
            Some(match op {
                Binary::Add => lane2!(simple(isa), $t => $t, |x, y, FMA| x.wrapping_add(y)),
                Binary::Sub => lane2!(simple(isa), $t => $t, |x, y, FMA| x.wrapping_sub(y)),
                Binary::Mul => lane2!(simple(isa), $t => $t, |x, y, FMA| x.wrapping_mul(y)),
                Binary::Div => lane2!(simple(isa), $t => $t, |x, y, FMA| {
                    if y == 0 { !0 } else { x.wrapping_div(y) }
                }),
                Binary::Rem => lane2!(simple(isa), $t => $t, |x, y, FMA| {
                    if y == 0 { x } else { x.wrapping_rem(y) }
                }),
                Binary::Max => lane2!(simple(isa), $t => $t, |x, y, FMA| x.max(y)),
                Binary::Min => lane2!(simple(isa), $t => $t, |x, y, FMA| x.min(y)),
                Binary::And => lane2!(simple(isa), $t => $t, |x, y, FMA| x & y),
                Binary::Or => lane2!(simple(isa), $t => $t, |x, y, FMA| x | y),
                Binary::Xor => lane2!(simple(isa), $t => $t, |x, y, FMA| x ^ y),
                // A negative count is, as unsigned, a large one.
                Binary::Shl => lane2!(simple(isa), $t => $t, |x, y, FMA| {
                    let s = x.wrapping_shl(y as u32);
                    if (y as $u) < BITS as $u { s } else { 0 }
                }),
                Binary::Shr => lane2!(simple(isa), $t => $t, |x, y, FMA| {
                    let count = if (y as $u) < BITS as $u { y } else { BITS - 1 };
                    let s = x.wrapping_shr(count as u32);
                    if (y as $u) < BITS as $u || <$t>::MIN != 0 { s } else { 0 }
                }),
                _ => return None,
            })
        }
    };
}

integer_binary!(binary_i32, i32, u32);
integer_binary!(binary_i64, i64, u64);
integer_binary!(binary_u32, u32, u32);

fn binary_bool(op: Binary, isa: Isa) -> Option<Kernel> {
    Some(match op {
        Binary::And | Binary::Min => lane2!(simple(isa), u8 => u8, |x, y, FMA| x & y),
        Binary::Or | Binary::Max => lane2!(simple(isa), u8 => u8, |x, y, FMA| x | y),
        Binary::Xor => lane2!(simple(isa), u8 => u8, |x, y, FMA| x ^ y),
        _ => return None,
    })
}

pub(super) fn binary(op: Binary, dtype: DType, isa: Isa) -> Option<Kernel> {
    match dtype {
        DType::F32 => binary_f32(op, isa),
        DType::F64 => binary_f64(op, isa),
        DType::I32 => binary_i32(op, isa),
        DType::I64 => binary_i64(op, isa),
        DType::U32 => binary_u32(op, isa),
        DType::Bool => binary_bool(op, isa),
    }
}

macro_rules! joins {
    ($name:ident, $t:ty) => {
        fn $name(kind: ReduceKind, isa: Isa) -> Kernel {
            match kind {
                ReduceKind::Sum => lane2!(onto(isa), $t => $t, |x, y, FMA| x.plus(y)),
                ReduceKind::Prod => lane2!(onto(isa), $t => $t, |x, y, FMA| x.times(y)),
                ReduceKind::Max => lane2!(onto(isa), $t => $t, |x, y, FMA| {
                    if x > y || x != x { x } else { y }
                }),
                ReduceKind::Min => lane2!(onto(isa), $t => $t, |x, y, FMA| {
                    if x < y || x != x { x } else { y }
                }),
            }
        }
    };
}

joins!(join_f32, f32);
joins!(join_f64, f64);
joins!(join_i32, i32);
joins!(join_i64, i64);
joins!(join_u32, u32);

/// The largest of truth values is whether one holds, the smallest whether all do. They have no sums and products.
fn join_bool(kind: ReduceKind, isa: Isa) -> Kernel {
    match kind {
        ReduceKind::Sum | ReduceKind::Max => lane2!(onto(isa), u8 => u8, |x, y, FMA| x | y),
        ReduceKind::Prod | ReduceKind::Min => lane2!(onto(isa), u8 => u8, |x, y, FMA| x & y),
    }
}

pub(super) fn join(kind: ReduceKind, dtype: DType, isa: Isa) -> Kernel {
    match dtype {
        DType::F32 => join_f32(kind, isa),
        DType::F64 => join_f64(kind, isa),
        DType::I32 => join_i32(kind, isa),
        DType::I64 => join_i64(kind, isa),
        DType::U32 => join_u32(kind, isa),
        DType::Bool => join_bool(kind, isa),
    }
}

macro_rules! comparisons {
    ($name:ident, $t:ty) => {
        fn $name(op: Compare, isa: Isa) -> Kernel {
            match op {
                Compare::Eq => lane2!(simple(isa), $t => u8, |x, y, FMA| u8::from(x == y)),
                Compare::Ne => lane2!(simple(isa), $t => u8, |x, y, FMA| u8::from(x != y)),
                Compare::Lt => lane2!(simple(isa), $t => u8, |x, y, FMA| u8::from(x < y)),
                Compare::Le => lane2!(simple(isa), $t => u8, |x, y, FMA| u8::from(x <= y)),
                Compare::Gt => lane2!(simple(isa), $t => u8, |x, y, FMA| u8::from(x > y)),
                Compare::Ge => lane2!(simple(isa), $t => u8, |x, y, FMA| u8::from(x >= y)),
            }
        }
    };
}

comparisons!(compare_f32, f32);
comparisons!(compare_f64, f64);
comparisons!(compare_i32, i32);
comparisons!(compare_i64, i64);
comparisons!(compare_u32, u32);
comparisons!(compare_u8, u8);

pub(super) fn compare(op: Compare, dtype: DType, isa: Isa) -> Kernel {
    match dtype {
        DType::F32 => compare_f32(op, isa),
        DType::F64 => compare_f64(op, isa),
        DType::I32 => compare_i32(op, isa),
        DType::I64 => compare_i64(op, isa),
        DType::U32 => compare_u32(op, isa),
        DType::Bool => compare_u8(op, isa),
    }
}

/// Chooses between elements that `T` is as wide as, by a byte.
struct Choose<T>(std::marker::PhantomData<T>);

impl<T: Filler> Lane for Choose<T> {
    type A = u8;
    type B = T;
    type C = T;
    type Out = T;
    const ARITY: usize = 3;
    const FILL: (u8, T, T) = (0, T::FILLER, T::FILLER);
    const ZERO: T = T::FILLER;

    #[inline(always)]
    fn apply<const FMA: bool>(condition: u8, a: T, b: T) -> T {
        if condition != 0 { a } else { b }
    }
}

pub(super) fn select(width: Width, isa: Isa) -> Kernel {
    by_width!(width, T => simple::<Choose<T>>(isa))
}
