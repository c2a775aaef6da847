//! Searches for a cheap order of elimination: beam search, then improvement.

use super::elimination::Elimination;
use super::graph::ScalarGraph;
use super::improve::improve;
use super::options::{EliminationOptions, EliminationPlan};
use std::collections::BTreeMap;

/// The most intermediate vertices for which the search tries all sets of them.
const EXHAUSTIVE: usize = 10;

impl ScalarGraph {
    /// The best order found.
    /// It is never worse than reverse mode, forward mode or lowest Markowitz cost first,
    /// and it is optimal for at most ten intermediate vertices.
    pub fn plan(&self, options: &EliminationOptions) -> EliminationPlan {
        if self.intermediates().len() <= EXHAUSTIVE {
            return exhaustive(self);
        }
        let mut best = self.priced(self.reverse_order());
        let others = [self.forward_order(), self.markowitz_order()];
        for order in others.into_iter().chain(beam_search(self, options)) {
            let plan = self.priced(order);
            if plan.multiplications < best.multiplications {
                best = plan;
            }
        }
        improve(self, best, options.improvement_work)
    }

    fn priced(&self, order: Vec<usize>) -> EliminationPlan {
        let mut state = Elimination::new(self);
        EliminationPlan {
            multiplications: order.iter().map(|&v| state.eliminate(v)).sum(),
            order,
        }
    }
}

/// The best of all orders: a beam search that keeps and tries everything.
///
/// Graphs with the same vertices left are equal, so the search visits `2ⁿ` graphs instead of `n!` orders.
fn exhaustive(graph: &ScalarGraph) -> EliminationPlan {
    let order = beam_search(graph, &EliminationOptions::EXHAUSTIVE).expect("its work has no limit");
    graph.priced(order)
}

/// A graph in the beam.
struct Partial {
    state: Elimination,
    /// The vertices that are left, ascending.
    rest: Vec<usize>,
    order: Vec<usize>,
    spent: u64,
    /// The Markowitz costs of `rest`.
    ahead: u64,
}

impl Partial {
    fn then(&self, v: usize) -> Partial {
        let mut state = self.state.clone();
        let spent = self.spent + state.eliminate(v);
        let rest: Vec<usize> = self.rest.iter().copied().filter(|r| *r != v).collect();
        let mut order = self.order.clone();
        order.push(v);
        Partial {
            ahead: rest.iter().map(|&r| state.cost(r)).sum(),
            state,
            rest,
            order,
            spent,
        }
    }
}

/// Keeps the most promising graphs at each step, which eliminates one vertex.
/// `None` if the work limit was reached.
///
/// The promise of a graph is the cost so far plus the Markowitz costs of all vertices that are left,
/// so a cheap step that makes others expensive is no gain.
/// Graphs with the same vertices left are equal, whatever the order, so only the cheapest is kept.
fn beam_search(graph: &ScalarGraph, options: &EliminationOptions) -> Option<Vec<usize>> {
    let state = Elimination::new(graph);
    let rest = graph.forward_order();
    let mut beam = vec![Partial {
        ahead: rest.iter().map(|&v| state.cost(v)).sum(),
        state,
        rest,
        order: Vec::new(),
        spent: 0,
    }];
    let mut work = 0;
    for _ in 0..graph.intermediates().len() {
        // Keyed by the vertices that are left: the promise, and the graph and vertex that lead there.
        let mut found: BTreeMap<Vec<usize>, (u64, usize, usize)> = BTreeMap::new();
        for (which, partial) in beam.iter_mut().enumerate() {
            let mut cheapest = partial.rest.clone();
            cheapest.sort_by_key(|&v| partial.state.cost(v));
            for &v in cheapest.iter().take(options.branch) {
                let all = partial.spent + partial.ahead;
                let promise = all.saturating_add_signed(partial.state.growth(v));
                let left = partial.rest.iter().copied().filter(|r| *r != v).collect();
                let entry = (promise, which, v);
                let known = found.entry(left).or_insert(entry);
                *known = entry.min(*known);
            }
            work += std::mem::take(&mut partial.state.touched);
        }
        let mut chosen: Vec<_> = found.into_values().collect();
        chosen.sort_unstable();
        chosen.truncate(options.beam);
        work += chosen.len() as u64 * beam.first()?.state.size() as u64 / 8;
        if work > options.beam_work {
            return None;
        }
        beam = (chosen.into_iter())
            .map(|(_, which, v)| beam[which].then(v))
            .collect();
    }
    let best = beam.into_iter().min_by_key(|p| p.spent)?;
    Some(best.order)
}
