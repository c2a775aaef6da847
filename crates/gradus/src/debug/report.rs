//! The report about the operation that made a NaN or an infinity, with its line.

use super::search::{Found, NanWithin, made_at};
use gradus_engine::Array;
use gradus_ir::{Loc, Part, Type};
use std::fmt;

/// The operation that made the first NaN or infinity; see [`find_nan`](super::find_nan).
#[derive(Clone, Debug)]
pub struct NanReport {
    /// The operation that made it; `input` if the argument had it.
    pub operation: &'static str,
    /// File and line of the user's program, if recorded.
    pub place: Option<(&'static str, u32)>,
    /// Whether it belongs to the function itself or to the derivative of an operation.
    pub part: Part,
    /// NaN or an infinity: the first bad element.
    pub value: f64,
    /// The index of that element in the result.
    pub index: Vec<usize>,
    /// Whether it affects a result of the function. If not, all results are finite.
    pub reaches_result: bool,
    /// The loops, branches and calls around it, innermost first.
    pub within: Vec<NanWithin>,
    /// The paths of the arguments that are nearest to the operation: arguments that it reads directly,
    /// or else those with the fewest operations between. For a network they name the layer.
    pub nearest: Vec<String>,
    /// The operands of the operation, one per line.
    operands: Vec<String>,
    loc: Loc,
    ty: Type,
    bad: usize,
    /// The name in messages of the argument that contained it.
    pub(super) argument: Option<String>,
}

impl NanReport {
    pub(super) fn new(found: &Found) -> NanReport {
        let numbers = |a: &Array| -> Vec<f64> {
            let elements = 0..a.ty().elements();
            elements.map(|k| a.get(k).as_f64()).collect()
        };
        let result = numbers(&found.result);
        let ty = found.result.ty().clone();
        // An element that the operation made itself is reported rather than one that it was given.
        let bad = made_at(&found.op, &found.operands, &found.result)
            .filter(|made| made.contains(&true))
            .unwrap_or_else(|| result.iter().map(|v| !v.is_finite()).collect());
        let at = bad.iter().position(|&bad| bad).unwrap_or(0);
        let mut index = vec![0; ty.rank()];
        let mut left = at;
        for (i, &n) in index.iter_mut().zip(&ty.shape).rev() {
            (*i, left) = (left % n, left / n);
        }
        let operands = found.operands.iter().enumerate().map(|(k, operand)| {
            let (all, of) = (numbers(operand), operand.ty());
            let there = match of.shape == ty.shape && !all.is_empty() {
                true => format!("{} there, ", all[at]),
                false => String::new(),
            };
            let least = all.iter().copied().fold(f64::INFINITY, f64::min);
            let greatest = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            format!("operand {k}: {of}, {there}from {least} to {greatest}")
        });
        NanReport {
            operation: found.op.name(),
            place: found.loc.file_line(),
            part: found.loc.part(),
            value: result.get(at).copied().unwrap_or(f64::NAN),
            index,
            reaches_result: found.reaches_result,
            within: found.within.clone(),
            nearest: Vec::new(),
            operands: operands.collect(),
            loc: found.loc,
            ty,
            bad: bad.iter().filter(|&&bad| bad).count(),
            argument: None,
        }
    }

    /// The place of the operation: the line of the user's program,
    /// or the piece of a text that the program evaluates.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let report = find_nan(|x: &Tensor| x.log(), &Tensor::from(0.0))?.unwrap();
    /// assert_eq!(report.loc().file_line(), report.place);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    pub fn loc(&self) -> Loc {
        self.loc
    }

    /// The text without the place.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let report = find_nan(|x: &Tensor| x.log(), &Tensor::from(0.0))?.unwrap();
    /// assert!(report.message().starts_with("infinity made by log"));
    /// # Ok::<(), gradus::Error>(())
    /// ```
    pub fn message(&self) -> String {
        let what = match self.value.is_nan() {
            true => "NaN",
            false => "infinity",
        };
        let head = match (&self.argument, self.part) {
            (Some(argument), _) => format!("{what} in {argument}"),
            (None, Part::Value) => format!("{what} made by {}", self.operation),
            (None, Part::Tangent(op)) => format!("{what} in the derivative of {op}"),
            (None, Part::Cotangent(op)) => format!("{what} in the backward pass of {op}"),
        };
        let others = match self.bad {
            1 => "and nowhere else".to_string(),
            n => format!("the first of {n} such elements"),
        };
        let gave = match self.argument {
            Some(_) => "it is",
            None => &format!("{} gave", self.operation),
        };
        let mut lines = vec![
            head,
            format!(
                "  {gave} {} with {} at {:?}, {others}",
                self.ty, self.value, self.index
            ),
        ];
        lines.extend(self.operands.iter().map(|o| format!("  {o}")));
        lines.extend(self.within.iter().map(|w| format!("  in {w}")));
        if !self.reaches_result {
            lines.push("  all results are finite nevertheless".into());
        }
        lines.join("\n")
    }
}

impl fmt::Display for NanReport {
    /// The value, its place, the operation that made it, and its operands.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())?;
        match self.loc.is_known() && self.argument.is_none() {
            true => write!(f, "\n  at {}", self.loc),
            false => Ok(()),
        }
    }
}
