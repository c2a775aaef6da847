//! A region that computes everything that another one computes, and more, replaces it.

use crate::graph::{Graph, Node, NodeId, Operands, ValueId, Values};
use crate::primitives::{Backward, Body, Loop, Op, Region, Switch, Trips};
use smallvec::SmallVec;
use std::collections::HashMap;

impl Graph {
    /// This program without regions that another region on the same operands covers: the other one computes all
    /// their results and more. Derivatives make such regions, which also keep residuals.
    /// The larger regions have no effects; the region that replaces both has the effects of the smaller one.
    pub fn merged(self) -> Graph {
        let taken = self.taken_places();
        if taken.is_empty() {
            return self;
        }
        let mut g = Graph::new();
        let mut map: Vec<Option<ValueId>> = vec![None; self.len()];
        let live = self.live();
        for (id, node) in self.node_ids().zip(self.nodes()) {
            if let Op::Input(_) = node.op {
                map[node.result().index()] = Some(g.input_like(&self, node.result()));
                continue;
            }
            let takes = taken.values().any(|(by, _)| *by == id);
            if takes && node.results().all(|v| map[v.index()].is_some()) {
                // It exists already, in place of an earlier one.
                continue;
            }
            if !node.runs(&live) && !takes {
                continue;
            }
            let outer = g.set_loc(node.loc);
            let operands: Vec<ValueId> = node
                .operands
                .iter()
                .filter_map(|o| map[o.index()])
                .collect();
            match taken.get(&id) {
                Some((by, region)) => {
                    let all = g.emit_region(region.clone(), &operands);
                    for (k, v) in node.results().enumerate() {
                        // The number of steps stays last.
                        let found = match node.region().is_some_and(|r| is_count(r, k)) {
                            true => all[all.len() - 1],
                            false => all[k],
                        };
                        debug_assert_eq!(g.ty(found), self.ty(v));
                        map[v.index()] = Some(found);
                    }
                    self.node(*by).note(&mut map, all);
                }
                None => {
                    let made = g.add_like(node, &operands);
                    node.note(&mut map, made);
                }
            }
            g.set_loc(outer);
        }
        let outputs = self.outputs().iter();
        let outputs = outputs.map(|o| map[o.index()].expect("outputs are live"));
        g.set_outputs(outputs.collect());
        // The users of merged regions can become mergeable themselves.
        g.merged()
    }

    /// For each region that another one covers, the other one, and the region that replaces both.
    fn taken_places(&self) -> HashMap<NodeId, (NodeId, Region)> {
        let live = self.live();
        let regions: Vec<NodeId> = self
            .node_ids()
            .filter(|&id| {
                let node = self.node(id);
                node.region().is_some() && node.runs(&live)
            })
            .collect();
        let mut taken: HashMap<NodeId, (NodeId, Region)> = HashMap::new();
        for (k, &id) in regions.iter().enumerate() {
            // A region and its replacement are taken together or not at all.
            let is_free = |taken: &HashMap<NodeId, (NodeId, Region)>, by: NodeId| {
                !taken.contains_key(&by) && !taken.values().any(|(b, _)| *b == by)
            };
            let join = |by: NodeId| Some((by, self.joined(by, id)?));
            let joined = if self.node(id).op.backward() > Backward::Derived {
                // Equal calls stay separate.
                // A call that keeps more is the derivative's own copy,
                // and these copies come in the order of their originals.
                let mut later = regions[k + 1..].iter().copied();
                later.find_map(|by| match is_free(&taken, by) && self.keeps_more(by, id) {
                    true => join(by),
                    false => None,
                })
            } else {
                let later = regions[k + 1..].iter().rev().copied();
                { later }.find_map(join)
            };
            if let Some((by, region)) = joined
                && is_free(&taken, by)
            {
                taken.insert(id, (by, region));
            }
        }
        taken
    }

    /// Whether the region `more` has more results than `less`.
    fn keeps_more(&self, more: NodeId, less: NodeId) -> bool {
        self.node(more).types().len() > self.node(less).types().len()
    }

    /// The region that replaces `more` and `less`, if the results of `less` are the first results of `more`.
    fn joined(&self, more: NodeId, less: NodeId) -> Option<Region> {
        let operands = |id: NodeId| self.node(id).operands.iter().map(|&o| self.shown(o));
        match operands(more).eq(operands(less)) {
            true => joined(self.node(more).region()?, self.node(less).region()?),
            false => None,
        }
    }

    /// The value that a probe shows, given its result.
    fn shown(&self, mut id: ValueId) -> ValueId {
        while let Op::Probe(_) = self.maker(id).op {
            id = self.maker(id).operands[0];
        }
        id
    }
}

fn joined(more: &Region, less: &Region) -> Option<Region> {
    match (more, less) {
        (Region::Loop(a), Region::Loop(b)) => {
            let same = |r: &Loop| (r.reverse, r.consts, r.carries);
            let as_often = match (&a.trips, &b.trips) {
                (Trips::While(c), Trips::While(d)) => *c == d.without_effects(),
                (c, d) => c == d,
            };
            if same(a) != same(b) || !as_often {
                return None;
            }
            Some(Region::Loop(Loop {
                body: joined_bodies(&a.body, &b.body)?,
                ..b.clone()
            }))
        }
        (Region::Switch(a), Region::Switch(b)) if a.branches.len() == b.branches.len() => {
            let pairs = a.branches.iter().zip(&b.branches);
            let branches = pairs.map(|(a, b)| joined_bodies(a, b));
            Some(Region::Switch(Switch {
                branches: branches.collect::<Option<_>>()?,
            }))
        }
        _ => None,
    }
}

/// The program with the effects of `less` and the outputs of `more`, which has no effects.
/// It exists if the first outputs of `more` are the outputs of `less`, computed by the same operations or by
/// regions that compute more.
fn joined_bodies(more: &Body, less: &Body) -> Option<Body> {
    let plain = !less.has_effects();
    if plain && more.covers(less) {
        return Some(more.clone());
    }
    if more.has_effects()
        || more.input_types() != less.input_types()
        || more.outputs().len() < less.outputs().len()
    {
        return None;
    }
    // The nodes of `more` by their operands, and for each value of `less` the equal value there.
    let mut by_operands: HashMap<&[ValueId], Vec<&Node>> = HashMap::new();
    for node in more.nodes() {
        by_operands.entry(&node.operands).or_default().push(node);
    }
    let mut there: Vec<Option<ValueId>> = vec![None; less.len()];
    for (&a, &b) in less.inputs().iter().zip(more.inputs()) {
        there[a.index()] = Some(b);
    }
    // Values that only effects need do not exist there.
    let needed = less.needed_for(less.outputs());
    for node in less.nodes() {
        if let Op::Input(_) = node.op {
            continue;
        }
        let operands: Option<Operands> = node.operands.iter().map(|o| there[o.index()]).collect();
        let found: Option<Values> = operands.and_then(|operands| {
            if let Op::Probe(_) = node.op {
                return Some(Values::from_slice(&operands[..1]));
            }
            let candidates = by_operands.get(operands.as_slice())?;
            candidates
                .iter()
                .find_map(|other| same_results(other, node))
        });
        match found {
            Some(found) => node.note(&mut there, found),
            None if node.has_marked(&needed) => return None,
            None => {}
        }
    }
    let mut outputs = less.outputs().iter().zip(more.outputs());
    if !outputs.all(|(a, b)| there[a.index()] == Some(*b)) {
        return None;
    }
    if plain {
        more.set_covers(less);
        return Some(more.clone());
    }
    // The program `less`, followed by the rest of `more`. Regions inside that compute more are joined in turn.
    let mut g = Graph::clone(less);
    let mut here: Vec<Option<ValueId>> = vec![None; more.len()];
    for v in less.ids() {
        if let Some(by) = there[v.index()] {
            here[by.index()].get_or_insert(v);
        }
    }
    more.copy_into(&mut g, &mut here, more.outputs(), &[]);
    let rest = more.outputs()[less.outputs().len()..].iter();
    let rest = rest.map(|o| here[o.index()].expect("outputs were copied"));
    g.set_outputs(less.outputs().iter().copied().chain(rest).collect());
    Some(g.merged().into())
}

/// The results of `more` that equal the results of `less`, whose operands are the same, if it computes them.
fn same_results(more: &Node, less: &Node) -> Option<Values> {
    let (wide, narrow) = match (more.region(), less.region()) {
        (Some(wide), Some(narrow)) => (wide, narrow),
        _ => {
            let same = more.op == less.op && more.types() == less.types();
            return same.then(|| more.results().collect());
        }
    };
    if wide != narrow && joined(wide, narrow).is_none() {
        return None;
    }
    let all = more.results().zip(more.types());
    let all: SmallVec<[_; 4]> = all.collect();
    let found = less.types().iter().enumerate().map(|(k, ty)| {
        // The number of steps stays last.
        let k = if is_count(narrow, k) {
            all.len() - 1
        } else {
            k
        };
        let &(v, given) = all.get(k)?;
        (given == ty).then_some(v)
    });
    found.collect()
}

/// Whether result `index` of a loop is its number of steps.
fn is_count(region: &Region, index: usize) -> bool {
    match region {
        Region::Loop(r) => r.steps() == Some(index),
        _ => false,
    }
}
