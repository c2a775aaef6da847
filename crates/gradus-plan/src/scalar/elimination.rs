//! A graph while its vertices are eliminated: predecessors and successors of each vertex, as sets of bits.

use super::graph::ScalarGraph;

/// The edges of a graph without values. They decide the cost of eliminations.
#[derive(Clone)]
pub(super) struct Elimination {
    /// Words of 64 vertices in a set.
    words: usize,
    predecessors: Vec<u64>,
    successors: Vec<u64>,
    /// Words that eliminations and copies have touched. This measures the work done.
    pub(super) touched: u64,
}

/// The two neighbourhoods of a vertex: predecessors and successors.
#[derive(Clone, Copy)]
enum Side {
    Predecessors,
    Successors,
}

impl Elimination {
    pub(super) fn new(graph: &ScalarGraph) -> Elimination {
        let words = graph.vertices().div_ceil(64);
        let mut new = Elimination {
            words,
            predecessors: vec![0; words * graph.vertices()],
            successors: vec![0; words * graph.vertices()],
            touched: 0,
        };
        for e in graph.edges() {
            new.predecessors[e.to * words + e.from / 64] |= 1 << (e.from % 64);
            new.successors[e.from * words + e.to / 64] |= 1 << (e.to % 64);
        }
        new
    }

    /// The number of words in all sets.
    pub(super) fn size(&self) -> usize {
        2 * self.predecessors.len()
    }

    /// Becomes a copy of `other`, which has the same vertices, without allocating.
    /// The count of touched words continues.
    pub(super) fn copy_from(&mut self, other: &Elimination) {
        self.predecessors.copy_from_slice(&other.predecessors);
        self.successors.copy_from_slice(&other.successors);
        // Copying in bulk takes about an eighth of the time of single words.
        self.touched += self.size() as u64 / 8;
    }

    fn set(&self, side: Side, v: usize) -> &[u64] {
        let sets = match side {
            Side::Predecessors => &self.predecessors,
            Side::Successors => &self.successors,
        };
        &sets[v * self.words..][..self.words]
    }

    /// The Markowitz cost of a vertex: its predecessors times its successors.
    pub(super) fn cost(&self, v: usize) -> u64 {
        size(self.set(Side::Predecessors, v)) * size(self.set(Side::Successors, v))
    }

    /// The growth of the Markowitz costs of all other vertices when `v` is eliminated.
    ///
    /// Inputs and outputs add nothing, because they lack one side.
    pub(super) fn growth(&mut self, v: usize) -> i64 {
        let mut growth = 0;
        for (near, far) in [
            (Side::Predecessors, Side::Successors),
            (Side::Successors, Side::Predecessors),
        ] {
            let joined = self.set(far, v);
            for n in members(self.set(near, v)) {
                let own = self.set(far, n);
                let union: u64 = (own.iter().zip(joined))
                    .map(|(a, b)| u64::from((a | b).count_ones()))
                    .sum();
                // `v` itself leaves all neighbourhoods.
                let more = union as i64 - 1 - size(own) as i64;
                growth += more * size(self.set(near, n)) as i64;
            }
        }
        let count = size(self.set(Side::Predecessors, v)) + size(self.set(Side::Successors, v));
        self.touched += (count + 1) * self.words as u64 * 3;
        growth
    }

    /// Eliminates a vertex, and returns the cost.
    pub(super) fn eliminate(&mut self, v: usize) -> u64 {
        let row = v * self.words..(v + 1) * self.words;
        let before = size(&self.predecessors[row.clone()]);
        let after = size(&self.successors[row.clone()]);
        join(&mut self.successors, &self.predecessors, self.words, v);
        join(&mut self.predecessors, &self.successors, self.words, v);
        self.predecessors[row.clone()].fill(0);
        self.successors[row].fill(0);
        self.touched += (before + after + 2) * self.words as u64;
        before * after
    }
}

/// In the sets of all neighbours of `v` on one side, replaces `v` by its neighbours on the other.
fn join(sets: &mut [u64], neighbours: &[u64], words: usize, v: usize) {
    let (at, bit) = (v / 64, 1u64 << (v % 64));
    for n in members(&neighbours[v * words..][..words]) {
        for k in 0..words {
            sets[n * words + k] |= sets[v * words + k];
        }
        sets[n * words + at] &= !bit;
    }
}

fn size(set: &[u64]) -> u64 {
    set.iter().map(|w| u64::from(w.count_ones())).sum()
}

/// The members of a set, ascending.
fn members(set: &[u64]) -> impl Iterator<Item = usize> + '_ {
    set.iter().enumerate().flat_map(|(w, &bits)| {
        std::iter::successors(Some(bits), |b| Some(b & b.wrapping_sub(1)))
            .take_while(|b| *b != 0)
            .map(move |b| w * 64 + b.trailing_zeros() as usize)
    })
}
