//! Fuses loops that read the sequences of another loop with that loop.

use gradus_ir::primitives::region::{Handle, LoopBuilder};
use gradus_ir::primitives::{Loop, Region, Trips};
use gradus_ir::{Graph, NodeId, ValueId};

/// Two loops of the same steps in the same order become one if the second reads
/// from the first only items that each step kept.
/// The items are passed on within the step, and are not kept if nothing else reads them.
/// So forward mode through a loop holds no memory that grows with its length.
pub(super) fn fuse_loops(graph: &Graph) -> Graph {
    let mut graph = graph.pruned();
    while let Some(pair) = pair(&graph) {
        let fused = pair.fused(&graph);
        graph = fused.pruned();
    }
    graph
}

/// Two loops that can be fused.
struct Pair<'a> {
    first: Placed<'a>,
    second: Placed<'a>,
}

/// A loop and its node.
#[derive(Clone, Copy)]
struct Placed<'a> {
    id: NodeId,
    r: &'a Loop,
    operands: &'a [ValueId],
}

impl<'a> Placed<'a> {
    fn new(graph: &'a Graph, id: NodeId) -> Option<Placed<'a>> {
        let node = graph.node(id);
        match node.region().map(|r| &**r) {
            // Values that bodies show must be shown in program order.
            Some(region) if region.has_effects() => None,
            Some(Region::Loop(r)) => Some(Placed {
                id,
                r,
                operands: &node.operands,
            }),
            _ => None,
        }
    }

    fn sequences(self) -> &'a [ValueId] {
        &self.operands[self.r.operands().sequences]
    }

    /// The number of the result, if `id` is a sequence of items that each step kept.
    /// A carry of the last step has no item for each step, even if it looks like a sequence.
    fn kept(self, graph: &Graph, id: ValueId) -> Option<usize> {
        let (maker, index) = (graph.maker_id(id), graph.result_index(id));
        (maker == self.id && self.r.outputs().kept.contains(&index)).then_some(index)
    }
}

fn pair(graph: &Graph) -> Option<Pair<'_>> {
    graph.node_ids().find_map(|id| {
        let second = Placed::new(graph, id)?;
        second.sequences().iter().find_map(|&o| {
            let first = Placed::new(graph, graph.maker_id(o))?;
            first.kept(graph, o)?;
            let pair = Pair { first, second };
            pair.fits(graph).then_some(pair)
        })
    })
}

impl Pair<'_> {
    fn fits(&self, graph: &Graph) -> bool {
        let (first, second) = (self.first, self.second);
        let count = |placed: Placed<'_>| placed.r.count().map(|count| placed.operands[count]);
        let from_first = |o: ValueId| first.kept(graph, o).is_some();
        let same_steps = match (&first.r.trips, &second.r.trips) {
            (Trips::Fixed(n), Trips::Fixed(m)) => n == m,
            (Trips::Counted, Trips::Counted) => count(first) == count(second),
            // A loop with a condition reads no sequences, so all must be passed on.
            (Trips::While(_), Trips::Counted) => {
                let made = |count| (graph.maker_id(count), Some(graph.result_index(count)));
                count(second).map(made) == Some((first.id, first.r.steps()))
                    && second.sequences().iter().all(|&o| from_first(o))
            }
            _ => false,
        };
        if !same_steps || first.r.reverse != second.r.reverse {
            return false;
        }
        let results: Vec<ValueId> = graph.node(first.id).results().collect();
        let later = graph.dependents_of(&results);
        let places = second.r.operands();
        second.operands.iter().enumerate().all(|(k, &o)| {
            let handed_on = places.sequences.contains(&k) && from_first(o);
            !later[o.index()] || handed_on || Some(k) == second.r.count()
        })
    }

    fn fused(&self, graph: &Graph) -> Graph {
        let (first, second) = (self.first, self.second);
        // The operands of both loops come first, then everything that follows from the loops.
        let mut out = Graph::new();
        let mut map: Vec<Option<ValueId>> = vec![None; graph.len()];
        for &i in graph.inputs() {
            map[i.index()] = Some(out.input_like(graph, i));
        }
        let given = self.operands(graph);
        // Effects before the loops stay before them.
        let (earlier, rest): (Vec<NodeId>, Vec<NodeId>) =
            graph.effects().partition(|&e| e < first.id);
        graph.copy_into(&mut out, &mut map, &given, &earlier);

        out.set_loc(graph.node(second.id).loc);
        let (builder, together) = self.builder(graph, &map);
        let mut all = together
            .emit(builder, first.r, second.r, &mut out)
            .into_iter();
        // The results: carries of both, then kept items of both, then the number of steps.
        let of_first = graph.node(first.id).results();
        let of_second = graph.node(second.id).results();
        let (a, b) = (first.r.outputs(), second.r.outputs());
        let mut note = |results: &mut dyn Iterator<Item = ValueId>, count: usize| {
            for (v, new) in results.take(count).zip(all.by_ref()) {
                map[v.index()] = Some(new);
            }
        };
        let (mut of_first, mut of_second) = (of_first, of_second);
        note(&mut of_first, a.carries.len());
        note(&mut of_second, b.carries.len());
        note(&mut of_first, a.kept.len());
        note(&mut of_second, b.kept.len());
        note(&mut of_first, 1);

        graph.copy_into(&mut out, &mut map, graph.outputs(), &rest);
        let outputs = graph.outputs().iter().filter_map(|o| map[o.index()]);
        let outputs = outputs.collect();
        out.set_outputs(outputs);
        out
    }

    /// The operands of the fused loop, grouped by kind.
    fn operands(&self, graph: &Graph) -> Vec<ValueId> {
        let (a, b) = (self.first.r.operands(), self.second.r.operands());
        let (first, second) = (self.first.operands, self.second.operands);
        let count = self.first.r.count().map(|count| first[count]);
        let read = self.second.sequences().iter().copied();
        let read = read.filter(|&o| self.first.kept(graph, o).is_none());
        let kinds = [
            &first[a.consts],
            &second[b.consts],
            &first[a.carries],
            &second[b.carries],
            &first[a.sequences],
        ];
        count
            .into_iter()
            .chain(kinds.concat())
            .chain(read)
            .collect()
    }

    /// The fused loop with its operands, which `map` gives in the new program.
    fn builder(&self, graph: &Graph, map: &[Option<ValueId>]) -> (LoopBuilder, Together) {
        let (first, second) = (self.first, self.second);
        let (a, b) = (first.r.operands(), second.r.operands());
        let new = |o: &ValueId| map[o.index()].expect("operands were copied");
        let count = first.r.count().map(|count| new(&first.operands[count]));
        let mut builder = LoopBuilder::like(first.r, count);
        let mut constants = |from: &[ValueId]| -> Vec<Handle> {
            from.iter().map(|o| builder.constant(new(o))).collect()
        };
        let consts = [
            constants(&first.operands[a.consts]),
            constants(&second.operands[b.consts]),
        ];
        let mut carries = |from: &[ValueId]| -> Vec<Handle> {
            from.iter().map(|o| builder.carry(new(o))).collect()
        };
        let carries = [
            carries(&first.operands[a.carries]),
            carries(&second.operands[b.carries]),
        ];
        let own = first.sequences().iter().map(|o| builder.sequence(new(o)));
        let own: Vec<Handle> = own.collect();
        let items = second
            .sequences()
            .iter()
            .map(|o| match first.kept(graph, *o) {
                Some(index) => Item::HandedOn(index),
                None => Item::Read(builder.sequence(new(o))),
            });
        let items = items.collect();
        let together = Together {
            consts,
            carries,
            own,
            items,
        };
        (builder, together)
    }
}

/// The inputs of the two bodies in the fused body.
struct Together {
    consts: [Vec<Handle>; 2],
    carries: [Vec<Handle>; 2],
    /// Items that the first loop reads.
    own: Vec<Handle>,
    /// Items that the second loop reads.
    items: Vec<Item>,
}

enum Item {
    /// This output of the first body.
    HandedOn(usize),
    /// An item of a sequence.
    Read(Handle),
}

impl Together {
    fn emit(
        &self,
        builder: LoopBuilder,
        first: &Loop,
        second: &Loop,
        out: &mut Graph,
    ) -> Vec<ValueId> {
        let entering = |k: usize| {
            let index = std::iter::once(&Handle::INDEX);
            index.chain(&self.consts[k]).chain(&self.carries[k])
        };
        builder.emit_while(
            out,
            |g, inputs| match &first.trips {
                Trips::While(condition) => g.emit_inline(condition, &inputs.all(entering(0)))[0],
                _ => unreachable!("it has no condition"),
            },
            |g, inputs| {
                let args = inputs.all(entering(0).chain(&self.own));
                let results = g.emit_inline(&first.body, &args);
                let mut args = inputs.all(entering(1));
                args.extend(self.items.iter().map(|item| match *item {
                    Item::HandedOn(index) => results[index],
                    Item::Read(handle) => inputs[handle],
                }));
                let more = g.emit_inline(&second.body, &args);
                let (carried, kept) = results.split_at(first.outputs().kept.start);
                let (carried_too, kept_too) = more.split_at(second.outputs().kept.start);
                [carried, carried_too, kept, kept_too].concat()
            },
        )
    }
}
