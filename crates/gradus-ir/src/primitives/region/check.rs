//! Conditions that are checked while a program runs.

use super::super::{Batch, Cost, Jvp, Linearity, LinearityCheck, PerResult, Primitive, Transpose};
use super::guard::Guard;
use super::{Bodies, Body, HoldsPrograms, Region, as_one};
use crate::attributes::Attributes;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Types, ValueId};
use crate::types::{DType, Literal, Type};
use smallvec::SmallVec;

/// Passes arrays on if a condition is true, otherwise stops the program with an
/// error of kind [`Convergence`](ErrorKind::Convergence).
///
/// Operands: the booleans, all of which must be true; the numbers that the message reports,
/// one array of the same shape for each; and the arrays, which are the results.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Check {
    /// The message of the error.
    /// Each `{}` in it becomes the next reported number, at the first position where the condition is false.
    pub message: String,
    /// The number of reported numbers.
    pub reported: usize,
    /// The types of the arrays that are passed on.
    pub passed: Vec<Type>,
}

impl Check {
    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<Check>> {
        let read = || {
            Ok(Check {
                message: a.get_text(name, "message")?,
                reported: a.get_size(name, "reported")?,
                passed: a.get_types(name, "passed")?,
            })
        };
        (name == "check").then(read)
    }

    /// The first operand that is passed on.
    fn first(&self) -> usize {
        self.reported.saturating_add(1)
    }

    fn check(&self, operands: &[&Type]) -> Result<()> {
        let fail = |message: String| Err(Error::new(ErrorKind::Graph, format!("check: {message}")));
        let first = self.first();
        if operands.len() != first.saturating_add(self.passed.len()) {
            return fail(format!(
                "{} operands, not a condition, {} numbers and {} arrays",
                operands.len(),
                self.reported,
                self.passed.len()
            ));
        }
        if operands[0].dtype != DType::Bool {
            return fail(format!("the condition is {}", operands[0]));
        }
        if let Some(odd) = operands[1..first]
            .iter()
            .find(|t| t.shape != operands[0].shape)
        {
            return fail(format!("reports {odd} beside a condition {}", operands[0]));
        }
        let pairs = operands[first..].iter().zip(&self.passed);
        match pairs.into_iter().find(|(got, wanted)| *got != wanted) {
            Some((got, wanted)) => fail(format!("is given {got}, not {wanted}")),
            None => Ok(()),
        }
    }
}

/// Derivatives pass like the arrays. The condition and the reported numbers have none.
impl Primitive for Check {
    fn name(&self) -> &'static str {
        "check"
    }

    fn attributes(&self) -> Attributes {
        Attributes::default()
            .text("message", &self.message)
            .int("reported", self.reported as i64)
            .types("passed", &self.passed)
    }

    fn results(&self, operands: &[&Type]) -> Result<Types> {
        self.check(operands)?;
        Ok(self.passed.clone().into())
    }

    fn jvp(&self, cx: &mut Jvp<'_>) -> PerResult<Option<ValueId>> {
        cx.tangents[self.first()..].iter().copied().collect()
    }

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        let first = self.first();
        for (k, ct) in cx.cotangents.iter().enumerate() {
            if let (&Some(ct), true) = (ct, cx.linear[first + k]) {
                cx.give(first + k, ct);
            }
        }
        Linearity::Linear
    }

    /// The arrays pass unchanged. The condition can depend on them, as in an iterative solver.
    fn is_linear(&self, _cx: &mut LinearityCheck<'_>) -> bool {
        true
    }

    /// The condition must be true for every row. A result has the axis if its operand has it.
    fn batch(&self, cx: &mut Batch<'_>) -> PerResult<(ValueId, bool)> {
        let first = self.first();
        let mut args = cx.operands.to_vec();
        if cx.batched[..first].contains(&true) {
            for (k, arg) in args.iter_mut().enumerate().take(first) {
                *arg = cx.with_axis(k);
            }
        }
        let passed = args[first..].iter().map(|&x| cx.graph.ty(x).clone());
        let check = Check {
            passed: passed.collect(),
            ..self.clone()
        };
        let results = cx.graph.emit_region(Region::Check(check), &args);
        let with_axis = cx.batched[first..].iter().copied();
        results.into_iter().zip(with_axis).collect()
    }

    fn cost(&self, _operands: &[&Type], _results: &[Type]) -> Cost {
        as_one(self.total_cost())
    }
}

impl HoldsPrograms for Check {
    fn bodies(&self) -> Bodies<'_> {
        Bodies::new()
    }

    fn runs(&self) -> SmallVec<[(&Body, u64); 2]> {
        SmallVec::new()
    }

    fn may_fail(&self) -> bool {
        true
    }

    fn without_effects(&self) -> Region {
        Region::Check(self.clone())
    }

    /// The condition counts as true where the row does not run it.
    fn guarded(&self, mut guard: Guard<'_>) -> Region {
        let shape = guard.graph.shape(guard.operands[0]).to_vec();
        let holds = guard.graph.constant(Literal::from_bool(true), &shape);
        guard.operands[0] = guard.choose(guard.operands[0], holds);
        Region::Check(self.clone())
    }

    fn with_forward_rules(
        &self,
        _active: &[bool],
        _inside: &mut dyn FnMut(&Body, &[bool]) -> Body,
    ) -> Region {
        Region::Check(self.clone())
    }
}
