//! What the orders of the chain rule cost on a chain of dense Jacobians, by formulas.

use crate::report::modes::grouped;
use gradus_plan::{Bracketing, Chain, MemoryTerms, ModeCost};
use std::fmt::Write;

/// The modes with their costs, and the best bracketing as a tree.
pub fn report(chain: &Chain) -> String {
    let names: Vec<String> = chain.widths().iter().map(u128::to_string).collect();
    let best = chain.best_bracketing();
    let rows = [
        (
            "forward",
            chain.forward_bracketing(),
            Some(chain.forward_memory()),
        ),
        (
            "reverse",
            chain.reverse_bracketing(),
            Some(chain.reverse_memory()),
        ),
        ("mixed", best.clone(), None),
    ];
    let costs: Vec<ModeCost> = rows.iter().map(|(_, b, _)| chain.cost(b)).collect();
    let least = |of: fn(&ModeCost) -> u128| costs.iter().map(of).min().unwrap_or(0);
    let (operations, memory) = (least(|c| c.operations), least(|c| c.memory));
    let mut out = format!(
        "the Jacobian of a chain {} by products of dense Jacobians\n\n",
        names.join(" → ")
    );
    let _ = writeln!(
        out,
        "  {:8} {:>20} {:>8} {:>18} {:>8} {:>18}  most of the formula",
        "mode", "multiplications", "ratio", "held, simulated", "ratio", "held, by formula"
    );
    for ((name, _, formula), cost) in rows.iter().zip(&costs) {
        let _ = writeln!(
            out,
            "  {name:8} {:>20} {:>8} {:>18} {:>8} {:>18}  {}",
            grouped(cost.operations),
            ratio(cost.operations, operations),
            grouped(cost.memory),
            ratio(cost.memory, memory),
            formula.map_or_else(|| "-".to_string(), |terms| grouped(terms.total())),
            formula.map_or_else(|| "-".to_string(), |terms| dominant(&terms)),
        );
    }
    // Long chains would fill the screen.
    if chain.factors() <= 12 {
        out.push('\n');
        for (name, bracketing, _) in &rows {
            let _ = writeln!(out, "  {name:8} {bracketing}");
        }
    }
    out.push_str(
        "\nthe products of the mixed order, each with its size and its multiplications:\n",
    );
    tree(chain, &best, "  ", "  ", &mut out);
    out
}

/// How often `least` goes into `n`.
fn ratio(n: u128, least: u128) -> String {
    match (n, least) {
        // A single Jacobian needs no products.
        (0, 0) => "1.00".to_string(),
        _ => format!("{:.2}", n as f64 / least as f64),
    }
}

/// Which term of the formula is the largest.
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

fn tree(chain: &Chain, part: &Bracketing, first: &str, rest: &str, out: &mut String) {
    let (from, to) = part.factors();
    let d = chain.widths();
    let size = format!("{} × {}", d[to], d[from - 1]);
    match part {
        Bracketing::Factor(l) => {
            let _ = writeln!(out, "{first}J{l}  {size}");
        }
        Bracketing::Product(left, right) => {
            let operations = d[to] * d[right.factors().1] * d[from - 1];
            let _ = writeln!(out, "{first}J{to}…J{from}  {size}  {}", grouped(operations));
            tree(
                chain,
                left,
                &format!("{rest}├─ "),
                &format!("{rest}│  "),
                out,
            );
            tree(
                chain,
                right,
                &format!("{rest}└─ "),
                &format!("{rest}   "),
                out,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

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
}
