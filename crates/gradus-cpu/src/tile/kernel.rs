//! A program made ready to run: loops chosen, registers assigned, work split.

use super::execute::ROWS;
use super::load::Access;
use super::powers::lower_powers;
use super::program::{Code, Program, Value};
use crate::array::ALIGNMENT;
use crate::kernels::{self, Fold};
use crate::pool::{MOST_PIECES, Pieces};
use gradus_ir::primitives::{Binary, ReduceKind, Unary, Work};
use gradus_ir::{DType, Literal};
use smallvec::SmallVec;

/// Scratch memory for tiles of all registers together: a part of the first cache.
const TILE_BYTES: usize = 24 << 10;
/// Work below this many nanoseconds is not split; what is split is worth waking a thread.
const WORTH_SPLITTING: f64 = 50_000.0;
/// Kernels with at most so many bytes of registers keep them from run to run.
const RESIDENT_BYTES: usize = 4 << 10;

/// A loop with the values that it reads and writes.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) kernel: kernels::Kernel,
    pub(super) operands: [Value; 3],
    pub(super) out: Value,
}

#[derive(Debug)]
pub(super) enum Fixed {
    /// A literal, written to its register before the first tile.
    Literal(Literal),
    /// A uniform source.
    Element { source: usize, offset: isize },
}

/// How one value's pointer is found for each tile.
#[derive(Debug)]
pub(super) enum Place {
    /// In the scratch memory, at this byte.
    Register(usize),
    /// In the memory of a source that lies one after the other.
    Source { slot: usize, offset: isize },
    /// In the memory of a store.
    Store { slot: usize },
}

/// A source that is brought into its register tile by tile.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) value: Value,
    pub(super) offset: isize,
    /// Size and stride of each axis, innermost last.
    pub(super) axes: SmallVec<[(usize, isize); 6]>,
}

/// A fused kernel.
#[derive(Debug)]
pub(crate) struct Kernel {
    pub(super) program: Program,
    pub(super) elements: usize,
    /// Elements a tile.
    pub(super) tile: usize,
    pub(super) scratch: usize,
    pub(super) places: Vec<Place>,
    /// The values that are in memory rather than in registers: value, slot, byte of the first element.
    pub(super) outside: Vec<(Value, usize, isize)>,
    pub(super) sizes: Vec<usize>,
    pub(super) fixed: Vec<(Value, Fixed)>,
    pub(super) gathered: Vec<Gathered>,
    pub(super) iotas: Vec<(Value, usize, usize, DType)>,
    pub(super) steps: Vec<Step>,
    /// Stores that the instructions have not made: value, slot.
    pub(super) copies: Vec<(Value, usize)>,
    pub(super) folds: Vec<Folding>,
    pub(super) chunks: Pieces,
    /// Where the row sums of reductions over outer axes are kept: byte in the scratch memory.
    pub(super) row_sums: Vec<usize>,
    /// Where the totals of sums over many rows are kept: byte of the first reduction's in the scratch memory.
    pub(super) totals: usize,
}

pub(super) struct Folding {
    pub(super) fold: Fold,
    pub(super) join: kernels::Kernel,
    pub(super) neutral: Literal,
}

impl Folding {
    /// Whether rows are added whose sum would lose more with each: the totals are kept in more digits.
    pub(super) fn is_float_sum(&self) -> bool {
        self.fold.kind == ReduceKind::Sum && self.fold.dtype.is_float()
    }
}

impl std::fmt::Debug for Folding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} of {}", self.fold.kind, self.fold.dtype)
    }
}

impl Kernel {
    /// Chooses loops, registers and chunks.
    pub fn new(program: Program) -> Kernel {
        let program = lower_powers(program);
        let sources = program.sources.len();
        let values = sources + program.code.len();
        let sizes: Vec<usize> = (0..values).map(|v| program.dtype(v).size()).collect();
        let elements: usize = program.shape.iter().product();

        // Registers are reused after the last use of their value; fixed ones never.
        let mut last_use = vec![0usize; values];
        for (k, ins) in program.code.iter().enumerate() {
            for &o in &ins.operands {
                last_use[o] = k;
            }
        }
        let end = program.code.len();
        for s in &program.stores {
            last_use[s.value] = end;
        }
        for r in &program.reductions {
            last_use[r.value] = end;
        }

        let mut registers = Registers::default();
        let mut places: Vec<Place> = Vec::with_capacity(values);
        let mut fixed = Vec::new();
        let mut gathered = Vec::new();
        let mut iotas = Vec::new();
        let mut steps = Vec::new();
        let mut stored: Vec<bool> = vec![false; program.stores.len()];
        for (v, source) in program.sources.iter().enumerate() {
            places.push(match Access::of(&source.view) {
                Access::Direct { offset } => Place::Source {
                    slot: source.slot,
                    offset: offset * sizes[v] as isize,
                },
                Access::Uniform { offset } => {
                    let offset = offset * sizes[v] as isize;
                    fixed.push((v, Fixed::Element { source: v, offset }));
                    Place::Register(registers.take())
                }
                Access::Strided { offset, axes } => {
                    gathered.push(Gathered {
                        value: v,
                        offset,
                        axes,
                    });
                    // All are brought in before the first instruction.
                    Place::Register(registers.take())
                }
            });
        }
        let pinned = |v: Value, fixed: &[(Value, Fixed)]| fixed.iter().any(|&(f, _)| f == v);
        for (k, ins) in program.code.iter().enumerate() {
            let v = sources + k;
            let operands = ins.operands;
            let reads: &[Value] = match ins.code {
                Code::Literal(_) | Code::Iota(_) => &[],
                Code::Unary(_) | Code::Cast => &operands[..1],
                Code::Binary(_) | Code::Compare(_) => &operands[..2],
                Code::Select => &operands,
            };
            match ins.code {
                Code::Literal(value) => {
                    fixed.push((v, Fixed::Literal(value)));
                    places.push(Place::Register(registers.fresh()));
                    continue;
                }
                Code::Iota(axis) => {
                    let inner: usize = program.shape[axis + 1..].iter().product();
                    iotas.push((v, program.shape[axis], inner, ins.dtype));
                    places.push(Place::Register(registers.fresh()));
                    continue;
                }
                _ => {}
            }
            // An operand that dies here leaves its register to later instructions: loops do not write over what they read.
            let mut after: SmallVec<[usize; 3]> = SmallVec::new();
            for (i, &o) in reads.iter().enumerate() {
                let dead = last_use[o] == k && !reads[..i].contains(&o);
                if dead
                    && !pinned(o, &fixed)
                    && let Place::Register(r) = places[o]
                {
                    after.push(r);
                }
            }
            let direct = program
                .stores
                .iter()
                .position(|s| s.value == v && !s.aliased);
            places.push(match direct {
                Some(s) => {
                    stored[s] = true;
                    Place::Store {
                        slot: program.stores[s].slot,
                    }
                }
                None => Place::Register(registers.take()),
            });
            for r in after {
                registers.give(r);
            }
            let from = program.dtype(operands[0]);
            steps.push(Step {
                kernel: match ins.code {
                    Code::Unary(op) => kernels::unary(op, from),
                    Code::Binary(op) => kernels::binary(op, from),
                    Code::Compare(op) => kernels::compare(op, from),
                    Code::Select => kernels::select(ins.dtype),
                    Code::Cast => kernels::cast(from, ins.dtype),
                    Code::Literal(_) | Code::Iota(_) => unreachable!("handled above"),
                },
                operands,
                out: v,
            });
        }
        let copies = program
            .stores
            .iter()
            .zip(&stored)
            .filter(|(_, stored)| !**stored)
            .map(|(s, _)| (s.value, s.slot))
            .collect();
        let folds: Vec<Folding> = program
            .reductions
            .iter()
            .map(|r| Folding::new(r.kind, program.dtype(r.value)))
            .collect();

        let widest = sizes.iter().copied().max().unwrap_or(8);
        let count = registers.count + program.reductions.len();
        let mut tile = (TILE_BYTES / (count.max(1) * widest)).clamp(128, 1024) / 64 * 64;
        tile = tile.min(elements.next_multiple_of(8).max(8));
        for place in &mut places {
            if let Place::Register(r) = place {
                *r *= tile * widest;
            }
        }
        let row_sums = (0..program.reductions.len())
            .map(|k| (registers.count + k) * tile * widest)
            .collect();
        let registers_and_sums = (registers.count + program.reductions.len()) * tile * widest;
        // Behind them the totals of long sums of columns, from a line of cache on: half of their vectors would lie across two otherwise.
        let totals = registers_and_sums.next_multiple_of(ALIGNMENT);
        let (_, rows, columns) = program.reduced;
        let long = columns > 1 && rows > ROWS;
        let total = if long { tile * kernels::TOTAL_BYTES } else { 0 };
        let scratch = totals + program.reductions.len() * total;
        let outside = places.iter().enumerate().filter_map(|(v, p)| match *p {
            Place::Source { slot, offset } => Some((v, slot, offset)),
            Place::Store { slot } => Some((v, slot, 0)),
            Place::Register(_) => None,
        });
        let outside = outside.collect();

        let mut kernel = Kernel {
            elements,
            tile,
            scratch,
            places,
            outside,
            sizes,
            fixed,
            gathered,
            iotas,
            steps,
            copies,
            folds,
            chunks: Pieces::ONE,
            row_sums,
            totals,
            program,
        };
        kernel.chunks = kernel.choose_chunks();
        kernel
    }

    /// Roughly how many nanoseconds a run takes on one thread.
    fn nanoseconds(&self) -> f64 {
        let per_element: f64 = self
            .program
            .code
            .iter()
            .map(|i| match i.code {
                Code::Unary(
                    Unary::Neg
                    | Unary::Abs
                    | Unary::Sign
                    | Unary::Floor
                    | Unary::Ceil
                    | Unary::Round
                    | Unary::Trunc
                    | Unary::Not
                    | Unary::IsFinite
                    | Unary::StopGradient,
                ) => 0.1,
                Code::Unary(_) => 1.2,
                Code::Binary(b) if b.work() == Work::Transcendental => 1.2,
                Code::Literal(_) => 0.0,
                _ => 0.1,
            })
            .sum();
        let moved = self.program.sources.len() + self.program.stores.len();
        (per_element + 0.1 * moved as f64 + 0.4 * self.gathered.len() as f64) * self.elements as f64
    }

    fn choose_chunks(&self) -> Pieces {
        let time = self.nanoseconds();
        if time < WORTH_SPLITTING {
            return Pieces::ONE;
        }
        let wanted = ((time / (WORTH_SPLITTING / 2.0)) as usize).min(MOST_PIECES);
        Pieces {
            count: wanted.min(self.units()).max(1),
            large: true,
        }
    }

    /// Whether its registers are so few that they may stay from run to run.
    pub(super) fn is_small(&self) -> bool {
        self.chunks.count == 1 && self.elements > 0 && self.scratch <= RESIDENT_BYTES
    }

    /// Whether everything is reduced to one number.
    pub(super) fn is_total(&self) -> bool {
        let (a, _, c) = self.program.reduced;
        !self.program.reductions.is_empty() && a == 1 && c == 1
    }

    /// The pieces that work can be split into.
    pub(super) fn units(&self) -> usize {
        let (a, _, c) = self.program.reduced;
        if self.program.reductions.is_empty() {
            self.elements.div_ceil(self.tile)
        } else if c == 1 && a > 1 {
            a
        } else if c == 1 {
            self.elements.div_ceil(self.tile)
        } else {
            a * c.div_ceil(self.tile)
        }
    }
}

impl Folding {
    fn new(kind: ReduceKind, dtype: DType) -> Folding {
        let (op, neutral) = match kind {
            ReduceKind::Sum => (Binary::Add, Literal::from_i64(dtype, 0)),
            ReduceKind::Prod => (Binary::Mul, Literal::from_i64(dtype, 1)),
            ReduceKind::Max => (Binary::Max, lowest(dtype)),
            ReduceKind::Min => (Binary::Min, highest(dtype)),
        };
        Folding {
            fold: kernels::fold_kernels(kind, dtype),
            join: kernels::join(op, dtype),
            neutral,
        }
    }
}

fn lowest(dtype: DType) -> Literal {
    match dtype {
        DType::F32 | DType::F64 => Literal::from_f64(dtype, f64::NEG_INFINITY),
        DType::I32 => Literal::from_i64(dtype, i64::from(i32::MIN)),
        DType::I64 => Literal::from_i64(dtype, i64::MIN),
        DType::U32 | DType::Bool => Literal::from_i64(dtype, 0),
    }
}

fn highest(dtype: DType) -> Literal {
    match dtype {
        DType::F32 | DType::F64 => Literal::from_f64(dtype, f64::INFINITY),
        DType::I32 => Literal::from_i64(dtype, i64::from(i32::MAX)),
        DType::I64 => Literal::from_i64(dtype, i64::MAX),
        DType::U32 => Literal::from_i64(dtype, i64::from(u32::MAX)),
        DType::Bool => Literal::from_i64(dtype, 1),
    }
}

/// Numbers of registers, reused.
#[derive(Default)]
struct Registers {
    free: Vec<usize>,
    count: usize,
}

impl Registers {
    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        })
    }

    /// A register that no earlier instruction writes to, for values made before the first one.
    fn fresh(&mut self) -> usize {
        self.count += 1;
        self.count - 1
    }

    fn give(&mut self, register: usize) {
        self.free.push(register);
    }
}

impl std::fmt::Display for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let p = &self.program;
        write!(f, "fused over {:?}: read", p.shape.as_slice())?;
        for s in &p.sources {
            write!(f, " {}:{}", s.slot, s.dtype)?;
        }
        write!(f, ";")?;
        for i in &p.code {
            match &i.code {
                Code::Unary(u) => write!(f, " {u:?}")?,
                Code::Binary(b) => write!(f, " {b:?}")?,
                Code::Compare(c) => write!(f, " {c:?}")?,
                Code::Select => write!(f, " Select")?,
                Code::Cast => write!(f, " Cast({})", i.dtype)?,
                Code::Literal(v) => write!(f, " {v}")?,
                Code::Iota(axis) => write!(f, " Iota({axis})")?,
            }
        }
        for s in &p.stores {
            write!(
                f,
                "; store {}{}",
                s.slot,
                if s.aliased { " in place" } else { "" }
            )?;
        }
        for r in &p.reductions {
            write!(f, "; {:?} over {:?} to {}", r.kind, p.reduced, r.slot)?;
        }
        Ok(())
    }
}
