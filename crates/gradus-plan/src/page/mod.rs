//! A program as one HTML page to walk through, which needs nothing else: no network, no other file.
//!
//! Everything is in the document as text, so it can be read, searched and printed without its script; the script marks what a chosen node depends on and what
//! depends on it, filters, and walks by keys.

mod layout;
mod node;
mod source;

use crate::cost::{Estimate, estimates};
use crate::explain::{grouped, time};
use crate::profile::Profile;
use gradus_ir::{Graph, NodeId, Op, Part, text};
use layout::{Box, Layout, layout};
use source::Sources;
use std::collections::HashMap;
use std::fmt::Write;

/// What a page with graphs needs once, in its head and at its end.
pub(crate) const STYLE: &str = include_str!("style.css");
pub(crate) const SCRIPT: &str = include_str!("script.js");

/// Programs of more nodes are drawn with one box for all nodes of a line.
const MOST_DRAWN: usize = 300;

/// The page of `graph`: its nodes with the user's lines, types, what each depends on and what depends on it, what each costs by the rates of `profile`, and
/// a drawing. What transforms added for derivatives is told apart from the function itself.
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
    let title = escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title><style>\n{STYLE}</style></head>\n<body>\n<h1>{title}</h1>\n{}<script>\n{SCRIPT}</script>\n</body></html>\n",
        section(graph, profile)
    )
}

/// `graph` as a section of a page that has [`STYLE`] and, at its end, [`SCRIPT`].
pub(crate) fn section(graph: &Graph, profile: &Profile) -> String {
    let view = View::new(graph, profile);
    let mut out = String::from("<section class=\"graph\">\n");
    view.summary(&mut out);
    view.tools(&mut out);
    out.push_str("<div class=\"halves\">\n<ol class=\"nodes\">\n");
    let mut sources = Sources::default();
    for id in view.listed() {
        view.node(id, &mut sources, &mut out);
    }
    out.push_str("</ol>\n");
    view.drawing(&mut out);
    out.push_str("</div>\n</section>\n");
    out
}

/// A graph with all that the page says of its nodes.
struct View<'a> {
    graph: &'a Graph,
    /// What the printed text calls each node.
    names: Vec<usize>,
    users: Vec<Vec<NodeId>>,
    costs: Vec<Estimate>,
    seconds: f64,
}

impl<'a> View<'a> {
    fn new(graph: &'a Graph, profile: &Profile) -> View<'a> {
        let mut users: Vec<Vec<NodeId>> = vec![Vec::new(); graph.len()];
        for id in graph.ids() {
            for o in &graph.node(id).operands {
                if !users[o.index()].contains(&id) {
                    users[o.index()].push(id);
                }
            }
        }
        let costs = estimates(graph, profile);
        View {
            graph,
            names: text::names(graph),
            users,
            seconds: costs.iter().map(|c| c.seconds).sum(),
            costs,
        }
    }

    /// The nodes in the order of their names.
    fn listed(&self) -> Vec<NodeId> {
        let mut all: Vec<NodeId> = self.graph.ids().collect();
        all.sort_by_key(|id| self.names[id.index()]);
        all
    }

    fn name(&self, id: NodeId) -> usize {
        self.names[id.index()]
    }

    /// The class of a node: which part of a derivative it is.
    fn class(&self, id: NodeId) -> &'static str {
        match self.graph.node(id).loc.part() {
            Part::Value => "value",
            Part::Tangent(_) => "tangent",
            Part::Cotangent(_) => "cotangent",
        }
    }

    fn summary(&self, out: &mut String) {
        let sum = |f: fn(&Estimate) -> u64| grouped(self.costs.iter().map(f).sum::<u64>());
        let _ = writeln!(
            out,
            "<p class=\"summary\">{} nodes, {} inputs, {} outputs; {} operations, {} bytes moved, about {}.</p>",
            self.graph.len(),
            self.graph.inputs().len(),
            self.graph.outputs().len(),
            sum(|c| c.operations),
            sum(|c| c.bytes),
            time(self.seconds)
        );
    }

    fn tools(&self, out: &mut String) {
        out.push_str(
            "<div class=\"tools\"><input type=\"search\" placeholder=\"operation, type, file:line …\" aria-label=\"search\"> <span class=\"count\"></span>\n",
        );
        let parts = [
            ("value", "the function, forward"),
            ("tangent", "slopes and tangents"),
            ("cotangent", "cotangents, backward"),
        ];
        for (class, label) in parts {
            let n = self
                .graph
                .ids()
                .filter(|&id| self.class(id) == class)
                .count();
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

    fn drawing(&self, out: &mut String) {
        let whole = (self.graph.len() <= MOST_DRAWN).then(|| Drawing::of_nodes(self));
        let drawing = whole.flatten().or_else(|| Drawing::of_lines(self));
        match drawing {
            Some(drawing) => drawing.svg(out),
            None => out.push_str("<p class=\"picture\">Too many links for a drawing.</p>\n"),
        }
    }
}

/// Boxes, their links and where they stand.
struct Drawing {
    boxes: Vec<Drawn>,
    links: Vec<(usize, usize)>,
    layout: Layout,
    note: &'static str,
}

struct Drawn {
    class: &'static str,
    lines: [String; 2],
    /// The names of the nodes that it stands for.
    nodes: Vec<usize>,
    output: bool,
}

/// Pixels of a letter, for the widths of boxes.
const LETTER: f64 = 6.7;

impl Drawing {
    fn new(boxes: Vec<Drawn>, reads: Vec<Vec<usize>>, note: &'static str) -> Option<Drawing> {
        let mut links = Vec::new();
        for (k, r) in reads.iter().enumerate() {
            links.extend(r.iter().map(|&r| (r, k)));
        }
        let sizes: Vec<Box> = boxes
            .iter()
            .zip(reads)
            .map(|(b, reads)| Box {
                width: b.width(),
                reads,
            })
            .collect();
        Some(Drawing {
            layout: layout(&sizes)?,
            boxes,
            links,
            note,
        })
    }

    /// A box a node; literals stand in the list alone.
    fn of_nodes(view: &View<'_>) -> Option<Drawing> {
        let graph = view.graph;
        let mut at = HashMap::new();
        let (mut boxes, mut all_reads) = (Vec::new(), Vec::new());
        for id in graph.ids() {
            let node = graph.node(id);
            if matches!(node.op, Op::Const(_)) {
                continue;
            }
            at.insert(id, boxes.len());
            let mut reads: Vec<usize> = node
                .operands
                .iter()
                .filter_map(|o| at.get(o).copied())
                .collect();
            reads.sort_unstable();
            reads.dedup();
            all_reads.push(reads);
            boxes.push(Drawn {
                class: view.class(id),
                lines: [
                    format!("%{} {}", view.name(id), node.op.name()),
                    node.ty.to_string(),
                ],
                nodes: vec![view.name(id)],
                output: graph.outputs().contains(&id),
            });
        }
        Drawing::new(
            boxes,
            all_reads,
            "Literals are left out of the drawing. Outputs have a thick frame.",
        )
    }

    /// A box for all nodes of a line in one part.
    fn of_lines(view: &View<'_>) -> Option<Drawing> {
        let graph = view.graph;
        let mut at = HashMap::new();
        let mut box_of = vec![None; graph.len()];
        let mut boxes: Vec<Drawn> = Vec::new();
        let mut reads: Vec<Vec<usize>> = Vec::new();
        for id in graph.ids() {
            let node = graph.node(id);
            if matches!(node.op, Op::Const(_)) {
                continue;
            }
            let key = (node.loc.file_line(), view.class(id));
            let k = *at.entry(key).or_insert_with(|| {
                let place = match node.loc.file_line() {
                    Some((file, line)) => format!("{}:{line}", short(file)),
                    None => "no known line".into(),
                };
                boxes.push(Drawn {
                    class: view.class(id),
                    lines: [place, String::new()],
                    nodes: Vec::new(),
                    output: false,
                });
                reads.push(Vec::new());
                boxes.len() - 1
            });
            box_of[id.index()] = Some(k);
            boxes[k].nodes.push(view.name(id));
            boxes[k].output |= graph.outputs().contains(&id);
            for o in &node.operands {
                // Lines may read each other; links go down, from the line that began first.
                if let Some(r) = box_of[o.index()]
                    && r < k
                    && !reads[k].contains(&r)
                {
                    reads[k].push(r);
                }
            }
        }
        for b in &mut boxes {
            b.lines[1] = format!("{} nodes", b.nodes.len());
        }
        Drawing::new(
            boxes,
            reads,
            "The program is large: a box is all nodes of a line in one part; a click lists them.",
        )
    }

    fn svg(&self, out: &mut String) {
        let Layout { width, height, .. } = self.layout;
        let _ = writeln!(
            out,
            "<figure class=\"picture\"><svg width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" aria-label=\"the graph\">"
        );
        for (&(from, to), points) in self.links.iter().zip(&self.layout.links) {
            let list = |k: usize| words(&self.boxes[k].nodes);
            let _ = write!(
                out,
                "<path data-from=\"{}\" data-to=\"{}\" d=\"",
                list(from),
                list(to)
            );
            for (i, &(x, y)) in points.iter().enumerate() {
                // From below one box to above the next, straight through the points between.
                let y = match i {
                    0 => y + HALF,
                    i if i + 1 == points.len() => y - HALF,
                    _ => y,
                };
                if i == 0 {
                    let _ = write!(out, "M{x:.0} {y:.0}");
                    continue;
                }
                let before = points[i - 1];
                let from = if i == 1 { before.1 + HALF } else { before.1 };
                let middle = (from + y) / 2.0;
                let _ = write!(
                    out,
                    " C{:.0} {middle:.0} {x:.0} {middle:.0} {x:.0} {y:.0}",
                    before.0
                );
            }
            out.push_str("\"/>\n");
        }
        for (b, &(x, y)) in self.boxes.iter().zip(&self.layout.places) {
            let width = b.width();
            let output = if b.output { " output" } else { "" };
            let _ = writeln!(
                out,
                "<g class=\"{}{output}\" data-nodes=\"{}\"><rect x=\"{:.0}\" y=\"{:.0}\" width=\"{width:.0}\" height=\"{:.0}\" rx=\"4\"/><text x=\"{x:.0}\" y=\"{:.0}\">{}</text><text x=\"{x:.0}\" y=\"{:.0}\">{}</text></g>",
                b.class,
                words(&b.nodes),
                x - width / 2.0,
                y - HALF,
                2.0 * HALF,
                y - 4.0,
                escaped(&b.lines[0]),
                y + 11.0,
                escaped(&b.lines[1])
            );
        }
        let _ = writeln!(out, "</svg><figcaption>{}</figcaption></figure>", self.note);
    }
}

/// Half of the height of a box.
const HALF: f64 = 18.0;

impl Drawn {
    fn width(&self) -> f64 {
        let letters = self.lines.iter().map(|l| l.chars().count()).max();
        letters.unwrap_or(0) as f64 * LETTER + 14.0
    }
}

/// Numbers with spaces between, as attributes hold them.
fn words(numbers: &[usize]) -> String {
    let all: Vec<String> = numbers.iter().map(usize::to_string).collect();
    all.join(" ")
}

/// The name of a file without its folders.
fn short(file: &str) -> &str {
    file.rsplit(['/', '\\']).next().unwrap_or(file)
}

/// `text` as it stands in HTML, also within quotes.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
