//! Linear functions with a transpose from the user.

use super::super::super::{Batch, Jvp, Linearity, LinearityCheck, PerResult, Transpose};
use super::super::guard::{Guard, inside};
use super::super::programs::batched_whole;
use super::super::{Bodies, Body, BodyName, Call, Recomputed, Region, takes};
use super::rules::CallRules;
use super::shared::{
    add, emit_with_axis, give, same_on_tangents, tangents_of_first, transpose_body, with_axis_from,
    with_cotangents_or_zeros,
};
use super::types::{owned, returns, sets_apart};
use crate::attributes::Attributes;
use crate::error::Result;
use crate::graph::{Types, ValueId};
use crate::types::Type;
use smallvec::smallvec;

/// A linear function with a transpose from the user.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Linear {
    /// `r…, x… ↦ y…`, linear in `x`.
    pub body: Body,
    /// `r…, ȳ… ↦ x̄…`
    pub transpose: Body,
    /// The number of `r`.
    pub residuals: usize,
}

impl Linear {
    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<Linear>> {
        let read = || {
            Ok(Linear {
                body: a.get_graph(name, "body")?,
                transpose: a.get_graph(name, "transpose")?,
                residuals: a.get_size(name, "residuals")?,
            })
        };
        (name == "linear_call").then(read)
    }
}

impl CallRules for Linear {
    fn as_call(&self) -> Call {
        Call::Linear(self.clone())
    }

    fn name(&self) -> &'static str {
        "linear_call"
    }

    fn attributes(&self) -> Attributes {
        Attributes::default().int("residuals", self.residuals as i64)
    }

    fn results(&self, operands: &[&Type]) -> Result<Types> {
        let (name, given) = (self.name(), owned(operands));
        sets_apart(name, self.residuals, given.len())?;
        takes(name, "the body", &self.body, &given)?;
        let (fixed, linear) = given.split_at(self.residuals);
        let results = self.body.output_types();
        takes(
            name,
            "the transpose",
            &self.transpose,
            &[fixed, &results].concat(),
        )?;
        returns(name, "the transpose", &self.transpose, linear)?;
        Ok(results.into())
    }

    /// In `x` it is its own derivative. In `r` it is a function like any other.
    fn jvp(&self, cx: &mut Jvp<'_>) -> PerResult<Option<ValueId>> {
        let mut sums = same_on_tangents(cx, Call::Linear(self.clone()), self.residuals);
        if cx.tangents[..self.residuals].iter().any(Option::is_some) {
            let body = self.body.without_effects();
            let of_fixed = tangents_of_first(cx, &body, cx.operands, self.residuals);
            add(cx.graph, &mut sums, of_fixed);
        }
        sums.into_iter().collect()
    }

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        if cx.linear[..self.residuals].contains(&true) {
            return transpose_body(cx, &self.body, Recomputed::Checkpoint);
        }
        let args = with_cotangents_or_zeros(cx, self.residuals, &self.body.output_types());
        let transposed = Region::Call(Call::Linear(Linear {
            body: self.transpose.clone(),
            transpose: self.body.clone(),
            residuals: self.residuals,
        }));
        let cotangents = cx.graph.emit_region(transposed, &args);
        give(cx, self.residuals, cotangents)
    }

    fn is_linear(&self, cx: &mut LinearityCheck<'_>) -> bool {
        !cx.linear[..self.residuals].contains(&true)
    }

    fn batch(&self, cx: &mut Batch<'_>) -> PerResult<(ValueId, bool)> {
        let args = with_axis_from(cx, 0);
        let mut whole = |body: &Body| {
            let all = vec![true; body.inputs().len()];
            batched_whole(cx.transforms, body, cx.size, &all)
        };
        let call = Linear {
            body: whole(&self.body),
            transpose: whole(&self.transpose),
            residuals: self.residuals,
        };
        emit_with_axis(cx.graph, Call::Linear(call), &args)
    }

    fn bodies(&self) -> Bodies<'_> {
        smallvec![
            (BodyName::Named("body"), &self.body),
            (BodyName::Named("transpose"), &self.transpose)
        ]
    }

    fn running(&self) -> Option<&Body> {
        Some(&self.body)
    }

    fn without_effects(&self) -> Call {
        Call::Linear(Linear {
            body: self.body.without_effects(),
            ..self.clone()
        })
    }

    fn guarded(&self, guard: Guard<'_>) -> Call {
        guard.operands.insert(0, guard.runs);
        Call::Linear(Linear {
            body: inside(&self.body, 0),
            transpose: inside(&self.transpose, 0),
            residuals: self.residuals + 1,
        })
    }
}
