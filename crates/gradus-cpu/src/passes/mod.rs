//! Passes from graph to graph before anything is compiled, in order, one per file.
//! `GRADUS_LOG=passes` prints the graph after each, and the steps.

mod dissolve_calls;
mod fuse_loops;
mod hoist_invariants;
mod join_products;
mod orient_products;
mod recompute_kept;
mod repeat_casts;
mod split_reductions;
mod trim_loop;
mod trim_regions;

use dissolve_calls::dissolve_calls;
use fuse_loops::fuse_loops;
use gradus_engine::environment;
use gradus_ir::primitives::{Op, Region};
use gradus_ir::{Graph, Literal, Node, ValueId, verify};
use hoist_invariants::hoist_invariants;
use join_products::join_products;
use orient_products::orient_products;
use recompute_kept::recompute_kept;
use repeat_casts::repeat_casts;
use split_reductions::split_reductions;
use trim_regions::trim_regions;

/// A function from graph to graph.
enum Pass {
    /// For any graph.
    Any(fn(&Graph) -> Graph),
    /// For graphs with regions; other graphs do not change.
    OfRegions(fn(&Graph) -> Graph),
}

use Pass::{Any, OfRegions};

impl Pass {
    /// The result of the pass; `None` if the graph does not change.
    fn on(&self, graph: &Graph) -> Option<Graph> {
        match self {
            Any(pass) => Some(pass(graph)),
            OfRegions(pass) => has_regions(graph).then(|| pass(graph)),
        }
    }
}

fn has_regions(graph: &Graph) -> bool {
    graph.nodes().iter().any(|node| node.region().is_some())
}

/// Each pass with its name.
/// Calls are inlined first, so that the other passes see the whole program; then unused results are removed,
/// so that they do not count as users. Later passes make nothing that earlier ones need to see.
/// Loops are trimmed before they are fused, because unused operands would keep them apart, and after it,
/// because values that one loop kept for the other are no longer needed.
/// The bodies of regions go through all passes when they are compiled themselves.
const PASSES: [(&str, Pass); 11] = [
    ("dissolve_calls", OfRegions(dissolve_calls)),
    ("trim_regions", OfRegions(trim_regions)),
    ("fuse_loops", OfRegions(fuse_loops)),
    ("recompute_kept", OfRegions(recompute_kept)),
    ("hoist_invariants", OfRegions(hoist_invariants)),
    ("trim_regions", OfRegions(trim_regions)),
    ("simplify", Any(simplify)),
    ("orient_products", Any(orient_products)),
    ("join_products", Any(join_products)),
    ("split_reductions", Any(split_reductions)),
    ("repeat_casts", Any(repeat_casts)),
];

/// The names of the passes, in the order in which they run.
pub fn names() -> impl Iterator<Item = &'static str> {
    PASSES.iter().map(|(name, _)| *name)
}

/// The result of the pass called `name` for `graph`; `None` if there is no such pass.
pub fn apply(name: &str, graph: &Graph) -> Option<Graph> {
    let (_, pass) = PASSES.iter().find(|(n, _)| *n == name)?;
    Some(pass.on(graph).unwrap_or_else(|| graph.clone()))
}

/// The result of all passes in their order: the graph whose operations run.
pub fn run(graph: &Graph) -> Graph {
    let log = logged();
    let mut graph = graph.clone();
    for (name, pass) in &PASSES {
        if let Some(changed) = pass.on(&graph) {
            graph = changed;
        }
        verify::check_after(name, &graph);
        if log {
            eprintln!("after {name}:\n{graph}");
        }
    }
    graph
}

/// Whether `GRADUS_LOG` asks for passes and steps.
pub(crate) fn logged() -> bool {
    environment::logs(environment::Log::Passes)
}

/// Removes dead code and [gates](Graph::without_gates), as nothing is differentiated after this.
/// Local simplification and sharing happen as the nodes are made again.
fn simplify(graph: &Graph) -> Graph {
    let mut graph = graph.without_gates().unwrap_or_else(|| graph.pruned());
    // Simplification can leave other nodes without users.
    loop {
        let less = graph.pruned();
        if less.len() == graph.len() {
            return less;
        }
        graph = less;
    }
}

/// Rewrites nodes other than regions that have one result.
///
/// `change` gets the new graph, an old value, and the new operands of the node that makes it. It returns the
/// replacement, or `None` to copy the node. Regions and nodes with several results are copied.
fn rewrite(
    graph: &Graph,
    mut change: impl FnMut(&mut Graph, ValueId, &[ValueId]) -> Option<ValueId>,
) -> Graph {
    remade(graph, |out, node, operands| {
        let has_one = node.region().is_none() && node.types().len() == 1;
        match has_one {
            true => Some(vec![change(out, node.result(), operands)?]),
            false => None,
        }
    })
}

/// Rewrites regions.
///
/// `change` gets the new graph, the old node, its region, and its new operands. It returns one replacement for
/// each result, or `None` to copy the region. Other nodes are copied.
fn rewrite_regions(
    graph: &Graph,
    mut change: impl FnMut(&mut Graph, &Node, &Region, &[ValueId]) -> Option<Vec<ValueId>>,
) -> Graph {
    remade(graph, |out, node, operands| {
        change(out, node, node.region()?, operands)
    })
}

fn remade(
    graph: &Graph,
    mut change: impl FnMut(&mut Graph, &Node, &[ValueId]) -> Option<Vec<ValueId>>,
) -> Graph {
    let mut out = Graph::new();
    let mut map: Vec<ValueId> = Vec::with_capacity(graph.len());
    for node in graph.nodes() {
        let outer = out.set_loc(node.loc);
        let operands: Vec<ValueId> = node.operands.iter().map(|o| map[o.index()]).collect();
        match &node.op {
            Op::Input(_) => map.push(out.input(node.ty().clone())),
            _ => match change(&mut out, node, &operands) {
                Some(made) => map.extend(made),
                None => map.extend(out.add_like(node, &operands)),
            },
        }
        out.set_loc(outer);
    }
    out.set_outputs(graph.outputs().iter().map(|o| map[o.index()]).collect());
    out
}

/// A placeholder for a result without users.
fn stand_in(out: &mut Graph) -> ValueId {
    out.constant(Literal::from_bool(false), &[0])
}
