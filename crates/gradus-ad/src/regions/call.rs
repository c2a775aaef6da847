//! Calls: functions computed again on the way back, functions with rules of their own.

use super::{batched_to, inline, positions, pushed, reached, reordered};
use crate::transpose_linear;
use gradus_ir::primitives::{Body, Call, Region};
use gradus_ir::{Graph, NodeId};

pub(super) fn jvp(
    g: &mut Graph,
    call: &Call,
    operands: &[NodeId],
    tangents: &[Option<NodeId>],
) -> Vec<Option<NodeId>> {
    let is_float = |&x: &NodeId| g.ty(x).dtype.is_float();
    let floats: Vec<bool> = operands.iter().map(is_float).collect();
    match call {
        Call::Checkpoint(body) => whole(g, body, Call::Checkpoint, operands, tangents),
        Call::Local(body) => whole(g, body, Call::Local, operands, tangents),
        Call::Kept { forward } => {
            let (program, outputs) = tangent_program(forward, tangents);
            let args = with_tangents(operands, tangents);
            let results = inline(g, &program, &args);
            spread(&outputs, results)
        }
        Call::CustomJvp { body, rule } => {
            let mut args = operands.to_vec();
            for k in positions(&floats) {
                args.push(tangents[k].unwrap_or_else(|| g.constant_like(0.0, operands[k])));
            }
            let results = inline(g, rule, &args);
            spread(&float_outputs(body), results)
        }
        Call::CustomVjp {
            body,
            forward,
            backward,
        } => {
            let kept = Region::Call(Call::Kept {
                forward: forward.clone(),
            });
            let mut args = g
                .emit_region(kept, operands)
                .split_off(body.outputs().len());
            let residuals = args.len();
            for k in positions(&floats) {
                args.push(tangents[k].unwrap_or_else(|| g.constant_like(0.0, operands[k])));
            }
            let tangent = Region::Call(Call::OnlyBackward {
                backward: backward.clone(),
                residuals,
            });
            let results = g.emit_region(tangent, &args);
            spread(&float_outputs(body), results)
        }
        Call::Hook { residuals, .. } if tangents[*residuals..].iter().all(Option::is_none) => {
            vec![None; operands.len() - residuals]
        }
        // The derivative of the identity, to be met again on the way back. Of `OnlyBackward`, forward mode has met it already and nothing can follow: what
        // remains of it is refused when the program is compiled.
        Call::OnlyBackward { residuals, .. } | Call::Hook { residuals, .. } => {
            let mut args = operands[..*residuals].to_vec();
            for k in *residuals..operands.len() {
                args.push(tangents[k].unwrap_or_else(|| g.constant_like(0.0, operands[k])));
            }
            let results = g.emit_region(Region::Call(call.clone()), &args);
            results.into_iter().map(Some).collect()
        }
        Call::Linear {
            body, residuals, ..
        } => {
            let (fixed, linear) = tangents.split_at(*residuals);
            let mut sums: Vec<Option<NodeId>> = vec![None; body.outputs().len()];
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
                let (program, outputs) = tangent_program(body, &of_fixed);
                let results = inline(g, &program, &with_tangents(operands, &of_fixed));
                for (sum, t) in sums.iter_mut().zip(spread(&outputs, results)) {
                    *sum = match (*sum, t) {
                        (Some(a), Some(b)) => Some(g.add_nodes(a, b)),
                        (a, b) => a.or(b),
                    };
                }
            }
            sums
        }
    }
}

pub(super) fn transpose(
    g: &mut Graph,
    call: &Call,
    operands: &[NodeId],
    linear: &[bool],
    cotangents: &[Option<NodeId>],
) -> Vec<(usize, NodeId)> {
    let or_zeros = |g: &mut Graph, body: &[gradus_ir::Type]| -> Vec<NodeId> {
        let given = cotangents.iter().zip(body);
        given
            .map(|(ct, ty)| {
                let zero = gradus_ir::Literal::from_f64(ty.dtype, 0.0);
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
        _ => {
            let known: Vec<usize> = (0..operands.len()).filter(|&k| !linear[k]).collect();
            let unknown = positions(linear);
            let given = (0..cotangents.len()).filter(|&k| cotangents[k].is_some());
            let given: Vec<usize> = given.collect();
            let order = [known.as_slice(), &unknown].concat();
            let turned = transpose_linear(&reordered(call.body(), &order, &given), known.len());
            let mut args: Vec<NodeId> = known.iter().map(|&k| operands[k]).collect();
            args.extend(cotangents.iter().flatten());
            let again = match call {
                Call::Local(_) => Call::Local(turned.into()),
                _ => Call::Checkpoint(turned.into()),
            };
            let results = g.emit_region(Region::Call(again), &args);
            unknown.into_iter().zip(results).collect()
        }
    }
}

pub(super) fn batch(
    g: &mut Graph,
    call: &Call,
    operands: &[NodeId],
    batched: &[bool],
    n: usize,
) -> Vec<(NodeId, bool)> {
    let all = |count: usize| vec![true; count];
    let plain = |body: &Body| -> (Body, Vec<bool>) {
        let (body, with_axis) = crate::batch(body, n, batched);
        (body.into(), with_axis)
    };
    // Rules must know which of their arguments have the axis: all results have it, and all that is kept.
    let forced = |body: &Body, inputs: &[bool]| -> Body {
        batched_to(body, n, inputs, &all(body.outputs().len())).into()
    };
    let floats = |inputs: &[bool], types: &[gradus_ir::Type]| -> Vec<bool> {
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
        Call::Kept { forward } => {
            let forward = forced(forward, batched);
            let count = forward.outputs().len();
            (Call::Kept { forward }, all(count))
        }
        Call::CustomJvp { body, rule } => {
            let of_tangents = floats(batched, &body.input_types());
            let rule = forced(rule, &[batched, &of_tangents].concat());
            let body = forced(body, batched);
            let count = body.outputs().len();
            (Call::CustomJvp { body, rule }, all(count))
        }
        Call::CustomVjp {
            body,
            forward,
            backward,
        } => {
            let of_cotangents = floats(batched, &body.input_types());
            let backward = forced(backward, &all(backward.inputs().len()));
            // What is one for all rows gets the sum of their cotangents.
            let backward = summed(&backward, &of_cotangents);
            let (body, forward) = (forced(body, batched), forced(forward, batched));
            let count = body.outputs().len();
            let call = Call::CustomVjp {
                body,
                forward,
                backward,
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

fn repeat_all(g: &mut Graph, args: &mut [NodeId], batched: &[bool], n: usize) {
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
    kind: fn(Body) -> Call,
    operands: &[NodeId],
    tangents: &[Option<NodeId>],
) -> Vec<Option<NodeId>> {
    let (program, outputs) = tangent_program(body, tangents);
    if !outputs.contains(&true) {
        return vec![None; outputs.len()];
    }
    let args = with_tangents(operands, tangents);
    let results = g.emit_region(Region::Call(kind(program.into())), &args);
    spread(&outputs, results)
}

/// From operands and tangents to the tangents of the outputs that can have one, which are marked.
fn tangent_program(body: &Graph, tangents: &[Option<NodeId>]) -> (Graph, Vec<bool>) {
    let active: Vec<bool> = tangents.iter().map(Option::is_some).collect();
    let outputs = reached(body, &active);
    (pushed(body, &active, &outputs), outputs)
}

fn with_tangents(operands: &[NodeId], tangents: &[Option<NodeId>]) -> Vec<NodeId> {
    let tangents = tangents.iter().flatten();
    operands.iter().chain(tangents).copied().collect()
}

fn float_outputs(body: &Graph) -> Vec<bool> {
    let types = body.output_types();
    types.iter().map(|t| t.dtype.is_float()).collect()
}

/// The values at the places that are marked.
fn spread(marked: &[bool], values: Vec<NodeId>) -> Vec<Option<NodeId>> {
    let mut values = values.into_iter();
    marked
        .iter()
        .map(|&m| if m { values.next() } else { None })
        .collect()
}
