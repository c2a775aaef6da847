//! Loops over rows. Rows can disagree on the number of steps.
//! Then all rows continue together; rows that are done keep their carries, and the further steps [have no effect
//! on them](crate::primitives::region::rows).

use super::builder::{Handle, Inputs, LoopBuilder};
use super::{Loop, Trips};
use crate::graph::{Graph, ValueId};
use crate::primitives::region::Body;
use crate::primitives::region::programs::batched_to;
use crate::primitives::region::rows::{SomeRows, greatest};
use crate::primitives::region::switch::select_rows;
use crate::primitives::{Batch, Binary, Compare, Op, Transforms};
use crate::types::{DType, Literal};

pub(super) fn batch(r: &Loop, cx: &mut Batch<'_>) -> Vec<(ValueId, bool)> {
    let n = cx.size;
    let rows = Rows::new(r, cx);
    let args = rows.args(cx);
    let count = r.count().map(|count| cx.operands[count]);
    let most = match rows.ends {
        Ends::Counted => count.map(|count| greatest(cx.graph, count)),
        _ => count,
    };
    let mut new = LoopBuilder::like(r, most);
    let own_count = match rows.ends {
        Ends::Counted => count.map(|count| new.constant(count)),
        _ => None,
    };
    let handles = rows.enter(&mut new, &args);
    let done = (rows.ends == Ends::Condition).then(|| {
        let zero = Literal::from_i64(DType::I64, 0);
        new.carry(cx.graph.constant(zero, &[n]))
    });
    let transforms = &mut *cx.transforms;
    let condition = match &r.trips {
        Trips::While(condition) => Some(rows.condition(transforms, condition)),
        _ => None,
    };
    let mut results = new.emit_while(
        cx.graph,
        |g, inputs| {
            let Some(condition) = &condition else {
                unreachable!("it has no condition")
            };
            let own = &handles[..condition.inputs().len()];
            let goes_on = g.emit_inline(condition, &inputs.all(own))[0];
            match done {
                Some(_) => greatest(g, goes_on),
                None => goes_on,
            }
        },
        |g, inputs| match (own_count, done, &condition) {
            (Some(count), _, _) => {
                let number = g.broadcast(inputs[Handle::INDEX], &[n], &[]);
                let goes_on = g.compare(Compare::Lt, number, inputs[count]);
                rows.step_where(g, inputs, &handles, goes_on)
            }
            (_, Some(done), Some(condition)) => {
                let own = inputs.all(&handles[..condition.inputs().len()]);
                // The original condition shows its values already.
                let goes_on = g.emit_inline(&condition.without_effects(), &own)[0];
                let mut outputs = rows.step_where(g, inputs, &handles, goes_on);
                let one = g.emit(Op::Cast(DType::I64), &[goes_on]);
                let steps = g.binary(Binary::Add, inputs[done], one);
                outputs.insert(r.carries, steps);
                outputs
            }
            _ => g.emit_inline(&rows.step, &inputs.all(&handles)),
        },
    );
    if done.is_some() {
        // The step count of each row replaces the common step count.
        results.pop();
        let steps = results.remove(r.carries);
        results.push(steps);
    }
    let mut with_axis = rows.outputs;
    with_axis.extend(r.steps().map(|_| done.is_some()));
    for k in r.outputs().kept {
        if with_axis[k] && !cx.graph.ty(results[k]).is_list() {
            results[k] = exchange_first(cx.graph, results[k]);
        }
    }
    results.into_iter().zip(with_axis).collect()
}

/// The way in which rows disagree on the last step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// They agree.
    Together,
    /// The number of steps differs.
    Counted,
    /// The condition differs.
    Condition,
}

/// A loop over rows: the values that differ from row to row, and its step.
struct Rows<'a> {
    r: &'a Loop,
    n: usize,
    ends: Ends,
    /// For each input of the body, whether it has the new axis.
    inputs: Vec<bool>,
    /// For each output of the body, whether it has the new axis.
    outputs: Vec<bool>,
    step: Body,
    /// The step for some of the rows, if they do not end together.
    some: Option<SomeRows>,
}

impl<'a> Rows<'a> {
    fn new(r: &'a Loop, cx: &mut Batch<'_>) -> Rows<'a> {
        let (n, transforms) = (cx.size, &mut *cx.transforms);
        let count_differs = r.count().is_some_and(|count| cx.batched[count]);
        let mut inputs = vec![false];
        inputs.extend(&cx.batched[r.operands().consts.start..]);
        if count_differs {
            inputs[r.inputs().carries].fill(true);
        }
        let (mut reached, condition_differs) = grow(transforms, r, &r.body, &mut inputs, n);
        let ends = match (count_differs, condition_differs) {
            (true, _) => Ends::Counted,
            (_, true) => Ends::Condition,
            _ => Ends::Together,
        };
        let some = (ends != Ends::Together).then(|| SomeRows::new(&r.body, &inputs));
        if let Some(some) = &some {
            reached = grow(transforms, r, &some.body, &mut some.differs.clone(), n).0;
        }
        let mut outputs = inputs[r.inputs().carries].to_vec();
        outputs.extend(&reached[r.outputs().kept]);
        let (body, differs) = match &some {
            Some(some) => (&some.body, &some.differs),
            None => (&r.body, &inputs),
        };
        let step = batched_to(transforms, body, n, differs, &outputs).into();
        Rows {
            r,
            n,
            ends,
            inputs,
            outputs,
            step,
            some,
        }
    }

    /// The operands after the count, in the form in which the new loop reads them.
    fn args(&self, cx: &mut Batch<'_>) -> Vec<ValueId> {
        let sequences = self.r.inputs().sequences;
        let operands = self.r.operands_of(Loop::INDEX + 1..self.inputs.len());
        let args = operands.map(|(k, at)| {
            let operand = cx.operands[at];
            match (self.inputs[k], cx.batched[at]) {
                // A sequence has its steps in front.
                (true, true) if sequences.contains(&k) && !cx.graph.ty(operand).is_list() => {
                    exchange_first(cx.graph, operand)
                }
                (true, false) => cx.graph.repeat_front(operand, self.n),
                _ => operand,
            }
        });
        args.collect()
    }

    /// The handles of the inputs of the body.
    fn enter(&self, new: &mut LoopBuilder, args: &[ValueId]) -> Vec<Handle> {
        let places = self.r.inputs();
        let mut handles = vec![Handle::INDEX];
        for (k, &arg) in (Loop::INDEX + 1..).zip(args) {
            handles.push(if places.consts.contains(&k) {
                new.constant(arg)
            } else if places.carries.contains(&k) {
                new.carry(arg)
            } else {
                new.sequence(arg)
            });
        }
        handles
    }

    /// The condition on rows: one boolean for all rows, or one per row.
    fn condition(&self, transforms: &mut dyn Transforms, condition: &Body) -> Body {
        let inputs = &self.inputs[..condition.inputs().len()];
        let differs = self.ends == Ends::Condition;
        batched_to(transforms, condition, self.n, inputs, &[differs]).into()
    }

    /// Appends a step for the rows that continue; the other rows keep their carries.
    fn step_where(
        &self,
        g: &mut Graph,
        inputs: &Inputs,
        handles: &[Handle],
        goes_on: ValueId,
    ) -> Vec<ValueId> {
        let inputs = inputs.all(handles);
        let mut outputs = match &self.some {
            Some(some) => {
                let gated = some.inputs(g, goes_on, &inputs);
                g.emit_inline(&self.step, &gated)
            }
            None => g.emit_inline(&self.step, &inputs),
        };
        for (output, input) in outputs.iter_mut().zip(&inputs[self.r.inputs().carries]) {
            *output = select_rows(g, goes_on, *output, *input);
        }
        outputs
    }
}

/// Marks the carries in `inputs` that get the new axis in some step, because a step passes it on.
/// Returns which outputs of the body have it, and whether the condition has it.
fn grow(
    transforms: &mut dyn Transforms,
    r: &Loop,
    body: &Body,
    inputs: &mut [bool],
    n: usize,
) -> (Vec<bool>, bool) {
    let carries = r.inputs().carries;
    loop {
        let (_, outputs) = transforms.batch(body, n, inputs);
        let condition_differs = match &r.trips {
            Trips::While(condition) => {
                let inputs = &inputs[..condition.inputs().len()];
                transforms.batch(condition, n, inputs).1[0]
            }
            _ => false,
        };
        let mut more = false;
        for (input, &output) in inputs[carries.clone()].iter_mut().zip(&outputs) {
            let differs = condition_differs || output;
            more |= differs && !*input;
            *input |= differs;
        }
        if !more {
            return (outputs, condition_differs);
        }
    }
}

/// `x` with its first two axes exchanged.
fn exchange_first(g: &mut Graph, x: ValueId) -> ValueId {
    let mut order: Vec<usize> = (0..g.shape(x).len()).collect();
    order.swap(0, 1);
    g.transpose(x, &order)
}
