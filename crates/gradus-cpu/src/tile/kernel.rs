//! A fused kernel that is ready to run, and the way in which its work is split.

use super::program::{Code, Program, Value};
use super::rearrange::Rearrangement;
use super::stages::Stages;
use crate::buffers::BufferId;
use crate::kernels::{self, Fold};
use crate::pool::Pieces;
use gradus_ir::primitives::{ReduceKind, Unary, Work};
use gradus_ir::{DType, FloatType, Literal, Width};
use smallvec::SmallVec;

/// The most bytes of registers that a kernel keeps between runs.
const RESIDENT_BYTES: usize = 4 << 10;

/// A loop over a tile, with the values that it reads and writes.
#[derive(Debug)]
pub(super) struct TileLoop {
    pub(super) kernel: kernels::Kernel,
    pub(super) operands: [Value; 3],
    pub(super) out: Value,
}

impl TileLoop {
    /// Runs the loop over `n` elements, where `pointers` has the address of each value.
    ///
    /// # Safety
    /// As for every [`Kernel`](kernels::Kernel).
    #[inline]
    pub(super) unsafe fn run(&self, pointers: &[*mut u8], n: usize) {
        let [a, b, c] = self.operands;
        // SAFETY: by the caller.
        unsafe {
            (self.kernel)(pointers[a], pointers[b], pointers[c], pointers[self.out], n);
        }
    }
}

/// The location of the elements of one value for each tile.
#[derive(Debug)]
pub(super) enum Location {
    /// In the scratch memory, at this byte.
    Register(usize),
    /// The buffer of a contiguous source, from this byte on.
    Source { buffer: BufferId, offset: isize },
    /// The buffer of a store.
    Store { buffer: BufferId },
}

/// A source that is loaded into its register tile by tile.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) value: Value,
    pub(super) offset: isize,
    /// Size and stride of each axis, innermost last.
    pub(super) axes: SmallVec<[(usize, isize); 6]>,
    /// If it has the same elements in each tile: the number of elements after which they repeat.
    /// A tile has some whole repetitions, and nothing else is written to the register.
    pub(super) period: Option<usize>,
}

/// A value that is written to its register before the first tile.
#[derive(Debug)]
pub(super) enum Fixed {
    Literal(Literal),
    /// A source's single element, which is the same for the whole iteration.
    Element {
        source: usize,
        offset: isize,
    },
}

/// The index along an axis of `size`, with `inner` elements per step.
#[derive(Debug)]
pub(super) struct Iota {
    pub(super) value: Value,
    pub(super) size: usize,
    pub(super) inner: usize,
    pub(super) dtype: DType,
}

/// A fused kernel.
#[derive(Debug)]
pub(crate) struct Kernel {
    pub(super) program: Program,
    pub(super) elements: usize,
    /// Elements per tile.
    pub(super) tile: usize,
    /// Bytes of all registers, row sums and totals.
    pub(super) scratch: usize,
    pub(super) locations: Vec<Location>,
    /// The values that are in buffers rather than in registers, with the byte of the first element.
    pub(super) outside: Vec<(Value, BufferId, isize)>,
    /// The width of each value's elements.
    pub(super) widths: Vec<Width>,
    pub(super) fixed: Vec<(Value, Fixed)>,
    pub(super) gathered: Vec<Gathered>,
    pub(super) iotas: Vec<Iota>,
    pub(super) loops: Vec<TileLoop>,
    /// Stores of values that no loop has written to their buffer.
    pub(super) copies: Vec<(Value, BufferId)>,
    pub(super) folds: Vec<Folding>,
    pub(super) chunks: Pieces,
    /// The addresses of the row sums of reductions over outer axes: bytes in the scratch memory.
    pub(super) row_sums: Vec<usize>,
    /// The address of the totals of sums over many rows: the first reduction's byte in the scratch memory.
    pub(super) totals: usize,
    pub(super) stages: Stages,
    /// The way in which the kernel copies its only source, if that is all it does and needs no tiles.
    pub(super) rearranged: Option<Rearrangement>,
}

pub(super) struct Folding {
    pub(super) fold: Fold,
    /// Joins rows to row sums.
    pub(super) join: kernels::Kernel,
    /// Writes row sums as results.
    pub(super) write: kernels::Kernel,
    /// The width of row sums.
    pub(super) width: Width,
    /// The value of no elements, as a row sum and as a result.
    pub(super) neutral: [Literal; 2],
}

impl Folding {
    /// The float type of sums over rows.
    /// Their rounding error would grow with each row, so their totals are kept in higher precision.
    pub(super) fn float_sum(&self) -> Option<FloatType> {
        match self.fold.kind {
            ReduceKind::Sum => self.fold.result.float(),
            ReduceKind::Prod | ReduceKind::Max | ReduceKind::Min => None,
        }
    }
}

impl std::fmt::Debug for Folding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} of {}", self.fold.kind, self.fold.result)
    }
}

impl Kernel {
    /// The approximate time of a run on one thread, in nanoseconds.
    pub(super) fn nanoseconds(&self) -> f64 {
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

    pub(super) fn choose_chunks(&self) -> Pieces {
        Pieces::of_nanoseconds(self.nanoseconds(), self.units())
    }

    /// Whether its registers are small enough to be kept between runs.
    pub(super) fn is_small(&self) -> bool {
        self.chunks.count == 1 && self.elements > 0 && self.scratch <= RESIDENT_BYTES
    }

    /// Whether everything is reduced to one number.
    pub(super) fn is_total(&self) -> bool {
        let (a, _, c) = self.program.reduced;
        !self.program.reductions.is_empty() && a == 1 && c == 1
    }

    /// The number of units into which work can be split.
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
    /// The reduction of this kind to results of type `result`.
    pub(super) fn new(kind: ReduceKind, result: DType) -> Folding {
        let computed = result.compute_type();
        let neutral = |dtype| match kind {
            ReduceKind::Sum => Literal::from_i64(dtype, 0),
            ReduceKind::Prod => Literal::from_i64(dtype, 1),
            ReduceKind::Max => Literal::lowest(dtype),
            ReduceKind::Min => Literal::highest(dtype),
        };
        Folding {
            fold: kernels::fold_kernels(kind, result),
            join: kernels::join(kind, result),
            write: kernels::cast(computed, result),
            width: computed.width(),
            neutral: [computed, result].map(neutral),
        }
    }
}
