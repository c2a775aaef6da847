//! Orders in which a chain of Jacobians can be multiplied, and the cheapest one.
//!
//! Every bracketing of `J_L ⋯ J_1` gives the same matrix.
//! Dynamic programming over subchains finds the one with the fewest multiplications,
//! in `O(L³)` (the matrix-chain problem; T. H. Cormen et al., *Introduction to Algorithms*,
//! section "Matrix-chain multiplication").

use crate::chain::{Chain, ModeCost};
use std::fmt;
use std::ops::{Add, Mul};

/// A product of neighbouring Jacobians, with its brackets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Bracketing {
    /// The Jacobian `J_l`, from 1 at the input to `L` at the output.
    Factor(usize),
    /// The product of two neighbouring products: first the one nearer to the output, then the one nearer to the input.
    Product(Box<Bracketing>, Box<Bracketing>),
}

impl Bracketing {
    fn product(output_side: Bracketing, input_side: Bracketing) -> Bracketing {
        Bracketing::Product(Box::new(output_side), Box::new(input_side))
    }

    /// The first and the last factor, counted from the input.
    pub fn factors(&self) -> (usize, usize) {
        match self {
            Bracketing::Factor(l) => (*l, *l),
            Bracketing::Product(left, right) => (right.factors().0, left.factors().1),
        }
    }
}

/// `((J4·J3)·(J2·J1))` without the outermost brackets.
impl fmt::Display for Bracketing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bracketing::Factor(l) => write!(f, "J{l}"),
            Bracketing::Product(left, right) => {
                for (k, part) in [left, right].into_iter().enumerate() {
                    if k > 0 {
                        f.write_str("·")?;
                    }
                    match **part {
                        Bracketing::Factor(_) => write!(f, "{part}")?,
                        Bracketing::Product(..) => write!(f, "({part})")?,
                    }
                }
                Ok(())
            }
        }
    }
}

/// The best bracketings of all subchains of a chain.
#[derive(Clone, Debug)]
pub struct BestBracketings {
    /// `cuts[i][j]` is the cut of the last product of the factors i+1 to j.
    cuts: Vec<Vec<u32>>,
}

impl BestBracketings {
    /// The best bracketing of the first `factors` factors.
    ///
    /// # Panics
    /// If the chain has fewer factors, or `factors` is 0.
    pub fn bracketing(&self, factors: usize) -> Bracketing {
        self.part(0, factors)
    }

    fn part(&self, i: usize, j: usize) -> Bracketing {
        if j - i == 1 {
            return Bracketing::Factor(j);
        }
        let cut = self.cuts[i][j] as usize;
        Bracketing::product(self.part(cut, j), self.part(i, cut))
    }
}

/// For all i and j, the cut of the last product in a cheapest bracketing of the factors i+1 to j.
/// Among equal cuts, the first.
fn best_cuts<N>(d: &[N], most: N) -> Vec<Vec<u32>>
where
    N: Copy + Default + PartialOrd + Add<Output = N> + Mul<Output = N>,
{
    let n = d.len() - 1;
    // The fewest multiplications of a subchain, by its start and by its end:
    // both are read in the order in which they lie in memory.
    let mut by_start = vec![vec![N::default(); n + 1]; n + 1];
    let mut by_end = by_start.clone();
    let mut cuts = vec![vec![0u32; n + 1]; n + 1];
    for length in 2..=n {
        for i in 0..=n - length {
            let j = i + length;
            let ends = d[i] * d[j];
            let (left, right) = (&by_start[i][i + 1..j], &by_end[j][i + 1..j]);
            let (mut least, mut cut) = (most, 0);
            for (k, ((&a, &b), &middle)) in left.iter().zip(right).zip(&d[i + 1..j]).enumerate() {
                let operations = a + b + ends * middle;
                if operations < least {
                    (least, cut) = (operations, k);
                }
            }
            by_start[i][j] = least;
            by_end[j][i] = least;
            cuts[i][j] = (i + 1 + cut) as u32;
        }
    }
    cuts
}

impl Chain {
    /// The bracketing of forward mode: `J_L·(…·(J_2·J_1))`.
    pub fn forward_bracketing(&self) -> Bracketing {
        let first = Bracketing::Factor(1);
        (2..=self.factors()).fold(first, |so_far, l| {
            Bracketing::product(Bracketing::Factor(l), so_far)
        })
    }

    /// The bracketing of reverse mode: `((J_L·J_{L-1})·…)·J_1`.
    pub fn reverse_bracketing(&self) -> Bracketing {
        let last = Bracketing::Factor(self.factors());
        (1..self.factors()).rev().fold(last, |so_far, l| {
            Bracketing::product(so_far, Bracketing::Factor(l))
        })
    }

    /// A bracketing with the fewest multiplications.
    pub fn best_bracketing(&self) -> Bracketing {
        self.best_of_prefixes().bracketing(self.factors())
    }

    /// The bracketings with the fewest multiplications of all prefixes of the chain (its first factor,
    /// its first two and so on), all from one search.
    pub fn best_of_prefixes(&self) -> BestBracketings {
        let n = self.factors();
        let d = self.widths();
        // A bound of all counts. If it fits 64 bits, the search uses them, which is several times as fast.
        let most = d.iter().max().map_or(0, |w| w.pow(3)) * n as u128;
        let narrow = || {
            d.iter()
                .map(|&w| u64::try_from(w).ok())
                .collect::<Option<Vec<u64>>>()
        };
        let cuts = match narrow().filter(|_| most <= u128::from(u64::MAX)) {
            Some(d) => best_cuts(&d, u64::MAX),
            None => best_cuts(d, u128::MAX),
        };
        BestBracketings { cuts }
    }

    /// Counts the multiplications of a bracketing, and the numbers that it holds at once, by simulation.
    ///
    /// The program holds the matrices accumulated so far,
    /// the Jacobian that is being multiplied, and values of the function.
    /// A product with a single Jacobian overwrites the accumulated matrix.
    /// A product of two accumulated matrices needs memory beside them.
    /// Factors are computed from the input's side, each Jacobian when its point is reached,
    /// or from the output's side, after all points have been kept. The cheaper of the two counts.
    pub fn cost(&self, bracketing: &Bracketing) -> ModeCost {
        let d = self.widths();
        let widest = d.iter().copied().max().unwrap_or(0);
        let kept: u128 = d[..d.len() - 1].iter().sum();
        let from_input = self.held(bracketing, Side::Input) + widest;
        let from_output = self.held(bracketing, Side::Output) + widest + kept;
        ModeCost {
            operations: self.operations(bracketing),
            memory: from_input.min(from_output),
        }
    }

    fn size(&self, part: &Bracketing) -> u128 {
        let (first, last) = part.factors();
        self.widths()[last] * self.widths()[first - 1]
    }

    fn operations(&self, part: &Bracketing) -> u128 {
        match part {
            Bracketing::Factor(_) => 0,
            Bracketing::Product(left, right) => {
                let d = self.widths();
                let (first, middle, last) =
                    (right.factors().0, right.factors().1, left.factors().1);
                self.operations(left) + self.operations(right) + d[last] * d[middle] * d[first - 1]
            }
        }
    }

    /// The most numbers in matrices at once.
    fn held(&self, part: &Bracketing, side: Side) -> u128 {
        let Bracketing::Product(left, right) = part else {
            return self.size(part);
        };
        let (before, after) = match side {
            Side::Input => (right, left),
            Side::Output => (left, right),
        };
        let result = self.size(part);
        match (&**before, &**after) {
            (Bracketing::Product(..), Bracketing::Product(..)) => {
                let second = self.size(before) + self.held(after, side);
                let joined = self.size(before) + self.size(after) + result;
                self.held(before, side).max(second).max(joined)
            }
            // The accumulated one is overwritten.
            (accumulated, Bracketing::Factor(_)) => {
                let joined = self.size(accumulated).max(result) + self.size(after);
                self.held(accumulated, side).max(joined)
            }
            (Bracketing::Factor(_), accumulated) => {
                let waiting = self.size(before) + self.held(accumulated, side);
                waiting.max(self.size(before) + self.size(accumulated).max(result))
            }
        }
    }
}

/// From which end the factors are computed.
#[derive(Clone, Copy)]
enum Side {
    Input,
    Output,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every bracketing of the factors `first..=last`.
    fn all(first: usize, last: usize) -> Vec<Bracketing> {
        if first == last {
            return vec![Bracketing::Factor(first)];
        }
        let mut found = Vec::new();
        for cut in first..last {
            for left in all(cut + 1, last) {
                for right in all(first, cut) {
                    found.push(Bracketing::product(left.clone(), right));
                }
            }
        }
        found
    }

    #[test]
    fn the_best_of_all_is_found() {
        let mut state = 12345u64;
        let mut random = |n: u64| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 33) % n
        };
        for factors in 1..=8 {
            // Catalan's numbers.
            assert_eq!(
                all(1, factors).len(),
                [1, 1, 2, 5, 14, 42, 132, 429][factors - 1]
            );
            for _ in 0..20 {
                let widths: Vec<usize> = (0..=factors).map(|_| 1 + random(40) as usize).collect();
                let chain = Chain::new(&widths).unwrap();
                let least = all(1, factors).iter().map(|b| chain.operations(b)).min();
                let best = chain.best_bracketing();
                assert_eq!(Some(chain.operations(&best)), least, "{widths:?}: {best}");
                assert_eq!(best.factors(), (1, factors));
            }
        }
    }

    #[test]
    fn prefixes_and_wide_chains_are_searched_alike() {
        let widths = [30, 35, 15, 5, 10, 20, 25];
        let prefixes = Chain::new(&widths).unwrap().best_of_prefixes();
        // The same counts, 2⁷⁵ times as large: they need more than 64 bits.
        let wide = widths.map(|w| w << 25);
        for factors in 1..widths.len() {
            let best = Chain::new(&widths[..=factors]).unwrap().best_bracketing();
            assert_eq!(prefixes.bracketing(factors), best);
            let wide = Chain::new(&wide[..=factors]).unwrap().best_bracketing();
            assert_eq!(wide, best);
        }
    }

    #[test]
    fn the_pure_modes_are_two_of_the_bracketings() {
        for widths in [
            vec![3, 4],
            vec![1000, 50, 8, 50, 1000],
            vec![64, 128, 10, 1],
            vec![2, 7, 3, 9, 5],
        ] {
            let chain = Chain::new(&widths).unwrap();
            let (forward, reverse) = (chain.forward_bracketing(), chain.reverse_bracketing());
            assert_eq!(chain.operations(&forward), chain.forward().operations);
            assert_eq!(chain.operations(&reverse), chain.reverse().operations);
            // The formulas take each maximum for itself, so they are bounds of the simulation.
            assert!(chain.cost(&forward).memory <= chain.forward().memory);
            assert!(chain.cost(&reverse).memory <= chain.reverse().memory);
        }
    }

    #[test]
    fn a_bottleneck_is_bracketed_at_its_waist() {
        let chain = Chain::new(&[1000, 50, 8, 50, 1000]).unwrap();
        let best = chain.best_bracketing();
        assert_eq!(best.to_string(), "(J4·J3)·(J2·J1)");
        // 1000·50·8 twice, and 1000·8·1000.
        assert_eq!(chain.cost(&best).operations, 8_800_000);
        assert_eq!(chain.forward_bracketing().to_string(), "J4·(J3·(J2·J1))");
        assert_eq!(chain.reverse_bracketing().to_string(), "((J4·J3)·J2)·J1");
        // From the input's side: both halves (8·1000 and 1000·8) and their product (1000·1000), and a value of 1000.
        assert_eq!(chain.cost(&best).memory, 8_000 + 8_000 + 1_000_000 + 1_000);
    }
}
