//! What is cheap to compute again is not kept of each step.

use super::rewrite_regions;
use gradus_ir::primitives::{Loop, Op, Region, Resize, Trips, Work};
use gradus_ir::{Graph, NodeId, ValueId};
use std::collections::HashMap;

/// A value is computed again if that takes at most so many operations of arithmetic an element: about what writing and reading it takes.
const MOST_OPERATIONS: usize = 3;
/// The same for a value of which all steps together take so many bytes that they are written to and read from beyond a core's own cache.
const MOST_OF_LARGE: usize = 8;
const LARGE: usize = 512 << 10;
/// Moving an element to its place in an array made of several counts as so many operations.
const MOVED: usize = 2;

/// A value that a loop keeps of each step only for other loops to read, and that a few operations make of what these can read anyway (other kept values,
/// items, constants), is made by them: a way back then reads less memory, and less is held.
pub(super) fn recompute_kept(graph: &Graph) -> Graph {
    let graph = graph.pruned();
    let read_by_loops = read_by_loops(&graph);
    rewrite_regions(&graph, |out, node, region, operands| match region {
        Region::Loop(r) if !region.has_effects() => {
            let may = |k: usize| read_by_loops[node.operands[k].index()];
            without(out, r, operands, may)
        }
        _ => None,
    })
    .pruned()
}

/// For each value, whether its only uses are as a sequence that a loop reads.
fn read_by_loops(graph: &Graph) -> Vec<bool> {
    let mut only = vec![true; graph.len()];
    for o in graph.outputs() {
        only[o.index()] = false;
    }
    for node in graph.nodes() {
        let first = match node.region().map(|r| &**r) {
            Some(Region::Loop(r)) => r.counts() + r.consts + r.carries,
            _ => node.operands.len(),
        };
        for o in &node.operands[..first] {
            only[o.index()] = false;
        }
    }
    only
}

/// The loop, which computes again what it need not read; `may` says of an operand whether nobody else but loops reads it.
fn without(
    out: &mut Graph,
    r: &Loop,
    operands: &[ValueId],
    may: impl Fn(usize) -> bool,
) -> Option<Vec<ValueId>> {
    let first = r.counts() + r.consts + r.carries;
    // For each sequence that is computed again: the loop that keeps it, and where.
    let mut known: HashMap<NodeId, Vec<bool>> = HashMap::new();
    let again: Vec<Option<(NodeId, usize)>> = (first..operands.len())
        .map(|k| {
            let maker = out.maker_id(operands[k]);
            let keeps = match &**out.node(maker).region()? {
                Region::Loop(keeps) => keeps,
                _ => return None,
            };
            let at = out.result_index(operands[k]).checked_sub(keeps.carries)?;
            if !may(k) || at >= keeps.kept() {
                return None;
            }
            let cheap = known.entry(maker).or_insert_with(|| cheap(keeps));
            cheap[at].then_some((maker, at))
        })
        .collect();
    if again.iter().all(Option::is_none) {
        return None;
    }

    let body = &r.body;
    let mut consts = operands[r.counts()..r.counts() + r.consts].to_vec();
    let mut sequences = Vec::new();
    // For each sequence that is read as before its new place.
    let mut own: Vec<usize> = Vec::new();
    // The leaves of what is computed again, each with the kind and number of the operand that it is.
    let mut leaves: Vec<(NodeId, ValueId, Leaf)> = Vec::new();
    for (k, again) in again.iter().enumerate() {
        let Some((maker, at)) = *again else {
            own.push(sequences.len());
            sequences.push(operands[first + k]);
            continue;
        };
        let Some(Region::Loop(keeps)) = out.node(maker).region().map(|r| (**r).clone()) else {
            unreachable!("it was a loop before")
        };
        let given = out.node(maker).operands.to_vec();
        for (leaf, source) in leaves_of(&keeps, at) {
            if leaves.iter().any(|&(m, l, _)| (m, l) == (maker, leaf)) {
                continue;
            }
            let place = match source {
                Source::Index => Leaf::Index,
                Source::Const(k) => {
                    consts.push(given[keeps.counts() + k]);
                    Leaf::Const(consts.len() - 1)
                }
                Source::Sequence(k) => {
                    sequences.push(given[keeps.counts() + keeps.consts + keeps.carries + k]);
                    Leaf::Sequence(sequences.len() - 1)
                }
                Source::Kept(k) => {
                    sequences.extend(out.node(maker).results().nth(keeps.carries + k));
                    Leaf::Sequence(sequences.len() - 1)
                }
            };
            leaves.push((maker, leaf, place));
        }
    }

    let mut new = Graph::new();
    new.set_loc(out.loc());
    let index = new.input_like(body, body.inputs()[0]);
    let mut input = |out: &Graph, node: ValueId, item: bool| {
        let ty = out.ty(node);
        new.input(match (item, ty.is_list()) {
            (false, _) => ty.clone(),
            (true, true) => ty.item(),
            (true, false) => ty.with_shape(&ty.shape[1..]),
        })
    };
    let carried = &operands[r.counts() + r.consts..first];
    let of_consts: Vec<ValueId> = consts.iter().map(|&o| input(out, o, false)).collect();
    let of_carried: Vec<ValueId> = carried.iter().map(|&o| input(out, o, false)).collect();
    let of_items: Vec<ValueId> = sequences.iter().map(|&o| input(out, o, true)).collect();

    let mut args = vec![index];
    args.extend(&of_consts[..r.consts]);
    args.extend(&of_carried);
    let mut own = own.into_iter().map(|place| of_items[place]);
    for again in again {
        let Some((maker, at)) = again else {
            args.extend(own.next());
            continue;
        };
        let Some(Region::Loop(keeps)) = out.node(maker).region().map(|r| &**r) else {
            unreachable!("it was a loop before")
        };
        let mut map: Vec<Option<ValueId>> = vec![None; keeps.body.len()];
        for &(_, leaf, place) in leaves.iter().filter(|(m, _, _)| *m == maker) {
            map[leaf.index()] = Some(match place {
                Leaf::Index => index,
                Leaf::Const(k) => of_consts[k],
                Leaf::Sequence(k) => of_items[k],
            });
        }
        let value = keeps.body.outputs()[keeps.carries + at];
        keeps.body.copy_into(&mut new, &mut map, &[value], &[]);
        args.extend(map[value.index()]);
    }
    let outputs = match new.inline(body, &args) {
        Ok(outputs) => outputs,
        Err(e) => panic!("recompute_kept: the body does not fit: {e}"),
    };
    new.set_outputs(outputs);
    let shorter = Loop {
        trips: r.trips.clone(),
        reverse: r.reverse,
        consts: consts.len(),
        carries: r.carries,
        body: new.into(),
    };
    let args = [&operands[..r.counts()], &consts, carried, &sequences].concat();
    Some(out.emit_region(Region::Loop(shorter), &args))
}

/// An operand of the loop that computes again.
#[derive(Clone, Copy)]
enum Leaf {
    Index,
    Const(usize),
    Sequence(usize),
}

/// Where another loop finds a value of a step.
enum Source {
    Index,
    Const(usize),
    Sequence(usize),
    Kept(usize),
}

/// For each value that `r` keeps, whether it is computed again rather than read.
fn cheap(r: &Loop) -> Vec<bool> {
    let body = &r.body;
    let kept = &body.outputs()[r.carries..];
    let mut cheap = vec![false; kept.len()];
    let mut order: Vec<usize> = (0..kept.len()).collect();
    // What comes first stays for those after it.
    order.sort_by_key(|&k| kept[k]);
    let mut base = readable(r);
    for k in order {
        let most = match r.trips {
            Trips::Fixed(n) if body.ty(kept[k]).bytes().saturating_mul(n) >= LARGE => MOST_OF_LARGE,
            _ => MOST_OPERATIONS,
        };
        if !base[kept[k].index()] && operations(body, kept[k], &base, most).is_some() {
            cheap[k] = true;
        } else {
            base[kept[k].index()] = true;
        }
    }
    cheap
}

/// The inputs of the body that other loops can have as well.
fn readable(r: &Loop) -> Vec<bool> {
    let inputs = r.body.inputs();
    let mut readable = vec![false; r.body.len()];
    for (k, i) in inputs.iter().enumerate() {
        let carried = (1 + r.consts..1 + r.consts + r.carries).contains(&k);
        readable[i.index()] = !carried;
    }
    readable
}

/// How many operations make `value` of what is in `base`; `None` if it is not possible or takes more than `most`.
fn operations(body: &Graph, value: ValueId, base: &[bool], most: usize) -> Option<usize> {
    let mut seen: Vec<ValueId> = Vec::new();
    let mut open = vec![value];
    let mut count = 0;
    while let Some(id) = open.pop() {
        if seen.contains(&id) || (id != value && base[id.index()]) {
            continue;
        }
        seen.push(id);
        let node = body.maker(id);
        match &node.op {
            Op::Const(_) | Op::Layout(_) => {}
            Op::Resize(Resize::Concat(_)) => count += MOVED,
            Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::Select(_) | Op::Cast(_) => {
                let cost = body.cost(node);
                if !matches!(cost.work, Work::Arithmetic | Work::View) {
                    return None;
                }
                count += (cost.operations as usize).div_ceil(node.ty().elements().max(1));
            }
            _ => return None,
        }
        if count > most || seen.len() > 4 * most {
            return None;
        }
        open.extend(&node.operands);
    }
    Some(count)
}

/// What kept value `at`, which is computed again, is made of, each with where it is found.
fn leaves_of(r: &Loop, at: usize) -> Vec<(ValueId, Source)> {
    let body = &r.body;
    let kept = &body.outputs()[r.carries..];
    let cheap = cheap(r);
    let mut base = readable(r);
    for (k, node) in kept.iter().enumerate() {
        base[node.index()] |= !cheap[k];
    }
    let mut seen: Vec<ValueId> = Vec::new();
    let mut open = vec![kept[at]];
    let mut leaves = Vec::new();
    while let Some(id) = open.pop() {
        if seen.contains(&id) {
            continue;
        }
        seen.push(id);
        if !base[id.index()] {
            open.extend(&body.maker(id).operands);
            continue;
        }
        let input = body.inputs().iter().position(|&i| i == id);
        let kept = (0..kept.len()).find(|&k| kept[k] == id && !cheap[k]);
        let source = match (input, kept) {
            (Some(0), _) => Source::Index,
            (Some(k), _) if k <= r.consts => Source::Const(k - 1),
            (Some(k), _) if k > r.consts + r.carries => {
                Source::Sequence(k - 1 - r.consts - r.carries)
            }
            (_, Some(k)) => Source::Kept(k),
            _ => unreachable!("a leaf is an input or kept"),
        };
        leaves.push((id, source));
    }
    leaves
}
