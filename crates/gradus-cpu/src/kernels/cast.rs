//! The loops of conversions.
//! Floats become integers by truncation, saturating, NaN as 0; integers wrap; every value except 0 is true.

use super::Kernel;
use super::isa::{Isa, lane1};
use gradus_ir::{DType, bf16};

macro_rules! from_number {
    ($name:ident, $t:ty, $zero:expr, $to_bf16:expr) => {
        fn $name(to: DType, isa: Isa) -> Kernel {
            match to {
                DType::BF16 => lane1!(simple(isa), $t => bf16, |x, FMA| $to_bf16(x)),
                DType::F32 => lane1!(simple(isa), $t => f32, |x, FMA| x as f32),
                DType::F64 => lane1!(simple(isa), $t => f64, |x, FMA| x as f64),
                DType::I32 => lane1!(simple(isa), $t => i32, |x, FMA| x as i32),
                DType::I64 => lane1!(simple(isa), $t => i64, |x, FMA| x as i64),
                DType::U32 => lane1!(simple(isa), $t => u32, |x, FMA| x as u32),
                DType::Bool => lane1!(simple(isa), $t => u8, |x, FMA| u8::from(x != $zero)),
            }
        }
    };
}

from_number!(from_f32, f32, 0.0, bf16::from_f32);
from_number!(from_f64, f64, 0.0, bf16::from_f64);
from_number!(from_i32, i32, 0, |x| bf16::from_f64(f64::from(x)));
from_number!(from_i64, i64, 0, bf16::from_i64);
from_number!(from_u32, u32, 0, |x| bf16::from_f64(f64::from(x)));
from_number!(from_bool, u8, 0, |x| bf16::from_f32(f32::from(x)));

fn from_bf16(to: DType, isa: Isa) -> Kernel {
    match to {
        DType::BF16 => lane1!(simple(isa), bf16 => bf16, |x, FMA| x),
        DType::F32 => lane1!(simple(isa), bf16 => f32, |x, FMA| x.to_f32()),
        DType::F64 => lane1!(simple(isa), bf16 => f64, |x, FMA| x.to_f64()),
        DType::I32 => lane1!(simple(isa), bf16 => i32, |x, FMA| x.to_f32() as i32),
        DType::I64 => lane1!(simple(isa), bf16 => i64, |x, FMA| x.to_f32() as i64),
        DType::U32 => lane1!(simple(isa), bf16 => u32, |x, FMA| x.to_f32() as u32),
        DType::Bool => lane1!(simple(isa), bf16 => u8, |x, FMA| u8::from(x.to_f32() != 0.0)),
    }
}

pub(super) fn cast(from: DType, to: DType, isa: Isa) -> Kernel {
    match from {
        DType::BF16 => from_bf16(to, isa),
        DType::F32 => from_f32(to, isa),
        DType::F64 => from_f64(to, isa),
        DType::I32 => from_i32(to, isa),
        DType::I64 => from_i64(to, isa),
        DType::U32 => from_u32(to, isa),
        DType::Bool => from_bool(to, isa),
    }
}
