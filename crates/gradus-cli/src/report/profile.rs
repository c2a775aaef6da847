//! The time within a compiled step.

use super::clock::short;
use gradus::debug::{StepTime, by_line};
use std::collections::BTreeMap;
use std::time::Duration;

/// The most source lines that are listed.
const LINES: usize = 6;

/// The time of a step by kind of work and by line of the source.
/// With `all`, every line with its costs, and every part of the step.
pub fn table(steps: &[StepTime], all: bool) -> String {
    let total: Duration = steps.iter().map(|s| s.time).sum();
    let mut lines = vec![format!("where a step of {} goes:", short(total))];
    let share = |time: Duration| 100.0 * time.as_secs_f64() / total.as_secs_f64().max(1e-12);
    let mut add = |mut sorted: Vec<(String, Duration)>, limit: usize| {
        sorted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        for (name, time) in sorted.into_iter().take(limit) {
            lines.push(format!(
                "  {:5.1} %  {:>9}  {name}",
                share(time),
                short(time)
            ));
        }
    };
    add(group(steps, |s| kind(&s.what).to_string()), usize::MAX);
    if all {
        lines.push("line by line (what runs in one kernel is divided by estimate):".into());
        lines.push(by_line(steps).to_string());
        lines.push("part by part:".into());
        for step in steps {
            lines.push(format!(
                "  {:>9}  {}  ({})",
                short(step.time),
                step.what,
                place(step.place)
            ));
        }
    } else {
        let profile = by_line(steps).lines;
        let named = profile.iter().map(|l| (place(l.place), l.time));
        add(named.collect(), LINES);
    }
    lines.join("\n") + "\n"
}

fn group(steps: &[StepTime], name: impl Fn(&StepTime) -> String) -> Vec<(String, Duration)> {
    let mut groups: BTreeMap<String, Duration> = BTreeMap::new();
    for step in steps {
        *groups.entry(name(step)).or_default() += step.time;
    }
    groups.into_iter().collect()
}

fn kind(what: &str) -> &'static str {
    let first = what.split([' ', '{']).next().unwrap_or("");
    match first {
        "contract" => "matrix products",
        "take" | "scatter_add" | "dynamic_slice" | "dynamic_update" => "gathering",
        "loop" => "loops",
        f if f.starts_with("fused") => "fused elementwise kernels and reductions",
        _ => "other",
    }
}

fn place(place: Option<(&str, u32)>) -> String {
    match place {
        Some((file, line)) => {
            let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
            format!("{name}:{line}")
        }
        None => "no line of the source".into(),
    }
}
