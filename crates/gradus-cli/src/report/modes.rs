//! The costs of forward and reverse mode for the gradient of the loss.

use gradus::{Error, ErrorKind, Result};
pub use gradus_plan::grouped;
use gradus_plan::{Chain, ModeCost};

/// The most steps of a loop that are counted, because a chain has at most 1001 widths.
const STEPS: usize = 900;

/// Operations and memory of both modes for a network of these widths, with the loss as last width, and their ratio.
///
/// The counts are for the products of dense Jacobians for one example, by the formulas at [`Chain`].
pub fn compare(widths: &[usize]) -> Result<String> {
    let names: Vec<String> = widths.iter().map(usize::to_string).collect();
    table(&names.join("-"), widths)
}

/// The same for a loop of `steps` steps that passes on `state` numbers and ends in `classes` scores.
/// The chain consists of the states.
pub fn compare_steps(steps: usize, state: usize, classes: usize) -> Result<String> {
    let counted = steps.min(STEPS);
    let which = if counted < steps {
        format!("the last {counted} of {steps} steps")
    } else {
        format!("{steps} steps")
    };
    let mut widths = vec![state; counted + 1];
    widths.push(classes);
    let through = format!("{which} that pass on {state} numbers, {classes} scores");
    table(&through, &widths)
}

/// `through` names the chain of `widths`.
fn table(through: &str, widths: &[usize]) -> Result<String> {
    let mut chain = widths.to_vec();
    chain.push(1);
    let costs = Chain::new(&chain).map_err(|e| Error::new(ErrorKind::Argument, e.to_string()))?;
    let (forward, reverse) = (costs.forward(), costs.reverse());
    let row = |name: &str, cost: ModeCost| {
        format!(
            "  {name:8}  {:>18}  {:>18}",
            grouped(cost.operations),
            grouped(cost.memory)
        )
    };
    let ratio = |a: u128, b: u128| a as f64 / b as f64;
    Ok([
        format!(
            "the gradient of the loss of one image through {through} and the loss, by products of dense Jacobians:"
        ),
        format!("  {:8}  {:>18}  {:>18}", "mode", "multiplications", "numbers held"),
        row("forward", forward),
        row("reverse", reverse),
        format!(
            "  reverse mode needs {:.0} times fewer operations and {:.2} times the memory of forward mode",
            ratio(forward.operations, reverse.operations),
            ratio(reverse.memory, forward.memory)
        ),
    ]
    .join("\n")
        + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_network() {
        insta::assert_snapshot!(compare(&[64, 128, 10]).unwrap());
    }

    #[test]
    fn the_default_recurrence() {
        // Forward: 64 columns through 7 Jacobians of 64·64, one of 10·64 and one of 1·10.
        // Reverse: one row through 10·64 and 8 of 64·64.
        insta::assert_snapshot!(compare_steps(8, 64, 10).unwrap(), @"
        the gradient of the loss of one image through 8 steps that pass on 64 numbers, 10 scores and the loss, by products of dense Jacobians:
          mode         multiplications        numbers held
          forward            1,876,608               8,256
          reverse               33,408               4,810
          reverse mode needs 56 times fewer operations and 0.58 times the memory of forward mode
        ");
        let long = compare_steps(2000, 3, 2).unwrap();
        assert!(
            long.contains("through the last 900 of 2000 steps that"),
            "{long}"
        );
    }

    #[test]
    fn digits_in_groups() {
        assert_eq!(
            [0u64, 999, 1000, 1234567].map(grouped),
            ["0", "999", "1,000", "1,234,567"]
        );
    }
}
