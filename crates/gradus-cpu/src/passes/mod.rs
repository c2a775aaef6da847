//! Passes from graph to graph before anything is compiled, in their order, a file each. `GRADUS_LOG=passes` prints the graph after each, and the steps that are made of it.

mod dissolve_calls;
mod orient_products;
mod split_reductions;

use crate::run::Executable;
use dissolve_calls::dissolve_calls;
use gradus_ir::primitives::Op;
use gradus_ir::{Graph, NodeId, verify};
use orient_products::orient_products;
use split_reductions::split_reductions;

type Pass = fn(&Graph) -> Graph;

/// Each pass with its name. First calls become part of the program, so that the others see it all; then what nobody needs goes, so that it does not count as a user; what the later ones make needs no more of the earlier.
const PASSES: [(&str, Pass); 4] = [
    ("dissolve_calls", dissolve_calls),
    ("simplify", simplify),
    ("orient_products", orient_products),
    ("split_reductions", split_reductions),
];

/// The names of the passes, in the order in which they run.
pub fn names() -> impl Iterator<Item = &'static str> {
    PASSES.iter().map(|(name, _)| *name)
}

/// What the pass called `name` makes of `graph`; `None` if there is no such pass.
pub fn apply(name: &str, graph: &Graph) -> Option<Graph> {
    let (_, pass) = PASSES.iter().find(|(n, _)| *n == name)?;
    Some(pass(graph))
}

/// What all passes, in their order, make of `graph`: the graph whose operations run.
pub fn run(graph: &Graph) -> Graph {
    let log = logged();
    let mut graph = graph.clone();
    for (name, pass) in PASSES {
        graph = pass(&graph);
        verify::check_after(name, &graph);
        if log {
            eprintln!("after {name}:\n{graph}");
        }
    }
    graph
}

pub(crate) fn log_steps(executable: &Executable) {
    if logged() {
        eprintln!("steps:\n{}", executable.report());
    }
}

fn logged() -> bool {
    std::env::var("GRADUS_LOG").is_ok_and(|v| v.split(',').any(|w| w == "passes"))
}

/// Dead code goes; local simplification and sharing happen as the nodes are made again.
fn simplify(graph: &Graph) -> Graph {
    let mut graph = graph.pruned();
    // What was simplified away may have left others without users.
    loop {
        let less = graph.pruned();
        if less.len() == graph.len() {
            return less;
        }
        graph = less;
    }
}

/// The graph with some nodes made anew: `change` gets the new graph, a node of the old one and its operands in the new one, and says what takes its
/// place; where it says nothing, the node is copied.
fn rewrite(
    graph: &Graph,
    mut change: impl FnMut(&mut Graph, NodeId, &[NodeId]) -> Option<NodeId>,
) -> Graph {
    let mut out = Graph::new();
    let mut map: Vec<NodeId> = Vec::with_capacity(graph.len());
    for id in graph.ids() {
        let node = graph.node(id);
        let outer = out.set_loc(node.loc);
        let operands: Vec<NodeId> = node.operands.iter().map(|o| map[o.index()]).collect();
        let new = match &node.op {
            Op::Input(_) => out.input(node.ty.clone()),
            _ => change(&mut out, id, &operands).unwrap_or_else(|| out.add_like(node, &operands)),
        };
        out.set_loc(outer);
        map.push(new);
    }
    out.set_outputs(graph.outputs().iter().map(|o| map[o.index()]).collect());
    out
}
