//! Programs that run where they would not have been: for a row that is done while others go on, or that takes another branch. What could stop the program then is kept from it,
//! and nothing is shown.

use crate::regions::inline;
use gradus_ir::primitives::{Body, Call, Dynamic, Loop, Region, Switch, Trips};
use gradus_ir::{DType, Graph, Literal, Op, Type, ValueId};

/// `body` with two more inputs, whether the row runs it and whether any row does. Where it does not, indices are zero, checks hold, loops with a condition end and nothing is
/// shown; what is computed then counts for nothing.
///
/// `differs` marks the inputs that differ from row to row: what follows from none of them is the same for all rows, and asks whether any row runs it.
pub(super) fn guarded(body: &Graph, differs: &[bool]) -> Graph {
    let bool = Type::scalar(DType::Bool);
    let at = body.inputs().len();
    with_flags(body, differs, at, |g| {
        let runs = g.input(bool.clone());
        (runs, g.input(bool))
    })
}

/// `body` with the inputs that `flags` makes in place `at`: the flag for what differs from row to row, and the one for what does not.
fn with_flags(
    body: &Graph,
    differs: &[bool],
    at: usize,
    flags: impl FnOnce(&mut Graph) -> (ValueId, ValueId),
) -> Graph {
    let sources = body.inputs().iter().zip(differs);
    let sources: Vec<ValueId> = sources.filter(|(_, d)| **d).map(|(&i, _)| i).collect();
    let differs = body.dependents_of(&sources);
    let mut g = Graph::new();
    let mut map: Vec<Option<ValueId>> = vec![None; body.len()];
    let (before, after) = body.inputs().split_at(at);
    for &i in before {
        map[i.index()] = Some(g.input_like(body, i));
    }
    let (of_row, of_any) = flags(&mut g);
    for &i in after {
        map[i.index()] = Some(g.input_like(body, i));
    }
    for node in body.nodes() {
        if let Op::Input(_) = node.op {
            continue;
        }
        let outer = g.set_loc(node.loc);
        let mut operands: Vec<ValueId> = node
            .operands
            .iter()
            .filter_map(|o| map[o.index()])
            .collect();
        let flag = |k: usize| match differs[node.operands[k].index()] {
            true => of_row,
            false => of_any,
        };
        let mut guarded = None;
        match &node.op {
            Op::Gather(_) => {
                operands[1] = or_zeros(&mut g, flag(1), operands[1]);
            }
            Op::Dynamic(which) => {
                let starts = match which {
                    Dynamic::Slice { .. } => 1,
                    Dynamic::Update => 2,
                };
                operands[starts] = or_zeros(&mut g, flag(starts), operands[starts]);
            }
            Op::Probe(_) => {
                let shown = match operands.get(1) {
                    Some(&shown) => {
                        let no = g.constant_like(0.0, shown);
                        choose(&mut g, flag(0), shown, no)
                    }
                    None => flag(0),
                };
                operands.truncate(1);
                operands.push(shown);
            }
            Op::Region(region) if region.may_fail() || region.has_effects() => {
                let varies = node.operands.iter().any(|o| differs[o.index()]);
                let flag = if varies { of_row } else { of_any };
                guarded = Some(guarded_region(&mut g, region, flag, &mut operands));
            }
            _ => {}
        }
        match guarded {
            None => node.note(&mut map, g.add_like(node, &operands)),
            Some(region) => node.note(&mut map, g.emit_region(region, &operands)),
        }
        g.set_loc(outer);
    }
    let outputs = body.outputs().iter().filter_map(|o| map[o.index()]);
    let outputs = outputs.collect();
    g.set_outputs(outputs);
    g
}

/// `x` where the row goes on, else zeros, which every array has an element at.
fn or_zeros(g: &mut Graph, goes_on: ValueId, x: ValueId) -> ValueId {
    let zeros = g.constant_like(0.0, x);
    choose(g, goes_on, x, zeros)
}

fn choose(g: &mut Graph, goes_on: ValueId, x: ValueId, otherwise: ValueId) -> ValueId {
    let shape = g.shape(x).to_vec();
    let condition = g.broadcast(goes_on, &shape, &[]);
    g.select(condition, x, otherwise)
}

/// The region, which gets `goes_on` as an operand more.
fn guarded_region(
    g: &mut Graph,
    region: &Region,
    goes_on: ValueId,
    operands: &mut Vec<ValueId>,
) -> Region {
    // Inside of regions all counts as different from row to row.
    let inside = |body: &Body, at: usize| -> Body {
        let all = vec![true; body.inputs().len()];
        with_flags(body, &all, at, |g| {
            let flag = g.input(Type::scalar(DType::Bool));
            (flag, flag)
        })
        .into()
    };
    let last = operands.len();
    match region {
        Region::Check(_) => {
            let shape = g.shape(operands[0]).to_vec();
            let holds = g.constant(Literal::from_bool(true), &shape);
            operands[0] = choose(g, goes_on, operands[0], holds);
            region.clone()
        }
        Region::Loop(r) => {
            operands.insert(r.counts() + r.consts, goes_on);
            let at = 1 + r.consts;
            let trips = match &r.trips {
                Trips::While(condition) => Trips::While(both(&inside(condition, at), at)),
                other => other.clone(),
            };
            Region::Loop(Loop {
                trips,
                consts: r.consts + 1,
                body: inside(&r.body, at),
                ..r.clone()
            })
        }
        Region::Switch(r) => {
            operands.push(goes_on);
            let branches = r.branches.iter().map(|b| inside(b, last - 1));
            Region::Switch(Switch {
                branches: branches.collect(),
            })
        }
        Region::Call(call) => {
            let call = match call {
                Call::Checkpoint(body) => Call::Checkpoint(inside(body, last)),
                Call::Local(body) => Call::Local(inside(body, last)),
                Call::Stated { body, cost } => Call::Stated {
                    body: inside(body, last),
                    cost: *cost,
                },
                // It is no argument of a rule, but comes with what is fixed.
                Call::CustomJvp { body, rule, fixed } => Call::CustomJvp {
                    body: inside(body, 0),
                    rule: inside(rule, 0),
                    fixed: fixed + 1,
                },
                Call::CustomVjp {
                    body,
                    forward,
                    backward,
                    fixed,
                } => Call::CustomVjp {
                    body: inside(body, 0),
                    forward: inside(forward, 0),
                    backward: backward.clone(),
                    fixed: fixed + 1,
                },
                Call::Linear {
                    body,
                    transpose,
                    residuals,
                } => Call::Linear {
                    body: inside(body, 0),
                    transpose: inside(transpose, 0),
                    residuals: residuals + 1,
                },
                Call::Solve(solve) => {
                    let mut solve = solve.map(|body| inside(body, 0));
                    solve.residuals += 1;
                    Call::Solve(solve)
                }
                Call::OnlyBackward { .. } | Call::Hook { .. } | Call::Undefined { .. } => {
                    return region.clone();
                }
            };
            let place = match call {
                Call::Checkpoint(_) | Call::Local(_) | Call::Stated { .. } => last,
                _ => 0,
            };
            operands.insert(place, goes_on);
            Region::Call(call)
        }
    }
}

/// The condition of a loop that ends where its input `at` does not hold.
fn both(condition: &Body, at: usize) -> Body {
    let mut g = Graph::new();
    let inputs: Vec<ValueId> = condition
        .inputs()
        .iter()
        .map(|&i| g.input_like(condition, i))
        .collect();
    let holds = inline(&mut g, condition, &inputs)[0];
    let no = g.constant(Literal::from_bool(false), &[]);
    let holds = g.select(inputs[at], holds, no);
    g.set_outputs(vec![holds]);
    g.into()
}
