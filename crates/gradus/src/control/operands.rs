//! The values that enter and leave a loop, by kind.

use crate::tensor::Tensor;
use gradus_ir::primitives::Loop;
use gradus_ir::primitives::region::{Handle, Inputs, LoopBuilder};
use gradus_ir::{Graph, ValueId};

/// Tensors that will be operands of a loop under construction, as inputs of a graph that knows their types.
#[derive(Default)]
pub(super) struct Operands {
    pub graph: Graph,
    tensors: Vec<Tensor>,
}

impl Operands {
    /// Adds a tensor and gives its input.
    pub fn enter(&mut self, tensor: &Tensor) -> ValueId {
        self.tensors.push(tensor.clone());
        self.graph.input(tensor.ty().clone())
    }

    /// Adds the tensors that enter a loop; `add` adds each one.
    pub fn enter_all(
        &mut self,
        tensors: &[Tensor],
        mut add: impl FnMut(ValueId) -> Handle,
    ) -> Vec<Handle> {
        tensors.iter().map(|t| add(self.enter(t))).collect()
    }

    /// The tensors of these values, in the order of the values.
    pub fn in_order(&self, values: &[ValueId]) -> Vec<Tensor> {
        let place = |v: &ValueId| self.graph.inputs().iter().position(|i| i == v);
        let places = values.iter().filter_map(place);
        places.map(|k| self.tensors[k].clone()).collect()
    }
}

/// Values that enter a loop.
#[derive(Clone)]
pub(super) struct Entering<T> {
    pub consts: Vec<T>,
    pub carries: Vec<T>,
    pub sequences: Vec<T>,
}

impl<T: Clone> Entering<T> {
    /// All of them, in the order of operands and of inputs.
    pub fn all(&self) -> Vec<T> {
        [&self.consts[..], &self.carries, &self.sequences].concat()
    }
}

impl Entering<ValueId> {
    /// Inputs of `g` for the operands of a loop like `r` with `n` steps.
    pub fn inputs(r: &Loop, n: usize, g: &mut Graph) -> Entering<ValueId> {
        let (types, places) = (r.body.input_types(), r.inputs());
        let mut input = |ty| g.input(ty);
        Entering {
            consts: types[places.consts]
                .iter()
                .cloned()
                .map(&mut input)
                .collect(),
            carries: types[places.carries]
                .iter()
                .cloned()
                .map(&mut input)
                .collect(),
            sequences: (types[places.sequences].iter())
                .map(|item| input(item.batched(n)))
                .collect(),
        }
    }

    /// Adds all of them to a loop under construction.
    pub fn enter(&self, new: &mut LoopBuilder) -> Entering<Handle> {
        Entering {
            consts: self.consts.iter().map(|&v| new.constant(v)).collect(),
            carries: self.carries.iter().map(|&v| new.carry(v)).collect(),
            sequences: self.sequences.iter().map(|&v| new.sequence(v)).collect(),
        }
    }
}

impl Entering<Handle> {
    /// The inputs of a program of the loop, after `first`.
    pub fn behind(&self, first: &[ValueId], inputs: &Inputs) -> Vec<ValueId> {
        [first, &inputs.all(&self.all())].concat()
    }
}

/// Values that leave a loop.
pub(super) struct Leaving {
    pub carries: Vec<ValueId>,
    pub kept: Vec<ValueId>,
}

impl Leaving {
    /// The results of a loop like `r`.
    pub fn of(r: &Loop, results: &[ValueId]) -> Leaving {
        let places = r.outputs();
        Leaving {
            carries: results[places.carries].to_vec(),
            kept: results[places.kept].to_vec(),
        }
    }

    /// All of them, in the order of results.
    pub fn all(self) -> Vec<ValueId> {
        [self.carries, self.kept].concat()
    }
}
