//! The rules that each kind of call defines, and the rules that follow from them.

use super::super::super::{
    Batch, Cost, Jvp, Linearity, LinearityCheck, PerResult, Primitive, Transpose,
};
use super::super::guard::Guard;
use super::super::{Backward, Bodies, Body, Call, HoldsPrograms, Region, as_one, with_bodies};
use crate::attributes::Attributes;
use crate::cost::TotalCost;
use crate::error::Result;
use crate::graph::{Types, ValueId};
use crate::types::Type;
use smallvec::SmallVec;

/// The programs and the rules of a kind of call.
/// All other methods of [`Primitive`] and [`HoldsPrograms`] follow from them.
pub(super) trait CallRules {
    fn as_call(&self) -> Call;

    fn name(&self) -> &'static str;

    /// The attributes, without the programs.
    fn attributes(&self) -> Attributes;

    fn bodies(&self) -> Bodies<'_>;

    /// The program that runs when the call does.
    fn running(&self) -> Option<&Body>;

    fn results(&self, operands: &[&Type]) -> Result<Types>;

    fn jvp(&self, cx: &mut Jvp<'_>) -> PerResult<Option<ValueId>>;

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity;

    fn is_linear(&self, cx: &mut LinearityCheck<'_>) -> bool;

    fn batch(&self, cx: &mut Batch<'_>) -> PerResult<(ValueId, bool)>;

    fn total_cost(&self) -> TotalCost {
        self.running().map(Body::total_cost).unwrap_or_default()
    }

    fn has_effects(&self) -> bool {
        self.running().is_some_and(Body::has_effects)
    }

    fn may_fail(&self) -> bool {
        self.running().is_some_and(Body::may_fail)
    }

    fn own_backward(&self) -> Backward {
        Backward::Derived
    }

    /// The same call without effects. A kind that runs no program has none.
    fn without_effects(&self) -> Call {
        self.as_call()
    }

    /// The same call for a row that may skip it. A kind that runs no program needs no guard.
    fn guarded(&self, _guard: Guard<'_>) -> Call {
        self.as_call()
    }

    /// The same call with forward rules applied. A call with its own derivative keeps its programs unchanged.
    fn with_forward_rules(
        &self,
        _active: &[bool],
        _inside: &mut dyn FnMut(&Body, &[bool]) -> Body,
    ) -> Call {
        self.as_call()
    }
}

impl Primitive for Call {
    fn name(&self) -> &'static str {
        self.rules().name()
    }

    fn attributes(&self) -> Attributes {
        with_bodies(self.rules().attributes(), &self.rules().bodies())
    }

    fn results(&self, operands: &[&Type]) -> Result<Types> {
        self.rules().results(operands)
    }

    fn jvp(&self, cx: &mut Jvp<'_>) -> PerResult<Option<ValueId>> {
        self.rules().jvp(cx)
    }

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        self.rules().transpose(cx)
    }

    fn is_linear(&self, cx: &mut LinearityCheck<'_>) -> bool {
        self.rules().is_linear(cx)
    }

    fn batch(&self, cx: &mut Batch<'_>) -> PerResult<(ValueId, bool)> {
        self.rules().batch(cx)
    }

    fn cost(&self, _operands: &[&Type], _results: &[Type]) -> Cost {
        as_one(self.rules().total_cost())
    }
}

impl HoldsPrograms for Call {
    fn bodies(&self) -> Bodies<'_> {
        self.rules().bodies()
    }

    fn runs(&self) -> SmallVec<[(&Body, u64); 2]> {
        let running = self.rules().running();
        running.map(|body| (body, 1)).into_iter().collect()
    }

    fn total_cost(&self) -> TotalCost {
        self.rules().total_cost()
    }

    fn has_effects(&self) -> bool {
        self.rules().has_effects()
    }

    fn may_fail(&self) -> bool {
        self.rules().may_fail()
    }

    fn own_backward(&self) -> Backward {
        self.rules().own_backward()
    }

    fn without_effects(&self) -> Region {
        Region::Call(self.rules().without_effects())
    }

    fn guarded(&self, guard: Guard<'_>) -> Region {
        Region::Call(self.rules().guarded(guard))
    }

    fn with_forward_rules(
        &self,
        active: &[bool],
        inside: &mut dyn FnMut(&Body, &[bool]) -> Body,
    ) -> Region {
        Region::Call(self.rules().with_forward_rules(active, inside))
    }
}
