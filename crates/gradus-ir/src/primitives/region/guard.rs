//! Programs that run where they originally would not: for a row that is done while other rows continue,
//! or that takes another branch. The guard prevents failures there, and nothing is shown.

use super::super::{Dynamic, Op};
use super::Body;
use crate::graph::{Graph, ValueId};
use crate::types::{DType, Type};

/// A region that some rows do not run, and the program to which it is appended.
pub(super) struct Guard<'a> {
    pub graph: &'a mut Graph,
    /// Whether the row runs it.
    pub runs: ValueId,
    /// The operands of the region. If the guarded region needs [`runs`](Self::runs), it is added.
    pub operands: &'a mut Vec<ValueId>,
}

impl Guard<'_> {
    /// `x` if the row runs the region, else `otherwise`.
    pub fn choose(&mut self, x: ValueId, otherwise: ValueId) -> ValueId {
        choose(self.graph, self.runs, x, otherwise)
    }
}

/// `body` with one more input at position `at`: whether the row runs it.
/// Inside regions all values count as different from row to row.
pub(super) fn inside(body: &Body, at: usize) -> Body {
    let all = vec![true; body.inputs().len()];
    let guarded = with_flags(body, &all, at, |g| {
        let flag = g.input(Type::scalar(DType::Bool));
        (flag, flag)
    });
    guarded.into()
}

/// `body` with two more inputs: whether the row runs it, and whether any row does.
/// If the row does not run it, indices are zero, checks are true, loops with a condition end, nothing is shown,
/// and results are ignored.
///
/// `differs` marks the inputs that differ from row to row.
/// A value that follows from none of them is the same for all rows, and uses the flag for any row.
pub(super) fn guarded(body: &Graph, differs: &[bool]) -> Graph {
    let bool = Type::scalar(DType::Bool);
    let at = body.inputs().len();
    with_flags(body, differs, at, |g| {
        let runs = g.input(bool.clone());
        (runs, g.input(bool))
    })
}

/// `body` with the inputs that `flags` makes at position `at`: the flag for values that differ from row to row,
/// and the flag for all other values.
fn with_flags(
    body: &Graph,
    differs: &[bool],
    at: usize,
    flags: impl FnOnce(&mut Graph) -> (ValueId, ValueId),
) -> Graph {
    let sources = body.inputs().iter().zip(differs);
    let sources: Vec<ValueId> = sources.filter(|(_, d)| **d).map(|(&i, _)| i).collect();
    let differs = body.dependents_of(&sources);
    let mut g = Graph::new();
    let mut map: Vec<Option<ValueId>> = vec![None; body.len()];
    let (before, after) = body.inputs().split_at(at);
    for &i in before {
        map[i.index()] = Some(g.input_like(body, i));
    }
    let (of_row, of_any) = flags(&mut g);
    for &i in after {
        map[i.index()] = Some(g.input_like(body, i));
    }
    for node in body.nodes() {
        if let Op::Input(_) = node.op {
            continue;
        }
        let outer = g.set_loc(node.loc);
        let mut operands: Vec<ValueId> = node
            .operands
            .iter()
            .filter_map(|o| map[o.index()])
            .collect();
        let flag = |k: usize| match differs[node.operands[k].index()] {
            true => of_row,
            false => of_any,
        };
        let mut guarded = None;
        match &node.op {
            Op::Gather(_) => {
                operands[1] = or_zeros(&mut g, flag(1), operands[1]);
            }
            Op::Dynamic(which) => {
                let starts = match which {
                    Dynamic::Slice { .. } => 1,
                    Dynamic::Update => 2,
                };
                operands[starts] = or_zeros(&mut g, flag(starts), operands[starts]);
            }
            Op::Probe(_) => {
                let shown = match operands.get(1) {
                    Some(&shown) => {
                        let no = g.constant_like(0.0, shown);
                        choose(&mut g, flag(0), shown, no)
                    }
                    None => flag(0),
                };
                operands.truncate(1);
                operands.push(shown);
            }
            Op::Region(region) if region.may_fail() || region.has_effects() => {
                let varies = node.operands.iter().any(|o| differs[o.index()]);
                let flag = if varies { of_row } else { of_any };
                guarded = Some(region.rules().guarded(Guard {
                    graph: &mut g,
                    runs: flag,
                    operands: &mut operands,
                }));
            }
            _ => {}
        }
        match guarded {
            None => node.note(&mut map, g.add_like(node, &operands)),
            Some(region) => node.note(&mut map, g.emit_region(region, &operands)),
        }
        g.set_loc(outer);
    }
    let outputs = body.outputs().iter().filter_map(|o| map[o.index()]);
    let outputs = outputs.collect();
    g.set_outputs(outputs);
    g
}

/// `x` if the row runs, else zeros, which are a valid index for every array.
fn or_zeros(g: &mut Graph, goes_on: ValueId, x: ValueId) -> ValueId {
    let zeros = g.constant_like(0.0, x);
    choose(g, goes_on, x, zeros)
}

fn choose(g: &mut Graph, goes_on: ValueId, x: ValueId, otherwise: ValueId) -> ValueId {
    let shape = g.shape(x).to_vec();
    let condition = g.broadcast(goes_on, &shape, &[]);
    g.select(condition, x, otherwise)
}
