//! An order of segments as a tree.

use crate::order::Order;
use std::fmt::Write;

/// The label of a node: the derivative that it accumulates, its size and its strategy.
pub(super) fn label(order: &Order, widths: &[usize]) -> String {
    let (from, to) = order.range();
    let size = format!("{} × {}", widths[to + 1], widths[from]);
    let name = order.name();
    match order {
        Order::Forward(_) => format!("{name}  {size}  by forward mode"),
        Order::Reverse(_) => format!("{name}  {size}  by reverse mode"),
        Order::Product(..) => format!("{name}  {size}  product"),
        Order::Push(l, _) => format!("{name}  {size}  pushed through segment {}", l + 1),
        Order::Pull(_, l) => format!("{name}  {size}  pulled through segment {}", l + 1),
    }
}

/// Writes a line for each node, below its parent.
pub(super) fn write(order: &Order, widths: &[usize], indent: &str, out: &mut String) {
    branch(order, widths, [indent, indent], out);
}

/// Writes a node after the indentation `first`, and its children after `rest`.
fn branch(order: &Order, widths: &[usize], [first, rest]: [&str; 2], out: &mut String) {
    let _ = writeln!(out, "{first}{}", label(order, widths));
    let below = order.children();
    for (k, child) in below.iter().enumerate() {
        let (mark, stem) = match k + 1 == below.len() {
            true => ("└─ ", "   "),
            false => ("├─ ", "│  "),
        };
        let (first, rest) = (format!("{rest}{mark}"), format!("{rest}{stem}"));
        branch(child, widths, [&first, &rest], out);
    }
}
