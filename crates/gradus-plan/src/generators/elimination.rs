//! Elimination of arrays in a program that is not a chain.

use super::{Generator, Planning};
use crate::candidate::{Mode, Proposal};
use crate::cost::estimate;
use crate::elimination::{self, EliminationGraph};
use crate::problem::Strategy;

pub(super) const ELIMINATION: Generator = Generator {
    name: "elimination",
    propose,
};

fn propose(planning: &mut Planning<'_>) -> Proposal {
    planning.admit_elimination()?;
    // A program of numbers is eliminated number by number if it can be read that way.
    if planning.is_of_numbers && planning.has_scalar {
        return Ok(None);
    }
    let (metric, limits) = (planning.metric, planning.options.search);
    let problem = &planning.space.problem;
    let graph = EliminationGraph::of(problem.tangent(), problem.residuals(), limits, metric)?;
    let Some(graph) = graph else {
        return Ok(None);
    };
    let found = elimination::search(&graph, metric, limits, to_beat(planning));
    let candidate = found.and_then(|order| {
        let strategy = Strategy::Elimination(&graph, &order.steps);
        planning.candidate(Mode::Elimination(order.clone()), strategy)
    });
    planning.space.graph = Some(graph);
    Ok(candidate)
}

/// The cost of the cheapest accumulation so far. An order that costs more is useless, unless memory counts.
fn to_beat(planning: &Planning<'_>) -> f64 {
    if planning.options.saves_memory() {
        return f64::INFINITY;
    }
    let profile = &planning.options.profile;
    let function = planning
        .metric
        .of(estimate(planning.space.problem.primal(), profile));
    let candidates = planning.candidates.built.iter();
    let costs = candidates.map(|c| planning.metric.of(c.estimate) - function);
    costs.fold(f64::INFINITY, f64::min)
}
