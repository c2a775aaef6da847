//! The orders of the chain rule on a chain of dense Jacobians, with their costs.

use gradus_plan::{Bracketing, Chain, MemoryTerms, ModeCost};

/// Forward, reverse and the best mixed order of a chain.
pub struct Orders<'a> {
    pub chain: &'a Chain,
    pub all: [Order; 3],
}

/// One order.
pub struct Order {
    pub name: &'static str,
    pub bracketing: Bracketing,
    pub cost: ModeCost,
    /// The memory by formula, for the pure modes.
    pub formula: Option<MemoryTerms>,
}

impl Orders<'_> {
    pub fn new(chain: &Chain) -> Orders<'_> {
        let order = |name, bracketing, formula| Order {
            name,
            cost: chain.cost(&bracketing),
            bracketing,
            formula,
        };
        let all = [
            order(
                "forward",
                chain.forward_bracketing(),
                Some(chain.forward_memory()),
            ),
            order(
                "reverse",
                chain.reverse_bracketing(),
                Some(chain.reverse_memory()),
            ),
            order("mixed", chain.best_bracketing(), None),
        ];
        Orders { chain, all }
    }

    /// The order with the fewest multiplications.
    pub fn mixed(&self) -> &Bracketing {
        &self.all[2].bracketing
    }
}

/// Multiplications of the last product, of `left` (on the output's side) and `right`.
pub fn multiplications(chain: &Chain, left: &Bracketing, right: &Bracketing) -> u128 {
    let d = chain.widths();
    let (first, middle) = right.factors();
    d[left.factors().1] * d[middle] * d[first - 1]
}
