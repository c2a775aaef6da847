//! The first NaN or infinity of a program, told with its line.

use super::search::{Finite, Found, Meaning, NanWithin, made_at, search};
use crate::tensor::Tensor;
use crate::trace;
use crate::transform::{argument_at, close_at};
use crate::tree::{Tree, leaves, paths};
use gradus_ir::{Error, ErrorKind, Graph, Loc, Part, Result, Type};
use std::cell::Cell;
use std::fmt;
use std::sync::LazyLock;

/// Which operation made the first NaN or infinity; see [`find_nan`].
#[derive(Clone, Debug)]
pub struct NanReport {
    /// The operation that made it; `input` if the argument had it.
    pub operation: &'static str,
    /// File and line of the user's program, where known.
    pub place: Option<(&'static str, u32)>,
    /// Whether the function itself made it or its derivative, and the derivative of which operation.
    pub part: Part,
    /// NaN or an infinity: the first bad element.
    pub value: f64,
    /// Where in the result that element is.
    pub index: Vec<usize>,
    /// Whether it touches a result of the whole; if not, all results are finite.
    pub reaches_result: bool,
    /// The loops, branches and calls that it is in, innermost first.
    pub within: Vec<NanWithin>,
    /// The paths of the arguments that the operation is nearest to: those that it reads itself, else those that the fewest operations are between. Of a network they name
    /// the layer.
    pub nearest: Vec<String>,
    /// What the operation read, a line each.
    operands: Vec<String>,
    loc: Loc,
    ty: Type,
    bad: usize,
    /// How messages call the argument that had it.
    argument: Option<String>,
}

/// Runs `f` at `x` one operation at a time and says which one made the first NaN or infinity out of finite numbers, in the function itself or in a derivative
/// that `f` takes; `None` if all is finite.
///
/// One that reaches a result is named before one that does not. An infinity that `f` writes as a literal, a mask for example, is not counted: only a NaN
/// that is made of it. All values are held at once.
///
/// Of a loop the step is named, and the operation in it; of a choice the branch.
///
/// ```
/// use gradus::prelude::*;
/// let length = |x: &Tensor| x.square().sum().sqrt();
/// let report = find_nan(grad(length), &Tensor::from([0.0, 0.0]))?.unwrap();
/// assert_eq!(report.operation, "div");
/// assert_eq!(report.part.of(), Some("sqrt"));
/// assert!(report.to_string().starts_with("infinity in the backward pass of sqrt"));
/// assert!(find_nan(grad(length), &Tensor::from([3.0, 4.0]))?.is_none());
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// Mistakes in `f`; if it uses values of an outer trace.
#[doc(alias = "debug_nans")]
pub fn find_nan<A: Tree, B: Tree>(f: impl Fn(&A) -> B, x: &A) -> Result<Option<NanReport>> {
    trace::boundary(|| {
        let inputs = leaves(x);
        let (closed, _) = close_at(&f, x, &inputs)?;
        let arguments = closed.arguments(inputs);
        let found = search(&closed.graph, &arguments, Meaning::Searched)?;
        Ok(found.map(|found| {
            let mut report = NanReport::new(&found);
            let names = paths(x);
            let near = || found.near.iter().filter(|(k, _)| *k < names.len());
            let least = near().map(|(_, d)| *d).min();
            let nearest = near().filter(|(_, d)| Some(*d) == least);
            report.nearest = nearest.map(|(k, _)| names[*k].clone()).collect();
            report.nearest.sort();
            if let Some(k) = found.argument() {
                let of = names.get(k).map(|path| argument_at(path));
                report.argument = Some(of.unwrap_or_else(|| "a tensor from outside".into()));
            }
            report
        }))
    })
}

/// Runs `f`; within it, on this thread, a program that makes results which are not finite is a mistake: the message of [`find_nan`], with the line. Operations outside of
/// programs are programs too. What a program is given is no mistake of its own, nor are infinities where an infinity was given. The environment variable `GRADUS_CHECK_NAN=1` does the same for all that runs.
///
/// ```
/// use gradus::prelude::*;
/// let f = jit(|x: &Tensor| x.log().sum());
/// let error = with_nan_check(|| f.call(&Tensor::from([1.0, 0.0]))).unwrap_err();
/// assert!(error.message().starts_with("infinity made by log"));
/// ```
#[doc(alias = "debug_nans")]
#[doc(alias = "detect_anomaly")]
pub fn with_nan_check<T>(f: impl FnOnce() -> T) -> T {
    /// Restores what was before also when `f` unwinds.
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            CHECKED.set(self.0);
        }
    }
    let _restore = Restore(CHECKED.replace(true));
    f()
}

thread_local! {
    static CHECKED: Cell<bool> = const { Cell::new(false) };
}

/// Whether results are checked.
pub(crate) fn checking() -> bool {
    static ALWAYS: LazyLock<bool> =
        LazyLock::new(|| gradus_engine::environment::switch("GRADUS_CHECK_NAN"));
    CHECKED.get() || *ALWAYS
}

/// Refuses results of `graph` for these arguments that are not finite.
pub(crate) fn check(graph: &Graph, arguments: &[Tensor], results: &[Tensor]) -> Result<()> {
    for result in results {
        if Finite::of(&result.array()?) != Finite::All
            // An argument is what was checked before, or given by the caller.
            && let Some(found) = search(graph, arguments, Meaning::Meant)?
            && found.reaches_result
        {
            let report = NanReport::new(&found);
            let error = Error::new(ErrorKind::NotFinite, report.message());
            return Err(error.at(report.loc));
        }
    }
    Ok(())
}

impl NanReport {
    fn new(found: &Found) -> NanReport {
        let numbers = |t: &Tensor| -> Vec<f64> {
            let numbers = t.astype(gradus_ir::DType::F64).to_vec::<f64>();
            numbers.unwrap_or_default()
        };
        let result = numbers(&found.result);
        let ty = found.result.ty().clone();
        // What it made itself is told rather than what it was given.
        let operands: Result<Vec<_>> = found.operands.iter().map(Tensor::array).collect();
        let bad = (operands.ok().zip(found.result.array().ok()))
            .and_then(|(operands, result)| made_at(&found.op, &operands, &result))
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

    /// Where the operation is: the line of the user's program, or the piece of a text that it carries out.
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
    /// What was made, where, by which operation, and what it read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())?;
        match self.loc.is_known() && self.argument.is_none() {
            true => write!(f, "\n  at {}", self.loc),
            false => Ok(()),
        }
    }
}
