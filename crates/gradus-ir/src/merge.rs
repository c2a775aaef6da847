//! Regions that compute what another one does and more take its place.

use crate::graph::{Graph, NodeId, Operands};
use crate::primitives::{Body, Loop, Op, Region, Switch, Trips};
use std::collections::HashMap;

impl Graph {
    /// This program without regions of which another one, on the same operands, computes all results and more: a derivative makes such ones, which also keep
    /// what it needs. Those have no effects; the one in the place of both has the effects of the other.
    pub fn merged(self) -> Graph {
        let taken = self.taken_places();
        if taken.is_empty() {
            return self;
        }
        let mut g = Graph::new();
        let mut map: Vec<Option<NodeId>> = vec![None; self.len()];
        // For each region replaced, the results of the one in its place.
        let mut results: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
        let live = self.live();
        for id in self.ids() {
            let node = self.node(id);
            if let Op::Input(_) = node.op {
                map[id.index()] = Some(g.input_like(&self, id));
                continue;
            }
            if !live[id.index()] && !taken.values().any(|(by, _)| *by == id) {
                continue;
            }
            let outer = g.set_loc(node.loc);
            let operand = |o: &NodeId| map[o.index()];
            if let Op::Result { index, ty } = &node.op
                && let Some(all) = results.get(&node.operands[0])
            {
                // The number of steps stays last.
                let region = self.region(node.operands[0]);
                let count = region.is_some_and(|r| is_count(r, *index));
                let found = if count {
                    all[all.len() - 1]
                } else {
                    all[*index as usize]
                };
                debug_assert_eq!(g.ty(found), ty);
                map[id.index()] = Some(found);
            } else if let Some((by, region)) = taken.get(&id) {
                let operands: Vec<NodeId> = node.operands.iter().filter_map(operand).collect();
                let all = g.emit_region(region.clone(), &operands);
                results.insert(id, all.clone());
                results.insert(*by, all);
            } else if results.contains_key(&id) {
                // Its place was taken before it came.
            } else {
                let operands: Vec<NodeId> = node.operands.iter().filter_map(operand).collect();
                map[id.index()] = Some(g.add_like(node, &operands));
            }
            g.set_loc(outer);
        }
        let outputs = self.outputs().iter();
        let outputs = outputs.map(|o| map[o.index()].expect("outputs are live"));
        g.set_outputs(outputs.collect());
        // What follows from the regions merged may be mergeable itself.
        g.merged()
    }

    /// For regions whose place another one can take, that one, and what takes the place of both.
    fn taken_places(&self) -> HashMap<NodeId, (NodeId, Region)> {
        let live = self.live();
        let regions: Vec<NodeId> = self
            .ids()
            .filter(|id| live[id.index()] && self.region(*id).is_some())
            .collect();
        let mut taken: HashMap<NodeId, (NodeId, Region)> = HashMap::new();
        for (k, &id) in regions.iter().enumerate() {
            // A region and the one that takes its place are taken together or not at all.
            let is_free = |taken: &HashMap<NodeId, (NodeId, Region)>, by: NodeId| {
                !taken.contains_key(&by) && !taken.values().any(|(b, _)| *b == by)
            };
            let join = |by: NodeId| Some((by, self.joined(by, id)?));
            let joined = if self.node(id).op.own_backward() {
                // Equal calls stay two. One that keeps more is the derivative's own copy, and these come in the order of what they are copies of.
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
        let results = |id: NodeId| self.region(id).map_or(0, |region| region.results_len());
        results(more) > results(less)
    }

    /// The region that does what `more` and `less` do, if the results of `less` are the first ones of `more`.
    fn joined(&self, more: NodeId, less: NodeId) -> Option<Region> {
        let operands = |id: NodeId| self.node(id).operands.iter().map(|&o| self.shown(o));
        match operands(more).eq(operands(less)) {
            true => joined(self.region(more)?, self.region(less)?),
            false => None,
        }
    }

    /// The value that the node `id` is, if it shows one.
    fn shown(&self, mut id: NodeId) -> NodeId {
        while let Op::Probe(_) = self.node(id).op {
            id = self.node(id).operands[0];
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

/// The program that has the effects of `less` and the outputs of `more`, which has none, if the first outputs of `more` are those of `less`, computed by the same
/// operations, or by regions that compute more.
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
    // The nodes of `more` by their operands, and for each node of `less` the one that computes it there.
    let mut by_operands: HashMap<&[NodeId], Vec<NodeId>> = HashMap::new();
    for id in more.ids() {
        by_operands
            .entry(&more.node(id).operands)
            .or_default()
            .push(id);
    }
    let mut there: Vec<Option<NodeId>> = vec![None; less.len()];
    for (&a, &b) in less.inputs().iter().zip(more.inputs()) {
        there[a.index()] = Some(b);
    }
    // What only effects need is not there.
    let needed = less.needed_for(less.outputs());
    for id in less.ids() {
        let node = less.node(id);
        if let Op::Input(_) = node.op {
            continue;
        }
        let operands: Option<Operands> = node.operands.iter().map(|o| there[o.index()]).collect();
        let found = operands.and_then(|operands| {
            if let Op::Probe(_) = node.op {
                return Some(operands[0]);
            }
            let computes = |&&by: &&NodeId| {
                let other = more.node(by);
                match (&other.op, &node.op) {
                    (Op::Region(a), Op::Region(b)) => a == b || joined(a, b).is_some(),
                    (Op::Result { index: i, ty: t }, Op::Result { index: j, ty: u }) => {
                        let wide = more.region(operands[0]);
                        let narrow = less.region(node.operands[0]);
                        // The number of steps stays last.
                        let ends = wide.is_some_and(|r| is_count(r, *i));
                        t == u
                            && ends == narrow.is_some_and(|r| is_count(r, *j))
                            && (ends || i == j)
                    }
                    (a, b) => a == b && other.ty == node.ty,
                }
            };
            let candidates = by_operands.get(operands.as_slice());
            candidates.and_then(|c| c.iter().find(computes)).copied()
        });
        if found.is_none() && needed[id.index()] {
            return None;
        }
        there[id.index()] = found;
    }
    let mut outputs = less.outputs().iter().zip(more.outputs());
    if !outputs.all(|(a, b)| there[a.index()] == Some(*b)) {
        return None;
    }
    if plain {
        more.set_covers(less);
        return Some(more.clone());
    }
    // `less` as it is, and then what else `more` computes; regions inside that compute more are joined in their turn.
    let mut g = Graph::clone(less);
    let mut here: Vec<Option<NodeId>> = vec![None; more.len()];
    for id in less.ids() {
        let Some(by) = there[id.index()] else {
            continue;
        };
        let (a, b) = (&more.node(by).op, &less.node(id).op);
        if !matches!(b, Op::Region(_)) || a == b {
            here[by.index()].get_or_insert(id);
        }
    }
    more.copy_into(&mut g, &mut here, more.outputs());
    let rest = more.outputs()[less.outputs().len()..].iter();
    let rest = rest.map(|o| here[o.index()].expect("outputs were copied"));
    g.set_outputs(less.outputs().iter().copied().chain(rest).collect());
    Some(g.merged().into())
}

fn is_count(region: &Region, index: u32) -> bool {
    match region {
        Region::Loop(r) => {
            matches!(r.trips, Trips::While(_)) && index as usize + 1 == r.results_len()
        }
        _ => false,
    }
}
