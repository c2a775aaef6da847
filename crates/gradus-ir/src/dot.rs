//! Graphs in the DOT language of Graphviz.

use crate::attributes::Attribute;
use crate::graph::{Graph, ValueId};
use crate::primitives::{Op, Work};
use crate::text;
use std::fmt::Write;

/// The graph as a DOT program: inputs as houses, constants without a frame, outputs with a double frame.
/// The colour shows the kind of work, the tooltip the line of the program.
/// Names are the names of the printed text. Programs inside regions only show their sizes.
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
    // A node with several results has the name of the first.
    let name_of = |id: ValueId| {
        let first = graph.maker(id).results().next();
        names[first.unwrap_or(id).index()]
    };
    for (k, node) in graph.nodes().iter().enumerate() {
        let results: Vec<String> = node
            .results()
            .zip(node.types())
            .map(|(v, ty)| format!("%{}: {ty}", names[v.index()]))
            .collect();
        let name = match node.results().next() {
            Some(v) => name_of(v).to_string(),
            None => format!("e{k}"),
        };
        let what = match &node.op {
            Op::Const(value) => value.to_string(),
            op => {
                let pairs = op.attributes().0;
                let pairs = pairs.iter().map(|(n, v)| match v {
                    // The text of a program does not fit here.
                    Attribute::Graph(body) => format!("\\n{n}: {} nodes", body.len()),
                    v => format!(" {n}={v}"),
                });
                format!("{}{}", op.name(), pairs.collect::<String>())
            }
        };
        let _ = write!(s, "  n{name} [label=\"{}\\n{what}\"", results.join(", "));
        match &node.op {
            Op::Input(_) => s += ", shape=house",
            Op::Const(_) | Op::Iota(_) => s += ", shape=plaintext",
            _ => {
                let _ = write!(s, ", fillcolor=\"{}\"", colour(graph.cost(node).work));
            }
        }
        if node.has_marked(&is_output) {
            s += ", peripheries=2";
        }
        if node.loc.is_known() {
            let place = node.loc.to_string().replace('\\', "/").replace('"', "'");
            let _ = write!(s, ", tooltip=\"{place}\"");
        }
        s += "];\n";
        for o in &node.operands {
            let _ = writeln!(s, "  n{} -> n{name};", name_of(*o));
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
