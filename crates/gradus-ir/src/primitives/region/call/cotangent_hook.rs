//! Functions of cotangents, applied in the backward pass.

use super::super::super::{Batch, Jvp, Linearity, LinearityCheck, PerResult, Transpose};
use super::super::programs::batched_whole;
use super::super::{Backward, Bodies, Body, BodyName, Call, takes};
use super::rules::CallRules;
use super::shared::{
    emit_with_axis, give, same_on_tangents, with_axis_from, with_cotangents_or_zeros,
};
use super::types::{owned, returns, sets_apart};
use crate::attributes::Attributes;
use crate::error::Result;
use crate::graph::{Types, ValueId};
use crate::linearity::nonlinearity;
use crate::types::Type;
use smallvec::smallvec;

/// The identity from operands `r…, x…` to `x…`, with a function that cotangents pass through.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CotangentHook {
    /// `r…, ȳ… ↦ x̄…`, which need not be linear; `x` are floats.
    pub backward: Body,
    /// The number of `r`.
    pub residuals: usize,
}

impl CotangentHook {
    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<CotangentHook>> {
        let read = || {
            Ok(CotangentHook {
                backward: a.get_graph(name, "backward")?,
                residuals: a.get_size(name, "residuals")?,
            })
        };
        (name == "with_cotangent").then(read)
    }
}

impl CallRules for CotangentHook {
    fn as_call(&self) -> Call {
        Call::Hook(self.clone())
    }

    fn name(&self) -> &'static str {
        "with_cotangent"
    }

    fn attributes(&self) -> Attributes {
        Attributes::default().int("residuals", self.residuals as i64)
    }

    /// A cotangent has its value's type, before the rule and after it.
    fn results(&self, operands: &[&Type]) -> Result<Types> {
        let (name, mut given) = (self.name(), owned(operands));
        sets_apart(name, self.residuals, given.len())?;
        takes(name, "the backward rule", &self.backward, &given)?;
        let passed = given.split_off(self.residuals);
        returns(name, "the backward rule", &self.backward, &passed)?;
        Ok(passed.into())
    }

    /// The derivative of the identity, with the same function for the backward pass.
    fn jvp(&self, cx: &mut Jvp<'_>) -> PerResult<Option<ValueId>> {
        let call = Call::Hook(self.clone());
        let tangents = same_on_tangents(cx, call, self.residuals);
        tangents.into_iter().collect()
    }

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        if cx.linear[..self.residuals].contains(&true) {
            return Linearity::Nonlinear;
        }
        let passed = &self.backward.input_types()[self.residuals..];
        let args = with_cotangents_or_zeros(cx, self.residuals, passed);
        let cotangents = cx.graph.emit_inline(&self.backward, &args);
        give(cx, self.residuals, cotangents)
    }

    fn is_linear(&self, cx: &mut LinearityCheck<'_>) -> bool {
        nonlinearity(cx.transforms, &self.backward, cx.linear).is_none()
    }

    fn batch(&self, cx: &mut Batch<'_>) -> PerResult<(ValueId, bool)> {
        let args = with_axis_from(cx, 0);
        let all = vec![true; self.backward.inputs().len()];
        let call = CotangentHook {
            backward: batched_whole(cx.transforms, &self.backward, cx.size, &all),
            residuals: self.residuals,
        };
        emit_with_axis(cx.graph, Call::Hook(call), &args)
    }

    fn bodies(&self) -> Bodies<'_> {
        smallvec![(BodyName::Named("backward"), &self.backward)]
    }

    fn running(&self) -> Option<&Body> {
        None
    }

    fn own_backward(&self) -> Backward {
        Backward::Own
    }
}
