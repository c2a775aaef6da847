//! The rules of a primitive, and the input of each rule.

use super::{Cost, Gather, Op, Push, Pushed, Transforms};
use crate::attributes::Attributes;
use crate::block::Block;
use crate::error::Result;
use crate::graph::{Graph, Node, Types, ValueId};
use crate::types::Type;
use smallvec::SmallVec;
use std::ops::Deref;

/// The rules of an operation.
///
/// A family whose operations have one result implements [`SingleResult`] instead, which needs less.
pub trait Primitive {
    /// The name in printed graphs.
    fn name(&self) -> &'static str;

    /// The attributes in printed graphs, from which the family's parser makes the operation again.
    fn attributes(&self) -> Attributes;

    /// The types of the results.
    ///
    /// # Errors
    /// If the operands do not fit. The error names the shapes or types, and what would fit.
    fn results(&self, operands: &[&Type]) -> Result<Types>;

    /// The tangent of each result, given the tangents of the operands; `None` if it is zero by structure.
    /// It is called only if an operand has a tangent and a result is a float.
    fn jvp(&self, cx: &mut Jvp<'_>) -> PerResult<Option<ValueId>>;

    /// Computes the cotangents of the linear operands from the cotangents of the results.
    /// An operation that is linear in none of them returns [`Linearity::Nonlinear`].
    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity;

    /// Whether the operation is linear in the marked operands together.
    fn is_linear(&self, cx: &mut LinearityCheck<'_>) -> bool;

    /// The operation on operands with a new leading axis (where marked): each result, and whether it has the axis.
    fn batch(&self, cx: &mut Batch<'_>) -> PerResult<(ValueId, bool)>;

    /// Pushes derivatives of the operands forward to the results, keeping structural zeros implicit where it can.
    /// The default writes out all zeros and batches the operation, which is correct for every operation.
    fn push(&self, cx: Push<'_>) -> PerResult<Pushed> {
        cx.by_rows(|batch| self.batch(batch))
    }

    /// Operations and bytes of one evaluation.
    fn cost(&self, operands: &[&Type], results: &[Type]) -> Cost;
}

/// The rules of operations with one result. Each such family is a [`Primitive`].
pub trait SingleResult {
    /// See [`Primitive::name`].
    fn name(&self) -> &'static str;

    /// See [`Primitive::attributes`].
    fn attributes(&self) -> Attributes {
        Attributes::default()
    }

    /// The type of the result.
    ///
    /// # Errors
    /// If the operands do not fit. The error names the shapes or types, and what would fit.
    fn result(&self, operands: &[&Type]) -> Result<Type>;

    /// The tangent of the result, given the tangents of the operands; `None` if it is zero by structure.
    /// It is called only if an operand has a tangent and the result is a float.
    fn jvp(&self, cx: &mut Jvp<'_>) -> Option<ValueId>;

    /// Computes the cotangents of the linear operands from the cotangent of the result.
    /// An operation that is linear in none of them returns [`Linearity::Nonlinear`].
    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity;

    /// The operation on operands with a new leading axis (where marked). The result has it as well.
    fn batch(&self, cx: &mut Batch<'_>) -> ValueId;

    /// Pushes derivatives of the operands forward to the result, keeping structural zeros implicit where it can.
    /// The default writes out all zeros and batches the operation, which is correct for every operation.
    fn push(&self, cx: Push<'_>) -> Block {
        cx.block_by_rows(|batch| self.batch(batch))
    }

    /// Operations and bytes of one evaluation.
    fn cost(&self, operands: &[&Type], result: &Type) -> Cost;
}

impl<P: SingleResult> Primitive for P {
    fn name(&self) -> &'static str {
        SingleResult::name(self)
    }

    fn attributes(&self) -> Attributes {
        SingleResult::attributes(self)
    }

    fn results(&self, operands: &[&Type]) -> Result<Types> {
        self.result(operands).map(Types::One)
    }

    fn jvp(&self, cx: &mut Jvp<'_>) -> PerResult<Option<ValueId>> {
        SingleResult::jvp(self, cx).into()
    }

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        SingleResult::transpose(self, cx)
    }

    fn is_linear(&self, cx: &mut LinearityCheck<'_>) -> bool {
        let cotangent = Some(cx.scratch.constant_like(0.0, cx.node.result()));
        let linearity = SingleResult::transpose(
            self,
            &mut Transpose {
                graph: cx.scratch,
                transforms: cx.transforms,
                operands: &cx.node.operands,
                linear: cx.linear,
                cotangents: &[cotangent],
                contributions: Default::default(),
            },
        );
        match linearity {
            Linearity::Linear => true,
            Linearity::Jointly => (0..cx.linear.len()).all(|k| cx.linear[k] || !cx.shifts(k)),
            Linearity::Nonlinear => false,
        }
    }

    fn batch(&self, cx: &mut Batch<'_>) -> PerResult<(ValueId, bool)> {
        (SingleResult::batch(self, cx), true).into()
    }

    fn push(&self, cx: Push<'_>) -> PerResult<Pushed> {
        Pushed::Active(SingleResult::push(self, cx)).into()
    }

    fn cost(&self, operands: &[&Type], results: &[Type]) -> Cost {
        SingleResult::cost(self, operands, &results[0])
    }
}

/// One item for each result of a node.
#[derive(Clone, Debug)]
pub struct PerResult<T>(SmallVec<[T; 1]>);

impl<T> From<T> for PerResult<T> {
    fn from(only: T) -> PerResult<T> {
        PerResult(SmallVec::from_buf([only]))
    }
}

impl<T> FromIterator<T> for PerResult<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> PerResult<T> {
        PerResult(items.into_iter().collect())
    }
}

impl<T> IntoIterator for PerResult<T> {
    type Item = T;
    type IntoIter = smallvec::IntoIter<[T; 1]>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T> Deref for PerResult<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

/// The input of a JVP rule.
pub struct Jvp<'a> {
    /// The graph to which the rule appends nodes.
    pub graph: &'a mut Graph,
    /// The transforms of programs, for operations that hold some.
    pub transforms: &'a mut dyn Transforms,
    /// The operands of the node.
    pub operands: &'a [ValueId],
    /// The results of the node.
    pub results: &'a [ValueId],
    /// The operands' tangents, of the operands' types; `None` is zero.
    pub tangents: &'a [Option<ValueId>],
}

impl Jvp<'_> {
    /// The result of a node that has one.
    pub fn result(&self) -> ValueId {
        self.results[0]
    }

    /// For operations that are linear in all operands together:
    /// the operation on the tangents, with zeros for missing ones.
    pub fn apply_linearly(&mut self, op: Op) -> Option<ValueId> {
        let tangents: SmallVec<[ValueId; 3]> = (0..self.operands.len())
            .map(|k| self.tangent_or_zero(k))
            .collect();
        Some(self.graph.emit(op, &tangents))
    }

    /// The tangent of operand `k`, as an array of zeros if there is none.
    pub fn tangent_or_zero(&mut self, k: usize) -> ValueId {
        match self.tangents[k] {
            Some(t) => t,
            None => self.graph.constant_like(0.0, self.operands[k]),
        }
    }
}

/// Whether a node was linear in the operands for which it was transposed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Linearity {
    /// It is linear in each of them, for any values of the other operands. The cotangents were passed on.
    Linear,
    /// It adds or concatenates its operands: it is linear in some of them if all others are zero.
    /// Integer and boolean operands do not count, because they select positions. The cotangents were passed on.
    Jointly,
    /// It is not linear.
    Nonlinear,
}

/// The input of the check whether a node is linear.
pub struct LinearityCheck<'a> {
    /// A copy of the program, to which the check appends unused nodes.
    pub scratch: &'a mut Graph,
    /// The transforms of programs, for operations that hold some.
    pub transforms: &'a mut dyn Transforms,
    /// The node.
    pub node: &'a Node,
    /// The operands that are linear in the inputs in question.
    pub linear: &'a [bool],
}

impl LinearityCheck<'_> {
    /// Whether operand `k` adds something other than zero to the result.
    fn shifts(&self, k: usize) -> bool {
        let operand = self.node.operands[k];
        let is_zero = (self.scratch.literal(operand)).is_some_and(|v| v.as_f64() == 0.0);
        !is_zero && self.scratch.ty(operand).dtype.has_derivatives()
    }
}

/// The contribution of one use of a value to its cotangent.
#[derive(Clone, Debug)]
pub enum Contribution {
    /// An array of the value's type.
    Whole(ValueId),
    /// An array that belongs at a slice of the value: first index and step along each axis.
    Slice {
        /// The part's cotangent.
        part: ValueId,
        /// First index along each axis.
        start: crate::types::Dims,
        /// Step along each axis.
        stride: crate::types::Dims,
    },
    /// An array that belongs at a slice with a computed start.
    Dynamic {
        /// The part's cotangent.
        part: ValueId,
        /// First index along each axis, an i64 array.
        starts: ValueId,
    },
    /// Values that belong at the positions in an index array.
    Scatter {
        /// The scatter-add that puts them there.
        op: Gather,
        /// The index array.
        indices: ValueId,
        /// The values' cotangents.
        part: ValueId,
    },
}

/// The input of a transpose rule.
pub struct Transpose<'a> {
    /// The graph to which the rule appends nodes.
    pub graph: &'a mut Graph,
    /// The transforms of programs, for operations that hold some.
    pub transforms: &'a mut dyn Transforms,
    /// The operands of the node. Linear operands only have types; their values must not be used.
    pub operands: &'a [ValueId],
    /// The operands in which the node is linear here.
    pub linear: &'a [bool],
    /// The results' cotangents, of the results' types. `None` is zero; at least one is not.
    pub cotangents: &'a [Option<ValueId>],
    /// The contributions that the rule passes on, by operand.
    pub contributions: SmallVec<[(usize, Contribution); 2]>,
}

impl Transpose<'_> {
    /// The cotangent of the result of a node that has one.
    pub fn cotangent(&self) -> ValueId {
        self.cotangents[0].expect("the only result has a cotangent")
    }

    /// Passes the cotangent `ct`, of the operand's type, to operand `k`.
    pub fn give(&mut self, k: usize, ct: ValueId) {
        debug_assert_eq!(
            self.graph.ty(ct),
            self.graph.ty(self.operands[k]),
            "a cotangent has its operand's type"
        );
        self.contributions.push((k, Contribution::Whole(ct)));
    }

    /// The type of operand `k`.
    pub fn operand_type(&self, k: usize) -> Type {
        self.graph.ty(self.operands[k]).clone()
    }
}

/// The input of a batching rule.
pub struct Batch<'a> {
    /// The graph to which the rule appends nodes.
    pub graph: &'a mut Graph,
    /// The transforms of programs, for operations that hold some.
    pub transforms: &'a mut dyn Transforms,
    /// The operands; the batched ones have the new axis in front.
    pub operands: &'a [ValueId],
    /// The operands that are batched (at least one).
    pub batched: &'a [bool],
    /// The size of the new axis.
    pub size: usize,
}

impl Batch<'_> {
    /// Operand `k` with the new axis in front; it is repeated along the axis if it was not batched.
    pub fn with_axis(&mut self, k: usize) -> ValueId {
        let id = self.operands[k];
        if self.batched[k] {
            return id;
        }
        self.graph.repeat_front(id, self.size)
    }

    /// All operands with the new axis in front.
    pub fn all_with_axis(&mut self) -> SmallVec<[ValueId; 3]> {
        (0..self.operands.len())
            .map(|k| self.with_axis(k))
            .collect()
    }

    /// The shape of operand `k` without the new axis.
    pub fn shape(&self, k: usize) -> crate::types::Dims {
        let s = self.graph.shape(self.operands[k]);
        crate::types::Dims::from_slice(if self.batched[k] { &s[1..] } else { s })
    }
}
