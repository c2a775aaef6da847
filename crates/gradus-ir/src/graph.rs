//! The graph: an arena of nodes in topological order.

use crate::error::{Error, ErrorKind, Result};
use crate::loc::Loc;
use crate::primitives::{Cost, Op, Region};
use crate::simplify;
use crate::types::{Literal, Type};
use hashbrown::{DefaultHashBuilder, HashTable};
use smallvec::{SmallVec, smallvec};
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

/// A value of one [`Graph`]: a result of one of its nodes, and what operands name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub(crate) u32);

impl ValueId {
    /// The position among all values; those of operands are smaller than those of results.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A node of one [`Graph`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeId(u32);

impl NodeId {
    /// The position among all nodes; the makers of operands have smaller ones.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for ValueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{}", self.0)
    }
}

/// The operands of a node.
pub type Operands = SmallVec<[ValueId; 3]>;

/// The values that one node makes.
pub type Values = SmallVec<[ValueId; 1]>;

/// The types of the results of an operation.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Types {
    /// Of one, as nearly all have: a graph is made of these, so they are copied in one piece.
    One(Type),
    /// Of none, or of several.
    Several(Vec<Type>),
}

impl From<Vec<Type>> for Types {
    fn from(mut types: Vec<Type>) -> Types {
        match (types.len(), types.pop()) {
            (1, Some(one)) => Types::One(one),
            (_, last) => {
                types.extend(last);
                Types::Several(types)
            }
        }
    }
}

impl FromIterator<Type> for Types {
    fn from_iter<I: IntoIterator<Item = Type>>(types: I) -> Types {
        Types::from(types.into_iter().collect::<Vec<_>>())
    }
}

impl Deref for Types {
    type Target = [Type];

    fn deref(&self) -> &[Type] {
        match self {
            Types::One(one) => std::slice::from_ref(one),
            Types::Several(types) => types,
        }
    }
}

/// One operation with its operands and its results.
#[derive(Debug)]
pub struct Node {
    /// What is computed.
    pub op: Op,
    /// From which values.
    pub operands: Operands,
    /// The user's line that asked for it.
    pub loc: Loc,
    types: Types,
    /// The first result; the others come behind it.
    first: ValueId,
}

impl Clone for Node {
    fn clone(&self) -> Node {
        Node {
            op: self.op.clone(),
            operands: Operands::from_slice(&self.operands),
            loc: self.loc,
            types: self.types.clone(),
            first: self.first,
        }
    }
}

impl Node {
    /// Its results. All operations have one, but regions, which may have none or several.
    pub fn results(&self) -> impl DoubleEndedIterator<Item = ValueId> + ExactSizeIterator + use<> {
        (self.first.0..self.first.0 + self.types.len() as u32).map(ValueId)
    }

    /// The one result of an operation that is no region.
    pub fn result(&self) -> ValueId {
        debug_assert!(self.region().is_none(), "a region has several results");
        self.first
    }

    /// The types of its results.
    pub fn types(&self) -> &[Type] {
        &self.types
    }

    /// The type of the one result of an operation that is no region.
    pub fn ty(&self) -> &Type {
        debug_assert!(self.region().is_none(), "a region has several results");
        &self.types[0]
    }

    /// The region that it is.
    pub fn region(&self) -> Option<&Arc<Region>> {
        match &self.op {
            Op::Region(region) => Some(region),
            _ => None,
        }
    }

    /// Whether one of its results is marked.
    pub fn has_marked(&self, marks: &[bool]) -> bool {
        self.results().any(|v| marks[v.index()])
    }

    /// Whether it runs where these values are [live](Graph::live): it does something, or one of its results is.
    pub fn runs(&self, live: &[bool]) -> bool {
        self.op.is_effect() || self.has_marked(live)
    }

    /// Notes what its results have become.
    pub fn note<T>(&self, map: &mut [Option<T>], results: impl IntoIterator<Item = T>) {
        for (v, result) in self.results().zip(results) {
            map[v.index()] = Some(result);
        }
    }
}

/// A typed program in static single assignment form.
///
/// Append-only: nodes are never changed or removed, so a [`ValueId`] stays valid; passes build a new graph. Creating a node checks
/// its type, simplifies it locally and reuses an equal node that exists already.
#[derive(Clone, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    /// For each value its maker, and which of its results it is.
    makers: Vec<(NodeId, u32)>,
    inputs: Vec<ValueId>,
    outputs: Vec<ValueId>,
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
    pub fn input(&mut self, ty: Type) -> ValueId {
        assert!(ty.is_addressable(), "input: no memory can hold {ty}");
        let op = Op::Input(self.inputs.len() as u32);
        let id = self.push_one(op, Operands::new(), ty);
        self.inputs.push(id);
        id
    }

    /// The result of `op`, which is no region, on `operands`: of an existing node, a simpler one, or a new one.
    ///
    /// # Errors
    /// If the operands' types do not fit the operation, or no memory can hold the result.
    pub fn add(&mut self, op: Op, operands: &[ValueId]) -> Result<ValueId> {
        let ty = self.result_type(&op, operands);
        let ty = ty.map_err(|e| e.at(self.loc()))?;
        Ok(self.add_typed(op, operands, ty))
    }

    /// The type of the result of `op`, which is no region, on values of this graph: the one check that an operation passes before it becomes a node, whether a rule adds it or a
    /// text says so.
    ///
    /// # Errors
    /// If the operands do not fit the operation, or no memory can hold the result.
    pub(crate) fn result_type(&self, op: &Op, operands: &[ValueId]) -> Result<Type> {
        op.result(&self.types_of(operands))
    }

    /// As [`result_type`](Self::result_type), for all operations.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn result_types(&self, op: &Op, operands: &[ValueId]) -> Result<Types> {
        match op {
            Op::Region(region) => region.results_on(&self.types_of(operands)),
            _ => self.result_type(op, operands).map(Types::One),
        }
    }

    fn types_of(&self, operands: &[ValueId]) -> SmallVec<[&Type; 3]> {
        operands.iter().map(|&o| self.ty(o)).collect()
    }

    /// As [`add`](Self::add), for operations that are right by construction: rules and transforms.
    ///
    /// # Panics
    /// If the operands' types do not fit, which is a mistake in the calling rule.
    pub fn emit(&mut self, op: Op, operands: &[ValueId]) -> ValueId {
        match self.add(op, operands) {
            Ok(id) => id,
            Err(e) => panic!("a rule built an ill-typed node: {e}"),
        }
    }

    pub(crate) fn add_typed(&mut self, op: Op, operands: &[ValueId], ty: Type) -> ValueId {
        if let Some(id) = simplify::node(self, &op, operands, &ty) {
            debug_assert_eq!(self.ty(id), &ty, "simplifying {op:?} changed its type");
            return id;
        }
        // Two effects are two, however equal, and so are two calls of which each passes on its own cotangent.
        if op.is_effect() || op.own_backward() {
            return self.push_one(op, Operands::from_slice(operands), ty);
        }
        let node = self.shared(op, operands, Types::One(ty));
        self.nodes[node.index()].first
    }

    /// As [`add_typed`](Self::add_typed), of a region.
    pub(crate) fn add_region_typed(
        &mut self,
        op: Op,
        operands: &[ValueId],
        types: Types,
    ) -> Values {
        let node = match op.is_effect() || op.own_backward() {
            true => self.push(op, Operands::from_slice(operands), types),
            false => self.shared(op, operands, types),
        };
        self.nodes[node.index()].results().collect()
    }

    /// The node that computes this: an equal one that is there, or a new one.
    #[inline]
    fn shared(&mut self, op: Op, operands: &[ValueId], types: Types) -> NodeId {
        let hash = hash_node(&self.hasher, &op, operands, &types);
        let nodes = &self.nodes;
        let found = self.interned.find(hash, |&(h, n)| {
            let node = &nodes[n.index()];
            h == hash
                && node.operands.as_slice() == operands
                && node.op == op
                && node.types == types
        });
        if let Some(&(_, id)) = found {
            return id;
        }
        let id = self.push(op, Operands::from_slice(operands), types);
        self.interned
            .insert_unique(hash, (hash, id), |&(hash, _)| hash);
        id
    }

    /// Appends a node as it stands, neither simplified nor shared: graphs that are read keep what was written.
    pub(crate) fn add_verbatim(&mut self, op: Op, operands: Operands, types: Types) -> Values {
        let node = self.push(op, operands, types);
        self.nodes[node.index()].results().collect()
    }

    /// A splat: every element of an array of `shape` is `value`.
    ///
    /// # Panics
    /// If [no memory can hold](Type::is_addressable) such an array.
    pub fn constant(&mut self, value: Literal, shape: &[usize]) -> ValueId {
        let ty = Type::new(value.dtype(), shape);
        assert!(ty.is_addressable(), "const: no memory can hold {ty}");
        self.add_typed(Op::Const(value), &[], ty)
    }

    /// The constant `value`, rounded to the type of `like` and of its shape.
    pub fn constant_like(&mut self, value: f64, like: ValueId) -> ValueId {
        let ty = self.ty(like).clone();
        self.constant(Literal::from_f64(ty.dtype, value), &ty.shape)
    }

    /// The indices `0, 1, 2, …` along `axis` of an array of type `ty`.
    ///
    /// # Panics
    /// If the array has no such axis or no numbers, or [no memory can hold it](Type::is_addressable).
    pub fn iota(&mut self, ty: Type, axis: usize) -> ValueId {
        assert!(ty.is_addressable(), "iota: no memory can hold {ty}");
        assert!(
            axis < ty.rank() && ty.dtype != crate::DType::Bool,
            "iota: {ty} has no numbers along an axis {axis}"
        );
        self.add_typed(Op::Iota(axis), &[], ty)
    }

    #[inline]
    fn push(&mut self, op: Op, operands: Operands, types: Types) -> NodeId {
        let id = NodeId(self.nodes.len() as u32);
        let first = ValueId(self.makers.len() as u32);
        debug_assert!(operands.iter().all(|o| o.0 < first.0));
        match &types {
            Types::One(_) => self.makers.push((id, 0)),
            Types::Several(types) => {
                self.makers.extend((0..types.len() as u32).map(|k| (id, k)));
            }
        }
        self.nodes.push(Node {
            op,
            operands,
            loc: self.loc.unwrap_or(Loc::UNKNOWN),
            types,
            first,
        });
        id
    }

    #[inline]
    fn push_one(&mut self, op: Op, operands: Operands, ty: Type) -> ValueId {
        let node = self.push(op, operands, Types::One(ty));
        self.nodes[node.index()].first
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
    pub fn set_outputs(&mut self, outputs: Vec<ValueId>) {
        debug_assert!(outputs.iter().all(|o| o.index() < self.makers.len()));
        self.outputs = outputs;
    }

    /// The node `id`.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// The node that makes value `id`.
    pub fn maker(&self, id: ValueId) -> &Node {
        self.node(self.maker_id(id))
    }

    /// The id of the node that makes value `id`.
    pub fn maker_id(&self, id: ValueId) -> NodeId {
        self.makers[id.index()].0
    }

    /// Which of the results of its maker value `id` is.
    pub fn result_index(&self, id: ValueId) -> usize {
        self.makers[id.index()].1 as usize
    }

    /// The type of value `id`.
    pub fn ty(&self, id: ValueId) -> &Type {
        let (node, index) = self.makers[id.index()];
        &self.nodes[node.index()].types[index as usize]
    }

    /// The shape of value `id`.
    pub fn shape(&self, id: ValueId) -> &[usize] {
        &self.ty(id).shape
    }

    /// The id of the value at `index`.
    ///
    /// # Panics
    /// If there is none.
    pub fn id_at(&self, index: usize) -> ValueId {
        assert!(index < self.makers.len(), "no value {index}");
        ValueId(index as u32)
    }

    /// Appends the operation of `node`, of this or another graph, on other operands of the same types.
    pub fn add_like(&mut self, node: &Node, operands: &[ValueId]) -> Values {
        debug_assert!(!matches!(node.op, Op::Input(_)));
        debug_assert!(
            matches!(node.op, Op::Const(_) | Op::Iota(_))
                || self
                    .result_types(&node.op, operands)
                    .is_ok_and(|types| types == node.types),
            "`{}` gives {:?} on other operands",
            node.op.name(),
            node.types
        );
        match &node.op {
            Op::Region(_) => self.add_region_typed(node.op.clone(), operands, node.types.clone()),
            _ => smallvec![self.add_typed(node.op.clone(), operands, node.types[0].clone())],
        }
    }

    /// As [`add_like`](Self::add_like), but the node is not shared with an equal one: it is computed once more.
    pub fn add_again(&mut self, node: &Node, operands: &[ValueId]) -> Values {
        self.add_verbatim(
            node.op.clone(),
            Operands::from_slice(operands),
            node.types.clone(),
        )
    }

    /// All nodes, those of operands before their users.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The ids of all nodes, those of operands before their users.
    pub fn node_ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// The ids of all values, operands before the results of their users.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = ValueId> + ExactSizeIterator + use<> {
        (0..self.makers.len() as u32).map(ValueId)
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.makers.len()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The inputs, in order.
    pub fn inputs(&self) -> &[ValueId] {
        &self.inputs
    }

    /// The outputs, in order.
    pub fn outputs(&self) -> &[ValueId] {
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

    /// What one evaluation of `node` costs.
    pub fn cost(&self, node: &Node) -> Cost {
        match &node.op {
            Op::Region(region) => region.cost_of_run(),
            op => op.cost(&self.types_of(&node.operands), node.ty()),
        }
    }

    /// The value of a splat constant.
    pub fn literal(&self, id: ValueId) -> Option<Literal> {
        match self.maker(id).op {
            Op::Const(value) => Some(value),
            _ => None,
        }
    }

    /// The nodes that do something when they run, in order.
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

    /// For each value, whether the outputs or the effects need it; what a single-valued effect gives is live.
    pub fn live(&self) -> Vec<bool> {
        let mut live = self.output_marks();
        for node in self.nodes.iter().rev() {
            if !node.runs(&live) {
                continue;
            }
            for o in &node.operands {
                live[o.index()] = true;
            }
            if node.region().is_none() {
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

    /// For each value, whether it depends on one of `sources` (which count as depending on themselves).
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

    /// How many nodes (or outputs) use each value.
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

    /// Appends a copy of what `other` computes and does, its inputs replaced by `args`; returns its outputs.
    ///
    /// # Errors
    /// If number or types of `args` are not those of the inputs.
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

    /// Copies into `target` what `roots` need, and the nodes `effects`; `map` says which values are there already and learns the others.
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
                // An effect whose result is there has been copied.
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
            let operands: Operands = node
                .operands
                .iter()
                .map(|o| map[o.index()].expect("operands come first"))
                .collect();
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

    /// A copy with the nodes that the outputs and the effects need; all inputs stay.
    pub fn pruned(&self) -> Graph {
        self.program(&self.inputs, &self.outputs)
    }

    /// The program that computes `outputs` from `inputs`, which may be any nodes of this graph, and does nothing else: without effects that `outputs` do not need.
    ///
    /// # Panics
    /// If `outputs` need an input of this graph that is not among `inputs`.
    pub fn extract(&self, inputs: &[ValueId], outputs: &[ValueId]) -> Graph {
        self.copied(inputs, outputs, &[])
    }

    /// The program that computes `outputs` from `inputs` and has all effects of this graph that need no other input of it.
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

    /// Appends an input of the type and place of value `id` of `other`.
    pub fn input_like(&mut self, other: &Graph, id: ValueId) -> ValueId {
        let outer = self.loc.replace(other.maker(id).loc);
        let new = self.input(other.ty(id).clone());
        self.loc = outer;
        new
    }

    /// A hash of what is computed, equal for graphs that are [`same`](Self::same) in one process.
    pub fn fingerprint(&self) -> u64 {
        // One seed for all graphs: the value keys caches that they share.
        static SEEDED: LazyLock<DefaultHashBuilder> = LazyLock::new(DefaultHashBuilder::default);
        let mut h = SEEDED.build_hasher();
        for node in &self.nodes {
            hash_parts(&mut h, &node.op, &node.operands, &node.types);
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
                .all(|(a, b)| a.op == b.op && a.operands == b.operands && a.types == b.types)
    }
}

fn hash_node(hasher: &DefaultHashBuilder, op: &Op, operands: &[ValueId], types: &[Type]) -> u64 {
    let mut h = hasher.build_hasher();
    hash_parts(&mut h, op, operands, types);
    h.finish()
}

fn hash_parts(h: &mut impl Hasher, op: &Op, operands: &[ValueId], types: &[Type]) {
    op.hash(h);
    operands.hash(h);
    // The type of all others follows from these.
    if operands.is_empty() {
        types.hash(h);
    }
}
