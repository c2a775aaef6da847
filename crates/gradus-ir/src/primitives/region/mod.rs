//! Operations that hold programs: loops, choices between branches, calls of functions that have rules of their own.
//!
//! A region has any number of results. Bodies are closed programs: every value that a body uses is an operand of
//! the region. The derivative and batching rules of a region transform its bodies, so they live with the transforms.

mod body;
mod call;
mod check;
mod loops;
mod switch;

pub use body::Body;
pub use call::{Call, Reason, Solve, StatedCost};
pub use check::Check;
pub use loops::{Loop, Trips};
pub use switch::Switch;

use super::{Batch, Cost, Jvp, Linearity, Op, Primitive, Transpose, Work};
use crate::attributes::Attributes;
use crate::cost::{ByWork, TotalCost};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, Types, ValueId};
use crate::types::Type;
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
    /// A condition without which the program cannot go on.
    Check(Check),
}

impl Region {
    /// The programs that it holds, with their names in printed graphs.
    pub fn bodies(&self) -> Vec<(String, &Body)> {
        match self {
            Region::Loop(r) => r.bodies(),
            Region::Switch(r) => r.bodies(),
            Region::Call(r) => r.bodies(),
            Region::Check(_) => Vec::new(),
        }
    }

    /// The types of its results.
    pub fn results(&self) -> Vec<Type> {
        (0..).map_while(|index| self.result_at(index)).collect()
    }

    /// The type of its result of this number, if there is one.
    pub fn result_at(&self, index: usize) -> Option<Type> {
        match self {
            Region::Loop(r) => r.result_at(index),
            Region::Switch(r) => r.branches.first()?.output_type(index).cloned(),
            Region::Call(r) => r.result_at(index).cloned(),
            Region::Check(r) => r.passed.get(index).cloned(),
        }
    }

    /// How many results there are.
    pub fn results_len(&self) -> usize {
        match self {
            Region::Loop(r) => r.results_len(),
            Region::Switch(r) => r.branches.first().map_or(0, |b| b.outputs().len()),
            Region::Call(r) => r.results_len(),
            Region::Check(r) => r.passed.len(),
        }
    }

    /// How many programs stand within each other in it: 1 if its own hold no further regions.
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

    /// Checks that bodies and operands fit together, and that memory can hold the results.
    ///
    /// # Errors
    /// Says which of them does not, and what would.
    pub fn check(&self, operands: &[&Type]) -> Result<()> {
        let sequences = match self {
            Region::Loop(r) => r.counts().saturating_add(r.fixed().unwrap_or(usize::MAX)),
            _ => operands.len(),
        };
        if let Some(list) = operands.iter().take(sequences).find(|t| t.is_list()) {
            let message = format!(
                "{}: takes arrays, and {list} is a list, which loops read as a sequence and nothing else does",
                self.name()
            );
            return Err(Error::new(ErrorKind::Graph, message));
        }
        match self {
            Region::Loop(r) => r.check(operands)?,
            Region::Switch(r) => r.check(operands)?,
            Region::Call(r) => r.check(operands)?,
            Region::Check(r) => r.check(operands)?,
        }
        let mut results = (0..).map_while(|index| self.result_at(index));
        match results.find(|ty| !ty.is_addressable()) {
            None => Ok(()),
            Some(ty) => {
                let message = format!("{}: no memory can hold the result, {ty}", self.name());
                Err(Error::new(ErrorKind::Shape, message))
            }
        }
    }

    /// Whether running it does something beside computing its results. What a rule of a function does counts once the rule is applied.
    pub fn has_effects(&self) -> bool {
        match self {
            Region::Call(
                Call::OnlyBackward { .. } | Call::Hook { .. } | Call::Undefined { .. },
            ) => false,
            Region::Call(call) => call.body().has_effects(),
            region => region.any_body(Body::has_effects),
        }
    }

    /// The same [without effects](Graph::without_effects).
    pub fn without_effects(&self) -> Region {
        match self {
            Region::Loop(r) => Region::Loop(r.without_effects()),
            Region::Switch(r) => Region::Switch(r.without_effects()),
            Region::Call(r) => Region::Call(r.without_effects()),
            Region::Check(r) => Region::Check(r.clone()),
        }
    }

    /// Whether it [may fail](Op::may_fail). What a rule of a function does counts once the rule is applied.
    pub fn may_fail(&self) -> bool {
        match self {
            Region::Check(_) | Region::Call(Call::OnlyBackward { .. } | Call::Undefined { .. }) => {
                true
            }
            Region::Call(Call::Hook { .. }) => false,
            Region::Call(call) => call.body().may_fail(),
            // It may go on for ever.
            Region::Loop(r) => matches!(r.trips, Trips::While(_)) || r.body.may_fail(),
            Region::Switch(r) => r.branches.iter().any(Body::may_fail),
        }
    }

    /// Whether it is or holds, at any depth, a function of which only the way back is known, so that forward mode cannot pass.
    pub fn only_backward(&self) -> bool {
        let own = matches!(
            self,
            Region::Call(Call::CustomVjp { .. } | Call::OnlyBackward { .. })
        );
        own || self.any_body(Body::only_backward)
    }

    /// Whether it is or holds, at any depth, a call with a backward pass of the user's. That need not be linear, so two such calls are never one: each passes on its own cotangent.
    pub fn own_backward(&self) -> bool {
        let own = matches!(
            self,
            Region::Call(Call::CustomVjp { .. } | Call::OnlyBackward { .. } | Call::Hook { .. })
        );
        own || self.any_body(Body::own_backward)
    }

    /// Whether one of its programs is `asked` for. Asked of each region that is made, so without a list of them.
    fn any_body(&self, asked: impl Fn(&Body) -> bool) -> bool {
        match self {
            Region::Loop(r) => match &r.trips {
                Trips::While(condition) => asked(condition) || asked(&r.body),
                _ => asked(&r.body),
            },
            Region::Switch(r) => r.branches.iter().any(asked),
            Region::Call(r) => r.named().iter().any(|(_, body)| asked(body)),
            Region::Check(_) => false,
        }
    }

    /// The programs that run when it does, and how often as far as that is known: of a loop of unknown length one step, of a choice the dearest branch.
    pub fn runs(&self) -> Vec<(&Body, u64)> {
        match self {
            Region::Loop(r) => match &r.trips {
                Trips::Fixed(n) => vec![(&r.body, *n as u64)],
                Trips::Counted => vec![(&r.body, 1)],
                Trips::While(condition) => vec![(condition, 1), (&r.body, 1)],
            },
            Region::Switch(r) => {
                let dearest = r.branches.iter().max_by_key(|b| b.total_cost().operations);
                dearest.map(|branch| (branch, 1)).into_iter().collect()
            }
            Region::Call(Call::Hook { .. }) | Region::Check(_) => Vec::new(),
            Region::Call(call) => vec![(call.body(), 1)],
        }
    }

    /// The types of its results on operands of these types.
    ///
    /// # Errors
    /// If bodies and operands do not fit together, or no memory can hold a result.
    pub(crate) fn results_on(&self, operands: &[&Type]) -> Result<Types> {
        self.check(operands)?;
        Ok(self.results().into())
    }

    /// What one evaluation costs: that of what it [runs](Self::runs), or what its user states.
    pub fn total_cost(&self) -> TotalCost {
        if let Region::Call(Call::Stated { body, cost }) = self {
            return stated(body, *cost);
        }
        let mut sum = TotalCost::default();
        for (body, times) in self.runs() {
            sum += body.total_cost().times(times);
        }
        sum
    }

    /// As [`total_cost`](Self::total_cost), as of one operation.
    pub(crate) fn cost_of_run(&self) -> Cost {
        let total = self.total_cost();
        Cost {
            work: Work::Arithmetic,
            operations: total.operations,
            bytes_read: total.bytes_read,
            bytes_written: total.bytes_written,
        }
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

/// The operations are those that the user states; what is given is read and what is returned written.
fn stated(body: &Body, cost: StatedCost) -> TotalCost {
    let bytes = |types: &[Type]| {
        let bytes = types.iter().map(|ty| ty.bytes() as u64);
        bytes.fold(0, u64::saturating_add)
    };
    TotalCost {
        operations: cost.value,
        bytes_read: bytes(&body.input_types()),
        bytes_written: bytes(&body.output_types()),
        by_work: ByWork::of(Work::Arithmetic, cost.value),
    }
}

/// Rules of regions are transforms of their bodies and live with the transforms; they never ask here.
impl Primitive for Region {
    fn name(&self) -> &'static str {
        match self {
            Region::Loop(r) => r.name(),
            Region::Switch(_) => "switch",
            Region::Call(r) => r.name(),
            Region::Check(_) => "check",
        }
    }

    fn attributes(&self) -> Attributes {
        match self {
            Region::Loop(r) => r.attributes(),
            Region::Switch(r) => r.attributes(),
            Region::Call(r) => r.attributes(),
            Region::Check(r) => r.attributes(),
        }
    }

    fn result(&self, _operands: &[&Type]) -> Result<Type> {
        unreachable!("{}: regions have several results", self.name())
    }

    fn jvp(&self, _cx: &mut Jvp<'_>) -> Option<ValueId> {
        unreachable!("{}: regions are differentiated as a whole", self.name())
    }

    fn transpose(&self, _cx: &mut Transpose<'_>) -> Linearity {
        unreachable!("{}: regions are transposed as a whole", self.name())
    }

    fn batch(&self, _cx: &mut Batch<'_>) -> ValueId {
        unreachable!("{}: regions are batched as a whole", self.name())
    }

    fn cost(&self, _operands: &[&Type], _result: &Type) -> Cost {
        self.cost_of_run()
    }
}

impl Graph {
    /// How many programs stand within each other in its regions; 0 if it has none.
    pub fn depth(&self) -> usize {
        let regions = self.nodes().iter().filter_map(|node| match &node.op {
            Op::Region(region) => Some(region.depth()),
            _ => None,
        });
        regions.max().unwrap_or(0)
    }

    /// Appends a region; returns its results.
    ///
    /// # Errors
    /// If bodies and operands do not fit together, programs are nested deeper than [`Body::MOST_DEPTH`], or no memory can hold a result.
    pub fn add_region(&mut self, region: Region, operands: &[ValueId]) -> Result<Vec<ValueId>> {
        region.check_depth().map_err(|e| e.at(self.loc()))?;
        self.add_region_of_any_depth(region, operands)
    }

    /// As [`add_region`](Self::add_region): rules nest programs somewhat deeper than the programs that they are applied to.
    fn add_region_of_any_depth(
        &mut self,
        region: Region,
        operands: &[ValueId],
    ) -> Result<Vec<ValueId>> {
        let op = Op::Region(Arc::new(region));
        let types = self.result_types(&op, operands);
        let types = types.map_err(|e| e.at(self.loc()))?;
        Ok(self.add_region_typed(op, operands, types).into_vec())
    }

    /// As [`add_region`](Self::add_region), for regions that are right by construction.
    ///
    /// # Panics
    /// If bodies and operands do not fit together, which is a mistake in the calling rule.
    pub fn emit_region(&mut self, region: Region, operands: &[ValueId]) -> Vec<ValueId> {
        match self.add_region_of_any_depth(region, operands) {
            Ok(results) => results,
            Err(e) => panic!("a rule built an ill-typed region: {e}"),
        }
    }

    /// The region that makes value `id`.
    pub fn region(&self, id: ValueId) -> Option<&Arc<Region>> {
        self.maker(id).region()
    }
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
