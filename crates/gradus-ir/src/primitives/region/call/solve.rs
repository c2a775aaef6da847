//! Solutions of linear systems.

use super::super::super::{Batch, Jvp, Linearity, LinearityCheck, PerResult, Transpose, Unary};
use super::super::guard::{Guard, inside};
use super::super::programs::batched_whole;
use super::super::{Bodies, Body, BodyName, Call, Region, takes};
use super::rules::CallRules;
use super::shared::{
    add, emit_with_axis, give, tangents_of_first, with_axis_from, with_cotangents_or_zeros,
};
use super::types::{owned, returns, sets_apart};
use crate::attributes::Attributes;
use crate::error::Result;
use crate::graph::{Types, ValueId};
use crate::types::Type;
use smallvec::smallvec;

/// The solution of a linear system `A·x = b` that depends on `r…`.
/// Its derivative is the solution of another system.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Solve {
    /// `r…, x… ↦ A·x…`
    pub apply: Body,
    /// `r…, y… ↦ Aᵀ·y…`
    pub apply_transposed: Body,
    /// `r…, b… ↦ A⁻¹·b…`, the program that runs.
    pub solve: Body,
    /// `r…, c… ↦ A⁻ᵀ·c…`
    pub solve_transposed: Body,
    /// The number of `r`.
    pub residuals: usize,
}

impl Solve {
    /// The system with the transposed matrix.
    fn transposed(&self) -> Solve {
        Solve {
            apply: self.apply_transposed.clone(),
            apply_transposed: self.apply.clone(),
            solve: self.solve_transposed.clone(),
            solve_transposed: self.solve.clone(),
            residuals: self.residuals,
        }
    }

    /// The same solve with each program changed by `change`, and another number of `r`.
    fn map(&self, residuals: usize, mut change: impl FnMut(&Body) -> Body) -> Call {
        Call::Solve(Solve {
            apply: change(&self.apply),
            apply_transposed: change(&self.apply_transposed),
            solve: change(&self.solve),
            solve_transposed: change(&self.solve_transposed),
            residuals,
        })
    }

    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<Solve>> {
        let read = || {
            Ok(Solve {
                apply: a.get_graph(name, "apply")?,
                apply_transposed: a.get_graph(name, "apply_transposed")?,
                solve: a.get_graph(name, "solve")?,
                solve_transposed: a.get_graph(name, "solve_transposed")?,
                residuals: a.get_size(name, "residuals")?,
            })
        };
        (name == "linear_solve").then(read)
    }
}

impl CallRules for Solve {
    fn as_call(&self) -> Call {
        Call::Solve(self.clone())
    }

    fn name(&self) -> &'static str {
        "linear_solve"
    }

    fn attributes(&self) -> Attributes {
        Attributes::default().int("residuals", self.residuals as i64)
    }

    fn results(&self, operands: &[&Type]) -> Result<Types> {
        let (name, given) = (self.name(), owned(operands));
        sets_apart(name, self.residuals, given.len())?;
        let linear = &given[self.residuals..];
        for (what, body) in self.bodies() {
            takes(name, &what.to_string(), body, &given)?;
            returns(name, &what.to_string(), body, linear)?;
        }
        Ok(linear.to_vec().into())
    }

    /// The tangent solves `A·ẋ = ḃ - Ȧ·x`.
    fn jvp(&self, cx: &mut Jvp<'_>) -> PerResult<Option<ValueId>> {
        let (fixed, right) = cx.tangents.split_at(self.residuals);
        let mut sides = right.to_vec();
        if fixed.iter().any(Option::is_some) {
            let args = [&cx.operands[..self.residuals], cx.results].concat();
            let changes = tangents_of_first(cx, &self.apply, &args, self.residuals);
            let negative = |t: Option<ValueId>| t.map(|t| cx.graph.unary(Unary::Neg, t));
            let changes: Vec<Option<ValueId>> = changes.into_iter().map(negative).collect();
            add(cx.graph, &mut sides, changes);
        }
        if sides.iter().all(Option::is_none) {
            return sides.into_iter().collect();
        }
        let mut args = cx.operands[..self.residuals].to_vec();
        for (k, side) in sides.into_iter().enumerate() {
            let b = cx.operands[self.residuals + k];
            args.push(side.unwrap_or_else(|| cx.graph.constant_like(0.0, b)));
        }
        let call = Region::Call(Call::Solve(self.clone()));
        let results = cx.graph.emit_region(call, &args);
        results.into_iter().map(Some).collect()
    }

    /// The solution is not linear in the matrix.
    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        if cx.linear[..self.residuals].contains(&true) {
            return Linearity::Nonlinear;
        }
        let args = with_cotangents_or_zeros(cx, self.residuals, &self.solve.output_types());
        let transposed = Region::Call(Call::Solve(self.transposed()));
        let cotangents = cx.graph.emit_region(transposed, &args);
        give(cx, self.residuals, cotangents)
    }

    fn is_linear(&self, cx: &mut LinearityCheck<'_>) -> bool {
        !cx.linear[..self.residuals].contains(&true)
    }

    fn batch(&self, cx: &mut Batch<'_>) -> PerResult<(ValueId, bool)> {
        let args = with_axis_from(cx, self.residuals);
        let mut inputs = cx.batched[..self.residuals].to_vec();
        inputs.resize(args.len(), true);
        let call = self.map(self.residuals, |body| {
            batched_whole(cx.transforms, body, cx.size, &inputs)
        });
        emit_with_axis(cx.graph, call, &args)
    }

    fn bodies(&self) -> Bodies<'_> {
        smallvec![
            (BodyName::Named("apply"), &self.apply),
            (BodyName::Named("apply_transposed"), &self.apply_transposed),
            (BodyName::Named("solve"), &self.solve),
            (BodyName::Named("solve_transposed"), &self.solve_transposed)
        ]
    }

    fn running(&self) -> Option<&Body> {
        Some(&self.solve)
    }

    fn without_effects(&self) -> Call {
        self.map(self.residuals, Body::without_effects)
    }

    fn guarded(&self, guard: Guard<'_>) -> Call {
        guard.operands.insert(0, guard.runs);
        self.map(self.residuals + 1, |body| inside(body, 0))
    }
}
