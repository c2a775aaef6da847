//! Loops of unknown length whose backward pass keeps the states of some steps only.
//! The steps form stretches of one step, two steps, three, and so on,
//! and each stretch is computed again as a whole.
//!
//! After `m` stretches `n = m(m+1)/2` steps are done, so both the number of kept states and the longest stretch
//! are `√(2n)`, for any `n`.

use super::operands::{Entering, Leaving};
use gradus_ir::primitives::region::{Handle, LoopBuilder, Recompute, Steps};
use gradus_ir::primitives::{Binary, Body, Compare, Loop, Region};
use gradus_ir::{DType, Graph, Literal, Loc, Result, Type, ValueId};

/// A loop that continues as long as its condition is true, to be written as a loop over stretches.
pub(super) struct Growing<'a> {
    pub condition: &'a Body,
    pub r: &'a Loop,
}

impl Growing<'_> {
    /// The program from the constants and the initial carried values to the final ones.
    pub fn program(&self, loc: Loc) -> Result<Graph> {
        let mut g = Graph::new();
        g.set_loc(loc);
        let args = self.inputs(&mut g);
        let none = g.constant(Literal::from_i64(DType::I64, 0), &[]);
        let mut new = LoopBuilder::new(Steps::While);
        let args = args.enter(&mut new);
        let done = new.carry(none);
        let results = new.add_while(
            &mut g,
            |test, inputs| {
                let more = test.inline(self.condition, &args.behind(&[inputs[done]], inputs))?;
                Ok(more[0])
            },
            |stretch, inputs| {
                let one = stretch.constant(Literal::from_i64(DType::I64, 1), &[]);
                let length = stretch.add_nodes(inputs[Handle::INDEX], one);
                let steps = Region::Call(Recompute::checkpoint(self.steps()?));
                stretch.add_region(steps, &args.behind(&[inputs[done], length], inputs))
            },
        )?;
        g.set_outputs(Leaving::of(self.r, &results).carries);
        Ok(g)
    }

    /// Inputs for the constants and the carried values.
    fn inputs(&self, g: &mut Graph) -> Entering<ValueId> {
        Entering::inputs(self.r, 0, g)
    }

    /// The steps of a stretch.
    /// Its inputs are the number of steps done before, the length of the stretch, the constants and the carried
    /// values; its outputs are the carried values and the number of steps done afterwards.
    fn steps(&self) -> Result<Body> {
        let mut g = Graph::new();
        let before = g.input(Type::scalar(DType::I64));
        let length = g.input(Type::scalar(DType::I64));
        let args = self.inputs(&mut g);
        let mut new = LoopBuilder::new(Steps::While);
        let (start, most) = (new.constant(before), new.constant(length));
        let args = args.enter(&mut new);
        let mut results = new.add_while(
            &mut g,
            |test, inputs| {
                let number = test.add_nodes(inputs[start], inputs[Handle::INDEX]);
                let more = test.inline(self.condition, &args.behind(&[number], inputs))?;
                let within = test.compare(Compare::Lt, inputs[Handle::INDEX], inputs[most]);
                Ok(test.binary(Binary::And, within, more[0]))
            },
            |body, inputs| {
                let number = body.add_nodes(inputs[start], inputs[Handle::INDEX]);
                body.inline(&self.r.body, &args.behind(&[number], inputs))
            },
        )?;
        let count = results.pop().unwrap_or(before);
        results.push(g.add_nodes(before, count));
        g.set_outputs(results);
        Ok(g.into())
    }
}
