//! The values that a derivative can reach.

use super::super::{Op, Unary};
use crate::graph::Graph;

/// For each output of `body`, whether a derivative can reach it from the marked inputs.
pub(super) fn reached(body: &Graph, marked: &[bool]) -> Vec<bool> {
    let active = active_values(body, marked);
    body.outputs().iter().map(|o| active[o.index()]).collect()
}

/// For each value of `body`, whether a derivative can reach it from the marked inputs;
/// inputs beyond the marks are not active.
pub(super) fn active_values(body: &Graph, marked: &[bool]) -> Vec<bool> {
    let mut active = vec![false; body.len()];
    for node in body.nodes() {
        let reached = match node.op {
            Op::Input(i) => marked.get(i as usize) == Some(&true),
            Op::Unary(Unary::StopGradient) => false,
            _ => node.operands.iter().any(|o| active[o.index()]),
        };
        for (v, ty) in node.results().zip(node.types()) {
            active[v.index()] = reached && ty.dtype.has_derivatives();
        }
    }
    active
}

/// The marked positions.
pub(super) fn positions(marked: &[bool]) -> Vec<usize> {
    (0..marked.len()).filter(|&k| marked[k]).collect()
}

/// The values spread to the marked positions.
pub(super) fn spread<T>(marked: &[bool], values: impl IntoIterator<Item = T>) -> Vec<Option<T>> {
    let mut values = values.into_iter();
    let places = marked.iter();
    places
        .map(|&m| if m { values.next() } else { None })
        .collect()
}
