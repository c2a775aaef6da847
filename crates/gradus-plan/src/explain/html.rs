//! A plan as one self-contained HTML page: the table, the costs as bars,
//! the order as a drawing, and the program to walk through.

use super::order_tree::label;
use super::{Explanation, user_supplied_share};
use crate::candidate::{Candidate, Mode};
use crate::format::{grouped, time};
use crate::order::Order;
use crate::page;
use crate::quote;
use std::fmt::Write;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:100rem;margin:2rem auto;padding:0 1rem;color:#222}\
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .8rem;text-align:right;border-bottom:1px solid #ddd}\
td:first-child,th:first-child{text-align:left}.chosen{background:#e8f3ea;font-weight:600}.note{color:#666}\
svg text{font:13px system-ui,sans-serif}";

impl Explanation<'_> {
    pub(super) fn html(&self) -> String {
        let plan = self.plan;
        let title = quote::html(&format!("The {}", self.subject()));
        let mut out = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title><style>{}{STYLE}</style></head>\n<body>\n<h1>{title}</h1>\n\
             <p>A chain of widths {}. Chosen: <b>{}</b>.</p>\n",
            page::STYLE,
            self.chain(),
            plan.chosen().name
        );
        if !plan.cuts().is_empty() {
            out.push_str("<ul>\n");
            for (k, cut) in plan.cuts().iter().enumerate() {
                let _ = writeln!(out, "<li>{}</li>", quote::html(&self.cut(k, cut)));
            }
            out.push_str("</ul>\n");
        }
        self.table(&mut out);
        self.bars(&mut out);
        if let Mode::Mixed(order) = &plan.chosen().mode {
            out.push_str("<h2>The order</h2>\n");
            drawing(order, plan.widths(), &mut out);
        }
        out.push_str("<h2>Steps</h2>\n<ol>\n");
        for step in plan.steps() {
            let _ = writeln!(out, "<li>{}</li>", quote::html(&step));
        }
        let _ = writeln!(
            out,
            "</ol>\n<p class=\"note\">Not available yet: {}.</p>\n<h2>The chosen program</h2>",
            self.not_yet().join("; ")
        );
        let program = &plan.chosen().program;
        out.push_str(&page::section(program, &plan.profile, plan.source_lines));
        let _ = write!(out, "<script>\n{}</script>\n</body></html>\n", page::SCRIPT);
        out
    }

    /// The candidates with their costs, and the notes below.
    fn table(&self, out: &mut String) {
        out.push_str("<table><tr><th>candidate</th><th>operations</th><th>bytes moved</th><th>bytes at peak</th><th>estimated time</th>");
        if self.measured.is_some() {
            out.push_str(
                "<th>operations counted</th><th>bytes used at peak</th><th>measured time</th>",
            );
        }
        out.push_str("<th></th></tr>\n");
        for (k, c) in self.plan.candidates().iter().enumerate() {
            self.row(k, c, out);
        }
        out.push_str("</table>\n");
        if let Some(note) = self.user_supplied_note() {
            let _ = writeln!(out, "<p class=\"note\">{}</p>", quote::html(&note));
        }
        for (why, names) in self.not_built_by_reason() {
            let _ = writeln!(out, "<p class=\"note\">Not built, as {why}: {names}.</p>");
        }
    }

    fn row(&self, k: usize, c: &Candidate, out: &mut String) {
        let class = match k == self.plan.choice().position() {
            true => " class=\"chosen\"",
            false => "",
        };
        let peak = c.peak_bytes.map_or_else(|| "–".into(), grouped);
        let e = c.estimate;
        let _ = write!(
            out,
            "<tr{class}><td>{}</td><td>{}</td><td>{}</td><td>{peak}</td><td>{}</td>",
            c.name,
            grouped(e.operations),
            grouped(e.bytes),
            time(e.seconds)
        );
        match self.measured.map(|m| m[k]) {
            None => {}
            Some(None) => out.push_str("<td>–</td><td>–</td><td>–</td>"),
            Some(Some(m)) => {
                let _ = write!(
                    out,
                    "<td>{}</td><td>{}</td><td>{}</td>",
                    grouped(m.operations),
                    grouped(m.peak_bytes),
                    time(m.seconds)
                );
            }
        }
        let notes = user_supplied_share(c).into_iter();
        let notes: Vec<String> = notes.chain(c.ruled_out.clone()).collect();
        let _ = writeln!(out, "<td>{}</td></tr>", notes.join("; "));
    }

    /// The time of each candidate as a bar, the measured one below the estimated one.
    fn bars(&self, out: &mut String) {
        let all = self.plan.candidates();
        let measured = self.measured;
        let seen = measured.map(|m| m.iter().flatten().map(|m| m.seconds));
        let longest = all
            .iter()
            .map(|c| c.estimate.seconds)
            .chain(seen.into_iter().flatten())
            .fold(f64::MIN_POSITIVE, f64::max);
        let step = if measured.is_some() { 52 } else { 30 };
        let names = all
            .iter()
            .map(|c| c.name.chars().count())
            .max()
            .unwrap_or(0)
            * 7
            + 27;
        let left = names as f64;
        let _ = writeln!(
            out,
            "<h2>Time</h2>\n<svg width=\"{}\" height=\"{}\" role=\"img\" aria-label=\"time of each candidate\">",
            names + 630,
            all.len() * step
        );
        for (k, c) in all.iter().enumerate() {
            let mut bar = |y: usize, seconds: f64, colour: &str, what: &str| {
                let width = (480.0 * seconds / longest).max(1.0);
                let _ = writeln!(
                    out,
                    "<rect x=\"{names}\" y=\"{y}\" width=\"{width:.1}\" height=\"18\" fill=\"{colour}\"/><text x=\"{:.1}\" y=\"{}\">{} {what}</text>",
                    left + 6.0 + width,
                    y + 14,
                    time(seconds)
                );
            };
            let y = k * step;
            bar(y, c.estimate.seconds, "#9bb8d3", "estimated");
            if let Some(m) = self.measured(k) {
                bar(y + 22, m.seconds, "#2f6690", "measured");
            }
            let _ = writeln!(out, "<text x=\"0\" y=\"{}\">{}</text>", y + 14, c.name);
        }
        out.push_str("</svg>\n");
    }
}

/// The order as boxes, each above the derivatives that it joins.
fn drawing(order: &Order, widths: &[usize], out: &mut String) {
    let boxes = Boxes {
        widths,
        // A letter takes about 7 pixels.
        width: longest_label(order, widths) * 7 + 24,
    };
    let _ = writeln!(
        out,
        "<svg width=\"{}\" height=\"{}\" role=\"img\" aria-label=\"the order of the chain rule\">",
        leaves(order) * boxes.width,
        depth(order) * LEVEL
    );
    boxes.place(order, 0, 0, out);
    out.push_str("</svg>\n");
}

/// Pixels from a box to the one below it.
const LEVEL: usize = 64;
const BOX_HEIGHT: usize = 36;
/// Space around a box for half of the line that is drawn on its border.
const BORDER: usize = 2;

/// Boxes of one width with the widths of the chain in them.
struct Boxes<'a> {
    widths: &'a [usize],
    width: usize,
}

impl Boxes<'_> {
    /// Draws `order` with its children below it, from column `left` on; gives the middle of its box.
    fn place(&self, order: &Order, left: usize, level: usize, out: &mut String) -> usize {
        let centre = left * self.width + leaves(order) * self.width / 2;
        let y = level * LEVEL + BORDER;
        let mut at = left;
        for child in order.children() {
            let below = self.place(child, at, level + 1, out);
            let _ = writeln!(
                out,
                "<line x1=\"{centre}\" y1=\"{}\" x2=\"{below}\" y2=\"{}\" stroke=\"#999\"/>",
                y + BOX_HEIGHT,
                y + LEVEL
            );
            at += leaves(child);
        }
        let _ = writeln!(
            out,
            "<rect x=\"{}\" y=\"{y}\" width=\"{}\" height=\"{BOX_HEIGHT}\" rx=\"4\" fill=\"#eef3f8\" stroke=\"#2f6690\"/><text x=\"{centre}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            centre - self.width / 2 + 4,
            self.width - 8,
            y + 23,
            label(order, self.widths)
        );
        centre
    }
}

fn leaves(order: &Order) -> usize {
    let below = order.children().into_iter().map(leaves);
    below.sum::<usize>().max(1)
}

fn depth(order: &Order) -> usize {
    1 + order.children().into_iter().map(depth).max().unwrap_or(0)
}

fn longest_label(order: &Order, widths: &[usize]) -> usize {
    let below = order
        .children()
        .into_iter()
        .map(|o| longest_label(o, widths));
    below.fold(label(order, widths).chars().count(), usize::max)
}
