//! What a fused kernel computes.

use crate::view::View;
use gradus_ir::primitives::{Binary, Compare, ReduceKind, Unary};
use gradus_ir::{DType, Dims, Literal};

/// A value in a program: the sources come first, then the instructions' results.
pub(crate) type Value = usize;

/// An array that is read.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub slot: usize,
    pub dtype: DType,
    /// How the elements of the iteration lie in the slot's memory.
    pub view: View,
}

/// What one instruction does with tiles.
#[derive(Clone, Debug)]
pub(crate) enum Code {
    Unary(Unary),
    Binary(Binary),
    Compare(Compare),
    Select,
    Cast,
    Literal(Literal),
    /// The index along this axis of the iteration.
    Iota(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Instruction {
    pub code: Code,
    /// Operands; those that the code does not have repeat the first.
    pub operands: [Value; 3],
    /// Element type of the result.
    pub dtype: DType,
}

/// A value written to memory, one element after the other in the order of the iteration.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub value: Value,
    pub slot: usize,
    /// Whether the memory is also that of a source (read at the same places), so that it must not be written before all is read.
    pub aliased: bool,
}

/// A value reduced.
#[derive(Clone, Debug)]
pub(crate) struct Reduction {
    pub value: Value,
    pub kind: ReduceKind,
    pub slot: usize,
}

/// A kernel over `shape`, in row-major order.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub shape: Dims,
    pub sources: Vec<Source>,
    pub code: Vec<Instruction>,
    pub stores: Vec<Store>,
    pub reductions: Vec<Reduction>,
    /// The shape as (kept, reduced, kept) sizes, if there are reductions: all are over the middle one.
    pub reduced: (usize, usize, usize),
}

impl Program {
    /// Element type of a value.
    pub fn dtype(&self, value: Value) -> DType {
        match self.sources.get(value) {
            Some(source) => source.dtype,
            None => self.code[value - self.sources.len()].dtype,
        }
    }
}

/// `shape` as (kept, reduced, kept) sizes, if the reduced axes are neighbours (axes of size 1 aside).
pub(crate) fn blocks(shape: &[usize], axes: &[usize]) -> Option<(usize, usize, usize)> {
    let mut sizes = [1usize; 3];
    let mut part = 0;
    for (i, &n) in shape.iter().enumerate() {
        if n == 1 {
            continue;
        }
        let reduced = axes.contains(&i);
        part = match (part, reduced) {
            (0, true) => 1,
            (1, false) => 2,
            (2, true) => return None,
            (p, _) => p,
        };
        sizes[part] *= n;
    }
    Some((sizes[0], sizes[1], sizes[2]))
}
