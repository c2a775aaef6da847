//! The derivative accumulated in an order of elimination, appended to a graph.

use super::graph::EliminationGraph;
use super::order::{EliminationStep, Join};
use crate::matrix::Matrix;
use gradus_ir::block::Block;
use gradus_ir::{Graph, ValueId};

/// The derivatives between the vertices that are left.
struct Edges<'a> {
    graph: &'a EliminationGraph,
    /// For each vertex, whether the derivative along each place before it is not accumulated yet.
    lazy: Vec<Vec<bool>>,
    /// The accumulated derivative of a vertex by an earlier one.
    blocks: Vec<Vec<Option<Block>>>,
    residuals: &'a [ValueId],
}

/// The derivatives of the outputs by the inputs.
pub(crate) fn build(
    g: &mut Graph,
    graph: &EliminationGraph,
    steps: &[EliminationStep],
    residuals: &[ValueId],
) -> Matrix {
    let n = graph.vertices.len();
    let mut edges = Edges {
        graph,
        lazy: (graph.vertices.iter())
            .map(|v| v.shapes.iter().map(Option::is_some).collect())
            .collect(),
        blocks: vec![vec![None; n]; n],
        residuals,
    };
    for step in steps {
        edges.eliminate(g, graph.inputs + step.vertex, step.join);
    }
    let rows = (n - graph.outputs..n)
        .map(|y| {
            edges.accumulate(g, y);
            edges.blocks[y][..graph.inputs].to_vec()
        })
        .collect();
    Matrix::new(rows, graph.inputs)
}

impl Edges<'_> {
    fn add(&mut self, g: &mut Graph, from: usize, to: usize, block: Block) {
        let place = &mut self.blocks[to][from];
        *place = Some(match place.take() {
            None => block,
            // The results have the output axes in front, and so do products. Sums are added in that layout.
            Some(so_far) if so_far.source == block.source => {
                let (a, b) = (so_far.flipped(g), block.flipped(g));
                Block::sum(g, a, b).flipped(g)
            }
            Some(so_far) => Block::sum(g, so_far, block),
        });
    }

    /// Accumulates the derivatives of `w` by the vertices before it that are not accumulated yet.
    fn accumulate(&mut self, g: &mut Graph, w: usize) {
        let vertex = &self.graph.vertices[w];
        let Some(segment) = &vertex.segment else {
            return;
        };
        let open: Vec<usize> = (0..vertex.before.len())
            .filter(|&k| self.lazy[w][k])
            .collect();
        if open.is_empty() {
            return;
        }
        self.lazy[w].fill(false);
        let (_, pulled) = vertex.accumulated(open.iter().copied());
        if pulled {
            let unit = Matrix::identity(g, std::slice::from_ref(&vertex.ty));
            let row = unit.pulled(g, segment, &segment.own(self.residuals));
            for k in open {
                if let Some(block) = row.get(0, k) {
                    self.add(g, vertex.before[k], w, block.clone());
                }
            }
            return;
        }
        let types = segment.input_types();
        for k in open {
            let column =
                Matrix::unit_column(g, &types, k).pushed(g, segment, &segment.own(self.residuals));
            if let Some(block) = column.get(0, 0) {
                self.add(g, vertex.before[k], w, block.clone());
            }
        }
    }

    fn eliminate(&mut self, g: &mut Graph, v: usize, join: Join) {
        let graph = self.graph;
        let place = |w: usize| graph.vertices[w].before.iter().position(|&u| u == v);
        if join != Join::Pull {
            self.accumulate(g, v);
        }
        for w in v + 1..graph.vertices.len() {
            let open = place(w).filter(|&k| self.lazy[w][k]);
            if open.is_some() && join != Join::Push {
                self.accumulate(g, w);
            }
            if let Some(outer) = self.blocks[w][v].take() {
                for u in 0..v {
                    if let Some(inner) = self.blocks[v][u].clone() {
                        let product = Block::product(g, outer.clone(), inner);
                        self.add(g, u, w, product);
                    }
                }
                self.pull(g, v, w, outer);
            }
            if let Some(k) = open.filter(|&k| self.lazy[w][k]) {
                self.lazy[w][k] = false;
                for u in 0..v {
                    if let Some(inner) = self.blocks[v][u].clone() {
                        self.push(g, u, w, k, inner);
                    }
                }
            }
        }
        self.blocks[v].fill(None);
        self.lazy[v].fill(false);
    }

    /// Pulls the rows of `outer` through the segment of `v` to the places along which the derivative is not
    /// accumulated.
    fn pull(&mut self, g: &mut Graph, v: usize, w: usize, outer: Block) {
        let vertex = &self.graph.vertices[v];
        let Some(segment) = &vertex.segment else {
            return;
        };
        if self.lazy[v].iter().all(|lazy| !lazy) {
            return;
        }
        let row =
            Matrix::column(vec![Some(outer)]).pulled(g, segment, &segment.own(self.residuals));
        for (k, &u) in vertex.before.iter().enumerate() {
            if let Some(block) = row.get(0, k).filter(|_| self.lazy[v][k]) {
                self.add(g, u, w, block.clone());
            }
        }
    }

    /// Pushes the columns of `inner` through the segment of `w` from place `k` before it.
    fn push(&mut self, g: &mut Graph, u: usize, w: usize, k: usize, inner: Block) {
        let vertex = &self.graph.vertices[w];
        let Some(segment) = &vertex.segment else {
            return;
        };
        let mut column = vec![None; vertex.before.len()];
        column[k] = Some(inner);
        let pushed = Matrix::column(column).pushed(g, segment, &segment.own(self.residuals));
        if let Some(block) = pushed.get(0, 0) {
            self.add(g, u, w, block.clone());
        }
    }
}
