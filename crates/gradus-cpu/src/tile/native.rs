//! Writes a kernel as native code: each element of the iteration by itself.

use super::execute::ROWS;
use super::kernel::{Folding, Kernel};
use super::program::{Code, Instruction, Reduction};
use crate::kernels;
use crate::native::{Elements, Emitter, MOST_ELEMENTS, Table};
use cranelift_codegen::ir::Value;
use gradus_ir::primitives::{Binary, ReduceKind, Unary};
use gradus_ir::{DType, Literal};
use std::collections::HashMap;
use std::rc::Rc;

/// The lanes in which the kernels of reductions add numbers up.
const LANES: usize = kernels::REDUCE_LANES;

/// The values of the elements of each value of the program.
type Computed = Vec<Rc<[Value]>>;

/// The elements of instructions that are computed before their turn.
type Early = HashMap<usize, Rc<[Value]>>;

/// The operands of all elements of some instructions, without repetitions: elements of arrays that a broadcast
/// repeats are computed once.
struct Distinct {
    all: Vec<[Value; 3]>,
    /// Which of these each element has.
    which: Vec<usize>,
}

impl Distinct {
    fn new(instructions: &[&Instruction], n: usize, values: &Computed) -> Distinct {
        let mut known: HashMap<[Value; 3], usize> = HashMap::new();
        let mut all = Vec::new();
        let mut which = Vec::with_capacity(instructions.len() * n);
        for instruction in instructions {
            let [a, b, c] = instruction.operands.map(|o| &values[o]);
            for k in 0..n {
                let operands = [a[k], b[k], c[k]];
                which.push(*known.entry(operands).or_insert_with(|| {
                    all.push(operands);
                    all.len() - 1
                }));
            }
        }
        Distinct { all, which }
    }

    /// The result of each element.
    fn spread(&self, results: &[Value]) -> impl Iterator<Item = Value> {
        self.which.iter().map(|&k| results[k])
    }
}

impl Kernel {
    /// See [`Step::emit`](crate::step::Step::emit).
    pub fn emit(&self, e: &mut Emitter<'_>, table: &mut Table) -> Option<()> {
        let p = &self.program;
        // One tile: longer sums are added up tile by tile.
        if self.elements == 0 || self.elements > MOST_ELEMENTS.min(self.tile) {
            return None;
        }
        let mut values: Computed = Vec::with_capacity(p.sources.len() + p.code.len());
        for source in &p.sources {
            let elements = table.get(source.buffer)?;
            let mut loaded: HashMap<isize, Value> = HashMap::new();
            let mut all = Vec::with_capacity(self.elements);
            for position in source.view.positions() {
                all.push(match loaded.get(&position) {
                    Some(&value) => value,
                    None => {
                        let at = usize::try_from(position).ok()?;
                        let value = e.element(&elements, source.dtype, at)?;
                        loaded.insert(position, value);
                        value
                    }
                });
            }
            values.push(all.into());
        }
        let mut early = Early::new();
        for (k, instruction) in p.code.iter().enumerate() {
            let value = match early.remove(&k) {
                Some(value) => value,
                None => self.instruction(e, k, &values, &mut early)?,
            };
            debug_assert_eq!(value.len(), self.elements, "{:?}", instruction.code);
            values.push(value);
        }
        for store in &p.stores {
            table.set(store.buffer, Elements::Values(values[store.value].clone()));
        }
        for (reduction, folding) in p.reductions.iter().zip(&self.folds) {
            let reduced = self.reduction(e, reduction, folding, &values[reduction.value])?;
            table.set(reduction.buffer, Elements::Values(reduced.into()));
        }
        Some(())
    }

    /// The elements of instruction `k`. Those of later instructions that are computed with it go into `early`.
    fn instruction(
        &self,
        e: &mut Emitter<'_>,
        k: usize,
        values: &Computed,
        early: &mut Early,
    ) -> Option<Rc<[Value]>> {
        let n = self.elements;
        let instruction = &self.program.code[k];
        match instruction.code {
            Code::Literal(value) => {
                let value = e.literal(value)?;
                return Some(vec![value; n].into());
            }
            Code::Iota(axis) => {
                let shape = &self.program.shape;
                let inner: usize = shape[axis + 1..].iter().product();
                let indices = (0..n).map(|k| (k / inner % shape[axis]) as i64);
                let literals = indices.map(|k| e.literal(Literal::from_i64(instruction.dtype, k)));
                return literals.collect();
            }
            _ => {}
        }
        let from = self.program.dtype(instruction.operands[0]);
        let to = instruction.dtype;
        let operands = Distinct::new(&[instruction], n, values);
        e.spend(operands.all.len())?;
        let inline: Option<Vec<Value>> = (operands.all.iter())
            .map(|&[x, y, z]| match instruction.code {
                Code::Unary(op) => e.unary(op, from, x),
                Code::Binary(op) => e.binary(op, from, x, y),
                Code::Compare(op) => Some(e.compare(op, from, x, y)),
                Code::Select => Some(e.select(x, y, z)),
                Code::Cast | Code::Convert => e.cast(from, to, x),
                Code::Round(_) | Code::Literal(_) | Code::Iota(_) => None,
            })
            .collect();
        if let Some(results) = inline {
            return Some(operands.spread(&results).collect());
        }
        // A call takes longer than an element, so equal functions whose operands are there share it.
        let alike = self.alike(k, values.len());
        let instructions: Vec<&Instruction> =
            alike.iter().map(|&k| &self.program.code[k]).collect();
        let operands = Distinct::new(&instructions, n, values);
        e.spend(operands.all.len())?;
        let types = instruction.operands.map(|o| self.program.dtype(o));
        let results = called(e, instruction, &operands.all, &types)?;
        let all: Vec<Value> = operands.spread(&results).collect();
        let each = alike.into_iter().zip(all.chunks(n).map(Rc::from));
        early.extend(each);
        early.remove(&k)
    }

    /// Instruction `k`, and later ones that compute the same function of the first `known` values.
    fn alike(&self, k: usize, known: usize) -> Vec<usize> {
        let p = &self.program;
        let types = |k: usize| p.code[k].operands.map(|o| p.dtype(o));
        let is_alike = |&later: &usize| {
            p.code[later].code == p.code[k].code
                && p.code[later].dtype == p.code[k].dtype
                && p.code[later].operands.iter().all(|&o| o < known)
                && types(later) == types(k)
        };
        (k..p.code.len()).filter(is_alike).collect()
    }

    fn reduction(
        &self,
        e: &mut Emitter<'_>,
        reduction: &Reduction,
        folding: &Folding,
        values: &[Value],
    ) -> Option<Vec<Value>> {
        let (blocks, n, width) = self.program.reduced;
        let dtype = reduction.dtype;
        if width == 1 {
            let rows = (0..blocks).map(|row| {
                let row = &values[row * n..(row + 1) * n];
                row_reduced(e, reduction.kind, dtype, row)
            });
            return rows.collect();
        }
        // Beyond that, sums are kept in higher precision.
        if folding.float_sum().is_some() && n > ROWS {
            return None;
        }
        e.spend(values.len())?;
        let neutral = e.literal(folding.neutral[0])?;
        let columns = (0..blocks * width).map(|column| {
            let first = column / width * n * width + column % width;
            (0..n).try_fold(neutral, |sum, k| {
                e.join(reduction.kind, dtype, sum, values[first + k * width])
            })
        });
        columns.collect()
    }
}

/// The results of the kernel of an instruction.
fn called(
    e: &mut Emitter<'_>,
    instruction: &Instruction,
    operands: &[[Value; 3]],
    types: &[DType; 3],
) -> Option<Vec<Value>> {
    let from = types[0];
    let (kernel, arity) = match instruction.code {
        // The order is the second operand.
        Code::Unary(op @ Unary::Polygamma(_)) => (kernels::unary(op, from), 2),
        Code::Unary(op) => (kernels::unary(op, from), 1),
        Code::Binary(op) => (kernels::binary(op, from), 2),
        Code::Cast | Code::Convert => (kernels::cast(from, instruction.dtype), 1),
        _ => return None,
    };
    let columns: Vec<Vec<Value>> = (0..arity)
        .map(|k| operands.iter().map(|o| o[k]).collect())
        .collect();
    let operands: Vec<(&[Value], DType)> = (columns.iter().zip(types))
        .map(|(column, &dtype)| (&column[..], dtype))
        .collect();
    e.call(kernel, &operands, instruction.dtype)
}

/// One row reduced in the order of the kernels in `kernels/reduce.rs`: in lanes, then a tree over the lanes,
/// which adds numbers of single precision in double precision.
fn row_reduced(
    e: &mut Emitter<'_>,
    kind: ReduceKind,
    dtype: DType,
    row: &[Value],
) -> Option<Value> {
    e.spend(2 * row.len() + LANES)?;
    let mut lanes: Vec<Value> = row[..row.len().min(LANES)].to_vec();
    for (k, &x) in row.iter().enumerate().skip(LANES) {
        lanes[k % LANES] = e.join(kind, dtype, lanes[k % LANES], x)?;
    }
    let wide = match dtype {
        DType::F32 => DType::F64,
        dtype => dtype,
    };
    for lane in &mut lanes {
        *lane = e.cast(dtype, wide, *lane)?;
    }
    let mut width = LANES / 2;
    while width > 0 {
        for k in 0..width.min(lanes.len().saturating_sub(width)) {
            lanes[k] = e.join(kind, wide, lanes[k], lanes[k + width])?;
        }
        lanes.truncate(width);
        width /= 2;
    }
    let mut result = lanes[0];
    if kind == ReduceKind::Sum && wide == DType::F64 {
        // The lanes begin with 0, so that a sum of negative zeros is 0.
        let zero = e.literal(Literal::from_i64(wide, 0))?;
        result = e.binary(Binary::Add, wide, result, zero)?;
    }
    e.cast(wide, dtype, result)
}
