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
