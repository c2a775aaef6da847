//! What forward and reverse mode would cost for the gradient of the loss.

use gradus::{Error, ErrorKind, Result};
pub use gradus_plan::grouped;
use gradus_plan::{Chain, ModeCost};

/// Operations and memory of both modes for a network of these widths, with the loss as last width, and their ratio.
///
/// The counts are those of the products of dense Jacobians for one example, by the formulas at [`Chain`].
pub fn compare(widths: &[usize]) -> Result<String> {
    let mut chain = widths.to_vec();
    chain.push(1);
    let costs = Chain::new(&chain).map_err(|e| Error::new(ErrorKind::Argument, e.to_string()))?;
    let (forward, reverse) = (costs.forward(), costs.reverse());
    let names: Vec<String> = widths.iter().map(usize::to_string).collect();
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
            "the gradient of the loss of one image through {} and the loss, by products of dense Jacobians:",
            names.join("-")
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
    fn digits_in_groups() {
        assert_eq!(
            [0u64, 999, 1000, 1234567].map(grouped),
            ["0", "999", "1,000", "1,234,567"]
        );
    }
}
