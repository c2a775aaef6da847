//! Plans and runs a chain of dense layers.

use super::functions::{filled, layers};
use crate::options::PlanFormat;
use crate::report::modes::grouped;
use gradus::Result;
use gradus::plan::{PlanOptions, SourceLines, machine_profile, plan_jacobian};
use gradus_plan::Chain;

/// The most numbers in a weight matrix.
const LARGEST: u128 = 50_000_000;
/// The most multiplications of one order.
const MOST_OPERATIONS: u128 = 100_000_000_000;
/// The most numbers in all weights and in the arrays that one order holds: 2 GB.
const MOST_HELD: u128 = 250_000_000;

/// An error if the chain is too large to run.
pub fn check(chain: &Chain) -> std::result::Result<(), String> {
    let d = chain.widths();
    for w in d.windows(2) {
        if w[0] * w[1] > LARGEST {
            return Err(format!(
                "the weights between {} and {} are too many, {} can be held",
                w[0],
                w[1],
                grouped(LARGEST)
            ));
        }
    }
    let orders = [chain.forward_bracketing(), chain.reverse_bracketing()];
    let costs = orders.map(|order| chain.cost(&order));
    let operations = costs.iter().map(|c| c.operations).max().unwrap_or(0);
    if operations > MOST_OPERATIONS {
        return Err(format!(
            "{} multiplications would take too long, {} can be run",
            grouped(operations),
            grouped(MOST_OPERATIONS)
        ));
    }
    let weights: u128 = d.windows(2).map(|w| w[0] * w[1]).sum();
    let held = weights + costs.iter().map(|c| c.memory).max().unwrap_or(0);
    if held > MOST_HELD {
        return Err(format!(
            "weights and Jacobians of {} numbers are too many, {} can be held",
            grouped(held),
            grouped(MOST_HELD)
        ));
    }
    Ok(())
}

/// The plan of dense layers of these widths, with `tanh` after each, and measurements of its candidates.
pub fn report(widths: &[usize], format: PlanFormat) -> Result<String> {
    let x = filled(&widths[..1]);
    let options = PlanOptions::default()
        .profile(machine_profile())
        .source_lines(SourceLines::Hidden);
    let plan = plan_jacobian(layers(widths), &x, &options)?;
    let analysis = plan.analyze(&x)?;
    if format == PlanFormat::Json {
        return Ok(analysis.to_json());
    }
    let text = analysis.explain();
    Ok(format!(
        "dense layers of these widths with tanh after each:\n{text}"
    ))
}
