//! The primitives: a closed set of operations, one family per file, each with all its mathematics together.
//!
//! A family implements [`Primitive`], or [`SingleResult`] if its operations have one result:
//! the types of the results, JVP, transpose (if it is linear), batching, the rule that pushes derivatives without
//! their structural zeros, cost, and its text form. [`Op`] lists the families.
//! A new primitive is one arm in its family here and a kernel in the backend.
//!
//! Future families: convolution, linear algebra.

pub mod binary;
mod cast;
mod check;
pub mod contract;
mod cost;
pub mod cumulative;
pub mod dynamic;
mod functions;
pub mod gather;
pub mod layout;
pub mod probe;
mod push;
pub mod reduce;
pub mod region;
pub mod resize;
mod rules;
pub mod select;
mod sort;
mod transforms;
pub mod unary;

pub(crate) use check::{arity, check_axes, equal_types};

pub use binary::{Binary, BinaryOn, BoolBinary, Compare, FloatBinary, IntegerBinary};
pub use contract::Contract;
pub use cost::{Cost, Work};
pub use cumulative::CumSum;
pub use dynamic::Dynamic;
pub use gather::Gather;
pub use layout::{Layout, Slice};
pub use probe::Probe;
pub use push::{Push, Pushed};
pub use reduce::{ArgReduce, Reduce, ReduceKind};
pub use region::{Backward, Body, Call, Check, Contents, Loop, Region, Switch, Trips};
pub use resize::{Padding, Place, Resize};
pub use rules::{
    Batch, Contribution, Jvp, Linearity, LinearityCheck, PerResult, Primitive, SingleResult,
    Transpose,
};
pub use select::Select;
pub use sort::Sort;
pub use transforms::{Derived, Linearized, Transforms};
pub use unary::{BoolUnary, FloatUnary, IntegerUnary, Unary, UnaryOn};

use crate::attributes::Attributes;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Types, ValueId};
use crate::types::{DType, Literal, Type};

/// An operation: a node without its operands.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// The input with this number.
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
    /// Elementwise comparison, giving booleans.
    Compare(Compare),
    /// Elementwise choice.
    Select(Select),
    /// Rearranged elements: broadcast, reshape, transpose, slice, reverse.
    Layout(Layout),
    /// Arrays joined or enlarged: pad, concatenate, add to a slice.
    Resize(Resize),
    /// Elements picked by an index array, and the sum back into their positions.
    Gather(Gather),
    /// Slices that start at a computed place.
    Dynamic(Dynamic),
    /// Reductions over axes.
    Reduce(Reduce),
    /// The position of the largest or smallest element.
    ArgReduce(ArgReduce),
    /// Cumulative sums.
    CumSum(CumSum),
    /// Elements in order, with their permutation.
    Sort(Sort),
    /// The general product over contracted and batch dimensions.
    Contract(Box<Contract>),
    /// The value itself, shown while the program runs.
    Probe(Probe),
    /// A loop, a choice, a call: an operation that holds programs and has several results.
    Region(std::sync::Arc<Region>),
}

impl Op {
    /// The family of this operation.
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
            Op::Sort(p) => p,
            Op::Contract(p) => &**p,
            Op::Probe(p) => p,
            Op::Region(p) => p.primitive(),
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

    /// The types of the results on operands of these types, by the family's rule,
    /// if [memory can hold them](Type::is_addressable).
    ///
    /// # Errors
    /// If the operands do not fit, or memory cannot hold a result.
    pub fn results(&self, operands: &[&Type]) -> Result<Types> {
        let fail = |kind, message| Err(Error::new(kind, format!("{}: {message}", self.name())));
        let takes_lists = match self {
            Op::Input(_) | Op::Const(_) | Op::Iota(_) => {
                return fail(
                    ErrorKind::Graph,
                    "has no operands that give its type".into(),
                );
            }
            Op::Region(region) => matches!(**region, Region::Loop(_)),
            _ => false,
        };
        if !takes_lists && let Some(list) = operands.iter().find(|t| t.is_list()) {
            let message = format!("takes arrays, and {list} is a list, which only loops read");
            return fail(ErrorKind::Graph, message);
        }
        // The check does not move the results: every new node comes through here.
        let results = self.primitive().results(operands);
        if let Ok(types) = &results
            && let Some(ty) = types.iter().find(|ty| !ty.is_addressable())
        {
            return fail(ErrorKind::Shape, format!("no memory can hold {ty}"));
        }
        results
    }

    /// Whether it has an effect, so that it stays even if nothing needs its result.
    pub fn is_effect(&self) -> bool {
        match self {
            Op::Probe(_) => true,
            Op::Region(region) => region.has_effects(),
            _ => false,
        }
    }

    /// Whether it can fail to finish on some operands: because an index is out of bounds, a condition is false,
    /// a derivative is undefined, or a loop never ends.
    /// It must not run where the original program does not run it.
    pub fn may_fail(&self) -> bool {
        match self {
            Op::Gather(_) | Op::Dynamic(_) => true,
            Op::Region(region) => region.may_fail(),
            _ => false,
        }
    }

    /// Whether a user has written its [backward pass](Region::backward), or one inside it.
    pub fn backward(&self) -> Backward {
        match self {
            Op::Region(region) => region.backward(),
            _ => Backward::Derived,
        }
    }

    /// See [`Primitive::jvp`].
    pub fn jvp(&self, cx: &mut Jvp<'_>) -> PerResult<Option<ValueId>> {
        self.primitive().jvp(cx)
    }

    /// See [`Primitive::transpose`].
    pub fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        self.primitive().transpose(cx)
    }

    /// See [`Primitive::is_linear`].
    pub fn is_linear(&self, cx: &mut LinearityCheck<'_>) -> bool {
        self.primitive().is_linear(cx)
    }

    /// See [`Primitive::batch`].
    pub fn batch(&self, cx: &mut Batch<'_>) -> PerResult<(ValueId, bool)> {
        self.primitive().batch(cx)
    }

    /// See [`Primitive::push`].
    pub fn push(&self, cx: Push<'_>) -> PerResult<Pushed> {
        self.primitive().push(cx)
    }

    /// See [`Primitive::cost`].
    pub fn cost(&self, operands: &[&Type], results: &[Type]) -> Cost {
        self.primitive().cost(operands, results)
    }

    /// The operation called `name` with `attributes`.
    ///
    /// # Errors
    /// If there is no such operation, or an attribute is missing or wrong.
    pub fn from_text(name: &str, attributes: &Attributes) -> Result<Op> {
        let found = Unary::from_text(name, attributes)
            .or_else(|| cast::from_text(name, attributes))
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
            .or_else(|| Sort::from_text(name, attributes))
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

/// Operations without operands, so no derivative passes through them.
impl SingleResult for Op {
    fn name(&self) -> &'static str {
        Op::name(self)
    }

    fn result(&self, _operands: &[&Type]) -> Result<Type> {
        unreachable!("`{}` has no operands that give its type", self.name())
    }

    fn jvp(&self, _cx: &mut Jvp<'_>) -> Option<ValueId> {
        None
    }

    fn transpose(&self, _cx: &mut Transpose<'_>) -> Linearity {
        Linearity::Nonlinear
    }

    fn batch(&self, _cx: &mut Batch<'_>) -> ValueId {
        unreachable!("`{}` has no operands with a new axis", self.name())
    }

    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        let work = match self {
            Op::Iota(_) => Work::Copy,
            _ => Work::View,
        };
        Cost::new(work, 0, operands, result)
    }
}
