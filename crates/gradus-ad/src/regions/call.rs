//! Calls: functions computed again on the way back, functions with rules of their own.

use super::known::derived;
use super::{batched_to, inline, positions, pushed, reached, reordered};
use crate::transpose_linear;
use gradus_ir::primitives::{Body, Call, Reason, Region, Solve, Unary};
use gradus_ir::{Graph, Literal, Node, Type, ValueId};

pub(super) fn jvp(
    g: &mut Graph,
    node: &Node,
    call: &Call,
    tangents: &[Option<ValueId>],
) -> Vec<Option<ValueId>> {
    let operands = node.operands.as_slice();
    let is_float = |&x: &ValueId| g.ty(x).dtype.is_float();
    let floats: Vec<bool> = operands.iter().map(is_float).collect();
    match call {
        Call::Checkpoint(body) => whole(g, body, Call::Checkpoint, operands, tangents),
        Call::Local(body) => whole(g, body, Call::Local, operands, tangents),
        Call::Stated { body, cost } => {
            let cost = cost.of_derivative();
            whole(
                g,
                body,
                |body| Call::Stated { body, cost },
                operands,
                tangents,
            )
        }
        Call::CustomJvp { body, rule, fixed } => {
            let mut sums = undefined(
                g,
                Reason::Outside,
                &body.output_types(),
                &tangents[..*fixed],
            );
            if tangents[*fixed..].iter().any(Option::is_some) {
                let mut args = operands.to_vec();
                // The rule gets the results of this very call, so that their derivative is its own again.
                args.extend(node.results());
                let mut directions = vec![None; args.len()];
                for k in positions(&floats).into_iter().filter(|k| k >= fixed) {
                    args.push(g.constant_like(0.0, operands[k]));
                    directions.push(tangents[k]);
                }
                // Linear, it is its own derivative along the tangents, which leaves out what is zero by structure.
                let (program, outputs) = tangent_program(rule, &directions);
                let results = inline(g, &program, &with_tangents(&args, &directions));
                let mut results = spread(&outputs, results).into_iter();
                let of_floats = float_outputs(body).into_iter();
                let of_outputs = of_floats.map(|float| {
                    if float {
                        results.next().flatten()
                    } else {
                        None
                    }
                });
                add(g, &mut sums, of_outputs.collect());
            }
            sums
        }
        Call::CustomVjp {
            body,
            forward,
            backward,
            fixed,
        } => {
            let mut sums = undefined(
                g,
                Reason::Outside,
                &body.output_types(),
                &tangents[..*fixed],
            );
            if tangents[*fixed..].iter().any(Option::is_some) {
                let mut args =
                    inline(g, &forward.without_effects(), operands).split_off(body.outputs().len());
                let residuals = args.len();
                for k in positions(&floats).into_iter().filter(|k| k >= fixed) {
                    args.push(tangents[k].unwrap_or_else(|| g.constant_like(0.0, operands[k])));
                }
                let tangent = Region::Call(Call::OnlyBackward {
                    backward: backward.clone(),
                    residuals,
                });
                let results = g.emit_region(tangent, &args);
                add(g, &mut sums, spread(&float_outputs(body), results));
            }
            sums
        }
        Call::Hook { residuals, .. } if tangents[*residuals..].iter().all(Option::is_none) => {
            vec![None; operands.len() - residuals]
        }
        // The derivative of the identity, to be met again on the way back.
        Call::Hook { residuals, .. } => {
            let mut args = operands[..*residuals].to_vec();
            for k in *residuals..operands.len() {
                args.push(tangents[k].unwrap_or_else(|| g.constant_like(0.0, operands[k])));
            }
            let results = g.emit_region(Region::Call(call.clone()), &args);
            results.into_iter().map(Some).collect()
        }
        Call::Undefined { .. } => {
            let args: Vec<ValueId> = (0..operands.len())
                .map(|k| tangents[k].unwrap_or_else(|| g.constant_like(0.0, operands[k])))
                .collect();
            let results = g.emit_region(Region::Call(call.clone()), &args);
            results.into_iter().map(Some).collect()
        }
        Call::OnlyBackward {
            backward,
            residuals,
        } => {
            let (kept, linear) = tangents.split_at(*residuals);
            let results: Vec<Type> = backward.input_types().split_off(*residuals);
            let mut sums = undefined(g, Reason::Forward, &results, kept);
            if linear.iter().any(Option::is_some) {
                let mut args = operands[..*residuals].to_vec();
                for (k, t) in linear.iter().enumerate() {
                    let x = operands[residuals + k];
                    args.push(t.unwrap_or_else(|| g.constant_like(0.0, x)));
                }
                let results = g.emit_region(Region::Call(call.clone()), &args);
                add(g, &mut sums, results.into_iter().map(Some).collect());
            }
            sums
        }
        Call::Linear {
            body, residuals, ..
        } => {
            let (fixed, linear) = tangents.split_at(*residuals);
            let mut sums: Vec<Option<ValueId>> = vec![None; body.outputs().len()];
            if linear.iter().any(Option::is_some) {
                let mut args = operands[..*residuals].to_vec();
                for (k, t) in linear.iter().enumerate() {
                    let x = operands[residuals + k];
                    args.push(t.unwrap_or_else(|| g.constant_like(0.0, x)));
                }
                let results = g.emit_region(Region::Call(call.clone()), &args);
                sums = results.into_iter().map(Some).collect();
            }
            if fixed.iter().any(Option::is_some) {
                // In what is fixed it is a function like any other.
                let mut of_fixed = fixed.to_vec();
                of_fixed.resize(operands.len(), None);
                let (program, outputs) = tangent_program(&body.without_effects(), &of_fixed);
                let results = inline(g, &program, &with_tangents(operands, &of_fixed));
                add(g, &mut sums, spread(&outputs, results));
            }
            sums
        }
        Call::Solve(solve) => solve_tangent(g, node, solve, tangents),
    }
}

/// Of `A·x = b` the tangent `A·ẋ = ḃ - Ȧ·x`.
fn solve_tangent(
    g: &mut Graph,
    node: &Node,
    solve: &Solve,
    tangents: &[Option<ValueId>],
) -> Vec<Option<ValueId>> {
    let operands = node.operands.as_slice();
    let (fixed, right) = tangents.split_at(solve.residuals);
    let mut sides = right.to_vec();
    if fixed.iter().any(Option::is_some) {
        let solution: Vec<ValueId> = node.results().collect();
        let mut of_fixed = fixed.to_vec();
        of_fixed.resize(operands.len(), None);
        let args = [&operands[..solve.residuals], &solution].concat();
        let (program, outputs) = tangent_program(&solve.apply, &of_fixed);
        let results = inline(g, &program, &with_tangents(&args, &of_fixed));
        let changes = spread(&outputs, results).into_iter();
        let changes = changes.map(|t| t.map(|t| g.unary(Unary::Neg, t)));
        let changes = changes.collect();
        add(g, &mut sides, changes);
    }
    if sides.iter().all(Option::is_none) {
        return sides;
    }
    let mut args = operands[..solve.residuals].to_vec();
    for (k, side) in sides.into_iter().enumerate() {
        let b = operands[solve.residuals + k];
        args.push(side.unwrap_or_else(|| g.constant_like(0.0, b)));
    }
    let results = g.emit_region(Region::Call(Call::Solve(solve.clone())), &args);
    results.into_iter().map(Some).collect()
}

/// The tangents of results that come from what no derivative is known with respect to: a call that cannot run, unless there are none.
fn undefined(
    g: &mut Graph,
    reason: Reason,
    results: &[Type],
    tangents: &[Option<ValueId>],
) -> Vec<Option<ValueId>> {
    let floats: Vec<bool> = results.iter().map(|ty| ty.dtype.is_float()).collect();
    let given: Vec<ValueId> = tangents.iter().flatten().copied().collect();
    if given.is_empty() {
        return vec![None; floats.len()];
    }
    let from: Vec<Type> = given.iter().map(|&t| g.ty(t).clone()).collect();
    let to: Vec<&Type> = positions(&floats)
        .into_iter()
        .map(|k| &results[k])
        .collect();
    let call = unknown(reason, &from, &to);
    let results = g.emit_region(Region::Call(call), &given);
    spread(&floats, results)
}

/// A linear map that nobody knows.
fn unknown(reason: Reason, from: &[Type], to: &[&Type]) -> Call {
    let mut body = Graph::new();
    from.iter().for_each(|ty| {
        body.input(ty.clone());
    });
    let zeros = to
        .iter()
        .map(|ty| body.constant(Literal::from_f64(ty.dtype, 0.0), &ty.shape));
    let zeros = zeros.collect();
    body.set_outputs(zeros);
    Call::Undefined {
        body: body.into(),
        reason,
    }
}

/// Adds tangents to sums, where there are any.
fn add(g: &mut Graph, sums: &mut [Option<ValueId>], more: Vec<Option<ValueId>>) {
    for (sum, t) in sums.iter_mut().zip(more) {
        *sum = match (*sum, t) {
            (Some(a), Some(b)) => Some(g.add_nodes(a, b)),
            (a, b) => a.or(b),
        };
    }
}

pub(super) fn transpose(
    g: &mut Graph,
    call: &Call,
    operands: &[ValueId],
    linear: &[bool],
    cotangents: &[Option<ValueId>],
) -> Vec<(usize, ValueId)> {
    let or_zeros = |g: &mut Graph, body: &[Type]| -> Vec<ValueId> {
        let given = cotangents.iter().zip(body);
        given
            .map(|(ct, ty)| {
                let zero = Literal::from_f64(ty.dtype, 0.0);
                ct.unwrap_or_else(|| g.constant(zero, &ty.shape))
            })
            .collect()
    };
    match call {
        Call::OnlyBackward {
            backward,
            residuals,
        }
        | Call::Hook {
            backward,
            residuals,
        } => {
            assert!(
                !linear[..*residuals].contains(&true),
                "transpose: a custom way back is not linear in what it keeps"
            );
            let mut args = operands[..*residuals].to_vec();
            args.extend(or_zeros(g, &backward.input_types()[*residuals..]));
            let results = inline(g, backward, &args).into_iter().enumerate();
            let results = results.map(|(k, ct)| (residuals + k, ct));
            results.filter(|&(k, _)| linear[k]).collect()
        }
        Call::Linear {
            body,
            transpose,
            residuals,
        } if !linear[..*residuals].contains(&true) => {
            let mut args = operands[..*residuals].to_vec();
            args.extend(or_zeros(g, &body.output_types()));
            let turned = Region::Call(Call::Linear {
                body: transpose.clone(),
                transpose: body.clone(),
                residuals: *residuals,
            });
            let results = g.emit_region(turned, &args).into_iter().enumerate();
            let results = results.map(|(k, ct)| (residuals + k, ct));
            results.filter(|&(k, _)| linear[k]).collect()
        }
        Call::Undefined { body, reason } => {
            let (from, to) = (body.input_types(), body.output_types());
            let unknowns = positions(linear);
            let wanted: Vec<&Type> = unknowns.iter().map(|&k| &from[k]).collect();
            let args = or_zeros(g, &to);
            let results = g.emit_region(Region::Call(unknown(*reason, &to, &wanted)), &args);
            unknowns.into_iter().zip(results).collect()
        }
        Call::Solve(solve) => {
            assert!(
                !linear[..solve.residuals].contains(&true),
                "transpose: the solution of a system is not linear in its matrix"
            );
            let mut args = operands[..solve.residuals].to_vec();
            args.extend(or_zeros(g, &solve.solve.output_types()));
            let turned = Region::Call(Call::Solve(solve.transposed()));
            let results = g.emit_region(turned, &args).into_iter().enumerate();
            let results = results.map(|(k, ct)| (solve.residuals + k, ct));
            results.filter(|&(k, _)| linear[k]).collect()
        }
        _ => {
            let known: Vec<usize> = (0..operands.len()).filter(|&k| !linear[k]).collect();
            let unknown = positions(linear);
            let given = (0..cotangents.len()).filter(|&k| cotangents[k].is_some());
            let given: Vec<usize> = given.collect();
            let order = [known.as_slice(), &unknown].concat();
            let turned = derived(call.body(), &[&known, &unknown, &given], || {
                transpose_linear(&reordered(call.body(), &order, &given), known.len()).into()
            });
            let mut args: Vec<ValueId> = known.iter().map(|&k| operands[k]).collect();
            args.extend(cotangents.iter().flatten());
            let again = match call {
                Call::Local(_) => Call::Local(turned),
                Call::Stated { cost, .. } => Call::Stated {
                    body: turned,
                    cost: cost.of_transpose(),
                },
                _ => Call::Checkpoint(turned),
            };
            let results = g.emit_region(Region::Call(again), &args);
            unknown.into_iter().zip(results).collect()
        }
    }
}

pub(super) fn batch(
    g: &mut Graph,
    call: &Call,
    operands: &[ValueId],
    batched: &[bool],
    n: usize,
) -> Vec<(ValueId, bool)> {
    let all = |count: usize| vec![true; count];
    let plain = |body: &Body| -> (Body, Vec<bool>) {
        let (body, with_axis) = crate::batch(body, n, batched);
        (body.into(), with_axis)
    };
    // Rules must know which of their arguments have the axis: all results have it, and all that is kept.
    let forced = |body: &Body, inputs: &[bool]| -> Body {
        batched_to(body, n, inputs, &all(body.outputs().len())).into()
    };
    let floats = |inputs: &[bool], types: &[Type]| -> Vec<bool> {
        let floats = inputs.iter().zip(types).filter(|(_, t)| t.dtype.is_float());
        floats.map(|(&b, _)| b).collect()
    };
    let mut args = operands.to_vec();
    let (batched_call, with_axis) = match call {
        Call::Checkpoint(body) => {
            let (body, with_axis) = plain(body);
            (Call::Checkpoint(body), with_axis)
        }
        Call::Local(body) => {
            let (body, with_axis) = plain(body);
            (Call::Local(body), with_axis)
        }
        Call::Stated { body, cost } => {
            let (body, with_axis) = plain(body);
            let cost = cost.times(n);
            (Call::Stated { body, cost }, with_axis)
        }
        Call::CustomJvp { body, rule, fixed } => {
            let of_tangents = floats(&batched[*fixed..], &body.input_types()[*fixed..]);
            let of_results = all(body.outputs().len());
            let rule = forced(rule, &[batched, &of_results, &of_tangents].concat());
            let body = forced(body, batched);
            let fixed = *fixed;
            (Call::CustomJvp { body, rule, fixed }, of_results)
        }
        Call::CustomVjp {
            body,
            forward,
            backward,
            fixed,
        } => {
            let of_cotangents = floats(&batched[*fixed..], &body.input_types()[*fixed..]);
            let backward = forced(backward, &all(backward.inputs().len()));
            // What is one for all rows gets the sum of their cotangents.
            let backward = summed(&backward, &of_cotangents);
            let (body, forward) = (forced(body, batched), forced(forward, batched));
            let count = body.outputs().len();
            let call = Call::CustomVjp {
                body,
                forward,
                backward,
                fixed: *fixed,
            };
            (call, all(count))
        }
        Call::OnlyBackward {
            backward,
            residuals,
        } => {
            repeat_all(g, &mut args, batched, n);
            let call = Call::OnlyBackward {
                backward: forced(backward, &all(backward.inputs().len())),
                residuals: *residuals,
            };
            (call, all(backward.inputs().len() - residuals))
        }
        Call::Hook {
            backward,
            residuals,
        } => {
            repeat_all(g, &mut args, batched, n);
            let call = Call::Hook {
                backward: forced(backward, &all(backward.inputs().len())),
                residuals: *residuals,
            };
            (call, all(backward.inputs().len() - residuals))
        }
        Call::Undefined { body, reason } => {
            repeat_all(g, &mut args, batched, n);
            let body = forced(body, &all(body.inputs().len()));
            let (count, reason) = (body.outputs().len(), *reason);
            (Call::Undefined { body, reason }, all(count))
        }
        Call::Solve(solve) => {
            let sides = &mut args[solve.residuals..];
            repeat_all(g, sides, &batched[solve.residuals..], n);
            let count = sides.len();
            let inputs = [&batched[..solve.residuals], &all(count)].concat();
            (
                Call::Solve(solve.map(|body| forced(body, &inputs))),
                all(count),
            )
        }
        Call::Linear {
            body,
            transpose,
            residuals,
        } => {
            repeat_all(g, &mut args, batched, n);
            let call = Call::Linear {
                body: forced(body, &all(body.inputs().len())),
                transpose: forced(transpose, &all(transpose.inputs().len())),
                residuals: *residuals,
            };
            (call, all(body.outputs().len()))
        }
    };
    let results = g.emit_region(Region::Call(batched_call), &args);
    results.into_iter().zip(with_axis).collect()
}

fn repeat_all(g: &mut Graph, args: &mut [ValueId], batched: &[bool], n: usize) {
    for (arg, &batched) in args.iter_mut().zip(batched) {
        if !batched {
            *arg = g.repeat_front(*arg, n);
        }
    }
}

/// `body` with the outputs that are not marked summed over their first axis.
fn summed(body: &Graph, marked: &[bool]) -> Body {
    let mut g = body.clone();
    let outputs = body.outputs().iter().zip(marked);
    let outputs = outputs.map(|(&y, &keep)| if keep { y } else { g.sum(y, &[0]) });
    let outputs = outputs.collect();
    g.set_outputs(outputs);
    g.into()
}

/// The derivative as one call more, in which all is computed again.
fn whole(
    g: &mut Graph,
    body: &Body,
    kind: impl Fn(Body) -> Call,
    operands: &[ValueId],
    tangents: &[Option<ValueId>],
) -> Vec<Option<ValueId>> {
    let active: Vec<bool> = tangents.iter().map(Option::is_some).collect();
    // What is computed again is not shown again.
    let body = &body.without_effects();
    let outputs = reached(body, &active);
    if !outputs.contains(&true) {
        return vec![None; outputs.len()];
    }
    let program = derived(body, &[&positions(&active)], || {
        pushed(body, &active, &outputs).into()
    });
    let args = with_tangents(operands, tangents);
    let results = g.emit_region(Region::Call(kind(program)), &args);
    spread(&outputs, results)
}

/// From operands and tangents to the tangents of the outputs that can have one, which are marked.
fn tangent_program(body: &Graph, tangents: &[Option<ValueId>]) -> (Graph, Vec<bool>) {
    let active: Vec<bool> = tangents.iter().map(Option::is_some).collect();
    let outputs = reached(body, &active);
    (pushed(body, &active, &outputs), outputs)
}

fn with_tangents(operands: &[ValueId], tangents: &[Option<ValueId>]) -> Vec<ValueId> {
    let tangents = tangents.iter().flatten();
    operands.iter().chain(tangents).copied().collect()
}

fn float_outputs(body: &Graph) -> Vec<bool> {
    let types = body.output_types();
    types.iter().map(|t| t.dtype.is_float()).collect()
}

/// The values at the places that are marked.
fn spread(marked: &[bool], values: Vec<ValueId>) -> Vec<Option<ValueId>> {
    let mut values = values.into_iter();
    marked
        .iter()
        .map(|&m| if m { values.next() } else { None })
        .collect()
}
