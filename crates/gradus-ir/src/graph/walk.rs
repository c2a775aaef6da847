//! Dependencies between values.

use super::{Graph, NodeId, ValueId};
use crate::primitives::Op;

impl Graph {
    /// The nodes with effects, in order.
    pub fn effects(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.node_ids().filter(|id| self.node(*id).op.is_effect())
    }

    /// For each value, whether it is an output.
    pub fn output_marks(&self) -> Vec<bool> {
        let mut marks = vec![false; self.len()];
        for o in &self.outputs {
            marks[o.index()] = true;
        }
        marks
    }

    /// For each value, whether the outputs or the effects need it.
    /// The result of an effect with a single result is live.
    pub fn live(&self) -> Vec<bool> {
        let mut live = self.output_marks();
        for node in self.nodes.iter().rev() {
            if !node.runs(&live) {
                continue;
            }
            for o in &node.operands {
                live[o.index()] = true;
            }
            if node.region().is_none() && node.types.len() == 1 {
                live[node.first.index()] = true;
            }
        }
        live
    }

    /// For each value, whether `roots` need it.
    pub fn needed_for(&self, roots: &[ValueId]) -> Vec<bool> {
        let mut needed = vec![false; self.len()];
        for &r in roots {
            needed[r.index()] = true;
        }
        for node in self.nodes.iter().rev() {
            if node.has_marked(&needed) {
                for o in &node.operands {
                    needed[o.index()] = true;
                }
            }
        }
        needed
    }

    /// For each value, whether it depends on one of `sources` (which count as dependent on themselves).
    pub fn dependents_of(&self, sources: &[ValueId]) -> Vec<bool> {
        let mut depends = vec![false; self.len()];
        for &s in sources {
            depends[s.index()] = true;
        }
        for node in &self.nodes {
            if node.operands.iter().any(|o| depends[o.index()]) {
                node.results().for_each(|v| depends[v.index()] = true);
            }
        }
        depends
    }

    /// The number of uses of each value by nodes and outputs.
    pub fn use_counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.len()];
        for node in &self.nodes {
            for o in &node.operands {
                counts[o.index()] += 1;
            }
        }
        for o in &self.outputs {
            counts[o.index()] += 1;
        }
        counts
    }

    /// The values from the rest of the program that the part between `sources` and `ends` needs.
    pub fn needed_between(&self, sources: &[ValueId], ends: &[ValueId]) -> Vec<ValueId> {
        let active = self.dependents_of(sources);
        let needed = self.needed_for(ends);
        let mut residuals: Vec<ValueId> = Vec::new();
        let mut stored = vec![false; self.len()];
        for id in self.ids() {
            if !(active[id.index()] && needed[id.index()]) {
                continue;
            }
            for &operand in &self.maker(id).operands {
                let source = self.stored_form(operand);
                if !active[operand.index()]
                    && self.literal(source).is_none()
                    && !std::mem::replace(&mut stored[source.index()], true)
                {
                    residuals.push(source);
                }
            }
        }
        residuals
    }

    /// The array to store for `x`: the array that it is a view of,
    /// which is never larger for the views that derivatives make.
    fn stored_form(&self, mut x: ValueId) -> ValueId {
        while let Op::Layout(_) = self.maker(x).op {
            let operand = self.maker(x).operands[0];
            if self.ty(operand).bytes() > self.ty(x).bytes() {
                break;
            }
            x = operand;
        }
        x
    }
}
