//! A program made ready to run, and its run.

use super::load::{Access, fill, gather};
use super::program::{Code, Program, Value};
use crate::kernels::{self, Accumulate, Fold};
use crate::pool;
use gradus_ir::primitives::{Binary, Unary};
use gradus_ir::{DType, Literal};
use smallvec::SmallVec;
use std::cell::RefCell;

/// Where the arrays of a run are.
#[derive(Clone, Copy)]
pub(crate) struct Slots<'a>(pub &'a [*mut u8]);

// SAFETY: chunks of one step write to different places, and what they read no other chunk writes.
unsafe impl Send for Slots<'_> {}
// SAFETY: as above.
unsafe impl Sync for Slots<'_> {}

/// Scratch memory for tiles of all registers together: a part of the first cache.
const TILE_BYTES: usize = 24 << 10;
/// Work below this many nanoseconds is not split.
const WORTH_SPLITTING: f64 = 50_000.0;
const MOST_CHUNKS: usize = 16;
/// Rows that are added up before they join the sum of all, for the sake of rounding.
const ROWS: usize = 64;

/// A loop with the values that it reads and writes.
#[derive(Debug)]
struct Step {
    kernel: kernels::Kernel,
    operands: [Value; 3],
    out: Value,
}

#[derive(Debug)]
enum Fixed {
    /// A literal, written to its register before the first tile.
    Literal(Literal),
    /// A uniform source.
    Element { source: usize, offset: isize },
}

/// How one value's pointer is found for each tile.
#[derive(Debug)]
enum Place {
    /// In the scratch memory, at this byte.
    Register(usize),
    /// In the memory of a source that lies one after the other.
    Source { slot: usize, offset: isize },
    /// In the memory of a store.
    Store { slot: usize },
}

/// A fused kernel.
#[derive(Debug)]
pub(crate) struct Kernel {
    program: Program,
    elements: usize,
    /// Elements a tile.
    tile: usize,
    scratch: usize,
    places: Vec<Place>,
    sizes: Vec<usize>,
    fixed: Vec<(Value, Fixed)>,
    /// Sources brought into registers tile by tile: value and access.
    gathered: Vec<(Value, isize, SmallVec<[(usize, isize); 6]>)>,
    iotas: Vec<(Value, usize, usize, DType)>,
    steps: Vec<Step>,
    /// Stores that the instructions have not made: value, slot.
    copies: Vec<(Value, usize)>,
    folds: Vec<Folding>,
    chunks: usize,
    /// Where the row sums of reductions over outer axes are kept: byte in the scratch memory.
    row_sums: Vec<usize>,
}

struct Folding {
    fold: Fold,
    join: kernels::Kernel,
    neutral: Literal,
}

impl std::fmt::Debug for Folding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} of {}", self.fold.kind, self.fold.dtype)
    }
}

thread_local! {
    /// Scratch memory of this thread, as cache lines.
    static SCRATCH: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

#[derive(Clone, Copy)]
#[repr(align(64))]
#[expect(dead_code, reason = "read and written through pointers")]
struct Line([u8; 64]);

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
                    gathered.push((v, offset, axes));
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
        tile = tile.min(elements.next_multiple_of(64).max(64));
        for place in &mut places {
            if let Place::Register(r) = place {
                *r *= tile * widest;
            }
        }
        let row_sums = (0..program.reductions.len())
            .map(|k| (registers.count + k) * tile * widest)
            .collect();
        let scratch = (registers.count + program.reductions.len()) * tile * widest;

        let mut kernel = Kernel {
            elements,
            tile,
            scratch,
            places,
            sizes,
            fixed,
            gathered,
            iotas,
            steps,
            copies,
            folds,
            chunks: 1,
            row_sums,
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
                    Unary::Neg | Unary::Abs | Unary::Sign | Unary::Floor | Unary::Ceil
                    | Unary::Round | Unary::Trunc | Unary::Not | Unary::IsFinite
                    | Unary::StopGradient,
                ) => 0.1,
                Code::Unary(_) | Code::Binary(Binary::Pow | Binary::Atan2 | Binary::Rem) => 1.2,
                Code::Literal(_) => 0.0,
                _ => 0.1,
            })
            .sum();
        let moved = self.program.sources.len() + self.program.stores.len();
        (per_element + 0.1 * moved as f64 + 0.4 * self.gathered.len() as f64)
            * self.elements as f64
    }

    fn choose_chunks(&self) -> usize {
        let time = self.nanoseconds();
        if time < WORTH_SPLITTING {
            return 1;
        }
        let wanted = ((time / (WORTH_SPLITTING / 2.0)) as usize).min(MOST_CHUNKS);
        wanted.min(self.units()).max(1)
    }

    /// Whether the run is split, so that it should happen on the pool.
    pub fn is_parallel(&self) -> bool {
        self.chunks > 1
    }

    /// The pieces that work can be split into.
    fn units(&self) -> usize {
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

    /// Runs the program.
    ///
    /// # Safety
    /// Every slot that the program names points to memory that holds what its view reaches, aligned for its elements; stores and results have room.
    /// No two slots overlap, but for stores marked as aliased.
    pub unsafe fn run(&self, slots: Slots<'_>) {
        if self.elements == 0 {
            // Nothing is computed, but sums over nothing have a value.
            for (r, f) in self.program.reductions.iter().zip(&self.folds) {
                let (a, _, c) = self.program.reduced;
                let size = f.fold.dtype.size();
                // SAFETY: the result has room for a·c elements.
                unsafe { fill(f.neutral.to_ne_bytes().as_ptr(), size, a * c, slots.0[r.slot]) };
            }
            return;
        }
        let units = self.units();
        let partial = self.program.reduced;
        let whole_reduction =
            !self.program.reductions.is_empty() && partial.0 == 1 && partial.2 == 1;
        if !whole_reduction {
            pool::each(self.chunks, &|k| {
                let (from, to) = (units * k / self.chunks, units * (k + 1) / self.chunks);
                // SAFETY: by the caller; chunks write to different places.
                unsafe { self.chunk(slots, from, to, None) };
            });
            return;
        }
        let n = self.folds.len();
        let start: SmallVec<[Accumulate; 4]> = self.folds.iter().map(|f| f.fold.start()).collect();
        let mut states: SmallVec<[Accumulate; 16]> = SmallVec::new();
        for _ in 0..self.chunks {
            states.extend(start.iter().copied());
        }
        let shared = SharedStates(states.as_mut_ptr());
        pool::each(self.chunks, &|k| {
            let (from, to) = (units * k / self.chunks, units * (k + 1) / self.chunks);
            // SAFETY: each chunk has states of its own.
            unsafe {
                let own = std::slice::from_raw_parts_mut(shared.get().add(k * n), n);
                self.chunk(slots, from, to, Some(own));
            }
        });
        for (j, (r, f)) in self.program.reductions.iter().zip(&self.folds).enumerate() {
            let mut total = states[j];
            for k in 1..self.chunks {
                f.fold.merge(&mut total, &states[k * n + j]);
            }
            // SAFETY: the result has room for one element.
            unsafe { f.fold.finish(&total, slots.0[r.slot]) };
        }
    }

    /// Runs the units `from..to`.
    unsafe fn chunk(
        &self,
        slots: Slots<'_>,
        from: usize,
        to: usize,
        states: Option<&mut [Accumulate]>,
    ) {
        SCRATCH.with_borrow_mut(|lines| {
            let wanted = self.scratch.div_ceil(64);
            if lines.len() < wanted {
                lines.resize(wanted, Line([0; 64]));
            }
            let mut tile = Tile {
                kernel: self,
                slots,
                scratch: lines.as_mut_ptr().cast(),
                pointers: smallvec::smallvec![std::ptr::null_mut(); self.places.len()],
            };
            // SAFETY: by the caller.
            unsafe {
                tile.prepare();
                tile.units(from, to, states);
            }
        });
    }
}

struct SharedStates(*mut Accumulate);

// SAFETY: chunks use different states.
unsafe impl Sync for SharedStates {}

impl SharedStates {
    fn get(&self) -> *mut Accumulate {
        self.0
    }
}

/// A kernel at work in one thread.
struct Tile<'a> {
    kernel: &'a Kernel,
    slots: Slots<'a>,
    scratch: *mut u8,
    pointers: SmallVec<[*mut u8; 48]>,
}

impl Tile<'_> {
    /// Sets what stays the same for all tiles.
    unsafe fn prepare(&mut self) {
        let k = self.kernel;
        for (v, place) in k.places.iter().enumerate() {
            if let Place::Register(byte) = place {
                // SAFETY: registers lie within the scratch memory.
                self.pointers[v] = unsafe { self.scratch.add(*byte) };
            }
        }
        for (v, fixed) in &k.fixed {
            let n = k.tile.min(k.elements);
            // SAFETY: the register has room for a tile; the source holds the element.
            unsafe {
                match fixed {
                    Fixed::Literal(value) => {
                        fill(value.to_ne_bytes().as_ptr(), k.sizes[*v], n, self.pointers[*v]);
                    }
                    Fixed::Element { source, offset } => {
                        let base = self.slots.0[k.program.sources[*source].slot];
                        fill(base.offset(*offset), k.sizes[*v], n, self.pointers[*v]);
                    }
                }
            }
        }
    }

    /// Computes all values for the `n` elements from position `start` on.
    unsafe fn compute(&mut self, start: usize, n: usize) {
        let k = self.kernel;
        // SAFETY: positions lie within the iteration, so within every source and store; a tile has room for `n`.
        unsafe {
            for (v, place) in k.places.iter().enumerate() {
                match *place {
                    Place::Register(_) => {}
                    Place::Source { slot, offset } => {
                        self.pointers[v] = self.slots.0[slot]
                            .offset(offset)
                            .add(start * k.sizes[v]);
                    }
                    Place::Store { slot } => {
                        self.pointers[v] = self.slots.0[slot].add(start * k.sizes[v]);
                    }
                }
            }
            for (v, offset, axes) in &k.gathered {
                let base = self.slots.0[k.program.sources[*v].slot];
                let out = self.pointers[*v];
                match k.sizes[*v] {
                    1 => gather::<u8>(base, *offset, axes, start, n, out),
                    4 => gather::<u32>(base, *offset, axes, start, n, out),
                    _ => gather::<u64>(base, *offset, axes, start, n, out),
                }
            }
            for &(v, size, inner, dtype) in &k.iotas {
                iota(self.pointers[v], size, inner, dtype, start, n);
            }
            for step in &k.steps {
                let [a, b, c] = step.operands;
                (step.kernel)(
                    self.pointers[a],
                    self.pointers[b],
                    self.pointers[c],
                    self.pointers[step.out],
                    n,
                );
            }
            for &(v, slot) in &k.copies {
                let size = k.sizes[v];
                std::ptr::copy(
                    self.pointers[v],
                    self.slots.0[slot].add(start * size),
                    n * size,
                );
            }
        }
    }

    unsafe fn units(&mut self, from: usize, to: usize, states: Option<&mut [Accumulate]>) {
        let k = self.kernel;
        let (_, b, c) = k.program.reduced;
        // SAFETY: by the caller; each branch stays within its units.
        unsafe {
            if k.program.reductions.is_empty() {
                self.plain(from, to);
            } else if let Some(states) = states {
                self.total(from, to, states);
            } else if c == 1 {
                self.rows(from, to, b);
            } else {
                self.columns(from, to, b, c);
            }
        }
    }

    /// Tiles without reductions.
    unsafe fn plain(&mut self, from: usize, to: usize) {
        let (tile, end) = (self.kernel.tile, self.kernel.elements);
        for unit in from..to {
            let start = unit * tile;
            // SAFETY: `start` is below the number of elements.
            unsafe { self.compute(start, tile.min(end - start)) };
        }
    }

    /// Everything reduced to one number.
    unsafe fn total(&mut self, from: usize, to: usize, states: &mut [Accumulate]) {
        let k = self.kernel;
        for unit in from..to {
            let start = unit * k.tile;
            let n = k.tile.min(k.elements - start);
            // SAFETY: as in `plain`.
            unsafe {
                self.compute(start, n);
                for ((r, f), state) in k.program.reductions.iter().zip(&k.folds).zip(&mut *states) {
                    (f.fold.kernel)(self.pointers[r.value], n, state);
                }
            }
        }
    }

    /// Each of the rows `from..to`, of `b` neighbouring elements, reduced.
    unsafe fn rows(&mut self, from: usize, to: usize, b: usize) {
        let k = self.kernel;
        if b <= k.tile {
            let together = k.tile / b;
            let mut row = from;
            while row < to {
                let count = together.min(to - row);
                // SAFETY: rows `row..row + count` exist.
                unsafe {
                    self.compute(row * b, count * b);
                    for (r, f) in k.program.reductions.iter().zip(&k.folds) {
                        let size = k.sizes[r.value];
                        let out = self.slots.0[r.slot];
                        for i in 0..count {
                            let mut state = f.fold.start();
                            let source = self.pointers[r.value].add(i * b * size);
                            (f.fold.kernel)(source, b, &mut state);
                            f.fold.finish(&state, out.add((row + i) * size));
                        }
                    }
                }
                row += count;
            }
            return;
        }
        for row in from..to {
            let mut states: SmallVec<[Accumulate; 4]> =
                k.folds.iter().map(|f| f.fold.start()).collect();
            let mut done = 0;
            while done < b {
                let n = k.tile.min(b - done);
                // SAFETY: the row has `b` elements.
                unsafe {
                    self.compute(row * b + done, n);
                    for ((r, f), state) in
                        k.program.reductions.iter().zip(&k.folds).zip(&mut states)
                    {
                        (f.fold.kernel)(self.pointers[r.value], n, state);
                    }
                }
                done += n;
            }
            for ((r, f), state) in k.program.reductions.iter().zip(&k.folds).zip(&states) {
                // SAFETY: the result has one element a row.
                unsafe {
                    f.fold
                        .finish(state, self.slots.0[r.slot].add(row * f.fold.dtype.size()));
                }
            }
        }
    }

    /// Columns reduced over `b` rows of `c` elements: units are pieces of rows at most a tile wide.
    unsafe fn columns(&mut self, from: usize, to: usize, b: usize, c: usize) {
        let k = self.kernel;
        let pieces = c.div_ceil(k.tile);
        for unit in from..to {
            let (block, piece) = (unit / pieces, unit % pieces);
            let first = piece * k.tile;
            let width = k.tile.min(c - first);
            // Whole rows are computed together where they fit.
            let together = if pieces == 1 { (k.tile / c).max(1) } else { 1 };
            let mut row = 0;
            let mut blocked = 0;
            // SAFETY: positions lie within block `block` of `b` rows; row sums have room for a tile.
            unsafe {
                for (j, (r, f)) in k.program.reductions.iter().zip(&k.folds).enumerate() {
                    let size = f.fold.dtype.size();
                    let out = self.slots.0[r.slot].add((block * c + first) * size);
                    fill(f.neutral.to_ne_bytes().as_ptr(), size, width, out);
                    fill(f.neutral.to_ne_bytes().as_ptr(), size, width, self.sums(j));
                }
                while row < b {
                    let count = together.min(b - row);
                    self.compute((block * b + row) * c + first, (count - 1) * c + width);
                    for (j, (r, f)) in k.program.reductions.iter().zip(&k.folds).enumerate() {
                        let size = f.fold.dtype.size();
                        let sums = self.sums(j);
                        for i in 0..count {
                            let source = self.pointers[r.value].add(i * c * size);
                            (f.join)(source, source, source, sums, width);
                        }
                    }
                    row += count;
                    blocked += count;
                    if blocked >= ROWS || row == b {
                        blocked = 0;
                        for (j, (r, f)) in k.program.reductions.iter().zip(&k.folds).enumerate() {
                            let size = f.fold.dtype.size();
                            let out = self.slots.0[r.slot].add((block * c + first) * size);
                            let sums = self.sums(j);
                            (f.join)(sums, sums, sums, out, width);
                            fill(f.neutral.to_ne_bytes().as_ptr(), size, width, sums);
                        }
                    }
                }
            }
        }
    }

    fn sums(&self, j: usize) -> *mut u8 {
        // SAFETY: row sums lie within the scratch memory.
        unsafe { self.scratch.add(self.kernel.row_sums[j]) }
    }
}

impl Folding {
    fn new(kind: gradus_ir::primitives::ReduceKind, dtype: DType) -> Folding {
        use gradus_ir::primitives::ReduceKind;
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

/// Writes the index along an axis of `size`, `inner` elements to a step, for `n` positions from `start` on.
unsafe fn iota(out: *mut u8, size: usize, inner: usize, dtype: DType, start: usize, n: usize) {
    for i in 0..n {
        let index = (start + i) / inner % size;
        // SAFETY: the register has room for a tile.
        unsafe {
            match dtype {
                DType::F32 => out.cast::<f32>().add(i).write(index as f32),
                DType::F64 => out.cast::<f64>().add(i).write(index as f64),
                DType::I32 => out.cast::<i32>().add(i).write(index as i32),
                DType::I64 => out.cast::<i64>().add(i).write(index as i64),
                DType::U32 => out.cast::<u32>().add(i).write(index as u32),
                DType::Bool => out.add(i).write(u8::from(index != 0)),
            }
        }
    }
}

/// Powers with fixed exponents as products: squares for the binary digits, multiplied where a digit is set, inverted at the end.
fn lower_powers(program: Program) -> Program {
    use super::program::Instruction;
    let powers = |i: &Instruction| matches!(i.code, Code::Unary(Unary::PowI(_)));
    if !program.code.iter().any(powers) {
        return program;
    }
    let sources = program.sources.len();
    let mut code: Vec<Instruction> = Vec::new();
    let mut map: Vec<Value> = (0..sources).collect();
    for ins in &program.code {
        let operands = ins.operands.map(|o| map[o]);
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
            write!(f, "; store {}{}", s.slot, if s.aliased { " in place" } else { "" })?;
        }
        for r in &p.reductions {
            write!(f, "; {:?} over {:?} to {}", r.kind, p.reduced, r.slot)?;
        }
        Ok(())
    }
}
