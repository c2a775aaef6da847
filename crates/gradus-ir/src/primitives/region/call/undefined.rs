//! Undefined derivatives.

use super::super::super::{Batch, Jvp, Linearity, LinearityCheck, PerResult, Transpose};
use super::super::activity::{positions, spread};
use super::super::programs::batched_whole;
use super::super::{Bodies, Body, BodyName, Call, Region, takes};
use super::rules::CallRules;
use super::shared::{emit_with_axis, same_on_tangents, with_axis_from, with_cotangents_or_zeros};
use super::types::owned;
use crate::attributes::Attributes;
use crate::error::Result;
use crate::graph::{Graph, Types, ValueId};
use crate::types::{Literal, Type};
use smallvec::smallvec;

/// An undefined derivative. It cannot run.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Undefined {
    /// `ẋ… ↦ ẏ…`; only its types count.
    pub body: Body,
    /// The reason why it is undefined.
    pub reason: Reason,
}

/// The reason why a derivative is undefined.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    /// It is with respect to a captured value of a function with a custom rule.
    Outside,
    /// It is the derivative of a [`CustomVjp`](super::CustomVjp) in forward mode.
    Forward,
}

impl Reason {
    /// The message of a program that needs the derivative.
    pub fn why(self) -> &'static str {
        match self {
            Reason::Outside => {
                "a function with a rule of its own was differentiated with respect to a tensor that it uses from outside, and the rule does not cover it; \
                 pass the tensor as part of the argument, or through `stop_gradient` if it counts as constant"
            }
            Reason::Forward => {
                "custom_vjp: a function with this rule was differentiated in forward mode, but the rule gives only its backward pass; \
                 use reverse mode (`grad`, `vjp`, `jacrev`), or give it a `custom_jvp` rule, which serves both"
            }
        }
    }
}

impl Undefined {
    /// An undefined linear map between arrays of these types.
    fn between<'a>(
        reason: Reason,
        from: &[Type],
        to: impl IntoIterator<Item = &'a Type>,
    ) -> Region {
        let mut body = Graph::new();
        from.iter().for_each(|ty| {
            body.input(ty.clone());
        });
        let zeros = to.into_iter().map(|ty| {
            let zero = Literal::from_f64(ty.dtype, 0.0);
            body.constant(zero, &ty.shape)
        });
        let zeros = zeros.collect();
        body.set_outputs(zeros);
        Region::Call(Call::Undefined(Undefined {
            body: body.into(),
            reason,
        }))
    }

    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<Undefined>> {
        let read = || {
            Ok(Undefined {
                body: a.get_graph(name, "body")?,
                reason: match a.get_size(name, "reason")? {
                    0 => Reason::Outside,
                    _ => Reason::Forward,
                },
            })
        };
        (name == "undefined_tangent").then(read)
    }
}

/// The tangents of results along the tangents of the first operands, with respect to which the derivative is
/// undefined: a call that cannot run, unless there are no such tangents.
pub(super) fn undefined_tangents(
    cx: &mut Jvp<'_>,
    reason: Reason,
    results: &[Type],
    first: usize,
) -> Vec<Option<ValueId>> {
    let given: Vec<ValueId> = cx.tangents[..first].iter().flatten().copied().collect();
    if given.is_empty() {
        return vec![None; results.len()];
    }
    let floats: Vec<bool> = results
        .iter()
        .map(|ty| ty.dtype.has_derivatives())
        .collect();
    let from: Vec<Type> = given.iter().map(|&t| cx.graph.ty(t).clone()).collect();
    let to = positions(&floats).into_iter().map(|k| &results[k]);
    let call = Undefined::between(reason, &from, to);
    let tangents = cx.graph.emit_region(call, &given);
    spread(&floats, tangents)
}

/// Its derivative and its transpose are undefined linear maps, too.
impl CallRules for Undefined {
    fn as_call(&self) -> Call {
        Call::Undefined(self.clone())
    }

    fn name(&self) -> &'static str {
        "undefined_tangent"
    }

    fn attributes(&self) -> Attributes {
        Attributes::default().int("reason", self.reason as i64)
    }

    fn results(&self, operands: &[&Type]) -> Result<Types> {
        takes(self.name(), "the body", &self.body, &owned(operands))?;
        Ok(self.body.output_types().into())
    }

    fn jvp(&self, cx: &mut Jvp<'_>) -> PerResult<Option<ValueId>> {
        let tangents = same_on_tangents(cx, Call::Undefined(self.clone()), 0);
        tangents.into_iter().collect()
    }

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        let (from, to) = (self.body.input_types(), self.body.output_types());
        let linear = positions(cx.linear);
        let args = with_cotangents_or_zeros(cx, 0, &to);
        let call = Undefined::between(self.reason, &to, linear.iter().map(|&k| &from[k]));
        let results = cx.graph.emit_region(call, &args);
        for (k, ct) in linear.into_iter().zip(results) {
            cx.give(k, ct);
        }
        Linearity::Linear
    }

    fn is_linear(&self, _cx: &mut LinearityCheck<'_>) -> bool {
        true
    }

    fn batch(&self, cx: &mut Batch<'_>) -> PerResult<(ValueId, bool)> {
        let args = with_axis_from(cx, 0);
        let all = vec![true; args.len()];
        let call = Undefined {
            body: batched_whole(cx.transforms, &self.body, cx.size, &all),
            reason: self.reason,
        };
        emit_with_axis(cx.graph, Call::Undefined(call), &args)
    }

    fn bodies(&self) -> Bodies<'_> {
        smallvec![(BodyName::Named("body"), &self.body)]
    }

    fn running(&self) -> Option<&Body> {
        Some(&self.body)
    }

    fn may_fail(&self) -> bool {
        true
    }
}
