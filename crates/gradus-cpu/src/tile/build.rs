//! Builds a kernel from a program: chooses loops and assigns registers.

use super::execute::ROWS;
use super::kernel::{Fixed, Folding, Gathered, Iota, Kernel, Location, TileLoop};
use super::load::{Access, period};
use super::program::{Code, Instruction, Program, Value};
use super::rearrange::Rearrangement;
use super::stages::Stages;
use crate::kernels;
use crate::pool::Pieces;
use gradus_engine::memory::ALIGNMENT;
use gradus_ir::Width;
use gradus_ir::primitives::Unary;
use smallvec::SmallVec;

/// Bytes of the tiles of all registers together: a part of the first-level cache.
const TILE_BYTES: usize = 24 << 10;
/// The most elements of a tile.
const LONGEST_TILE: usize = 1024;

impl Kernel {
    /// Chooses loops, registers and chunks. Parameters of functions must be lowered.
    pub fn new(program: Program) -> Kernel {
        let mut build = Build::new(program);
        for v in 0..build.program.sources.len() {
            build.source(v);
        }
        for k in 0..build.program.code.len() {
            build.instruction(k);
        }
        let mut kernel = build.finish();
        kernel.chunks = kernel.choose_chunks();
        kernel.rearranged = rearranged(&kernel.program);
        kernel
    }
}

/// A kernel whose registers have numbers but no addresses yet.
struct Build {
    program: Program,
    widths: Vec<Width>,
    /// The last instruction that reads each value; the number of instructions if it is stored or reduced.
    last_use: Vec<usize>,
    registers: RegisterAllocator,
    locations: Vec<Location>,
    fixed: Vec<(Value, Fixed)>,
    gathered: Vec<Gathered>,
    iotas: Vec<Iota>,
    loops: Vec<TileLoop>,
    /// Whether a loop writes the value of each store to its buffer.
    stored: Vec<bool>,
}

impl Build {
    fn new(program: Program) -> Build {
        let values = program.sources.len() + program.code.len();
        Build {
            widths: (0..values).map(|v| program.dtype(v).width()).collect(),
            last_use: last_uses(&program),
            registers: RegisterAllocator::default(),
            locations: Vec::with_capacity(values),
            fixed: Vec::new(),
            gathered: Vec::new(),
            iotas: Vec::new(),
            loops: Vec::new(),
            stored: vec![false; program.stores.len()],
            program,
        }
    }

    /// Chooses how source `v` is read. All sources that need a register are loaded before the first instruction.
    fn source(&mut self, v: Value) {
        let source = &self.program.sources[v];
        let location = match Access::of(&source.view) {
            Access::Direct { offset } => Location::Source {
                buffer: source.buffer,
                offset: offset * self.widths[v].bytes() as isize,
            },
            Access::Uniform { offset } => {
                let offset = offset * self.widths[v].bytes() as isize;
                self.fixed.push((v, Fixed::Element { source: v, offset }));
                Location::Register(self.registers.take())
            }
            Access::Strided { offset, axes } => {
                self.gathered.push(Gathered {
                    value: v,
                    offset,
                    period: period(&axes).filter(|&p| self.keeps(p)),
                    axes,
                });
                Location::Register(self.registers.take())
            }
        };
        self.locations.push(location);
    }

    /// Whether elements that repeat after `period` stay in their register from tile to tile, if a tile has room for
    /// whole repetitions.
    fn keeps(&self, period: usize) -> bool {
        let elements: usize = self.program.shape.iter().product();
        let (_, row, after) = self.program.reduced;
        let tiles_follow = match self.program.reductions.is_empty() {
            true => period <= LONGEST_TILE / 2,
            // Tiles are some whole rows, if rows are short.
            false => after == 1 && row <= LONGEST_TILE && row.is_multiple_of(period),
        };
        elements > LONGEST_TILE && tiles_follow
    }

    /// Makes tiles of whole repetitions of what is kept in registers, as far as this leaves at least half of a tile.
    fn whole_periods(&mut self, tile: usize) -> usize {
        let mut unit = 8;
        if !self.program.reductions.is_empty() {
            return tile;
        }
        for g in &mut self.gathered {
            let joined = g.period.map(|p| least_common_multiple(unit, p));
            match joined.filter(|&joined| joined <= tile / 2) {
                Some(joined) => unit = joined,
                None => g.period = None,
            }
        }
        tile / unit * unit
    }

    /// Chooses the loop and the location of instruction `k`.
    /// A literal or an index has its own register, written before the loops.
    fn instruction(&mut self, k: usize) {
        let program = &self.program;
        let (v, ins) = (program.sources.len() + k, &program.code[k]);
        let from = program.dtype(ins.operands[0]);
        let kernel = match ins.code {
            Code::Literal(value) => {
                self.fixed.push((v, Fixed::Literal(value)));
                let register = self.registers.fresh();
                return self.locations.push(Location::Register(register));
            }
            Code::Iota(axis) => {
                self.iotas.push(Iota {
                    value: v,
                    size: program.shape[axis],
                    inner: program.shape[axis + 1..].iter().product(),
                    dtype: ins.dtype,
                });
                let register = self.registers.fresh();
                return self.locations.push(Location::Register(register));
            }
            Code::Unary(op) => kernels::unary(op, from),
            Code::Binary(op) => kernels::binary(op, from),
            Code::Compare(op) => kernels::compare(op, from),
            Code::Select => kernels::select(ins.dtype),
            Code::Cast | Code::Convert => kernels::cast(from, ins.dtype),
            Code::Round(to) => kernels::round(to),
        };
        let freed = self.registers_freed_by(k, ins);
        let mut stores = program.stores.iter();
        let direct = stores.position(|s| s.value == v && !s.aliased);
        self.locations.push(match direct {
            Some(s) => {
                self.stored[s] = true;
                Location::Store {
                    buffer: program.stores[s].buffer,
                }
            }
            None => Location::Register(self.registers.take()),
        });
        // They are freed only now, because loops do not overwrite their operands.
        for register in freed {
            self.registers.give(register);
        }
        self.loops.push(TileLoop {
            kernel,
            operands: ins.operands,
            out: v,
        });
    }

    /// The registers of operands that no instruction after `k` reads.
    /// Values that are not written for each tile keep theirs.
    fn registers_freed_by(&self, k: usize, ins: &Instruction) -> SmallVec<[usize; 3]> {
        let reads = match ins.code {
            Code::Literal(_) | Code::Iota(_) => 0,
            Code::Unary(Unary::Polygamma(_)) => 2,
            Code::Unary(_) | Code::Cast | Code::Convert | Code::Round(_) => 1,
            Code::Binary(_) | Code::Compare(_) => 2,
            Code::Select => 3,
        };
        let mut freed = SmallVec::new();
        for (i, &o) in ins.operands[..reads].iter().enumerate() {
            let ends = self.last_use[o] == k && !ins.operands[..i].contains(&o);
            let is_fixed = self.fixed.iter().any(|&(f, _)| f == o)
                || (self.gathered.iter()).any(|g| g.value == o && g.period.is_some());
            if let Location::Register(register) = self.locations[o]
                && ends
                && !is_fixed
            {
                freed.push(register);
            }
        }
        freed
    }

    /// Gives the registers addresses in scratch memory, and chooses the number of elements of a tile.
    fn finish(mut self) -> Kernel {
        let elements: usize = self.program.shape.iter().product();
        let widest = self
            .widths
            .iter()
            .copied()
            .max()
            .unwrap_or(Width::B8)
            .bytes();
        let reductions = self.program.reductions.len();
        let count = self.registers.count + reductions;
        let tile = (TILE_BYTES / (count.max(1) * widest)).clamp(128, LONGEST_TILE) / 64 * 64;
        let tile = self.whole_periods(tile);
        let tile = tile.min(elements.next_multiple_of(8).max(8));
        let program = self.program;
        let register = tile * widest;
        let mut locations = self.locations;
        for location in &mut locations {
            if let Location::Register(number) = location {
                *number *= register;
            }
        }
        // The totals of long sums of columns come after the registers and the row sums.
        // They begin at a cache line, because otherwise half of their vectors would cross two.
        let totals = (count * register).next_multiple_of(ALIGNMENT);
        let (_, rows, columns) = program.reduced;
        let long = columns > 1 && rows > ROWS;
        let total = if long { tile * kernels::TOTAL_BYTES } else { 0 };
        let outside = locations.iter().enumerate();
        let outside = outside.filter_map(|(v, location)| match *location {
            Location::Source { buffer, offset } => Some((v, buffer, offset)),
            Location::Store { buffer } => Some((v, buffer, 0)),
            Location::Register(_) => None,
        });
        let copies = program.stores.iter().zip(&self.stored);
        let copies = copies.filter(|(_, stored)| !**stored);
        let folds = program.reductions.iter();
        let folds = folds.map(|r| Folding::new(r.kind, r.dtype));
        Kernel {
            elements,
            tile,
            scratch: totals + reductions * total,
            outside: outside.collect(),
            locations,
            widths: self.widths,
            fixed: self.fixed,
            gathered: self.gathered,
            iotas: self.iotas,
            loops: self.loops,
            copies: copies.map(|(s, _)| (s.value, s.buffer)).collect(),
            folds: folds.collect(),
            chunks: Pieces::ONE,
            row_sums: (self.registers.count..count)
                .map(|k| k * register)
                .collect(),
            totals,
            stages: Stages::default(),
            rearranged: None,
            program,
        }
    }
}

fn least_common_multiple(a: usize, b: usize) -> usize {
    let (mut divisor, mut rest) = (a, b);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    a / divisor * b
}

/// The copy that the program is, if it is one that needs no tiles.
fn rearranged(program: &Program) -> Option<Rearrangement> {
    let is_copy = program.code.is_empty() && program.reductions.is_empty();
    let [source] = program.sources.as_slice() else {
        return None;
    };
    if !is_copy || source.view.is_contiguous() {
        return None;
    }
    Rearrangement::new(&source.view, source.dtype.width())
}

fn last_uses(program: &Program) -> Vec<usize> {
    let mut last_use = vec![0; program.sources.len() + program.code.len()];
    for (k, ins) in program.code.iter().enumerate() {
        for &o in &ins.operands {
            last_use[o] = k;
        }
    }
    let stored = program.stores.iter().map(|s| s.value);
    for v in stored.chain(program.reductions.iter().map(|r| r.value)) {
        last_use[v] = program.code.len();
    }
    last_use
}

/// The numbers of registers, which are reused.
#[derive(Default)]
struct RegisterAllocator {
    free: Vec<usize>,
    count: usize,
}

impl RegisterAllocator {
    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| self.fresh())
    }

    /// A register that no earlier instruction writes, for values made before the first instruction.
    fn fresh(&mut self) -> usize {
        self.count += 1;
        self.count - 1
    }

    fn give(&mut self, register: usize) {
        self.free.push(register);
    }
}
