//! Loops that go through what another one kept run together with it.

use gradus_ir::primitives::{Loop, Op, Region, Trips};
use gradus_ir::{Graph, NodeId};

/// Two loops of the same steps in the same order, of which the second reads of the first only what each step kept, become one: the items are handed on
/// within the step, and need not be kept if nobody else reads them. So forward mode through a loop holds no memory that grows with its length.
pub(super) fn fuse_loops(graph: &Graph) -> Graph {
    let mut graph = graph.pruned();
    while let Some((a, b)) = pair(&graph) {
        graph = fused(&graph, a, b).pruned();
    }
    graph
}

fn loop_at(graph: &Graph, id: NodeId) -> Option<&Loop> {
    match graph.region(id).map(|r| &**r) {
        // What bodies show must be shown in its order.
        Some(region) if region.has_effects() => None,
        Some(Region::Loop(r)) => Some(r),
        _ => None,
    }
}

/// Which result of which region `id` is.
fn result_of(graph: &Graph, id: NodeId) -> Option<(NodeId, usize)> {
    let node = graph.node(id);
    match node.op {
        Op::Result { index, .. } => Some((node.operands[0], index as usize)),
        _ => None,
    }
}

/// The number of the result of `first`, the loop at `a`, if `id` is the sequence of what each step kept; what the last step carried out has no item for each step,
/// even where it looks like a sequence.
fn sequence_of(graph: &Graph, a: NodeId, first: &Loop, id: NodeId) -> Option<usize> {
    let (maker, index) = result_of(graph, id)?;
    let kept = first.carries..first.body.outputs().len();
    (maker == a && kept.contains(&index)).then_some(index)
}

/// Two loops that can be one.
fn pair(graph: &Graph) -> Option<(NodeId, NodeId)> {
    graph.ids().find_map(|b| {
        let second = loop_at(graph, b)?;
        let sequences = second.counts() + second.consts + second.carries;
        let operands = &graph.node(b).operands[sequences..];
        operands.iter().find_map(|&o| {
            let (a, _) = result_of(graph, o)?;
            let first = loop_at(graph, a)?;
            sequence_of(graph, a, first, o)?;
            fit(graph, a, first, b, second).then_some((a, b))
        })
    })
}

fn fit(graph: &Graph, a: NodeId, first: &Loop, b: NodeId, second: &Loop) -> bool {
    let operands = &graph.node(b).operands;
    let sequences = second.counts() + second.consts + second.carries;
    let from_first = |o: NodeId| sequence_of(graph, a, first, o).is_some();
    let count = first.carries + first.kept();
    let same_steps = match (&first.trips, &second.trips) {
        (Trips::Fixed(n), Trips::Fixed(m)) => n == m,
        (Trips::Counted, Trips::Counted) => graph.node(a).operands[0] == operands[0],
        // A loop with a condition reads no sequences, so all must be handed on.
        (Trips::While(_), Trips::Counted) => {
            result_of(graph, operands[0]) == Some((a, count))
                && operands[sequences..].iter().all(|&o| from_first(o))
        }
        _ => false,
    };
    if !same_steps || first.reverse != second.reverse {
        return false;
    }
    let later = graph.dependents_of(&[a]);
    operands.iter().enumerate().all(|(k, &o)| {
        let handed_on = k >= sequences && from_first(o);
        !later[o.index()] || handed_on || k < second.counts()
    })
}

fn fused(graph: &Graph, a: NodeId, b: NodeId) -> Graph {
    let (Some(first), Some(second)) = (loop_at(graph, a), loop_at(graph, b)) else {
        unreachable!("the pair is of loops")
    };
    let (of_first, of_second) = (Parts::new(graph, a, first), Parts::new(graph, b, second));
    let handed_on = |o: NodeId| sequence_of(graph, a, first, o);
    let read: Vec<NodeId> = of_second
        .sequences
        .iter()
        .copied()
        .filter(|&o| handed_on(o).is_none())
        .collect();

    let mut body = Graph::new();
    body.set_loc(graph.node(b).loc);
    let mut input = |program: &Graph, range: std::ops::Range<usize>| -> Vec<NodeId> {
        let inputs = program.inputs()[range].iter();
        inputs.map(|&i| body.input_like(program, i)).collect()
    };
    let (p, q) = (&first.body, &second.body);
    let index = input(p, 0..1);
    let consts = [
        input(p, 1..1 + first.consts),
        input(q, 1..1 + second.consts),
    ];
    let carries = [
        input(p, 1 + first.consts..1 + first.consts + first.carries),
        input(q, 1 + second.consts..1 + second.consts + second.carries),
    ];
    let own = input(p, 1 + first.consts + first.carries..p.inputs().len());
    let from = 1 + second.consts + second.carries;
    let mut items = Vec::new();
    for (k, &o) in of_second.sequences.iter().enumerate() {
        if handed_on(o).is_none() {
            items.extend(input(q, from + k..from + k + 1));
        }
    }
    let mut items = items.into_iter();
    let args = [&index[..], &consts[0], &carries[0], &own].concat();
    let results = inline(&mut body, p, &args);
    let mut args = [&index[..], &consts[1], &carries[1]].concat();
    for &o in &of_second.sequences {
        args.extend(match handed_on(o) {
            Some(index) => Some(results[index]),
            None => items.next(),
        });
    }
    let more = inline(&mut body, q, &args);
    let (out_a, kept_a) = results.split_at(first.carries);
    let (out_b, kept_b) = more.split_at(second.carries);
    body.set_outputs([out_a, out_b, kept_a, kept_b].concat());

    let trips = match &first.trips {
        Trips::While(condition) => {
            let mut longer = Graph::new();
            let inputs: Vec<NodeId> = body
                .inputs()
                .iter()
                .map(|&i| longer.input_like(&body, i))
                .collect();
            let all = first.consts + second.consts;
            let args = [
                &inputs[..1 + first.consts],
                &inputs[1 + all..1 + all + first.carries],
            ]
            .concat();
            let outputs = inline(&mut longer, condition, &args);
            longer.set_outputs(outputs);
            Trips::While(longer.into())
        }
        other => other.clone(),
    };
    let together = Loop {
        trips,
        reverse: first.reverse,
        consts: first.consts + second.consts,
        carries: first.carries + second.carries,
        body: body.into(),
    };

    // All that either loop is given comes first, then what follows from them.
    let mut out = Graph::new();
    let mut map: Vec<Option<NodeId>> = vec![None; graph.len()];
    for &i in graph.inputs() {
        map[i.index()] = Some(out.input_like(graph, i));
    }
    let operands = [
        of_first.count,
        of_first.consts,
        of_second.consts,
        of_first.carries,
        of_second.carries,
        of_first.sequences,
        read,
    ]
    .concat();
    // What shows something before the loops still does.
    let earlier = graph.effects().filter(|&e| e < a);
    let roots: Vec<NodeId> = operands.iter().copied().chain(earlier).collect();
    graph.copy_into(&mut out, &mut map, &roots);
    let args: Vec<NodeId> = operands.iter().filter_map(|o| map[o.index()]).collect();
    out.set_loc(graph.node(a).loc);
    let all = out.emit_region(Region::Loop(together), &args);
    let carries = first.carries + second.carries;
    for id in graph.ids() {
        let Some((maker, index)) = result_of(graph, id) else {
            continue;
        };
        let place = if maker == a {
            match index {
                k if k < first.carries => k,
                k if k < p.outputs().len() => carries + k - first.carries,
                _ => all.len() - 1,
            }
        } else if maker == b {
            match index {
                k if k < second.carries => first.carries + k,
                k => carries + first.kept() + k - second.carries,
            }
        } else {
            continue;
        };
        map[id.index()] = Some(all[place]);
    }
    let roots: Vec<NodeId> = graph
        .outputs()
        .iter()
        .copied()
        .chain(graph.effects())
        .collect();
    graph.copy_into(&mut out, &mut map, &roots);
    let outputs = graph.outputs().iter().filter_map(|o| map[o.index()]);
    let outputs = outputs.collect();
    out.set_outputs(outputs);
    out
}

/// The operands of a loop by kind.
struct Parts {
    count: Vec<NodeId>,
    consts: Vec<NodeId>,
    carries: Vec<NodeId>,
    sequences: Vec<NodeId>,
}

impl Parts {
    fn new(graph: &Graph, id: NodeId, r: &Loop) -> Parts {
        let operands = &graph.node(id).operands;
        let (count, rest) = operands.split_at(r.counts());
        let (consts, rest) = rest.split_at(r.consts);
        let (carries, sequences) = rest.split_at(r.carries);
        Parts {
            count: count.to_vec(),
            consts: consts.to_vec(),
            carries: carries.to_vec(),
            sequences: sequences.to_vec(),
        }
    }
}

fn inline(g: &mut Graph, body: &Graph, args: &[NodeId]) -> Vec<NodeId> {
    match g.inline(body, args) {
        Ok(outputs) => outputs,
        Err(e) => panic!("fuse_loops: a body does not fit its loop: {e}"),
    }
}
