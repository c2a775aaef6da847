//! A linear program as a small graph: narrow arrays, and the segments of the program between them.

use super::block_shape::BlockShape;
use super::keys::keys;
use super::vector_cost::VectorCost;
use crate::cost::{CostMetric, estimate};
use crate::matrix::Matrix;
use crate::options::SearchLimits;
use crate::reason::{LARGE, Reason};
use crate::segments::{self, Segment};
use gradus_ir::{Graph, Type, ValueId};

/// The most inputs and outputs of a program that elimination considers.
const MOST_ENDS: usize = 24;
/// The most arrays that can be eliminated: the search has a bit of a word for each vertex, and a table of all pairs.
const MOST_KEYS: usize = 32;

/// An array, and the segment of the program that computes it from the arrays before it.
pub(crate) struct Vertex {
    pub ty: Type,
    /// The vertices that the segment starts at, in the order of its inputs.
    pub before: Vec<usize>,
    /// None for an input.
    pub segment: Option<Segment>,
    /// For each vertex before: the cost of the derivative by it, by pushing columns.
    forward: Vec<f64>,
    /// The cost of all these derivatives by pulling rows.
    reverse: f64,
    /// The shapes of these derivatives. `None` is zero, for example where a loop carries two arrays side by side.
    pub(super) shapes: Vec<Option<BlockShape>>,
    /// For each vertex before: the cost of pushing vectors from there to here.
    pub(super) push: Vec<VectorCost>,
    /// The cost of pulling vectors back to all of them.
    pub(super) pull: VectorCost,
}

impl Vertex {
    /// The cost of the derivatives by the vertices before at these places, and whether rows are pulled for them.
    pub fn accumulated(&self, places: impl Iterator<Item = usize>) -> (f64, bool) {
        let forward: f64 = places.map(|k| self.forward[k]).sum();
        (forward.min(self.reverse), self.reverse < forward)
    }
}

/// The inputs, the arrays that can be eliminated in the order of the program, then the outputs.
pub(crate) struct EliminationGraph {
    pub vertices: Vec<Vertex>,
    pub inputs: usize,
    pub outputs: usize,
}

impl EliminationGraph {
    /// `None` if there is nothing to gain, or if the program is a chain.
    ///
    /// # Errors
    /// If the limits leave no array to eliminate.
    pub fn of(
        tangent: &Graph,
        residuals: usize,
        limits: SearchLimits,
        metric: CostMetric<'_>,
    ) -> Result<Option<EliminationGraph>, Reason> {
        let x = &tangent.inputs()[residuals..];
        if x.len() + tangent.outputs().len() > MOST_ENDS {
            return Err(LARGE);
        }
        let single = segments::cuts(tangent, x);
        let active = tangent.dependents_of(x);
        let mut most = limits.vertices.min(MOST_KEYS);
        let (starts, extents) = loop {
            let keys = keys(tangent, residuals, most);
            // Chains are planned by the dynamic program.
            if keys.iter().all(|k| single.contains(k)) {
                return Ok(None);
            }
            let starts = [x, &keys].concat();
            let ends = keys.iter().map(|&key| (key, true));
            let ends = ends.chain(tangent.outputs().iter().map(|&y| (y, false)));
            let extents: Vec<(ValueId, Extent)> = ends
                .map(|(node, key)| (node, Extent::of(tangent, &active, &starts, node, key)))
                .collect();
            if extents
                .iter()
                .map(|(_, extent)| extent.work())
                .sum::<usize>()
                <= limits.nodes
            {
                break (starts, extents);
            }
            most /= 2;
            if most == 0 {
                return Err(LARGE);
            }
        };
        let mut types: Vec<Type> = tangent.input_types();
        types.truncate(residuals);
        let mut vertices: Vec<Vertex> = x
            .iter()
            .map(|&x| Vertex {
                ty: tangent.ty(x).clone(),
                before: Vec::new(),
                segment: None,
                forward: Vec::new(),
                reverse: 0.0,
                shapes: Vec::new(),
                push: Vec::new(),
                pull: VectorCost::default(),
            })
            .collect();
        for (node, Extent { before, .. }) in extents {
            let from: Vec<ValueId> = before.iter().map(|&k| starts[k]).collect();
            let segment = Segment::between(tangent, residuals, &from, &[node]);
            let ty = tangent.ty(node).clone();
            vertices.push(vertex(&types, ty, before, segment, metric));
        }
        Ok(Some(EliminationGraph {
            vertices,
            inputs: x.len(),
            outputs: tangent.outputs().len(),
        }))
    }

    /// The vertices that can be eliminated.
    pub fn middle(&self) -> std::ops::Range<usize> {
        self.inputs..self.vertices.len() - self.outputs
    }
}

/// Where the segment of an array starts.
struct Extent {
    /// The vertices at which paths to the array begin.
    before: Vec<usize>,
    /// Nodes of the segment, bodies of loops, branches and calls included.
    nodes: usize,
}

impl Extent {
    fn of(
        tangent: &Graph,
        active: &[bool],
        starts: &[ValueId],
        node: ValueId,
        key: bool,
    ) -> Extent {
        let mut found = vec![false; starts.len()];
        let mut seen = vec![false; tangent.len()];
        let mut nodes = 0;
        let mut open = match key {
            true => tangent.maker(node).operands.to_vec(),
            false => vec![node],
        };
        while let Some(id) = open.pop() {
            if !active[id.index()] || std::mem::replace(&mut seen[id.index()], true) {
                continue;
            }
            let bodies = tangent.region(id).map(|r| r.bodies()).unwrap_or_default();
            nodes += 1 + bodies.iter().map(|(_, body)| body.len()).sum::<usize>();
            match starts.iter().position(|&s| s == id) {
                Some(k) => found[k] = true,
                None => open.extend(tangent.maker(id).operands.iter().copied()),
            }
        }
        Extent {
            before: (0..starts.len()).filter(|&k| found[k]).collect(),
            nodes,
        }
    }

    /// Nodes visited to cost the segment: one pass from each array before it, and one pass back.
    fn work(&self) -> usize {
        self.nodes * (self.before.len() + 1)
    }
}

/// The vertex of an array of this type, whose segment starts at the vertices `before`.
fn vertex(
    residuals: &[Type],
    ty: Type,
    before: Vec<usize>,
    segment: Segment,
    metric: CostMetric<'_>,
) -> Vertex {
    let types = segment.input_types();
    let fresh = || {
        let mut g = Graph::new();
        let own = segment.own(residuals);
        let own: Vec<ValueId> = own.into_iter().map(|ty| g.input(ty)).collect();
        (g, own)
    };
    let cost = |mut g: Graph, matrix: Matrix| {
        g.set_outputs(matrix.tensors());
        metric.of(estimate(&g, metric.profile))
    };
    let (mut forward, mut shapes) = (Vec::new(), Vec::new());
    for k in 0..types.len() {
        let (mut g, own) = fresh();
        let column = Matrix::unit_column(&mut g, &types, k).pushed(&mut g, &segment, &own);
        shapes.push(column.get(0, 0).map(|block| BlockShape::of(&g, block)));
        forward.push(cost(g, column));
    }
    let (mut g, own) = fresh();
    let unit = Matrix::identity(&mut g, std::slice::from_ref(&ty));
    let row = unit.pulled(&mut g, &segment, &own);
    let reverse = cost(g, row);
    let program = &segment.forward;
    let inputs = &program.inputs()[program.inputs().len() - types.len()..];
    let push = inputs
        .iter()
        .map(|&x| VectorCost::of(program, &[x], metric));
    Vertex {
        ty,
        before,
        forward,
        reverse,
        shapes,
        push: push.collect(),
        pull: VectorCost::of(program, inputs, metric),
        segment: Some(segment),
    }
}
