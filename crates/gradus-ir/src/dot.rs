//! Graphs in the DOT language of Graphviz.

use crate::attributes::Attribute;
use crate::graph::Graph;
use crate::primitives::{Op, Work};
use crate::text;
use std::fmt::Write;

/// The graph as a DOT program: inputs as houses, constants without a frame, outputs with a double one; the colour tells the kind of work, the tooltip the
/// line of the program. Names are those of the printed text. Of the programs inside regions only the sizes are shown.
///
/// ```
/// # use gradus_ir::{Graph, dot};
/// let graph: Graph = "graph(%0: f64[3]) { %1: f64[3] = sin %0 return %1 }".parse()?;
/// assert!(dot::render(&graph).contains("n0 -> n1"));
/// # Ok::<(), gradus_ir::Error>(())
/// ```
pub fn render(graph: &Graph) -> String {
    let names = text::names(graph);
    let mut s = String::from(
        "digraph gradus {\n  rankdir=TB;\n  node [shape=box, style=filled, fillcolor=white, fontname=monospace];\n",
    );
    let is_output = graph.output_marks();
    for id in graph.ids() {
        let node = graph.node(id);
        let name = names[id.index()];
        let what = match &node.op {
            Op::Const(value) => value.to_string(),
            op => {
                let pairs = op.attributes().0;
                let pairs = pairs.iter().map(|(n, v)| match v {
                    // The text of a program has no room here.
                    Attribute::Graph(body) => format!("\\n{n}: {} nodes", body.len()),
                    v => format!(" {n}={v}"),
                });
                format!("{}{}", op.name(), pairs.collect::<String>())
            }
        };
        let _ = write!(s, "  n{name} [label=\"%{name}: {}\\n{what}\"", node.ty);
        match &node.op {
            Op::Input(_) => s += ", shape=house",
            Op::Const(_) | Op::Iota(_) => s += ", shape=plaintext",
            op => {
                let types: Vec<_> = node.operands.iter().map(|&o| graph.ty(o)).collect();
                let _ = write!(
                    s,
                    ", fillcolor=\"{}\"",
                    colour(op.cost(&types, &node.ty).work)
                );
            }
        }
        if is_output[id.index()] {
            s += ", peripheries=2";
        }
        if node.loc.is_known() {
            let place = node.loc.to_string().replace('\\', "/").replace('"', "'");
            let _ = write!(s, ", tooltip=\"{place}\"");
        }
        s += "];\n";
        for o in &node.operands {
            let _ = writeln!(s, "  n{} -> n{name};", names[o.index()]);
        }
    }
    s + "}\n"
}

fn colour(work: Work) -> &'static str {
    match work {
        Work::View => "#ffffff",
        Work::Copy => "#eeeeee",
        Work::Arithmetic => "#d9ead3",
        Work::Transcendental => "#b6d7a8",
        Work::Reduction => "#fff2cc",
        Work::Product => "#f4cccc",
        Work::Indexing => "#d9d2e9",
    }
}
