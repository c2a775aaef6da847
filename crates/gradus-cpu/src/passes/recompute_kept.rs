//! Recomputes values that are cheap to compute instead of keeping them for each step.

use super::rewrite_regions;
use gradus_ir::primitives::region::{Handle, Inputs, LoopBuilder};
use gradus_ir::primitives::{Body, Loop, Op, Region, Resize, Trips, Work};
use gradus_ir::{Graph, NodeId, ValueId};
use std::collections::HashMap;

/// The most operations of arithmetic per element for which a value is recomputed:
/// about the cost of writing and reading it.
const MOST_OPERATIONS: usize = 3;
/// The same for a value whose sequence is too large for a core's own cache.
const MOST_OF_LARGE: usize = 8;
const LARGE: usize = 512 << 10;
/// The operations that moving an element to its position in an assembled array counts as.
const MOVED: usize = 2;

/// If a loop keeps a value of each step only for other loops, and these can compute it with a few operations from
/// other values that they can read (other kept values, items, constants), they compute it themselves.
/// A backward pass then reads and holds less memory.
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
            Some(Region::Loop(r)) => r.operands().sequences.start,
            _ => node.operands.len(),
        };
        for o in &node.operands[..first] {
            only[o.index()] = false;
        }
    }
    only
}

/// The results of `r`, which computes items again instead of reading them; `None` if there are none to compute.
/// `may` says whether only loops read an operand.
fn without(
    out: &mut Graph,
    r: &Loop,
    operands: &[ValueId],
    may: impl Fn(usize) -> bool,
) -> Option<Vec<ValueId>> {
    let again = computed_again(out, r, operands, may);
    if again.iter().all(Option::is_none) {
        return None;
    }
    let places = r.operands();
    let mut shorter = LoopBuilder::like(r, r.count().map(|count| operands[count]));
    let mut handles = vec![Handle::INDEX];
    handles.extend(operands[places.consts].iter().map(|&o| shorter.constant(o)));
    handles.extend(operands[places.carries].iter().map(|&o| shorter.carry(o)));
    let mut leaves = Leaves::default();
    let items = operands[places.sequences].iter().zip(again);
    let items: Vec<Item> = items
        .map(|(&sequence, again)| match again {
            None => Item::Read(shorter.sequence(sequence)),
            Some(kept) => {
                leaves.add(out, &mut shorter, kept);
                Item::Again(kept)
            }
        })
        .collect();
    let makers: Vec<Body> = items
        .iter()
        .map(|item| match item {
            Item::Again(kept) => keeper(out, kept.maker).body.clone(),
            Item::Read(_) => r.body.clone(),
        })
        .collect();
    let results = shorter.emit_while(
        out,
        |_, _| unreachable!("a loop with a condition reads no sequences"),
        |g, inputs| {
            let mut args = inputs.all(&handles);
            for (item, maker) in items.iter().zip(&makers) {
                args.push(match item {
                    Item::Read(handle) => inputs[*handle],
                    Item::Again(kept) => leaves.compute(g, inputs, *kept, maker),
                });
            }
            g.emit_inline(&r.body, &args)
        },
    );
    Some(results)
}

/// An item that a loop keeps of each step.
#[derive(Clone, Copy)]
struct KeptItem {
    maker: NodeId,
    /// The output of the loop's body.
    output: usize,
}

/// The source of an item in a step.
enum Item {
    /// A sequence.
    Read(Handle),
    /// A recomputation.
    Again(KeptItem),
}

/// For each sequence that `r` reads, the item that it computes again instead, if any.
fn computed_again(
    out: &Graph,
    r: &Loop,
    operands: &[ValueId],
    may: impl Fn(usize) -> bool,
) -> Vec<Option<KeptItem>> {
    let mut known: HashMap<NodeId, Vec<bool>> = HashMap::new();
    let sequences = r.operands().sequences;
    let again = sequences.map(|k| {
        let maker = out.maker_id(operands[k]);
        let Region::Loop(keeps) = &**out.node(maker).region()? else {
            return None;
        };
        let output = out.result_index(operands[k]);
        let kept = keeps.outputs().kept;
        if !may(k) || !kept.contains(&output) {
            return None;
        }
        let cheap = known.entry(maker).or_insert_with(|| cheap(keeps));
        cheap[output - kept.start].then_some(KeptItem { maker, output })
    });
    again.collect()
}

/// The loop that keeps an item.
fn keeper(g: &Graph, maker: NodeId) -> &Loop {
    match g.node(maker).region().map(|r| &**r) {
        Some(Region::Loop(r)) => r,
        _ => unreachable!("a loop keeps it"),
    }
}

/// The values from which items are computed, with their handles in the loop that computes the items.
#[derive(Default)]
struct Leaves(Vec<(NodeId, ValueId, Handle)>);

impl Leaves {
    /// Brings the values that the item needs into the loop.
    fn add(&mut self, out: &Graph, into: &mut LoopBuilder, item: KeptItem) {
        let keeps = keeper(out, item.maker);
        let given = &out.node(item.maker).operands;
        for (leaf, source) in leaves_of(keeps, item.output) {
            if self.0.iter().any(|&(m, l, _)| (m, l) == (item.maker, leaf)) {
                continue;
            }
            let operand = |k: usize| keeps.operand_of(k).map(|k| given[k]);
            let handle = match source {
                Source::Index => Some(Handle::INDEX),
                Source::Const(k) => operand(k).map(|o| into.constant(o)),
                Source::Sequence(k) => operand(k).map(|o| into.sequence(o)),
                Source::Kept(k) => {
                    let kept = out.node(item.maker).results().nth(k);
                    kept.map(|kept| into.sequence(kept))
                }
            };
            let handle = handle.expect("an operand or a result of the loop");
            self.0.push((item.maker, leaf, handle));
        }
    }

    /// Appends the item; `maker` is the body that computes it.
    fn compute(&self, g: &mut Graph, inputs: &Inputs, item: KeptItem, maker: &Body) -> ValueId {
        let mut map: Vec<Option<ValueId>> = vec![None; maker.len()];
        for &(_, leaf, handle) in self.0.iter().filter(|(m, _, _)| *m == item.maker) {
            map[leaf.index()] = Some(inputs[handle]);
        }
        let value = maker.outputs()[item.output];
        maker.copy_into(g, &mut map, &[value], &[]);
        map[value.index()].expect("it was computed")
    }
}

/// The source of a step's value for another loop.
enum Source {
    Index,
    /// This input of the body, a constant.
    Const(usize),
    /// This input of the body, an item of a sequence.
    Sequence(usize),
    /// This output of the body, a kept value.
    Kept(usize),
}

/// For each value that `r` keeps, whether it is computed again rather than read.
fn cheap(r: &Loop) -> Vec<bool> {
    let body = &r.body;
    let kept = &body.outputs()[r.outputs().kept];
    let mut cheap = vec![false; kept.len()];
    let mut order: Vec<usize> = (0..kept.len()).collect();
    // Earlier values stay available for later ones.
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

/// The inputs of the body that other loops can also read.
fn readable(r: &Loop) -> Vec<bool> {
    let carries = r.inputs().carries;
    let mut readable = vec![false; r.body.len()];
    for (k, i) in r.body.inputs().iter().enumerate() {
        readable[i.index()] = !carries.contains(&k);
    }
    readable
}

/// The number of operations that compute `value` from values in `base`;
/// `None` if it is impossible or takes more than `most`.
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

/// The values from which the recomputed `output` is made, each with its source for another loop.
fn leaves_of(r: &Loop, output: usize) -> Vec<(ValueId, Source)> {
    let body = &r.body;
    let (places, kept) = (r.inputs(), r.outputs().kept);
    let cheap = cheap(r);
    let mut base = readable(r);
    for (k, &cheap) in kept.clone().zip(&cheap) {
        base[body.outputs()[k].index()] |= !cheap;
    }
    let mut seen: Vec<ValueId> = Vec::new();
    let mut open = vec![body.outputs()[output]];
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
        let mut stays = kept.clone().zip(&cheap);
        let stays = stays.find(|&(k, &cheap)| body.outputs()[k] == id && !cheap);
        let source = match (input, stays) {
            (Some(Loop::INDEX), _) => Source::Index,
            (Some(k), _) if places.consts.contains(&k) => Source::Const(k),
            (Some(k), _) if places.sequences.contains(&k) => Source::Sequence(k),
            (_, Some((k, _))) => Source::Kept(k),
            _ => unreachable!("a leaf is an input or kept"),
        };
        leaves.push((id, source));
    }
    leaves
}
