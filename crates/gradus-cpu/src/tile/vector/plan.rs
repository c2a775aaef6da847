//! Which operations of a kernel become one loop nest, and which of its values are in memory.

use super::super::kernel::{Kernel, Location, TileLoop};
use super::super::program::{Code, Instruction, Value};
use super::nest::{InMemory, MOST_IN_MEMORY};
use gradus_ir::primitives::{Binary, Compare, Unary};
use gradus_ir::{DType, Width};
use std::collections::BTreeMap;

/// Neighbouring loops of a kernel that become one nest.
pub(super) struct Segment {
    /// The number of the first loop.
    pub first: usize,
    pub length: usize,
    /// The width of all elements that are not booleans.
    pub width: Width,
}

/// The most loops of a nest: planning and writing take time by the square of their number.
const MOST_LOOPS: usize = 100;

/// Which loops make and read each value of a kernel.
pub(super) struct Uses {
    /// The loop that makes the value, if one does.
    maker: Vec<Option<usize>>,
    /// One more than the last loop that reads the value, or more than all loops if something else reads it too.
    end: Vec<usize>,
}

impl Uses {
    pub fn new(kernel: &Kernel) -> Uses {
        let values = kernel.locations.len();
        let (mut maker, mut end) = (vec![None; values], vec![0; values]);
        for (k, each) in kernel.loops.iter().enumerate() {
            maker[each.out] = Some(k);
            for &v in &each.operands[..arity(&instruction(kernel, each).code)] {
                end[v] = k + 1;
            }
        }
        let stored = kernel.locations.iter().enumerate();
        let stored = stored.filter(|(_, l)| matches!(l, Location::Store { .. }));
        let copied = kernel.copies.iter().map(|&(v, _)| v);
        let reduced = kernel.program.reductions.iter().map(|r| r.value);
        for v in stored.map(|(v, _)| v).chain(copied).chain(reduced) {
            end[v] = usize::MAX;
        }
        Uses { maker, end }
    }
}

/// The instruction of a loop.
pub(super) fn instruction<'a>(kernel: &'a Kernel, each: &TileLoop) -> &'a Instruction {
    let program = &kernel.program;
    &program.code[each.out - program.sources.len()]
}

/// The number of operands that an instruction reads.
pub(super) fn arity(code: &Code) -> usize {
    match code {
        Code::Literal(_) | Code::Iota(_) => 0,
        Code::Unary(_) | Code::Cast | Code::Convert | Code::Round(_) => 1,
        Code::Binary(_) | Code::Compare(_) => 2,
        Code::Select => 3,
    }
}

/// The longest runs of loops that can be a nest, of at least two loops each.
pub(super) fn segments(kernel: &Kernel, uses: &Uses) -> Vec<Segment> {
    let mut found = Vec::new();
    let mut first = 0;
    while first < kernel.loops.len() {
        let mut length = 0;
        let mut width = None;
        for each in kernel.loops[first..].iter().take(MOST_LOOPS) {
            let Some(own) = width_of(kernel, each) else {
                break;
            };
            let joined = Segment {
                first,
                length: length + 1,
                width: width.unwrap_or(own),
            };
            if joined.width != own || !fits(kernel, uses, &joined) {
                break;
            }
            width = Some(own);
            length += 1;
        }
        if let (Some(width), 2..) = (width, length) {
            found.push(Segment {
                first,
                length,
                width,
            });
        }
        first += length.max(1);
    }
    found
}

/// The width of the numbers of a loop, if a nest can have its operation.
fn width_of(kernel: &Kernel, each: &TileLoop) -> Option<Width> {
    let ins = instruction(kernel, each);
    let from = kernel.program.dtype(each.operands[0]);
    let to = ins.dtype;
    let float = |dtype| matches!(dtype, DType::F32 | DType::F64);
    let known = match ins.code {
        Code::Unary(op) => {
            float(from)
                && matches!(
                    op,
                    Unary::Neg
                        | Unary::Abs
                        | Unary::Sign
                        | Unary::Sqrt
                        | Unary::Rsqrt
                        | Unary::Floor
                        | Unary::Ceil
                        | Unary::Round
                        | Unary::Trunc
                        | Unary::IsFinite
                        | Unary::StopGradient
                )
        }
        Code::Binary(op) => match from {
            DType::F32 | DType::F64 => matches!(
                op,
                Binary::Add | Binary::Sub | Binary::Mul | Binary::Div | Binary::Max | Binary::Min
            ),
            DType::I32 | DType::U32 | DType::I64 => matches!(
                op,
                Binary::Add | Binary::Sub | Binary::And | Binary::Or | Binary::Xor
            ),
            DType::BF16 | DType::Bool => false,
        },
        Code::Compare(op) => match from {
            DType::F32 | DType::F64 | DType::I32 | DType::I64 => true,
            DType::U32 => matches!(op, Compare::Eq | Compare::Ne),
            DType::BF16 | DType::Bool => false,
        },
        Code::Select => to != DType::Bool && to != DType::BF16,
        Code::Cast => from == DType::Bool && float(to),
        Code::Convert | Code::Round(_) | Code::Literal(_) | Code::Iota(_) => false,
    };
    // A comparison, and `is_finite`, have booleans as results.
    let number = if to == DType::Bool { from } else { to };
    known.then(|| number.width())
}

/// Whether its values in memory are few enough, and no value is written where elements of another width still have to
/// be read: registers in scratch memory are used again, and in a nest the first elements of one value are written
/// before the last elements of another are read.
fn fits(kernel: &Kernel, uses: &Uses, segment: &Segment) -> bool {
    let memory = memory(kernel, uses, segment);
    let mut bytes_at: BTreeMap<usize, usize> = BTreeMap::new();
    memory.len() <= MOST_IN_MEMORY
        && memory.iter().all(|m| match kernel.locations[m.value] {
            Location::Register(byte) => {
                let bytes = *bytes_at.entry(byte).or_insert(m.bytes);
                bytes == m.bytes
            }
            Location::Source { .. } | Location::Store { .. } => true,
        })
}

/// The values in memory of a segment: those that come from outside, and those that the rest of the kernel needs.
pub(super) fn memory(kernel: &Kernel, uses: &Uses, segment: &Segment) -> Vec<InMemory> {
    let numbers = segment.first..segment.first + segment.length;
    let loops = &kernel.loops[numbers.clone()];
    let mut memory: Vec<InMemory> = Vec::new();
    let entry = |value: Value, is_written: bool| InMemory {
        value,
        bytes: kernel.widths[value].bytes(),
        is_fixed: kernel.fixed.iter().any(|&(f, _)| f == value),
        is_written,
    };
    let is_inside = |v: Value| uses.maker[v].is_some_and(|k| numbers.contains(&k));
    for each in loops {
        let read = arity(&instruction(kernel, each).code);
        for &v in &each.operands[..read] {
            if !is_inside(v) && !memory.iter().any(|m| m.value == v) {
                memory.push(entry(v, false));
            }
        }
        // Something outside of the segment reads it.
        if uses.end[each.out] > numbers.end {
            memory.push(entry(each.out, true));
        }
    }
    memory
}
