//! Small sets of arrays through which every path goes, by the flow that they let through.

use gradus_ir::{Graph, ValueId};
use std::collections::VecDeque;

/// Without an end: sources and sinks are never cut.
const UNBOUNDED: usize = usize::MAX / 4;

/// Sets of arrays that separate `sources` from `sinks`, narrower than what they separate, in the order of the program: the narrowest, then those of both sides
/// of it, until they have more than `most` arrays in all.
pub(super) fn narrow(
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
    let Some(cut) = least(program, sources, sinks, limit).filter(|cut| cut.len() <= *room) else {
        return;
    };
    *room -= cut.len();
    split(program, sources, &cut, room, found);
    found.push(cut.clone());
    split(program, &cut, sinks, room, found);
}

/// The narrowest set of arrays that every path from `sources` to `sinks` meets, nearest to the sources, if it has fewer than `limit` elements and at least one.
///
/// An array lets through as much as it has elements, so that the largest flow is as much as the narrowest set has (L. R. Ford, D. R. Fulkerson). Each path
/// found by breadth fills an array or takes back flow; there are few where few arrays are narrow.
fn least(
    program: &Graph,
    sources: &[ValueId],
    sinks: &[ValueId],
    limit: usize,
) -> Option<Vec<ValueId>> {
    let n = program.len();
    let mut reached = vec![false; n];
    let mut is_source = vec![false; n];
    let mut is_sink = vec![false; n];
    for s in sources {
        (reached[s.index()], is_source[s.index()]) = (true, true);
    }
    for t in sinks {
        is_sink[t.index()] = true;
    }
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); n];
    for id in program.ids() {
        let i = id.index();
        if is_source[i] {
            continue;
        }
        for o in &program.maker(id).operands {
            let o = o.index();
            // Nothing beyond a sink is looked at.
            if reached[o] && (!is_sink[o] || is_source[o]) && !users[o].contains(&i) {
                users[o].push(i);
                reached[i] = true;
            }
        }
    }
    if sources.iter().any(|s| is_sink[s.index()]) {
        return None;
    }
    // Of each array an entry and an exit, with the array's elements between; flow from node to node has no bound.
    let mut through = vec![0; n];
    let mut carried: Vec<Vec<usize>> = users.iter().map(|u| vec![0; u.len()]).collect();
    let mut before: Vec<Vec<(usize, usize)>> = vec![Vec::new(); n];
    for (o, list) in users.iter().enumerate() {
        for (k, &i) in list.iter().enumerate() {
            before[i].push((o, k));
        }
    }
    let room = |i: usize| match is_source[i] || is_sink[i] {
        true => UNBOUNDED,
        false => program.ty(program.id_at(i)).elements(),
    };
    let mut flow = 0;
    loop {
        // Places are 2i for the entry and 2i + 1 for the exit.
        let mut from: Vec<Option<usize>> = vec![None; 2 * n];
        let mut open = VecDeque::new();
        for s in sources {
            from[2 * s.index() + 1] = Some(usize::MAX);
            open.push_back(2 * s.index() + 1);
        }
        let mut end = None;
        while let Some(place) = open.pop_front() {
            let i = place / 2;
            let mut visit = |next: usize| {
                if from[next].is_none() {
                    from[next] = Some(place);
                    open.push_back(next);
                }
            };
            if place % 2 == 1 {
                users[i].iter().for_each(|&u| visit(2 * u));
                if through[i] > 0 {
                    visit(2 * i);
                }
            } else {
                if is_sink[i] {
                    end = Some(place);
                    break;
                }
                if through[i] < room(i) {
                    visit(2 * i + 1);
                }
                for &(o, k) in &before[i] {
                    if carried[o][k] > 0 {
                        visit(2 * o + 1);
                    }
                }
            }
        }
        let Some(end) = end else {
            let cut = |&i: &usize| from[2 * i].is_some() && from[2 * i + 1].is_none();
            let cut: Vec<ValueId> = (0..n).filter(cut).map(|i| program.id_at(i)).collect();
            return (flow > 0 && flow < limit).then_some(cut);
        };
        let mut path = vec![end];
        while let Some(previous) = from[path[path.len() - 1]].filter(|&p| p != usize::MAX) {
            path.push(previous);
        }
        path.reverse();
        let edge = |a: usize, b: usize| users[a].iter().position(|&u| u == b);
        let free = |w: &[usize]| match (w[0] / 2, w[1] / 2, w[0] % 2, w[1] % 2) {
            (a, b, 0, 1) if a == b => room(a) - through[a],
            (a, b, 1, 0) if a == b => through[a],
            (_, _, 1, 0) => UNBOUNDED,
            (a, b, ..) => edge(b, a).map_or(0, |k| carried[b][k]),
        };
        let more = path.windows(2).map(free).min()?;
        if more == 0 || more >= UNBOUNDED || flow + more >= limit {
            return None;
        }
        flow += more;
        for w in path.windows(2) {
            match (w[0] / 2, w[1] / 2, w[0] % 2, w[1] % 2) {
                (a, b, 0, 1) if a == b => through[a] += more,
                (a, b, 1, 0) if a == b => through[a] -= more,
                (a, b, 1, 0) => carried[a][edge(a, b)?] += more,
                (a, b, ..) => carried[b][edge(b, a)?] -= more,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradus_ir::primitives::Unary;
    use gradus_ir::{DType, Type};

    /// All sets of a random graph tried: none that separates is narrower, and the one found separates.
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
            match least(&g, &[x], &[y], 100) {
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
