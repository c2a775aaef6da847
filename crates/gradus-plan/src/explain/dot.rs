//! The chosen order as a drawing for Graphviz.

use super::order_tree::label;
use crate::candidate::Mode;
use crate::order::Order;
use crate::plan::Plan;
use crate::quote;
use std::fmt::Write;

impl Plan {
    /// The chosen order as a tree for Graphviz.
    pub fn to_dot(&self) -> String {
        let mut out = String::from("digraph plan {\n  node [shape=box]\n");
        match &self.chosen().mode {
            Mode::Mixed(order) => {
                draw(order, self.widths(), &mut 0, &mut out);
            }
            Mode::Elimination(order) => {
                for (k, step) in order.steps.iter().enumerate() {
                    let (v, width) = (step.vertex + 1, order.widths[step.vertex]);
                    let how = step.join.in_words();
                    let _ = writeln!(out, "  n{k} [label=\"array {v} of {width}: {how}\"]");
                    if k > 0 {
                        let _ = writeln!(out, "  n{} -> n{k}", k - 1);
                    }
                }
            }
            _ => {
                let _ = writeln!(out, "  n0 [label={}]", quote::json(&self.chosen().name));
            }
        }
        out.push_str("}\n");
        out
    }
}

/// Draws a node and its children; gives the number of the node.
fn draw(order: &Order, widths: &[usize], next: &mut usize, out: &mut String) -> usize {
    let id = *next;
    *next += 1;
    let _ = writeln!(out, "  n{id} [label=\"{}\"]", label(order, widths));
    for child in order.children() {
        let child = draw(child, widths, next, out);
        let _ = writeln!(out, "  n{child} -> n{id}");
    }
    id
}
