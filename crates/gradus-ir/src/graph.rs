//! The graph: an arena of nodes in topological order.

mod copy;
mod node;
mod walk;

pub use node::{Node, NodeId, Operands, Types, ValueId, Values};

use crate::error::Result;
use crate::loc::Loc;
use crate::primitives::{Backward, Cost, Op};
use crate::simplify;
use crate::types::{Literal, Type};
use hashbrown::{DefaultHashBuilder, HashTable};
use smallvec::{SmallVec, smallvec};
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::LazyLock;

/// A typed program in static single assignment form.
///
/// A graph is append-only: nodes are never changed or removed,
/// so a [`ValueId`] stays valid, and passes build a new graph.
/// Creating a node checks its type, simplifies it locally and reuses an equal node if one exists.
#[derive(Clone, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    /// For each value its maker, and its index among the maker's results.
    makers: Vec<(NodeId, u32)>,
    inputs: Vec<ValueId>,
    outputs: Vec<ValueId>,
    /// Each shared node with the hash of its computation, so that growing the table hashes nothing again.
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
    /// If [memory cannot hold](Type::is_addressable) such an array.
    pub fn input(&mut self, ty: Type) -> ValueId {
        assert!(ty.is_addressable(), "input: no memory can hold {ty}");
        let op = Op::Input(self.inputs.len() as u32);
        let id = self.push_one(op, Operands::new(), ty);
        self.inputs.push(id);
        id
    }

    /// The result of `op` on `operands`, for an operation with one result.
    /// It comes from an existing node, a simpler one, or a new one.
    ///
    /// # Errors
    /// If the operands' types do not fit the operation, or memory cannot hold the result.
    pub fn add(&mut self, op: Op, operands: &[ValueId]) -> Result<ValueId> {
        let types = self.result_types(&op, operands);
        match types.map_err(|e| e.at(self.loc()))? {
            Types::One(ty) => Ok(self.add_typed(op, operands, ty)),
            Types::Several(_) => unreachable!("{} has one result", op.name()),
        }
    }

    /// Like [`add`](Self::add), for operations with any number of results.
    ///
    /// # Errors
    /// See [`add`](Self::add).
    pub fn add_all(&mut self, op: Op, operands: &[ValueId]) -> Result<Values> {
        let types = self.result_types(&op, operands);
        let types = types.map_err(|e| e.at(self.loc()))?;
        Ok(self.add_all_typed(op, operands, types))
    }

    /// The types of the results of `op` on values of this graph.
    /// Every operation passes this check before it becomes a node, whether a rule adds it or a text contains it.
    ///
    /// # Errors
    /// If the operands do not fit the operation, or memory cannot hold a result.
    pub(crate) fn result_types(&self, op: &Op, operands: &[ValueId]) -> Result<Types> {
        // Most operations have one or two operands; a list of references takes longer to make than their rule.
        match *operands {
            [a] => op.results(&[self.ty(a)]),
            [a, b] => op.results(&[self.ty(a), self.ty(b)]),
            _ => op.results(&self.types_of(operands)),
        }
    }

    fn types_of(&self, operands: &[ValueId]) -> SmallVec<[&Type; 3]> {
        operands.iter().map(|&o| self.ty(o)).collect()
    }

    /// Like [`add`](Self::add), for operations that are right by construction: in rules and transforms.
    ///
    /// # Panics
    /// If the operands' types do not fit, which is a mistake in the calling rule.
    pub fn emit(&mut self, op: Op, operands: &[ValueId]) -> ValueId {
        match self.add(op, operands) {
            Ok(id) => id,
            Err(e) => panic!("a rule built an ill-typed node: {e}"),
        }
    }

    /// As [`emit`](Self::emit), for operations with any number of results.
    ///
    /// # Panics
    /// As there.
    pub fn emit_all(&mut self, op: Op, operands: &[ValueId]) -> Values {
        match self.add_all(op, operands) {
            Ok(results) => results,
            Err(e) => panic!("a rule built an ill-typed node: {e}"),
        }
    }

    pub(crate) fn add_typed(&mut self, op: Op, operands: &[ValueId], ty: Type) -> ValueId {
        if let Some(id) = simplify::node(self, &op, operands, &ty) {
            debug_assert_eq!(self.ty(id), &ty, "simplifying {op:?} changed its type");
            return id;
        }
        let node = self.appended(op, operands, Types::One(ty));
        self.nodes[node.index()].first
    }

    fn add_all_typed(&mut self, op: Op, operands: &[ValueId], types: Types) -> Values {
        match (&op, types) {
            (Op::Region(_), types) | (_, types @ Types::Several(_)) => {
                let node = self.appended(op, operands, types);
                self.nodes[node.index()].results().collect()
            }
            (_, Types::One(ty)) => smallvec![self.add_typed(op, operands, ty)],
        }
    }

    /// The node of an operation: a new one, or an equal existing one.
    fn appended(&mut self, op: Op, operands: &[ValueId], types: Types) -> NodeId {
        // Equal effects stay separate, and so do calls with a custom pullback,
        // because each passes on its own cotangent.
        match op.is_effect() || op.backward() > Backward::Derived {
            true => self.push(op, Operands::from_slice(operands), types),
            false => self.shared(op, operands, types),
        }
    }

    /// The node of this computation: an equal existing one, or a new one.
    #[inline]
    fn shared(&mut self, op: Op, operands: &[ValueId], types: Types) -> NodeId {
        let hash = hash_node(&self.hasher, &op, operands, &types);
        let nodes = &self.nodes;
        let found = self.interned.find(hash, |&(h, n)| {
            let node = &nodes[n.index()];
            h == hash && node.computes(&op, operands, &types)
        });
        if let Some(&(_, id)) = found {
            return id;
        }
        let id = self.push(op, Operands::from_slice(operands), types);
        self.interned
            .insert_unique(hash, (hash, id), |&(hash, _)| hash);
        id
    }

    /// Appends a node unchanged, neither simplified nor shared, so that a graph from text keeps its nodes.
    pub(crate) fn add_verbatim(&mut self, op: Op, operands: Operands, types: Types) -> Values {
        let node = self.push(op, operands, types);
        self.nodes[node.index()].results().collect()
    }

    /// A splat: every element of an array of `shape` is `value`.
    ///
    /// # Panics
    /// If [memory cannot hold](Type::is_addressable) such an array.
    pub fn constant(&mut self, value: Literal, shape: &[usize]) -> ValueId {
        let ty = Type::new(value.dtype(), shape);
        assert!(ty.is_addressable(), "const: no memory can hold {ty}");
        self.add_typed(Op::Const(value), &[], ty)
    }

    /// The constant `value`, rounded to the type of `like` and with its shape.
    pub fn constant_like(&mut self, value: f64, like: ValueId) -> ValueId {
        let ty = self.ty(like).clone();
        self.constant(Literal::from_f64(ty.dtype, value), &ty.shape)
    }

    /// The indices `0, 1, 2, …` along `axis` of an array of type `ty`.
    ///
    /// # Panics
    /// If the array has no such axis or no numbers, or [memory cannot hold it](Type::is_addressable).
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

    /// Sets the place of nodes made from here on, and returns the previous place.
    pub fn set_loc(&mut self, loc: Loc) -> Loc {
        self.loc.replace(loc).unwrap_or(Loc::UNKNOWN)
    }

    /// The place of nodes made now.
    pub fn loc(&self) -> Loc {
        self.loc.unwrap_or(Loc::UNKNOWN)
    }

    /// Declares the outputs of the graph.
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

    /// The index of value `id` among the results of its maker.
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
    /// If there is no such value.
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
        self.add_all_typed(node.op.clone(), operands, node.types.clone())
    }

    /// Like [`add_like`](Self::add_like), but the node is not shared with an equal one: it is computed once more.
    pub fn add_again(&mut self, node: &Node, operands: &[ValueId]) -> Values {
        self.add_verbatim(
            node.op.clone(),
            Operands::from_slice(operands),
            node.types.clone(),
        )
    }

    /// All nodes, operands before their users.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The ids of all nodes, operands before their users.
    pub fn node_ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// The ids of all values, operands before the results of their users.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = ValueId> + ExactSizeIterator + use<> {
        (0..self.makers.len() as u32).map(ValueId)
    }

    /// The number of values.
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

    /// The type of the output with this number, if there is one.
    pub fn output_type(&self, index: usize) -> Option<&Type> {
        self.outputs.get(index).map(|&o| self.ty(o))
    }

    /// The cost of one evaluation of `node`.
    pub fn cost(&self, node: &Node) -> Cost {
        node.op.cost(&self.types_of(&node.operands), node.types())
    }

    /// The value of a splat constant.
    pub fn literal(&self, id: ValueId) -> Option<Literal> {
        match self.maker(id).op {
            Op::Const(value) => Some(value),
            _ => None,
        }
    }

    /// A hash of the computation, equal for graphs that are [`same`](Self::same) in one process.
    pub fn fingerprint(&self) -> u64 {
        // One seed serves all graphs, because they share caches that are keyed by the hash.
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
                .all(|(a, b)| a.computes(&b.op, &b.operands, &b.types))
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
    // The types of all other nodes follow from these.
    if operands.is_empty() {
        types.iter().for_each(|ty| ty.hash(h));
    }
}
