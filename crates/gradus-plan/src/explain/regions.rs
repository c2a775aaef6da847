//! The loops, branches and calls of the chosen program, with their costs.

use crate::cost::{Estimate, estimates};
use crate::format::grouped;
use crate::profile::Profile;
use gradus_ir::primitives::{Call, Region, Trips};
use gradus_ir::{Graph, Loc};

/// A loop, a branch or a call of a program.
pub(super) struct RegionCost {
    /// Its description, such as `scan of 8 steps`.
    pub what: String,
    pub place: Loc,
    pub cost: Estimate,
}

/// The loops, branches and calls that the outputs of `g` need. Their costs include the regions in their bodies.
pub(super) fn region_costs(g: &Graph, profile: &Profile) -> Vec<RegionCost> {
    let costs = estimates(g, profile);
    let live = g.live();
    let all = g
        .nodes()
        .iter()
        .zip(costs)
        .filter(|(node, _)| node.runs(&live));
    let all = all.filter_map(|(node, cost)| {
        let region = node.region()?;
        let name = region.name();
        let what = match &**region {
            Region::Call(Call::Hook(_)) | Region::Check(_) => return None,
            Region::Loop(l) => match l.trips {
                Trips::Fixed(n) => format!("{name} of {} steps", grouped(n as u64)),
                _ => format!("{name}, one step; their number is known only at run time"),
            },
            Region::Switch(s) => format!(
                "{name}, the most expensive of {} branches",
                s.branches.len()
            ),
            Region::Call(_) => name.to_string(),
        };
        Some(RegionCost {
            what,
            place: node.loc,
            cost,
        })
    });
    all.collect()
}
