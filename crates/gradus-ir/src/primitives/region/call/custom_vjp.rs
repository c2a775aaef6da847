//! Functions with a custom backward pass, and their tangent maps.

use super::super::super::{Batch, Jvp, Linearity, LinearityCheck, PerResult, Transpose};
use super::super::activity::spread;
use super::super::guard::{Guard, inside};
use super::super::programs::batched_whole;
use super::super::{Backward, Bodies, Body, BodyName, Call, Recomputed, Region, takes};
use super::Reason;
use super::rules::CallRules;
use super::shared::{
    add, emit_with_axis, give, same_on_tangents, transpose_body, with_axis_from,
    with_cotangents_or_zeros,
};
use super::types::{
    fixed_attribute, fixed_from_text, float_outputs, floats, owned, returns, sets_apart,
};
use super::undefined::undefined_tangents;
use crate::attributes::Attributes;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, Types, ValueId};
use crate::linearity::nonlinearity;
use crate::types::Type;
use smallvec::smallvec;

/// A function with a custom backward pass.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CustomVjp {
    /// `x… ↦ y…`
    pub body: Body,
    /// `x… ↦ y…, r…`
    pub forward: Body,
    /// `r…, ȳ… ↦ x̄…`. Only floats have cotangents, and among the `x` only those that are not fixed.
    pub backward: Body,
    /// The number of leading `x` with respect to which the derivative is undefined.
    pub fixed: usize,
}

impl CustomVjp {
    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<CustomVjp>> {
        let read = || {
            Ok(CustomVjp {
                body: a.get_graph(name, "body")?,
                forward: a.get_graph(name, "forward")?,
                backward: a.get_graph(name, "backward")?,
                fixed: fixed_from_text(name, a)?,
            })
        };
        (name == "custom_vjp").then(read)
    }
}

impl CallRules for CustomVjp {
    fn as_call(&self) -> Call {
        Call::CustomVjp(self.clone())
    }

    fn name(&self) -> &'static str {
        "custom_vjp"
    }

    fn attributes(&self) -> Attributes {
        fixed_attribute(self.fixed)
    }

    fn results(&self, operands: &[&Type]) -> Result<Types> {
        let (name, given) = (self.name(), owned(operands));
        sets_apart(name, self.fixed, given.len())?;
        takes(name, "the body", &self.body, &given)?;
        takes(name, "the forward rule", &self.forward, &given)?;
        let (results, kept) = (self.body.output_types(), self.forward.output_types());
        if !kept.starts_with(&results) {
            returns(name, "the forward rule", &self.forward, &results)?;
        }
        let wanted = [&kept[results.len()..], &floats(&results)].concat();
        takes(name, "the backward rule", &self.backward, &wanted)?;
        let cotangents = floats(&given[self.fixed..]);
        returns(name, "the backward rule", &self.backward, &cotangents)?;
        Ok(results.into())
    }

    /// The forward rule runs, and its residuals go to a tangent map that only has a transpose.
    fn jvp(&self, cx: &mut Jvp<'_>) -> PerResult<Option<ValueId>> {
        let fixed = self.fixed;
        let mut sums = undefined_tangents(cx, Reason::Outside, &self.body.output_types(), fixed);
        if cx.tangents[fixed..].iter().all(Option::is_none) {
            return sums.into_iter().collect();
        }
        let forward = self.forward.without_effects();
        let mut args = cx.graph.emit_inline(&forward, cx.operands);
        let mut args = args.split_off(self.body.outputs().len());
        let residuals = args.len();
        for k in fixed..cx.operands.len() {
            if cx.graph.ty(cx.operands[k]).dtype.has_derivatives() {
                args.push(cx.tangent_or_zero(k));
            }
        }
        let tangent = Region::Call(Call::BackwardOnly(BackwardOnly {
            backward: self.backward.clone(),
            residuals,
        }));
        let results = cx.graph.emit_region(tangent, &args);
        add(
            cx.graph,
            &mut sums,
            spread(&float_outputs(&self.body), results),
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
        let of_cotangents: Vec<bool> = floats.map(|k| cx.batched[k]).collect();
        let all = vec![true; self.backward.inputs().len()];
        let backward = batched_whole(cx.transforms, &self.backward, cx.size, &all);
        let call = CustomVjp {
            // An argument that all rows share gets the sum of their cotangents.
            backward: summed(&backward, &of_cotangents),
            body: batched_whole(cx.transforms, &self.body, cx.size, cx.batched),
            forward: batched_whole(cx.transforms, &self.forward, cx.size, cx.batched),
            fixed: self.fixed,
        };
        emit_with_axis(cx.graph, Call::CustomVjp(call), cx.operands)
    }

    fn bodies(&self) -> Bodies<'_> {
        smallvec![
            (BodyName::Named("body"), &self.body),
            (BodyName::Named("forward"), &self.forward),
            (BodyName::Named("backward"), &self.backward)
        ]
    }

    fn running(&self) -> Option<&Body> {
        Some(&self.body)
    }

    fn own_backward(&self) -> Backward {
        Backward::Only
    }

    fn without_effects(&self) -> Call {
        Call::CustomVjp(CustomVjp {
            body: self.body.without_effects(),
            forward: self.forward.without_effects(),
            ..self.clone()
        })
    }

    /// The guard is not an argument of the rule; it joins the fixed ones.
    fn guarded(&self, guard: Guard<'_>) -> Call {
        guard.operands.insert(0, guard.runs);
        Call::CustomVjp(CustomVjp {
            body: inside(&self.body, 0),
            forward: inside(&self.forward, 0),
            backward: self.backward.clone(),
            fixed: self.fixed + 1,
        })
    }
}

/// `body` with the unmarked outputs summed over their first axis.
fn summed(body: &Graph, marked: &[bool]) -> Body {
    let mut g = body.clone();
    let outputs = body.outputs().iter().zip(marked);
    let outputs = outputs.map(|(&y, &keep)| if keep { y } else { g.sum(y, &[0]) });
    let outputs = outputs.collect();
    g.set_outputs(outputs);
    g.into()
}

/// The tangent map of a [`CustomVjp`], which only has a transpose: operands `r…, ẋ…`, results `ẏ…`. It cannot run.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct BackwardOnly {
    /// `r…, ȳ… ↦ x̄…`
    pub backward: Body,
    /// The number of `r`.
    pub residuals: usize,
}

impl BackwardOnly {
    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<BackwardOnly>> {
        let read = || {
            Ok(BackwardOnly {
                backward: a.get_graph(name, "backward")?,
                residuals: a.get_size(name, "residuals")?,
            })
        };
        (name == "custom_vjp_tangent").then(read)
    }
}

impl CallRules for BackwardOnly {
    fn as_call(&self) -> Call {
        Call::BackwardOnly(self.clone())
    }

    fn name(&self) -> &'static str {
        "custom_vjp_tangent"
    }

    fn attributes(&self) -> Attributes {
        Attributes::default().int("residuals", self.residuals as i64)
    }

    fn results(&self, operands: &[&Type]) -> Result<Types> {
        let (name, given) = (self.name(), owned(operands));
        sets_apart(name, self.residuals, given.len())?;
        let mut wanted = self.backward.input_types();
        if self.residuals > wanted.len() {
            let residuals = &given[..self.residuals];
            takes(name, "the backward rule", &self.backward, residuals)?;
        }
        let results = wanted.split_off(self.residuals.min(wanted.len()));
        wanted.extend(self.backward.output_types());
        if given == wanted {
            return Ok(results.into());
        }
        let message = format!("{name}: operands {given:?}, not {wanted:?}");
        Err(Error::new(ErrorKind::Graph, message))
    }

    fn jvp(&self, cx: &mut Jvp<'_>) -> PerResult<Option<ValueId>> {
        let results: Vec<Type> = self.backward.input_types().split_off(self.residuals);
        let mut sums = undefined_tangents(cx, Reason::Forward, &results, self.residuals);
        let call = Call::BackwardOnly(self.clone());
        let along = same_on_tangents(cx, call, self.residuals);
        add(cx.graph, &mut sums, along);
        sums.into_iter().collect()
    }

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        if cx.linear[..self.residuals].contains(&true) {
            return Linearity::Nonlinear;
        }
        let results = &self.backward.input_types()[self.residuals..];
        let args = with_cotangents_or_zeros(cx, self.residuals, results);
        let cotangents = cx.graph.emit_inline(&self.backward, &args);
        give(cx, self.residuals, cotangents)
    }

    fn is_linear(&self, cx: &mut LinearityCheck<'_>) -> bool {
        !cx.linear[..self.residuals].contains(&true)
    }

    fn batch(&self, cx: &mut Batch<'_>) -> PerResult<(ValueId, bool)> {
        let args = with_axis_from(cx, 0);
        let all = vec![true; self.backward.inputs().len()];
        let call = BackwardOnly {
            backward: batched_whole(cx.transforms, &self.backward, cx.size, &all),
            residuals: self.residuals,
        };
        emit_with_axis(cx.graph, Call::BackwardOnly(call), &args)
    }

    fn bodies(&self) -> Bodies<'_> {
        smallvec![(BodyName::Named("backward"), &self.backward)]
    }

    /// It counts with the cost of its transpose.
    fn running(&self) -> Option<&Body> {
        Some(&self.backward)
    }

    fn has_effects(&self) -> bool {
        false
    }

    fn may_fail(&self) -> bool {
        true
    }

    fn own_backward(&self) -> Backward {
        Backward::Only
    }
}
