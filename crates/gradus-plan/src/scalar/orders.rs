//! Orders of elimination, their costs, and the Jacobian that they accumulate.

use super::elimination::Elimination;
use super::graph::ScalarGraph;
use std::fmt;

/// The reason why a list of vertices is not an order of elimination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OrderError {
    /// The vertex cannot be eliminated: an input, an output,
    /// without influence on the Jacobian, or not in the graph.
    NotIntermediate(usize),
    /// The vertex stands in the order more than once.
    Twice(usize),
    /// The vertex is missing.
    Missing(usize),
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OrderError::NotIntermediate(v) => write!(f, "vertex {v} is not one to eliminate"),
            OrderError::Twice(v) => write!(f, "vertex {v} is eliminated twice"),
            OrderError::Missing(v) => write!(f, "vertex {v} is never eliminated"),
        }
    }
}

impl std::error::Error for OrderError {}

impl ScalarGraph {
    /// The order of forward mode: the order of the program.
    pub fn forward_order(&self) -> Vec<usize> {
        self.intermediates().to_vec()
    }

    /// The order of reverse mode: from the outputs to the inputs.
    pub fn reverse_order(&self) -> Vec<usize> {
        self.intermediates().iter().rev().copied().collect()
    }

    /// The order that always takes a vertex of lowest Markowitz cost
    /// (predecessors times successors); among equals, the earliest.
    pub fn markowitz_order(&self) -> Vec<usize> {
        let mut state = Elimination::new(self);
        let mut rest = self.intermediates().to_vec();
        let mut order = Vec::with_capacity(rest.len());
        while let Some(at) = (0..rest.len()).min_by_key(|&i| state.cost(rest[i])) {
            let v = rest.remove(at);
            state.eliminate(v);
            order.push(v);
        }
        order
    }

    /// The number of multiplications that this order takes to accumulate the Jacobian.
    pub fn multiplications(&self, order: &[usize]) -> Result<u64, OrderError> {
        self.check(order)?;
        let mut state = Elimination::new(self);
        Ok(order.iter().map(|&v| state.eliminate(v)).sum())
    }

    /// The Jacobian with one row per output, accumulated by eliminating in this order.
    pub fn jacobian(&self, order: &[usize]) -> Result<Vec<Vec<f64>>, OrderError> {
        self.check(order)?;
        let mut into: Vec<Vec<(usize, f64)>> = vec![Vec::new(); self.vertices()];
        for e in self.edges() {
            into[e.to].push((e.from, e.partial));
        }
        eliminate(&mut into, order, |outer, inner, sum| match sum {
            Some(sum) => sum + outer * inner,
            None => outer * inner,
        });
        let row = |&output: &usize| {
            let mut row = vec![0.0; self.inputs()];
            for &(from, partial) in &into[output] {
                row[from] = partial;
            }
            row
        };
        Ok(self.outputs().iter().map(row).collect())
    }

    fn check(&self, order: &[usize]) -> Result<(), OrderError> {
        let mut open = vec![None; self.vertices()];
        for &v in self.intermediates() {
            open[v] = Some(true);
        }
        for &v in order {
            match open.get_mut(v).and_then(Option::as_mut) {
                None => return Err(OrderError::NotIntermediate(v)),
                Some(false) => return Err(OrderError::Twice(v)),
                Some(is_open) => *is_open = false,
            }
        }
        match open.iter().position(|o| *o == Some(true)) {
            Some(v) => Err(OrderError::Missing(v)),
            None => Ok(()),
        }
    }
}

/// Eliminates vertices in this order. `into` has the edges into each vertex, with the partial derivative along each.
/// `join` gives the product of two partial derivatives, added to the sum that is there, if one is.
pub(super) fn eliminate<T: Copy>(
    into: &mut [Vec<(usize, T)>],
    order: &[usize],
    mut join: impl FnMut(T, T, Option<T>) -> T,
) {
    for &v in order {
        let before = std::mem::take(&mut into[v]);
        for after in &mut *into {
            let Some(at) = after.iter().position(|(from, _)| *from == v) else {
                continue;
            };
            let (_, outer) = after.swap_remove(at);
            for &(from, inner) in &before {
                match after.iter_mut().find(|(f, _)| *f == from) {
                    Some((_, sum)) => *sum = join(outer, inner, Some(*sum)),
                    None => after.push((from, join(outer, inner, None))),
                }
            }
        }
    }
}
