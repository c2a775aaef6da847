//! The program of a fused kernel.

use crate::buffers::BufferId;
use crate::view::View;
use gradus_ir::primitives::{Binary, Compare, ReduceKind, Unary};
use gradus_ir::{DType, Dims, Literal};
use std::fmt;

/// A value in a program: the sources come first, then the instructions' results.
pub(crate) type Value = usize;

/// An array that is read.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub buffer: BufferId,
    pub dtype: DType,
    /// The layout of the iteration's elements in the buffer.
    pub view: View,
}

/// The function that one instruction computes on tiles.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Code {
    Unary(Unary),
    Binary(Binary),
    Compare(Compare),
    Select,
    Cast,
    /// Between the type of storage and the compute type; narrowing rounds.
    Convert,
    /// To a number of this type, which stays in the compute type.
    Round(DType),
    Literal(Literal),
    /// The index along this axis of the iteration.
    Iota(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Instruction {
    pub code: Code,
    /// The operands; unused ones repeat the first.
    pub operands: [Value; 3],
    /// Element type of the result.
    pub dtype: DType,
}

/// A value that is written to memory, contiguous in the order of the iteration.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub value: Value,
    pub buffer: BufferId,
    /// Whether the buffer shares memory with a source, each element with the element that is read for it.
    /// It must not be written before everything is read.
    pub aliased: bool,
}

/// A reduction of a value.
#[derive(Clone, Debug)]
pub(crate) struct Reduction {
    pub value: Value,
    pub kind: ReduceKind,
    /// Element type of the result.
    pub dtype: DType,
    pub buffer: BufferId,
}

/// A kernel over `shape`, in row-major order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    pub shape: Dims,
    pub sources: Vec<Source>,
    pub code: Vec<Instruction>,
    pub stores: Vec<Store>,
    pub reductions: Vec<Reduction>,
    /// The shape as (kept, reduced, kept) sizes, if there are reductions: all reduce the middle one.
    pub reduced: (usize, usize, usize),
}

impl Program {
    /// A program over `shape` that reads these arrays, without instructions.
    pub fn new(shape: Dims, sources: Vec<Source>) -> Program {
        Program {
            shape,
            sources,
            code: Vec::new(),
            stores: Vec::new(),
            reductions: Vec::new(),
            reduced: (1, 1, 1),
        }
    }

    /// Appends an instruction.
    pub fn push(&mut self, code: Code, operands: [Value; 3], dtype: DType) -> Value {
        self.code.push(Instruction {
            code,
            operands,
            dtype,
        });
        self.sources.len() + self.code.len() - 1
    }

    /// Stores `value` to `buffer`.
    pub fn store(&mut self, value: Value, buffer: BufferId) {
        self.stores.push(Store {
            value,
            buffer,
            aliased: false,
        });
    }

    /// Element type of a value.
    pub fn dtype(&self, value: Value) -> DType {
        match self.sources.get(value) {
            Some(source) => source.dtype,
            None => self.code[value - self.sources.len()].dtype,
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fused over {:?}: read", self.shape.as_slice())?;
        for s in &self.sources {
            write!(f, " {}:{}", s.buffer, s.dtype)?;
        }
        write!(f, ";")?;
        for i in &self.code {
            match &i.code {
                Code::Unary(u) => write!(f, " {u:?}")?,
                Code::Binary(b) => write!(f, " {b:?}")?,
                Code::Compare(c) => write!(f, " {c:?}")?,
                Code::Select => write!(f, " Select")?,
                Code::Cast => write!(f, " Cast({})", i.dtype)?,
                Code::Convert => write!(f, " Convert({})", i.dtype)?,
                Code::Round(to) => write!(f, " Round({to})")?,
                Code::Literal(v) => write!(f, " {v}")?,
                Code::Iota(axis) => write!(f, " Iota({axis})")?,
            }
        }
        for s in &self.stores {
            let in_place = if s.aliased { " in place" } else { "" };
            write!(f, "; store {}{in_place}", s.buffer)?;
        }
        for r in &self.reductions {
            write!(f, "; {:?} over {:?} to {}", r.kind, self.reduced, r.buffer)?;
        }
        Ok(())
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
