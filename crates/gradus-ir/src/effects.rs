//! Programs without their effects.

use crate::graph::{Graph, Operands, ValueId};
use crate::primitives::Op;

impl Graph {
    /// The numbers of the observers of this program's values, at any depth, each once.
    pub fn observers(&self) -> Vec<u64> {
        let mut found = Vec::new();
        for node in self.nodes() {
            match &node.op {
                Op::Probe(probe) => found.push(probe.id),
                Op::Region(region) => {
                    for (_, body) in region.bodies() {
                        found.extend(body.observers());
                    }
                }
                _ => {}
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// This program without its [effects](Op::is_effect), including effects inside regions.
    /// Recomputed code must not show values again.
    ///
    /// Custom rules of functions keep their effects, which count once the rule is applied.
    pub fn without_effects(&self) -> Graph {
        if self.effects().next().is_none() {
            return self.clone();
        }
        let mut g = Graph::new();
        let mut map: Vec<ValueId> = Vec::with_capacity(self.len());
        for node in self.nodes() {
            let operands: Operands = node.operands.iter().map(|o| map[o.index()]).collect();
            let outer = g.set_loc(node.loc);
            match &node.op {
                Op::Input(_) => map.push(g.input_like(self, node.result())),
                Op::Probe(_) => map.push(operands[0]),
                Op::Region(region) => {
                    map.extend(g.emit_region(region.without_effects(), &operands));
                }
                _ => map.extend(g.add_like(node, &operands)),
            }
            g.set_loc(outer);
        }
        let outputs: Vec<ValueId> = self.outputs().iter().map(|o| map[o.index()]).collect();
        g.set_outputs(outputs);
        g.pruned()
    }
}
