//! The operators of Rust on tensors and numbers.

use super::Tensor;
use super::broadcast::{Operand, binary};
use gradus_ir::Op;
use gradus_ir::primitives::{Binary, Unary};
use std::ops;

macro_rules! operators {
    ($($trait:ident $method:ident $assign:ident $assign_method:ident $op:ident $name:literal;)*) => {$(
        impl<B: Operand> ops::$trait<B> for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: B) -> Tensor {
                binary($name, Op::Binary(Binary::$op), self, &other)
            }
        }

        impl<B: Operand> ops::$trait<B> for Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: B) -> Tensor {
                binary($name, Op::Binary(Binary::$op), &self, &other)
            }
        }

        impl<B: Operand> ops::$assign<B> for Tensor {
            #[track_caller]
            fn $assign_method(&mut self, other: B) {
                *self = binary($name, Op::Binary(Binary::$op), self, &other);
            }
        }

        // One float type and one integer type only: with more,
        // Rust could not choose the type of a literal on the left.
        operators!(@left $trait $method $op $name f64 i32);
    )*};
    (@left $trait:ident $method:ident $op:ident $name:literal $($t:ty)*) => {$(
        impl ops::$trait<Tensor> for $t {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: Tensor) -> Tensor {
                ops::$trait::$method(self, &other)
            }
        }

        impl ops::$trait<&Tensor> for $t {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: &Tensor) -> Tensor {
                match self.operand(other.dtype()) {
                    Ok(number) => binary($name, Op::Binary(Binary::$op), &number, other),
                    Err(error) => {
                        Tensor::fail(error.named($name), &[other], other.ty().clone())
                    }
                }
            }
        }
    )*};
}

operators! {
    Add add AddAssign add_assign Add "add";
    Sub sub SubAssign sub_assign Sub "sub";
    Mul mul MulAssign mul_assign Mul "mul";
    Div div DivAssign div_assign Div "div";
    Rem rem RemAssign rem_assign Rem "rem";
    BitAnd bitand BitAndAssign bitand_assign And "and";
    BitOr bitor BitOrAssign bitor_assign Or "or";
    BitXor bitxor BitXorAssign bitxor_assign Xor "xor";
    Shl shl ShlAssign shl_assign Shl "shl";
    Shr shr ShrAssign shr_assign Shr "shr";
}

macro_rules! prefix {
    ($($trait:ident $method:ident $op:ident;)*) => {$(
        impl ops::$trait for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self) -> Tensor {
                Tensor::apply(Op::Unary(Unary::$op), &[self])
            }
        }

        impl ops::$trait for Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self) -> Tensor {
                Tensor::apply(Op::Unary(Unary::$op), &[&self])
            }
        }
    )*};
}

prefix! {
    Neg neg Neg;
    Not not Not;
}
