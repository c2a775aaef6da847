//! Writes regions as native code: a loop becomes a loop of the machine, a choice a branch.

use super::loops::LoopCode;
use super::switch::SwitchCode;
use crate::executable::Executable;
use crate::instrumentation::Instrumentation;
use crate::native::{self, Elements, Emitter, MOST_ELEMENTS};
use cranelift_codegen::ir::Value;
use gradus_ir::primitives::Trips;
use gradus_ir::{DType, Type};

/// The elements of arrays, one array after the other.
fn all_values(e: &mut Emitter<'_>, arrays: &[Elements], types: &[Type]) -> Option<Vec<Value>> {
    let mut all = Vec::new();
    for (array, ty) in arrays.iter().zip(types) {
        all.extend_from_slice(&e.values(array, ty.dtype, ty.elements())?);
    }
    Some(all)
}

/// The type of each element of arrays of these types.
fn element_types(types: &[Type]) -> Vec<DType> {
    let each = types.iter().map(|ty| vec![ty.dtype; ty.elements()]);
    each.collect::<Vec<_>>().concat()
}

/// Splits the elements of arrays of these types.
fn arrays(values: &[Value], types: &[Type]) -> Vec<Elements> {
    let mut rest = values;
    let arrays = types.iter().map(|ty| {
        let (own, others) = rest.split_at(ty.elements());
        rest = others;
        Elements::Values(own.into())
    });
    arrays.collect()
}

/// The array of each operand: the elements themselves if they are few, otherwise their memory.
/// Elements that each step reads anew from memory would be read as often as the loop has steps.
fn loaded(e: &mut Emitter<'_>, operand: &Elements, ty: &Type) -> Option<Elements> {
    /// More than the registers of a machine; beyond it, reading from the array is as good as from the stack.
    const FEW: usize = 32;
    match ty.elements() {
        n @ 0..=FEW => Some(Elements::Values(e.values(operand, ty.dtype, n)?)),
        n => Some(Elements::At(e.in_memory(operand, ty.dtype, n)?)),
    }
}

/// What a loop reads and writes, outside of its steps.
struct Around {
    /// The number of steps, if it is fixed before the first.
    total: Option<Value>,
    consts: Vec<Elements>,
    /// The addresses of the sequences that are read, and of those that are kept.
    sequences: Vec<Value>,
    kept: Vec<Value>,
    /// The elements of the carried values before the first step.
    first: Vec<Value>,
}

impl LoopCode {
    /// Writes the loop. Results that each step keeps are written from `kept` on, if these addresses are given;
    /// otherwise to the stack.
    pub fn emit_loop(
        &self,
        e: &mut Emitter<'_>,
        operands: &[Elements],
        kept: Option<&[Value]>,
    ) -> Option<Vec<Elements>> {
        let around = self.around(e, operands, kept)?;
        let carries = &self.step.input_types()[self.inputs.carries.clone()];
        let mut carried_types = vec![DType::I64];
        carried_types.extend(element_types(carries));
        let (head, body, end) = (e.block(&carried_types)?, e.block(&[])?, e.block(&[])?);
        let zero = e.integer(0);
        e.jump(head, &[&[zero], &around.first[..]].concat());

        let parameters = e.enter(head);
        let done = parameters[0];
        let carried = arrays(&parameters[1..], carries);
        let item = match (around.total, self.reverse) {
            (Some(total), true) => {
                let left = e.minus(total, done);
                e.plus(left, -1)
            }
            _ => done,
        };
        let mut given = vec![Elements::Values([item].into())];
        given.extend(around.consts.iter().cloned());
        given.extend(carried.iter().cloned());
        let goes_on = match (&self.condition, around.total) {
            (Some(condition), _) => {
                let answer = condition.emit_inside(e, &given)?;
                e.element(&answer[0], DType::Bool, 0)?
            }
            (None, Some(total)) => e.less(done, total),
            (None, None) => return None,
        };
        e.branch(goes_on, body, end);

        e.enter(body);
        let next = self.emit_step(e, &around, given, item)?;
        let more = e.plus(done, 1);
        e.jump(head, &[&[more], &next[..]].concat());

        e.enter(end);
        let mut all = carried;
        all.extend(around.kept.into_iter().map(Elements::At));
        if self.condition.is_some() {
            all.push(Elements::Values([done].into()));
        }
        Some(all)
    }

    fn around(
        &self,
        e: &mut Emitter<'_>,
        operands: &[Elements],
        kept: Option<&[Value]>,
    ) -> Option<Around> {
        if self.has_lists() && (!self.read.is_empty() || !self.kept.is_empty()) {
            return None;
        }
        let total = match self.trips {
            Trips::Fixed(n) => Some(e.integer(i64::try_from(n).ok()?)),
            Trips::Counted => {
                let count = e.element(&operands[0], DType::I64, 0)?;
                let none = e.integer(0);
                Some(e.larger(count, none))
            }
            Trips::While(_) => None,
        };
        let inputs = self.step.input_types();
        let consts = operands[self.operands.consts.clone()].iter();
        let consts = consts.zip(&inputs[self.inputs.consts.clone()]);
        let consts: Option<Vec<Elements>> = consts.map(|(c, ty)| loaded(e, c, ty)).collect();
        let sequences = operands[self.operands.sequences.clone()].iter();
        let sequences = sequences.zip(&inputs[self.inputs.sequences.clone()]);
        let sequences: Option<Vec<Value>> = sequences
            .map(|(s, item)| e.in_memory(s, item.dtype, self.length()? * item.elements()))
            .collect();
        let kept: Option<Vec<Value>> = match kept {
            Some(kept) => Some(kept.to_vec()),
            None => (self.kept.iter())
                .map(|item| e.stack(self.length()? * item))
                .collect(),
        };
        let carries = &operands[self.operands.carries.clone()];
        let first = all_values(e, carries, &inputs[self.inputs.carries.clone()])?;
        (first.len() <= MOST_ELEMENTS).then_some(())?;
        Some(Around {
            total,
            consts: consts?,
            sequences: sequences?,
            kept: kept?,
            first,
        })
    }

    /// Writes step `item`. `given` has its inputs but for the items of sequences. Gives the next carried values.
    fn emit_step(
        &self,
        e: &mut Emitter<'_>,
        around: &Around,
        mut given: Vec<Elements>,
        item: Value,
    ) -> Option<Vec<Value>> {
        let items = &self.step.input_types()[self.inputs.sequences.clone()];
        for (&start, ty) in around.sequences.iter().zip(items) {
            let address = e.item(start, item, ty.bytes());
            given.push(Elements::At(address));
        }
        let results = self.step.emit_inside(e, &given)?;
        let (carries, kept) = results.split_at(self.carries.len());
        let (carried_types, kept_types) = self.step.output_types().split_at(self.carries.len());
        for ((array, &start), ty) in kept.iter().zip(&around.kept).zip(kept_types) {
            let values = e.values(array, ty.dtype, ty.elements())?;
            let address = e.item(start, item, ty.bytes());
            e.store(&values, ty.dtype, address)?;
        }
        all_values(e, carries, carried_types)
    }

    /// The number of steps, if it is known when the program is compiled.
    fn length(&self) -> Option<usize> {
        match self.trips {
            Trips::Fixed(n) => Some(n),
            _ => None,
        }
    }

    /// Runs the loop as native code, if it is hot and has such code. Says whether it did.
    ///
    /// # Safety
    /// See [`Code::run`](super::Code::run).
    pub unsafe fn run_native(
        &self,
        inputs: &[*mut u8],
        outputs: &[*mut u8],
        instrumentation: &Instrumentation,
    ) -> bool {
        // Counted work is counted step by step.
        if instrumentation.counts.is_some() {
            return false;
        }
        // SAFETY: by the caller. A loop of unknown length counts its steps when they are done.
        let next = || self.time_of(unsafe { self.total(inputs) }.unwrap_or(0));
        let price = || self.step.price_of_code();
        let code = self.native.code(next, price, || self.native());
        let Some(code) = code else {
            return false;
        };
        // SAFETY: by the caller; the function was made for the types of the operands and results.
        unsafe { code.run(inputs, outputs) };
        true
    }

    /// Counts the steps that a loop of unknown length took on tiles.
    pub fn count_steps(&self, steps: usize) {
        if matches!(self.trips, Trips::While(_)) {
            self.native.spend(self.time_of(steps));
        }
    }

    /// The nanoseconds of this many steps on tiles, roughly.
    fn time_of(&self, steps: usize) -> u64 {
        (steps as u64).saturating_mul(self.step.nanoseconds_on_tiles())
    }

    /// The loop as a function of its operands and results.
    fn native(&self) -> Option<native::Code> {
        native::function(|e, [inputs, outputs]| {
            let operands = 0..self.operands.sequences.end;
            let operands: Vec<Elements> = operands
                .map(|k| Elements::At(e.address(inputs, k)))
                .collect();
            let carries = self.carries.len();
            let kept = carries..carries + self.kept.len();
            let kept: Vec<Value> = kept.map(|k| e.address(outputs, k)).collect();
            let results = self.emit_loop(e, &operands, Some(&kept))?;
            for (k, ty) in self.carries.iter().enumerate() {
                let values = e.values(&results[k], ty.dtype, ty.elements())?;
                let address = e.address(outputs, k);
                e.store(&values, ty.dtype, address)?;
            }
            if self.condition.is_some() {
                let last = results.len() - 1;
                let done = e.element(&results[last], DType::I64, 0)?;
                let address = e.address(outputs, last);
                e.store(&[done], DType::I64, address)?;
            }
            // A step of long vectors is faster on tiles.
            (e.nanoseconds() <= self.step.nanoseconds_on_tiles()).then_some(())
        })
    }
}

impl SwitchCode {
    pub fn emit_choice(&self, e: &mut Emitter<'_>, operands: &[Elements]) -> Option<Vec<Elements>> {
        let types = self.branches[0].output_types();
        let index = e.element(&operands[0], DType::I64, 0)?;
        let parameters = element_types(types);
        if parameters.len() > MOST_ELEMENTS {
            return None;
        }
        let merge = e.block(&parameters)?;
        // A number below 0 takes the first branch; a number beyond the last takes the last.
        let last = self.branches.len() - 1;
        for (k, branch) in self.branches.iter().enumerate() {
            if k < last {
                let chosen = match k {
                    0 => e.at_most(index, 0),
                    k => e.is(index, k as i64),
                };
                let (this, others) = (e.block(&[])?, e.block(&[])?);
                e.branch(chosen, this, others);
                e.enter(this);
                self.emit_branch(e, branch, &operands[1..], types, merge)?;
                e.enter(others);
            } else {
                self.emit_branch(e, branch, &operands[1..], types, merge)?;
            }
        }
        let values = e.enter(merge);
        Some(arrays(&values, types))
    }

    fn emit_branch(
        &self,
        e: &mut Emitter<'_>,
        branch: &Executable,
        operands: &[Elements],
        types: &[Type],
        merge: cranelift_codegen::ir::Block,
    ) -> Option<()> {
        let results = branch.emit_inside(e, operands)?;
        let values = all_values(e, &results, types)?;
        e.jump(merge, &values);
        Some(())
    }
}
