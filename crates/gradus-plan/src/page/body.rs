//! Programs that operations hold. Each stands below the program around it, with links in both directions.

use super::{View, Writer};
use crate::cost::sum;
use crate::format::{grouped, time};
use crate::quote;
use gradus_ir::primitives::region::{BackwardOnly, CotangentHook};
use gradus_ir::primitives::{Call, Region, Trips};
use gradus_ir::{Graph, NodeId, Part, Type};
use std::fmt::Write;

/// The place of a program in the programs around it.
pub(super) struct Held {
    /// The prefix of its nodes' names, which makes them differ from names in other programs.
    pub prefix: String,
    /// The number of its runs in one run of the whole program.
    pub times: f64,
    /// The nesting depth.
    pub depth: usize,
    /// The role of each input.
    pub given: Vec<String>,
    /// The role of each output.
    pub returned: Vec<String>,
}

impl Held {
    pub fn nowhere() -> Held {
        Held {
            prefix: String::new(),
            times: 1.0,
            depth: 0,
            given: Vec::new(),
            returned: Vec::new(),
        }
    }
}

impl View<'_> {
    /// The bodies of the node `id`, if it is a region.
    pub fn bodies(&self, id: NodeId, writer: &mut Writer<'_>) {
        let Some(region) = self.graph.node(id).region() else {
            return;
        };
        for (k, (name, body)) in region.bodies().into_iter().enumerate() {
            let name = name.to_string();
            let number = self.numbers[id.index()] + k;
            let runs = times(region, &name);
            let held = Held {
                prefix: format!("b{number}."),
                times: self.held.times * runs.unwrap_or(1) as f64,
                depth: self.held.depth + 1,
                given: self.given(id, region, &name),
                returned: returned(region, &name, body),
            };
            let open = if held.depth == 1 { " open" } else { "" };
            let view = View::new(body, writer, held);
            let own = self.name(id);
            let place = self.place(id);
            let place = place.map_or(String::new(), |loc| quote::html(&super::short(loc)));
            let _ = writeln!(
                writer.out,
                "<details class=\"body {}\" id=\"b{number}\"{open}><summary><span><b>{name}</b> of <a href=\"#n{}\">%{own} {}</a>, {}{}: {}</span><span class=\"place\">{place}</span></summary>",
                self.class(id),
                self.words(&[own]),
                region_name(region),
                part(self.graph.node(id).loc.part()),
                how_often(region, &name),
                view.cost(runs),
            );
            view.halves(writer);
            writer.out.push_str("</details>\n");
        }
    }

    pub fn links_to_bodies(&self, id: NodeId, region: &Region) -> String {
        let first = self.numbers[id.index()];
        let all = region.bodies().into_iter().enumerate();
        let all = all.map(|(k, (name, body))| {
            let n = first + k;
            format!("<a href=\"#b{n}\">{name}</a>, {} nodes", body.nodes().len())
        });
        all.collect::<Vec<_>>().join("; ")
    }

    /// The cost of one run, and of all runs.
    fn cost(&self, runs: Option<u64>) -> String {
        let sum = sum(self.costs.iter().copied());
        let once = format!(
            "{} nodes, {} operations, about {}",
            self.graph.nodes().len(),
            grouped(sum.operations),
            time(sum.seconds)
        );
        match runs {
            Some(n) if n > 1 => format!(
                "{once} a step; {} operations, about {} in {} steps",
                grouped(sum.times(n).operations),
                time(sum.times(n).seconds),
                grouped(n)
            ),
            _ => once,
        }
    }

    /// The role of each input of the body `name`, by the names of the program around it.
    fn given(&self, id: NodeId, region: &Region, name: &str) -> Vec<String> {
        let operands = &self.graph.node(id).operands;
        let outer = |k: usize| format!("%{} outside", self.names[operands[k].index()]);
        match region {
            Region::Loop(r) => {
                let places = r.operands();
                let mut all = vec!["number of the step".to_string()];
                all.extend(places.consts.map(|k| format!("in all steps {}", outer(k))));
                let carries = places.carries.enumerate();
                all.extend(carries.map(|(n, k)| format!("carried {n}, at first {}", outer(k))));
                all.extend(places.sequences.map(|k| format!("item of {}", outer(k))));
                all
            }
            Region::Switch(_) => (1..operands.len()).map(outer).collect(),
            // A backward pass gets the residuals, then a cotangent of each result.
            Region::Call(
                Call::Hook(CotangentHook { residuals, .. })
                | Call::BackwardOnly(BackwardOnly { residuals, .. }),
            ) => (0..operands.len())
                .map(|k| match k.checked_sub(*residuals) {
                    None => outer(k),
                    Some(result) => format!("cotangent of result {result}"),
                })
                .collect(),
            Region::Call(call) if std::ptr::eq(&**call.body(), body_called(region, name)) => {
                (0..operands.len()).map(outer).collect()
            }
            Region::Call(_) | Region::Check(_) => Vec::new(),
        }
    }
}

fn body_called<'a>(region: &'a Region, name: &str) -> &'a Graph {
    let found = region
        .bodies()
        .into_iter()
        .find(|(n, _)| n.to_string() == name);
    match found {
        Some((_, body)) => body,
        None => unreachable!("{name} is one of the bodies"),
    }
}

/// The role of each output of the body `name`.
fn returned(region: &Region, name: &str, body: &Graph) -> Vec<String> {
    match region {
        Region::Loop(_) if name == "condition" => vec!["goes on".into()],
        Region::Loop(r) => {
            let leaving = r.outputs();
            let carried = leaving.carries.map(|k| format!("carried {k}"));
            let kept = (0..leaving.kept.len()).map(|k| format!("kept {k}"));
            carried.chain(kept).collect()
        }
        Region::Call(
            Call::Hook(CotangentHook { residuals, .. })
            | Call::BackwardOnly(BackwardOnly { residuals, .. }),
        ) => (0..body.outputs().len())
            .map(|k| format!("cotangent of operand {}", residuals + k))
            .collect(),
        _ => Vec::new(),
    }
}

/// The number of runs of the body `name` in one run of its region, if that is fixed.
/// Each branch of a choice counts as if it were taken.
fn times(region: &Region, name: &str) -> Option<u64> {
    match region {
        Region::Loop(r) => match r.trips {
            Trips::Fixed(n) => Some(n as u64),
            _ => None,
        },
        Region::Switch(_) => Some(1),
        Region::Call(_) => Some(u64::from(!is_rule(region, name))),
        Region::Check(_) => Some(1),
    }
}

/// Whether the body is for derivatives alone.
fn is_rule(region: &Region, name: &str) -> bool {
    match region {
        Region::Call(Call::Solve(_)) => name != "solve",
        Region::Call(_) => name != "body",
        _ => false,
    }
}

fn how_often(region: &Region, name: &str) -> String {
    match (region, times(region, name)) {
        (Region::Switch(_), _) => "run if it is chosen".into(),
        (_, Some(0)) if is_rule(region, name) => "a rule for derivatives".into(),
        (_, Some(1)) => "run once".into(),
        (_, Some(n)) => format!("run {} times", grouped(n)),
        (_, None) => "run as often as is known only at run time".into(),
    }
}

/// How often a region runs its bodies, and how they count in its cost.
pub(super) fn runs(region: &Region) -> String {
    match region {
        Region::Loop(r) => match r.trips {
            Trips::Fixed(n) => format!(
                "{} steps{}",
                grouped(n as u64),
                if r.reverse {
                    ", the last one first"
                } else {
                    ""
                }
            ),
            _ => "a number of steps known only at run time; the cost is that of one step".into(),
        },
        Region::Switch(r) => format!(
            "one of {} branches; the cost is that of the most expensive",
            r.branches.len()
        ),
        Region::Call(_) | Region::Check(_) => "once".into(),
    }
}

fn region_name(region: &Region) -> &'static str {
    region.name()
}

fn part(part: Part) -> String {
    match part {
        Part::Value => String::new(),
        Part::Tangent(op) => format!("slope or tangent of {op}, "),
        Part::Cotangent(op) => format!("backward through {op}, "),
    }
}

/// The two lines in the box of a region.
pub(super) fn title(region: &Region, types: &[Type], name: usize) -> [String; 2] {
    let times = match region {
        Region::Loop(r) => match r.trips {
            Trips::Fixed(n) => format!(" × {n}"),
            _ => " × ?".into(),
        },
        _ => String::new(),
    };
    let shown = format!("({})", listed(types));
    [format!("%{name} {}{times}", region_name(region)), shown]
}

/// The types of the results of a node, not all of many.
pub(super) fn listed(types: &[Type]) -> String {
    let results: Vec<String> = types.iter().map(|t| t.to_string()).collect();
    match results.len() {
        0..=3 => results.join(", "),
        n => format!("{}, … {n} results", results[..2].join(", ")),
    }
}
