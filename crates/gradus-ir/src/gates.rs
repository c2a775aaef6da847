//! Simplifications that are right only for programs that will not be differentiated any more.
//! Gates become their values, and a choice inside a choice by the same condition becomes the side that is taken.

use crate::graph::{Graph, Node, ValueId};
use crate::primitives::{Binary, Op, Unary};
use smallvec::smallvec;

/// The number of sums and products through which the search for choices by the same condition looks.
const MOST_BETWEEN: usize = 3;

impl Graph {
    /// Simplifies a program that will not be differentiated any more; `None` if there is nothing to simplify.
    ///
    /// A choice between a value and the same value without a derivative becomes that value: such a gate only
    /// lets derivatives through for some elements.
    ///
    /// In `select c, f(select c, p, q), b` the inner choice becomes p if f is made of sums and products that
    /// have no other users. Derivatives of choices have this form: a chosen value times one or zero.
    ///
    /// Both would be wrong before a derivative is taken: an infinite slope times a cotangent of zero is NaN.
    pub fn without_gates(&self) -> Option<Graph> {
        let mut simpler = self.without_gates_once()?;
        // A simpler program can have conditions that have become equal, or a new gate.
        while let Some(more) = simpler.without_gates_once() {
            simpler = more;
        }
        Some(simpler)
    }

    fn without_gates_once(&self) -> Option<Graph> {
        if !self.nodes().iter().any(|n| matches!(n.op, Op::Select(_))) {
            return None;
        }
        let mut new = Ungated {
            old: self,
            users: self.user_counts(),
            g: Graph::new(),
            map: Vec::with_capacity(self.len()),
            changed: false,
        };
        for node in self.nodes() {
            let outer = new.g.set_loc(node.loc);
            let made = match (&node.op, self.gated(node)) {
                (Op::Input(_), _) => smallvec![new.g.input_like(self, node.result())],
                (_, Some(value)) => {
                    new.changed = true;
                    smallvec![new.map[value.index()]]
                }
                (Op::Select(_), None) => {
                    let [condition, a, b] = [0, 1, 2].map(|k| node.operands[k]);
                    let a = new.chosen((condition, true), a, MOST_BETWEEN);
                    let b = new.chosen((condition, false), b, MOST_BETWEEN);
                    let condition = new.map[condition.index()];
                    smallvec![new.g.select(condition, a, b)]
                }
                _ => {
                    let operands: Vec<ValueId> =
                        node.operands.iter().map(|o| new.map[o.index()]).collect();
                    new.g.add_like(node, &operands)
                }
            };
            new.g.set_loc(outer);
            new.map.extend(made);
        }
        let Ungated {
            mut g,
            map,
            changed,
            ..
        } = new;
        g.set_outputs(self.outputs().iter().map(|o| map[o.index()]).collect());
        changed.then(|| g.pruned())
    }

    /// Whether the graph has choices between a value and the same value without a derivative.
    pub fn has_gates(&self) -> bool {
        self.nodes().iter().any(|node| self.gated(node).is_some())
    }

    /// For each value, the number of needed nodes that read it plus the number of outputs that it is.
    fn user_counts(&self) -> Vec<usize> {
        let live = self.live();
        let mut counts = vec![0; self.len()];
        for node in self.nodes().iter().filter(|node| node.runs(&live)) {
            let operands = &node.operands;
            for (k, o) in operands.iter().enumerate() {
                counts[o.index()] += usize::from(!operands[..k].contains(o));
            }
        }
        for o in self.outputs() {
            counts[o.index()] += 1;
        }
        counts
    }

    /// If `node` is a gate, the value to which it lets derivatives through.
    fn gated(&self, node: &Node) -> Option<ValueId> {
        let (&Op::Select(_), &[_, a, b]) = (&node.op, node.operands.as_slice()) else {
            return None;
        };
        let stops = |constant: ValueId, value: ValueId| {
            let node = self.maker(constant);
            matches!(node.op, Op::Unary(Unary::StopGradient)) && node.operands[0] == value
        };
        // A negated condition has swapped them.
        match (stops(b, a), stops(a, b)) {
            (true, _) => Some(a),
            (_, true) => Some(b),
            _ => None,
        }
    }
}

/// A graph that is made of another one.
struct Ungated<'a> {
    old: &'a Graph,
    users: Vec<usize>,
    g: Graph,
    /// For each value of the old graph, the value that replaces it.
    map: Vec<ValueId>,
    changed: bool,
}

impl Ungated<'_> {
    /// The old value `x` where the old value `condition` has the value `truth`.
    fn chosen(&mut self, (condition, truth): (ValueId, bool), x: ValueId, depth: usize) -> ValueId {
        let old = self.old;
        let node = old.maker(x);
        match node.op {
            Op::Select(_) if node.operands[0] == condition => {
                let side = node.operands[if truth { 1 } else { 2 }];
                self.changed = true;
                self.chosen((condition, truth), side, depth)
            }
            Op::Unary(Unary::Neg) | Op::Binary(Binary::Add | Binary::Sub | Binary::Mul)
                if depth > 0 && self.users[x.index()] == 1 =>
            {
                let mut changed = false;
                let mut operands = Vec::with_capacity(2);
                for &o in &node.operands {
                    let settled = self.chosen((condition, truth), o, depth - 1);
                    changed |= settled != self.map[o.index()];
                    operands.push(settled);
                }
                if !changed {
                    return self.map[x.index()];
                }
                let outer = self.g.set_loc(node.loc);
                let made = self.g.add_like(node, &operands)[0];
                self.g.set_loc(outer);
                made
            }
            _ => self.map[x.index()],
        }
    }
}
