//! Operations and memory of the two pure modes on a chain of dense Jacobians.
//!
//! For `f = f_L ∘ … ∘ f_1` with `f_l : R^{d_{l-1}} → R^{d_l}`, the Jacobian is the product `J_L … J_1`.
//! Forward mode multiplies from the right, starting with `d_0` columns;
//! reverse mode from the left, starting with `d_L` rows.
//! The counts are the multiplications of these products, and the numbers held at once.

use std::fmt;

/// The widths `d_0, …, d_L` of a chain of functions with dense Jacobians.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chain {
    widths: Vec<u128>,
}

/// The cost of one order of accumulation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ModeCost {
    /// Multiplications of the products of Jacobians.
    pub operations: u128,
    /// Numbers held at once.
    pub memory: u128,
}

/// The terms of the memory of a pure mode, in numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryTerms {
    /// Values of the function with the tangents or cotangents beside them, at the widest point.
    pub directions: u128,
    /// The largest Jacobian.
    pub jacobian: u128,
    /// Values kept for the backward pass; none in forward mode.
    pub activations: u128,
}

impl MemoryTerms {
    /// All terms together.
    pub fn total(&self) -> u128 {
        self.directions + self.jacobian + self.activations
    }
}

/// Longer chains take the dynamic program too long, and their counts can overflow.
const MOST_WIDTHS: usize = 1001;
const WIDEST: u128 = 1 << 32;

/// Why widths do not make a chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainError(String);

impl fmt::Display for ChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ChainError {}

impl Chain {
    /// The chain of these widths, from the input's to the output's.
    ///
    /// # Errors
    /// If there are fewer than two or more than 1,001, or one is 0 or above 2³².
    pub fn new(widths: &[usize]) -> Result<Chain, ChainError> {
        if widths.len() < 2 {
            return Err(ChainError(format!(
                "a chain needs at least an input and an output width, got {widths:?}"
            )));
        }
        if widths.len() > MOST_WIDTHS || widths.iter().any(|&w| w as u128 > WIDEST) {
            return Err(ChainError(format!(
                "a chain has at most {MOST_WIDTHS} widths of at most {WIDEST}"
            )));
        }
        if let Some(k) = widths.iter().position(|&w| w == 0) {
            return Err(ChainError(format!(
                "widths must be positive; number {} of {} is 0",
                k + 1,
                widths.len()
            )));
        }
        Ok(Chain {
            widths: widths.iter().map(|&w| w as u128).collect(),
        })
    }

    /// Forward mode: `d_0 · Σ_{l=2..L} d_l·d_{l-1}` multiplications, `(d_0+1)·max d_l + max d_l·d_{l-1}` numbers.
    pub fn forward(&self) -> ModeCost {
        let d = &self.widths;
        let first = d[0];
        let products: u128 = d.windows(2).skip(1).map(|w| w[0] * w[1]).sum();
        ModeCost {
            operations: first * products,
            memory: self.forward_memory().total(),
        }
    }

    /// Reverse mode: `d_L · Σ_{l=0..L-2} d_l·d_{l+1}` multiplications,
    /// `(d_L+1)·max d_l + max d_l·d_{l-1} + Σ_{l=0..L-1} d_l` numbers: the activations are kept.
    pub fn reverse(&self) -> ModeCost {
        let d = &self.widths;
        let last = d[d.len() - 1];
        let products: u128 = d.windows(2).rev().skip(1).map(|w| w[0] * w[1]).sum();
        ModeCost {
            operations: last * products,
            memory: self.reverse_memory().total(),
        }
    }

    /// The terms of forward mode's memory.
    pub fn forward_memory(&self) -> MemoryTerms {
        MemoryTerms {
            directions: (self.widths[0] + 1) * self.widest(),
            jacobian: self.largest_jacobian(),
            activations: 0,
        }
    }

    /// The terms of reverse mode's memory.
    pub fn reverse_memory(&self) -> MemoryTerms {
        let (last, before) = self.widths.split_last().unwrap_or((&0, &[]));
        MemoryTerms {
            directions: (last + 1) * self.widest(),
            jacobian: self.largest_jacobian(),
            activations: before.iter().sum(),
        }
    }

    /// The widths from the input's to the output's.
    pub fn widths(&self) -> &[u128] {
        &self.widths
    }

    /// The number of Jacobians, `L`.
    pub fn factors(&self) -> usize {
        self.widths.len() - 1
    }

    fn widest(&self) -> u128 {
        self.widths.iter().copied().max().unwrap_or(0)
    }

    fn largest_jacobian(&self) -> u128 {
        self.widths
            .windows(2)
            .map(|w| w[0] * w[1])
            .max()
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Multiplies the Jacobians of a chain one after the other, from the input's side or the output's, and counts.
    fn counted(widths: &[u128], from_output: bool) -> u128 {
        let mut jacobians: Vec<(u128, u128)> = widths.windows(2).map(|w| (w[1], w[0])).collect();
        if from_output {
            jacobians.reverse();
        }
        let (mut rows, mut columns) = jacobians[0];
        let mut count = 0;
        for &(m, n) in &jacobians[1..] {
            if from_output {
                // (rows × columns) · (m × n) with columns = m
                assert_eq!(columns, m);
                count += rows * columns * n;
                columns = n;
            } else {
                assert_eq!(n, rows);
                count += m * n * columns;
                rows = m;
            }
        }
        count
    }

    #[test]
    fn operations_are_those_of_the_products() {
        for widths in [
            vec![3, 4],
            vec![1000, 50, 8, 50, 1000],
            vec![64, 128, 10, 1],
            vec![1, 1, 1],
            vec![2, 7, 3, 9, 5],
        ] {
            let chain = Chain::new(&widths).unwrap();
            let wide: Vec<u128> = widths.iter().map(|&w| w as u128).collect();
            assert_eq!(chain.forward().operations, counted(&wide, false));
            assert_eq!(chain.reverse().operations, counted(&wide, true));
        }
    }

    #[test]
    fn a_case_counted_by_hand() {
        // 4 → 3 → 2: forward multiplies (2×3)·(3×4) = 24, reverse the same product.
        let chain = Chain::new(&[4, 3, 2]).unwrap();
        assert_eq!(chain.forward().operations, 24);
        assert_eq!(chain.reverse().operations, 24);
        // (4+1)·4 + 4·3 and (2+1)·4 + 4·3 + (4+3)
        assert_eq!(chain.forward().memory, 32);
        assert_eq!(chain.reverse().memory, 31);
    }

    #[test]
    fn widths_that_are_no_chain() {
        assert_eq!(
            Chain::new(&[3]).unwrap_err().to_string(),
            "a chain needs at least an input and an output width, got [3]"
        );
        assert_eq!(
            Chain::new(&[3, 0, 1]).unwrap_err().to_string(),
            "widths must be positive; number 2 of 3 is 0"
        );
        let refusal = "a chain has at most 1001 widths of at most 4294967296";
        assert_eq!(Chain::new(&[1; 1002]).unwrap_err().to_string(), refusal);
        assert_eq!(
            Chain::new(&[usize::MAX, 1]).unwrap_err().to_string(),
            refusal
        );
    }
}
