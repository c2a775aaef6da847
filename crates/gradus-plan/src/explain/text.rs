//! A plan as text: the function as a chain, the table of candidates, the chosen order and its steps.

use super::regions::region_costs;
use super::{Explanation, order_tree, user_supplied_share};
use crate::candidate::{Candidate, Mode};
use crate::elimination::Elimination;
use crate::format::{grouped, time};
use crate::options::Objective;
use std::fmt::Write;

impl Explanation<'_> {
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        self.write_function(&mut out);
        self.write_table(&mut out);
        self.write_notes(&mut out);
        self.write_order(&mut out);
        self.write_regions(&mut out);
        out.push_str("\n  steps:\n");
        for (k, step) in self.plan.steps().iter().enumerate() {
            let _ = writeln!(out, "    {:2} {step}", k + 1);
        }
        out
    }

    fn write_function(&self, out: &mut String) {
        let (subject, chain) = (self.subject(), self.chain());
        let _ = writeln!(out, "the {subject}\n  a chain of widths {chain}");
        let objective = self.plan.objective();
        if objective != Objective::Time {
            let _ = writeln!(out, "  objective: {}", objective.name());
        }
        for (k, cut) in self.plan.cuts().iter().enumerate() {
            let _ = writeln!(out, "    {}", self.cut(k, cut));
        }
    }

    fn write_table(&self, out: &mut String) {
        let candidates = self.plan.candidates();
        let names = candidates.iter().map(|c| c.name.chars().count());
        let widest = names.max().unwrap_or(0).max("candidate".len());
        let _ = write!(
            out,
            "\n    {:widest$} {:>17} {:>15} {:>15} {:>11} {:>7}",
            "candidate", "operations", "bytes moved", "bytes at peak", "time", "ratio"
        );
        if self.measured.is_some() {
            let _ = write!(
                out,
                "  | {:>17} {:>15} {:>11} {:>7}",
                "counted", "bytes at peak", "measured", "ratio"
            );
        }
        out.push('\n');
        for (k, c) in candidates.iter().enumerate() {
            self.write_row(k, c, widest, out);
        }
    }

    fn write_row(&self, k: usize, c: &Candidate, widest: usize, out: &mut String) {
        let times = self.plan.candidates().iter().map(|c| c.estimate.seconds);
        let least = times.fold(f64::INFINITY, f64::min);
        let chosen = k == self.plan.choice().position();
        let e = c.estimate;
        let _ = write!(
            out,
            "  {} {:widest$} {:>17} {:>15} {:>15} {:>11} {:>7.2}",
            if chosen { '*' } else { ' ' },
            c.name,
            grouped(e.operations),
            grouped(e.bytes),
            c.peak_bytes.map_or_else(|| "-".into(), grouped),
            time(e.seconds),
            ratio(e.seconds, least)
        );
        if let Some(m) = self.measured(k) {
            let _ = write!(
                out,
                "  | {:>17} {:>15} {:>11} {:>7.2}",
                grouped(m.operations),
                grouped(m.peak_bytes),
                time(m.seconds),
                ratio(m.seconds, self.fastest())
            );
        }
        if let Some(share) = user_supplied_share(c) {
            let _ = write!(out, "  {share}");
        }
        if let Some(why) = &c.ruled_out {
            let _ = write!(out, "  ruled out: {why}");
        }
        out.push('\n');
    }

    fn write_notes(&self, out: &mut String) {
        if let Some(note) = self.user_supplied_note() {
            let _ = writeln!(out, "    {note}");
        }
        for (why, names) in self.not_built_by_reason() {
            let _ = writeln!(out, "    not built, because {why}: {names}");
        }
        for name in self.not_yet() {
            let _ = writeln!(out, "    not available yet: {name}");
        }
        if let Some(regret) = self.regret() {
            let _ = writeln!(
                out,
                "\n  regret {regret:.2} (time of the chosen order / time of the fastest)"
            );
        }
    }

    fn write_order(&self, out: &mut String) {
        let chosen = self.plan.chosen();
        let _ = writeln!(out, "\n  chosen: {}, {}", chosen.name, self.in_words());
        match &chosen.mode {
            Mode::Mixed(order) => order_tree::write(order, self.plan.widths(), "    ", out),
            Mode::Elimination(order) => write_elimination(order, out),
            Mode::Scalar {
                vertices,
                multiplications,
            } => {
                let _ = writeln!(
                    out,
                    "    numbers: {vertices}, products of partial derivatives: {multiplications}"
                );
            }
            _ => {}
        }
    }

    fn write_regions(&self, out: &mut String) {
        let regions = region_costs(&self.plan.chosen().program, &self.plan.profile);
        if regions.is_empty() {
            return;
        }
        out.push_str("\n  in the chosen program:\n");
        for r in &regions {
            let (what, place) = (&r.what, self.at(r.place));
            let (operations, seconds) = (grouped(r.cost.operations), time(r.cost.seconds));
            let _ = writeln!(out, "    {what}{place}: {operations} operations, {seconds}");
        }
    }
}

/// The steps of an elimination.
fn write_elimination(order: &Elimination, out: &mut String) {
    for step in &order.steps {
        let (v, width) = (step.vertex + 1, order.widths[step.vertex]);
        let how = step.join.in_words();
        let _ = writeln!(out, "    array {v} of {width}: {how}");
    }
    let bound = match order.bounded {
        true => "; beam search stopped at its limit of trials",
        false => "",
    };
    let _ = writeln!(out, "    found by {}{bound}", order.found_by.name());
}

/// The ratio of `seconds` to `least`. Programs of constants take no time.
fn ratio(seconds: f64, least: f64) -> f64 {
    match seconds > least {
        true => seconds / least,
        false => 1.0,
    }
}
