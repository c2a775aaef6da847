//! Functions that their derivatives compute again instead of keeping values.

use super::super::super::{Batch, Jvp, Linearity, LinearityCheck, PerResult, Transpose, Work};
use super::super::activity::{positions, reached, spread};
use super::super::guard::{Guard, inside};
use super::super::programs::{pushed_forward, with_tangents};
use super::super::{Bodies, Body, BodyName, Call, Region, takes};
use super::rules::CallRules;
use super::shared::transpose_body;
use super::types::owned;
use crate::attributes::Attributes;
use crate::cost::{ByWork, TotalCost};
use crate::error::Result;
use crate::graph::{Types, ValueId};
use crate::linearity::nonlinearity;
use crate::primitives::transforms::derived;
use crate::types::Type;
use smallvec::smallvec;

/// A function whose derivatives are calls of the same kind, which compute it again.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Recompute {
    /// The reason why it is a call.
    pub kind: Recomputed,
    /// `x… ↦ y…`
    pub body: Body,
}

/// The reason why a function is computed again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Recomputed {
    /// A user asks for it to save memory.
    Checkpoint,
    /// It is the part of a derivative that contains a loop of unknown length, with the loop's lists.
    /// Outside of all other regions it is dissolved.
    Scoped,
    /// A user supplies its cost. The calls are dissolved before the program runs.
    Costed(UserCost),
}

/// The user-supplied cost of a function, in operations.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct UserCost {
    /// The cost of its values.
    pub value: u64,
    /// The cost of one tangent: a product with its Jacobian, once the values exist.
    pub tangent: u64,
    /// The cost of one cotangent: a product with the transpose of its Jacobian.
    pub cotangent: u64,
}

impl UserCost {
    /// The cost of the derivative, a linear function that is its own derivative.
    fn of_derivative(self) -> UserCost {
        UserCost {
            value: self.tangent,
            ..self
        }
    }

    /// The cost of the transpose of a linear function.
    fn of_transpose(self) -> UserCost {
        UserCost {
            value: self.cotangent,
            tangent: self.cotangent,
            cotangent: self.tangent,
        }
    }

    /// The cost of `n` evaluations.
    fn times(self, n: usize) -> UserCost {
        let times = |cost: u64| cost.saturating_mul(n as u64);
        UserCost {
            value: times(self.value),
            tangent: times(self.tangent),
            cotangent: times(self.cotangent),
        }
    }
}

impl Recomputed {
    /// The same kind, with a changed cost if a user supplies one.
    fn with_cost(self, change: impl FnOnce(UserCost) -> UserCost) -> Recomputed {
        match self {
            Recomputed::Costed(cost) => Recomputed::Costed(change(cost)),
            other => other,
        }
    }
}

impl Recompute {
    /// A checkpoint, which a user asks for.
    pub fn checkpoint(body: Body) -> Call {
        Recompute::call(Recomputed::Checkpoint, body)
    }

    /// A call of this kind.
    pub fn call(kind: Recomputed, body: Body) -> Call {
        Call::Recompute(Recompute { kind, body })
    }

    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<Recompute>> {
        let cost = || -> Result<UserCost> {
            Ok(UserCost {
                value: a.get_size(name, "value")? as u64,
                tangent: a.get_size(name, "tangent")? as u64,
                cotangent: a.get_size(name, "cotangent")? as u64,
            })
        };
        let kind = match name {
            "checkpoint" => Ok(Recomputed::Checkpoint),
            "scoped" => Ok(Recomputed::Scoped),
            "with_cost" => cost().map(Recomputed::Costed),
            _ => return None,
        };
        Some(kind.and_then(|kind| {
            let body = a.get_graph(name, "body")?;
            Ok(Recompute { kind, body })
        }))
    }
}

impl CallRules for Recompute {
    fn as_call(&self) -> Call {
        Call::Recompute(self.clone())
    }

    fn name(&self) -> &'static str {
        match self.kind {
            Recomputed::Checkpoint => "checkpoint",
            Recomputed::Scoped => "scoped",
            Recomputed::Costed(_) => "with_cost",
        }
    }

    fn attributes(&self) -> Attributes {
        let mut a = Attributes::default();
        if let Recomputed::Costed(cost) = self.kind {
            let int = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
            a = a
                .int("value", int(cost.value))
                .int("tangent", int(cost.tangent))
                .int("cotangent", int(cost.cotangent));
        }
        a
    }

    fn results(&self, operands: &[&Type]) -> Result<Types> {
        takes(self.name(), "the body", &self.body, &owned(operands))?;
        Ok(self.body.output_types().into())
    }

    /// The derivative as one more call, which computes everything again.
    fn jvp(&self, cx: &mut Jvp<'_>) -> PerResult<Option<ValueId>> {
        let active: Vec<bool> = cx.tangents.iter().map(Option::is_some).collect();
        // Code that runs again must not show values again.
        let body = &self.body.without_effects();
        let outputs = reached(body, &active);
        if !outputs.contains(&true) {
            return outputs.iter().map(|_| None).collect();
        }
        let asked = [&positions(&active)[..]];
        let program = derived(cx.transforms, body, &asked, |transforms| {
            pushed_forward(transforms, body, &active, &outputs).into()
        });
        let args = with_tangents(cx.operands, cx.tangents);
        let call = Recompute::call(self.kind.with_cost(UserCost::of_derivative), program);
        let results = cx.graph.emit_region(Region::Call(call), &args);
        spread(&outputs, results).into_iter().collect()
    }

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        let kind = self.kind.with_cost(UserCost::of_transpose);
        transpose_body(cx, &self.body, kind)
    }

    fn is_linear(&self, cx: &mut LinearityCheck<'_>) -> bool {
        nonlinearity(cx.transforms, &self.body, cx.linear).is_none()
    }

    fn batch(&self, cx: &mut Batch<'_>) -> PerResult<(ValueId, bool)> {
        let (body, with_axis) = cx.transforms.batch(&self.body, cx.size, cx.batched);
        let kind = self.kind.with_cost(|cost| cost.times(cx.size));
        let call = Recompute::call(kind, body.into());
        let results = cx.graph.emit_region(Region::Call(call), cx.operands);
        results.into_iter().zip(with_axis).collect()
    }

    fn bodies(&self) -> Bodies<'_> {
        smallvec![(BodyName::Named("body"), &self.body)]
    }

    fn running(&self) -> Option<&Body> {
        Some(&self.body)
    }

    /// The user's operations, if supplied. The arguments are read and the results written.
    fn total_cost(&self) -> TotalCost {
        let Recomputed::Costed(cost) = self.kind else {
            return self.body.total_cost();
        };
        let bytes = |types: &[Type]| {
            let bytes = types.iter().map(|ty| ty.bytes() as u64);
            bytes.fold(0, u64::saturating_add)
        };
        TotalCost {
            operations: cost.value,
            bytes_read: bytes(&self.body.input_types()),
            bytes_written: bytes(&self.body.output_types()),
            by_work: ByWork::of(Work::Arithmetic, cost.value),
        }
    }

    fn without_effects(&self) -> Call {
        Recompute::call(self.kind, self.body.without_effects())
    }

    fn guarded(&self, guard: Guard<'_>) -> Call {
        let last = guard.operands.len();
        guard.operands.push(guard.runs);
        Recompute::call(self.kind, inside(&self.body, last))
    }

    fn with_forward_rules(
        &self,
        active: &[bool],
        inside: &mut dyn FnMut(&Body, &[bool]) -> Body,
    ) -> Call {
        Recompute::call(self.kind, inside(&self.body, active))
    }
}
