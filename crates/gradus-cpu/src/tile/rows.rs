//! Fused kernels that go over the same rows, as one step.
//!
//! A softmax is three kernels: the largest number of each row, the exponentials and their sum, the quotients. One after
//! the other, each reads and writes whole arrays. Here some rows pass through all kernels, then the next rows: what one
//! kernel leaves is still in the cache when the next one reads it. An array that nothing else reads has memory for these
//! rows alone. The kernels and their numbers are the same.

use super::execute::Tile;
use super::kernel::Kernel;
use super::program::{Program, Source};
use super::step::Fused;
use crate::buffers::{BufferId, BufferSpec, Buffers, Role};
use crate::count::StepForecast;
use crate::instrumentation::Instrumentation;
use crate::kernels::SIDE_BY_SIDE;
use crate::origin::Origin;
use crate::pool::{self, Pieces};
use crate::registers::{Line, Registers};
use crate::step::{PlannedStep, SameMemory, Step};
use crate::view::View;
use gradus_ir::Result;
use smallvec::SmallVec;
use std::any::Any;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The fewest elements of a kernel for which this is worth it; fewer stay in the cache anyway.
const LARGE: usize = 1 << 15;
/// The most kernels of a step.
const MOST_KERNELS: usize = 16;
/// Bytes of the rows that pass through the kernels together. An array counts for each kernel that reads or writes it,
/// so about half of these bytes are in the second-level cache. A quarter of it takes a sixth longer for the gradient of
/// a layer norm, whose ten kernels then begin anew for each row.
const BLOCK_BYTES: usize = 256 << 10;
/// The most bytes of one row, counting all arrays.
const MOST_ROW_BYTES: usize = BLOCK_BYTES;

/// Kernels over the same rows.
pub(crate) struct Rows {
    rows: usize,
    /// The rows that pass through all kernels together.
    block: usize,
    kernels: Vec<Fused>,
    /// The arrays that only these kernels use, with the bytes of a row.
    inside: Vec<(BufferId, usize)>,
    pieces: Pieces,
}

/// Memory that a thread keeps between runs.
struct Memory {
    /// The arrays inside, and the registers of all kernels.
    lines: Vec<Line>,
    /// Of the values of all kernels, and of all buffers.
    addresses: Vec<*mut u8>,
}

thread_local! {
    static MEMORY: RefCell<Memory> = const {
        RefCell::new(Memory {
            lines: Vec::new(),
            addresses: Vec::new(),
        })
    };
}

/// Joins neighbouring kernels that go over the same rows of large arrays and share some of them.
pub(crate) fn join_rows(steps: Vec<PlannedStep>, buffers: &[BufferSpec]) -> Vec<PlannedStep> {
    let groups = groups(&steps);
    if groups.is_empty() {
        return steps;
    }
    let mut readers = vec![0usize; buffers.len()];
    for planned in &steps {
        let read: BTreeSet<BufferId> = planned.step.reads().iter().map(|&(b, _)| b).collect();
        read.iter().for_each(|b| readers[b.index()] += 1);
    }
    let mut joined = Vec::with_capacity(steps.len());
    let mut steps = steps.into_iter().enumerate().peekable();
    let mut groups = groups.into_iter().peekable();
    while let Some((k, planned)) = steps.next() {
        let Some((_, length, rows)) = groups.next_if(|&(first, ..)| first == k) else {
            joined.push(planned);
            continue;
        };
        let others = steps.by_ref().take(length - 1).map(|(_, planned)| planned);
        let members: Vec<PlannedStep> = std::iter::once(planned).chain(others).collect();
        joined.push(Rows::of(members, rows, buffers, &readers));
    }
    joined
}

/// The groups: their first steps, lengths and numbers of rows.
fn groups(steps: &[PlannedStep]) -> Vec<(usize, usize, usize)> {
    let programs: Vec<Option<&Program>> = steps.iter().map(program).collect();
    let mut groups = Vec::new();
    let mut first = 0;
    while first < programs.len() {
        let fused = programs[first..]
            .iter()
            .map_while(|p| *p)
            .take(MOST_KERNELS);
        // The first reduction over last axes says what a row is.
        let rows = fused.clone().find_map(|p| match p.reduced {
            (rows, _, 1) if rows > 1 && !p.reductions.is_empty() => Some(rows),
            _ => None,
        });
        let length = rows.map_or(1, |rows| length_of_group(fused, rows));
        if let (Some(rows), 2..) = (rows, length) {
            groups.push((first, length, rows));
        }
        first += length;
    }
    groups
}

fn program(planned: &PlannedStep) -> Option<&Program> {
    let step: &dyn Any = &*planned.step;
    step.downcast_ref::<Fused>().map(Fused::program)
}

/// How many of these kernels, from the first on, can go over `rows` rows together, and gain by it; at least 1.
fn length_of_group<'a>(programs: impl Iterator<Item = &'a Program>, rows: usize) -> usize {
    // The elements of a row of each array that the kernels write.
    let mut written: BTreeMap<BufferId, usize> = BTreeMap::new();
    let mut read: BTreeSet<BufferId> = BTreeSet::new();
    let (mut length, mut large, mut row_bytes) = (0, 0, 0);
    for p in programs {
        let elements: usize = p.shape.iter().product();
        let Some(axes) = leading(&p.shape, rows) else {
            break;
        };
        let of_rows = matches!(p.reduced, (a, _, 1) if a == rows) || p.reductions.is_empty();
        let is_aligned = p.sources.iter().all(|s| match written.get(&s.buffer) {
            Some(&row) => follows_rows(&s.view, axes, row),
            None => true,
        });
        let shares = |s: &Source| {
            written.contains_key(&s.buffer)
                || read.contains(&s.buffer) && s.view.distinct() >= LARGE
        };
        let bytes = row_bytes + bytes_of_row(p, rows);
        let fits = elements > 0 && of_rows && is_aligned && bytes <= MOST_ROW_BYTES;
        if !fits || length > 0 && !p.sources.iter().any(shares) {
            break;
        }
        row_bytes = bytes;
        length += 1;
        large += usize::from(elements >= LARGE);
        read.extend(p.sources.iter().map(|s| s.buffer));
        written.extend(p.stores.iter().map(|s| (s.buffer, elements / rows)));
        written.extend(p.reductions.iter().map(|r| (r.buffer, 1)));
    }
    if large >= 2 { length } else { 1 }
}

/// The number of leading axes that make up `rows` rows.
fn leading(shape: &[usize], rows: usize) -> Option<usize> {
    let mut product = 1;
    for (k, n) in shape.iter().enumerate() {
        if product == rows {
            return Some(k);
        }
        product *= n;
    }
    (product == rows).then_some(shape.len())
}

/// Whether row `i` of the view, whose first `axes` axes count the rows, is within row `i` of an array with `row`
/// elements a row.
fn follows_rows(view: &View, axes: usize, row: usize) -> bool {
    let mut step = row as isize;
    for (&n, &stride) in view.shape[..axes].iter().zip(&view.strides).rev() {
        if n > 1 && stride != step {
            return false;
        }
        step *= n as isize;
    }
    let inner = View {
        shape: view.shape[axes..].into(),
        offset: view.offset,
        strides: view.strides[axes..].into(),
    };
    matches!(inner.reach(), Some((first, last)) if first >= 0 && last < row as isize)
}

/// The bytes of one row in all arrays of the kernel. An array that is the same for all rows is counted as if it had
/// its part in each.
fn bytes_of_row(p: &Program, rows: usize) -> usize {
    let sources = p.sources.iter().map(Source::bytes);
    (sources.sum::<usize>() + p.bytes_written(|_| true)) / rows
}

impl Rows {
    fn of(
        members: Vec<PlannedStep>,
        rows: usize,
        buffers: &[BufferSpec],
        readers: &[usize],
    ) -> PlannedStep {
        let mut origins = Vec::new();
        let mut kernels: Vec<Fused> = Vec::new();
        for PlannedStep { step, origin } in members {
            origins.push(origin);
            let step: Box<dyn Any> = step;
            match step.downcast() {
                Ok(fused) => kernels.push(*fused),
                Err(_) => unreachable!("groups have fused kernels alone"),
            }
        }
        let mut own = vec![0usize; buffers.len()];
        for kernel in &kernels {
            let read: BTreeSet<BufferId> = kernel.reads().iter().map(|&(b, _)| b).collect();
            read.iter().for_each(|b| own[b.index()] += 1);
        }
        let written = kernels.iter().flat_map(Step::writes);
        let inside = written.filter(|b| {
            buffers[b.index()].role == Role::Temporary && own[b.index()] == readers[b.index()]
        });
        let inside = inside.map(|b| (b, buffers[b.index()].ty.bytes() / rows));
        let inside: Vec<(BufferId, usize)> = inside.collect();
        let row_bytes = kernels
            .iter()
            .map(|k| bytes_of_row(k.program(), rows))
            .sum();
        let block = BLOCK_BYTES
            .checked_div(row_bytes)
            .unwrap_or(rows)
            .clamp(1, rows);
        let step = Rows {
            rows,
            block: match block {
                ..=SIDE_BY_SIDE => block,
                _ => block - block % SIDE_BY_SIDE,
            },
            kernels,
            inside,
            pieces: Pieces::ONE,
        };
        PlannedStep {
            step: Box::new(step),
            origin: Origin::joined(origins),
        }
    }

    fn is_inside(&self, buffer: BufferId) -> bool {
        self.inside.iter().any(|&(b, _)| b == buffer)
    }

    fn ready(&self) -> impl Iterator<Item = &Kernel> {
        self.kernels.iter().map(Fused::kernel)
    }

    /// Bytes of the arrays inside for a block of rows, each on cache lines of its own.
    fn inside_bytes(&self) -> usize {
        let bytes = self.inside.iter().map(|(_, row)| row * self.block);
        bytes.map(|b| b.next_multiple_of(Line::BYTES)).sum()
    }

    /// Runs the rows `from..to`.
    ///
    /// # Safety
    /// See [`Step::run`].
    unsafe fn piece(&self, buffers: Buffers<'_>, from: usize, to: usize) {
        let scratch = |k: &Kernel| k.scratch.next_multiple_of(Line::BYTES);
        let bytes = self.inside_bytes() + self.ready().map(scratch).sum::<usize>();
        let values: usize = self.ready().map(|k| k.locations.len()).sum();
        MEMORY.with_borrow_mut(|memory| {
            let (lines, addresses) = memory.with_room(bytes, values + buffers.starts().len());
            let (pointers, starts) = addresses.split_at_mut(values);
            starts.copy_from_slice(buffers.starts());
            let mut free: *mut u8 = lines.as_mut_ptr().cast();
            let mut take = |bytes: usize| {
                let start = free;
                free = free.wrapping_add(bytes.next_multiple_of(Line::BYTES));
                start
            };
            let arrays = self.inside.iter().map(|(_, row)| take(row * self.block));
            let inside: SmallVec<[*mut u8; MOST_KERNELS]> = arrays.collect();
            let all = self.ready().map(|k| take(k.scratch));
            let registers: SmallVec<[*mut u8; MOST_KERNELS]> = all.collect();
            let mut rest = &mut *pointers;
            for (kernel, &registers) in self.ready().zip(&registers) {
                let own = rest
                    .split_off_mut(..kernel.locations.len())
                    .unwrap_or_default();
                // SAFETY: by the caller; the scratch memory has the kernel's bytes.
                unsafe { Tile::new(kernel, buffers, registers, own).set_up() };
            }
            let mut row = from;
            while row < to {
                let end = (row + self.block).min(to);
                for (&(buffer, bytes), start) in self.inside.iter().zip(&inside) {
                    // Where the whole array would begin, if these rows were in their places.
                    starts[buffer.index()] = start.wrapping_sub(row * bytes);
                }
                let mut rest = &mut *pointers;
                for (kernel, &registers) in self.ready().zip(&registers) {
                    let own = rest
                        .split_off_mut(..kernel.locations.len())
                        .unwrap_or_default();
                    let mut tile = Tile::new(kernel, buffers.with_starts(starts), registers, own);
                    // SAFETY: by the caller. Rows of arrays inside are in their memory: `length_of_group` has compared
                    // the views, and each block writes its rows before they are read.
                    unsafe { tile.some_rows((row, end), self.rows) };
                }
                row = end;
            }
        });
    }
}

impl Memory {
    /// Room for `bytes` bytes, and for `addresses` addresses.
    fn with_room(&mut self, bytes: usize, addresses: usize) -> (&mut [Line], &mut [*mut u8]) {
        if self.lines.len() * Line::BYTES < bytes {
            self.lines.resize(bytes.div_ceil(Line::BYTES), Line::ZERO);
        }
        if self.addresses.len() < addresses {
            self.addresses.resize(addresses, std::ptr::null_mut());
        }
        (&mut self.lines, &mut self.addresses[..addresses])
    }
}

impl Step for Rows {
    fn reads(&self) -> Vec<(BufferId, &View)> {
        let written: BTreeSet<BufferId> = self.kernels.iter().flat_map(Step::writes).collect();
        let reads = self.kernels.iter().flat_map(Step::reads);
        reads.filter(|(b, _)| !written.contains(b)).collect()
    }

    fn writes(&self) -> Vec<BufferId> {
        let writes = self.kernels.iter().flat_map(Step::writes);
        writes.filter(|&b| !self.is_inside(b)).collect()
    }

    fn prepare(&mut self, touched: usize) {
        self.kernels.iter_mut().for_each(|k| k.prepare(touched));
        let time = self.ready().map(Kernel::nanoseconds).sum();
        let least = self.block.min(SIDE_BY_SIDE);
        self.pieces = Pieces::of_nanoseconds(time, self.rows.div_ceil(least));
    }

    fn scratch_bytes(&self) -> usize {
        self.inside_bytes().saturating_mul(pool::threads())
    }

    /// An array that several kernels read in the same form comes from memory once.
    fn forecast(&self, same_memory: SameMemory<'_>) -> StepForecast {
        let mut sum = StepForecast::nothing();
        let written: BTreeSet<BufferId> = self.kernels.iter().flat_map(Step::writes).collect();
        let mut read: Vec<(BufferId, &View)> = Vec::new();
        let mut bytes = 0;
        for kernel in &self.kernels {
            let step = kernel.forecast(same_memory);
            sum.operations += step.operations;
            sum.dtype = step.dtype;
            let program = kernel.program();
            bytes += program.bytes_written(|buffer| !self.is_inside(buffer));
            for source in &program.sources {
                let seen = (source.buffer, &source.view);
                if !written.contains(&source.buffer) && !read.contains(&seen) {
                    bytes += source.bytes();
                    read.push(seen);
                }
            }
        }
        sum.bytes = bytes as u64;
        sum
    }

    unsafe fn run(
        &self,
        buffers: Buffers<'_>,
        _registers: Option<&mut Registers>,
        _instrumentation: &mut Instrumentation,
    ) -> Result<()> {
        self.ready().for_each(Kernel::change_over);
        let count = self.pieces.count;
        pool::each(self.pieces, &|k| {
            let (from, to) = (self.rows * k / count, self.rows * (k + 1) / count);
            // SAFETY: by the caller; pieces are different rows, which are written to different addresses.
            unsafe { self.piece(buffers, from, to) };
        });
        Ok(())
    }
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "fused by rows of {}, {} at a time",
            self.rows, self.block
        )?;
        self.kernels
            .iter()
            .try_for_each(|kernel| write!(f, "; {kernel}"))
    }
}
