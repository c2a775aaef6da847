//! Searches for a cheap order of elimination by the shapes of blocks. No program is built.

use super::block_shape::{BlockShape, BlockShapes};
use super::graph::EliminationGraph;
use super::order::{Elimination, EliminationStep, FoundBy, Join};
use crate::cost::CostMetric;
use crate::options::SearchLimits;

/// The derivative of a vertex by an earlier one.
#[derive(Clone, Copy, Default)]
struct Edge {
    /// Whether the derivative along a segment is not accumulated yet.
    lazy: bool,
    /// The shape of the accumulated derivative.
    shape: Option<u32>,
}

/// A graph with some vertices eliminated.
#[derive(Clone)]
struct State {
    edges: Vec<Edge>,
    /// A bit for each vertex that is not eliminated yet.
    left: u64,
    spent: f64,
    /// The cost of accumulating the rest without further eliminations.
    ahead: f64,
    steps: Vec<(usize, Join)>,
}

struct Table<'a> {
    graph: &'a EliminationGraph,
    metric: CostMetric<'a>,
    shapes: BlockShapes<'a>,
    /// The shapes of the derivatives of each vertex by the vertices before it.
    own: Vec<Vec<Option<u32>>>,
    tried: usize,
}

/// The best order found for the graph, if it costs less than about `to_beat`, the cost of the best known candidate.
pub(crate) fn search(
    graph: &EliminationGraph,
    metric: CostMetric<'_>,
    limits: SearchLimits,
    to_beat: f64,
) -> Option<Elimination> {
    let mut shapes = BlockShapes::new(metric);
    let own = (graph.vertices.iter())
        .map(|v| {
            let numbered = |f: &Option<BlockShape>| f.clone().map(|f| shapes.number(f));
            v.shapes.iter().map(numbered).collect()
        })
        .collect();
    let mut table = Table {
        graph,
        metric,
        shapes,
        own,
        tried: 0,
    };
    let start = table.start();
    let orders = [
        (FoundBy::Forward, Join::Push),
        (FoundBy::Reverse, Join::Pull),
        (FoundBy::Products, Join::Product),
    ];
    let mut found: Vec<(State, FoundBy)> = Vec::new();
    for (name, join) in orders {
        let mut state = start.clone();
        let mut order: Vec<usize> = graph.middle().collect();
        if join == Join::Pull {
            order.reverse();
        }
        for v in order {
            table.eliminate(&mut state, v, join);
        }
        found.push((state, name));
    }
    found.push((table.greedy(start.clone()), FoundBy::Markowitz));
    let beam = table.beam(start, limits);
    let bounded = beam.is_none();
    found.extend(beam.map(|state| (state, FoundBy::Beam)));
    let (best, found_by) = found
        .into_iter()
        .reduce(|a, b| if b.0.total() < a.0.total() { b } else { a })?;
    let worth = best.total() < to_beat * MOST_OF_BEST;
    worth.then(|| Elimination {
        steps: best
            .steps
            .iter()
            .map(|&(v, join)| EliminationStep {
                vertex: v - graph.inputs,
                join,
            })
            .collect(),
        widths: graph
            .middle()
            .map(|v| graph.vertices[v].ty.elements())
            .collect(),
        found_by,
        bounded,
    })
}

/// The search does not see which kernels run together,
/// so an order can be cheaper than estimated, by up to this factor.
/// The planner does not build an order that costs more.
const MOST_OF_BEST: f64 = 1.2;

impl State {
    fn total(&self) -> f64 {
        self.spent + self.ahead
    }
}

impl Table<'_> {
    fn start(&self) -> State {
        let n = self.graph.vertices.len();
        let mut edges = vec![Edge::default(); n * n];
        for (w, vertex) in self.graph.vertices.iter().enumerate() {
            for (&u, shape) in vertex.before.iter().zip(&vertex.shapes) {
                edges[w * n + u].lazy = shape.is_some();
            }
        }
        let mut state = State {
            edges,
            left: self.graph.middle().fold(0, |bits, v| bits | 1 << v),
            spent: 0.0,
            ahead: 0.0,
            steps: Vec::new(),
        };
        state.ahead = self.ahead(&state);
        state
    }

    /// The places before `w` along which the derivative is not accumulated.
    fn open<'s>(&'s self, state: &'s State, w: usize) -> impl Iterator<Item = usize> + 's {
        let row = w * self.graph.vertices.len();
        let before = self.graph.vertices[w].before.iter().enumerate();
        before.filter_map(move |(k, &u)| state.edges[row + u].lazy.then_some(k))
    }

    fn ahead(&self, state: &State) -> f64 {
        (self.graph.inputs..self.graph.vertices.len())
            .filter(|&w| self.open(state, w).next().is_some())
            .map(|w| self.graph.vertices[w].accumulated(self.open(state, w)).0)
            .sum()
    }

    fn add(&mut self, state: &mut State, from: usize, to: usize, shape: u32) {
        let at = to * self.graph.vertices.len() + from;
        state.edges[at].shape = Some(match state.edges[at].shape {
            None => shape,
            Some(so_far) => {
                let (sum, cost) = self.shapes.sum(so_far, shape);
                state.spent += cost;
                sum
            }
        });
    }

    fn accumulate(&mut self, state: &mut State, w: usize) {
        let open: Vec<usize> = self.open(state, w).collect();
        if open.is_empty() {
            return;
        }
        let n = self.graph.vertices.len();
        state.spent += self.graph.vertices[w].accumulated(open.iter().copied()).0;
        for k in open {
            let u = self.graph.vertices[w].before[k];
            state.edges[w * n + u].lazy = false;
            let shape = self.by(w, u);
            self.add(state, u, w, shape);
        }
    }

    fn eliminate(&mut self, state: &mut State, v: usize, join: Join) {
        self.tried += 1;
        let n = self.graph.vertices.len();
        if join != Join::Pull {
            self.accumulate(state, v);
        }
        for w in v + 1..n {
            if state.edges[w * n + v].lazy && join != Join::Push {
                self.accumulate(state, w);
            }
            let out = std::mem::take(&mut state.edges[w * n + v]);
            if let Some(outer) = out.shape {
                let mut pulled = 0;
                for u in 0..v {
                    let edge = state.edges[v * n + u];
                    if let Some(inner) = edge.shape {
                        let (shape, cost) = self.shapes.product(outer, inner);
                        state.spent += cost;
                        self.add(state, u, w, shape);
                    }
                    if edge.lazy {
                        let shape = self.shapes.product(outer, self.by(v, u)).0;
                        pulled = pulled.max(self.shapes.get(shape).covectors());
                        self.add(state, u, w, shape);
                    }
                }
                if pulled > 0 {
                    let pull = &self.graph.vertices[v].pull;
                    state.spent += pull.of_vectors(pulled, self.metric);
                }
            }
            if out.lazy {
                for u in 0..v {
                    let Some(inner) = state.edges[v * n + u].shape else {
                        continue;
                    };
                    let shape = self.shapes.product(self.by(w, v), inner).0;
                    let push = &self.graph.vertices[w].push[self.place(w, v)];
                    let vectors = self.shapes.get(shape).vectors();
                    state.spent += push.of_vectors(vectors, self.metric);
                    self.add(state, u, w, shape);
                }
            }
        }
        state.edges[v * n..(v + 1) * n].fill(Edge::default());
        state.left &= !(1 << v);
        state.ahead = self.ahead(state);
        state.steps.push((v, join));
    }

    fn place(&self, w: usize, u: usize) -> usize {
        let mut before = self.graph.vertices[w].before.iter();
        let place = before.position(|&b| b == u);
        place.expect("an edge begins before its end")
    }

    /// The shape of the derivative of `w` by `u` along the segment of `w`.
    fn by(&self, w: usize, u: usize) -> u32 {
        self.own[w][self.place(w, u)].expect("what is left to accumulate is not zero")
    }

    /// All graphs with one vertex fewer.
    fn next(&mut self, state: &State) -> Vec<State> {
        let mut all = Vec::new();
        for v in self.graph.middle().filter(|v| state.left >> v & 1 == 1) {
            for join in Join::ALL {
                let mut next = state.clone();
                self.eliminate(&mut next, v, join);
                all.push(next);
            }
        }
        all
    }

    /// Eliminates the cheapest vertex first: the one with the lowest Markowitz cost, measured on tensors.
    fn greedy(&mut self, mut state: State) -> State {
        while state.left != 0 {
            let all = self.next(&state);
            let cheapest = |a: State, b: State| if b.spent < a.spent { b } else { a };
            state = (all.into_iter())
                .reduce(cheapest)
                .expect("a vertex is left to eliminate");
        }
        state
    }

    /// Keeps the most promising graphs at each step, which eliminates one vertex. `None` if the limit was reached.
    fn beam(&mut self, start: State, limits: SearchLimits) -> Option<State> {
        self.tried = 0;
        let mut beam = vec![start];
        while beam.first()?.left != 0 {
            let mut all: Vec<State> = Vec::new();
            for state in &beam {
                all.extend(self.next(state));
                if self.tried > limits.tries {
                    return None;
                }
            }
            all.sort_by(|a, b| a.total().total_cmp(&b.total()).then(a.left.cmp(&b.left)));
            // The same vertices at the same cost are the same graph, reached in two orders.
            all.dedup_by(|b, a| b.left == a.left && b.total() == a.total());
            all.truncate(limits.beam);
            beam = all;
        }
        beam.into_iter().next()
    }
}
