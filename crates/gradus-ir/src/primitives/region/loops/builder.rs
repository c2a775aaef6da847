//! Putting a loop together, operand by operand.

use super::{Loop, Trips};
use crate::graph::{Graph, ValueId};
use crate::primitives::region::Region;
use crate::types::{DType, Type};

/// A loop while its operands are being collected. Each is known by its handle until the body is written, as the body's inputs have an order of their own.
pub(super) struct Assembly {
    trips: Trips,
    count: Option<ValueId>,
    reverse: bool,
    consts: Vec<(usize, ValueId)>,
    carries: Vec<(usize, ValueId)>,
    sequences: Vec<(usize, ValueId)>,
    handles: usize,
}

/// The handle of the number of the step.
pub(super) const INDEX: usize = 0;

impl Assembly {
    /// A loop of as many steps as `r` has; for one with a condition or a count, `count` says how many.
    pub fn new(r: &Loop, count: Option<ValueId>, reverse: bool) -> Assembly {
        let trips = match r.trips {
            Trips::Fixed(n) => Trips::Fixed(n),
            _ => Trips::Counted,
        };
        Assembly {
            count: count.filter(|_| trips == Trips::Counted),
            trips,
            reverse,
            consts: Vec::new(),
            carries: Vec::new(),
            sequences: Vec::new(),
            handles: 1,
        }
    }

    fn handle(&mut self) -> usize {
        self.handles += 1;
        self.handles - 1
    }

    /// Something that all steps get.
    pub fn constant(&mut self, value: ValueId) -> usize {
        let handle = self.handle();
        self.consts.push((handle, value));
        handle
    }

    /// Something that is carried from step to step, beginning with `first`.
    pub fn carry(&mut self, first: ValueId) -> usize {
        let handle = self.handle();
        self.carries.push((handle, first));
        handle
    }

    /// Something of which each step gets its item.
    pub fn sequence(&mut self, value: ValueId) -> usize {
        let handle = self.handle();
        self.sequences.push((handle, value));
        handle
    }

    /// Appends the loop; `write` gets its body and, by handle, the body's inputs, and says what the body returns.
    pub fn emit(
        self,
        g: &mut Graph,
        write: impl FnOnce(&mut Graph, &[ValueId]) -> Vec<ValueId>,
    ) -> Vec<ValueId> {
        let mut body = Graph::new();
        body.set_loc(g.loc());
        let mut inputs = vec![body.input(Type::scalar(DType::I64))];
        inputs.resize(self.handles, inputs[0]);
        let mut operands: Vec<ValueId> = self.count.into_iter().collect();
        for &(handle, value) in self.consts.iter().chain(&self.carries) {
            inputs[handle] = body.input(g.ty(value).clone());
            operands.push(value);
        }
        for &(handle, value) in &self.sequences {
            let ty = g.ty(value);
            let item = if ty.is_list() {
                ty.item()
            } else {
                ty.with_shape(&ty.shape[1..])
            };
            inputs[handle] = body.input(item);
            operands.push(value);
        }
        let outputs = write(&mut body, &inputs);
        body.set_outputs(outputs);
        let region = Region::Loop(Loop {
            trips: self.trips,
            reverse: self.reverse,
            consts: self.consts.len(),
            carries: self.carries.len(),
            body: body.pruned().into(),
        });
        g.emit_region(region, &operands)
    }
}
