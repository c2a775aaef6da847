//! Programs as native code.

use super::{Addresses, Executable};
use crate::native::{self, Elements, Emitter, Table};
use crate::storage::Storage;
use gradus_engine::{Array, Input};
use gradus_ir::primitives::Work;
use gradus_ir::{Result, Type};

impl Executable {
    pub(crate) fn input_types(&self) -> &[Type] {
        &self.inputs
    }

    pub(crate) fn output_types(&self) -> &[Type] {
        &self.outputs
    }

    /// The time of a run on tiles, roughly.
    pub(crate) fn nanoseconds_on_tiles(&self) -> u64 {
        let (operations, bytes) = self.work();
        let functions = operations[Work::Transcendental];
        let others = operations.total().saturating_sub(functions);
        100 * self.steps.len() as u64 + 2 * functions + others / 6 + bytes / 16
    }

    /// The time of making native code, in nanoseconds, roughly.
    pub(crate) fn price_of_code(&self) -> u64 {
        let operations = self.work().0.total().min(1 << 20);
        300_000 + 20_000 * self.steps.len() as u64 + 4_000 * operations
    }

    /// Writes all steps; gives the outputs.
    pub(crate) fn emit_inside(
        &self,
        e: &mut Emitter<'_>,
        inputs: &[Elements],
    ) -> Option<Vec<Elements>> {
        let storage = &self.assignment.storage;
        let mut table = Table::new(storage.len());
        let mut outputs = vec![None; self.outputs.len()];
        for (index, place) in storage.iter().enumerate() {
            let buffer = crate::buffers::BufferId::new(index);
            match *place {
                Storage::Input(k) => table.set(buffer, inputs.get(k)?.clone()),
                Storage::Output(k) => outputs[k] = Some(buffer),
                Storage::Arena(_) => {}
                Storage::List(_) => return None,
            }
        }
        for planned in &self.steps {
            planned.step.emit(e, &mut table)?;
        }
        let elements = outputs.into_iter().map(|buffer| table.get(buffer?));
        elements.collect()
    }

    /// The native code of the program, if it is hot and has such code.
    pub(super) fn hot_code(&self) -> Option<&native::Code> {
        if !self.is_of_few_numbers {
            return None;
        }
        let (next, price) = (|| self.nanoseconds_on_tiles(), || self.price_of_code());
        self.native.code(next, price, || self.native())
    }

    /// Runs this native code of the program on inputs that are checked.
    ///
    /// # Errors
    /// If memory cannot hold the results.
    pub(super) fn run_native(
        &self,
        code: &native::Code,
        inputs: &[Input<'_>],
    ) -> Result<Vec<Array>> {
        let mut results = Vec::with_capacity(self.outputs.len());
        for ty in &self.outputs {
            let buffer = self.allocate(ty.bytes())?;
            // SAFETY: the buffer has the type's bytes, and the code writes all elements.
            results.push(unsafe { Array::new(ty.clone(), buffer) });
        }
        let from: Addresses = inputs.iter().map(|i| i.array().start()).collect();
        let to: Addresses = results.iter().map(Array::start).collect();
        // SAFETY: the caller has compared the types of the inputs; results were just made with theirs.
        unsafe { code.run(&from, &to) };
        Ok(results)
    }

    /// The program as a function of its inputs and outputs.
    fn native(&self) -> Option<native::Code> {
        native::function(|e, [from, to]| {
            let mut inputs = Vec::with_capacity(self.inputs.len());
            for (k, ty) in self.inputs.iter().enumerate() {
                let address = Elements::At(e.address(from, k));
                inputs.push(Elements::Values(e.values(
                    &address,
                    ty.dtype,
                    ty.elements(),
                )?));
            }
            let outputs = self.emit_inside(e, &inputs)?;
            for (k, (elements, ty)) in outputs.iter().zip(&self.outputs).enumerate() {
                let values = e.values(elements, ty.dtype, ty.elements())?;
                let address = e.address(to, k);
                e.store(&values, ty.dtype, address)?;
            }
            (e.nanoseconds() <= self.nanoseconds_on_tiles()).then_some(())
        })
    }
}
