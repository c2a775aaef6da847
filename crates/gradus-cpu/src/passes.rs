//! Passes from graph to graph, in their order. `GRADUS_LOG=passes` prints the graph after each, and the steps that are made of it.

use crate::run::Executable;
use crate::tile;
use gradus_ir::primitives::{Op, Reduce};
use gradus_ir::{Dims, Graph, NodeId, verify};

type Pass = fn(&Graph) -> Graph;

/// Each pass with its name. First what nobody needs goes, so that the others do not look at it.
const PASSES: [(&str, Pass); 2] = [("simplify", simplify), ("split_reductions", split_reductions)];

pub(crate) fn run(graph: &Graph) -> Graph {
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
    graph.pruned()
}

/// A reduction over axes that are no neighbours becomes one for each run of neighbours, the innermost first: a fused kernel does one.
fn split_reductions(graph: &Graph) -> Graph {
    let splits = |op: &Op, shape: &[usize]| match op {
        Op::Reduce(r) => tile::blocks(shape, &r.axes).is_none(),
        _ => false,
    };
    let any = graph.ids().any(|id| {
        let node = graph.node(id);
        matches!(node.op, Op::Reduce(_)) && splits(&node.op, graph.shape(node.operands[0]))
    });
    if !any {
        return graph.clone();
    }
    let mut out = Graph::new();
    let mut map: Vec<NodeId> = Vec::with_capacity(graph.len());
    for id in graph.ids() {
        let node = graph.node(id);
        let outer = out.set_loc(node.loc);
        let operands: Vec<NodeId> = node.operands.iter().map(|o| map[o.index()]).collect();
        let new = match &node.op {
            Op::Input(_) => out.input(node.ty.clone()),
            Op::Reduce(r) if splits(&node.op, graph.shape(node.operands[0])) => {
                let mut x = operands[0];
                let mut axes = r.axes.clone();
                while let Some(&last) = axes.last() {
                    // The run of neighbours that ends in the last axis.
                    let mut first = last;
                    axes.pop();
                    while axes.last() == Some(&(first.wrapping_sub(1))) {
                        first -= 1;
                        axes.pop();
                    }
                    let run: Dims = (first..=last).collect();
                    let kind = r.kind;
                    x = out.emit(Op::Reduce(Reduce { kind, axes: run }), &[x]);
                }
                x
            }
            _ => out.add_like(node, &operands),
        };
        out.set_loc(outer);
        map.push(new);
    }
    out.set_outputs(graph.outputs().iter().map(|o| map[o.index()]).collect());
    out
}
