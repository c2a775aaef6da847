//! Standalone kernels, for single operations that do not fuse: products, indexing, concatenation, cumulative sums,
//! positions of extremes.
//!
//! Each implements [`Kernel`], and [`Standalone`] makes a step from it. [`step`] finds the kernel of an operation.

mod arg_reduce;
mod concat;
mod direct;
mod index;
mod library;
mod long;
mod pad;
mod probe;
mod product;
mod scan;
mod scatter;
mod skinny;
mod slice_add;
mod sort;
mod symmetric;
mod take;
mod widened;
mod window;

pub(crate) use index::Range;
pub(crate) use product::Product;

use crate::buffers::{BufferId, Buffers, Memory};
use crate::count::StepForecast;
use crate::instrumentation::Instrumentation;
use crate::kernels::Arithmetic;
#[cfg(feature = "native")]
use crate::native::{Elements, Emitter, Table};
use crate::registers::Registers;
use crate::step::{Operand, Operands, SameMemory, Step};
use crate::view::View;
#[cfg(feature = "native")]
use cranelift_codegen::ir::Value;
use gradus_ir::primitives::{Dynamic, Gather, Resize};
use gradus_ir::{Op, Result, Type};
use smallvec::{SmallVec, smallvec};
use std::fmt;

/// The kernel of one operation.
/// Its operands are contiguous from the start of their buffers, except the operands of a [`Product`].
pub(crate) trait Kernel: Send + Sync {
    /// The operation's name in reports.
    const NAME: &'static str;
    /// Whether the result is operand 0 with parts changed, so that it can reuse its memory.
    const UPDATES_FIRST: bool = false;

    /// See [`Step::prepare`].
    fn prepare(&mut self, _touched: usize) {}

    /// See [`Step::scratch_bytes`].
    fn scratch_bytes(&self) -> usize {
        0
    }

    /// The operations and bytes of a run; `in_place` says whether the result is in the memory of operand 0.
    fn forecast(&self, in_place: InPlace) -> StepForecast;

    /// The elements of the result as native code; see [`Step::emit`].
    #[cfg(feature = "native")]
    fn emit(&self, _emitter: &mut Emitter<'_>, _operands: &[Elements]) -> Option<Vec<Value>> {
        None
    }

    /// Computes the results.
    ///
    /// # Errors
    /// If an index is out of bounds.
    ///
    /// # Safety
    /// The arrays have the types for which the kernel was made, which the operation's type rule has accepted.
    /// No result overlaps an operand, unless the kernel [updates](Self::UPDATES_FIRST) operand 0 and the first
    /// result is in its memory.
    unsafe fn run(&self, arrays: &Arrays<'_>) -> Result<()>;
}

/// Whether a result is in the memory of the operand that the kernel updates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum InPlace {
    Yes,
    No,
}

/// The operands and results of a kernel during a run.
pub(crate) struct Arrays<'a> {
    buffers: Buffers<'a>,
    operands: &'a [BufferId],
    results: &'a [BufferId],
}

impl Arrays<'_> {
    /// The memory of operand `k`.
    fn operand(&self, k: usize) -> Memory {
        self.buffers.memory(self.operands[k])
    }

    /// The memory of result `k`.
    fn result(&self, k: usize) -> Memory {
        self.buffers.memory(self.results[k])
    }
}

/// A kernel with the buffers of its arrays.
pub(crate) struct Standalone<K> {
    kernel: K,
    operands: Operands,
    results: Vec<BufferId>,
}

impl<K: Kernel + 'static> Standalone<K> {
    pub fn step(kernel: K, operands: Vec<Operand>, results: Vec<BufferId>) -> Box<dyn Step> {
        Box::new(Standalone {
            kernel,
            operands: Operands::new(operands),
            results,
        })
    }
}

impl<K: Kernel + 'static> Step for Standalone<K> {
    fn reads(&self) -> Vec<(BufferId, &View)> {
        self.operands.reads()
    }

    fn writes(&self) -> Vec<BufferId> {
        self.results.clone()
    }

    fn may_overwrite(&self, out: BufferId, source: BufferId) -> bool {
        let operands = self.operands.buffers();
        K::UPDATES_FIRST
            && self.results[0] == out
            && operands[0] == source
            && !operands[1..].contains(&source)
    }

    fn prepare(&mut self, touched: usize) {
        self.kernel.prepare(touched);
    }

    fn scratch_bytes(&self) -> usize {
        self.kernel.scratch_bytes()
    }

    fn forecast(&self, same_memory: SameMemory<'_>) -> StepForecast {
        let first = self.operands.buffers()[0];
        self.kernel.forecast(
            match K::UPDATES_FIRST && same_memory(first, self.results[0]) {
                true => InPlace::Yes,
                false => InPlace::No,
            },
        )
    }

    #[cfg(feature = "native")]
    fn emit(&self, emitter: &mut Emitter<'_>, table: &mut Table) -> Option<()> {
        let operands = self.operands.buffers().iter();
        let operands: Option<Vec<Elements>> = operands.map(|&buffer| table.get(buffer)).collect();
        let values = self.kernel.emit(emitter, &operands?)?;
        let [result] = self.results[..] else {
            return None;
        };
        table.set(result, Elements::Values(values.into()));
        Some(())
    }

    unsafe fn run(
        &self,
        buffers: Buffers<'_>,
        _registers: Option<&mut Registers>,
        _instrumentation: &mut Instrumentation,
    ) -> Result<()> {
        let arrays = Arrays {
            buffers,
            operands: self.operands.buffers(),
            results: &self.results,
        };
        // SAFETY: by the caller.
        unsafe { self.kernel.run(&arrays) }
    }
}

impl<K: Kernel> fmt::Display for Standalone<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} -> ", K::NAME, self.operands.buffers())?;
        match self.results.as_slice() {
            [one] => write!(f, "{one}"),
            several => write!(f, "{several:?}"),
        }
    }
}

/// The step of `take` or `scatter_add` with indices in this range; `x` and `indices` are the types of their first two
/// operands. A `scatter_add` without its first operand adds to zeros.
pub(crate) fn gather(
    gather: &Gather,
    (x, indices, range): (&Type, &Type, Range),
    operands: Vec<Operand>,
    results: Vec<BufferId>,
) -> Box<dyn Step> {
    match *gather {
        Gather::Take { batch, axis } => {
            let kernel = take::Take::new(x, indices, batch, axis, range);
            Standalone::step(kernel, operands, results)
        }
        Gather::ScatterAdd { batch, axis } if operands.len() == 2 => {
            let kernel = scatter::ScatterToZeros::new(x, indices, batch, axis, range);
            Standalone::step(kernel, operands, results)
        }
        Gather::ScatterAdd { batch, axis } => {
            let kernel = scatter::ScatterAdd::new(x, indices, batch, axis, range);
            Standalone::step(kernel, operands, results)
        }
    }
}

/// The step of an operation that does not fuse and is neither a product, a region nor a gather.
/// `types` are the types of the operands and of the results.
pub(crate) fn step(
    op: &Op,
    (x, out): (&[&Type], &[Type]),
    operands: Vec<Operand>,
    results: Vec<BufferId>,
) -> Box<dyn Step> {
    macro_rules! standalone {
        ($kernel:expr) => {
            Standalone::step($kernel, operands, results)
        };
    }
    match op {
        Op::Dynamic(Dynamic::Slice { sizes }) => {
            standalone!(window::DynamicSlice::new(x[0], sizes))
        }
        Op::Dynamic(Dynamic::Update) => {
            standalone!(window::DynamicUpdate::new(x[0], &x[1].shape))
        }
        Op::Resize(Resize::Pad(padding)) => {
            let (low, interior) = (&padding.low, &padding.interior);
            standalone!(pad::Pad::new(x[0], &out[0], low, interior))
        }
        Op::Resize(Resize::Concat(axis)) => {
            standalone!(concat::Concat::new(x, &out[0], *axis))
        }
        Op::Resize(Resize::SliceAdd(place)) => {
            let (start, stride) = (&place.start, &place.stride);
            standalone!(slice_add::SliceAdd::new(x[0], x[1], start, stride))
        }
        Op::CumSum(c) => standalone!(scan::CumSum::new(x[0], c.axis, c.reverse)),
        Op::Sort(s) => standalone!(sort::Sort::new(x[0], s)),
        Op::ArgReduce(a) => standalone!(arg_reduce::ArgReduce::new(x[0], a.axis, a.smallest)),
        Op::Probe(p) => Box::new(probe::Probe::new(p.id, x, operands, results[0])),
        Op::Gather(_) => unreachable!("`gather` makes its step"),
        Op::Contract(_) => unreachable!("a product says itself how its operands must lie"),
        Op::Region(_) => unreachable!("a region is not a kernel"),
        Op::Input(_)
        | Op::Const(_)
        | Op::Iota(_)
        | Op::Layout(_)
        | Op::Unary(_)
        | Op::Cast(_)
        | Op::Binary(_)
        | Op::Compare(_)
        | Op::Select(_)
        | Op::Reduce(_) => unreachable!("{} is fused", op.name()),
    }
}

/// Calls `f` with each index of `shape` in row-major order.
fn each_index(shape: &[usize], mut f: impl FnMut(&[usize])) {
    if shape.contains(&0) {
        return;
    }
    let mut index: SmallVec<[usize; 6]> = smallvec![0; shape.len()];
    loop {
        f(&index);
        let mut i = shape.len();
        loop {
            if i == 0 {
                return;
            }
            i -= 1;
            index[i] += 1;
            if index[i] < shape[i] {
                break;
            }
            index[i] = 0;
        }
    }
}

/// Adjacent elements of one array, from byte `from` on, and their positions in another,
/// from byte `to` on and `step` elements apart.
#[derive(Clone, Copy)]
struct Row {
    from: usize,
    to: usize,
    n: usize,
    step: usize,
}

/// `target[i·step] += source[i]` for the elements of `row`.
///
/// # Safety
/// Both arrays hold elements of type `T`, and the row lies within them. Debug builds check the latter.
#[inline(always)]
unsafe fn add_to<T: Arithmetic>(target: Memory, source: Memory, row: Row) {
    let Row { from, to, n, step } = row;
    let size = size_of::<T>();
    // SAFETY: by the caller.
    let (target, source) = unsafe { (target.row(to, n, step, size), source.at(from, n * size)) };
    let (target, source) = (target.cast::<T>(), source.cast::<T>());
    let add = |i: usize, at: usize| {
        // SAFETY: element `i` of the row, by the caller.
        unsafe {
            let at = target.add(at);
            at.write(at.read().plus(source.add(i).read()));
        }
    };
    match step {
        // Known to the compiler, which makes vectors of it.
        1 => (0..n).for_each(|i| add(i, i)),
        step => (0..n).for_each(|i| add(i, i * step)),
    }
}

/// Copies an array unless source and target are the same memory.
///
/// # Safety
/// Both have `bytes` bytes, and are the same or do not overlap. Debug builds check the former.
unsafe fn copy_unless_same(source: Memory, target: Memory, bytes: usize) {
    if source.start() != target.start() {
        // SAFETY: by the caller.
        unsafe { std::ptr::copy_nonoverlapping(source.at(0, bytes), target.at(0, bytes), bytes) };
    }
}

/// The memory with room for `elements`. The executable has checked before the run that it is available.
fn room<T>(memory: &mut Vec<u64>, elements: usize) -> *mut T {
    let wanted = (elements * size_of::<T>()).div_ceil(size_of::<u64>());
    if memory.len() < wanted {
        memory.resize(wanted, 0);
    }
    memory.as_mut_ptr().cast()
}
