//! Loops that go through what another one kept run together with it.

use gradus_ir::primitives::{Loop, Region, Trips};
use gradus_ir::{Graph, NodeId, ValueId};

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
    match graph.node(id).region().map(|r| &**r) {
        // What bodies show must be shown in its order.
        Some(region) if region.has_effects() => None,
        Some(Region::Loop(r)) => Some(r),
        _ => None,
    }
}

/// The number of the result of `first`, the loop at `a`, if `id` is the sequence of what each step kept; what the last step carried out has no item for each step,
/// even where it looks like a sequence.
fn sequence_of(graph: &Graph, a: NodeId, first: &Loop, id: ValueId) -> Option<usize> {
    let (maker, index) = (graph.maker_id(id), graph.result_index(id));
    let kept = first.carries..first.body.outputs().len();
    (maker == a && kept.contains(&index)).then_some(index)
}

/// Two loops that can be one.
fn pair(graph: &Graph) -> Option<(NodeId, NodeId)> {
    graph.node_ids().find_map(|b| {
        let second = loop_at(graph, b)?;
        let sequences = second.counts() + second.consts + second.carries;
        let operands = &graph.node(b).operands[sequences..];
        operands.iter().find_map(|&o| {
            let a = graph.maker_id(o);
            let first = loop_at(graph, a)?;
            sequence_of(graph, a, first, o)?;
            fit(graph, a, first, b, second).then_some((a, b))
        })
    })
}

fn fit(graph: &Graph, a: NodeId, first: &Loop, b: NodeId, second: &Loop) -> bool {
    let operands = &graph.node(b).operands;
    let sequences = second.counts() + second.consts + second.carries;
    let from_first = |o: ValueId| sequence_of(graph, a, first, o).is_some();
    let count = first.carries + first.kept();
    let same_steps = match (&first.trips, &second.trips) {
        (Trips::Fixed(n), Trips::Fixed(m)) => n == m,
        (Trips::Counted, Trips::Counted) => graph.node(a).operands[0] == operands[0],
        // A loop with a condition reads no sequences, so all must be handed on.
        (Trips::While(_), Trips::Counted) => {
            (graph.maker_id(operands[0]), graph.result_index(operands[0])) == (a, count)
                && operands[sequences..].iter().all(|&o| from_first(o))
        }
        _ => false,
    };
    if !same_steps || first.reverse != second.reverse {
        return false;
    }
    let results: Vec<ValueId> = graph.node(a).results().collect();
    let later = graph.dependents_of(&results);
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
    let handed_on = |o: ValueId| sequence_of(graph, a, first, o);
    let read: Vec<ValueId> = of_second
        .sequences
        .iter()
        .copied()
        .filter(|&o| handed_on(o).is_none())
        .collect();

    let mut body = Graph::new();
    body.set_loc(graph.node(b).loc);
    let mut input = |program: &Graph, range: std::ops::Range<usize>| -> Vec<ValueId> {
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
            let inputs: Vec<ValueId> = body
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
    let mut map: Vec<Option<ValueId>> = vec![None; graph.len()];
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
    let (earlier, rest): (Vec<NodeId>, Vec<NodeId>) = graph.effects().partition(|&e| e < a);
    graph.copy_into(&mut out, &mut map, &operands, &earlier);
    let args: Vec<ValueId> = operands.iter().filter_map(|o| map[o.index()]).collect();
    out.set_loc(graph.node(a).loc);
    let all = out.emit_region(Region::Loop(together), &args);
    let carries = first.carries + second.carries;
    for (index, v) in graph.node(a).results().enumerate() {
        map[v.index()] = Some(match index {
            k if k < first.carries => all[k],
            k if k < p.outputs().len() => all[carries + k - first.carries],
            _ => all[all.len() - 1],
        });
    }
    for (index, v) in graph.node(b).results().enumerate() {
        map[v.index()] = Some(match index {
            k if k < second.carries => all[first.carries + k],
            k => all[carries + first.kept() + k - second.carries],
        });
    }
    graph.copy_into(&mut out, &mut map, graph.outputs(), &rest);
    let outputs = graph.outputs().iter().filter_map(|o| map[o.index()]);
    let outputs = outputs.collect();
    out.set_outputs(outputs);
    out
}

/// The operands of a loop by kind.
struct Parts {
    count: Vec<ValueId>,
    consts: Vec<ValueId>,
    carries: Vec<ValueId>,
    sequences: Vec<ValueId>,
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

fn inline(g: &mut Graph, body: &Graph, args: &[ValueId]) -> Vec<ValueId> {
    match g.inline(body, args) {
        Ok(outputs) => outputs,
        Err(e) => panic!("fuse_loops: a body does not fit its loop: {e}"),
    }
}
