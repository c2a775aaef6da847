//! Loops that carry a tree from step to step.

use super::{apply, check_carried, close, on_inputs, or_stop, types};
use crate::tensor::Tensor;
use crate::tree::{Tree, leaves, rebuild};
use gradus_ir::primitives::{Loop, Region, Trips};
use gradus_ir::{DType, Error, ErrorKind, Loc, Type};

/// Applies `step` to what is carried, beginning with `init`, as long as `condition` holds of it.
///
/// How often it runs may depend on the values. Reverse mode works all the same: what the way back needs of each step is kept in a list that grows with
/// the steps. Under [`vmap`](crate::vmap) all rows go on until the last one is done; those that are done before keep what they have.
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
/// If `condition` does not return one truth value, or `step` returns another structure or other types than it gets.
#[track_caller]
pub fn while_loop<C: Tree>(
    condition: impl Fn(&C) -> Tensor,
    step: impl Fn(&C) -> C,
    init: &C,
) -> C {
    let loc = Loc::caller();
    let run = || {
        let carried = leaves(init);
        let (test, answer) = close("while_loop", init, &types(&carried), &condition)?;
        if answer.dtype() != DType::Bool || answer.rank() != 0 {
            return Err(Error::new(
                ErrorKind::DType,
                format!(
                    "while_loop: the condition must return one truth value, bool[], it returned {}; compare, or reduce with `any` or `all`",
                    answer.ty()
                ),
            ));
        }
        let (body, result) = close("while_loop", init, &types(&carried), &step)?;
        check_carried("while_loop", init, &result)?;
        let (a, b) = (test.captured.len(), body.captured.len());
        let mut operands = [test.captured.clone(), body.captured.clone()].concat();
        operands.extend(carried.iter().cloned());
        let mut all = vec![Type::scalar(DType::I64)];
        all.extend(types(&operands));
        let of_carried = 1 + a + b..1 + a + b + carried.len();
        let test = on_inputs(
            &test.graph,
            &all,
            &of_carried.clone().chain(1..1 + a).collect::<Vec<_>>(),
        )?;
        let body = on_inputs(
            &body.graph,
            &all,
            &of_carried.chain(1 + a..1 + a + b).collect::<Vec<_>>(),
        )?;
        let region = Region::Loop(Loop {
            trips: Trips::While(test.into()),
            reverse: false,
            consts: a + b,
            carries: carried.len(),
            body: body.into(),
        });
        let mut results = apply(region, operands, loc)?;
        results.truncate(carried.len());
        Ok(results)
    };
    let results = or_stop(run(), loc, || leaves(init));
    rebuild(init, results)
}

/// Applies `step(i, carried)` for `i` from `lower` up to, and not including, `upper`, beginning with `init`; not at all if there is none.
///
/// The bounds are integers, or tensors of one integer; `i` is an i64 number. Both modes of differentiation work, whether the bounds are known beforehand or not.
///
/// ```
/// use gradus::prelude::*;
/// let power = |x: &Tensor, n: &Tensor| fori_loop(0, n, |_, p: &Tensor| p * x, &Tensor::from(1.0));
/// let n = Tensor::from(5);
/// assert_eq!(power(&Tensor::from(2.0), &n).item::<f64>()?, 32.0);
/// let slope = grad(|x: &Tensor| power(x, &n))(&Tensor::from(2.0));
/// assert_eq!(slope.item::<f64>()?, 80.0);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If a bound is not one integer, or `step` returns another structure or other types than it gets.
#[track_caller]
pub fn fori_loop<C: Tree>(
    lower: impl Into<Bound>,
    upper: impl Into<Bound>,
    step: impl Fn(&Tensor, &C) -> C,
    init: &C,
) -> C {
    let loc = Loc::caller();
    let (lower, upper) = (lower.into().0, upper.into().0);
    let run = || {
        for bound in [&lower, &upper] {
            if !bound.dtype().is_integer() || bound.rank() != 0 {
                return Err(Error::new(
                    ErrorKind::DType,
                    format!(
                        "fori_loop: a bound must be one integer, such as i64[], it is {}",
                        bound.ty()
                    ),
                ));
            }
        }
        let (lower, upper) = (lower.astype(DType::I64), upper.astype(DType::I64));
        let count = &upper - &lower;
        let carried = leaves(init);
        let mut arguments = vec![Type::scalar(DType::I64)];
        arguments.extend(types(&carried));
        let like = (Tensor::from(0i64), rebuild(init, carried.clone()));
        let from_zero = !lower.is_traced() && lower.item::<i64>()? == 0;
        let (body, result) = close("fori_loop", &like, &arguments, |(i, c)| {
            if from_zero {
                step(i, c)
            } else {
                step(&(i + &lower), c)
            }
        })?;
        check_carried("fori_loop", init, &result)?;
        let consts = body.captured.len();
        let mut operands = body.captured.clone();
        operands.extend(carried.iter().cloned());
        let mut all = vec![Type::scalar(DType::I64)];
        all.extend(types(&operands));
        let args: Vec<usize> = [0]
            .into_iter()
            .chain(1 + consts..1 + consts + carried.len())
            .chain(1..1 + consts)
            .collect();
        let trips = if count.is_traced() {
            operands.insert(0, count);
            Trips::Counted
        } else {
            Trips::Fixed(count.item::<i64>()?.max(0) as usize)
        };
        let region = Region::Loop(Loop {
            trips,
            reverse: false,
            consts,
            carries: carried.len(),
            body: on_inputs(&body.graph, &all, &args)?.into(),
        });
        apply(region, operands, loc)
    };
    let results = or_stop(run(), loc, || leaves(init));
    rebuild(init, results)
}

/// A bound of [`fori_loop`]: an integer, or a tensor of one.
pub struct Bound(Tensor);

impl From<i64> for Bound {
    fn from(n: i64) -> Bound {
        Bound(Tensor::from(n))
    }
}

impl From<i32> for Bound {
    fn from(n: i32) -> Bound {
        Bound(Tensor::from(i64::from(n)))
    }
}

impl From<usize> for Bound {
    fn from(n: usize) -> Bound {
        Bound(Tensor::from(n as i64))
    }
}

impl From<Tensor> for Bound {
    fn from(n: Tensor) -> Bound {
        Bound(n)
    }
}

impl From<&Tensor> for Bound {
    fn from(n: &Tensor) -> Bound {
        Bound(n.clone())
    }
}
