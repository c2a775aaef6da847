//! Conversions for types that only store numbers:
//! kernels compute in a [wider type](gradus_ir::DType::compute_type).
//!
//! Values are widened where they are read, rounded after each operation, and narrowed where they are stored.
//! A rounded value stays in registers of the wider type,
//! so a program computes the same as its operations one at a time.
//! The conversions are not operations of the graph and are not counted as such.

use super::program::{Code, Instruction, Program, Value};
use gradus_ir::primitives::{Binary, Unary};
use gradus_ir::{DType, Literal};

/// Makes the conversions explicit: no other instruction computes with elements of a type that is widened.
pub(super) fn widen(program: Program) -> Program {
    let values = program.sources.len() + program.code.len();
    let results = program.reductions.iter().map(|r| r.dtype);
    let mut dtypes = (0..values).map(|v| program.dtype(v)).chain(results);
    if !dtypes.any(DType::is_widened) {
        return program;
    }
    let mut widening = Widening::new(program);
    for ins in std::mem::take(&mut widening.given.code) {
        let forms = widening.instruction(&ins);
        widening.values.push((ins.dtype, forms));
    }
    widening.finish()
}

/// The forms of a value of the old program in the new program. Each form is made when it is first needed.
#[derive(Clone, Copy, Default)]
struct Forms {
    /// In the type of storage. A value that is not widened has only this form.
    stored: Option<Value>,
    /// In the compute type, as the operation computed it.
    computed: Option<Value>,
    /// In the compute type, rounded to a number of the value's own type.
    rounded: Option<Value>,
    literal: Option<Literal>,
}

impl Forms {
    fn stored(value: Value) -> Forms {
        Forms {
            stored: Some(value),
            ..Forms::default()
        }
    }
}

struct Widening {
    /// The old program, without its instructions.
    given: Program,
    new: Program,
    values: Vec<(DType, Forms)>,
}

impl Widening {
    fn new(given: Program) -> Widening {
        let mut new = Program::new(given.shape.clone(), given.sources.clone());
        new.reduced = given.reduced;
        let sources = given.sources.iter().enumerate();
        let values = sources.map(|(v, s)| (s.dtype, Forms::stored(v))).collect();
        Widening { given, new, values }
    }

    /// Appends the instruction to the new program and gives the forms of its result.
    fn instruction(&mut self, ins: &Instruction) -> Forms {
        let computed_in = ins.dtype.compute_type();
        match ins.code {
            Code::Literal(literal) if ins.dtype.is_widened() => Forms {
                literal: Some(literal),
                ..Forms::default()
            },
            // The compute type may be unable to hold the index exactly, and then it would be rounded twice.
            Code::Iota(_) if ins.dtype.is_widened() => {
                let index = self.new.push(ins.code.clone(), [0; 3], DType::F64);
                Forms::stored(self.new.push(Code::Convert, [index; 3], ins.dtype))
            }
            Code::Literal(_) | Code::Iota(_) => {
                Forms::stored(self.new.push(ins.code.clone(), [0; 3], ins.dtype))
            }
            Code::Cast => {
                let x = ins.operands[0];
                let x = match self.values[x].1 {
                    Forms {
                        stored: Some(x), ..
                    } => x,
                    _ => self.rounded(x),
                };
                Forms::stored(self.new.push(Code::Cast, [x; 3], ins.dtype))
            }
            Code::Unary(_) | Code::Binary(_) | Code::Compare(_) | Code::Select => {
                let operands = ins.operands.map(|o| self.rounded(o));
                let result = self.new.push(ins.code.clone(), operands, computed_in);
                match ins.dtype.is_widened() {
                    false => Forms::stored(result),
                    true => Forms {
                        computed: Some(result),
                        rounded: keeps_numbers(&ins.code).then_some(result),
                        ..Forms::default()
                    },
                }
            }
            Code::Convert | Code::Round(_) => unreachable!("this pass alone makes conversions"),
        }
    }

    /// Value `v` in the form that instructions read.
    fn rounded(&mut self, v: Value) -> Value {
        let (dtype, forms) = self.values[v];
        let wide = dtype.compute_type();
        let value = match forms {
            Forms {
                stored: Some(x), ..
            } if !dtype.is_widened() => x,
            Forms {
                rounded: Some(x), ..
            } => x,
            Forms {
                literal: Some(literal),
                ..
            } => {
                let literal = Literal::from_f64(wide, literal.as_f64());
                self.new.push(Code::Literal(literal), [0; 3], wide)
            }
            Forms {
                computed: Some(x), ..
            } => self.new.push(Code::Round(dtype), [x; 3], wide),
            Forms {
                stored: Some(x), ..
            } => self.new.push(Code::Convert, [x; 3], wide),
            Forms { .. } => unreachable!("every value has a form"),
        };
        self.values[v].1.rounded = Some(value);
        value
    }

    /// Value `v` in the form that memory holds.
    fn stored(&mut self, v: Value) -> Value {
        let (dtype, forms) = self.values[v];
        let value = match forms {
            Forms {
                stored: Some(x), ..
            } => x,
            Forms {
                literal: Some(literal),
                ..
            } => self.new.push(Code::Literal(literal), [0; 3], dtype),
            Forms { .. } => {
                let x = forms.computed.unwrap_or_else(|| self.rounded(v));
                self.new.push(Code::Convert, [x; 3], dtype)
            }
        };
        self.values[v].1.stored = Some(value);
        value
    }

    fn finish(mut self) -> Program {
        for mut store in std::mem::take(&mut self.given.stores) {
            store.value = self.stored(store.value);
            self.new.stores.push(store);
        }
        for mut reduction in std::mem::take(&mut self.given.reductions) {
            reduction.value = self.rounded(reduction.value);
            self.new.reductions.push(reduction);
        }
        self.new
    }
}

/// Whether results need no rounding: they are numbers of the operands' type, whatever that type is.
fn keeps_numbers(code: &Code) -> bool {
    match code {
        Code::Unary(op) => matches!(
            op,
            Unary::Neg
                | Unary::Abs
                | Unary::Sign
                | Unary::Floor
                | Unary::Ceil
                | Unary::Round
                | Unary::Trunc
                | Unary::StopGradient
        ),
        Code::Binary(op) => matches!(op, Binary::Max | Binary::Min | Binary::Rem),
        Code::Select => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffers::BufferId;
    use crate::tile::program::{Reduction, Source};
    use crate::view::View;
    use gradus_ir::Dims;
    use gradus_ir::primitives::ReduceKind;

    fn program(sources: &[DType]) -> Program {
        let source = |(k, &dtype): (usize, &DType)| Source {
            buffer: BufferId::new(k),
            dtype,
            view: View::whole(&[9]),
        };
        let sources = sources.iter().enumerate().map(source).collect();
        Program::new(Dims::from_slice(&[9]), sources)
    }

    /// The instructions, as printed.
    fn instructions(program: Program) -> String {
        let text = widen(program).to_string();
        let code = text.split("; ").nth(1).unwrap_or_default();
        code.trim().to_string()
    }

    #[test]
    fn a_chain_stays_in_wide_registers() {
        let mut p = program(&[DType::BF16, DType::BF16]);
        let sum = p.push(Code::Binary(Binary::Add), [0, 1, 0], DType::BF16);
        let sign = p.push(Code::Unary(Unary::Neg), [sum; 3], DType::BF16);
        let root = p.push(Code::Unary(Unary::Sqrt), [sign; 3], DType::BF16);
        p.store(root, BufferId::new(2));
        p.reductions.push(Reduction {
            value: root,
            kind: ReduceKind::Sum,
            dtype: DType::BF16,
            buffer: BufferId::new(3),
        });
        let wanted = "Convert(f32) Convert(f32) Add Round(bf16) Neg Sqrt Convert(bf16) Round(bf16)";
        assert_eq!(instructions(p), wanted);
    }

    #[test]
    fn casts_read_and_write_memory_as_it_is() {
        let mut p = program(&[DType::BF16]);
        let wide = p.push(Code::Cast, [0; 3], DType::F32);
        let sine = p.push(Code::Unary(Unary::Sin), [wide; 3], DType::F32);
        let narrow = p.push(Code::Cast, [sine; 3], DType::BF16);
        p.store(narrow, BufferId::new(1));
        p.store(0, BufferId::new(2));
        assert_eq!(instructions(p), "Cast(f32) Sin Cast(bf16)");
    }

    #[test]
    fn literals_and_indices_are_rounded_once() {
        let mut p = program(&[DType::BF16]);
        let third = Literal::from_f64(DType::BF16, 1.0 / 3.0);
        let third = p.push(Code::Literal(third), [0; 3], DType::BF16);
        let index = p.push(Code::Iota(0), [0; 3], DType::BF16);
        let sum = p.push(
            Code::Binary(Binary::Mul),
            [index, third, index],
            DType::BF16,
        );
        p.store(sum, BufferId::new(1));
        p.store(third, BufferId::new(2));
        let wanted = "Iota(0) Convert(bf16) Convert(f32) 0.33398438 Mul Convert(bf16) 0.334";
        assert_eq!(instructions(p), wanted);
    }

    #[test]
    fn other_programs_stay() {
        let mut p = program(&[DType::F32]);
        let sum = p.push(Code::Binary(Binary::Add), [0; 3], DType::F32);
        p.store(sum, BufferId::new(1));
        let text = p.to_string();
        assert_eq!(widen(p).to_string(), text);
    }
}
