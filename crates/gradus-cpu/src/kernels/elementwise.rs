//! The loops of comparison, choice, boolean functions, and reductions that combine numbers into a result.

use super::isa::{Filler, Isa, Lane, lane1, lane2, simple};
use super::{Arithmetic, Kernel, by_width, copy};
use gradus_ir::primitives::{BoolBinary, BoolUnary, Compare, ReduceKind};
use gradus_ir::{ComputeFloat, DType, IntegerType, Kind, Width};

pub(super) fn unary(op: BoolUnary, isa: Isa) -> Kernel {
    match op {
        BoolUnary::Not => lane1!(simple(isa), u8 => u8, |x, FMA| x ^ 1),
        BoolUnary::StopGradient => copy(DType::Bool),
    }
}

pub(super) fn binary(op: BoolBinary, isa: Isa) -> Kernel {
    match op {
        BoolBinary::And | BoolBinary::Min => lane2!(simple(isa), u8 => u8, |x, y, FMA| x & y),
        BoolBinary::Or | BoolBinary::Max => lane2!(simple(isa), u8 => u8, |x, y, FMA| x | y),
        BoolBinary::Xor => lane2!(simple(isa), u8 => u8, |x, y, FMA| x ^ y),
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
    match dtype.kind() {
        Kind::Float(float) => match float.compute_type() {
            ComputeFloat::F32 => compare_f32(op, isa),
            ComputeFloat::F64 => compare_f64(op, isa),
        },
        Kind::Integer(integer) => match integer {
            IntegerType::I32 => compare_i32(op, isa),
            IntegerType::I64 => compare_i64(op, isa),
            IntegerType::U32 => compare_u32(op, isa),
        },
        Kind::Bool => compare_u8(op, isa),
    }
}

/// Chooses between elements as wide as `T`, by a byte.
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

/// The largest of booleans is whether one is true, the smallest whether all are. They have no sums and products.
fn join_bool(kind: ReduceKind, isa: Isa) -> Kernel {
    match kind {
        ReduceKind::Sum | ReduceKind::Max => lane2!(onto(isa), u8 => u8, |x, y, FMA| x | y),
        ReduceKind::Prod | ReduceKind::Min => lane2!(onto(isa), u8 => u8, |x, y, FMA| x & y),
    }
}

pub(super) fn join(kind: ReduceKind, dtype: DType, isa: Isa) -> Kernel {
    match dtype.kind() {
        Kind::Float(float) => match float.compute_type() {
            ComputeFloat::F32 => join_f32(kind, isa),
            ComputeFloat::F64 => join_f64(kind, isa),
        },
        Kind::Integer(integer) => match integer {
            IntegerType::I32 => join_i32(kind, isa),
            IntegerType::I64 => join_i64(kind, isa),
            IntegerType::U32 => join_u32(kind, isa),
        },
        Kind::Bool => join_bool(kind, isa),
    }
}
