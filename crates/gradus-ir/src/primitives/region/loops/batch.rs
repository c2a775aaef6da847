//! Loops over rows. Rows may disagree on how long to go on: then all go on together, and those that are done keep what they have, and in what they still go through
//! [nothing happens to them](crate::primitives::region::rows).

use super::{Loop, Trips};
use crate::graph::{Graph, ValueId};
use crate::primitives::region::programs::{batched_to, inline};
use crate::primitives::region::rows::{SomeRows, greatest};
use crate::primitives::region::switch::select_rows;
use crate::primitives::region::{Body, Region};
use crate::primitives::{Batch, Binary, Compare, Op, Transforms};
use crate::types::{DType, Literal, Type};

pub(super) fn batch(r: &Loop, cx: &mut Batch<'_>) -> Vec<(ValueId, bool)> {
    let (operands, batched, n) = (cx.operands, cx.batched, cx.size);
    let (g, transforms) = (&mut *cx.graph, &mut *cx.transforms);
    let counts = r.counts();
    let count_differs = counts == 1 && batched[0];
    let first = 1 + r.consts;
    // Of the body's inputs, those with the new axis.
    let mut inputs = vec![false];
    inputs.extend(&batched[counts..]);
    if count_differs {
        inputs[first..first + r.carries].fill(true);
    }
    let (mut outputs, condition_differs) = settle(transforms, r, &r.body, &mut inputs, n);
    let some = (count_differs || condition_differs).then(|| SomeRows::new(&r.body, &inputs));
    if let Some(some) = &some {
        outputs = settle(transforms, r, &some.body, &mut some.differs.clone(), n).0;
    }
    let mut with_axis = inputs[first..first + r.carries].to_vec();
    with_axis.extend(&outputs[r.carries..]);
    let (body, differs) = match &some {
        Some(some) => (&some.body, &some.differs),
        None => (&r.body, &inputs),
    };
    let step: Body = batched_to(transforms, body, n, differs, &with_axis).into();

    let mut args: Vec<ValueId> = Vec::new();
    for (k, &operand) in operands[counts..].iter().enumerate() {
        args.push(match (inputs[1 + k], batched[counts + k]) {
            // A sequence has the steps in front.
            (true, true) if k >= r.consts + r.carries && !g.ty(operand).is_list() => {
                exchange_first(g, operand)
            }
            (true, false) => g.repeat_front(operand, n),
            _ => operand,
        });
    }
    let own: Vec<Type> = (r.body.inputs().iter().zip(&inputs))
        .map(|(&i, &batched)| match batched {
            true => r.body.ty(i).batched(n),
            false => r.body.ty(i).clone(),
        })
        .collect();
    let new = if let (Some(some), true) = (&some, count_differs) {
        let count = operands[0];
        let all = greatest(g, count);
        args.insert(0, all);
        args.insert(1, count);
        let step = Step::new(some, &step, own);
        counted_by_row(r, &step, n)
    } else if let Some(some) = &some {
        let zero = g.constant(Literal::from_i64(DType::I64, 0), &[n]);
        args.insert(r.consts + r.carries, zero);
        let step = Step::new(some, &step, own);
        conditional_by_row(transforms, r, &step, n, &inputs)
    } else {
        if counts == 1 {
            args.insert(0, operands[0]);
        }
        let trips = match &r.trips {
            Trips::While(condition) => {
                let inputs = &inputs[..first + r.carries];
                Trips::While(batched_to(transforms, condition, n, inputs, &[false]).into())
            }
            other => other.clone(),
        };
        Loop {
            trips,
            body: step,
            ..r.clone()
        }
    };
    let mut results = g.emit_region(Region::Loop(new), &args);
    if condition_differs {
        // The steps of each row take the place of the steps of all.
        results.pop();
        let count = results.remove(r.carries);
        results.push(count);
    }
    if let Trips::While(_) = r.trips {
        with_axis.push(condition_differs);
    }
    for k in r.carries..r.carries + r.kept() {
        if with_axis[k] && !g.ty(results[k]).is_list() {
            results[k] = exchange_first(g, results[k]);
        }
    }
    results.into_iter().zip(with_axis).collect()
}

/// Marks in `inputs` what is carried and gets the new axis in some step, as it passes it on; says which results of the body have it, and whether the condition does.
fn settle(
    transforms: &mut dyn Transforms,
    r: &Loop,
    body: &Body,
    inputs: &mut [bool],
    n: usize,
) -> (Vec<bool>, bool) {
    let first = 1 + r.consts;
    let mut condition_differs = false;
    loop {
        let (_, outputs) = transforms.batch(body, n, inputs);
        if let Trips::While(condition) = &r.trips {
            condition_differs = transforms
                .batch(condition, n, &inputs[..first + r.carries])
                .1[0];
        }
        let grow = |k: &usize| (condition_differs || outputs[*k]) && !inputs[first + k];
        let new: Vec<usize> = (0..r.carries).filter(grow).collect();
        if new.is_empty() {
            return (outputs, condition_differs);
        }
        new.into_iter().for_each(|k| inputs[first + k] = true);
    }
}

/// The first two axes exchanged.
fn exchange_first(g: &mut Graph, x: ValueId) -> ValueId {
    let mut order: Vec<usize> = (0..g.shape(x).len()).collect();
    order.swap(0, 1);
    g.transpose(x, &order)
}

/// One more constant, the number of steps of each row, in front: a row whose steps are done keeps what it carries.
fn counted_by_row(r: &Loop, step: &Step<'_>, n: usize) -> Loop {
    let mut body = Graph::new();
    let index = body.input(step.own[0].clone());
    let count = body.input(Type::new(DType::I64, &[n]));
    let rest = step.own[1..].iter().map(|ty| body.input(ty.clone()));
    let inputs: Vec<ValueId> = [index].into_iter().chain(rest).collect();
    let number = body.broadcast(index, &[n], &[]);
    let goes_on = body.compare(Compare::Lt, number, count);
    let mut outputs = step.inline(&mut body, &inputs, goes_on);
    keep_where_done(&mut body, r, goes_on, &inputs, &mut outputs);
    body.set_outputs(outputs);
    Loop {
        trips: Trips::Counted,
        reverse: r.reverse,
        consts: r.consts + 1,
        carries: r.carries,
        body: body.into(),
    }
}

/// One more value is carried last: the number of steps of each row.
fn conditional_by_row(
    transforms: &mut dyn Transforms,
    r: &Loop,
    step: &Step<'_>,
    n: usize,
    batched: &[bool],
) -> Loop {
    let Trips::While(condition) = &r.trips else {
        unreachable!("only a condition can differ")
    };
    let of_condition = 1 + r.consts + r.carries;
    let condition: Body =
        batched_to(transforms, condition, n, &batched[..of_condition], &[true]).into();
    let counter = Type::new(DType::I64, &[n]);

    let mut any = Graph::new();
    let inputs: Vec<ValueId> = condition
        .inputs()
        .iter()
        .map(|&i| any.input_like(&condition, i))
        .collect();
    any.input(counter.clone());
    let each = inline(&mut any, &condition, &inputs)[0];
    let some = greatest(&mut any, each);
    any.set_outputs(vec![some]);

    let mut body = Graph::new();
    // A loop with a condition reads no sequences.
    let own = step.own.iter().map(|ty| body.input(ty.clone()));
    let inputs: Vec<ValueId> = own.collect();
    let count = body.input(counter);
    // The condition itself shows what it shows.
    let again = condition.without_effects();
    let goes_on = inline(&mut body, &again, &inputs)[0];
    let mut outputs = step.inline(&mut body, &inputs, goes_on);
    keep_where_done(&mut body, r, goes_on, &inputs, &mut outputs);
    let one = body.emit(Op::Cast(DType::I64), &[goes_on]);
    let count = body.binary(Binary::Add, count, one);
    outputs.insert(r.carries, count);
    body.set_outputs(outputs);
    Loop {
        trips: Trips::While(any.into()),
        reverse: r.reverse,
        consts: r.consts,
        carries: r.carries + 1,
        body: body.into(),
    }
}

/// A step that only rows which are not done make.
struct Step<'a> {
    some: &'a SomeRows,
    step: &'a Body,
    /// What the loop gives to it.
    own: Vec<Type>,
}

impl<'a> Step<'a> {
    fn new(some: &'a SomeRows, step: &'a Body, own: Vec<Type>) -> Step<'a> {
        Step { some, step, own }
    }

    fn inline(&self, body: &mut Graph, inputs: &[ValueId], goes_on: ValueId) -> Vec<ValueId> {
        let inputs = self.some.inputs(body, goes_on, inputs);
        inline(body, self.step, &inputs)
    }
}

fn keep_where_done(
    body: &mut Graph,
    r: &Loop,
    goes_on: ValueId,
    inputs: &[ValueId],
    outputs: &mut [ValueId],
) {
    for k in 0..r.carries {
        outputs[k] = select_rows(body, goes_on, outputs[k], inputs[1 + r.consts + k]);
    }
}
