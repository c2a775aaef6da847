//! Chooses a candidate.

use crate::candidate::{Candidate, Peak};
use crate::options::{Objective, PlanOptions};
use gradus_ir::{Error, ErrorKind, Result};
use std::cmp::Ordering;

/// The position of the best candidate by the objective.
/// Among equals: the fastest, then the one with the smaller memory, then the first.
/// A candidate beyond the memory limit is the best only if all candidates are beyond it.
///
/// Memory is forecast only where the choice depends on it.
pub(crate) fn best(
    candidates: &mut [Candidate],
    options: &PlanOptions,
    peak: Option<Peak<'_>>,
) -> Option<usize> {
    if options.saves_memory() {
        candidates
            .iter_mut()
            .for_each(|c| c.forecast(options, peak));
    }
    (0..candidates.len()).min_by(|&a, &b| {
        let (a, b) = (&candidates[a], &candidates[b]);
        let beyond = |c: &Candidate| c.ruled_out.is_some();
        (beyond(a).cmp(&beyond(b))).then_with(|| compare(options.objective, a, b))
    })
}

/// Compares two candidates by the objective, then by time, then by memory.
fn compare(objective: Objective, a: &Candidate, b: &Candidate) -> Ordering {
    let first = match objective {
        Objective::Time => Ordering::Equal,
        Objective::Operations => a.estimate.operations.cmp(&b.estimate.operations),
        Objective::Memory => a.peak_bytes.cmp(&b.peak_bytes),
    };
    let time = || a.estimate.seconds.total_cmp(&b.estimate.seconds);
    first
        .then_with(time)
        .then_with(|| a.peak_bytes.cmp(&b.peak_bytes))
}

/// Candidates and the chosen one.
#[derive(Clone)]
pub struct Choice {
    candidates: Vec<Candidate>,
    chosen: usize,
}

impl Choice {
    /// Chooses the [`best`] candidate.
    ///
    /// # Errors
    /// If no candidate meets the memory limit. The error says how much memory is needed.
    pub(crate) fn cheapest(
        mut candidates: Vec<Candidate>,
        options: &PlanOptions,
        peak: Option<Peak<'_>>,
    ) -> Result<Choice> {
        candidates
            .iter_mut()
            .for_each(|c| c.forecast(options, peak));
        let chosen = best(&mut candidates, options, peak);
        match chosen.filter(|&chosen| candidates[chosen].ruled_out.is_none()) {
            Some(chosen) => Ok(Choice { candidates, chosen }),
            None => {
                let least = candidates.iter().filter_map(|c| c.peak_bytes).min();
                let message = format!(
                    "no order of the chain rule fits into {} bytes; the smallest needs {} bytes \
                     (recomputation is not available yet)",
                    options.memory_limit.unwrap_or(0),
                    least.unwrap_or(0)
                );
                Err(Error::new(ErrorKind::Argument, message))
            }
        }
    }

    /// The candidates, in the order of their generators.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// The chosen candidate.
    pub fn chosen(&self) -> &Candidate {
        &self.candidates[self.chosen]
    }

    /// The position of the chosen candidate.
    pub fn position(&self) -> usize {
        self.chosen
    }
}
