//! The costs of the orders of the chain rule on a chain of dense Jacobians, by formulas.

use super::orders::{Orders, multiplications};
use crate::report::modes::grouped;
use gradus_plan::{Bracketing, Chain, MemoryTerms, ModeCost};
use std::collections::{HashSet, VecDeque};
use std::fmt::Write;

/// The most widths that are named. Longer chains show the first and the last ones.
const NAMED: usize = 24;
/// The most Jacobians of a chain whose orders are written as one formula.
const WRITTEN: usize = 12;
/// The most products that are shown with their operands. Longer chains show the ones nearest to the result.
const SHOWN: usize = 40;

/// The modes with their costs, and the best bracketing as a tree.
pub fn report(orders: &Orders<'_>) -> String {
    let chain = orders.chain;
    let least = |of: fn(&ModeCost) -> u128| {
        let all = orders.all.iter().map(|o| of(&o.cost));
        all.min().unwrap_or(0)
    };
    let (operations, memory) = (least(|c| c.operations), least(|c| c.memory));
    let mut out = format!(
        "the Jacobian of a chain {} by products of dense Jacobians\n\n",
        named(chain.widths())
    );
    let _ = writeln!(
        out,
        "  {:8} {:>20} {:>8} {:>18} {:>8} {:>18}  most of the formula",
        "mode", "multiplications", "ratio", "held, simulated", "ratio", "held, by formula"
    );
    for order in &orders.all {
        let (cost, formula) = (order.cost, order.formula);
        let _ = writeln!(
            out,
            "  {:8} {:>20} {:>8} {:>18} {:>8} {:>18}  {}",
            order.name,
            grouped(cost.operations),
            ratio(cost.operations, operations),
            grouped(cost.memory),
            ratio(cost.memory, memory),
            formula.map_or_else(|| "-".to_string(), |terms| grouped(terms.total())),
            formula.map_or_else(|| "-".to_string(), |terms| dominant(&terms)),
        );
    }
    if chain.factors() <= WRITTEN {
        out.push('\n');
        for order in &orders.all {
            let _ = writeln!(out, "  {:8} {}", order.name, order.bracketing);
        }
    }
    out.push_str(
        "\nthe products of the mixed order, each with its size and its multiplications:\n",
    );
    let opened = opened(orders.mixed());
    tree(chain, orders.mixed(), &opened, "  ", "  ", &mut out);
    out
}

/// The widths with arrows between.
fn named(widths: &[u128]) -> String {
    let text = |part: &[u128]| {
        let names: Vec<String> = part.iter().map(u128::to_string).collect();
        names.join(" → ")
    };
    if widths.len() <= NAMED {
        return text(widths);
    }
    let half = NAMED / 2;
    format!(
        "{} → … → {} of {} widths",
        text(&widths[..half]),
        text(&widths[widths.len() - half..]),
        grouped(widths.len() as u128)
    )
}

/// The products whose operands are shown, as ranges of factors: from the whole chain on, level by level.
fn opened(whole: &Bracketing) -> HashSet<(usize, usize)> {
    let mut opened = HashSet::new();
    let mut next = VecDeque::from([whole]);
    while let Some(part) = next.pop_front() {
        if opened.len() == SHOWN {
            break;
        }
        if let Bracketing::Product(left, right) = part {
            opened.insert(part.factors());
            next.extend([&**left, &**right]);
        }
    }
    opened
}

/// The ratio of `n` to `least`.
fn ratio(n: u128, least: u128) -> String {
    match (n, least) {
        // A single Jacobian needs no products.
        (0, 0) => "1.00".to_string(),
        _ => format!("{:.2}", n as f64 / least as f64),
    }
}

/// The name of the largest term of the formula.
fn dominant(terms: &MemoryTerms) -> String {
    let named = [
        (terms.directions, "values and their tangents or cotangents"),
        (terms.jacobian, "largest Jacobian"),
        (terms.activations, "kept values"),
    ];
    let (most, name) = named
        .into_iter()
        .max_by_key(|(n, _)| *n)
        .unwrap_or_default();
    let share = 100.0 * most as f64 / terms.total() as f64;
    format!("{name} ({share:.0} %)")
}

fn tree(
    chain: &Chain,
    part: &Bracketing,
    opened: &HashSet<(usize, usize)>,
    first: &str,
    rest: &str,
    out: &mut String,
) {
    let (from, to) = part.factors();
    let d = chain.widths();
    let size = format!("{} × {}", d[to], d[from - 1]);
    let Bracketing::Product(left, right) = part else {
        let _ = writeln!(out, "{first}J{to}  {size}");
        return;
    };
    let operations = grouped(multiplications(chain, left, right));
    let _ = write!(out, "{first}J{to}…J{from}  {size}  {operations}");
    if !opened.contains(&(from, to)) {
        let within = match to - from {
            1 => String::new(),
            n => format!(
                ", after {} products that are not shown",
                grouped(n as u128 - 1)
            ),
        };
        let _ = writeln!(out, "{within}");
        return;
    }
    out.push('\n');
    for (part, branch, stem) in [(left, "├─ ", "│  "), (right, "└─ ", "   ")] {
        let (first, rest) = (format!("{rest}{branch}"), format!("{rest}{stem}"));
        tree(chain, part, opened, &first, &rest, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn report(chain: &Chain) -> String {
        super::report(&Orders::new(chain))
    }

    #[test]
    fn a_bottleneck() {
        assert_snapshot!(report(&Chain::new(&[1000, 50, 8, 50, 1000]).unwrap()), @"
        the Jacobian of a chain 1000 → 50 → 8 → 50 → 1000 by products of dense Jacobians

          mode          multiplications    ratio    held, simulated    ratio   held, by formula  most of the formula
          forward            50,800,000     5.77          1,051,000     1.03          1,051,000  values and their tangents or cotangents (95 %)
          reverse            50,800,000     5.77          1,051,000     1.03          1,052,108  values and their tangents or cotangents (95 %)
          mixed               8,800,000     1.00          1,017,000     1.00                  -  -

          forward  J4·(J3·(J2·J1))
          reverse  ((J4·J3)·J2)·J1
          mixed    (J4·J3)·(J2·J1)

        the products of the mixed order, each with its size and its multiplications:
          J4…J1  1000 × 1000  8,000,000
          ├─ J4…J3  1000 × 8  400,000
          │  ├─ J4  1000 × 50
          │  └─ J3  50 × 8
          └─ J2…J1  8 × 1000  400,000
             ├─ J2  8 × 50
             └─ J1  50 × 1000
        ");
    }

    #[test]
    fn a_network_with_its_loss() {
        assert_snapshot!(report(&Chain::new(&[784, 512, 512, 10, 1]).unwrap()), @"
        the Jacobian of a chain 784 → 512 → 512 → 10 → 1 by products of dense Jacobians

          mode          multiplications    ratio    held, simulated    ratio   held, by formula  most of the formula
          forward           209,542,816   313.37            664,336     1.64          1,016,848  values and their tangents or cotangents (61 %)
          reverse               668,672     1.00            404,794     1.00            404,794  largest Jacobian (99 %)
          mixed                 668,672     1.00            404,794     1.00                  -  -

          forward  J4·(J3·(J2·J1))
          reverse  ((J4·J3)·J2)·J1
          mixed    ((J4·J3)·J2)·J1

        the products of the mixed order, each with its size and its multiplications:
          J4…J1  1 × 784  401,408
          ├─ J4…J2  1 × 512  262,144
          │  ├─ J4…J3  1 × 512  5,120
          │  │  ├─ J4  1 × 10
          │  │  └─ J3  10 × 512
          │  └─ J2  512 × 512
          └─ J1  512 × 784
        ");
    }

    #[test]
    fn one_function_alone() {
        assert_snapshot!(report(&Chain::new(&[3, 2]).unwrap()), @"
        the Jacobian of a chain 3 → 2 by products of dense Jacobians

          mode          multiplications    ratio    held, simulated    ratio   held, by formula  most of the formula
          forward                     0     1.00                  9     1.00                 18  values and their tangents or cotangents (67 %)
          reverse                     0     1.00                  9     1.00                 18  values and their tangents or cotangents (50 %)
          mixed                       0     1.00                  9     1.00                  -  -

          forward  J1
          reverse  J1
          mixed    J1

        the products of the mixed order, each with its size and its multiplications:
          J1  2 × 3
        ");
    }

    #[test]
    fn what_is_long_is_summarised() {
        let widths: Vec<usize> = (0..1001).map(|k| 1 + k * 7919 % 613).collect();
        let text = report(&Chain::new(&widths).unwrap());
        assert!(text.contains(" of 1,001 widths by products"), "{text}");
        assert!(text.contains(" products that are not shown"), "{text}");
        // The whole chain has 999 products. Each product that is shown adds two lines.
        assert!(text.lines().count() < 100, "{text}");
        assert!(text.len() < 20_000, "{} bytes", text.len());
    }
}
