//! The graph: an arena of nodes in topological order.

use crate::error::{Error, ErrorKind, Result};
use crate::loc::Loc;
use crate::primitives::Op;
use crate::simplify;
use crate::types::{Literal, Type};
use hashbrown::{DefaultHashBuilder, HashTable};
use smallvec::SmallVec;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::LazyLock;

/// A node of one [`Graph`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) u32);

impl NodeId {
    /// The position in the arena; operands always have smaller ones.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{}", self.0)
    }
}

/// The operands of a node.
pub type Operands = SmallVec<[NodeId; 3]>;

/// One operation with its operands and its result.
#[derive(Debug)]
pub struct Node {
    /// What is computed.
    pub op: Op,
    /// From which nodes.
    pub operands: Operands,
    /// The type of the result.
    pub ty: Type,
    /// The user's line that asked for it.
    pub loc: Loc,
}

impl Clone for Node {
    fn clone(&self) -> Node {
        Node {
            op: self.op.clone(),
            operands: Operands::from_slice(&self.operands),
            ty: self.ty.clone(),
            loc: self.loc,
        }
    }
}

/// A typed program in static single assignment form.
///
/// Append-only: nodes are never changed or removed, so a [`NodeId`] stays valid; passes build a new graph. Creating a node checks
/// its type, simplifies it locally and reuses an equal node that exists already.
#[derive(Clone, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    inputs: Vec<NodeId>,
    outputs: Vec<NodeId>,
    /// Each shared node with the hash of what it computes, so that growing hashes nothing again.
    interned: HashTable<(u64, NodeId)>,
    hasher: DefaultHashBuilder,
    loc: Option<Loc>,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Graph {
        Graph::default()
    }

    /// Appends an input. Inputs are distinct even if their types are equal.
    ///
    /// # Panics
    /// If [no memory can hold](Type::is_addressable) such an array.
    pub fn input(&mut self, ty: Type) -> NodeId {
        assert!(ty.is_addressable(), "input: no memory can hold {ty}");
        let op = Op::Input(self.inputs.len() as u32);
        let id = self.push(op, Operands::new(), ty);
        self.inputs.push(id);
        id
    }

    /// The node that computes `op` on `operands`: an existing one, a simpler one, or a new one.
    ///
    /// # Errors
    /// If the operands' types do not fit the operation, or no memory can hold the result.
    pub fn add(&mut self, op: Op, operands: &[NodeId]) -> Result<NodeId> {
        let ty = self.result_type(&op, operands);
        let ty = ty.map_err(|e| e.at(self.loc()))?;
        Ok(self.add_typed(op, operands, ty))
    }

    /// The type of `op` on nodes of this graph: the one check that an operation passes before it becomes a node, whether a rule adds it or a text says so.
    ///
    /// # Errors
    /// If the operands do not fit the operation, one of them stands for all results of a region, or no memory can hold the result.
    pub(crate) fn result_type(&self, op: &Op, operands: &[NodeId]) -> Result<Type> {
        if let Op::Result { index, ty } = op {
            let given = match operands {
                [region] => self.region_result(*region, *index as usize)?,
                _ => return Err(Error::new(ErrorKind::Graph, "result: takes one region")),
            };
            if given == *ty {
                return Ok(given);
            }
            let message = format!("result: {index} of this region is {given}, not {ty}");
            return Err(Error::new(ErrorKind::Graph, message));
        }
        if let Some(k) = operands.iter().position(|&o| self.region(o).is_some()) {
            let message = format!(
                "{}: takes arrays, and operand {k} is all results of `{}` together; name one with `result`",
                op.name(),
                self.node(operands[k]).op.name()
            );
            return Err(Error::new(ErrorKind::Graph, message));
        }
        let types: SmallVec<[&Type; 3]> = operands.iter().map(|&o| self.ty(o)).collect();
        op.result(&types)
    }

    /// As [`add`](Self::add), for operations that are right by construction: rules and transforms.
    ///
    /// # Panics
    /// If the operands' types do not fit, which is a mistake in the calling rule.
    pub fn emit(&mut self, op: Op, operands: &[NodeId]) -> NodeId {
        match self.add(op, operands) {
            Ok(id) => id,
            Err(e) => panic!("a rule built an ill-typed node: {e}"),
        }
    }

    pub(crate) fn add_typed(&mut self, op: Op, operands: &[NodeId], ty: Type) -> NodeId {
        if let Some(id) = simplify::node(self, &op, operands, &ty) {
            debug_assert_eq!(self.ty(id), &ty, "simplifying {op:?} changed its type");
            return id;
        }
        // Two effects are two, however equal, and so are two calls of which each passes on its own cotangent.
        if op.is_effect() || op.own_backward() {
            return self.push(op, Operands::from_slice(operands), ty);
        }
        let hash = self.hash_of(&op, operands, &ty);
        let nodes = &self.nodes;
        let found = self.interned.find(hash, |&(h, n)| {
            let node = &nodes[n.index()];
            h == hash && node.operands.as_slice() == operands && node.op == op && node.ty == ty
        });
        if let Some(&(_, id)) = found {
            return id;
        }
        let id = self.push(op, Operands::from_slice(operands), ty);
        self.interned
            .insert_unique(hash, (hash, id), |&(hash, _)| hash);
        id
    }

    /// Appends a node as it stands, neither simplified nor shared: graphs that are read keep what was written.
    pub(crate) fn add_verbatim(&mut self, op: Op, operands: Operands, ty: Type) -> NodeId {
        self.push(op, operands, ty)
    }

    /// A splat: every element of an array of `shape` is `value`.
    ///
    /// # Panics
    /// If [no memory can hold](Type::is_addressable) such an array.
    pub fn constant(&mut self, value: Literal, shape: &[usize]) -> NodeId {
        let ty = Type::new(value.dtype(), shape);
        assert!(ty.is_addressable(), "const: no memory can hold {ty}");
        self.add_typed(Op::Const(value), &[], ty)
    }

    /// The constant `value`, rounded to the type of `like` and of its shape.
    pub fn constant_like(&mut self, value: f64, like: NodeId) -> NodeId {
        let ty = self.ty(like).clone();
        self.constant(Literal::from_f64(ty.dtype, value), &ty.shape)
    }

    /// The indices `0, 1, 2, …` along `axis` of an array of type `ty`.
    ///
    /// # Panics
    /// If the array has no such axis or no numbers, or [no memory can hold it](Type::is_addressable).
    pub fn iota(&mut self, ty: Type, axis: usize) -> NodeId {
        assert!(ty.is_addressable(), "iota: no memory can hold {ty}");
        assert!(
            axis < ty.rank() && ty.dtype != crate::DType::Bool,
            "iota: {ty} has no numbers along an axis {axis}"
        );
        self.add_typed(Op::Iota(axis), &[], ty)
    }

    fn push(&mut self, op: Op, operands: Operands, ty: Type) -> NodeId {
        let id = NodeId(self.nodes.len() as u32);
        debug_assert!(operands.iter().all(|o| o.0 < id.0));
        self.nodes.push(Node {
            op,
            operands,
            ty,
            loc: self.loc.unwrap_or(Loc::UNKNOWN),
        });
        id
    }

    fn hash_of(&self, op: &Op, operands: &[NodeId], ty: &Type) -> u64 {
        hash_node(&self.hasher, op, operands, ty)
    }

    /// Nodes made from here on belong to `loc`; returns the place before.
    pub fn set_loc(&mut self, loc: Loc) -> Loc {
        self.loc.replace(loc).unwrap_or(Loc::UNKNOWN)
    }

    /// The place that nodes made now belong to.
    pub fn loc(&self) -> Loc {
        self.loc.unwrap_or(Loc::UNKNOWN)
    }

    /// Declares what the graph computes.
    pub fn set_outputs(&mut self, outputs: Vec<NodeId>) {
        debug_assert!(outputs.iter().all(|o| o.index() < self.nodes.len()));
        self.outputs = outputs;
    }

    /// The node `id`.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// The type of node `id`.
    pub fn ty(&self, id: NodeId) -> &Type {
        &self.nodes[id.index()].ty
    }

    /// The shape of node `id`.
    pub fn shape(&self, id: NodeId) -> &[usize] {
        &self.nodes[id.index()].ty.shape
    }

    /// The id of the node at `index`.
    ///
    /// # Panics
    /// If there is none.
    pub fn id_at(&self, index: usize) -> NodeId {
        assert!(index < self.nodes.len(), "no node {index}");
        NodeId(index as u32)
    }

    /// Appends the operation of `node`, of this or another graph, on other operands of the same types.
    pub fn add_like(&mut self, node: &Node, operands: &[NodeId]) -> NodeId {
        debug_assert!(!matches!(node.op, Op::Input(_)));
        debug_assert!(
            matches!(node.op, Op::Const(_) | Op::Iota(_))
                || self
                    .result_type(&node.op, operands)
                    .is_ok_and(|ty| ty == node.ty),
            "`{}` gives {} on other operands",
            node.op.name(),
            node.ty
        );
        self.add_typed(node.op.clone(), operands, node.ty.clone())
    }

    /// As [`add_like`](Self::add_like), but the node is not shared with an equal one: it is computed once more.
    pub fn add_again(&mut self, node: &Node, operands: &[NodeId]) -> NodeId {
        self.push(
            node.op.clone(),
            Operands::from_slice(operands),
            node.ty.clone(),
        )
    }

    /// All nodes, operands before their users.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The ids of all nodes, operands before their users.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The inputs, in order.
    pub fn inputs(&self) -> &[NodeId] {
        &self.inputs
    }

    /// The outputs, in order.
    pub fn outputs(&self) -> &[NodeId] {
        &self.outputs
    }

    /// The types of the inputs, in order.
    pub fn input_types(&self) -> Vec<Type> {
        self.inputs.iter().map(|&i| self.ty(i).clone()).collect()
    }

    /// The types of the outputs, in order.
    pub fn output_types(&self) -> Vec<Type> {
        self.outputs.iter().map(|&i| self.ty(i).clone()).collect()
    }

    /// The type of the output of this number, if there is one.
    pub fn output_type(&self, index: usize) -> Option<&Type> {
        self.outputs.get(index).map(|&o| self.ty(o))
    }

    /// The value of a splat constant.
    pub fn literal(&self, id: NodeId) -> Option<Literal> {
        match self.node(id).op {
            Op::Const(value) => Some(value),
            _ => None,
        }
    }

    /// The nodes that do something when they run, in order.
    pub fn effects(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.ids().filter(|id| self.node(*id).op.is_effect())
    }

    /// What a program with these outputs must compute: them and all effects.
    fn roots(&self, outputs: &[NodeId]) -> Vec<NodeId> {
        outputs.iter().copied().chain(self.effects()).collect()
    }

    /// For each node, whether it is an output.
    pub fn output_marks(&self) -> Vec<bool> {
        let mut marks = vec![false; self.nodes.len()];
        for o in &self.outputs {
            marks[o.index()] = true;
        }
        marks
    }

    /// For each node, whether the outputs or the effects need it.
    pub fn live(&self) -> Vec<bool> {
        self.needed_for(&self.roots(&self.outputs))
    }

    /// For each node, whether `roots` need it.
    pub fn needed_for(&self, roots: &[NodeId]) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        for &r in roots {
            needed[r.index()] = true;
        }
        for i in (0..self.nodes.len()).rev() {
            if needed[i] {
                for o in &self.nodes[i].operands {
                    needed[o.index()] = true;
                }
            }
        }
        needed
    }

    /// For each node, whether it depends on one of `sources` (which count as depending on themselves).
    pub fn dependents_of(&self, sources: &[NodeId]) -> Vec<bool> {
        let mut depends = vec![false; self.nodes.len()];
        for &s in sources {
            depends[s.index()] = true;
        }
        for (i, node) in self.nodes.iter().enumerate() {
            if node.operands.iter().any(|o| depends[o.index()]) {
                depends[i] = true;
            }
        }
        depends
    }

    /// How many nodes (or outputs) use each node.
    pub fn use_counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.nodes.len()];
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

    /// Appends a copy of what `other` computes and does, its inputs replaced by `args`; returns its outputs.
    ///
    /// # Errors
    /// If number or types of `args` are not those of the inputs.
    pub fn inline(&mut self, other: &Graph, args: &[NodeId]) -> Result<Vec<NodeId>> {
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
        let mut map: Vec<Option<NodeId>> = vec![None; other.len()];
        for (&a, &i) in args.iter().zip(&other.inputs) {
            map[i.index()] = Some(a);
        }
        other.copy_into(self, &mut map, &other.roots(&other.outputs));
        Ok(other
            .outputs
            .iter()
            .map(|o| map[o.index()].expect("outputs were copied"))
            .collect())
    }

    /// Copies into `target` what `roots` need; `map` says which nodes are there already and learns the others.
    ///
    /// # Panics
    /// If `roots` need an input that `map` does not have.
    pub fn copy_into(&self, target: &mut Graph, map: &mut [Option<NodeId>], roots: &[NodeId]) {
        let mut needed = vec![false; self.nodes.len()];
        for &r in roots {
            needed[r.index()] = true;
        }
        for i in (0..self.nodes.len()).rev() {
            if needed[i] && map[i].is_none() {
                for o in &self.nodes[i].operands {
                    needed[o.index()] = true;
                }
            }
        }
        let more = needed.iter().filter(|&&n| n).count();
        target.nodes.reserve(more);
        target.interned.reserve(more, |&(hash, _)| hash);
        let outer = target.loc;
        for (i, node) in self.nodes.iter().enumerate() {
            if !needed[i] || map[i].is_some() {
                continue;
            }
            assert!(
                !matches!(node.op, Op::Input(_)),
                "copy_into: input %{i} is not mapped"
            );
            let operands: Operands = node
                .operands
                .iter()
                .map(|o| map[o.index()].expect("operands come first"))
                .collect();
            target.loc = Some(node.loc.or_place(outer));
            map[i] = Some(target.add_typed(node.op.clone(), &operands, node.ty.clone()));
        }
        target.loc = outer;
    }

    /// A copy with the nodes that the outputs and the effects need; all inputs stay.
    pub fn pruned(&self) -> Graph {
        self.program(&self.inputs, &self.outputs)
    }

    /// The program that computes `outputs` from `inputs`, which may be any nodes of this graph, and does nothing else: without effects that `outputs` do not need.
    ///
    /// # Panics
    /// If `outputs` need an input of this graph that is not among `inputs`.
    pub fn extract(&self, inputs: &[NodeId], outputs: &[NodeId]) -> Graph {
        self.copied(inputs, outputs, outputs)
    }

    /// The program that computes `outputs` from `inputs` and has all effects of this graph that need no other input of it.
    ///
    /// # Panics
    /// If `outputs` need an input of this graph that is not among `inputs`.
    pub fn program(&self, inputs: &[NodeId], outputs: &[NodeId]) -> Graph {
        let mut given = vec![false; self.len()];
        inputs.iter().for_each(|i| given[i.index()] = true);
        let mut lacking = vec![false; self.len()];
        for (i, node) in self.nodes.iter().enumerate() {
            let lacks = |o: &NodeId| lacking[o.index()];
            let is_input = matches!(node.op, Op::Input(_));
            lacking[i] = !given[i] && (is_input || node.operands.iter().any(lacks));
        }
        let effects = self.effects().filter(|e| !lacking[e.index()]);
        let roots: Vec<NodeId> = outputs.iter().copied().chain(effects).collect();
        self.copied(inputs, outputs, &roots)
    }

    fn copied(&self, inputs: &[NodeId], outputs: &[NodeId], roots: &[NodeId]) -> Graph {
        let mut out = Graph::new();
        let mut map = vec![None; self.len()];
        for &i in inputs {
            map[i.index()] = Some(out.input_like(self, i));
        }
        self.copy_into(&mut out, &mut map, roots);
        out.outputs = outputs
            .iter()
            .map(|o| map[o.index()].expect("outputs were copied"))
            .collect();
        out
    }

    /// Appends an input of the type and place of node `id` of `other`.
    pub fn input_like(&mut self, other: &Graph, id: NodeId) -> NodeId {
        let node = other.node(id);
        let outer = self.loc.replace(node.loc);
        let new = self.input(node.ty.clone());
        self.loc = outer;
        new
    }

    /// A hash of what is computed, equal for graphs that are [`same`](Self::same) in one process.
    pub fn fingerprint(&self) -> u64 {
        // One seed for all graphs: the value keys caches that they share.
        static SEEDED: LazyLock<DefaultHashBuilder> = LazyLock::new(DefaultHashBuilder::default);
        let mut h = SEEDED.build_hasher();
        for node in &self.nodes {
            hash_parts(&mut h, &node.op, &node.operands, &node.ty);
        }
        self.outputs.hash(&mut h);
        h.finish()
    }

    /// Whether both graphs are the same program node by node; places do not count.
    pub fn same(&self, other: &Graph) -> bool {
        self.nodes.len() == other.nodes.len()
            && self.inputs == other.inputs
            && self.outputs == other.outputs
            && self
                .nodes
                .iter()
                .zip(&other.nodes)
                .all(|(a, b)| a.op == b.op && a.operands == b.operands && a.ty == b.ty)
    }
}

fn hash_node(hasher: &DefaultHashBuilder, op: &Op, operands: &[NodeId], ty: &Type) -> u64 {
    let mut h = hasher.build_hasher();
    hash_parts(&mut h, op, operands, ty);
    h.finish()
}

fn hash_parts(h: &mut impl Hasher, op: &Op, operands: &[NodeId], ty: &Type) {
    op.hash(h);
    operands.hash(h);
    // The type of all others follows from these.
    if operands.is_empty() {
        ty.hash(h);
    }
}
