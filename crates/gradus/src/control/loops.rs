//! Loops that carry a tree from step to step.

use super::growing::Growing;
use super::invariant::before_steps;
use super::keep::Rewriting;
use super::operands::Operands;
use super::{Keep, check_carried};
use crate::function::{apply_region, close, or_stop, types};
use crate::tensor::{Integer, Tensor};
use crate::trace::{self, Closed};
use crate::tree::{Tree, leaves, rebuild};
use gradus_ir::primitives::region::{Handle, Inputs, LoopBuilder, Steps};
use gradus_ir::primitives::{Compare, Loop, Region, Trips};
use gradus_ir::{DType, Error, ErrorKind, Graph, Loc, Result, Type};
use std::ops::{Range, RangeInclusive, RangeTo};

/// Applies `step` to the carried tree, beginning with `init`, as long as `condition` is true for it.
///
/// The number of steps can depend on the values.
/// Reverse mode works, too: the values that the backward pass needs of each step are kept in a list that grows
/// with the steps, as with [`Keep::All`](crate::control::Keep::All),
/// or are computed again as described at [`while_loop_with`]. Forward mode keeps nothing of the steps.
/// Under [`vmap`](crate::vmap) the loop runs until the last row is done;
/// rows that are done earlier keep their values.
///
/// ```
/// use gradus::prelude::*;
/// // The square root by Newton's method, until it changes no more.
/// let sqrt = |a: &Tensor| {
///     let (root, _) = while_loop(
///         |(x, old): &(Tensor, Tensor)| (x - old).abs().greater(1e-12),
///         |(x, _): &(Tensor, Tensor)| ((x + a / x) * 0.5, x.clone()),
///         &(a.clone(), a + 1.0),
///     );
///     root
/// };
/// assert!((sqrt(&Tensor::from(9.0)).item::<f64>()? - 3.0).abs() < 1e-12);
/// assert!((grad(sqrt)(&Tensor::from(9.0)).item::<f64>()? - 1.0 / 6.0).abs() < 1e-12);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If `condition` does not return one boolean, or `step` changes the structure or
/// the types of its argument.
#[doc(alias = "while")]
#[track_caller]
pub fn while_loop<C: Tree>(
    condition: impl Fn(&C) -> Tensor,
    step: impl Fn(&C) -> C,
    init: &C,
) -> C {
    let loc = Loc::caller();
    go_on(
        "while_loop",
        LoopOptions::default(),
        condition,
        step,
        init,
        loc,
    )
}

/// Like [`while_loop`], with options.
/// With [`Keep::Sqrt`] the backward pass keeps the states after 1, 3, 6, 10,
/// … steps and computes the stretches between them again.
/// For `n` steps that is about `√(2n)` states, and as many steps at once.
/// A fixed number of snapshots and a memory limit would need the number of steps in advance.
///
/// ```
/// use gradus::prelude::*;
/// // A falling ball in steps of a tenth of a millisecond, until it touches the ground.
/// let options = LoopOptions::default().keep(Keep::Sqrt);
/// let time = |height: &Tensor| {
///     let fall = |(y, v, t): &(Tensor, Tensor, Tensor)| (y + v * 1e-4, v - 9.81e-4, t + 1e-4);
///     let start = (height.clone(), Tensor::from(0.0), Tensor::from(0.0));
///     let above = |(y, _, _): &(Tensor, Tensor, Tensor)| y.greater(0.0);
///     let (y, v, t) = while_loop_with(options, above, fall, &start);
///     t - y / v
/// };
/// // √(2h/g), whose slope is 1/√(2gh).
/// let slope = grad(time)(&Tensor::from(5.0));
/// assert!((slope.item::<f64>()? - 1.0 / (2.0 * 9.81 * 5.0_f64).sqrt()).abs() < 1e-4);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// Like [`while_loop`], and with [`Keep::Snapshots`] or a memory limit.
#[track_caller]
pub fn while_loop_with<C: Tree>(
    options: LoopOptions,
    condition: impl Fn(&C) -> Tensor,
    step: impl Fn(&C) -> C,
    init: &C,
) -> C {
    let loc = Loc::caller();
    go_on("while_loop_with", options, condition, step, init, loc)
}

/// Whether the backward pass of a loop of unknown length keeps the states of some steps only.
fn grows(name: &str, options: LoopOptions) -> Result<bool> {
    match options {
        LoopOptions {
            keep: Keep::All,
            memory_limit: None,
        } => Ok(false),
        LoopOptions {
            keep: Keep::Sqrt,
            memory_limit: None,
        } => Ok(true),
        _ => Err(Error::new(
            ErrorKind::Argument,
            format!(
                "{name}: the number of steps is not known while tracing, but snapshots and a memory limit need it; \
                 take `Keep::Sqrt` or `Keep::All`, or a loop whose bounds are numbers"
            ),
        )),
    }
}

fn go_on<C: Tree>(
    name: &'static str,
    options: LoopOptions,
    condition: impl Fn(&C) -> Tensor,
    step: impl Fn(&C) -> C,
    init: &C,
    loc: Loc,
) -> C {
    let run = || {
        let grows = grows(name, options)?;
        let carried = leaves(init);
        let (test, answer) = close(name, init, &types(&carried), &condition)?;
        check_condition(name, &answer)?;
        let (body, result) = close(name, init, &types(&carried), &step)?;
        check_carried(name, init, &result)?;
        repeated(&test, &body, &carried, grows, loc)
    };
    let results = or_stop(run(), loc, || leaves(init), || leaves(init));
    rebuild(init, results)
}

/// Checks that a condition returned one boolean.
fn check_condition(name: &str, answer: &Tensor) -> Result<()> {
    if answer.dtype() == DType::Bool && answer.rank() == 0 {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::DType,
        format!(
            "{name}: the condition must return one boolean, bool[], it returned {}; compare, or reduce with `any` or `all`",
            answer.ty()
        ),
    ))
}

/// The carried values after the steps of `body` for which `test` is true.
fn repeated(
    test: &Closed,
    body: &Closed,
    carried: &[Tensor],
    grows: bool,
    loc: Loc,
) -> Result<Vec<Tensor>> {
    let mut operands = Operands::default();
    let mut new = LoopBuilder::new(Steps::While);
    let of_test = operands.enter_all(&test.captured, |v| new.constant(v));
    let of_body = operands.enter_all(&body.captured, |v| new.constant(v));
    let carries = operands.enter_all(carried, |v| new.carry(v));
    let (r, values) = new.build_while(
        &operands.graph,
        |program, inputs| {
            let args = [&carries[..], &of_test].concat();
            Ok(program.inline(&test.graph, &inputs.all(&args))?[0])
        },
        |program, inputs| {
            let args = [&carries[..], &of_body].concat();
            program.inline(&body.graph, &inputs.all(&args))
        },
    )?;
    unbounded(r, operands.in_order(&values), grows, loc)
}

/// Applies `step(i, carried)` for each `i` of a range, beginning with `init`; not at all if the range is empty.
///
/// The ends of the range are integers of any type, or tensors of one integer; `..n` counts from 0.
/// `i` is an i64 scalar. Both modes of differentiation work, also if the ends are computed.
///
/// ```
/// use gradus::prelude::*;
/// let factorial = fori_loop(1..=5, |i, p: &Tensor| p * i, &Tensor::from(1.0));
/// assert_eq!(factorial.item::<f64>()?, 120.0);
/// // The number of steps can be computed.
/// let power = |x: &Tensor, n: &Tensor| fori_loop(..n, |_, p: &Tensor| p * x, &Tensor::from(1.0));
/// let n = Tensor::from(5);
/// assert_eq!(power(&Tensor::from(2.0), &n).item::<f64>()?, 32.0);
/// let slope = grad(|x: &Tensor| power(x, &n))(&Tensor::from(2.0));
/// assert_eq!(slope.item::<f64>()?, 80.0);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If an end of the range is not one integer, or `step` changes the structure or
/// the types of its argument.
#[doc(alias = "for")]
#[doc(alias = "for_loop")]
#[track_caller]
pub fn fori_loop<C: Tree>(range: impl LoopRange, step: impl Fn(&Tensor, &C) -> C, init: &C) -> C {
    let loc = Loc::caller();
    let bounds = range.bounds();
    count_up("fori_loop", LoopOptions::default(), bounds, step, init, loc)
}

/// Options of [`fori_loop_with`] and [`while_loop_with`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct LoopOptions {
    /// The values of the steps that the backward pass keeps.
    pub keep: Keep,
    /// If given, [`keep`](Self::keep) is chosen so that the backward pass keeps at most this many bytes:
    /// everything, or `√n` of it, or as many states as fit.
    pub memory_limit: Option<u64>,
}

impl LoopOptions {
    /// Chooses the values that the backward pass keeps.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let options = LoopOptions::default().keep(Keep::Sqrt);
    /// let last = |x: &Tensor| fori_loop_with(options, 0..100, |_, x: &Tensor| x.sin(), x);
    /// check_grads(last, &Tensor::from(0.5))?;
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[must_use]
    pub fn keep(mut self, keep: Keep) -> LoopOptions {
        self.keep = keep;
        self
    }

    /// Limits the bytes that the backward pass keeps, by choosing [`keep`](Self::keep()). `None` removes the limit.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let options = LoopOptions::default().memory_limit(1000);
    /// let last = |x: &Tensor| fori_loop_with(options, 0..100, |_, x: &Tensor| x.sin(), x);
    /// check_grads(last, &Tensor::from(0.5))?;
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[must_use]
    pub fn memory_limit(mut self, bytes: impl Into<Option<u64>>) -> LoopOptions {
        self.memory_limit = bytes.into();
        self
    }
}

/// Like [`fori_loop`], with options.
/// [`Keep::Snapshots`] and a memory limit need the number of steps in advance, so the bounds cannot be computed
/// inside a traced function.
///
/// ```
/// use gradus::prelude::*;
/// // 10 000 steps; the backward pass holds 20 states at once.
/// let options = LoopOptions::default().keep(Keep::Snapshots(20));
/// let last = |r: &Tensor| fori_loop_with(options, 0..10_000, |_, x: &Tensor| r * x * (1.0 - x), &Tensor::from(0.4));
/// let slope = grad(last)(&Tensor::from(2.0));
/// assert!((slope.item::<f64>()? - 0.25).abs() < 1e-9);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// Like [`fori_loop`], and if the number of steps is needed and unknown.
#[track_caller]
pub fn fori_loop_with<C: Tree>(
    options: LoopOptions,
    range: impl LoopRange,
    step: impl Fn(&Tensor, &C) -> C,
    init: &C,
) -> C {
    let loc = Loc::caller();
    let bounds = range.bounds();
    count_up("fori_loop_with", options, bounds, step, init, loc)
}

/// The final carried values of a loop of unknown length.
/// If it `grows`, its backward pass keeps the states of some steps only.
fn unbounded(r: Loop, operands: Vec<Tensor>, grows: bool, loc: Loc) -> Result<Vec<Tensor>> {
    if let Trips::While(condition) = &r.trips
        && grows
    {
        let program = Growing { condition, r: &r }.program(trace::users_place(loc))?;
        return trace::apply(&program, operands).map_err(|e| e.at(loc));
    }
    let carried = r.outputs().carries.len();
    let mut results = apply_region(Region::Loop(r), operands, loc)?;
    results.truncate(carried);
    Ok(results)
}

fn count_up<C: Tree>(
    name: &'static str,
    options: LoopOptions,
    (lower, upper): (Tensor, Tensor),
    step: impl Fn(&Tensor, &C) -> C,
    init: &C,
    loc: Loc,
) -> C {
    let run = || {
        check_bounds(name, [&lower, &upper])?;
        let known = known_count(&lower, &upper)?;
        let wide = || (lower.astype(DType::I64), upper.astype(DType::I64));
        let (lower, upper) = trace::on_behalf_of(loc, wide);
        let carried = leaves(init);
        let mut arguments = vec![Type::scalar(DType::I64)];
        arguments.extend(types(&carried));
        let like = (Tensor::from(0i64), rebuild(init, carried.clone()));
        let from_zero = !lower.is_traced() && lower.item::<i64>()? == 0;
        let (body, result) = close(name, &like, &arguments, |(i, c)| {
            if from_zero {
                step(i, c)
            } else {
                step(&trace::on_behalf_of(loc, || i + &lower), c)
            }
        })?;
        check_carried(name, init, &result)?;
        if let Some(n) = known {
            let body = match n {
                0 => body,
                _ => before_steps(body, arguments.len())?,
            };
            return counted(body, &carried, n, options, loc);
        }
        let count = trace::on_behalf_of(loc, || distance(&lower, &upper, from_zero));
        computed(body, &carried, &count, grows(name, options)?, loc)
    };
    let results = or_stop(run(), loc, || leaves(init), || leaves(init));
    rebuild(init, results)
}

/// The number of steps from `lower`, which is 0 if `from_zero`, to `upper`.
fn distance(lower: &Tensor, upper: &Tensor, from_zero: bool) -> Tensor {
    if from_zero {
        return upper.clone();
    }
    // The distance of bounds in the wrong order can overflow to any positive number.
    let none = Tensor::from(0i64);
    upper.greater(lower).where_(&(upper - lower), &none)
}

/// The final carried values after `n` steps of `body`, which takes the number of the step and the carried values.
fn counted(
    body: Closed,
    carried: &[Tensor],
    n: usize,
    options: LoopOptions,
    loc: Loc,
) -> Result<Vec<Tensor>> {
    let mut operands = Operands::default();
    let mut new = LoopBuilder::new(Steps::Fixed(n));
    let consts = operands.enter_all(&body.captured, |v| new.constant(v));
    let carries = operands.enter_all(carried, |v| new.carry(v));
    let args = [vec![Handle::INDEX], carries, consts].concat();
    let (r, values) = new.build(&operands.graph, |program, inputs| {
        program.inline(&body.graph, &inputs.all(&args))
    })?;
    let keep = (options.keep, options.memory_limit);
    Rewriting { r: &r }.apply(n, keep, operands.in_order(&values), loc)
}

/// Like [`counted`], with a computed number of steps.
fn computed(
    body: Closed,
    carried: &[Tensor],
    count: &Tensor,
    grows: bool,
    loc: Loc,
) -> Result<Vec<Tensor>> {
    let mut operands = Operands::default();
    let count = operands.enter(count);
    let mut new = LoopBuilder::new(match grows {
        true => Steps::While,
        false => Steps::Counted(count),
    });
    let most = grows.then(|| new.constant(count));
    let consts = operands.enter_all(&body.captured, |v| new.constant(v));
    let carries = operands.enter_all(carried, |v| new.carry(v));
    let args = [vec![Handle::INDEX], carries, consts].concat();
    let step =
        |program: &mut Graph, inputs: &Inputs| program.inline(&body.graph, &inputs.all(&args));
    let (r, values) = match most {
        Some(most) => new.build_while(
            &operands.graph,
            |program, inputs| Ok(program.compare(Compare::Lt, inputs[Handle::INDEX], inputs[most])),
            step,
        )?,
        None => new.build(&operands.graph, step)?,
    };
    unbounded(r, operands.in_order(&values), grows, loc)
}

/// Checks that the ends of a range are single integers.
fn check_bounds(name: &str, bounds: [&Tensor; 2]) -> Result<()> {
    match bounds
        .iter()
        .find(|b| !b.dtype().is_integer() || b.rank() != 0)
    {
        None => Ok(()),
        Some(bound) => Err(Error::new(
            ErrorKind::DType,
            format!(
                "{name}: an end of the range must be one integer, such as i64[], it is {}",
                bound.ty()
            ),
        )),
    }
}

/// The number of steps, if both bounds are numbers while tracing.
fn known_count(lower: &Tensor, upper: &Tensor) -> Result<Option<usize>> {
    if lower.is_traced() || upper.is_traced() {
        return Ok(None);
    }
    let number = |t: &Tensor| Ok::<i64, Error>(t.array()?.get(0).as_i64());
    let count = number(upper)?.saturating_sub(number(lower)?);
    Ok(Some(count.max(0) as usize))
}

/// An end of a [`LoopRange`]: an integer, or a tensor of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the end of a loop's range",
    label = "the ends are integers, or references to tensors of one integer"
)]
pub trait LoopBound: sealed::Sealed {
    #[doc(hidden)]
    fn bound(self) -> Tensor;
}

impl<I: Integer> LoopBound for I {
    fn bound(self) -> Tensor {
        // No loop reaches the largest step number.
        let n = self.wide().clamp(i64::MIN.into(), i64::MAX.into());
        Tensor::from(n as i64)
    }
}

impl LoopBound for Tensor {
    fn bound(self) -> Tensor {
        self
    }
}

impl LoopBound for &Tensor {
    fn bound(self) -> Tensor {
        self.clone()
    }
}

/// The numbers of a [`fori_loop`]: `a..b`, or `..b` from 0 on,
/// of integers or of tensors of one integer; `a..=b` of integers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a range that a loop can go through",
    label = "steps are counted by a range, such as `0..n`, `..n` or `1..=n`"
)]
pub trait LoopRange: sealed::Sealed {
    /// The first number, and the number after the last.
    #[doc(hidden)]
    fn bounds(self) -> (Tensor, Tensor);
}

impl<B: LoopBound> LoopRange for Range<B> {
    fn bounds(self) -> (Tensor, Tensor) {
        (self.start.bound(), self.end.bound())
    }
}

impl<B: LoopBound> LoopRange for RangeTo<B> {
    fn bounds(self) -> (Tensor, Tensor) {
        (Tensor::from(0i64), self.end.bound())
    }
}

impl<I: Integer> LoopRange for RangeInclusive<I> {
    fn bounds(self) -> (Tensor, Tensor) {
        let (start, end) = self.into_inner();
        (start.bound(), (end.wide() + 1).bound())
    }
}

mod sealed {
    use super::*;

    pub trait Sealed {}

    impl<I: Integer> Sealed for I {}
    impl Sealed for Tensor {}
    impl Sealed for &Tensor {}
    impl<B: super::LoopBound> Sealed for Range<B> {}
    impl<B: super::LoopBound> Sealed for RangeTo<B> {}
    impl<I: Integer> Sealed for RangeInclusive<I> {}
}
