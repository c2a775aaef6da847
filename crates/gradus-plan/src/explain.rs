//! A plan in words, as a table, a tree, JSON and a drawing.

use crate::bound::NotBuilt;
use crate::choice::{Candidate, Mode};
use crate::elimination::Elimination;
use crate::format::{grouped, time};
use crate::options::{Objective, SourceLines};
use crate::order::Order;
use crate::plan::{Derivative, Plan};
use crate::quote;
use crate::regions::{self, stated};
use crate::segments::Cut;
use crate::steps::named;
use gradus_ir::Loc;
use std::fmt::Write;

/// What running a candidate showed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Measured {
    /// Operations that the executor counted.
    pub operations: u64,
    /// Bytes held at once, arguments apart.
    pub peak_bytes: u64,
    /// Seconds, the median of several runs.
    pub seconds: f64,
}

/// A plan with what each admissible candidate did when it ran, in the order of [`Plan::candidates`]; `None` for one that was ruled out.
pub struct Analysis<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What was measured.
    pub measured: Vec<Option<Measured>>,
}

/// Derivatives that later versions will weigh as well; named so that nobody thinks that they were.
const NOT_YET: [&str; 2] = [
    "compression by colouring (sparse results)",
    "recomputation (memory below what any order needs)",
];

impl Plan {
    /// The candidates with their costs, the one taken and its order.
    pub fn explain(&self) -> String {
        self.text(None)
    }

    /// What is differentiated by what.
    pub(crate) fn subject(&self) -> String {
        let list = |types: &[gradus_ir::Type]| {
            let all: Vec<String> = types.iter().map(ToString::to_string).collect();
            all.join(", ")
        };
        let (of, by) = (list(self.outputs()), list(self.inputs()));
        match self.derivative {
            Derivative::Jacobian => format!("Jacobian of {of} by {by}"),
            Derivative::Hessian => format!("Hessian of {of} by {by}"),
            Derivative::HessianProduct => {
                format!("product of the Hessian of {of} by {by} with a vector")
            }
        }
    }

    /// What was not weighed: a product with a vector is not sparse.
    pub(crate) fn not_yet(&self) -> &'static [&'static str] {
        match self.derivative {
            Derivative::HessianProduct => &NOT_YET[1..],
            _ => &NOT_YET,
        }
    }

    /// That operations of the program taken are those that a user states, and where.
    pub(crate) fn stated_note(&self) -> Option<String> {
        let (stated, places) = stated(&self.chosen().program);
        let places = places.iter().filter(|loc| self.names(**loc));
        let places: String = places.map(|loc| format!(", at {loc}")).collect();
        (stated > 0)
            .then(|| format!("stated, and counted by nobody: the operations of with_cost{places}"))
    }

    /// Names of the candidates that were not built, for each reason.
    pub(crate) fn not_built_by_reason(&self) -> Vec<(&'static str, String)> {
        let mut reasons: Vec<(&'static str, String)> = Vec::new();
        for NotBuilt { name, why } in self.not_built() {
            match reasons.iter_mut().find(|(known, _)| known == why) {
                Some((_, names)) => {
                    names.push_str(", ");
                    names.push_str(name);
                }
                None => reasons.push((why, name.clone())),
            }
        }
        reasons
    }

    /// A cut in words.
    pub(crate) fn cut(&self, k: usize, cut: &Cut) -> String {
        let place = self.at(cut.place);
        format!("cut {}: {}, {}{place}", k + 1, cut.operation, cut.ty)
    }

    /// Whether texts name this line.
    fn names(&self, place: Loc) -> bool {
        self.source_lines == SourceLines::Shown && place.is_known()
    }

    /// `, at file:line`, where that is known and shown.
    fn at(&self, place: Loc) -> String {
        match self.names(place) {
            true => format!(", at {place}"),
            false => String::new(),
        }
    }

    /// The place as JSON.
    fn place_json(&self, place: Loc) -> String {
        match self.names(place) {
            true => quote::json(&place.to_string()),
            false => "null".into(),
        }
    }

    /// The widths at the cuts.
    pub(crate) fn chain(&self) -> String {
        let widths: Vec<String> = self.widths().iter().map(usize::to_string).collect();
        widths.join(" → ")
    }

    fn text(&self, measured: Option<&[Option<Measured>]>) -> String {
        let mut out = format!(
            "the {}\n  a chain of widths {}\n",
            self.subject(),
            self.chain()
        );
        if self.objective() != Objective::Time {
            let _ = writeln!(out, "  what is saved: {}", self.objective().name());
        }
        for (k, cut) in self.cuts().iter().enumerate() {
            let _ = writeln!(out, "    {}", self.cut(k, cut));
        }
        let names = self.candidates().iter().map(|c| c.name.chars().count());
        let widest = names.max().unwrap_or(0).max("candidate".len());
        let _ = write!(
            out,
            "\n    {:widest$} {:>17} {:>15} {:>15} {:>11} {:>7}",
            "candidate", "operations", "bytes moved", "bytes at peak", "time", "ratio"
        );
        if measured.is_some() {
            let _ = write!(
                out,
                "  | {:>17} {:>15} {:>11} {:>7}",
                "counted", "bytes at peak", "measured", "ratio"
            );
        }
        out.push('\n');
        let least = self
            .candidates()
            .iter()
            .map(|c| c.estimate.seconds)
            .fold(f64::INFINITY, f64::min);
        let fastest = measured.map(|m| {
            m.iter()
                .flatten()
                .map(|m| m.seconds)
                .fold(f64::INFINITY, f64::min)
        });
        for (k, c) in self.candidates().iter().enumerate() {
            let mark = if std::ptr::eq(c, self.chosen()) {
                '*'
            } else {
                ' '
            };
            let e = c.estimate;
            let _ = write!(
                out,
                "  {mark} {:widest$} {:>17} {:>15} {:>15} {:>11} {:>7.2}",
                c.name,
                grouped(e.operations),
                grouped(e.bytes),
                c.peak_bytes.map_or_else(|| "-".into(), grouped),
                time(e.seconds),
                ratio(e.seconds, least)
            );
            if let (Some(m), Some(fastest)) = (measured.and_then(|m| m[k]), fastest) {
                let _ = write!(
                    out,
                    "  | {:>17} {:>15} {:>11} {:>7.2}",
                    grouped(m.operations),
                    grouped(m.peak_bytes),
                    time(m.seconds),
                    ratio(m.seconds, fastest)
                );
            }
            if let Some(stated) = stated_share(c) {
                let _ = write!(out, "  {stated}");
            }
            if let Some(why) = &c.ruled_out {
                let _ = write!(out, "  ruled out: {why}");
            }
            out.push('\n');
        }
        if let Some(note) = self.stated_note() {
            let _ = writeln!(out, "    {note}");
        }
        for (why, names) in self.not_built_by_reason() {
            let _ = writeln!(out, "    not built, as {why}: {names}");
        }
        for name in self.not_yet() {
            let _ = writeln!(out, "    not weighed yet: {name}");
        }
        if let Some(regret) = measured.and_then(|m| self.regret(m)) {
            let _ = writeln!(
                out,
                "\n  regret {regret:.2}: the time of the order taken by that of the fastest"
            );
        }
        let _ = writeln!(
            out,
            "\n  taken: {}, {}",
            self.chosen().name,
            self.in_words()
        );
        match &self.chosen().mode {
            Mode::Mixed(order) => tree(order, self.widths(), "    ", "    ", &mut out),
            Mode::Elimination(order) => eliminated(order, &mut out),
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
        let held = regions::held(&self.chosen().program, &self.profile);
        if !held.is_empty() {
            out.push_str("\n  in the program taken:\n");
            for h in &held {
                let place = self.at(h.place);
                let (operations, seconds) = (grouped(h.cost.operations), time(h.cost.seconds));
                let _ = writeln!(
                    out,
                    "    {}{place}: {operations} operations, {seconds}",
                    h.what
                );
            }
        }
        out.push_str("\n  steps:\n");
        for (k, step) in self.steps().iter().enumerate() {
            let _ = writeln!(out, "    {:2} {step}", k + 1);
        }
        out
    }

    fn in_words(&self) -> &'static str {
        match &self.chosen().mode {
            Mode::Forward => "tangents pushed from the inputs to the outputs",
            Mode::Reverse => "cotangents pulled from the outputs to the inputs",
            Mode::Mixed(_) => "parts between cuts, each with its size, joined in this order:",
            Mode::Elimination(_) => {
                "arrays between the inputs and the outputs eliminated in this order:"
            }
            Mode::Scalar { .. } => {
                "numbers between the inputs and the outputs eliminated one by one:"
            }
            Mode::ForwardOverReverse => "the gradient's change along the vector",
            Mode::ReverseOverReverse => "the gradient of the gradient's product with the vector",
            Mode::ReverseOverForward => match self.derivative {
                Derivative::HessianProduct => "the gradient of the change along the vector",
                _ => "cotangents pulled through the gradient by forward mode",
            },
        }
    }

    fn regret(&self, measured: &[Option<Measured>]) -> Option<f64> {
        let fastest = measured
            .iter()
            .flatten()
            .map(|m| m.seconds)
            .fold(f64::INFINITY, f64::min);
        let chosen = self
            .candidates()
            .iter()
            .position(|c| std::ptr::eq(c, self.chosen()))?;
        measured[chosen].map(|m| m.seconds / fastest)
    }

    /// The same as JSON: `subject`, `widths`, `chosen`, `not_built`, for each candidate `mode`, `order`, `operations`, `bytes`, `peak_bytes`, `seconds`,
    /// `ruled_out`, for each cut `operation`, `type`, `place`, and the `steps`; of the `regions` (loops, choices and calls) in the program taken, if there are any, `what`,
    /// `place`, `operations`, `seconds`; and `stated_operations` of a candidate, if there are any.
    pub fn to_json(&self) -> String {
        self.json(None)
    }

    fn json(&self, measured: Option<&[Option<Measured>]>) -> String {
        let candidates: Vec<String> = self
            .candidates()
            .iter()
            .enumerate()
            .map(|(k, c)| {
                let order = match &c.mode {
                    Mode::Mixed(order) => quote::json(&order.to_string()),
                    Mode::Elimination(order) => quote::json(&order.to_string()),
                    _ => "null".into(),
                };
                let ruled_out = match &c.ruled_out {
                    Some(why) => quote::json(why),
                    None => "null".into(),
                };
                let seen = match measured.and_then(|m| m[k]) {
                    Some(m) => format!(
                        ", \"measured\": {{\"operations\": {}, \"peak_bytes\": {}, \"seconds\": {:e}}}",
                        m.operations, m.peak_bytes, m.seconds
                    ),
                    None => String::new(),
                };
                let stated = match c.stated_operations {
                    0 => String::new(),
                    n => format!(", \"stated_operations\": {n}"),
                };
                let e = c.estimate;
                format!(
                    "    {{\"mode\": {}, \"order\": {order}, \"operations\": {}, \"bytes\": {}, \"peak_bytes\": {}, \"seconds\": {:e}, \"ruled_out\": {ruled_out}{stated}{seen}}}",
                    quote::json(&c.name),
                    e.operations,
                    e.bytes,
                    c.peak_bytes.map_or_else(|| "null".into(), |n| n.to_string()),
                    e.seconds
                )
            })
            .collect();
        let regret = match measured.and_then(|m| self.regret(m)) {
            Some(r) => format!("  \"regret\": {r:.4},\n"),
            None => String::new(),
        };
        let cut = |cut: &Cut| {
            let place = self.place_json(cut.place);
            format!(
                "\n    {{\"operation\": {}, \"type\": {}, \"place\": {place}}}",
                quote::json(cut.operation),
                quote::json(&cut.ty.to_string())
            )
        };
        let cuts: Vec<String> = self.cuts().iter().map(cut).collect();
        let not_built = |n: &NotBuilt| {
            format!(
                "{{\"name\": {}, \"why\": {}}}",
                quote::json(&n.name),
                quote::json(n.why)
            )
        };
        let not_built: Vec<String> = self.not_built().iter().map(not_built).collect();
        let steps = self.steps();
        let steps: Vec<String> = steps.iter().map(|s| quote::json(s)).collect();
        let held = regions::held(&self.chosen().program, &self.profile);
        let held: Vec<String> = (held.iter())
            .map(|h| {
                format!(
                    "\n    {{\"what\": {}, \"place\": {}, \"operations\": {}, \"seconds\": {:e}}}",
                    quote::json(&h.what),
                    self.place_json(h.place),
                    h.cost.operations,
                    h.cost.seconds
                )
            })
            .collect();
        let held = match held.is_empty() {
            true => String::new(),
            false => format!("  \"regions\": [{}],\n", held.join(",")),
        };
        format!(
            "{{\n  \"subject\": {},\n  \"widths\": {:?},\n  \"cuts\": [{}],\n  \"chosen\": {},\n{regret}  \"not_built\": [{}],\n  \"candidates\": [\n{}\n  ],\n{held}  \"steps\": [\n    {}\n  ]\n}}\n",
            quote::json(&self.subject()),
            self.widths(),
            cuts.join(","),
            quote::json(&self.chosen().name),
            not_built.join(", "),
            candidates.join(",\n"),
            steps.join(",\n    ")
        )
    }

    /// The order taken as a tree for Graphviz.
    pub fn to_dot(&self) -> String {
        let mut out = String::from("digraph plan {\n  node [shape=box]\n");
        let mut next = 0;
        match &self.chosen().mode {
            Mode::Mixed(order) => {
                draw(order, self.widths(), &mut next, &mut out);
            }
            Mode::Elimination(order) => {
                for (k, step) in order.steps.iter().enumerate() {
                    let (v, width) = (step.vertex + 1, order.widths[step.vertex]);
                    let how = step.how.in_words();
                    let _ = writeln!(out, "  n{k} [label=\"array {v} of {width}: {how}\"]");
                    if k > 0 {
                        let _ = writeln!(out, "  n{} -> n{k}", k - 1);
                    }
                }
            }
            _ => {
                let _ = writeln!(out, "  n0 [label={}]", quote::json(&self.chosen().name));
            }
        }
        out.push_str("}\n");
        out
    }
}

impl Analysis<'_> {
    /// The table of [`Plan::explain`] with what was measured beside it.
    pub fn explain(&self) -> String {
        self.plan.text(Some(&self.measured))
    }

    /// The JSON of [`Plan::to_json`] with `measured` for each candidate, and the `regret`.
    pub fn to_json(&self) -> String {
        self.plan.json(Some(&self.measured))
    }

    /// The time of the order taken by that of the fastest; `None` if it did not run.
    pub fn regret(&self) -> Option<f64> {
        self.plan.regret(&self.measured)
    }
}

/// The steps of an elimination.
fn eliminated(order: &Elimination, out: &mut String) {
    for step in &order.steps {
        let (v, width) = (step.vertex + 1, order.widths[step.vertex]);
        let how = step.how.in_words();
        let _ = writeln!(out, "    array {v} of {width}: {how}");
    }
    let bound = match order.bounded {
        true => "; beam search was given up after as many trials as it may make",
        false => "",
    };
    let _ = writeln!(out, "    found by {}{bound}", order.found_by.name());
}

/// What a node of the tree does.
pub(crate) fn label(order: &Order, widths: &[usize]) -> String {
    let (from, to) = order.range();
    let size = format!("{} × {}", widths[to + 1], widths[from]);
    let name = named(order);
    match order {
        Order::Forward(_) => format!("{name}  {size}  by forward mode"),
        Order::Reverse(_) => format!("{name}  {size}  by reverse mode"),
        Order::Product(..) => format!("{name}  {size}  product"),
        Order::Push(l, _) => format!("{name}  {size}  pushed through part {}", l + 1),
        Order::Pull(_, l) => format!("{name}  {size}  pulled through part {}", l + 1),
    }
}

pub(crate) fn children(order: &Order) -> Vec<&Order> {
    match order {
        Order::Forward(_) | Order::Reverse(_) => Vec::new(),
        Order::Product(outer, inner) => vec![outer, inner],
        Order::Push(_, part) | Order::Pull(part, _) => vec![part],
    }
}

fn tree(order: &Order, widths: &[usize], first: &str, rest: &str, out: &mut String) {
    let _ = writeln!(out, "{first}{}", label(order, widths));
    let below = children(order);
    for (k, part) in below.iter().enumerate() {
        let (branch, stem) = match k + 1 == below.len() {
            true => ("└─ ", "   "),
            false => ("├─ ", "│  "),
        };
        tree(
            part,
            widths,
            &format!("{rest}{branch}"),
            &format!("{rest}{stem}"),
            out,
        );
    }
}

fn draw(order: &Order, widths: &[usize], next: &mut usize, out: &mut String) -> usize {
    let id = *next;
    *next += 1;
    let _ = writeln!(out, "  n{id} [label=\"{}\"]", label(order, widths));
    for part in children(order) {
        let child = draw(part, widths, next, out);
        let _ = writeln!(out, "  n{child} -> n{id}");
    }
    id
}

/// How often `least` goes into `seconds`; programs of constants take no time.
fn ratio(seconds: f64, least: f64) -> f64 {
    match seconds > least {
        true => seconds / least,
        false => 1.0,
    }
}

/// How many of a candidate's operations a user states, if any.
pub(crate) fn stated_share(c: &Candidate) -> Option<String> {
    let stated = c.stated_operations;
    (stated > 0).then(|| format!("{} of the operations stated", grouped(stated)))
}
