//! Nodes, and the values that they make.

use crate::loc::Loc;
use crate::primitives::{Op, Region};
use crate::types::Type;
use smallvec::SmallVec;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A value of one [`Graph`](crate::Graph): a result of one of its nodes. Operands name values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub(crate) u32);

impl ValueId {
    /// The position among all values. Operands have smaller positions than results.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A node of one [`Graph`](crate::Graph).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeId(pub(super) u32);

impl NodeId {
    /// The position among all nodes. The makers of operands have smaller positions.
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
    /// The type of a single result, as most operations have.
    /// Graphs consist of these, so they are copied in one piece.
    One(Type),
    /// The types of no results, or of several.
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
    /// The operation.
    pub op: Op,
    /// The values that it uses.
    pub operands: Operands,
    /// The user's line that asked for it.
    pub loc: Loc,
    pub(super) types: Types,
    /// The first result; the other results follow it.
    pub(super) first: ValueId,
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
    /// Its results: most operations have one, a region any number.
    pub fn results(&self) -> impl DoubleEndedIterator<Item = ValueId> + ExactSizeIterator + use<> {
        (self.first.0..self.first.0 + self.types.len() as u32).map(ValueId)
    }

    /// The results as a list.
    pub fn result_list(&self) -> Values {
        match self.types {
            Types::One(_) => Values::from_buf([self.first]),
            Types::Several(_) => self.results().collect(),
        }
    }

    /// The one result of an operation that has one.
    pub fn result(&self) -> ValueId {
        debug_assert_eq!(self.types.len(), 1, "{} has one result", self.op.name());
        self.first
    }

    /// The types of its results.
    pub fn types(&self) -> &[Type] {
        &self.types
    }

    /// The type of the one result of an operation that has one.
    pub fn ty(&self) -> &Type {
        debug_assert_eq!(self.types.len(), 1, "{} has one result", self.op.name());
        &self.types[0]
    }

    /// Whether it is this operation on these operands.
    pub(super) fn computes(&self, op: &Op, operands: &[ValueId], types: &Types) -> bool {
        // The types of the results follow from the operands, if there are any.
        let same_types = || !operands.is_empty() || self.types == *types;
        self.operands.as_slice() == operands && self.op == *op && same_types()
    }

    /// The node's region, if it is one.
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

    /// Whether it runs if these values are [live](crate::Graph::live):
    /// it has an effect, or one of its results is live.
    pub fn runs(&self, live: &[bool]) -> bool {
        self.op.is_effect() || self.has_marked(live)
    }

    /// Records the replacements of its results.
    pub fn note<T>(&self, map: &mut [Option<T>], results: impl IntoIterator<Item = T>) {
        for (v, result) in self.results().zip(results) {
            map[v.index()] = Some(result);
        }
    }
}
