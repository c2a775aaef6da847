//! A program as a drawing: boxes and links.

use super::layout::{Box, Layout, layout};
use super::{View, body, short};
use crate::quote;
use gradus_ir::Op;
use std::collections::HashMap;
use std::fmt::Write;

/// Programs with more nodes are drawn with one box for each line of source.
const MOST_DRAWN: usize = 300;

/// Boxes, their links and where they stand.
pub(super) struct Drawing {
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
    pub fn new(view: &View<'_>) -> Option<Drawing> {
        let whole = (view.graph.nodes().len() <= MOST_DRAWN).then(|| Drawing::of_nodes(view));
        whole.flatten().or_else(|| Drawing::of_lines(view))
    }

    fn placed(boxes: Vec<Drawn>, reads: Vec<Vec<usize>>, note: &'static str) -> Option<Drawing> {
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

    /// One box for each node. Literals are in the list alone.
    fn of_nodes(view: &View<'_>) -> Option<Drawing> {
        let graph = view.graph;
        let mut at = HashMap::new();
        let is_output = graph.output_marks();
        let (mut boxes, mut all_reads) = (Vec::new(), Vec::new());
        for (id, node) in graph.node_ids().zip(graph.nodes()) {
            if matches!(node.op, Op::Const(_)) {
                continue;
            }
            at.insert(id, boxes.len());
            let mut reads: Vec<usize> = node
                .operands
                .iter()
                .filter_map(|&o| at.get(&graph.maker_id(o)).copied())
                .collect();
            reads.sort_unstable();
            reads.dedup();
            all_reads.push(reads);
            let lines = match &node.op {
                Op::Region(region) => body::title(region, node.types(), view.name(id)),
                op => [
                    format!("%{} {}", view.name(id), op.name()),
                    body::listed(node.types()),
                ],
            };
            boxes.push(Drawn {
                class: view.class(id),
                lines,
                nodes: vec![view.name(id)],
                output: node.has_marked(&is_output),
            });
        }
        Drawing::placed(
            boxes,
            all_reads,
            "Literals are left out of the drawing. Outputs have a thick frame.",
        )
    }

    /// One box for all nodes of a source line that belong to the same part of a derivative.
    fn of_lines(view: &View<'_>) -> Option<Drawing> {
        let graph = view.graph;
        let mut at = HashMap::new();
        let is_output = graph.output_marks();
        let mut box_of = vec![None; graph.nodes().len()];
        let mut boxes: Vec<Drawn> = Vec::new();
        let mut reads: Vec<Vec<usize>> = Vec::new();
        for (id, node) in graph.node_ids().zip(graph.nodes()) {
            if matches!(node.op, Op::Const(_)) {
                continue;
            }
            let place = view.place(id).map(|loc| loc.to_string());
            let k = *at.entry((place, view.class(id))).or_insert_with(|| {
                let place = view.place(id);
                let place = place.map_or_else(|| "no known line".into(), short);
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
            boxes[k].output |= node.has_marked(&is_output);
            for o in &node.operands {
                // Two lines can read each other. Links go down, from the line that began first.
                if let Some(r) = box_of[graph.maker_id(*o).index()]
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
        Drawing::placed(
            boxes,
            reads,
            "The program is large: a box is all nodes of a line in one part of the derivative; a click lists them.",
        )
    }

    pub fn svg(&self, view: &View<'_>, out: &mut String) {
        let Layout { width, height, .. } = self.layout;
        let _ = writeln!(
            out,
            "<figure class=\"picture\"><svg width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" aria-label=\"the graph\">"
        );
        for (&(from, to), points) in self.links.iter().zip(&self.layout.links) {
            let list = |k: usize| view.words(&self.boxes[k].nodes);
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
                view.words(&b.nodes),
                x - width / 2.0,
                y - HALF,
                2.0 * HALF,
                y - 4.0,
                quote::html(&b.lines[0]),
                y + 11.0,
                quote::html(&b.lines[1])
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
