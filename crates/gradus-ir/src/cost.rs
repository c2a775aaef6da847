//! The cost of a whole graph: the sum of the costs of its operations.

use crate::graph::Graph;
use crate::primitives::{Op, Work};
use std::ops::{AddAssign, Index};

/// Operations of each kind of work.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct ByWork([u64; Work::ALL.len()]);

impl ByWork {
    /// `operations` of one kind, and none of other kinds.
    pub fn of(work: Work, operations: u64) -> ByWork {
        let mut out = ByWork::default();
        out.add(work, operations);
        out
    }

    /// Adds operations of one kind; the count saturates.
    pub fn add(&mut self, work: Work, operations: u64) {
        let count = &mut self.0[work as usize];
        *count = count.saturating_add(operations);
    }

    /// Operations of all kinds together.
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, &n| sum.saturating_add(n))
    }

    /// Each kind with its operations.
    pub fn iter(&self) -> impl Iterator<Item = (Work, u64)> + '_ {
        Work::ALL.into_iter().zip(self.0)
    }
}

impl Index<Work> for ByWork {
    type Output = u64;

    fn index(&self, work: Work) -> &u64 {
        &self.0[work as usize]
    }
}

impl AddAssign for ByWork {
    fn add_assign(&mut self, other: ByWork) {
        for (work, operations) in other.iter() {
            self.add(work, operations);
        }
    }
}

/// The cost of one evaluation of a graph, operation by operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TotalCost {
    /// Operations on numbers of all kinds.
    pub operations: u64,
    /// Bytes read, if nothing is fused.
    pub bytes_read: u64,
    /// Bytes written, if nothing is fused.
    pub bytes_written: u64,
    /// The operations by kind of work.
    pub by_work: ByWork,
}

impl TotalCost {
    /// The cost of `n` evaluations.
    pub fn times(self, n: u64) -> TotalCost {
        let by_work = ByWork(self.by_work.0.map(|count| count.saturating_mul(n)));
        TotalCost {
            operations: by_work.total(),
            bytes_read: self.bytes_read.saturating_mul(n),
            bytes_written: self.bytes_written.saturating_mul(n),
            by_work,
        }
    }
}

impl AddAssign for TotalCost {
    fn add_assign(&mut self, other: TotalCost) {
        self.by_work += other.by_work;
        self.operations = self.by_work.total();
        self.bytes_read = self.bytes_read.saturating_add(other.bytes_read);
        self.bytes_written = self.bytes_written.saturating_add(other.bytes_written);
    }
}

/// The sum of the [costs](crate::primitives::Cost) of the nodes that the outputs need.
///
/// After the backend's passes, the operations are the ones that it will execute, kind by kind.
pub fn total_cost(graph: &Graph) -> TotalCost {
    let simpler = graph.without_gates();
    let graph = simpler.as_ref().unwrap_or(graph);
    let live = graph.live();
    let mut total = TotalCost::default();
    for node in graph.nodes().iter().filter(|node| node.runs(&live)) {
        if let Op::Region(region) = &node.op {
            total += region.total_cost();
            continue;
        }
        let cost = graph.cost(node);
        total.by_work.add(cost.work, cost.operations);
        total.bytes_read = total.bytes_read.saturating_add(cost.bytes_read);
        total.bytes_written = total.bytes_written.saturating_add(cost.bytes_written);
    }
    total.operations = total.by_work.total();
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_nodes_are_summed_by_kind() {
        let graph: Graph = "graph(%0: f64[4, 3], %1: f64[3, 5]) {
            %2: f64[4, 5] = contract{batch_left=[], batch_right=[], contract_left=[1], contract_right=[0]} %0, %1
            %3: f64[4, 5] = exp %2
            %4: f64[4, 3] = sin %0
            %5: f64[4] = reduce_sum{axes=[1]} %3
            return %5
        }"
        .parse()
        .unwrap();
        let total = total_cost(&graph);
        assert_eq!(total.by_work[Work::Product], 2 * 4 * 3 * 5);
        // No output needs the sine.
        assert_eq!(total.by_work[Work::Transcendental], 20);
        assert_eq!(total.by_work[Work::Reduction], 20 - 4);
        assert_eq!(total.operations, 120 + 20 + 16);
        assert_eq!(total.bytes_read, 8 * (12 + 15 + 20 + 20));
        assert_eq!(total.bytes_written, 8 * (20 + 20 + 4));
    }

    #[test]
    fn each_kind_has_its_own_count() {
        let mut counts = ByWork::default();
        for (k, work) in Work::ALL.into_iter().enumerate() {
            counts.add(work, 1 << k);
        }
        let kinds: Vec<(Work, u64)> = counts.iter().collect();
        for (k, work) in Work::ALL.into_iter().enumerate() {
            assert_eq!(kinds[k], (work, 1 << k));
            assert_eq!(counts[work], 1 << k);
        }
        assert_eq!(counts.total(), 127);
        counts.add(Work::View, u64::MAX);
        assert_eq!(counts.total(), u64::MAX);
    }
}
