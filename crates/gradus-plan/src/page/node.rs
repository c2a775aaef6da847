//! One node in the list: its line of the graph, and what opens when it is chosen.

use super::{View, Writer, body, short};
use crate::format::{grouped, time};
use crate::quote;
use gradus_ir::primitives::Work;
use gradus_ir::{NodeId, Op, Part, text};
use std::fmt::Write;

impl View<'_> {
    pub fn node(&self, id: NodeId, writer: &mut Writer<'_>) {
        let out = &mut writer.out;
        let (graph, node) = (self.graph, self.graph.node(id));
        let makers = node.operands.iter().map(|&o| graph.maker_id(o));
        let mut reads: Vec<usize> = makers.map(|maker| self.name(maker)).collect();
        reads.sort_unstable();
        reads.dedup();
        let users: Vec<usize> = self.users[id.index()]
            .iter()
            .map(|&u| self.name(u))
            .collect();
        let line = match node.op {
            Op::Input(k) => {
                let role = self
                    .held
                    .given
                    .get(k as usize)
                    .map_or("input", String::as_str);
                format!("%{}: {}  {role}", self.name(id), node.ty())
            }
            _ => text::head(&self.names, node),
        };
        let returned: Vec<String> = graph
            .outputs()
            .iter()
            .enumerate()
            .filter(|&(_, &o)| graph.maker_id(o) == id)
            .map(|(k, _)| match self.held.returned.get(k) {
                Some(role) => format!(" → {role}"),
                None => format!(" → output {k}"),
            })
            .collect();
        let place = self.place(id);
        let in_full = place.map(|loc| quote::html(&loc.to_string()));
        let _ = writeln!(
            out,
            "<li class=\"{}\" data-name=\"{}\" data-reads=\"{}\" data-users=\"{}\"><details><summary><code>{}</code><b>{}</b><span class=\"place\">{}</span></summary>",
            self.class(id),
            self.words(&[self.name(id)]),
            self.words(&reads),
            self.words(&users),
            quote::html(&line),
            returned.concat(),
            place.map_or(String::new(), |loc| quote::html(&short(loc)))
        );
        if let Some(source) = place.and_then(|loc| writer.sources.shown(loc)) {
            let _ = writeln!(out, "<pre class=\"source\">{source}</pre>");
        }
        out.push_str("<table>\n");
        let mut row = |name: &str, value: &str| {
            let _ = writeln!(out, "<tr><th>{name}</th><td>{value}</td></tr>");
        };
        if let Some(place) = in_full {
            row("place", &place);
        }
        row(
            "part",
            &match node.loc.part() {
                Part::Value => "the function itself".to_string(),
                Part::Tangent(op) => format!("slope or tangent of <code>{op}</code>"),
                Part::Cotangent(op) => format!("backward through <code>{op}</code>"),
            },
        );
        if let Some(region) = node.region() {
            row("programs", &self.links_to_bodies(id, region));
            row("runs", &body::runs(region));
        }
        row("depends on", &self.links(&reads));
        row("used by", &self.links(&users));
        let (cost, estimate) = (graph.cost(node), self.costs[id.index()]);
        if node.region().is_none() {
            row("work", work(cost.work));
        }
        row("operations", &grouped(cost.operations));
        row(
            "bytes",
            &format!(
                "{} read, {} written; {} where neighbours run together",
                grouped(cost.bytes_read),
                grouped(cost.bytes_written),
                grouped(estimate.bytes)
            ),
        );
        let seconds = estimate.seconds * self.held.times;
        let share = 100.0 * seconds / writer.whole.max(f64::MIN_POSITIVE);
        let once = match self.held.times == 1.0 {
            true => String::new(),
            false => format!(" a run, {} in all", time(seconds)),
        };
        row(
            "estimate",
            &format!(
                "{}{once}, {share:.1} % of the program",
                time(estimate.seconds)
            ),
        );
        out.push_str("</table></details></li>\n");
    }
}

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
