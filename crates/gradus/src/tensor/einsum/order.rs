//! The order in which the factors of a sum of products are multiplied, two at a time.

/// The most factors for which all orders are considered: with n there are 3ⁿ pairs of disjoint subsets.
const ALL_ORDERS: usize = 8;

/// A set of index letters: bit `i` is the letter with number `i` in [`Factors::sizes`].
type Indices = u64;

/// The cost of an order: multiplications, then the elements of all intermediate results.
type Cost = (u128, u128);

/// Two parts that are multiplied, by their places in the list of parts; the first is the earlier one.
/// The product takes the place of the first, and the second is removed.
pub(super) type Step = (usize, usize);

/// The factors of a sum of products, by their index letters.
pub(super) struct Factors {
    /// The letters of each factor that the result or another factor has too.
    factors: Vec<Indices>,
    output: Indices,
    /// The size of each index.
    sizes: Vec<u128>,
}

/// The cheapest order of a subset of the factors.
#[derive(Clone, Copy)]
struct Best {
    cost: Cost,
    /// The letters that the product keeps.
    kept: Indices,
    /// The half of the last product that holds the first factor.
    left: usize,
}

impl Factors {
    /// The factors with these letters and shapes. No letter occurs twice in one factor.
    pub fn new<'a>(
        factors: impl Iterator<Item = (&'a [char], &'a [usize])>,
        output: &[char],
    ) -> Factors {
        let mut letters = Vec::new();
        let mut sizes = Vec::new();
        let mut indices = Vec::new();
        for (names, shape) in factors {
            let mut set = 0;
            for (c, &size) in names.iter().zip(shape) {
                let known = letters.iter().position(|d| d == c);
                let number = known.unwrap_or_else(|| {
                    letters.push(*c);
                    sizes.push(size as u128);
                    letters.len() - 1
                });
                set |= 1 << number;
            }
            indices.push(set);
        }
        let number = |c| letters.iter().position(|d| d == c);
        let output = output.iter().filter_map(number).fold(0, |s, i| s | 1 << i);
        let mut factors = Factors {
            factors: indices,
            output,
            sizes,
        };
        for i in 0..factors.factors.len() {
            factors.factors[i] &= factors.outside(|j| j != i);
        }
        factors
    }

    /// The letters that the result has or a factor that `is_outside`.
    fn outside(&self, is_outside: impl Fn(usize) -> bool) -> Indices {
        let others = self.factors.iter().enumerate();
        let others = others.filter(|(j, _)| is_outside(*j));
        others.fold(self.output, |all, (_, set)| all | set)
    }

    /// The number of elements of an array with these letters, at most `u128::MAX`.
    fn elements(&self, set: Indices) -> u128 {
        let sizes = self.sizes.iter().enumerate();
        let sizes = sizes.filter(|(i, _)| set >> i & 1 == 1);
        sizes.fold(1, |all, (_, &size)| all.saturating_mul(size))
    }

    /// The cost of one product, whose result keeps these letters.
    fn cost(&self, left: Indices, right: Indices, kept: Indices) -> Cost {
        (self.elements(left | right), self.elements(kept))
    }

    /// The products in an order with the fewest multiplications. The indices of a step refer to the list of factors
    /// at that step.
    pub fn cheapest_order(mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        while self.factors.len() > ALL_ORDERS {
            let step = self.cheapest_pair();
            self.join(step);
            steps.push(step);
        }
        let n = self.factors.len();
        if n > 1 {
            let best = self.best_of_all();
            let mut parts: Vec<usize> = (0..n).map(|i| 1 << i).collect();
            steps_of(&best, (1 << n) - 1, &mut parts, &mut steps);
        }
        steps
    }

    /// The pair of factors whose product takes the fewest multiplications; then the one with the smallest result.
    fn cheapest_pair(&self) -> Step {
        let n = self.factors.len();
        let pairs = (1..n).flat_map(|j| (0..j).map(move |i| (i, j)));
        let cost = |&(i, j): &Step| {
            let (left, right) = (self.factors[i], self.factors[j]);
            let kept = (left | right) & self.outside(|k| k != i && k != j);
            self.cost(left, right, kept)
        };
        // Among equal ones the first.
        pairs.min_by_key(cost).unwrap_or((0, 1))
    }

    /// Replaces two factors by their product.
    fn join(&mut self, (i, j): Step) {
        let kept = self.outside(|k| k != i && k != j);
        let right = self.factors.remove(j);
        self.factors[i] = (self.factors[i] | right) & kept;
    }

    /// The cheapest order of each subset of the factors: of all pairs of disjoint subsets that make it up.
    fn best_of_all(&self) -> Vec<Best> {
        let n = self.factors.len();
        let nothing = Best {
            cost: (0, 0),
            kept: 0,
            left: 0,
        };
        let mut best = vec![nothing; 1 << n];
        for set in 1..1_usize << n {
            let members = (0..n).filter(|i| set >> i & 1 == 1);
            let own = members.fold(0, |all, i| all | self.factors[i]);
            let kept = own & self.outside(|i| set >> i & 1 == 0);
            best[set].kept = kept;
            let first = set & set.wrapping_neg();
            if set == first {
                continue;
            }
            // Split the set in two in every way. The first half holds the first factor. The split of the order from
            // left to right is tried first, and an equal cost does not replace it.
            let last = 1 << set.ilog2();
            let rest = set ^ first;
            let from_left_to_right = set ^ last;
            let mut found = self.joined(&best, from_left_to_right, last, kept);
            let mut others = rest;
            while others > 0 {
                others = (others - 1) & rest;
                let left = first | others;
                let candidate = self.joined(&best, left, set ^ left, kept);
                if candidate.cost < found.cost {
                    found = candidate;
                }
            }
            best[set] = found;
        }
        best
    }

    /// The product of two subsets, each in its cheapest order.
    fn joined(&self, best: &[Best], left: usize, right: usize, kept: Indices) -> Best {
        let (a, b) = (best[left], best[right]);
        let own = self.cost(a.kept, b.kept, kept);
        let add = |x: u128, y: u128, z: u128| x.saturating_add(y).saturating_add(z);
        Best {
            cost: (
                add(a.cost.0, b.cost.0, own.0),
                add(a.cost.1, b.cost.1, own.1),
            ),
            kept,
            left,
        }
    }
}

/// Appends the products of a subset in its cheapest order. `parts` are the subsets that there are.
fn steps_of(best: &[Best], set: usize, parts: &mut Vec<usize>, steps: &mut Vec<Step>) {
    if set.is_power_of_two() {
        return;
    }
    let (left, right) = (best[set].left, set ^ best[set].left);
    steps_of(best, left, parts, steps);
    steps_of(best, right, parts, steps);
    let place = |part: usize| parts.iter().position(|&p| p == part).unwrap_or(0);
    let (i, j) = (place(left), place(right));
    parts.remove(j);
    parts[i] = set;
    steps.push((i, j));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn factors(operands: &[&str], output: &str, size: impl Fn(char) -> usize) -> Factors {
        let letters: Vec<Vec<char>> = operands.iter().map(|o| o.chars().collect()).collect();
        let shape = |l: &Vec<char>| l.iter().map(|&c| size(c)).collect();
        let shapes: Vec<Vec<usize>> = letters.iter().map(shape).collect();
        let both = letters.iter().zip(&shapes);
        let output: Vec<char> = output.chars().collect();
        Factors::new(both.map(|(l, s)| (&l[..], &s[..])), &output)
    }

    /// The cost of an order, counted by carrying it out.
    fn cost(mut factors: Factors, steps: &[Step]) -> Cost {
        let mut total = (0, 0);
        for &(i, j) in steps {
            assert!(i < j, "the earlier factor stands on the left");
            let both = factors.factors[i] | factors.factors[j];
            factors.join((i, j));
            total.0 += factors.elements(both);
            total.1 += factors.elements(factors.factors[i]);
        }
        assert_eq!(factors.factors.len(), 1);
        total
    }

    /// All orders of `n` factors.
    fn all_orders(n: usize) -> Vec<Vec<Step>> {
        if n == 1 {
            return vec![Vec::new()];
        }
        let pairs = (1..n).flat_map(|j| (0..j).map(move |i| (i, j)));
        let with = |first: Step| {
            let rest = all_orders(n - 1).into_iter();
            rest.map(move |rest| [vec![first], rest].concat())
        };
        pairs.flat_map(with).collect()
    }

    fn names(operand: &[usize]) -> String {
        let mut letters: Vec<char> = operand.iter().map(|&i| ('a'..).nth(i).unwrap()).collect();
        letters.sort_unstable();
        letters.dedup();
        letters.into_iter().collect()
    }

    proptest! {
        #[test]
        fn no_order_is_cheaper(
            operands in prop::collection::vec(prop::collection::vec(0_usize..6, 0..4), 2..6),
            kept in prop::collection::vec(any::<bool>(), 6),
            sizes in prop::collection::vec(0_usize..30, 6),
        ) {
            let operands: Vec<String> = operands.iter().map(|o| names(o)).collect();
            let operands: Vec<&str> = operands.iter().map(|o| &o[..]).collect();
            let all = operands.concat();
            let of = |c: char| c as usize - 'a' as usize;
            let output: String = ('a'..='f').filter(|&c| kept[of(c)] && all.contains(c)).collect();
            let made = || factors(&operands, &output, |c| sizes[of(c)]);
            let chosen = made().cheapest_order();
            let costs = all_orders(operands.len()).into_iter().map(|steps| cost(made(), &steps));
            let least = costs.min().unwrap();
            prop_assert_eq!(cost(made(), &chosen), least);
            let from_left_to_right = vec![(0, 1); operands.len() - 1];
            if cost(made(), &from_left_to_right) == least {
                prop_assert_eq!(chosen, from_left_to_right);
            }
        }
    }

    #[test]
    fn a_chain_is_bracketed_like_a_chain_of_jacobians() {
        let widths = [1000_usize, 50, 8, 50, 1000];
        let operands = ["ab", "bc", "cd", "de"];
        let made = || factors(&operands, "ae", |c| widths[c as usize - 'a' as usize]);
        let steps = made().cheapest_order();
        assert_eq!(steps, [(0, 1), (1, 2), (0, 1)]);
        let planned = gradus_plan::Chain::new(&widths).unwrap();
        let best = planned.cost(&planned.best_bracketing());
        assert_eq!(cost(made(), &steps).0, best.operations);
    }

    #[test]
    fn many_factors_are_joined_until_all_orders_can_be_searched() {
        // A chain that ends in a vector: from left to right it takes 10 products of matrices.
        let letters = [
            "ab", "bc", "cd", "de", "ef", "fg", "gh", "hi", "ij", "jk", "kl", "l",
        ];
        let made = || factors(&letters, "a", |_| 40);
        let steps = made().cheapest_order();
        assert_eq!(cost(made(), &steps).0, 11 * 1600);
        assert_eq!(steps.len(), 11);
    }
}
