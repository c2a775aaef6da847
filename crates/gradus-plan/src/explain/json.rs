//! A plan as JSON.

use super::Explanation;
use super::regions::region_costs;
use crate::candidate::{Candidate, Mode, NotBuilt};
use crate::quote;
use crate::segments::Cut;
use gradus_ir::Loc;

impl Explanation<'_> {
    pub(super) fn json(&self) -> String {
        let plan = self.plan;
        let candidates = plan.candidates().iter().enumerate();
        let candidates: Vec<String> = candidates.map(|(k, c)| self.candidate_json(k, c)).collect();
        let cuts: Vec<String> = plan.cuts().iter().map(|c| self.cut_json(c)).collect();
        let not_built: Vec<String> = plan.not_built().iter().map(not_built_json).collect();
        let steps: Vec<String> = plan.steps().iter().map(|s| quote::json(s)).collect();
        let regret = match self.regret() {
            Some(r) => format!("  \"regret\": {r:.4},\n"),
            None => String::new(),
        };
        format!(
            "{{\n  \"subject\": {},\n  \"widths\": {:?},\n  \"cuts\": [{}],\n  \"chosen\": {},\n{regret}  \"not_built\": [{}],\n  \"candidates\": [\n{}\n  ],\n{}  \"steps\": [\n    {}\n  ]\n}}\n",
            quote::json(&self.subject()),
            plan.widths(),
            cuts.join(","),
            quote::json(&plan.chosen().name),
            not_built.join(", "),
            candidates.join(",\n"),
            self.regions_json(),
            steps.join(",\n    ")
        )
    }

    fn candidate_json(&self, k: usize, c: &Candidate) -> String {
        let order = match &c.mode {
            Mode::Mixed(order) => quote::json(&order.to_string()),
            Mode::Elimination(order) => quote::json(&order.to_string()),
            _ => "null".into(),
        };
        let ruled_out = match &c.ruled_out {
            Some(why) => quote::json(why),
            None => "null".into(),
        };
        let measured = match self.measured(k) {
            Some(m) => format!(
                ", \"measured\": {{\"operations\": {}, \"peak_bytes\": {}, \"seconds\": {:e}}}",
                m.operations, m.peak_bytes, m.seconds
            ),
            None => String::new(),
        };
        let supplied = match c.user_supplied_operations {
            0 => String::new(),
            n => format!(", \"user_supplied_operations\": {n}"),
        };
        let e = c.estimate;
        format!(
            "    {{\"mode\": {}, \"order\": {order}, \"operations\": {}, \"bytes\": {}, \"peak_bytes\": {}, \"seconds\": {:e}, \"ruled_out\": {ruled_out}{supplied}{measured}}}",
            quote::json(&c.name),
            e.operations,
            e.bytes,
            c.peak_bytes
                .map_or_else(|| "null".into(), |n| n.to_string()),
            e.seconds
        )
    }

    fn cut_json(&self, cut: &Cut) -> String {
        format!(
            "\n    {{\"operation\": {}, \"type\": {}, \"place\": {}}}",
            quote::json(cut.operation),
            quote::json(&cut.ty.to_string()),
            self.place_json(cut.place)
        )
    }

    /// The loops, branches and calls of the chosen program as JSON, if there are any.
    fn regions_json(&self) -> String {
        let regions = region_costs(&self.plan.chosen().program, &self.plan.profile);
        let regions: Vec<String> = (regions.iter())
            .map(|r| {
                format!(
                    "\n    {{\"what\": {}, \"place\": {}, \"operations\": {}, \"seconds\": {:e}}}",
                    quote::json(&r.what),
                    self.place_json(r.place),
                    r.cost.operations,
                    r.cost.seconds
                )
            })
            .collect();
        match regions.is_empty() {
            true => String::new(),
            false => format!("  \"regions\": [{}],\n", regions.join(",")),
        }
    }

    fn place_json(&self, place: Loc) -> String {
        match self.names(place) {
            true => quote::json(&place.to_string()),
            false => "null".into(),
        }
    }
}

fn not_built_json(n: &NotBuilt) -> String {
    format!(
        "{{\"name\": {}, \"why\": {}}}",
        quote::json(&n.name),
        quote::json(n.why)
    )
}
