//! Applies a program to every row of its inputs at once.

use crate::GraphTransforms;
use gradus_ir::primitives::Batch;
use gradus_ir::{Error, ErrorKind, Graph, Op, Result, ValueId, verify};

/// Checks that a machine can address the program that [`batch`] makes from `graph` for `n` rows.
///
/// # Errors
/// If it cannot. The error names the first operation whose results for all rows are too large.
pub fn check_rows(graph: &Graph, n: usize, batched: &[bool]) -> Result<()> {
    let inputs = graph.inputs().iter().zip(batched);
    let sources: Vec<ValueId> = inputs.filter(|(_, b)| **b).map(|(&i, _)| i).collect();
    let has_axis = graph.dependents_of(&sources);
    for node in graph.nodes() {
        let given = node.results().zip(node.types());
        for (_, ty) in given.filter(|(v, _)| has_axis[v.index()]) {
            if !ty.batched(n).is_addressable() {
                let name = node.op.name();
                let message = format!("no memory can hold {n} times the {ty} that {name} gives");
                return Err(Error::new(ErrorKind::Memory, message).at(node.loc));
            }
        }
        if !node.operands.iter().any(|o| has_axis[o.index()]) {
            continue;
        }
        if let Op::Region(region) = &node.op {
            for (_, body) in region.bodies() {
                check_rows(body, n, &vec![true; body.inputs().len()])?;
            }
        }
    }
    Ok(())
}

/// The program that applies `graph` to `n` rows: inputs marked in `batched` get a new leading axis of size `n`.
///
/// Returns the program and, for each output, whether it has the new axis.
/// An output that depends on no batched input has none.
pub fn batch(graph: &Graph, n: usize, batched: &[bool]) -> (Graph, Vec<bool>) {
    batch_with(&mut GraphTransforms::default(), graph, n, batched)
}

pub(crate) fn batch_with(
    transforms: &mut GraphTransforms,
    graph: &Graph,
    n: usize,
    batched: &[bool],
) -> (Graph, Vec<bool>) {
    debug_assert_eq!(batched.len(), graph.inputs().len());
    let mut g = Graph::new();
    let mut map: Vec<Option<(ValueId, bool)>> = vec![None; graph.len()];
    for (&i, &b) in graph.inputs().iter().zip(batched) {
        let outer = g.set_loc(graph.maker(i).loc);
        let ty = graph.ty(i);
        let id = g.input(if b { ty.batched(n) } else { ty.clone() });
        g.set_loc(outer);
        map[i.index()] = Some((id, b));
    }
    let live = graph.live();
    for node in graph.nodes() {
        if matches!(node.op, Op::Input(_)) || !node.runs(&live) {
            continue;
        }
        let operands: Vec<(ValueId, bool)> = node
            .operands
            .iter()
            .map(|o| map[o.index()].expect("operands come first"))
            .collect();
        let ids: Vec<ValueId> = operands.iter().map(|&(id, _)| id).collect();
        let flags: Vec<bool> = operands.iter().map(|&(_, b)| b).collect();
        let outer = g.set_loc(node.loc);
        if !flags.contains(&true) {
            let same = g.add_like(node, &ids);
            node.note(&mut map, same.into_iter().map(|id| (id, false)));
        } else {
            let made = node.op.batch(&mut Batch {
                graph: &mut g,
                transforms,
                operands: &ids,
                batched: &flags,
                size: n,
            });
            debug_assert!(
                made.iter()
                    .zip(node.types())
                    .all(|(&(id, has_axis), ty)| match has_axis {
                        true => *g.ty(id) == ty.batched(n),
                        false => g.ty(id) == ty,
                    }),
                "{}: a batched result has the new axis in front",
                node.op.name()
            );
            node.note(&mut map, made);
        }
        g.set_loc(outer);
    }
    let results: Vec<(ValueId, bool)> = graph
        .outputs()
        .iter()
        .map(|o| map[o.index()].expect("outputs are live"))
        .collect();
    g.set_outputs(results.iter().map(|&(id, _)| id).collect());
    verify::check_after("batch", &g);
    (g, results.iter().map(|&(_, b)| b).collect())
}
