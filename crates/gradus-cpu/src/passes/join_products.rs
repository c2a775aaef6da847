//! Joins products of few rows with the same large matrix, so that the matrix is read once.

use gradus_ir::primitives::{Contract, Layout, Op};
use gradus_ir::{Dims, FloatType, Graph, Loc, ValueId};
use std::collections::HashMap;

/// A smaller matrix is in a near cache, and reading it takes no time.
const LARGE: usize = 32_768;
/// The most rows of one operand, and of all together. With more, multiplying takes longer than reading.
const FEW: usize = 8;
const FEW_TOGETHER: usize = 16;
/// The most joined products in a graph. Each search covers the whole graph.
const MOST: usize = 64;
/// The most searches for products that can be joined.
/// Each walks through the graph, and a long recurrence has none.
const MOST_LOOKS: usize = 256;

/// A value and its tangent are multiplied by the same weights.
/// So are the tangents in a product with a Hessian, and the cotangents of a mixed order.
/// If neither product needs the other, their rows are concatenated.
/// Programs that show values stay unchanged, so that values are shown in order.
pub(super) fn join_products(graph: &Graph) -> Graph {
    let mut graph = graph.clone();
    if graph.ids().any(|id| graph.maker(id).op.is_effect()) {
        return graph;
    }
    let mut looks = MOST_LOOKS;
    for _ in 0..MOST {
        match group(&graph, &mut looks) {
            Some(group) => graph = joined(&graph, &group),
            None => break,
        }
    }
    graph
}

/// A product of few rows with a matrix.
#[derive(Clone, Debug)]
struct Member {
    product: ValueId,
    few: ValueId,
    /// The summed axis of the few rows.
    axis: usize,
    /// Whether the few rows are the left operand.
    left: bool,
    rows: usize,
}

/// Products with one matrix that do not depend on each other.
struct Group {
    matrix: ValueId,
    /// The summed axis of the matrix.
    axis: usize,
    members: Vec<Member>,
}

fn group(graph: &Graph, looks: &mut usize) -> Option<Group> {
    let live = graph.live();
    let mut found: HashMap<(ValueId, usize), Vec<Member>> = HashMap::new();
    let mut order = Vec::new();
    for id in graph.ids().filter(|id| live[id.index()]) {
        for (key, member) in members(graph, id) {
            let all = found.entry(key).or_default();
            if all.is_empty() {
                order.push(key);
            }
            all.push(member);
        }
    }
    order.iter().find_map(|key| {
        let all = &found[key];
        (0..all.len().saturating_sub(1)).find_map(|first| {
            let members = independent(graph, &all[first..], looks);
            (members.len() > 1).then_some(Group {
                matrix: key.0,
                axis: key.1,
                members,
            })
        })
    })
}

/// The ways to see a product as a product of few rows with a large matrix.
fn members(graph: &Graph, id: ValueId) -> Vec<((ValueId, usize), Member)> {
    let node = graph.maker(id);
    let Op::Contract(c) = &node.op else {
        return Vec::new();
    };
    let (&[l], &[r]) = (c.contract_left.as_slice(), c.contract_right.as_slice()) else {
        return Vec::new();
    };
    // Elements that are widened first would add up differently in a product of another size.
    let native = node.ty().dtype.float().and_then(FloatType::native);
    if !c.batch_left.is_empty() || native.is_none() {
        return Vec::new();
    }
    let [a, b] = [node.operands[0], node.operands[1]];
    let ways = [(a, l, true, b, r), (b, r, false, a, l)];
    let ways = ways
        .into_iter()
        .filter_map(|(few, axis, left, matrix, summed)| {
            let k = graph.shape(few)[axis];
            let elements = graph.ty(matrix).elements();
            if graph.shape(matrix).len() != 2 || elements < LARGE || k == 0 {
                return None;
            }
            let rows = graph.ty(few).elements() / k;
            let member = Member {
                product: id,
                few,
                axis,
                left,
                rows,
            };
            let fits = (1..=FEW).contains(&rows) && elements / k > FEW;
            fits.then(|| (as_it_lies(graph, matrix, summed), member))
        });
    ways.collect()
}

/// The matrix behind transposed views, and its axis.
fn as_it_lies(graph: &Graph, matrix: ValueId, axis: usize) -> (ValueId, usize) {
    let node = graph.maker(matrix);
    match &node.op {
        Op::Layout(Layout::Transpose(order)) => as_it_lies(graph, node.operands[0], order[axis]),
        _ => (matrix, axis),
    }
}

/// The first product and later ones that depend on none of these, as long as their rows together are few.
fn independent(graph: &Graph, all: &[Member], looks: &mut usize) -> Vec<Member> {
    if *looks == 0 {
        return Vec::new();
    }
    *looks -= 1;
    let mut taken = vec![all[0].clone()];
    let mut rows = all[0].rows;
    let mut needs = graph.dependents_of(&[all[0].product]);
    for member in &all[1..] {
        if needs[member.product.index()] || rows + member.rows > FEW_TOGETHER {
            continue;
        }
        rows += member.rows;
        taken.push(member.clone());
        for (old, new) in needs.iter_mut().zip(graph.dependents_of(&[member.product])) {
            *old |= new;
        }
    }
    taken
}

/// The graph with one product in place of the members of a group.
fn joined(graph: &Graph, group: &Group) -> Graph {
    let mut out = Graph::new();
    let mut map: Vec<Option<ValueId>> = vec![None; graph.len()];
    let is_member = |id: ValueId| group.members.iter().any(|m| m.product == id);
    for &id in graph.inputs() {
        map[id.index()] = Some(out.input_like(graph, id));
    }
    let mut made = vec![false; graph.nodes().len()];
    for &id in graph.inputs() {
        made[graph.maker_id(id).index()] = true;
    }
    // The order stays, except that nodes that members need come before the first member.
    for id in graph.node_ids() {
        let mut ahead = vec![id];
        while let Some(&id) = ahead.last() {
            if made[id.index()] {
                ahead.pop();
                continue;
            }
            let node = graph.node(id);
            let joins = node.results().any(is_member);
            let needed: Vec<ValueId> = match joins {
                true => (group.members.iter().map(|m| m.few))
                    .chain([group.matrix])
                    .collect(),
                false => node.operands.to_vec(),
            };
            let makers = needed.iter().map(|&o| graph.maker_id(o));
            let missing = makers.filter(|maker| !made[maker.index()]);
            let before = ahead.len();
            ahead.extend(missing);
            if ahead.len() > before {
                continue;
            }
            ahead.pop();
            let outer = out.set_loc(node.loc);
            let there = |o: &ValueId| map[o.index()].unwrap_or(*o);
            if joins {
                let matrix = there(&group.matrix);
                let few: Vec<ValueId> = group.members.iter().map(|m| there(&m.few)).collect();
                let locs: Vec<Loc> = (group.members.iter())
                    .map(|m| graph.maker(m.product).loc)
                    .collect();
                let products = product(&mut out, matrix, group, &few, &locs);
                for (member, new) in group.members.iter().zip(products) {
                    map[member.product.index()] = Some(new);
                    made[graph.maker_id(member.product).index()] = true;
                }
            } else {
                let operands: Vec<ValueId> = node.operands.iter().map(there).collect();
                node.note(&mut map, out.add_like(node, &operands));
                made[id.index()] = true;
            }
            out.set_loc(outer);
        }
    }
    let outputs = graph.outputs().iter().filter_map(|o| map[o.index()]);
    let outputs: Vec<ValueId> = outputs.collect();
    out.set_outputs(outputs);
    out.pruned()
}

/// The product of all rows together, with the line of the first member,
/// and the slice of it for each member, with that member's line.
fn product(
    out: &mut Graph,
    matrix: ValueId,
    group: &Group,
    few: &[ValueId],
    locs: &[Loc],
) -> Vec<ValueId> {
    let k = out.shape(matrix)[group.axis];
    let n = out.shape(matrix)[1 - group.axis];
    // The free axes of each operand.
    let mut free: Vec<Dims> = Vec::new();
    let mut rows = Vec::new();
    for ((member, &x), &loc) in group.members.iter().zip(few).zip(locs) {
        out.set_loc(loc);
        let rank = out.shape(x).len();
        let others = (0..rank).filter(|&a| a != member.axis);
        free.push(others.clone().map(|a| out.shape(x)[a]).collect());
        let order: Vec<usize> = others.chain([member.axis]).collect();
        let last = out.transpose(x, &order);
        rows.push(out.reshape(last, &[member.rows, k]));
    }
    out.set_loc(locs[0]);
    let together = out.concat(&rows, 0);
    let op = Contract {
        contract_left: Dims::from_slice(&[1]),
        contract_right: Dims::from_slice(&[group.axis]),
        ..Contract::default()
    };
    let all = out.emit(Op::Contract(op.into()), &[together, matrix]);
    let mut from = 0;
    let members = group.members.iter().zip(free).zip(locs);
    let made = members.map(|((member, free), &loc)| {
        out.set_loc(loc);
        let to = from + member.rows;
        let own = out.slice(all, &[from, 0], &[to, n], &[1, 1]);
        from = to;
        let shape: Vec<usize> = free.iter().copied().chain([n]).collect();
        let own = out.reshape(own, &shape);
        let last = free.len();
        match member.left {
            true => own,
            false => {
                let order: Vec<usize> = [last].into_iter().chain(0..last).collect();
                out.transpose(own, &order)
            }
        }
    });
    made.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Array, CompileOptions, Input, compile};

    fn products(graph: &Graph) -> usize {
        let live = graph.live();
        let is = |id: &ValueId| live[id.index()] && matches!(graph.maker(*id).op, Op::Contract(_));
        graph.ids().filter(is).count()
    }

    /// The outputs at integer inputs, for which the order of summing does not matter.
    fn values(graph: &Graph) -> Vec<Vec<f64>> {
        let inputs = graph.input_types().into_iter().enumerate().map(|(k, ty)| {
            let numbers = (0..ty.elements()).map(|i| ((7 * i + 3 * k) % 11) as f64);
            Input::Owned(Array::from_slice(&numbers.collect::<Vec<_>>(), &ty.shape).unwrap())
        });
        let program = compile(graph, &CompileOptions::default()).unwrap();
        let outputs = program.run(inputs.collect()).unwrap();
        let all = outputs
            .iter()
            .map(|a| a.as_slice::<f64>().unwrap().to_vec());
        all.collect()
    }

    /// The number of products in `graph` and in the result of the pass, which must have the same values.
    fn joins(body: &str) -> (usize, usize) {
        let text = format!(
            "graph(%0: f64[200, 300], %1: f64[300], %2: f64[4, 300], %3: f64[200], %4: f64[2, 200, 3]) {{
{body}}}
"
        );
        let graph: Graph = text.parse().unwrap();
        let joined = join_products(&graph);
        gradus_ir::verify::check_after("join_products", &joined);
        assert_eq!(values(&graph), values(&joined));
        (products(&graph), products(&joined))
    }

    const PLAIN: &str = "batch_left=[], batch_right=[]";

    #[test]
    fn products_with_one_matrix_are_one() {
        let by_rows = format!(
            "  %5: f64[200] = contract{{{PLAIN}, contract_left=[1], contract_right=[0]}} %0, %1
  %6: f64[300, 200] = transpose{{permutation=[1, 0]}} %0
  %7: f64[4, 200] = contract{{{PLAIN}, contract_left=[1], contract_right=[0]}} %2, %6
  return %5, %7
"
        );
        assert_eq!(joins(&by_rows), (2, 1));
        let by_columns = format!(
            "  %5: f64[300] = contract{{{PLAIN}, contract_left=[0], contract_right=[0]}} %3, %0
  %6: f64[2, 3, 300] = contract{{{PLAIN}, contract_left=[1], contract_right=[0]}} %4, %0
  %7: f64[300, 2, 3] = contract{{{PLAIN}, contract_left=[0], contract_right=[1]}} %0, %4
  return %5, %6, %7
"
        );
        // Seven rows and six more.
        assert_eq!(joins(&by_columns), (3, 1));
    }

    #[test]
    fn a_product_that_needs_another_comes_after_it() {
        let chain = format!(
            "  %5: f64[200] = contract{{{PLAIN}, contract_left=[1], contract_right=[0]}} %0, %1
  %6: f64[300] = contract{{{PLAIN}, contract_left=[0], contract_right=[0]}} %5, %0
  %7: f64[200] = contract{{{PLAIN}, contract_left=[1], contract_right=[0]}} %0, %6
  %8: f64[4, 200] = contract{{{PLAIN}, contract_left=[1], contract_right=[1]}} %2, %0
  return %7, %8
"
        );
        // The last product joins the first.
        assert_eq!(joins(&chain), (4, 3));
    }

    #[test]
    fn programs_that_show_values_stay() {
        let shown = format!(
            "  %5: f64[200] = contract{{{PLAIN}, contract_left=[1], contract_right=[0]}} %0, %1
  %6: f64[200] = probe{{id=0}} %5
  %7: f64[4, 200] = contract{{{PLAIN}, contract_left=[1], contract_right=[1]}} %2, %0
  return %6, %7
"
        );
        assert_eq!(joins(&shown), (2, 2));
    }

    #[test]
    fn many_rows_and_small_matrices_stay() {
        let small = format!(
            "  %5: f64[10, 300] = slice{{start=[0, 0], limit=[10, 300], stride=[1, 1]}} %0
  %6: f64[10] = contract{{{PLAIN}, contract_left=[1], contract_right=[0]}} %5, %1
  %7: f64[10, 4] = contract{{{PLAIN}, contract_left=[1], contract_right=[1]}} %5, %2
  return %6, %7
"
        );
        assert_eq!(joins(&small), (2, 2));
    }
}
