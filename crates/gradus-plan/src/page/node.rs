//! One node in the list: its line of the graph, and what opens when it is chosen.

use super::source::Sources;
use super::{View, escaped, short, words};
use crate::explain::{grouped, time};
use gradus_ir::primitives::Work;
use gradus_ir::{NodeId, Op, Part, Type, text};
use std::fmt::Write;

impl View<'_> {
    pub fn node(&self, id: NodeId, sources: &mut Sources, out: &mut String) {
        let (graph, node) = (self.graph, self.graph.node(id));
        let mut reads: Vec<usize> = node.operands.iter().map(|&o| self.name(o)).collect();
        reads.sort_unstable();
        reads.dedup();
        let users: Vec<usize> = self.users[id.index()]
            .iter()
            .map(|&u| self.name(u))
            .collect();
        let line = match node.op {
            Op::Input(_) => format!("%{}: {}  input", self.name(id), node.ty),
            _ => text::line(graph, &self.names, id),
        };
        let returned: Vec<String> = graph
            .outputs()
            .iter()
            .enumerate()
            .filter(|&(_, &o)| o == id)
            .map(|(k, _)| format!(" → output {k}"))
            .collect();
        let place = node.loc.file_line();
        let in_full = place.map(|(file, line)| escaped(&format!("{file}:{line}")));
        let _ = writeln!(
            out,
            "<li class=\"{}\" data-name=\"{}\" data-reads=\"{}\" data-users=\"{}\"><details><summary><code>{}</code><b>{}</b><span class=\"place\">{}</span></summary>",
            self.class(id),
            self.name(id),
            words(&reads),
            words(&users),
            escaped(&line),
            returned.concat(),
            place.map_or(String::new(), |(file, line)| escaped(&format!(
                "{}:{line}",
                short(file)
            )))
        );
        if let Some(source) = place.and_then(|(file, line)| sources.line(file, line)) {
            let _ = writeln!(out, "<pre class=\"source\">{}</pre>", escaped(source));
        }
        out.push_str("<table>\n");
        let mut row = |name: &str, value: &str| {
            let _ = writeln!(out, "<tr><th>{name}</th><td>{value}</td></tr>");
        };
        if let Some(place) = in_full {
            row("line", &place);
        }
        row(
            "part",
            &match node.loc.part() {
                Part::Value => "the function itself".to_string(),
                Part::Tangent(op) => format!("slope or tangent of <code>{op}</code>"),
                Part::Cotangent(op) => format!("backward through <code>{op}</code>"),
            },
        );
        row("depends on", &links(&reads));
        row("used by", &links(&users));
        let types: Vec<&Type> = node.operands.iter().map(|&o| graph.ty(o)).collect();
        let (cost, estimate) = (node.op.cost(&types, &node.ty), self.costs[id.index()]);
        row("work", work(cost.work));
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
        let share = 100.0 * estimate.seconds / self.seconds.max(f64::MIN_POSITIVE);
        row(
            "estimate",
            &format!("{}, {share:.1} % of the program", time(estimate.seconds)),
        );
        out.push_str("</table></details></li>\n");
    }
}

fn links(names: &[usize]) -> String {
    if names.is_empty() {
        return "nothing".into();
    }
    let all: Vec<String> = names
        .iter()
        .map(|n| format!("<a href=\"#n{n}\">%{n}</a>"))
        .collect();
    all.join(" ")
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
