//! The graph of a scalar program: vertices, edges with partial derivatives, inputs and outputs.

use std::fmt;

/// An edge: the direct effect of an earlier vertex on the value of a later one.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Edge {
    /// The operand.
    pub from: usize,
    /// The result.
    pub to: usize,
    /// The partial derivative of the result with respect to the operand.
    pub partial: f64,
}

/// A directed acyclic graph of scalars in topological order: first the inputs, then everything computed from them.
///
/// - Only vertices on a path from an input to an output are eliminated and have edges;
///   the rest cannot contribute to the Jacobian. All vertices keep their numbers.
/// - Outputs have no successors.
///   An output that other vertices use, or that is itself an input, gets a copy with an edge of 1,
///   and the copy is the output (A. Griewank, A. Walther, *Evaluating Derivatives*,
///   section 2.2, where dependent variables are assumed to be last).
///   The products with that edge count like any others.
/// - A vertex that is an output twice is one vertex, and two equal rows of the Jacobian.
#[derive(Clone, PartialEq, Debug)]
pub struct ScalarGraph {
    inputs: usize,
    vertices: usize,
    edges: Vec<Edge>,
    outputs: Vec<usize>,
    intermediates: Vec<usize>,
}

/// The reason why a list of edges is not a [`ScalarGraph`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum GraphError {
    /// The edge does not lead from an earlier vertex to a later one.
    NotForward(Edge),
    /// The edge leads into an input.
    IntoInput(Edge),
    /// There is no vertex with this number.
    NoVertex(usize),
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GraphError::NotForward(e) => {
                write!(f, "the edge {} → {} does not lead forward", e.from, e.to)
            }
            GraphError::IntoInput(e) => {
                write!(f, "the edge {} → {} leads into an input", e.from, e.to)
            }
            GraphError::NoVertex(v) => write!(f, "there is no vertex {v}"),
        }
    }
}

impl std::error::Error for GraphError {}

impl ScalarGraph {
    /// A graph of `vertices` vertices. The first `inputs` vertices are inputs.
    ///
    /// Parallel edges become one edge with the sum of the partial derivatives.
    pub fn new(
        inputs: usize,
        vertices: usize,
        edges: impl IntoIterator<Item = Edge>,
        outputs: &[usize],
    ) -> Result<ScalarGraph, GraphError> {
        let mut edges: Vec<Edge> = edges.into_iter().collect();
        for e in &edges {
            if e.from >= e.to {
                return Err(GraphError::NotForward(*e));
            }
            if e.to < inputs {
                return Err(GraphError::IntoInput(*e));
            }
            if e.to >= vertices {
                return Err(GraphError::NoVertex(e.to));
            }
        }
        if let Some(&v) = outputs.iter().find(|&&v| v >= vertices) {
            return Err(GraphError::NoVertex(v));
        }
        if inputs > vertices {
            return Err(GraphError::NoVertex(vertices));
        }
        let (vertices, outputs) = copy_outputs(inputs, vertices, &mut edges, outputs);
        let on_path = on_path(inputs, vertices, &mut edges, &outputs);
        edges.retain(|e| on_path[e.from] && on_path[e.to]);
        edges.dedup_by(|next, e| {
            let parallel = (next.from, next.to) == (e.from, e.to);
            if parallel {
                e.partial += next.partial;
            }
            parallel
        });
        let intermediates = (inputs..vertices)
            .filter(|v| on_path[*v] && !outputs.contains(v))
            .collect();
        Ok(ScalarGraph {
            inputs,
            vertices,
            edges,
            outputs,
            intermediates,
        })
    }

    /// The number of inputs, which are the first vertices.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The number of vertices, including the copies of outputs and the vertices without influence.
    pub fn vertices(&self) -> usize {
        self.vertices
    }

    /// The vertices of the outputs, in the order in which they were given.
    pub fn outputs(&self) -> &[usize] {
        &self.outputs
    }

    /// The edges on paths from inputs to outputs, by their later vertex and then by their earlier one.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// The vertices to eliminate, in topological order.
    pub fn intermediates(&self) -> &[usize] {
        &self.intermediates
    }
}

/// Gives a copy to every output that is used or is an input. Returns the new number of vertices and the outputs.
fn copy_outputs(
    inputs: usize,
    mut vertices: usize,
    edges: &mut Vec<Edge>,
    outputs: &[usize],
) -> (usize, Vec<usize>) {
    let mut copies: Vec<Option<usize>> = vec![None; vertices];
    let mut used: Vec<bool> = (0..vertices).map(|v| v < inputs).collect();
    for e in edges.iter() {
        used[e.from] = true;
    }
    let terminal = outputs.iter().map(|&v| {
        if !used[v] {
            return v;
        }
        *copies[v].get_or_insert_with(|| {
            edges.push(Edge {
                from: v,
                to: vertices,
                partial: 1.0,
            });
            vertices += 1;
            vertices - 1
        })
    });
    let terminal = terminal.collect();
    (vertices, terminal)
}

/// Sorts the edges, and finds for each vertex whether it lies on a path from an input to an output.
fn on_path(inputs: usize, vertices: usize, edges: &mut [Edge], outputs: &[usize]) -> Vec<bool> {
    edges.sort_by_key(|e| (e.to, e.from));
    let mut reached: Vec<bool> = (0..vertices).map(|v| v < inputs).collect();
    for e in edges.iter() {
        reached[e.to] |= reached[e.from];
    }
    let mut reaches = vec![false; vertices];
    for &v in outputs {
        reaches[v] = true;
    }
    for e in edges.iter().rev() {
        reaches[e.from] |= reaches[e.to];
    }
    (reached.into_iter().zip(reaches))
        .map(|(a, b)| a && b)
        .collect()
}
