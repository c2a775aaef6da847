//! Regions that do what another one does and more take its place.

use crate::graph::{Graph, NodeId, Operands};
use crate::primitives::{Body, Call, Loop, Op, Region, Trips};
use std::collections::HashMap;

impl Graph {
    /// This program without regions of which another one, on the same operands, computes all results and more: a derivative makes such ones, which also keep
    /// what it needs.
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
            if !live[id.index()] && !taken.values().any(|&by| by == id) {
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
            } else if let Some(&by) = taken.get(&id) {
                let operands: Vec<NodeId> = node.operands.iter().filter_map(operand).collect();
                let all = match self.region(by).map(|r| &**r) {
                    // What was a function with a way back of its own is, kept results and all, an ordinary one now.
                    Some(Region::Call(Call::Kept { forward })) => {
                        let inlined = g.inline(forward, &operands);
                        inlined.unwrap_or_default()
                    }
                    Some(region) => g.emit_region(region.clone(), &operands),
                    None => Vec::new(),
                };
                results.insert(id, all.clone());
                results.insert(by, all);
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

    /// For regions that another one can take the place of, that one.
    fn taken_places(&self) -> HashMap<NodeId, NodeId> {
        let live = self.live();
        let regions: Vec<NodeId> = self
            .ids()
            .filter(|id| live[id.index()] && self.region(*id).is_some())
            .collect();
        let mut taken = HashMap::new();
        for (k, &id) in regions.iter().enumerate() {
            let node = self.node(id);
            let by = regions[k + 1..]
                .iter()
                .rev()
                .find(|&&by| self.node(by).operands == node.operands && self.does_more(by, id));
            // A region and the one that takes its place are taken together or not at all.
            if let Some(&by) = by
                && !taken.contains_key(&by)
                && !taken.values().any(|&b| b == by)
            {
                taken.insert(id, by);
            }
        }
        taken
    }

    /// Whether region `more` computes all that region `less` does, in the same way.
    fn does_more(&self, more: NodeId, less: NodeId) -> bool {
        match (self.region(more), self.region(less)) {
            (Some(more), Some(less)) => does_more(more, less),
            _ => false,
        }
    }
}

fn does_more(more: &Region, less: &Region) -> bool {
    match (more, less) {
        (Region::Loop(a), Region::Loop(b)) => {
            let same = |r: &Loop| (r.trips.clone(), r.reverse, r.consts, r.carries);
            same(a) == same(b) && begins_with(&a.body, &b.body)
        }
        (Region::Switch(a), Region::Switch(b)) => {
            let mut pairs = a.branches.iter().zip(&b.branches);
            a.branches.len() == b.branches.len() && pairs.all(|(a, b)| begins_with(a, b))
        }
        (
            Region::Call(Call::Kept { forward }),
            Region::Call(Call::CustomVjp { forward: f, .. }),
        ) => forward == f,
        _ => false,
    }
}

/// Whether the first outputs of `more` are those of `less`, computed by the same operations, or by regions that do more.
fn begins_with(more: &Body, less: &Body) -> bool {
    if more.input_types() != less.input_types() || more.outputs().len() < less.outputs().len() {
        return false;
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
    let live = less.live();
    for id in less.ids().filter(|id| live[id.index()]) {
        let node = less.node(id);
        if let Op::Input(_) = node.op {
            continue;
        }
        let operands: Option<Operands> = node.operands.iter().map(|o| there[o.index()]).collect();
        let Some(operands) = operands else {
            return false;
        };
        let candidates = by_operands.get(operands.as_slice());
        let computes = |&&by: &&NodeId| {
            let other = more.node(by);
            match (&other.op, &node.op) {
                (Op::Region(a), Op::Region(b)) => a == b || does_more(a, b),
                (Op::Result { index: i, ty: t }, Op::Result { index: j, ty: u }) => {
                    let (wide, narrow) = (more.region(operands[0]), less.region(node.operands[0]));
                    // The number of steps stays last.
                    let ends = wide.is_some_and(|r| is_count(r, *i));
                    t == u && ends == narrow.is_some_and(|r| is_count(r, *j)) && (ends || i == j)
                }
                (a, b) => a == b && other.ty == node.ty,
            }
        };
        there[id.index()] = candidates.and_then(|c| c.iter().find(computes)).copied();
    }
    let effects = less.effects().all(|id| there[id.index()].is_some());
    let mut outputs = less.outputs().iter().zip(more.outputs());
    effects && outputs.all(|(a, b)| there[a.index()] == Some(*b))
}

fn is_count(region: &Region, index: u32) -> bool {
    match region {
        Region::Loop(r) => {
            matches!(r.trips, Trips::While(_)) && index as usize + 1 == r.results_len()
        }
        _ => false,
    }
}
