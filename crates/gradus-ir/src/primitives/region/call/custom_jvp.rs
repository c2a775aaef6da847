//! Functions with a custom tangent map.

use super::super::super::{Batch, Jvp, Linearity, LinearityCheck, PerResult, Transpose};
use super::super::activity::spread;
use super::super::guard::{Guard, inside};
use super::super::programs::{batched_whole, tangent_program, with_tangents};
use super::super::{Bodies, Body, BodyName, Call, Recomputed, takes};
use super::Reason;
use super::rules::CallRules;
use super::shared::{add, emit_with_axis, transpose_body};
use super::types::{
    fixed_attribute, fixed_from_text, float_outputs, floats, owned, returns, sets_apart,
};
use super::undefined::undefined_tangents;
use crate::attributes::Attributes;
use crate::error::Result;
use crate::graph::{Types, ValueId};
use crate::linearity::nonlinearity;
use crate::types::Type;
use smallvec::smallvec;

/// A function with a custom tangent map.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CustomJvp {
    /// `x… ↦ y…`
    pub body: Body,
    /// `x…, y…, ẋ… ↦ ẏ…`, linear in `ẋ`.
    /// Only floats have tangents, and among the `x` only those that are not fixed.
    pub rule: Body,
    /// The number of leading `x` with respect to which the derivative is undefined.
    pub fixed: usize,
}

impl CustomJvp {
    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<CustomJvp>> {
        let read = || {
            Ok(CustomJvp {
                body: a.get_graph(name, "body")?,
                rule: a.get_graph(name, "rule")?,
                fixed: fixed_from_text(name, a)?,
            })
        };
        (name == "custom_jvp").then(read)
    }
}

impl CallRules for CustomJvp {
    fn as_call(&self) -> Call {
        Call::CustomJvp(self.clone())
    }

    fn name(&self) -> &'static str {
        "custom_jvp"
    }

    fn attributes(&self) -> Attributes {
        fixed_attribute(self.fixed)
    }

    fn results(&self, operands: &[&Type]) -> Result<Types> {
        let (name, given) = (self.name(), owned(operands));
        sets_apart(name, self.fixed, given.len())?;
        takes(name, "the body", &self.body, &given)?;
        let (results, free) = (self.body.output_types(), &given[self.fixed..]);
        let of_rule = [given.clone(), results.clone(), floats(free)].concat();
        takes(name, "the rule", &self.rule, &of_rule)?;
        returns(name, "the rule", &self.rule, &floats(&results))?;
        Ok(results.into())
    }

    fn jvp(&self, cx: &mut Jvp<'_>) -> PerResult<Option<ValueId>> {
        let fixed = self.fixed;
        let mut sums = undefined_tangents(cx, Reason::Outside, &self.body.output_types(), fixed);
        if cx.tangents[fixed..].iter().all(Option::is_none) {
            return sums.into_iter().collect();
        }
        let mut args = cx.operands.to_vec();
        // The rule gets the results of this call, so that their derivative is the call's own again.
        args.extend(cx.results);
        let mut directions = vec![None; args.len()];
        for k in fixed..cx.operands.len() {
            let x = cx.operands[k];
            if cx.graph.ty(x).dtype.has_derivatives() {
                args.push(cx.graph.constant_like(0.0, x));
                directions.push(cx.tangents[k]);
            }
        }
        // The rule is linear, so it is its own derivative along the tangents.
        // That derivative leaves out structural zeros.
        let (program, outputs) = tangent_program(cx.transforms, &self.rule, &directions);
        let results = cx
            .graph
            .emit_inline(&program, &with_tangents(&args, &directions));
        let of_floats = spread(&outputs, results);
        let of_outputs = spread(&float_outputs(&self.body), of_floats);
        add(
            cx.graph,
            &mut sums,
            of_outputs.into_iter().map(Option::flatten),
        );
        sums.into_iter().collect()
    }

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        transpose_body(cx, &self.body, Recomputed::Checkpoint)
    }

    fn is_linear(&self, cx: &mut LinearityCheck<'_>) -> bool {
        nonlinearity(cx.transforms, &self.body, cx.linear).is_none()
    }

    fn batch(&self, cx: &mut Batch<'_>) -> PerResult<(ValueId, bool)> {
        let types = self.body.input_types();
        let floats = (self.fixed..types.len()).filter(|&k| types[k].dtype.has_derivatives());
        let mut of_rule = cx.batched.to_vec();
        of_rule.resize(cx.batched.len() + self.body.outputs().len(), true);
        of_rule.extend(floats.map(|k| cx.batched[k]));
        let call = CustomJvp {
            rule: batched_whole(cx.transforms, &self.rule, cx.size, &of_rule),
            body: batched_whole(cx.transforms, &self.body, cx.size, cx.batched),
            fixed: self.fixed,
        };
        emit_with_axis(cx.graph, Call::CustomJvp(call), cx.operands)
    }

    fn bodies(&self) -> Bodies<'_> {
        smallvec![
            (BodyName::Named("body"), &self.body),
            (BodyName::Named("rule"), &self.rule)
        ]
    }

    fn running(&self) -> Option<&Body> {
        Some(&self.body)
    }

    fn without_effects(&self) -> Call {
        Call::CustomJvp(CustomJvp {
            body: self.body.without_effects(),
            ..self.clone()
        })
    }

    /// The guard is not an argument of the rule; it joins the fixed ones.
    fn guarded(&self, guard: Guard<'_>) -> Call {
        guard.operands.insert(0, guard.runs);
        Call::CustomJvp(CustomJvp {
            body: inside(&self.body, 0),
            rule: inside(&self.rule, 0),
            fixed: self.fixed + 1,
        })
    }
}
