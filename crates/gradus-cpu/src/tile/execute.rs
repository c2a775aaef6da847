//! Runs a kernel: tiles in turn, threads side by side.

use super::kernel::{Fixed, Iota, Kernel, Location};
use super::load::{fill, gather};
use super::stages::Stage;
use crate::buffers::Buffers;
use crate::kernels::{self, Accumulate, SIDE_BY_SIDE, by_compute_float, by_integer, by_width};
use crate::pool;
use crate::registers::{Line, Registers};
use gradus_ir::Kind;
use smallvec::SmallVec;
use std::cell::RefCell;

/// The number of rows that are added up before they are added to the total, which limits rounding errors.
pub(super) const ROWS: usize = 32;

thread_local! {
    /// Scratch memory of this thread, as cache lines.
    static SCRATCH: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

impl Kernel {
    /// Runs the program.
    ///
    /// # Safety
    /// Every buffer that the program names holds everything that its view reaches, aligned for its elements;
    /// stores and results have room. No two buffers overlap, except stores marked as aliased.
    /// `registers` are [this kernel's](Self::registers).
    pub unsafe fn run(&self, buffers: Buffers<'_>, registers: Option<&mut Registers>) {
        if self.elements == 0 {
            // Nothing is computed, but sums over no elements have a value.
            for (r, f) in self.program.reductions.iter().zip(&self.folds) {
                let (a, _, c) = self.program.reduced;
                let (width, neutral) = (r.dtype.width(), f.neutral[1].to_ne_bytes());
                // SAFETY: the result has a·c elements, see `Tile`.
                unsafe { fill(neutral.as_ptr(), width, a * c, buffers.start(r.buffer)) };
            }
            return;
        }
        if let Some(rearranged) = &self.rearranged {
            let from = buffers.start(self.program.sources[0].buffer);
            for store in &self.program.stores {
                // SAFETY: by the caller; a store over a source has its elements in the same order.
                unsafe { rearranged.run(from, buffers.start(store.buffer)) };
            }
            return;
        }
        self.change_over();
        if let Some(registers) = registers {
            let scratch = registers.lines.as_mut_ptr().cast();
            let mut tile = Tile::new(self, buffers, scratch, &mut registers.pointers);
            // SAFETY: by the caller; `Kernel::registers` has prepared registers and literals.
            unsafe {
                tile.spread();
                tile.all();
            }
            return;
        }
        let (units, count) = (self.units(), self.chunks.count);
        if !self.is_total() {
            pool::each(self.chunks, &|k| {
                let (from, to) = (units * k / count, units * (k + 1) / count);
                // SAFETY: by the caller; chunks are different units, which write to different addresses.
                unsafe { self.chunk(buffers, from, to, None) };
            });
            return;
        }
        let n = self.folds.len();
        let start: SmallVec<[Accumulate; 4]> = self.folds.iter().map(|f| f.fold.start()).collect();
        let mut states: SmallVec<[Accumulate; 16]> = SmallVec::new();
        for _ in 0..count {
            states.extend(start.iter().copied());
        }
        let shared = SharedStates(states.as_mut_ptr());
        pool::each(self.chunks, &|k| {
            let (from, to) = (units * k / count, units * (k + 1) / count);
            // SAFETY: there are `count` times `n` states, and chunk `k` uses its own `n`.
            unsafe {
                let own = std::slice::from_raw_parts_mut(shared.get().add(k * n), n);
                self.chunk(buffers, from, to, Some(own));
            }
        });
        for (j, (r, f)) in self.program.reductions.iter().zip(&self.folds).enumerate() {
            let mut total = states[j];
            for k in 1..count {
                f.fold.merge(&mut total, &states[k * n + j]);
            }
            // SAFETY: the result has one element, see `Tile`.
            unsafe { f.fold.finish(&total, buffers.start(r.buffer)) };
        }
    }

    /// Runs the units `from..to`.
    unsafe fn chunk(
        &self,
        buffers: Buffers<'_>,
        from: usize,
        to: usize,
        states: Option<&mut [Accumulate]>,
    ) {
        SCRATCH.with_borrow_mut(|lines| {
            let wanted = self.scratch.div_ceil(Line::BYTES);
            if lines.len() < wanted {
                lines.resize(wanted, Line::ZERO);
            }
            let mut pointers: SmallVec<[*mut u8; 48]> =
                smallvec::smallvec![std::ptr::null_mut(); self.locations.len()];
            let mut tile = Tile::new(self, buffers, lines.as_mut_ptr().cast(), &mut pointers);
            // SAFETY: by the caller; the scratch memory was just made as long as the kernel needs.
            unsafe {
                tile.prepare();
                tile.spread();
                tile.units(from, to, states);
            }
        });
    }

    /// Registers to keep between runs, if they are few.
    pub fn registers(&self) -> Option<Registers> {
        if !self.is_small() {
            return None;
        }
        let mut registers = Registers::new(self.scratch, self.locations.len());
        let scratch = registers.lines.as_mut_ptr().cast();
        let mut tile = Tile::new(self, Buffers::NONE, scratch, &mut registers.pointers);
        // SAFETY: only registers are written, which were just made with the kernel's scratch bytes.
        unsafe { tile.prepare() };
        Some(registers)
    }
}

struct SharedStates(*mut Accumulate);

// SAFETY: chunk `k` uses states `k·n` to `(k + 1)·n` alone.
unsafe impl Sync for SharedStates {}

impl SharedStates {
    fn get(&self) -> *mut Accumulate {
        self.0
    }
}

/// A kernel that runs on one thread.
///
/// Its functions are unsafe for the reasons at [`Kernel::run`], and rely on the same conditions.
/// Debug builds check each program when it is built (`lower/mod.rs`): every source has everything that its view
/// reaches for all positions of the iteration, every store has an element for each of them,
/// every result one for each row and column that is kept.
/// `Kernel::new` gives each register room for a tile within the scratch memory.
/// Positions lie within the iteration because units come from `Kernel::units`.
pub(super) struct Tile<'a> {
    kernel: &'a Kernel,
    /// The work on a tile, if it is not the kernel's loops alone.
    stages: Option<&'a [Stage]>,
    buffers: Buffers<'a>,
    scratch: *mut u8,
    pointers: &'a mut [*mut u8],
    /// For each gathered source that repeats in each tile, the number of elements from its first one on that the
    /// register holds.
    held: SmallVec<[usize; 4]>,
}

impl<'a> Tile<'a> {
    /// A kernel with this scratch memory, and room for the address of each value.
    pub fn new(
        kernel: &'a Kernel,
        buffers: Buffers<'a>,
        scratch: *mut u8,
        pointers: &'a mut [*mut u8],
    ) -> Tile<'a> {
        Tile {
            kernel,
            stages: kernel.stages(),
            buffers,
            scratch,
            pointers,
            held: smallvec::smallvec![0; kernel.gathered.len()],
        }
    }

    /// Sets everything that stays the same for a run.
    pub unsafe fn set_up(&mut self) {
        // SAFETY: by the caller.
        unsafe {
            self.prepare();
            self.spread();
        }
    }

    /// Runs the rows `from..to` of `rows`, into which the whole iteration is divided.
    pub unsafe fn some_rows(&mut self, (from, to): (usize, usize), rows: usize) {
        let k = self.kernel;
        let row = k.elements / rows;
        // SAFETY: by the caller; the rows lie within the iteration.
        unsafe {
            if k.program.reductions.is_empty() {
                self.range(from * row, to * row);
            } else {
                self.rows(from, to, row);
            }
        }
    }

    /// Sets everything that stays the same for all runs.
    unsafe fn prepare(&mut self) {
        let k = self.kernel;
        for (v, location) in k.locations.iter().enumerate() {
            if let Location::Register(byte) = location {
                // SAFETY: `Kernel::new` places registers within the scratch memory.
                self.pointers[v] = unsafe { self.scratch.add(*byte) };
            }
        }
        let n = k.tile.min(k.elements);
        for (v, fixed) in &k.fixed {
            if let Fixed::Literal(value) = fixed {
                let bytes = value.to_ne_bytes();
                // SAFETY: the register has room for a tile by `Kernel::new`.
                unsafe { fill(bytes.as_ptr(), k.widths[*v], n, self.pointers[*v]) };
            }
        }
    }

    /// Fills the registers of elements that are the same for all tiles of a run.
    unsafe fn spread(&mut self) {
        let k = self.kernel;
        let n = k.tile.min(k.elements);
        for (v, fixed) in &k.fixed {
            if let Fixed::Element { source, offset } = fixed {
                let base = self.buffers.start(k.program.sources[*source].buffer);
                // SAFETY: the register has room for a tile by `Kernel::new`;
                // the source has the element that its view reaches.
                unsafe { fill(base.offset(*offset), k.widths[*v], n, self.pointers[*v]) };
            }
        }
    }

    /// Runs the whole iteration, one tile after the other.
    unsafe fn all(&mut self) {
        let k = self.kernel;
        // SAFETY: by the caller; results have room for one element each if all is reduced.
        unsafe {
            if !k.is_total() {
                return self.units(0, k.units(), None);
            }
            let start = k.folds.iter().map(|f| f.fold.start());
            let mut states: SmallVec<[Accumulate; 4]> = start.collect();
            self.units(0, k.units(), Some(&mut states));
            for ((r, f), state) in k.program.reductions.iter().zip(&k.folds).zip(&states) {
                f.fold.finish(state, self.buffers.start(r.buffer));
            }
        }
    }

    /// Computes all values for the `n` elements from position `start` on.
    unsafe fn compute(&mut self, start: usize, n: usize) {
        let k = self.kernel;
        // SAFETY: positions lie within the iteration, so within every source and store (see `Tile`);
        // a tile has room for `n`, which callers limit to `Kernel::tile`.
        unsafe {
            for &(v, buffer, offset) in &k.outside {
                // The buffer can begin before its memory, which holds some rows alone; see `Rows`.
                self.pointers[v] = self
                    .buffers
                    .start(buffer)
                    .wrapping_offset(offset)
                    .wrapping_add(start * k.widths[v].bytes());
            }
            for (g, held) in k.gathered.iter().zip(&mut self.held) {
                if let Some(period) = g.period {
                    let from_first = start.is_multiple_of(period);
                    if from_first && *held >= n {
                        continue;
                    }
                    *held = if from_first { n } else { 0 };
                }
                let base = self.buffers.start(k.program.sources[g.value].buffer);
                let out = self.pointers[g.value];
                by_width!(k.widths[g.value], T => {
                    gather::<T>(base, g.offset, &g.axes, start, n, out);
                });
            }
            for iota in &k.iotas {
                write_iota(iota, self.pointers[iota.value], start, n);
            }
            match self.stages {
                None => k.loops.iter().for_each(|each| each.run(self.pointers, n)),
                Some(stages) => {
                    for stage in stages {
                        match stage {
                            Stage::Loop(number) => k.loops[*number].run(self.pointers, n),
                            #[cfg(all(feature = "native", target_arch = "x86_64"))]
                            Stage::Nest(nest) => nest.run(self.pointers, n),
                        }
                    }
                }
            }
            for &(v, buffer) in &k.copies {
                let size = k.widths[v].bytes();
                let to = self.buffers.start(buffer).wrapping_add(start * size);
                std::ptr::copy(self.pointers[v], to, n * size);
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

    /// Runs tiles without reductions.
    unsafe fn plain(&mut self, from: usize, to: usize) {
        let (tile, end) = (self.kernel.tile, self.kernel.elements);
        // SAFETY: units are tiles, the last one shorter.
        unsafe { self.range(from * tile, (to * tile).min(end)) };
    }

    /// Computes the elements `start..end`, tile by tile.
    unsafe fn range(&mut self, mut start: usize, end: usize) {
        while start < end {
            let n = self.kernel.tile.min(end - start);
            // SAFETY: by the caller.
            unsafe { self.compute(start, n) };
            start += n;
        }
    }

    /// Reduces everything to one number.
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

    /// Reduces each of the rows `from..to`, with `b` adjacent elements.
    unsafe fn rows(&mut self, from: usize, to: usize, b: usize) {
        let k = self.kernel;
        if b <= k.tile {
            let mut together = k.tile / b;
            if together > SIDE_BY_SIDE {
                together -= together % SIDE_BY_SIDE;
            }
            let mut row = from;
            while row < to {
                let count = together.min(to - row);
                // SAFETY: rows `row..row + count` exist.
                unsafe {
                    self.compute(row * b, count * b);
                    for (r, f) in k.program.reductions.iter().zip(&k.folds) {
                        let out = self.buffers.start(r.buffer);
                        let first = out.wrapping_add(row * r.dtype.size());
                        (f.fold.rows)(self.pointers[r.value], count, b, first);
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
                // SAFETY: the result has one element per row.
                unsafe {
                    let out = self.buffers.start(r.buffer);
                    f.fold.finish(state, out.wrapping_add(row * r.dtype.size()));
                }
            }
        }
    }

    /// Reduces columns over `b` rows of `c` elements. Units are pieces of rows, at most a tile wide.
    unsafe fn columns(&mut self, from: usize, to: usize, b: usize, c: usize) {
        let k = self.kernel;
        let pieces = c.div_ceil(k.tile);
        for unit in from..to {
            let (block, piece) = (unit / pieces, unit % pieces);
            let first = piece * k.tile;
            let width = k.tile.min(c - first);
            // Whole rows are computed together if they fit.
            let together = if pieces == 1 { (k.tile / c).max(1) } else { 1 };
            let mut row = 0;
            let mut blocked = 0;
            // SAFETY: positions lie within block `block` of `b` rows; row sums have room for a tile.
            unsafe {
                for (j, f) in k.folds.iter().enumerate() {
                    fill(
                        f.neutral[0].to_ne_bytes().as_ptr(),
                        f.width,
                        width,
                        self.sums(j),
                    );
                    if b > ROWS && f.float_sum().is_some() {
                        let bytes = width * kernels::TOTAL_BYTES;
                        self.totals(j).cast::<u8>().write_bytes(0, bytes);
                    }
                }
                while row < b {
                    let count = together.min(b - row);
                    self.compute((block * b + row) * c + first, (count - 1) * c + width);
                    let mut done = 0;
                    while done < count {
                        let next = (ROWS - blocked).min(count - done);
                        self.join_rows((done, done + next), c, width);
                        done += next;
                        blocked += next;
                        if blocked == ROWS || row + done == b {
                            blocked = 0;
                            let last = row + done == b;
                            self.join_sums((block * c + first, width), b > ROWS, last);
                        }
                    }
                    row += count;
                }
            }
        }
    }

    /// Adds computed rows to the row sums.
    ///
    /// # Safety
    /// See [`columns`](Self::columns).
    unsafe fn join_rows(&mut self, (from, to): (usize, usize), c: usize, width: usize) {
        let k = self.kernel;
        for (j, (r, f)) in k.program.reductions.iter().zip(&k.folds).enumerate() {
            let sums = self.sums(j);
            for i in from..to {
                // SAFETY: by the caller.
                unsafe {
                    let source = self.pointers[r.value].add(i * c * f.width.bytes());
                    (f.join)(source, source, source, sums, width);
                }
            }
        }
    }

    /// Writes the row sums as the result after the `last` row.
    /// Sums of floats over many rows are added to their totals before, and reset.
    ///
    /// # Safety
    /// See [`columns`](Self::columns).
    unsafe fn join_sums(&mut self, (at, width): (usize, usize), many: bool, last: bool) {
        let k = self.kernel;
        for (j, (r, f)) in k.program.reductions.iter().zip(&k.folds).enumerate() {
            let sums = self.sums(j);
            // SAFETY: by the caller.
            unsafe {
                let out = self.buffers.start(r.buffer).add(at * r.dtype.size());
                let Some(float) = f.float_sum().filter(|_| many) else {
                    if last {
                        (f.write)(sums, sums, sums, out, width);
                    }
                    continue;
                };
                let totals = self.totals(j);
                kernels::add_to_totals(float.compute_type(), sums, totals, width);
                if last {
                    kernels::finish_totals(float, totals, width, out);
                }
                fill(f.neutral[0].to_ne_bytes().as_ptr(), f.width, width, sums);
            }
        }
    }

    /// The totals of sums over more than [`ROWS`] rows, and their rounding errors.
    fn totals(&self, j: usize) -> *mut f64 {
        let byte = self.kernel.totals + j * self.kernel.tile * kernels::TOTAL_BYTES;
        // SAFETY: totals lie within the scratch memory, at a multiple of a number's size.
        unsafe { self.scratch.add(byte).cast() }
    }

    fn sums(&self, j: usize) -> *mut u8 {
        // SAFETY: `Kernel::new` places row sums within the scratch memory.
        unsafe { self.scratch.add(self.kernel.row_sums[j]) }
    }
}

/// Writes the index for `n` positions from `start` on.
///
/// # Safety
/// `out` has room for `n` elements.
unsafe fn write_iota(iota: &Iota, out: *mut u8, start: usize, n: usize) {
    for i in 0..n {
        let index = (start + i) / iota.inner % iota.size;
        // SAFETY: by the caller.
        unsafe {
            match iota.dtype.kind() {
                Kind::Float(float) => {
                    by_compute_float!(float.compute_type(), T => out.cast::<T>().add(i).write(index as T));
                }
                Kind::Integer(integer) => {
                    by_integer!(integer, T => out.cast::<T>().add(i).write(index as T));
                }
                Kind::Bool => out.add(i).write(u8::from(index != 0)),
            }
        }
    }
}
