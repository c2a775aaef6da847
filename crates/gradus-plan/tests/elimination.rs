//! Counts, Jacobians and orders of small graphs and random graphs,
//! compared with counts by hand and with trying everything.

#[path = "../../../tests/near.rs"]
mod near;

use gradus_plan::scalar::{
    Builder, Edge, EliminationOptions, GraphError, OrderError, ScalarGraph, published,
};
use near::near;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn edge(from: usize, to: usize, partial: f64) -> Edge {
    Edge { from, to, partial }
}

fn count(graph: &ScalarGraph, order: &[usize]) -> u64 {
    graph.multiplications(order).unwrap()
}

/// All orders of the vertices.
fn orders(vertices: &[usize]) -> Vec<Vec<usize>> {
    if vertices.is_empty() {
        return vec![Vec::new()];
    }
    let with_first = |i: usize| {
        let mut rest = vertices.to_vec();
        let first = rest.remove(i);
        orders(&rest).into_iter().map(move |mut order| {
            order.insert(0, first);
            order
        })
    };
    (0..vertices.len()).flat_map(with_first).collect()
}

fn fewest(graph: &ScalarGraph) -> u64 {
    let all = orders(graph.intermediates());
    all.iter().map(|o| count(graph, o)).min().unwrap()
}

fn plan(graph: &ScalarGraph) -> u64 {
    let plan = graph.plan(&EliminationOptions::default());
    assert_eq!(count(graph, &plan.order), plan.multiplications);
    plan.multiplications
}

#[test]
fn a_vertex_costs_its_predecessors_times_its_successors() {
    // 3 inputs, then one vertex, then 2 outputs.
    let edges = [(0, 3), (1, 3), (2, 3), (3, 4), (3, 5)].map(|(a, b)| edge(a, b, 2.0));
    let graph = ScalarGraph::new(3, 6, edges, &[4, 5]).unwrap();
    assert_eq!(graph.intermediates(), [3]);
    assert_eq!(count(&graph, &[3]), 6);
    assert_eq!(graph.jacobian(&[3]).unwrap(), [[4.0; 3]; 2]);
}

#[test]
fn a_chain_of_functions_costs_a_multiplication_a_link() {
    let b = Builder::new(&[0.4]);
    let [x] = b.inputs();
    let graph = b.finish(&[x.sin().exp().ln().sqrt()]);
    for order in orders(graph.intermediates()) {
        assert_eq!(count(&graph, &order), 3);
    }
    let slope = graph.jacobian(&graph.forward_order()).unwrap()[0][0];
    assert!((slope - 0.4f64.cos() * 0.5 / 0.4f64.sin().sqrt()).abs() < 1e-12);
}

#[test]
fn the_small_example_takes_seven() {
    let b = Builder::new(&[0.7, 1.3]);
    let graph = b.finish(&published::small_example(&b));
    // The vertices are x·y, its sine and t; t has two successors.
    assert_eq!(count(&graph, &graph.forward_order()), 2 + 2 + 2 * 2);
    assert_eq!(count(&graph, &graph.reverse_order()), 2 * 2 + 2 + 2 * 2);
    assert_eq!(count(&graph, &[3, 2, 4]), 1 + 2 + 2 * 2);
    assert_eq!(fewest(&graph), 7);
    assert_eq!(plan(&graph), 7);
}

#[test]
fn the_lion_takes_twelve_by_vertices_and_eleven_by_edges() {
    let graph = published::lion();
    assert_eq!(fewest(&graph), 12);
    assert_eq!(plan(&graph), 12);
    let edges = graph.edges().iter().map(|e| (e.from, e.to)).collect();
    assert_eq!(
        fewest_by_edges(&edges, graph.intermediates(), &mut BTreeMap::new()),
        11
    );
}

#[test]
fn the_bat_takes_twenty_four_in_every_order() {
    let graph = published::bat();
    assert_eq!(graph.intermediates(), [4, 5, 6]);
    for order in orders(graph.intermediates()) {
        assert_eq!(count(&graph, &order), 24);
    }
    assert_eq!(plan(&graph), 24);
}

type Edges = BTreeSet<(usize, usize)>;

/// The fewest multiplications of edge elimination, found by trying everything once.
fn fewest_by_edges(edges: &Edges, inner: &[usize], seen: &mut BTreeMap<Edges, u64>) -> u64 {
    if let Some(&known) = seen.get(edges) {
        return known;
    }
    let successors = |v: usize| edges.iter().filter(move |e| e.0 == v).map(|e| e.1);
    let predecessors = |v: usize| edges.iter().filter(move |e| e.1 == v).map(|e| e.0);
    let mut best = None;
    let mut next = |replaced: (usize, usize), by: Vec<(usize, usize)>| {
        let mut after = edges.clone();
        after.remove(&replaced);
        after.extend(&by);
        // A vertex without predecessors or without successors no longer contributes.
        for &v in inner {
            let dead = !after.iter().any(|e| e.0 == v) || !after.iter().any(|e| e.1 == v);
            after.retain(|e| !dead || (e.0 != v && e.1 != v));
        }
        let cost = by.len() as u64 + fewest_by_edges(&after, inner, seen);
        best = Some(best.map_or(cost, |b: u64| b.min(cost)));
    };
    for &(from, to) in edges {
        if inner.contains(&to) {
            next((from, to), successors(to).map(|k| (from, k)).collect());
        }
        if inner.contains(&from) {
            next((from, to), predecessors(from).map(|h| (h, to)).collect());
        }
    }
    let best = best.unwrap_or(0);
    seen.insert(edges.clone(), best);
    best
}

#[test]
fn an_output_that_is_used_and_one_that_is_an_input_get_copies() {
    let b = Builder::new(&[2.0, 5.0]);
    let [x, y] = b.inputs();
    let product = x * y;
    let sine = product.sin();
    let graph = b.finish(&[product, sine, y, product]);
    assert_eq!(graph.outputs().len(), 4);
    assert_eq!(graph.outputs()[0], graph.outputs()[3]);
    assert_eq!(graph.intermediates(), [2]);
    // Two inputs, and as successors the sine and the copy.
    assert_eq!(count(&graph, &[2]), 4);
    let slope = 10f64.cos();
    assert_eq!(
        graph.jacobian(&[2]).unwrap(),
        [
            [5.0, 2.0],
            [5.0 * slope, 2.0 * slope],
            [0.0, 1.0],
            [5.0, 2.0]
        ]
    );
}

#[test]
fn what_lies_on_no_path_is_not_eliminated() {
    // Vertex 2 has no user, 3 depends on nothing, and 1 reaches no output.
    let edges = [(0, 2), (1, 2), (3, 4), (0, 4), (4, 5)].map(|(a, b)| edge(a, b, 3.0));
    let graph = ScalarGraph::new(2, 6, edges, &[5]).unwrap();
    assert_eq!(graph.intermediates(), [4]);
    assert_eq!(count(&graph, &[4]), 1);
    assert_eq!(graph.jacobian(&[4]).unwrap(), [[9.0, 0.0]]);
    assert_eq!(plan(&graph), 1);

    let nothing = ScalarGraph::new(1, 2, [], &[1]).unwrap();
    assert_eq!(plan(&nothing), 0);
    assert_eq!(nothing.jacobian(&[]).unwrap(), [[0.0]]);
    let empty = ScalarGraph::new(0, 0, [], &[]).unwrap();
    assert_eq!(plan(&empty), 0);
}

#[test]
fn an_operand_used_twice_is_one_edge() {
    let b = Builder::new(&[3.0]);
    let [x] = b.inputs();
    let y = x + 0.0;
    let graph = b.finish(&[y * y]);
    assert_eq!(graph.edges().len(), 2);
    assert_eq!(graph.jacobian(&[1]).unwrap(), [[6.0]]);
}

#[test]
fn what_is_no_graph_is_refused() {
    let new = |from, to| ScalarGraph::new(2, 4, [edge(from, to, 1.0)], &[3]).unwrap_err();
    assert_eq!(new(3, 2), GraphError::NotForward(edge(3, 2, 1.0)));
    assert_eq!(new(0, 1), GraphError::IntoInput(edge(0, 1, 1.0)));
    assert_eq!(new(0, 4), GraphError::NoVertex(4));
    let outputs = ScalarGraph::new(2, 4, [], &[7]);
    assert_eq!(outputs.unwrap_err(), GraphError::NoVertex(7));
    let inputs = ScalarGraph::new(2, 1, [], &[]);
    assert_eq!(inputs.unwrap_err(), GraphError::NoVertex(1));
}

#[test]
fn what_is_no_order_is_refused() {
    let graph = published::lion();
    let refused = |order: &[usize]| graph.multiplications(order).unwrap_err();
    assert_eq!(refused(&[2]), OrderError::Missing(3));
    assert_eq!(refused(&[2, 2]), OrderError::Twice(2));
    assert_eq!(refused(&[2, 3, 4]), OrderError::NotIntermediate(4));
    assert_eq!(refused(&[99]), OrderError::NotIntermediate(99));
    assert_eq!(graph.jacobian(&[3]), Err(OrderError::Missing(2)));
}

/// Graphs with several inputs, vertices with one to three operands, and any of the vertices as outputs.
fn graphs(inner: std::ops::Range<usize>) -> impl Strategy<Value = ScalarGraph> {
    let operand = (any::<prop::sample::Index>(), -2.0..2.0f64);
    let vertex = prop::collection::vec(operand, 1..4);
    let outputs = prop::collection::vec(any::<prop::sample::Index>(), 1..5);
    (1usize..5, prop::collection::vec(vertex, inner), outputs).prop_map(
        |(inputs, inner, outputs)| {
            let vertices = inputs + inner.len();
            let edges = inner.iter().enumerate().flat_map(|(i, operands)| {
                let to = inputs + i;
                (operands.iter()).map(move |(from, partial)| edge(from.index(to), to, *partial))
            });
            // Outputs are late vertices, so that much of the graph matters.
            let outputs: Vec<usize> = (outputs.iter())
                .map(|o| vertices - 1 - o.index(vertices.min(5)))
                .collect();
            ScalarGraph::new(inputs, vertices, edges, &outputs).unwrap()
        },
    )
}

/// The derivatives of all vertices with respect to the inputs, computed edge by edge.
fn by_the_chain_rule(graph: &ScalarGraph) -> Vec<Vec<f64>> {
    let mut rows = vec![vec![0.0; graph.inputs()]; graph.vertices()];
    for (i, row) in rows.iter_mut().enumerate().take(graph.inputs()) {
        row[i] = 1.0;
    }
    for e in graph.edges() {
        let from = rows[e.from].clone();
        for (sum, inner) in rows[e.to].iter_mut().zip(from) {
            *sum += e.partial * inner;
        }
    }
    graph.outputs().iter().map(|&o| rows[o].clone()).collect()
}

fn assert_close(a: &[Vec<f64>], b: &[Vec<f64>]) {
    for (a, b) in a.iter().flatten().zip(b.iter().flatten()) {
        assert!(near(*a, *b, 1e-9), "{a} and {b}");
    }
}

proptest! {
    #[test]
    fn the_jacobian_is_the_same_in_every_order(
        (graph, order) in graphs(0..25).prop_flat_map(|g| {
            let order = Just(g.forward_order()).prop_shuffle();
            (Just(g), order)
        })
    ) {
        let expected = by_the_chain_rule(&graph);
        let options = EliminationOptions::default().improvement_work(50_000);
        let found = graph.plan(&options).order;
        let all = [order, graph.forward_order(), graph.reverse_order(), graph.markowitz_order(), found];
        for order in all {
            assert_close(&graph.jacobian(&order).unwrap(), &expected);
        }
    }

    #[test]
    fn of_few_vertices_the_plan_is_the_best(graph in graphs(0..7)) {
        prop_assert_eq!(plan(&graph), fewest(&graph));
    }

    #[test]
    fn the_plan_is_never_worse_than_the_modes(graph in graphs(12..40)) {
        let options = EliminationOptions::default().beam(4).improvement_work(20_000);
        let found = graph.plan(&options);
        prop_assert_eq!(&found, &graph.plan(&options));
        prop_assert_eq!(count(&graph, &found.order), found.multiplications);
        for order in [graph.forward_order(), graph.reverse_order(), graph.markowitz_order()] {
            prop_assert!(found.multiplications <= count(&graph, &order));
        }
        let without = EliminationOptions::default().beam(0).improvement_work(0);
        prop_assert!(found.multiplications <= graph.plan(&without).multiplications);
    }
}
