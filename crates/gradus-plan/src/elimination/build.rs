//! The derivative accumulated in an order of elimination, appended to a graph.

use super::net::Net;
use super::{How, Step};
use crate::matrix::Matrix;
use gradus_ir::block::Block;
use gradus_ir::{Graph, ValueId};

/// The derivatives between the vertices that are left.
struct Edges<'a> {
    net: &'a Net,
    /// For each vertex, which of the places before it are not accumulated.
    lazy: Vec<Vec<bool>>,
    /// The accumulated derivative of a vertex by an earlier one.
    blocks: Vec<Vec<Option<Block>>>,
    residuals: &'a [ValueId],
}

/// The derivatives of the outputs by the inputs.
pub(crate) fn build(g: &mut Graph, net: &Net, steps: &[Step], residuals: &[ValueId]) -> Matrix {
    let n = net.vertices.len();
    let mut edges = Edges {
        net,
        lazy: (net.vertices.iter())
            .map(|v| v.forms.iter().map(Option::is_some).collect())
            .collect(),
        blocks: vec![vec![None; n]; n],
        residuals,
    };
    for step in steps {
        edges.eliminate(g, net.inputs + step.vertex, step.how);
    }
    let rows = (n - net.outputs..n)
        .map(|y| {
            edges.accumulate(g, y);
            edges.blocks[y][..net.inputs].to_vec()
        })
        .collect();
    Matrix::new(rows, net.inputs)
}

impl Edges<'_> {
    fn add(&mut self, g: &mut Graph, from: usize, to: usize, block: Block) {
        let place = &mut self.blocks[to][from];
        *place = Some(match place.take() {
            None => block,
            // The derivatives asked for have the outputs in front, as have products as they are made: so are sums added up.
            Some(so_far) if so_far.source == block.source => {
                let (a, b) = (so_far.flipped(g), block.flipped(g));
                Block::sum(g, a, b).flipped(g)
            }
            Some(so_far) => Block::sum(g, so_far, block),
        });
    }

    /// Makes what is left of the derivatives of `w` by the vertices before it.
    fn accumulate(&mut self, g: &mut Graph, w: usize) {
        let vertex = &self.net.vertices[w];
        let Some(part) = &vertex.part else { return };
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
            let row = unit.pulled(g, part, &part.own(self.residuals));
            for k in open {
                if let Some(block) = row.get(0, k) {
                    self.add(g, vertex.before[k], w, block.clone());
                }
            }
            return;
        }
        let types = part.input_types();
        for k in open {
            let column =
                Matrix::unit_column(g, &types, k).pushed(g, part, &part.own(self.residuals));
            if let Some(block) = column.get(0, 0) {
                self.add(g, vertex.before[k], w, block.clone());
            }
        }
    }

    fn eliminate(&mut self, g: &mut Graph, v: usize, how: How) {
        let net = self.net;
        let place = |w: usize| net.vertices[w].before.iter().position(|&u| u == v);
        if how != How::Pull {
            self.accumulate(g, v);
        }
        for w in v + 1..net.vertices.len() {
            let open = place(w).filter(|&k| self.lazy[w][k]);
            if open.is_some() && how != How::Push {
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

    /// The rows of `outer` pulled through what is not accumulated of `v`.
    fn pull(&mut self, g: &mut Graph, v: usize, w: usize, outer: Block) {
        let vertex = &self.net.vertices[v];
        let Some(part) = &vertex.part else { return };
        if self.lazy[v].iter().all(|lazy| !lazy) {
            return;
        }
        let row = Matrix::column(vec![Some(outer)]).pulled(g, part, &part.own(self.residuals));
        for (k, &u) in vertex.before.iter().enumerate() {
            if let Some(block) = row.get(0, k).filter(|_| self.lazy[v][k]) {
                self.add(g, u, w, block.clone());
            }
        }
    }

    /// The columns of `inner` pushed through the part of `w` from its place `k` before.
    fn push(&mut self, g: &mut Graph, u: usize, w: usize, k: usize, inner: Block) {
        let vertex = &self.net.vertices[w];
        let Some(part) = &vertex.part else { return };
        let mut column = vec![None; vertex.before.len()];
        column[k] = Some(inner);
        let pushed = Matrix::column(column).pushed(g, part, &part.own(self.residuals));
        if let Some(block) = pushed.get(0, 0) {
            self.add(g, u, w, block.clone());
        }
    }
}
