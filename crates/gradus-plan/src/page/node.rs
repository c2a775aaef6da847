//! One node in the list: its line of the graph, and the details that open when it is chosen.

use super::{View, Writer, body, short};
use crate::format::{grouped, time};
use crate::quote;
use gradus_ir::primitives::Work;
use gradus_ir::{NodeId, Op, Part, text};
use std::fmt::Write;

impl View<'_> {
    /// The line of a node, followed by its details.
    pub fn node(&self, id: NodeId, writer: &mut Writer<'_>) {
        let node = self.graph.node(id);
        let makers = node.operands.iter().map(|&o| self.graph.maker_id(o));
        let mut reads: Vec<usize> = makers.map(|maker| self.name(maker)).collect();
        reads.sort_unstable();
        reads.dedup();
        let users = self.users[id.index()].iter();
        let users: Vec<usize> = users.map(|&u| self.name(u)).collect();
        let place = self.place(id);
        let _ = writeln!(
            writer.out,
            "<li class=\"{}\" data-name=\"{}\" data-reads=\"{}\" data-users=\"{}\"><details><summary><code>{}</code><b>{}</b><span class=\"place\">{}</span></summary>",
            self.class(id),
            self.words(&[self.name(id)]),
            self.words(&reads),
            self.words(&users),
            quote::html(&self.line(id)),
            self.roles(id),
            place.map_or(String::new(), |loc| quote::html(&short(loc)))
        );
        if let Some(source) = place.and_then(|loc| writer.sources.shown(loc)) {
            let _ = writeln!(writer.out, "<pre class=\"source\">{source}</pre>");
        }
        writer.out.push_str("<table>\n");
        let rows = self.origin(id).into_iter();
        let rows = rows.chain([
            ("depends on", self.links(&reads)),
            ("used by", self.links(&users)),
        ]);
        for (name, value) in rows.chain(self.costs_of(id, writer.whole)) {
            let _ = writeln!(writer.out, "<tr><th>{name}</th><td>{value}</td></tr>");
        }
        writer.out.push_str("</table></details></li>\n");
    }

    /// The node as in the graph's text; an input also with its role.
    fn line(&self, id: NodeId) -> String {
        let node = self.graph.node(id);
        let Op::Input(k) = node.op else {
            return text::head(&self.names, node);
        };
        let role = self.held.given.get(k as usize);
        let role = role.map_or("input", String::as_str);
        format!("%{}: {}  {role}", self.name(id), node.ty())
    }

    /// The outputs that are results of the node.
    fn roles(&self, id: NodeId) -> String {
        let outputs = self.graph.outputs().iter().enumerate();
        let own = outputs.filter(|&(_, &o)| self.graph.maker_id(o) == id);
        own.map(|(k, _)| match self.held.returned.get(k) {
            Some(role) => format!(" → {role}"),
            None => format!(" → output {k}"),
        })
        .collect()
    }

    /// The source of the node, and the programs that it holds.
    fn origin(&self, id: NodeId) -> Vec<Row> {
        let node = self.graph.node(id);
        let mut rows = Vec::new();
        if let Some(place) = self.place(id) {
            rows.push(("place", quote::html(&place.to_string())));
        }
        let part = match node.loc.part() {
            Part::Value => "the function itself".to_string(),
            Part::Tangent(op) => format!("slope or tangent of <code>{op}</code>"),
            Part::Cotangent(op) => format!("backward through <code>{op}</code>"),
        };
        rows.push(("part", part));
        if let Some(region) = node.region() {
            rows.push(("programs", self.links_to_bodies(id, region)));
            rows.push(("runs", body::runs(region)));
        }
        rows
    }

    /// The cost of the node, and its share of `whole`, the program's seconds.
    fn costs_of(&self, id: NodeId, whole: f64) -> Vec<Row> {
        let node = self.graph.node(id);
        let (cost, estimate) = (self.graph.cost(node), self.costs[id.index()]);
        let mut rows = Vec::new();
        if node.region().is_none() {
            rows.push(("work", work(cost.work).to_string()));
        }
        rows.push(("operations", grouped(cost.operations)));
        let bytes = format!(
            "{} read, {} written; {} where neighbours run together",
            grouped(cost.bytes_read),
            grouped(cost.bytes_written),
            grouped(estimate.bytes)
        );
        rows.push(("bytes", bytes));
        let seconds = estimate.seconds * self.held.times;
        let share = 100.0 * seconds / whole.max(f64::MIN_POSITIVE);
        let once = match self.held.times == 1.0 {
            true => String::new(),
            false => format!(" a run, {} in all", time(seconds)),
        };
        let once = format!("{}{once}", time(estimate.seconds));
        rows.push(("estimate", format!("{once}, {share:.1} % of the program")));
        rows
    }
}

/// The name and the value of a detail.
type Row = (&'static str, String);

fn work(work: Work) -> &'static str {
    match work {
        Work::View => "none: another view of the same memory",
        Work::Copy => "copying",
        Work::Arithmetic => "arithmetic",
        Work::Transcendental => "transcendental functions",
        Work::Reduction => "reduction",
        Work::Product => "matrix product",
        Work::Indexing => "indexing",
    }
}
