//! Copies graphs, and parts of them, into other graphs.

use super::{Graph, NodeId, Operands, Types, ValueId};
use crate::error::{Error, ErrorKind, Result};
use crate::primitives::Op;

impl Graph {
    /// Appends a copy of the outputs and effects of `other`,
    /// with its inputs replaced by `args`, and returns its outputs.
    ///
    /// # Errors
    /// If `args` differ from the inputs of `other` in number or type.
    pub fn inline(&mut self, other: &Graph, args: &[ValueId]) -> Result<Vec<ValueId>> {
        if args.len() != other.inputs.len() {
            return Err(Error::new(
                ErrorKind::Graph,
                format!(
                    "inline: {} arguments for a graph of {} inputs",
                    args.len(),
                    other.inputs.len()
                ),
            ));
        }
        for (k, (&a, &i)) in args.iter().zip(&other.inputs).enumerate() {
            if self.ty(a) != other.ty(i) {
                return Err(Error::new(
                    ErrorKind::Graph,
                    format!(
                        "inline: argument {k} is {}, the input is {}",
                        self.ty(a),
                        other.ty(i)
                    ),
                ));
            }
        }
        let mut map: Vec<Option<ValueId>> = vec![None; other.len()];
        for (&a, &i) in args.iter().zip(&other.inputs) {
            map[i.index()] = Some(a);
        }
        let effects: Vec<NodeId> = other.effects().collect();
        other.copy_into(self, &mut map, &other.outputs, &effects);
        Ok(other
            .outputs
            .iter()
            .map(|o| map[o.index()].expect("outputs were copied"))
            .collect())
    }

    /// Like [`inline`](Self::inline), for programs that fit by construction: in rules and passes.
    ///
    /// # Panics
    /// If `args` differ from the inputs of `other` in number or type, which is a mistake in the calling rule.
    pub fn emit_inline(&mut self, other: &Graph, args: &[ValueId]) -> Vec<ValueId> {
        match self.inline(other, args) {
            Ok(outputs) => outputs,
            Err(e) => panic!("a rule calls a program wrongly: {e}"),
        }
    }

    /// Copies the nodes that `roots` need, and the nodes `effects`, into `target`.
    /// `map` gives the values that exist there already and learns the new ones.
    ///
    /// # Panics
    /// If they need an input that `map` does not have.
    pub fn copy_into(
        &self,
        target: &mut Graph,
        map: &mut [Option<ValueId>],
        roots: &[ValueId],
        effects: &[NodeId],
    ) {
        let mut needed = vec![false; self.len()];
        for &r in roots {
            needed[r.index()] = true;
        }
        let mut copied = vec![false; self.nodes.len()];
        for &e in effects {
            copied[e.index()] = true;
        }
        for (i, node) in self.nodes.iter().enumerate().rev() {
            let mut results = node.results().map(ValueId::index);
            copied[i] = match copied[i] {
                // An effect whose result exists has been copied.
                true => node.types.is_empty() || results.any(|v| map[v].is_none()),
                false => results.any(|v| needed[v] && map[v].is_none()),
            };
            if copied[i] {
                for o in &node.operands {
                    needed[o.index()] = true;
                }
            }
        }
        let more = copied.iter().filter(|&&c| c).count();
        target.nodes.reserve(more);
        target.makers.reserve(more);
        target.interned.reserve(more, |&(hash, _)| hash);
        let outer = target.loc;
        for (i, node) in self.nodes.iter().enumerate() {
            if !copied[i] {
                continue;
            }
            assert!(
                !matches!(node.op, Op::Input(_)),
                "copy_into: input {:?} is not mapped",
                node.first
            );
            let mut operands = Operands::from_slice(&node.operands);
            for o in &mut operands {
                *o = map[o.index()].expect("operands come first");
            }
            target.loc = Some(node.loc.or_place(outer));
            if let Types::One(ty) = &node.types
                && node.region().is_none()
            {
                let new = target.add_typed(node.op.clone(), &operands, ty.clone());
                map[node.first.index()] = Some(new);
                continue;
            }
            let made = target.add_like(node, &operands);
            for (v, new) in node.results().zip(made) {
                map[v.index()].get_or_insert(new);
            }
        }
        target.loc = outer;
    }

    /// A copy with only the nodes that the outputs and the effects need; all inputs stay.
    pub fn pruned(&self) -> Graph {
        self.program(&self.inputs, &self.outputs)
    }

    /// The program that computes `outputs` from `inputs`, which can be any values of this graph.
    /// Effects that `outputs` do not depend on are left out.
    ///
    /// # Panics
    /// If `outputs` need an input of this graph that is not among `inputs`.
    pub fn extract(&self, inputs: &[ValueId], outputs: &[ValueId]) -> Graph {
        self.copied(inputs, outputs, &[])
    }

    /// The program that computes `outputs` from `inputs`,
    /// with all effects of this graph that depend on no other input.
    ///
    /// # Panics
    /// If `outputs` need an input of this graph that is not among `inputs`.
    pub fn program(&self, inputs: &[ValueId], outputs: &[ValueId]) -> Graph {
        let mut lacking = vec![true; self.len()];
        inputs.iter().for_each(|i| lacking[i.index()] = false);
        let mut effects = Vec::new();
        for (id, node) in self.node_ids().zip(&self.nodes) {
            if matches!(node.op, Op::Input(_)) {
                continue;
            }
            if node.operands.iter().any(|o| lacking[o.index()]) {
                continue;
            }
            node.results().for_each(|v| lacking[v.index()] = false);
            if node.op.is_effect() {
                effects.push(id);
            }
        }
        self.copied(inputs, outputs, &effects)
    }

    fn copied(&self, inputs: &[ValueId], outputs: &[ValueId], effects: &[NodeId]) -> Graph {
        let mut out = Graph::new();
        let mut map = vec![None; self.len()];
        for &i in inputs {
            map[i.index()] = Some(out.input_like(self, i));
        }
        self.copy_into(&mut out, &mut map, outputs, effects);
        out.outputs = outputs
            .iter()
            .map(|o| map[o.index()].expect("outputs were copied"))
            .collect();
        out
    }

    /// Appends an input with the type and place of value `id` of `other`.
    pub fn input_like(&mut self, other: &Graph, id: ValueId) -> ValueId {
        let outer = self.loc.replace(other.maker(id).loc);
        let new = self.input(other.ty(id).clone());
        self.loc = outer;
        new
    }
}
