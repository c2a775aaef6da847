//! Small sets of arrays that every path goes through, found by maximum flow.

use gradus_ir::{Graph, ValueId};
use std::collections::VecDeque;

/// The room of sources and sinks, which are never cut.
const UNBOUNDED: usize = usize::MAX / 4;

/// Sets of arrays that separate `sources` from `sinks` and are narrower than both, in the order of the program.
/// The narrowest is found first, then the sets on both sides of it,
/// until all sets together have more than `most` arrays.
pub(super) fn narrow_cuts(
    program: &Graph,
    sources: &[ValueId],
    sinks: &[ValueId],
    most: usize,
) -> Vec<Vec<ValueId>> {
    let mut room = most;
    let mut found = Vec::new();
    split(program, sources, sinks, &mut room, &mut found);
    found
}

fn split(
    program: &Graph,
    sources: &[ValueId],
    sinks: &[ValueId],
    room: &mut usize,
    found: &mut Vec<Vec<ValueId>>,
) {
    let width = |ids: &[ValueId]| ids.iter().map(|&id| program.ty(id).elements()).sum();
    let limit = usize::min(width(sources), width(sinks));
    let Some(cut) = narrowest(program, sources, sinks, limit).filter(|cut| cut.len() <= *room)
    else {
        return;
    };
    *room -= cut.len();
    split(program, sources, &cut, room, found);
    found.push(cut.clone());
    split(program, &cut, sinks, room, found);
}

/// The narrowest set of arrays that every path from `sources` to `sinks` meets,
/// if it has at least one element and fewer than `limit`. Among equal sets, the one nearest to the sources.
///
/// An array lets through as many units of flow as it has elements,
/// so the largest flow equals the width of the narrowest set (L. R. Ford, D. R. Fulkerson).
fn narrowest(
    program: &Graph,
    sources: &[ValueId],
    sinks: &[ValueId],
    limit: usize,
) -> Option<Vec<ValueId>> {
    let mut network = Network::of(program, sources, sinks)?;
    loop {
        let (end, from) = network.search();
        let Some(end) = end else {
            let cut = network.filled(&from);
            return (network.flow > 0 && network.flow < limit).then_some(cut);
        };
        network.augment(&path_to(end, &from), limit)?;
    }
}

/// The arrays with the flow from sources to sinks.
///
/// An array has an entry and an exit, with the array's elements as capacity between them.
/// Flow from the exit of an array to the entry of its users is not bounded.
struct Network<'a> {
    program: &'a Graph,
    sources: &'a [ValueId],
    is_source: Vec<bool>,
    is_sink: Vec<bool>,
    users: Vec<Vec<usize>>,
    /// For each array, its operands, each with the position of the array among the users of the operand.
    operands: Vec<Vec<(usize, usize)>>,
    /// Flow through each array.
    through: Vec<usize>,
    /// Flow from each array to each of its users.
    carried: Vec<Vec<usize>>,
    /// Flow from all sources.
    flow: usize,
}

/// The entry or the exit of an array: `2i` or `2i + 1` for array `i`.
type Port = usize;

/// For each port, the port that a search reached it from. Exits of sources are reached from [`START`].
type From = Vec<Option<Port>>;

const START: Port = usize::MAX;

impl<'a> Network<'a> {
    /// `None` if a source is a sink.
    fn of(program: &'a Graph, sources: &'a [ValueId], sinks: &[ValueId]) -> Option<Network<'a>> {
        let n = program.len();
        let (mut is_source, mut is_sink) = (vec![false; n], vec![false; n]);
        sources.iter().for_each(|s| is_source[s.index()] = true);
        sinks.iter().for_each(|t| is_sink[t.index()] = true);
        let mut reached = is_source.clone();
        let mut users: Vec<Vec<usize>> = vec![Vec::new(); n];
        let mut operands: Vec<Vec<(usize, usize)>> = vec![Vec::new(); n];
        for id in program.ids().filter(|id| !is_source[id.index()]) {
            let i = id.index();
            for o in &program.maker(id).operands {
                let o = o.index();
                // The search does not continue beyond a sink.
                if reached[o] && (!is_sink[o] || is_source[o]) && !users[o].contains(&i) {
                    operands[i].push((o, users[o].len()));
                    users[o].push(i);
                    reached[i] = true;
                }
            }
        }
        for list in &mut operands {
            list.sort_unstable();
        }
        let overlap = sources.iter().any(|s| is_sink[s.index()]);
        (!overlap).then(|| Network {
            program,
            sources,
            is_source,
            is_sink,
            carried: users.iter().map(|u| vec![0; u.len()]).collect(),
            users,
            operands,
            through: vec![0; n],
            flow: 0,
        })
    }

    /// How much flow an array lets through.
    fn room(&self, i: usize) -> usize {
        match self.is_source[i] || self.is_sink[i] {
            true => UNBOUNDED,
            false => self.program.ty(self.program.id_at(i)).elements(),
        }
    }

    /// Searches breadth first for a sink that more flow can reach, along free capacity or against flow.
    fn search(&self) -> (Option<Port>, From) {
        let mut from: From = vec![None; 2 * self.program.len()];
        let mut open = VecDeque::new();
        for s in self.sources {
            from[2 * s.index() + 1] = Some(START);
            open.push_back(2 * s.index() + 1);
        }
        while let Some(port) = open.pop_front() {
            let i = port / 2;
            let mut visit = |next: Port| {
                if from[next].is_none() {
                    from[next] = Some(port);
                    open.push_back(next);
                }
            };
            if port % 2 == 1 {
                self.users[i].iter().for_each(|&u| visit(2 * u));
                if self.through[i] > 0 {
                    visit(2 * i);
                }
                continue;
            }
            if self.is_sink[i] {
                return (Some(port), from);
            }
            if self.through[i] < self.room(i) {
                visit(2 * i + 1);
            }
            for &(o, k) in &self.operands[i] {
                if self.carried[o][k] > 0 {
                    visit(2 * o + 1);
                }
            }
        }
        (None, from)
    }

    /// Sends as much flow along a path as fits. `None` if nothing fits, or if the total flow reaches `limit`.
    fn augment(&mut self, path: &[Port], limit: usize) -> Option<()> {
        let steps = path.windows(2);
        let more = steps.map(|w| self.free(w[0], w[1])).min()?;
        if more == 0 || more >= UNBOUNDED || self.flow + more >= limit {
            return None;
        }
        self.flow += more;
        for w in path.windows(2) {
            match (w[0] / 2, w[1] / 2, w[0] % 2, w[1] % 2) {
                (a, b, 0, 1) if a == b => self.through[a] += more,
                (a, b, 1, 0) if a == b => self.through[a] -= more,
                (a, b, 1, 0) => {
                    let k = self.edge(a, b)?;
                    self.carried[a][k] += more;
                }
                (a, b, ..) => {
                    let k = self.edge(b, a)?;
                    self.carried[b][k] -= more;
                }
            }
        }
        Some(())
    }

    /// How much more flow fits from one port to the next.
    fn free(&self, from: Port, to: Port) -> usize {
        match (from / 2, to / 2, from % 2, to % 2) {
            (a, b, 0, 1) if a == b => self.room(a) - self.through[a],
            (a, b, 1, 0) if a == b => self.through[a],
            (_, _, 1, 0) => UNBOUNDED,
            (a, b, ..) => self.edge(b, a).map_or(0, |k| self.carried[b][k]),
        }
    }

    /// The position of `user` among the users of an array.
    fn edge(&self, array: usize, user: usize) -> Option<usize> {
        self.users[array].iter().position(|&u| u == user)
    }

    /// The arrays whose entry was reached and whose exit was not: they are full.
    fn filled(&self, from: &From) -> Vec<ValueId> {
        let cut = |&i: &usize| from[2 * i].is_some() && from[2 * i + 1].is_none();
        let all = (0..self.program.len()).filter(cut);
        all.map(|i| self.program.id_at(i)).collect()
    }
}

/// The path by which a search reached a port.
fn path_to(end: Port, from: &From) -> Vec<Port> {
    let before = |port: &Port| from[*port].filter(|&p| p != START);
    let mut path: Vec<Port> = std::iter::successors(Some(end), before).collect();
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradus_ir::primitives::Unary;
    use gradus_ir::{DType, Type};

    /// Tries all sets of a random graph: the set found separates, and no narrower set does.
    #[test]
    fn the_cut_is_the_narrowest() {
        let mut seed = 1u64;
        let mut next = |n: usize| {
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (seed >> 33) as usize % n
        };
        let mut some = 0;
        for _ in 0..300 {
            let mut g = Graph::new();
            let x = g.input(Type::new(DType::F64, &[100]));
            let mut all = vec![x];
            for _ in 0..2 + next(8) {
                let (a, b) = (all[next(all.len())], all[next(all.len())]);
                let (a, b) = (g.sum(a, &[0]), g.sum(b, &[0]));
                let sum = g.add_nodes(a, b);
                let wide = g.broadcast(sum, &[1 + next(7)], &[]);
                all.push(g.unary(Unary::Sin, wide));
            }
            let y = g.sum(all[all.len() - 1], &[0]);
            let y = g.broadcast(y, &[100], &[]);
            let inner: Vec<ValueId> = g.ids().filter(|&id| id != x && id != y).collect();
            if inner.len() > 16 {
                continue;
            }
            let separates = |cut: &dyn Fn(ValueId) -> bool| {
                let mut reached = vec![false; g.len()];
                reached[x.index()] = true;
                for id in g.ids().filter(|&id| !cut(id)) {
                    let from = g.maker(id).operands.iter().any(|o| reached[o.index()]);
                    reached[id.index()] |= from;
                }
                !reached[y.index()]
            };
            let best = (0..1usize << inner.len())
                .filter(|bits| {
                    separates(&|id| {
                        inner
                            .iter()
                            .position(|&i| i == id)
                            .is_some_and(|k| bits >> k & 1 == 1)
                    })
                })
                .map(|bits| {
                    (0..inner.len())
                        .filter(|k| bits >> k & 1 == 1)
                        .map(|k| g.ty(inner[k]).elements())
                        .sum::<usize>()
                })
                .min()
                .unwrap();
            match narrowest(&g, &[x], &[y], 100) {
                Some(cut) => {
                    assert!(separates(&|id| cut.contains(&id)));
                    let width: usize = cut.iter().map(|&id| g.ty(id).elements()).sum();
                    assert_eq!(width, best);
                    some += 1;
                }
                None => assert!(best == 0 || best >= 100, "{best}"),
            }
        }
        assert!(some > 100, "{some}");
    }
}
