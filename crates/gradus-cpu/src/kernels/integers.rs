//! The loops of integer functions.

use super::isa::{Isa, lane1, lane2};
use super::{Kernel, copy};
use gradus_ir::IntegerType;
use gradus_ir::primitives::{IntegerBinary, IntegerUnary};

macro_rules! unary_table {
    ($name:ident, $t:ty, $integer:ident, $abs:expr, $sign:expr) => {
        fn $name(op: IntegerUnary, isa: Isa) -> Kernel {
            match op {
                IntegerUnary::Neg => lane1!(simple(isa), $t => $t, |x, FMA| x.wrapping_neg()),
                IntegerUnary::Abs => lane1!(simple(isa), $t => $t, |x, FMA| $abs(x)),
                IntegerUnary::Sign => lane1!(simple(isa), $t => $t, |x, FMA| $sign(x)),
                IntegerUnary::Not => lane1!(simple(isa), $t => $t, |x, FMA| !x),
                IntegerUnary::StopGradient => copy(IntegerType::$integer.dtype()),
            }
        }
    };
}

unary_table!(unary_i32, i32, I32, i32::wrapping_abs, i32::signum);
unary_table!(unary_i64, i64, I64, i64::wrapping_abs, i64::signum);
unary_table!(unary_u32, u32, U32, std::convert::identity, |x: u32| x
    .min(1));

pub(super) fn unary(op: IntegerUnary, integer: IntegerType, isa: Isa) -> Kernel {
    match integer {
        IntegerType::I32 => unary_i32(op, isa),
        IntegerType::I64 => unary_i64(op, isa),
        IntegerType::U32 => unary_u32(op, isa),
    }
}

macro_rules! binary_table {
    ($name:ident, $t:ty, $u:ty) => {
        fn $name(op: IntegerBinary, isa: Isa) -> Kernel {
            const BITS: $t = <$t>::BITS as $t;
            match op {
                IntegerBinary::Add => lane2!(simple(isa), $t => $t, |x, y, FMA| x.wrapping_add(y)),
                IntegerBinary::Sub => lane2!(simple(isa), $t => $t, |x, y, FMA| x.wrapping_sub(y)),
                IntegerBinary::Mul => lane2!(simple(isa), $t => $t, |x, y, FMA| x.wrapping_mul(y)),
                IntegerBinary::Div => lane2!(simple(isa), $t => $t, |x, y, FMA| {
                    if y == 0 { !0 } else { x.wrapping_div(y) }
                }),
                IntegerBinary::Rem => lane2!(simple(isa), $t => $t, |x, y, FMA| {
                    if y == 0 { x } else { x.wrapping_rem(y) }
                }),
                IntegerBinary::Max => lane2!(simple(isa), $t => $t, |x, y, FMA| x.max(y)),
                IntegerBinary::Min => lane2!(simple(isa), $t => $t, |x, y, FMA| x.min(y)),
                IntegerBinary::And => lane2!(simple(isa), $t => $t, |x, y, FMA| x & y),
                IntegerBinary::Or => lane2!(simple(isa), $t => $t, |x, y, FMA| x | y),
                IntegerBinary::Xor => lane2!(simple(isa), $t => $t, |x, y, FMA| x ^ y),
                // A negative count is a large one as an unsigned number.
                IntegerBinary::Shl => lane2!(simple(isa), $t => $t, |x, y, FMA| {
                    let s = x.wrapping_shl(y as u32);
                    if (y as $u) < BITS as $u { s } else { 0 }
                }),
                IntegerBinary::Shr => lane2!(simple(isa), $t => $t, |x, y, FMA| {
                    let count = if (y as $u) < BITS as $u { y } else { BITS - 1 };
                    let s = x.wrapping_shr(count as u32);
                    if (y as $u) < BITS as $u || <$t>::MIN != 0 { s } else { 0 }
                }),
            }
        }
    };
}

binary_table!(binary_i32, i32, u32);
binary_table!(binary_i64, i64, u64);
binary_table!(binary_u32, u32, u32);

pub(super) fn binary(op: IntegerBinary, integer: IntegerType, isa: Isa) -> Kernel {
    match integer {
        IntegerType::I32 => binary_i32(op, isa),
        IntegerType::I64 => binary_i64(op, isa),
        IntegerType::U32 => binary_u32(op, isa),
    }
}
