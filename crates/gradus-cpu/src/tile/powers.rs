//! Powers with fixed exponents become products.

use super::program::{Code, Instruction, Program, Value};
use gradus_ir::Literal;
use gradus_ir::primitives::{Binary, Unary};

/// Powers with fixed exponents as products: squares for the binary digits, multiplied where a digit is set, inverted
/// at the end.
pub(crate) fn lower_powers(program: Program) -> Program {
    let powers = |i: &Instruction| matches!(i.code, Code::Unary(Unary::PowI(_)));
    if !program.code.iter().any(powers) {
        return program;
    }
    let sources = program.sources.len();
    let mut code: Vec<Instruction> = Vec::new();
    let mut map: Vec<Value> = (0..sources).collect();
    for ins in &program.code {
        // An instruction without operands names value 0.
        // In a program without sources this can be the instruction itself.
        let operands = ins.operands.map(|o| map.get(o).copied().unwrap_or(0));
        let dtype = ins.dtype;
        let Code::Unary(Unary::PowI(n)) = ins.code else {
            code.push(Instruction {
                code: ins.code.clone(),
                operands,
                dtype,
            });
            map.push(sources + code.len() - 1);
            continue;
        };
        let mut push = |c: Code, a: Value, b: Value| {
            code.push(Instruction {
                code: c,
                operands: [a, b, a],
                dtype,
            });
            sources + code.len() - 1
        };
        let mut digits = n.unsigned_abs();
        let mut square = operands[0];
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
        let one = Literal::from_i64(dtype, 1);
        let result = match product {
            Some(p) if n > 0 => p,
            Some(p) => {
                let one = push(Code::Literal(one), p, p);
                push(Code::Binary(Binary::Div), one, p)
            }
            None => push(Code::Literal(one), operands[0], operands[0]),
        };
        map.push(result);
    }
    let stores = program
        .stores
        .into_iter()
        .map(|mut s| {
            s.value = map[s.value];
            s
        })
        .collect();
    let reductions = program
        .reductions
        .into_iter()
        .map(|mut r| {
            r.value = map[r.value];
            r
        })
        .collect();
    Program {
        code,
        stores,
        reductions,
        ..program
    }
}
