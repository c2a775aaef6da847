//! Loops of unknown length whose backward pass keeps the states of some steps only.
//! The steps form stretches of one step, two steps, three, and so on,
//! and each stretch is computed again as a whole.
//!
//! After `m` stretches `n = m(m+1)/2` steps are done, so both the number of kept states and the longest stretch
//! are `√(2n)`, for any `n`.

use crate::tensor::Tensor;
use crate::trace;
use gradus_ir::primitives::region::Recompute;
use gradus_ir::primitives::{Binary, Body, Compare, Loop, Region, Trips};
use gradus_ir::{DType, Graph, Literal, Loc, Result, Type, ValueId};

/// A loop that continues as long as `test` is true for the step number, the constants and the carried values.
pub(super) struct Growing {
    pub test: Body,
    /// `step number, constants, carried ↦ carried`
    pub body: Body,
    pub consts: usize,
    pub carries: usize,
}

impl Growing {
    /// The loop with a number of steps that is its first constant; `body` does not get this constant.
    pub fn counted(body: &Body, consts: usize, carries: usize) -> Result<Growing> {
        let (mut test, mut step) = (Graph::new(), Graph::new());
        let types = body.input_types();
        for g in [&mut test, &mut step] {
            g.input(types[0].clone());
            g.input(Type::scalar(DType::I64));
            for ty in &types[1..] {
                g.input(ty.clone());
            }
        }
        let inputs = test.inputs().to_vec();
        let more = test.compare(Compare::Lt, inputs[0], inputs[1]);
        test.set_outputs(vec![more]);
        let inputs = [&step.inputs()[..1], &step.inputs()[2..]].concat();
        let outputs = step.inline(body, &inputs)?;
        step.set_outputs(outputs);
        Ok(Growing {
            test: test.into(),
            body: step.into(),
            consts: consts + 1,
            carries,
        })
    }

    /// Applies the loop to the constants and the initial carried values, and returns the final ones.
    pub fn apply(&self, operands: Vec<Tensor>, loc: Loc) -> Result<Vec<Tensor>> {
        let program = self.program(trace::users_place(loc))?;
        trace::apply(&program, operands).map_err(|e| e.at(loc))
    }

    /// The program from the constants and the initial carried values to the final ones.
    fn program(&self, loc: Loc) -> Result<Graph> {
        let mut g = Graph::new();
        g.set_loc(loc);
        let mut args = self.inputs(&mut g);
        args.push(g.constant(Literal::from_i64(DType::I64, 0), &[]));
        let region = Region::Loop(Loop {
            trips: Trips::While(self.goes_on()?.into()),
            reverse: false,
            consts: self.consts,
            carries: self.carries + 1,
            body: self.stretch()?.into(),
        });
        let mut results = g.add_region(region, &args)?;
        results.truncate(self.carries);
        g.set_outputs(results);
        Ok(g)
    }

    /// Inputs for the constants and the carried values.
    fn inputs(&self, g: &mut Graph) -> Vec<ValueId> {
        let types = self.body.input_types();
        types[1..].iter().map(|ty| g.input(ty.clone())).collect()
    }

    /// The program that decides whether there is another stretch.
    /// Its inputs are the number of the stretch, the constants, the carried values and the number of steps done.
    fn goes_on(&self) -> Result<Graph> {
        let mut g = Graph::new();
        g.input(Type::scalar(DType::I64));
        let rest = self.inputs(&mut g);
        let done = g.input(Type::scalar(DType::I64));
        let args: Vec<ValueId> = [done].into_iter().chain(rest).collect();
        let outputs = g.inline(&self.test, &args)?;
        g.set_outputs(outputs);
        Ok(g)
    }

    /// One stretch.
    /// Its inputs are the number of the stretch, the constants, the carried values and the number of steps done;
    /// its outputs are the carried values and the number of steps done afterwards.
    fn stretch(&self) -> Result<Graph> {
        let mut g = Graph::new();
        let number = g.input(Type::scalar(DType::I64));
        let rest = self.inputs(&mut g);
        let done = g.input(Type::scalar(DType::I64));
        let one = g.constant(Literal::from_i64(DType::I64, 1), &[]);
        let length = g.add_nodes(number, one);
        let args: Vec<ValueId> = [done, length].into_iter().chain(rest).collect();
        let steps = Region::Call(Recompute::checkpoint(self.steps()?.into()));
        let outputs = g.add_region(steps, &args)?;
        g.set_outputs(outputs);
        Ok(g)
    }

    /// The steps of a stretch.
    /// Its inputs are the number of steps done before, the length of the stretch, the constants and the carried
    /// values; its outputs are the carried values and the number of steps done afterwards.
    fn steps(&self) -> Result<Graph> {
        // Both programs get the number within the stretch, the number of steps done before,
        // the length of the stretch, the constants and the carried values.
        let inner = |program: &Body| -> Result<(Graph, ValueId, ValueId, Vec<ValueId>)> {
            let mut g = Graph::new();
            let index = g.input(Type::scalar(DType::I64));
            let start = g.input(Type::scalar(DType::I64));
            let length = g.input(Type::scalar(DType::I64));
            let rest = self.inputs(&mut g);
            let number = g.add_nodes(start, index);
            let args: Vec<ValueId> = [number].into_iter().chain(rest).collect();
            let outputs = g.inline(program, &args)?;
            Ok((g, index, length, outputs))
        };
        let (mut test, index, length, more) = inner(&self.test)?;
        let within = test.compare(Compare::Lt, index, length);
        let more = test.binary(Binary::And, within, more[0]);
        test.set_outputs(vec![more]);
        let (mut body, _, _, carried) = inner(&self.body)?;
        body.set_outputs(carried);
        let mut g = Graph::new();
        let start = g.input(Type::scalar(DType::I64));
        let length = g.input(Type::scalar(DType::I64));
        let rest = self.inputs(&mut g);
        let args: Vec<ValueId> = [start, length].into_iter().chain(rest).collect();
        let region = Region::Loop(Loop {
            trips: Trips::While(test.into()),
            reverse: false,
            consts: self.consts + 2,
            carries: self.carries,
            body: body.into(),
        });
        let mut outputs = g.add_region(region, &args)?;
        let count = outputs.pop().unwrap_or(start);
        outputs.push(g.add_nodes(start, count));
        g.set_outputs(outputs);
        Ok(g)
    }
}
