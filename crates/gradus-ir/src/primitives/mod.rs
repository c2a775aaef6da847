//! The primitives: a closed set of operations, a family a file, each with all its mathematics together.
//!
//! A family implements [`Primitive`]: result type, JVP, transpose (where it is linear), batching, the rule that
//! pushes derivatives without their structural zeros, cost, and its text form.
//! [`Op`] lists the families. Adding a primitive means one arm in its family here and a kernel in the backend.
//!
//! Not here yet, each to become a family of its own: sorting, convolution, linear algebra.

pub mod binary;
mod check;
pub mod contract;
mod cost;
pub mod cumulative;
pub mod dynamic;
pub mod gather;
pub mod layout;
pub mod probe;
mod push;
pub mod reduce;
pub mod region;
pub mod resize;
pub mod select;
pub mod unary;

pub(crate) use check::{arity, check_axes, equal_types};

pub use binary::{Binary, Compare};
pub use contract::Contract;
pub use cost::{Cost, Work};
pub use cumulative::CumSum;
pub use dynamic::Dynamic;
pub use gather::Gather;
pub use layout::Layout;
pub use probe::Probe;
pub use push::{Push, Pushed};
pub use reduce::{ArgReduce, Reduce, ReduceKind};
pub use region::{Body, Call, Check, Loop, Reason, Region, Solve, StatedCost, Switch, Trips};
pub use resize::Resize;
pub use select::Select;
pub use unary::Unary;

use crate::attributes::Attributes;
use crate::block::Block;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, ValueId};
use crate::types::{DType, Literal, Type};
use smallvec::SmallVec;

/// An operation: a node without its operands.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// The input of this number.
    Input(u32),
    /// Every element is this number.
    Const(Literal),
    /// The index along this axis.
    Iota(usize),
    /// Elementwise, one operand.
    Unary(Unary),
    /// Conversion to another element type.
    Cast(DType),
    /// Elementwise, two operands of one type.
    Binary(Binary),
    /// Elementwise comparison, giving truth values.
    Compare(Compare),
    /// Elementwise choice.
    Select(Select),
    /// The same elements in another arrangement: broadcast, reshape, transpose, slice, reverse.
    Layout(Layout),
    /// Arrays put together or enlarged: pad, concatenate, add to a slice.
    Resize(Resize),
    /// Elements picked by an index array, and the sum back into place.
    Gather(Gather),
    /// Slices that start at a computed place.
    Dynamic(Dynamic),
    /// Reductions over axes.
    Reduce(Reduce),
    /// Position of the largest or smallest element.
    ArgReduce(ArgReduce),
    /// Running sums.
    CumSum(CumSum),
    /// The general product over contracted and batch dimensions.
    Contract(Contract),
    /// The value itself, shown while the program runs.
    Probe(Probe),
    /// A loop, a choice, a call: an operation that holds programs and has several results.
    Region(std::sync::Arc<Region>),
}

/// What every family of operations says of itself.
pub trait Primitive {
    /// The name in printed graphs.
    fn name(&self) -> &'static str;

    /// The attributes in printed graphs, from which the family's parser makes the operation again.
    fn attributes(&self) -> Attributes {
        Attributes::default()
    }

    /// The type of the result.
    ///
    /// # Errors
    /// If the operands do not fit: which shapes or types, and what would fit.
    fn result(&self, operands: &[&Type]) -> Result<Type>;

    /// The tangent of the result, given those of the operands; `None` where it is zero by structure.
    /// Called only if an operand has a tangent and the result is a float.
    fn jvp(&self, cx: &mut Jvp<'_>) -> Option<ValueId>;

    /// Computes the cotangents of the linear operands from the cotangent of the result.
    /// An operation that is linear in none of them returns [`Linearity::Nonlinear`].
    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity;

    /// The operation on operands with a new leading axis (where marked); the result has it as well.
    fn batch(&self, cx: &mut Batch<'_>) -> ValueId;

    /// Pushes derivatives of the operands forward to the result, keeping structural zeros implicit where it can.
    /// The default writes out all zeros and batches the operation, which is correct for every operation.
    fn push(&self, cx: Push<'_>) -> Block {
        cx.by_rows(|batch| self.batch(batch))
    }

    /// Operations and bytes of one evaluation.
    fn cost(&self, operands: &[&Type], result: &Type) -> Cost;
}

/// What a JVP rule sees.
pub struct Jvp<'a> {
    /// Where the rule appends nodes.
    pub graph: &'a mut Graph,
    /// The operands of the node.
    pub operands: &'a [ValueId],
    /// The result of the node.
    pub result: ValueId,
    /// The operands' tangents, of the operands' types; `None` is zero.
    pub tangents: &'a [Option<ValueId>],
}

impl Jvp<'_> {
    /// For operations linear in all operands together: the operation on the tangents, zeros made where there are none.
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

/// Whether a node was linear in the operands that it was transposed for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Linearity {
    /// It was, and the cotangents were handed over.
    Linear,
    /// It was not.
    Nonlinear,
}

/// What one use of a value adds to its cotangent.
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
    /// Values that belong at the places that an index array names.
    Scatter {
        /// The scatter-add that puts them there.
        op: Gather,
        /// The index array.
        indices: ValueId,
        /// The values' cotangents.
        part: ValueId,
    },
}

/// What a transpose rule sees.
pub struct Transpose<'a> {
    /// Where the rule appends nodes.
    pub graph: &'a mut Graph,
    /// The operands of the node; those in which it is linear have types only, their values must not be used.
    pub operands: &'a [ValueId],
    /// In which operands the node is linear here.
    pub linear: &'a [bool],
    /// The result's cotangent, of the result's type.
    pub cotangent: ValueId,
    /// What the rule hands over: operand and contribution.
    pub contributions: SmallVec<[(usize, Contribution); 2]>,
}

impl Transpose<'_> {
    /// Hands operand `k` the cotangent `ct`, of the operand's type.
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

/// What a batching rule sees.
pub struct Batch<'a> {
    /// Where the rule appends nodes.
    pub graph: &'a mut Graph,
    /// The operands; the batched ones have the new axis in front.
    pub operands: &'a [ValueId],
    /// Which operands are batched (at least one).
    pub batched: &'a [bool],
    /// The size of the new axis.
    pub size: usize,
}

impl Batch<'_> {
    /// Operand `k` with the new axis in front, repeated along it if it was not batched.
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

impl Op {
    /// The family that this operation belongs to.
    fn primitive(&self) -> &dyn Primitive {
        match self {
            Op::Input(_) | Op::Const(_) | Op::Iota(_) => self,
            Op::Unary(p) => p,
            Op::Cast(p) => p,
            Op::Binary(p) => p,
            Op::Compare(p) => p,
            Op::Select(p) => p,
            Op::Layout(p) => p,
            Op::Resize(p) => p,
            Op::Gather(p) => p,
            Op::Dynamic(p) => p,
            Op::Reduce(p) => p,
            Op::ArgReduce(p) => p,
            Op::CumSum(p) => p,
            Op::Contract(p) => p,
            Op::Probe(p) => p,
            Op::Region(p) => p.as_ref(),
        }
    }

    /// See [`Primitive::name`].
    pub fn name(&self) -> &'static str {
        match self {
            Op::Input(_) => "input",
            Op::Const(_) => "const",
            Op::Iota(_) => "iota",
            _ => self.primitive().name(),
        }
    }

    /// See [`Primitive::attributes`].
    pub fn attributes(&self) -> Attributes {
        match self {
            Op::Input(_) | Op::Const(_) => Attributes::default(),
            Op::Iota(axis) => Attributes::default().int("axis", *axis as i64),
            _ => self.primitive().attributes(),
        }
    }

    /// The type of the result on operands of these types: what the family's rule says, if [memory can hold it](Type::checked).
    ///
    /// # Errors
    /// If the operands do not fit, or no memory can hold the result or one of a region's results.
    pub fn result(&self, operands: &[&Type]) -> Result<Type> {
        match self {
            Op::Input(_) | Op::Const(_) | Op::Iota(_) => Err(Error::new(
                ErrorKind::Graph,
                format!("{} has no operands that give its type", self.name()),
            )),
            Op::Region(_) => Err(Error::new(
                ErrorKind::Graph,
                format!("{} has results, not one", self.name()),
            )),
            _ => match operands.iter().find(|t| t.is_list()) {
                // Not moved when it is checked: every node made comes here.
                None => match self.primitive().result(operands) {
                    Ok(ty) if !ty.is_addressable() => ty.checked(self.name()),
                    result => result,
                },
                Some(list) => Err(Error::new(
                    ErrorKind::Graph,
                    format!(
                        "{}: takes arrays, and {list} is a list, which only loops read",
                        self.name()
                    ),
                )),
            },
        }
    }

    /// Whether it does something when it runs, so that it stays even if nothing needs its result.
    pub fn is_effect(&self) -> bool {
        match self {
            Op::Probe(_) => true,
            Op::Region(region) => region.has_effects(),
            _ => false,
        }
    }

    /// Whether it may not come to its end on some operands: because an index is out of bounds, a condition does not hold, nobody knows a derivative, or a loop goes
    /// on for ever. It must not run where the program as it is written does not run it.
    pub fn may_fail(&self) -> bool {
        match self {
            Op::Gather(_) | Op::Dynamic(_) => true,
            Op::Region(region) => region.may_fail(),
            _ => false,
        }
    }

    /// Whether it is a region with a [backward pass of the user's](Region::own_backward).
    pub fn own_backward(&self) -> bool {
        match self {
            Op::Region(region) => region.own_backward(),
            _ => false,
        }
    }

    /// See [`Primitive::jvp`].
    pub fn jvp(&self, cx: &mut Jvp<'_>) -> Option<ValueId> {
        self.primitive().jvp(cx)
    }

    /// See [`Primitive::transpose`].
    pub fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        self.primitive().transpose(cx)
    }

    /// See [`Primitive::batch`].
    pub fn batch(&self, cx: &mut Batch<'_>) -> ValueId {
        self.primitive().batch(cx)
    }

    /// See [`Primitive::push`].
    pub fn push(&self, cx: Push<'_>) -> Block {
        self.primitive().push(cx)
    }

    /// See [`Primitive::cost`].
    pub fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        self.primitive().cost(operands, result)
    }

    /// The operation called `name` with `attributes`.
    ///
    /// # Errors
    /// If there is none, or an attribute is missing or wrong.
    pub fn from_text(name: &str, attributes: &Attributes) -> Result<Op> {
        let found = Unary::from_text(name, attributes)
            .or_else(|| cast_from_text(name, attributes))
            .or_else(|| Binary::from_text(name))
            .or_else(|| Compare::from_text(name))
            .or_else(|| Select::from_text(name))
            .or_else(|| Layout::from_text(name, attributes))
            .or_else(|| Resize::from_text(name, attributes))
            .or_else(|| Gather::from_text(name, attributes))
            .or_else(|| Dynamic::from_text(name, attributes))
            .or_else(|| Reduce::from_text(name, attributes))
            .or_else(|| ArgReduce::from_text(name, attributes))
            .or_else(|| CumSum::from_text(name, attributes))
            .or_else(|| Contract::from_text(name, attributes))
            .or_else(|| Probe::from_text(name, attributes))
            .or_else(|| Region::from_text(name, attributes));
        found.unwrap_or_else(|| {
            Err(Error::new(
                ErrorKind::Graph,
                format!("there is no operation `{name}`"),
            ))
        })
    }
}

/// Operations without operands, through which nothing flows, and the results of regions, which are differentiated and batched with their region.
impl Primitive for Op {
    fn name(&self) -> &'static str {
        Op::name(self)
    }

    fn result(&self, operands: &[&Type]) -> Result<Type> {
        Op::result(self, operands)
    }

    fn jvp(&self, _cx: &mut Jvp<'_>) -> Option<ValueId> {
        None
    }

    fn transpose(&self, _cx: &mut Transpose<'_>) -> Linearity {
        Linearity::Nonlinear
    }

    fn batch(&self, _cx: &mut Batch<'_>) -> ValueId {
        unreachable!("`{}` is never batched by itself", self.name())
    }

    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        let work = match self {
            Op::Iota(_) => Work::Copy,
            _ => Work::View,
        };
        Cost::new(work, 0, operands, result)
    }
}

/// Conversion between element types. Between floats it is linear; a derivative ends at any other type.
impl Primitive for DType {
    fn name(&self) -> &'static str {
        "cast"
    }

    fn attributes(&self) -> Attributes {
        Attributes::default().dtype("to", *self)
    }

    fn result(&self, operands: &[&Type]) -> Result<Type> {
        arity("cast", operands, 1)?;
        Ok(operands[0].with_dtype(*self))
    }

    fn jvp(&self, cx: &mut Jvp<'_>) -> Option<ValueId> {
        let t = cx.tangents[0]?;
        Some(cx.graph.emit(Op::Cast(*self), &[t]))
    }

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        let from = cx.operand_type(0).dtype;
        if !from.is_float() || !self.is_float() {
            return Linearity::Nonlinear;
        }
        let ct = cx.graph.emit(Op::Cast(from), &[cx.cotangent]);
        cx.give(0, ct);
        Linearity::Linear
    }

    fn push(&self, cx: Push<'_>) -> Block {
        cx.elementwise(Op::Cast(*self))
    }

    fn batch(&self, cx: &mut Batch<'_>) -> ValueId {
        cx.graph.emit(Op::Cast(*self), cx.operands)
    }

    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        Cost::new(Work::Arithmetic, result.elements(), operands, result)
    }
}

fn cast_from_text(name: &str, attributes: &Attributes) -> Option<Result<Op>> {
    (name == "cast").then(|| attributes.get_dtype("cast", "to").map(Op::Cast))
}
