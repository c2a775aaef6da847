//! Prints graphs as text.

use crate::attributes::{Attribute, Attributes};
use crate::graph::{Graph, Node};
use crate::primitives::Op;
use crate::types::Type;
use std::fmt::{self, Write};

/// Whether each line ends with its place in the user's program.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Places {
    Shown,
    Hidden,
}

impl fmt::Display for Graph {
    /// The text of the graph; `{:#}` adds the place of each node as a comment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = if f.alternate() {
            Places::Shown
        } else {
            Places::Hidden
        };
        let mut text = String::new();
        write_graph(&mut text, self, 0, places);
        text.push('\n');
        f.write_str(&text)
    }
}

/// Appends the text of `graph` directly to its destination; its last line begins after `indent` columns.
/// Moving the text of a program at each nesting level would take the third power of the number of levels.
fn write_graph(out: &mut String, graph: &Graph, indent: usize, places: Places) {
    let names = names(graph);
    out.push_str("graph(");
    for (k, &i) in graph.inputs().iter().enumerate() {
        let comma = if k > 0 { ", " } else { "" };
        let _ = write!(out, "{comma}%{}: {}", names[i.index()], graph.ty(i));
    }
    out.push_str(") {\n");
    for node in graph.nodes() {
        if matches!(node.op, Op::Input(_)) {
            continue;
        }
        let _ = write!(out, "{:1$}", "", indent + 2);
        write_line(out, &names, node, &node.op.attributes(), indent + 2);
        if places == Places::Shown && node.loc.is_known() {
            let _ = write!(out, "  # {}", node.loc);
        }
        out.push('\n');
    }
    let _ = write!(out, "{:1$}return", "", indent + 2);
    for (k, o) in graph.outputs().iter().enumerate() {
        let comma = if k > 0 { "," } else { "" };
        let _ = write!(out, "{comma} %{}", names[o.index()]);
    }
    let _ = write!(out, "\n{:1$}}}", "", indent);
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The number of each value in the text: inputs first, then the other values in order.
pub fn names(graph: &Graph) -> Vec<usize> {
    let mut names = vec![0; graph.len()];
    for (k, i) in graph.inputs().iter().enumerate() {
        names[i.index()] = k;
    }
    let mut next = graph.inputs().len();
    for node in graph.nodes() {
        if !matches!(node.op, Op::Input(_)) {
            for v in node.results() {
                names[v.index()] = next;
                next += 1;
            }
        }
    }
    names
}

/// One node: `%3: f64[2] = reduce_sum{axes=[1]} %2`.
pub fn line(names: &[usize], node: &Node) -> String {
    let mut text = String::new();
    write_line(&mut text, names, node, &node.op.attributes(), 2);
    text
}

/// One node without its programs: `%3: f64[], %4: f64[4] = scan{consts=0, carries=1, length=4} %1, %2`.
pub fn head(names: &[usize], node: &Node) -> String {
    let attributes = node.op.attributes().without_graphs();
    let mut text = String::new();
    write_line(&mut text, names, node, &attributes, 2);
    text
}

/// Appends one node, whose line begins after `indent` columns.
fn write_line(
    out: &mut String,
    names: &[usize],
    node: &Node,
    attributes: &Attributes,
    indent: usize,
) {
    for (k, (v, ty)) in node.results().zip(node.types()).enumerate() {
        let comma = if k > 0 { ", " } else { "" };
        let _ = write!(out, "{comma}%{}: {ty}", names[v.index()]);
    }
    if node.types().is_empty() {
        out.push_str("()");
    }
    let _ = write!(out, " = {}", node.op.name());
    if !attributes.0.is_empty() {
        for (k, (name, value)) in attributes.0.iter().enumerate() {
            let _ = write!(out, "{}{name}=", if k > 0 { ", " } else { "{" });
            write_attribute(out, value, indent);
        }
        out.push('}');
    }
    if let Op::Const(value) = node.op {
        let _ = write!(out, " {value}");
    }
    for (k, o) in node.operands.iter().enumerate() {
        let comma = if k > 0 { "," } else { "" };
        let name = names.get(o.index()).copied().unwrap_or(o.index());
        let _ = write!(out, "{comma} %{name}");
    }
}

/// Appends the text of an attribute, in a line that begins after `indent` columns. A program is indented below it.
fn write_attribute(out: &mut String, attribute: &Attribute, indent: usize) {
    match attribute {
        Attribute::Int(v) => out.push_str(&v.to_string()),
        Attribute::Ints(list) => {
            let list: Vec<String> = list.iter().map(i64::to_string).collect();
            let _ = write!(out, "[{}]", list.join(","));
        }
        Attribute::DType(d) => out.push_str(d.name()),
        Attribute::Types(list) => {
            let _ = write!(out, "({})", listed(list));
        }
        Attribute::Text(text) => {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"");
            let _ = write!(out, "\"{text}\"");
        }
        Attribute::Graph(body) => write_graph(out, body, indent, Places::Hidden),
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        write_attribute(&mut text, self, 2);
        f.write_str(&text)
    }
}

/// Types, separated by commas.
pub(crate) fn listed<'t>(types: impl IntoIterator<Item = &'t Type>) -> String {
    let types: Vec<String> = types.into_iter().map(Type::to_string).collect();
    types.join(", ")
}
