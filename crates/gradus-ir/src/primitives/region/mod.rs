//! Operations that hold programs: loops, choices between branches, calls of functions with custom rules.
//!
//! A region has any number of results.
//! Its bodies are closed programs: every value that a body uses is an operand of the region.
//! A region is a [`Primitive`] like any other operation:
//! its rules apply the same [transforms](super::Transforms) to its bodies.
//! The trait `HoldsPrograms` has its other properties.

mod activity;
mod body;
mod call;
mod check;
mod contents;
mod forward_rules;
mod guard;
mod loops;
mod packing;
mod programs;
mod rows;
mod switch;

pub use body::{Body, BodyName};
pub use call::{
    BackwardOnly, Call, CotangentHook, CustomJvp, CustomVjp, Linear, Reason, Recompute, Recomputed,
    Solve, Undefined, UserCost,
};
pub use check::Check;
pub use contents::Contents;
pub use forward_rules::apply_forward_rules;
pub use loops::{Entering, Handle, Inputs, Leaving, Loop, LoopBuilder, Steps, Trips, add_lists};
pub use switch::Switch;

use super::{Cost, Op, Primitive, Work};
use crate::attributes::Attributes;
use crate::cost::TotalCost;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, ValueId};
use crate::types::Type;
use guard::Guard;
use smallvec::SmallVec;
use std::sync::Arc;

/// An operation that holds programs.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Region {
    /// Steps one after the other.
    Loop(Loop),
    /// One of several branches.
    Switch(Switch),
    /// A function called as a whole.
    Call(Call),
    /// A condition that must be true for the program to continue.
    Check(Check),
}

/// The programs of a region, with their names in printed graphs.
pub type Bodies<'a> = SmallVec<[(BodyName, &'a Body); 4]>;

/// The author of an operation's backward pass.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Backward {
    /// No user: it is the transpose of the tangent map.
    Derived,
    /// A user, beside a tangent map that forward mode uses. It need not be linear.
    Own,
    /// A user, and there is no tangent map, so forward mode is impossible. It need not be linear.
    Only,
}

/// The properties of an operation that holds programs, beyond those of a [`Primitive`].
trait HoldsPrograms: Primitive {
    /// Its programs.
    fn bodies(&self) -> Bodies<'_>;

    /// The programs that run when the operation does, each with the number of its runs if that is fixed:
    /// one step for a loop of unknown length, the most expensive branch for a choice.
    fn runs(&self) -> SmallVec<[(&Body, u64); 2]>;

    /// The cost of one evaluation.
    fn total_cost(&self) -> TotalCost {
        let mut sum = TotalCost::default();
        for (body, times) in self.runs() {
            sum += body.total_cost().times(times);
        }
        sum
    }

    /// Whether running it has effects beyond its results.
    /// Effects in a function's rule count once the rule is applied.
    fn has_effects(&self) -> bool {
        self.bodies().iter().any(|(_, body)| body.has_effects())
    }

    /// Whether it [can fail](Op::may_fail). Failures in a function's rule count once the rule is applied.
    fn may_fail(&self) -> bool;

    /// The author of the backward pass of this operation itself, whatever its programs contain.
    fn own_backward(&self) -> Backward {
        Backward::Derived
    }

    /// The same [without effects](Graph::without_effects).
    fn without_effects(&self) -> Region;

    /// The same region for a row that might not run it: the [guard](Guard) is added to the operands.
    fn guarded(&self, guard: Guard<'_>) -> Region;

    /// The same region with [forward rules applied](apply_forward_rules) in its programs.
    /// `active` marks the operands that a derivative reaches; `inside` does this to one program,
    /// given the inputs that a derivative reaches.
    fn with_forward_rules(
        &self,
        active: &[bool],
        inside: &mut dyn FnMut(&Body, &[bool]) -> Body,
    ) -> Region;
}

impl Region {
    fn rules(&self) -> &dyn HoldsPrograms {
        match self {
            Region::Loop(r) => r,
            Region::Switch(r) => r,
            Region::Call(r) => r,
            Region::Check(r) => r,
        }
    }

    pub(super) fn primitive(&self) -> &dyn Primitive {
        self.rules()
    }

    /// The name in printed graphs.
    pub fn name(&self) -> &'static str {
        self.primitive().name()
    }

    /// The programs that it holds, with their names in printed graphs.
    pub fn bodies(&self) -> Bodies<'_> {
        self.rules().bodies()
    }

    /// The nesting depth of its programs: 1 if they hold no further regions.
    pub fn depth(&self) -> usize {
        let bodies = self.bodies();
        bodies.iter().map(|(_, b)| b.depth()).max().unwrap_or(0)
    }

    /// Checks that its programs are not nested deeper than [`Body::MOST_DEPTH`].
    ///
    /// # Errors
    /// If they are.
    fn check_depth(&self) -> Result<()> {
        match self.depth() {
            0..=Body::MOST_DEPTH => Ok(()),
            _ => Err(Body::too_deep(self.name())),
        }
    }

    /// Whether running it has effects beyond its results.
    /// Effects in a function's rule count once the rule is applied.
    pub fn has_effects(&self) -> bool {
        self.rules().has_effects()
    }

    /// The same [without effects](Graph::without_effects).
    pub fn without_effects(&self) -> Region {
        self.rules().without_effects()
    }

    /// Whether it [can fail](Op::may_fail). Failures in a function's rule count once the rule is applied.
    pub fn may_fail(&self) -> bool {
        self.rules().may_fail()
    }

    /// Whether a user has written its backward pass,
    /// or the backward pass of an operation in its programs, at any depth.
    pub fn backward(&self) -> Backward {
        let bodies = self.bodies();
        let inside = bodies.iter().map(|(_, body)| body.backward());
        inside.fold(self.rules().own_backward(), Backward::max)
    }

    /// The programs that run when the operation does, each with the number of its runs if that is fixed:
    /// one step for a loop of unknown length, the most expensive branch for a choice.
    pub fn runs(&self) -> SmallVec<[(&Body, u64); 2]> {
        self.rules().runs()
    }

    /// The cost of one evaluation: the cost of the programs that [run](Self::runs), or the user's.
    pub fn total_cost(&self) -> TotalCost {
        self.rules().total_cost()
    }

    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<Op>> {
        let region = Loop::from_text(name, a)
            .map(|r| r.map(Region::Loop))
            .or_else(|| Switch::from_text(name, a).map(|r| r.map(Region::Switch)))
            .or_else(|| Call::from_text(name, a).map(|r| r.map(Region::Call)))
            .or_else(|| Check::from_text(name, a).map(|r| r.map(Region::Check)))?;
        Some(region.map(|r| Op::Region(Arc::new(r))))
    }
}

/// The cost of a region as the cost of one operation.
fn as_one(total: TotalCost) -> Cost {
    Cost {
        work: Work::Arithmetic,
        operations: total.operations,
        bytes_read: total.bytes_read,
        bytes_written: total.bytes_written,
    }
}

impl Graph {
    /// The nesting depth of programs in its regions; 0 if it has none.
    pub fn depth(&self) -> usize {
        let regions = self.nodes().iter().filter_map(|node| node.region());
        regions.map(|region| region.depth()).max().unwrap_or(0)
    }

    /// Whether a user has written the backward pass of an operation in this program, at any depth.
    pub fn backward(&self) -> Backward {
        let regions = self.nodes().iter().filter_map(|node| node.region());
        let backward = regions.map(|region| region.backward());
        backward.max().unwrap_or(Backward::Derived)
    }

    /// Appends a region; returns its results.
    ///
    /// # Errors
    /// If bodies and operands do not fit together, programs are nested deeper than [`Body::MOST_DEPTH`],
    /// or memory cannot hold a result.
    pub fn add_region(&mut self, region: Region, operands: &[ValueId]) -> Result<Vec<ValueId>> {
        region.check_depth().map_err(|e| e.at(self.loc()))?;
        let op = Op::Region(Arc::new(region));
        Ok(self.add_all(op, operands)?.into_vec())
    }

    /// Like [`add_region`](Self::add_region), for regions that are right by construction.
    /// Rules nest programs slightly deeper than the programs that they are applied to.
    ///
    /// # Panics
    /// If bodies and operands do not fit together, which is a mistake in the calling rule.
    pub fn emit_region(&mut self, region: Region, operands: &[ValueId]) -> Vec<ValueId> {
        match self.add_all(Op::Region(Arc::new(region)), operands) {
            Ok(results) => results.into_vec(),
            Err(e) => panic!("a rule built an ill-typed region: {e}"),
        }
    }

    /// The region that makes value `id`.
    pub fn region(&self, id: ValueId) -> Option<&Arc<Region>> {
        self.maker(id).region()
    }
}

/// The attributes of a region's programs, after the attributes of the region itself.
fn with_bodies(attributes: Attributes, bodies: &Bodies<'_>) -> Attributes {
    let named = bodies.iter();
    named.fold(attributes, |a, (name, body)| {
        a.graph(&name.to_string(), body)
    })
}

/// Checks that a body takes arrays of these types.
fn takes(name: &str, what: &str, body: &Graph, wanted: &[Type]) -> Result<()> {
    let inputs = body.input_types();
    if inputs == wanted {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Graph,
        format!("{name}: {what} takes {inputs:?}, but is given {wanted:?}"),
    ))
}
