//! Programs without what they do beside computing their outputs.

use crate::graph::{Graph, NodeId, Operands};
use crate::primitives::Op;
use std::sync::Arc;

impl Graph {
    /// The numbers of the observers that see values of this program, at any depth, each once.
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

    /// This program without its [effects](Op::is_effect), those of regions inside included: what is computed again must not be shown again.
    ///
    /// Rules that functions have of their own stay as they are: what they do counts where they are applied.
    pub fn without_effects(&self) -> Graph {
        if self.effects().next().is_none() {
            return self.clone();
        }
        let mut g = Graph::new();
        let mut map: Vec<NodeId> = Vec::with_capacity(self.len());
        for id in self.ids() {
            let node = self.node(id);
            let operands: Operands = node.operands.iter().map(|o| map[o.index()]).collect();
            let outer = g.set_loc(node.loc);
            map.push(match &node.op {
                Op::Input(_) => g.input_like(self, id),
                Op::Probe(_) => operands[0],
                Op::Region(region) => {
                    g.emit(Op::Region(Arc::new(region.without_effects())), &operands)
                }
                _ => g.add_like(node, &operands),
            });
            g.set_loc(outer);
        }
        let outputs: Vec<NodeId> = self.outputs().iter().map(|o| map[o.index()]).collect();
        g.set_outputs(outputs);
        g.pruned()
    }
}
