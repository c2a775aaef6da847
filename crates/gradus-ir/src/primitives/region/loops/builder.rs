//! Builds loops operand by operand.

use super::{Loop, Trips};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::primitives::region::{Body, Region};
use crate::types::{DType, Type};
use std::convert::Infallible;
use std::ops::Index;

/// A loop while its operands are collected.
/// Each operand has a [`Handle`], by which the programs of the loop find it,
/// because their inputs have their own order.
pub struct LoopBuilder {
    steps: Steps,
    reverse: bool,
    consts: Vec<(Handle, ValueId)>,
    carries: Vec<(Handle, ValueId)>,
    sequences: Vec<(Handle, ValueId)>,
    handles: usize,
}

/// The number of steps of a loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Steps {
    /// A fixed number.
    Fixed(usize),
    /// The number in an i64 value.
    Counted(ValueId),
    /// As long as a condition is true.
    While,
}

/// An input of the body of a loop under construction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handle(usize);

impl Handle {
    /// The number of the step.
    pub const INDEX: Handle = Handle(0);
}

/// The inputs of a program of a loop, by their handles.
pub struct Inputs(Vec<Option<ValueId>>);

impl Index<Handle> for Inputs {
    type Output = ValueId;

    /// # Panics
    /// If the program is a condition and the handle belongs to a sequence.
    fn index(&self, handle: Handle) -> &ValueId {
        (self.0[handle.0].as_ref()).expect("a condition gets no items of sequences")
    }
}

impl Inputs {
    /// The inputs with these handles.
    pub fn all<'a>(&self, handles: impl IntoIterator<Item = &'a Handle>) -> Vec<ValueId> {
        handles.into_iter().map(|&handle| self[handle]).collect()
    }
}

impl LoopBuilder {
    /// A loop without operands. Its steps go from the first to the last.
    pub fn new(steps: Steps) -> LoopBuilder {
        LoopBuilder {
            steps,
            reverse: false,
            consts: Vec::new(),
            carries: Vec::new(),
            sequences: Vec::new(),
            handles: 1,
        }
    }

    /// A loop without operands, with the steps of `r` in their order.
    /// `count` is the number of steps, if a value gives it.
    pub fn like(r: &Loop, count: Option<ValueId>) -> LoopBuilder {
        let steps = match (&r.trips, count) {
            (Trips::Fixed(n), _) => Steps::Fixed(*n),
            (_, Some(count)) => Steps::Counted(count),
            (_, None) => Steps::While,
        };
        LoopBuilder {
            reverse: r.reverse,
            ..LoopBuilder::new(steps)
        }
    }

    /// The same steps in reverse order.
    pub fn reversed(self) -> LoopBuilder {
        LoopBuilder {
            reverse: !self.reverse,
            ..self
        }
    }

    fn handle(&mut self) -> Handle {
        self.handles += 1;
        Handle(self.handles - 1)
    }

    /// Adds a value that is the same in all steps.
    pub fn constant(&mut self, value: ValueId) -> Handle {
        let handle = self.handle();
        self.consts.push((handle, value));
        handle
    }

    /// Adds a value that each step passes on to the next, beginning with `first`.
    pub fn carry(&mut self, first: ValueId) -> Handle {
        let handle = self.handle();
        self.carries.push((handle, first));
        handle
    }

    /// Adds a sequence; each step gets its item.
    pub fn sequence(&mut self, value: ValueId) -> Handle {
        let handle = self.handle();
        self.sequences.push((handle, value));
        handle
    }

    /// The number of constants, carries and sequences.
    pub fn counts(&self) -> [usize; 3] {
        [&self.consts, &self.carries, &self.sequences].map(Vec::len)
    }

    /// The position of a carry among the results.
    pub fn result_of(&self, carry: Handle) -> Option<usize> {
        self.carries.iter().position(|&(handle, _)| handle == carry)
    }

    /// Appends the loop. `write` appends a step to the body.
    /// It returns the values that the step passes on, in the order of the carries,
    /// and then the values that it keeps.
    pub fn emit(
        self,
        g: &mut Graph,
        write: impl FnOnce(&mut Graph, &Inputs) -> Vec<ValueId>,
    ) -> Vec<ValueId> {
        let Ok((r, operands)) = self.build::<Infallible>(g, |body, inputs| Ok(write(body, inputs)));
        g.emit_region(Region::Loop(r), &operands)
    }

    /// Like [`emit`](Self::emit), for a loop with a condition if `condition` is given.
    /// It appends the condition to a program of the same inputs without items.
    pub fn emit_while(
        self,
        g: &mut Graph,
        condition: impl FnOnce(&mut Graph, &Inputs) -> ValueId,
        write: impl FnOnce(&mut Graph, &Inputs) -> Vec<ValueId>,
    ) -> Vec<ValueId> {
        let Ok((r, operands)) = self.build_while::<Infallible>(
            g,
            |program, inputs| Ok(condition(program, inputs)),
            |body, inputs| Ok(write(body, inputs)),
        );
        g.emit_region(Region::Loop(r), &operands)
    }

    /// Like [`emit`](Self::emit), for a loop that can be wrong.
    ///
    /// # Errors
    /// The errors of `write` and of [`Graph::add_region`].
    pub fn add(
        self,
        g: &mut Graph,
        write: impl FnOnce(&mut Graph, &Inputs) -> Result<Vec<ValueId>>,
    ) -> Result<Vec<ValueId>> {
        let (r, operands) = self.build(g, write)?;
        g.add_region(Region::Loop(r), &operands)
    }

    /// Like [`emit_while`](Self::emit_while), for a loop that can be wrong.
    ///
    /// # Errors
    /// The errors of `condition`, of `write` and of [`Graph::add_region`].
    pub fn add_while(
        self,
        g: &mut Graph,
        condition: impl FnOnce(&mut Graph, &Inputs) -> Result<ValueId>,
        write: impl FnOnce(&mut Graph, &Inputs) -> Result<Vec<ValueId>>,
    ) -> Result<Vec<ValueId>> {
        let (r, operands) = self.build_while(g, condition, write)?;
        g.add_region(Region::Loop(r), &operands)
    }

    /// The loop that [`emit`](Self::emit) would append to `g`, and its operands.
    ///
    /// # Errors
    /// The errors of `write`.
    pub fn build<E>(
        self,
        g: &Graph,
        write: impl FnOnce(&mut Graph, &Inputs) -> Result<Vec<ValueId>, E>,
    ) -> Result<(Loop, Vec<ValueId>), E> {
        debug_assert_ne!(self.steps, Steps::While, "there is a condition");
        let body = self.program(g, &self.sequences, write)?;
        Ok(self.finish(None, body))
    }

    /// The loop that [`emit_while`](Self::emit_while) would append to `g`, and its operands.
    ///
    /// # Errors
    /// The errors of `condition` and `write`.
    pub fn build_while<E>(
        self,
        g: &Graph,
        condition: impl FnOnce(&mut Graph, &Inputs) -> Result<ValueId, E>,
        write: impl FnOnce(&mut Graph, &Inputs) -> Result<Vec<ValueId>, E>,
    ) -> Result<(Loop, Vec<ValueId>), E> {
        let condition = match self.steps {
            Steps::While => Some(self.program(g, &[], |program, inputs| {
                Ok(vec![condition(program, inputs)?])
            })?),
            _ => None,
        };
        let body = self.program(g, &self.sequences, write)?;
        Ok(self.finish(condition, body))
    }

    fn program<E>(
        &self,
        g: &Graph,
        sequences: &[(Handle, ValueId)],
        write: impl FnOnce(&mut Graph, &Inputs) -> Result<Vec<ValueId>, E>,
    ) -> Result<Body, E> {
        let mut program = Graph::new();
        program.set_loc(g.loc());
        let mut inputs = vec![None; self.handles];
        inputs[Handle::INDEX.0] = Some(program.input(Type::scalar(DType::I64)));
        for &(handle, value) in self.consts.iter().chain(&self.carries) {
            inputs[handle.0] = Some(program.input(g.ty(value).clone()));
        }
        for &(handle, value) in sequences {
            let ty = g.ty(value);
            let item = match ty.is_list() {
                true => ty.item(),
                false => ty.with_shape(&ty.shape[1..]),
            };
            inputs[handle.0] = Some(program.input(item));
        }
        let outputs = write(&mut program, &Inputs(inputs))?;
        program.set_outputs(outputs);
        Ok(program.pruned().into())
    }

    fn finish(self, condition: Option<Body>, body: Body) -> (Loop, Vec<ValueId>) {
        let trips = match (self.steps, condition) {
            (Steps::Fixed(n), _) => Trips::Fixed(n),
            (Steps::While, Some(condition)) => Trips::While(condition),
            _ => Trips::Counted,
        };
        let count = match self.steps {
            Steps::Counted(count) => Some(count),
            _ => None,
        };
        let entering = [&self.consts, &self.carries, &self.sequences].into_iter();
        let entering = entering.flatten().map(|&(_, value)| value);
        let operands = count.into_iter().chain(entering).collect();
        let r = Loop {
            trips,
            reverse: self.reverse,
            consts: self.consts.len(),
            carries: self.carries.len(),
            body,
        };
        (r, operands)
    }
}
