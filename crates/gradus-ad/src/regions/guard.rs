//! Programs that may be run where they would not have been: for a row that is done while others go on. What could stop the program then is kept from it.

use crate::regions::inline;
use gradus_ir::primitives::{Body, Call, Dynamic, Loop, Region, Switch, Trips};
use gradus_ir::{DType, Graph, Literal, NodeId, Op, Type};

/// `body` with one more input in place `at`, whether the row goes on. Where it does not, indices are zero, checks hold and loops with a condition end; what is
/// computed then counts for nothing.
///
/// `differs` marks the inputs that differ from row to row: what follows from none of them is what a row that goes on computes as well, and stays.
pub(super) fn guarded(body: &Graph, differs: &[bool], at: usize) -> Graph {
    let sources = body.inputs().iter().zip(differs);
    let sources: Vec<NodeId> = sources.filter(|(_, d)| **d).map(|(&i, _)| i).collect();
    let differs = body.dependents_of(&sources);
    let mut g = Graph::new();
    let mut map: Vec<Option<NodeId>> = vec![None; body.len()];
    let (before, after) = body.inputs().split_at(at);
    for &i in before {
        map[i.index()] = Some(g.input_like(body, i));
    }
    let goes_on = g.input(Type::scalar(DType::Bool));
    for &i in after {
        map[i.index()] = Some(g.input_like(body, i));
    }
    for id in body.ids() {
        let node = body.node(id);
        if let Op::Input(_) = node.op {
            continue;
        }
        let outer = g.set_loc(node.loc);
        let mut operands: Vec<NodeId> = node
            .operands
            .iter()
            .filter_map(|o| map[o.index()])
            .collect();
        let varies = |k: usize| differs[node.operands[k].index()];
        let mut op = node.op.clone();
        match &node.op {
            Op::Gather(_) if varies(1) => {
                operands[1] = or_zeros(&mut g, goes_on, operands[1]);
            }
            Op::Dynamic(which) => {
                let starts = match which {
                    Dynamic::Slice { .. } => 1,
                    Dynamic::Update => 2,
                };
                if varies(starts) {
                    operands[starts] = or_zeros(&mut g, goes_on, operands[starts]);
                }
            }
            Op::Region(region) if region.may_fail() && (0..operands.len()).any(varies) => {
                op = Op::Region(guarded_region(&mut g, region, goes_on, &mut operands).into());
            }
            _ => {}
        }
        map[id.index()] = Some(match op == node.op {
            true => g.add_like(node, &operands),
            false => g.emit(op, &operands),
        });
        g.set_loc(outer);
    }
    let outputs = body.outputs().iter().filter_map(|o| map[o.index()]);
    let outputs = outputs.collect();
    g.set_outputs(outputs);
    g
}

/// `x` where the row goes on, else zeros, which every array has an element at.
fn or_zeros(g: &mut Graph, goes_on: NodeId, x: NodeId) -> NodeId {
    let zeros = g.constant_like(0.0, x);
    choose(g, goes_on, x, zeros)
}

fn choose(g: &mut Graph, goes_on: NodeId, x: NodeId, otherwise: NodeId) -> NodeId {
    let shape = g.shape(x).to_vec();
    let condition = g.broadcast(goes_on, &shape, &[]);
    g.select(condition, x, otherwise)
}

/// The region, which gets `goes_on` as an operand more.
fn guarded_region(
    g: &mut Graph,
    region: &Region,
    goes_on: NodeId,
    operands: &mut Vec<NodeId>,
) -> Region {
    // Inside of regions all counts as different from row to row.
    let inside = |body: &Body, at: usize| -> Body {
        guarded(body, &vec![true; body.inputs().len()], at).into()
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
    let inputs: Vec<NodeId> = condition
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
