//! A program as one self-contained HTML page to walk through: no network, no other file.
//!
//! The document holds everything as text, so it can be read, searched and printed without its script.
//! The script marks the nodes that a chosen node depends on and
//! the nodes that depend on it, filters, and navigates by keys.

mod body;
mod drawing;
mod layout;
mod node;
mod source;

use crate::cost::{Estimate, estimates, sum};
use crate::format::{grouped, time};
use crate::options::SourceLines;
use crate::profile::Profile;
use crate::quote;
use body::Held;
use drawing::Drawing;
use gradus_ir::{Graph, Loc, Node, NodeId, Part, text};
use source::Sources;
use std::fmt::Write;

/// The style and the script of a page with graphs, in its head and at its end.
pub(crate) const STYLE: &str = include_str!("style.css");
pub(crate) const SCRIPT: &str = include_str!("script.js");

/// The page of `graph`: its nodes with the user's lines, types,
/// dependencies and dependents, their costs by the rates of `profile`, and a drawing.
/// Nodes that transforms added for derivatives are marked.
///
/// ```
/// # use gradus_ir::Graph;
/// # use gradus_plan::{Profile, page};
/// let graph: Graph = "graph(%0: f64[3]) { %1: f64[3] = sin %0 return %1 }".parse()?;
/// let page = page::render("A sine", &graph, &Profile::default());
/// assert!(page.contains("%1: f64[3] = sin %0"));
/// # Ok::<(), gradus_ir::Error>(())
/// ```
pub fn render(title: &str, graph: &Graph, profile: &Profile) -> String {
    let title = quote::html(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title><style>\n{STYLE}</style></head>\n<body>\n<h1>{title}</h1>\n{}<script>\n{SCRIPT}</script>\n</body></html>\n",
        section(graph, profile, SourceLines::Shown)
    )
}

/// `graph` as a section of a page that has [`STYLE`] and, at its end, [`SCRIPT`].
pub(crate) fn section(graph: &Graph, profile: &Profile, source_lines: SourceLines) -> String {
    let mut writer = Writer {
        profile,
        source_lines,
        sources: Sources::default(),
        bodies: 0,
        whole: estimates(graph, profile).iter().map(|c| c.seconds).sum(),
        out: String::from("<section class=\"graph\">\n"),
    };
    let view = View::new(graph, &mut writer, Held::nowhere());
    view.summary(&mut writer.out);
    tools(graph, &mut writer.out);
    view.halves(&mut writer);
    writer.out + "</section>\n"
}

/// The most letters of a quoted text in a line of the list.
const SHORT_PIECE: usize = 32;

/// A section while it is written.
struct Writer<'a> {
    profile: &'a Profile,
    source_lines: SourceLines,
    sources: Sources,
    /// How many bodies have a number so far.
    bodies: usize,
    /// Estimated seconds of the whole program.
    whole: f64,
    out: String,
}

/// A graph with everything that the page shows of its nodes.
struct View<'a> {
    graph: &'a Graph,
    /// The name of each value in the printed text.
    names: Vec<usize>,
    /// For each node, the nodes that read its results.
    users: Vec<Vec<NodeId>>,
    costs: Vec<Estimate>,
    source_lines: SourceLines,
    /// Its place in the programs around it.
    held: Held,
    /// The number of the first body of each region.
    numbers: Vec<usize>,
}

impl<'a> View<'a> {
    fn new(graph: &'a Graph, writer: &mut Writer<'_>, held: Held) -> View<'a> {
        let mut users: Vec<Vec<NodeId>> = vec![Vec::new(); graph.nodes().len()];
        let mut numbers = vec![0; graph.nodes().len()];
        for (id, node) in graph.node_ids().zip(graph.nodes()) {
            for &o in &node.operands {
                let of_maker = &mut users[graph.maker_id(o).index()];
                if !of_maker.contains(&id) {
                    of_maker.push(id);
                }
            }
            if let Some(region) = node.region() {
                numbers[id.index()] = writer.bodies + 1;
                writer.bodies += region.bodies().len();
            }
        }
        View {
            graph,
            names: text::names(graph),
            users,
            costs: estimates(graph, writer.profile),
            source_lines: writer.source_lines,
            held,
            numbers,
        }
    }

    /// The list, the drawing, and below them the bodies of regions.
    fn halves(&self, writer: &mut Writer<'_>) {
        let out = &mut writer.out;
        out.push_str("<div class=\"halves\">\n<ol class=\"nodes\">\n");
        for id in self.listed() {
            self.node(id, writer);
        }
        let out = &mut writer.out;
        out.push_str("</ol>\n");
        self.drawing(out);
        out.push_str("</div>\n");
        for id in self.listed() {
            self.bodies(id, writer);
        }
    }

    /// The nodes in the order of their names.
    fn listed(&self) -> Vec<NodeId> {
        let mut all: Vec<NodeId> = self.graph.node_ids().collect();
        all.sort_by_key(|&id| self.name(id));
        all
    }

    /// The name of a node: its first result, or a number of its own if it has none.
    fn name(&self, id: NodeId) -> usize {
        let first = self.graph.node(id).results().next();
        first.map_or(self.names.len() + id.index(), |v| self.names[v.index()])
    }

    /// The source of a node, if it is recorded and shown.
    fn place(&self, id: NodeId) -> Option<Loc> {
        let loc = self.graph.node(id).loc;
        (loc.is_known() && self.source_lines == SourceLines::Shown).then_some(loc)
    }

    /// Names of nodes as values of attributes, with the prefix of their program.
    fn words(&self, names: &[usize]) -> String {
        let prefix = &self.held.prefix;
        let all: Vec<String> = names.iter().map(|n| format!("{prefix}{n}")).collect();
        all.join(" ")
    }

    fn links(&self, names: &[usize]) -> String {
        if names.is_empty() {
            return "nothing".into();
        }
        let prefix = &self.held.prefix;
        let all = names
            .iter()
            .map(|n| format!("<a href=\"#n{prefix}{n}\">%{n}</a>"));
        all.collect::<Vec<_>>().join(" ")
    }

    fn class(&self, id: NodeId) -> &'static str {
        class(self.graph.node(id))
    }

    fn summary(&self, out: &mut String) {
        let all = sum(self.costs.iter().copied());
        let _ = writeln!(
            out,
            "<p class=\"summary\">{} nodes, {} inputs, {} outputs; {} operations, {} bytes moved, about {}.</p>",
            self.graph.nodes().len(),
            self.graph.inputs().len(),
            self.graph.outputs().len(),
            grouped(all.operations),
            grouped(all.bytes),
            time(all.seconds)
        );
    }

    fn drawing(&self, out: &mut String) {
        match Drawing::new(self) {
            Some(drawing) => drawing.svg(self, out),
            None => out.push_str("<p class=\"picture\">Too many links for a drawing.</p>\n"),
        }
    }
}

/// The class of a node: the part of a derivative that it belongs to.
fn class(node: &Node) -> &'static str {
    match node.loc.part() {
        Part::Value => "value",
        Part::Tangent(_) => "tangent",
        Part::Cotangent(_) => "cotangent",
    }
}

/// Search box and filters for all nodes, including the nodes of bodies.
fn tools(graph: &Graph, out: &mut String) {
    fn count(graph: &Graph, wanted: &str) -> usize {
        let all = graph.nodes().iter().map(|node| {
            let bodies = node.region().map(|r| r.bodies()).unwrap_or_default();
            let inside: usize = bodies.iter().map(|(_, b)| count(b, wanted)).sum();
            inside + usize::from(class(node) == wanted)
        });
        all.sum()
    }
    out.push_str(
        "<div class=\"tools\"><input type=\"search\" placeholder=\"operation, type, file:line …\" aria-label=\"search\"> <span class=\"count\"></span>\n",
    );
    let parts = [
        ("value", "the function, forward"),
        ("tangent", "slopes and tangents"),
        ("cotangent", "cotangents, backward"),
    ];
    for (class, label) in parts {
        let n = count(graph, class);
        if n > 0 {
            let _ = writeln!(
                out,
                "<label class=\"{class}\"><input type=\"checkbox\" value=\"{class}\" checked> {label} ({n})</label>"
            );
        }
    }
    out.push_str(
        "<span class=\"keys\"><kbd>n</kbd> next, <kbd>p</kbd> previous, <kbd>/</kbd> search, <kbd>Esc</kbd> all; chosen: <i class=\"needs\">what it depends on</i>, <i class=\"feeds\">what depends on it</i></span></div>\n",
    );
}

/// A short form of a place: the file name without folders and the line, or the beginning of a quoted text.
fn short(loc: Loc) -> String {
    if let Some((file, line)) = loc.file_line() {
        let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
        return format!("{name}:{line}");
    }
    let Some((text, range)) = loc.piece() else {
        return String::new();
    };
    let piece = &text[range];
    match piece.char_indices().nth(SHORT_PIECE) {
        Some((end, _)) => format!("{}…", &piece[..end]),
        None => piece.to_string(),
    }
}
