//! Functions with a parameter: powers with fixed exponents become products, and the order of a derivative of digamma
//! becomes an operand.

use super::program::{Code, Program, Value};
use gradus_ir::primitives::{Binary, Unary};
use gradus_ir::{DType, Literal};

/// Replaces functions with a parameter by instructions that kernels have loops for.
pub(super) fn lower_parameters(mut program: Program) -> Program {
    let has_one = |code: &Code| matches!(code, Code::Unary(Unary::PowI(_) | Unary::Polygamma(_)));
    if !program.code.iter().any(|i| has_one(&i.code)) {
        return program;
    }
    let mut map: Vec<Value> = (0..program.sources.len()).collect();
    for ins in std::mem::take(&mut program.code) {
        // The operands of an instruction without operands are value 0.
        // In a program without sources this can be the instruction itself.
        let operands = ins.operands.map(|o| map.get(o).copied().unwrap_or(0));
        let x = operands[0];
        map.push(match ins.code {
            Code::Unary(Unary::PowI(n)) => product(&mut program, x, n, ins.dtype),
            Code::Unary(Unary::Polygamma(n)) => {
                let order = Code::Literal(Literal::from_i64(DType::U32, i64::from(n)));
                let order = program.push(order, [x; 3], DType::U32);
                program.push(ins.code, [x, order, x], ins.dtype)
            }
            code => program.push(code, operands, ins.dtype),
        });
    }
    for store in &mut program.stores {
        store.value = map[store.value];
    }
    for reduction in &mut program.reductions {
        reduction.value = map[reduction.value];
    }
    program
}

/// Appends `x` to the power of `n`: squares for the binary digits of `n`, multiplied if a digit is set,
/// inverted at the end if `n` is negative.
fn product(program: &mut Program, x: Value, n: i32, dtype: DType) -> Value {
    let mut push = |code: Code, a: Value, b: Value| program.push(code, [a, b, a], dtype);
    let mut digits = n.unsigned_abs();
    let mut square = x;
    let mut product: Option<Value> = None;
    while digits > 0 {
        if digits & 1 == 1 {
            product = Some(match product {
                None => square,
                Some(p) => push(Code::Binary(Binary::Mul), p, square),
            });
        }
        digits >>= 1;
        if digits > 0 {
            square = push(Code::Binary(Binary::Mul), square, square);
        }
    }
    let one = Code::Literal(Literal::from_i64(dtype, 1));
    match product {
        Some(p) if n > 0 => p,
        Some(p) => {
            let one = push(one, p, p);
            push(Code::Binary(Binary::Div), one, p)
        }
        None => push(one, x, x),
    }
}
