//! Improves an order of elimination by moving single vertices.
//!
//! The method is simulated annealing, which does well for this problem (U. Naumann,
//! *Cheaper Jacobians by Simulated Annealing*, SIAM Journal on Optimization 13, 2002). Moves are cheap to judge.
//! A partly eliminated graph depends on the set of eliminated vertices and not on their order,
//! so moving a vertex changes costs only between its old place and its new one.

use super::elimination::Elimination;
use super::graph::ScalarGraph;
use super::options::EliminationPlan;
use std::ops::RangeInclusive;

/// The most words in the graphs that are kept along the order: 16 MiB.
const KEPT_WORDS: usize = 1 << 21;

/// The number of stages. The temperature falls by a quarter in each.
const STAGES: u64 = 12;

/// Temperature at the beginning, in 256ths.
///
/// A more expensive order is accepted if the excess is at most
/// the temperature times a geometrically distributed number.
/// All arithmetic is in integers, because logarithms can differ
/// in the last bit between machines and the order must not.
const TEMPERATURE: u64 = 256;

/// The best order met while at most `work` words are touched.
pub(super) fn improve(graph: &ScalarGraph, plan: EliminationPlan, work: u64) -> EliminationPlan {
    if plan.order.len() < 2 || work == 0 {
        return plan;
    }
    let mut best = plan.clone();
    let mut walk = Walk::new(graph, plan, KEPT_WORDS);
    let places = walk.order.len() as u64;
    let mut random = Random(0);
    while walk.scratch.touched < work {
        let stage = u128::from(walk.scratch.touched) * u128::from(STAGES) / u128::from(work);
        let temperature = (0..stage).fold(TEMPERATURE, |t, _| t - t / 4);
        let (from, to) = (random.below(places), random.below(places));
        let excess = (u64::from(random.next().leading_zeros()) * temperature) >> 8;
        if from != to {
            walk.try_move(from as usize, to as usize, excess);
            if walk.total < best.multiplications {
                best.multiplications = walk.total;
                best.order.copy_from_slice(&walk.order);
            }
        } else {
            // The count makes a run of equal places end, too.
            walk.scratch.touched += 1;
        }
    }
    best
}

/// An order with the data to judge a move.
struct Walk {
    order: Vec<usize>,
    costs: Vec<u64>,
    total: u64,
    /// The graph before every `stride`-th elimination.
    kept: Vec<Elimination>,
    stride: usize,
    scratch: Elimination,
    tried: Vec<u64>,
}

impl Walk {
    fn new(graph: &ScalarGraph, plan: EliminationPlan, kept_words: usize) -> Walk {
        let mut state = Elimination::new(graph);
        let stride = (plan.order.len() * state.size())
            .div_ceil(kept_words)
            .max(1);
        let mut kept = Vec::new();
        let mut costs = Vec::with_capacity(plan.order.len());
        for (k, &v) in plan.order.iter().enumerate() {
            if k % stride == 0 {
                kept.push(state.clone());
            }
            costs.push(state.eliminate(v));
        }
        state.touched = 0;
        Walk {
            order: plan.order,
            costs,
            total: plan.multiplications,
            kept,
            stride,
            scratch: state,
            tried: Vec::new(),
        }
    }

    /// Moves a vertex to another place unless the cost grows by more than `excess`.
    fn try_move(&mut self, from: usize, to: usize, excess: u64) {
        let between = from.min(to)..=from.max(to);
        let old: u64 = self.costs[between.clone()].iter().sum();
        self.go_before(*between.start());
        self.tried.clear();
        let mut new = 0;
        for k in between.clone() {
            let cost = self.scratch.eliminate(self.order[source(k, from, to)]);
            new += cost;
            if new > old + excess {
                return;
            }
            self.tried.push(cost);
        }
        if from < to {
            self.order[between.clone()].rotate_left(1);
        } else {
            self.order[between.clone()].rotate_right(1);
        }
        self.costs[between.clone()].copy_from_slice(&self.tried);
        self.total = self.total - old + new;
        self.keep(between);
    }

    /// Makes `scratch` the graph before the elimination at place `k`.
    fn go_before(&mut self, k: usize) {
        self.scratch.copy_from(&self.kept[k / self.stride]);
        for &v in &self.order[k / self.stride * self.stride..k] {
            self.scratch.eliminate(v);
        }
    }

    /// Brings the graphs kept up to date after the order has changed in these places.
    fn keep(&mut self, changed: RangeInclusive<usize>) {
        self.go_before(*changed.start());
        for k in changed {
            // The graph at the first place that changed is as before.
            if k % self.stride == 0 {
                self.kept[k / self.stride].copy_from(&self.scratch);
            }
            self.scratch.eliminate(self.order[k]);
        }
    }
}

/// The place where what stands at `k` after a move stood before it.
fn source(k: usize, from: usize, to: usize) -> usize {
    if k == to {
        from
    } else if from < to {
        k + 1
    } else {
        k - 1
    }
}

/// SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, *Fast Splittable Pseudorandom Number Generators*, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`, as evenly as 64 bits allow.
    fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::published;

    #[test]
    fn costs_stay_those_of_the_order_however_few_graphs_are_kept() {
        let graph = published::PUBLISHED[3].graph();
        let order = graph.reverse_order();
        let plan = EliminationPlan {
            multiplications: graph.multiplications(&order).unwrap(),
            order,
        };
        for kept_words in [1 << 21, 1000, 1] {
            let mut walk = Walk::new(&graph, plan.clone(), kept_words);
            let mut random = Random(7);
            let places = walk.order.len() as u64;
            for _ in 0..200 {
                let (from, to) = (random.below(places), random.below(places));
                walk.try_move(from as usize, to as usize, 3);
                assert_eq!(graph.multiplications(&walk.order), Ok(walk.total));
                assert_eq!(walk.costs.iter().sum::<u64>(), walk.total);
            }
            assert_ne!(walk.order, plan.order);
        }
    }
}
