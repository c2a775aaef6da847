//! Linear functions with a transpose from the user.

use super::super::super::{
    Batch, Cost, Jvp, Linearity, LinearityCheck, PerResult, Primitive, Transpose,
};
use super::super::guard::{Guard, inside};
use super::super::{
    Bodies, Body, BodyName, Call, HoldsPrograms, Recomputed, Region, as_one, takes, with_bodies,
};
use super::shared::{
    add, batched_whole, emit_with_axis, give, owned, returns, same_on_tangents, sets_apart,
    tangents_of_first, transpose_body, with_axis_from, with_cotangents_or_zeros,
};
use crate::attributes::Attributes;
use crate::error::Result;
use crate::graph::{Types, ValueId};
use crate::types::Type;
use smallvec::{SmallVec, smallvec};

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

impl Primitive for Linear {
    fn name(&self) -> &'static str {
        "linear_call"
    }

    fn attributes(&self) -> Attributes {
        let a = Attributes::default().int("residuals", self.residuals as i64);
        with_bodies(a, &self.bodies())
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

    fn cost(&self, _operands: &[&Type], _results: &[Type]) -> Cost {
        as_one(self.total_cost())
    }
}

impl HoldsPrograms for Linear {
    fn bodies(&self) -> Bodies<'_> {
        smallvec![
            (BodyName::Named("body"), &self.body),
            (BodyName::Named("transpose"), &self.transpose)
        ]
    }

    fn runs(&self) -> SmallVec<[(&Body, u64); 2]> {
        smallvec![(&self.body, 1)]
    }

    fn has_effects(&self) -> bool {
        self.body.has_effects()
    }

    fn may_fail(&self) -> bool {
        self.body.may_fail()
    }

    fn without_effects(&self) -> Region {
        Region::Call(Call::Linear(Linear {
            body: self.body.without_effects(),
            ..self.clone()
        }))
    }

    fn guarded(&self, guard: Guard<'_>) -> Region {
        guard.operands.insert(0, guard.runs);
        Region::Call(Call::Linear(Linear {
            body: inside(&self.body, 0),
            transpose: inside(&self.transpose, 0),
            residuals: self.residuals + 1,
        }))
    }

    fn with_forward_rules(
        &self,
        _active: &[bool],
        _inside: &mut dyn FnMut(&Body, &[bool]) -> Body,
    ) -> Region {
        Region::Call(Call::Linear(self.clone()))
    }
}
