//! Mixed mode: the segments between narrow cuts, joined in the cheapest order.

use super::{Generator, Planning};
use crate::candidate::{Mode, Proposal};
use crate::chain_order::cheapest;
use crate::problem::Strategy;
use crate::reason::Reason;
use crate::segments::Segments;

pub(super) const MIXED: Generator = Generator {
    name: "mixed",
    propose,
};

fn propose(planning: &mut Planning<'_>) -> Proposal {
    if let Some(why) = planning.unmixed {
        return Err(why);
    }
    let (Some(cut), Some(order)) = (&planning.space.cut, &planning.chain_order) else {
        return Ok(None);
    };
    if order.is_forward() || order.is_reverse() {
        return Ok(None);
    }
    let strategy = Strategy::Chain(cut, order);
    Ok(planning.candidate(Mode::Mixed(order.clone()), strategy))
}

/// Searches for the cheapest order of the segments between the cuts, if cuts can save anything.
/// The result decides which candidate is the most promising, so this runs before all generators.
pub(super) fn search(planning: &mut Planning<'_>) -> Result<(), Reason> {
    let problem = &planning.space.problem;
    let (tangent, residuals) = (problem.tangent(), problem.residuals());
    let cuts = Segments::cuts(tangent, residuals);
    if cuts.is_empty() {
        return Ok(());
    }
    planning.budget.spend(planning.search_nodes())?;
    let cut = Segments::at(tangent, residuals, &cuts);
    planning.chain_order = Some(cheapest(&cut, &problem.residual_types(), planning.metric));
    planning.space.cut = Some(cut);
    Ok(())
}
