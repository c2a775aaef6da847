//! Loops over the rows of arrays.

use super::invariant::before_steps;
use super::keep::Rewriting;
use super::operands::Operands;
use super::{Keep, check_carried};
use crate::function::{check_same, close, or_stop, types, zeros};
use crate::tensor::{Tensor, concatenate, stack};
use crate::trace::{self, Closed};
use crate::transform::vmap;
use crate::tree::{Tree, leaves, paths, rebuild};
use gradus_ir::primitives::region::{LoopBuilder, Steps};
use gradus_ir::{Error, ErrorKind, Loc, Result, Type};

/// Options of [`scan_with`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct ScanOptions {
    /// Whether the scan begins with the last item. The results keep the order of the items.
    pub reverse: bool,
    /// The number of steps. It is needed only if there is no sequence.
    pub length: Option<usize>,
    /// The values that the backward pass keeps.
    pub keep: Keep,
    /// If given, [`keep`](Self::keep) is chosen so that the backward pass keeps at most this many bytes:
    /// everything, or `√n` of it, or as many states as fit.
    pub memory_limit: Option<u64>,
}

impl ScanOptions {
    /// Begins with the last item. The results keep the order of the items.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let sums = |s: &Tensor, x: &Tensor| (s + x, s + x);
    /// let (zero, xs) = (Tensor::from(0.0), Tensor::from([1.0, 2.0, 3.0]));
    /// let (_, from_the_end) = scan_with(ScanOptions::default().reverse(), sums, &zero, &xs);
    /// assert_eq!(from_the_end.to_vec::<f64>()?, [6.0, 5.0, 3.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[must_use]
    pub fn reverse(mut self) -> ScanOptions {
        self.reverse = true;
        self
    }

    /// Sets the number of steps. It is needed only if there is no sequence.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let options = ScanOptions::default().length(3);
    /// let (last, _) = scan_with(options, |x: &Tensor, _: &()| (2.0 * x, ()), &Tensor::from(1.0), &());
    /// assert_eq!(last.item::<f64>()?, 8.0);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[must_use]
    pub fn length(mut self, steps: impl Into<Option<usize>>) -> ScanOptions {
        self.length = steps.into();
        self
    }

    /// Chooses the values that the backward pass keeps.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let options = ScanOptions::default().length(100).keep(Keep::Sqrt);
    /// let last = |x: &Tensor| scan_with(options, |x: &Tensor, _: &()| (x.sin(), ()), x, &()).0;
    /// check_grads(last, &Tensor::from(0.5))?;
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[must_use]
    pub fn keep(mut self, keep: Keep) -> ScanOptions {
        self.keep = keep;
        self
    }

    /// Limits the bytes that the backward pass keeps, by choosing [`keep`](Self::keep()). `None` removes the limit.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let options = ScanOptions::default().length(100).memory_limit(1000);
    /// let last = |x: &Tensor| scan_with(options, |x: &Tensor, _: &()| (x.sin(), ()), x, &()).0;
    /// check_grads(last, &Tensor::from(0.5))?;
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[must_use]
    pub fn memory_limit(mut self, bytes: impl Into<Option<u64>>) -> ScanOptions {
        self.memory_limit = bytes.into();
        self
    }
}

/// Carries a state through the rows of `xs`: `f(state, row)` returns the next state and a row of the result.
///
/// A row of a tree is a row of each of its tensors, along their first axis.
/// Returns the last state and the stacked rows.
///
/// ```
/// use gradus::prelude::*;
/// // Exponential smoothing.
/// let smooth = |rate: &Tensor, xs: &Tensor| {
///     let (_, ys) = scan(
///         |s: &Tensor, x: &Tensor| {
///             let s = s + rate * (x - s);
///             (s.clone(), s)
///         },
///         &Tensor::from(0.0),
///         xs,
///     );
///     ys
/// };
/// let xs = Tensor::from([1.0, 1.0, 1.0]);
/// assert_eq!(smooth(&Tensor::from(0.5), &xs).to_vec::<f64>()?, [0.5, 0.75, 0.875]);
/// let slope = grad(|rate: &Tensor| smooth(rate, &xs).sum())(&Tensor::from(0.5));
/// assert_eq!(slope.item::<f64>()?, 1.0 + 1.0 + 0.75);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If the tensors of `xs` have no first axis or different sizes along it, or `f` changes
/// the structure or the types of the state.
#[doc(alias = "fold")]
#[track_caller]
pub fn scan<C: Tree, X: Tree, Y: Tree>(f: impl Fn(&C, &X) -> (C, Y), init: &C, xs: &X) -> (C, Y) {
    let loc = Loc::caller();
    run("scan", ScanOptions::default(), f, init, xs, loc)
}

/// Like [`scan`], with options.
///
/// ```
/// use gradus::prelude::*;
/// // 10 000 steps of the logistic map; the backward pass keeps 100 states and 100 steps.
/// let options = ScanOptions::default().length(10_000).keep(Keep::Sqrt);
/// let last = |r: &Tensor| scan_with(options, |x: &Tensor, _: &()| (r * x * (1.0 - x), ()), &Tensor::from(0.4), &()).0;
/// let slope = grad(last)(&Tensor::from(2.0));
/// assert!((slope.item::<f64>()? - 0.25).abs() < 1e-9);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// Like [`scan`], and if the number of steps is unknown, or `length` differs from the length of the sequences.
#[track_caller]
pub fn scan_with<C: Tree, X: Tree, Y: Tree>(
    options: ScanOptions,
    f: impl Fn(&C, &X) -> (C, Y),
    init: &C,
    xs: &X,
) -> (C, Y) {
    let loc = Loc::caller();
    run("scan_with", options, f, init, xs, loc)
}

/// Applies `f` to each row, one after the other, and stacks the results.
///
/// It computes the same as [`vmap`](crate::vmap), with the memory of one row at a time.
/// A `cond` inside runs one branch per row.
///
/// ```
/// use gradus::prelude::*;
/// let norms = map(|x: &Tensor| x.square().sum().sqrt(), &Tensor::from([[3.0, 4.0], [5.0, 12.0]]));
/// assert_eq!(norms.to_vec::<f64>()?, [5.0, 13.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If the tensors of `xs` have no first axis, or different sizes along it.
#[doc(alias = "for_each")]
#[track_caller]
pub fn map<X: Tree, Y: Tree>(f: impl Fn(&X) -> Y, xs: &X) -> Y {
    let loc = Loc::caller();
    run(
        "map",
        ScanOptions::default(),
        |(): &(), x: &X| ((), f(x)),
        &(),
        xs,
        loc,
    )
    .1
}

/// [`scan_with`] with the name for messages, called at `loc`.
pub(crate) fn run<C: Tree, X: Tree, Y: Tree>(
    name: &'static str,
    options: ScanOptions,
    f: impl Fn(&C, &X) -> (C, Y),
    init: &C,
    xs: &X,
    loc: Loc,
) -> (C, Y) {
    let (carried, sequences) = (leaves(init), leaves(xs));
    let mut like: Option<(C, Y)> = None;
    let mut scan = || {
        let n = steps(name, &options, xs, &sequences)?;
        let items: Vec<Tensor> = sequences
            .iter()
            .map(|x| zeros(&x.ty().with_shape(&x.ty().shape[1..])))
            .collect();
        let argument = (rebuild(init, carried.clone()), rebuild(xs, items.clone()));
        let mut arguments = types(&carried);
        arguments.extend(types(&items));
        let (body, result) = close(name, &argument, &arguments, |(c, x)| f(c, x))?;
        check_carried(name, init, &result.0)?;
        let (results, ys) = stepped(n, &options, body, &carried, &sequences, loc)?;
        like = Some(result);
        Ok((results, ys))
    };
    let results = scan();
    let (last, ys) = or_stop(
        results,
        loc,
        || [&carried[..], &sequences].concat(),
        || {
            let items = sequences.iter().map(|x| {
                let shape = x.ty().shape.get(1..).unwrap_or_default();
                zeros(&x.ty().with_shape(shape))
            });
            let result = f(init, &rebuild(xs, items.collect()));
            let ys = leaves(&result.1);
            let ys = ys.iter().map(|y| zeros(&y.ty().batched(1)));
            let found = (carried.clone(), ys.collect());
            like = Some(result);
            found
        },
    );
    match like {
        Some((c, y)) => (rebuild(&c, last), rebuild(&y, ys)),
        None => unreachable!("the function was traced"),
    }
}

/// The carried values after `n` steps of `body`, and the stacked rows of its other results.
fn stepped(
    n: usize,
    options: &ScanOptions,
    body: Closed,
    carried: &[Tensor],
    sequences: &[Tensor],
    loc: Loc,
) -> Result<(Vec<Tensor>, Vec<Tensor>)> {
    let body = match n {
        0 => body,
        _ => before_steps(body, carried.len() + sequences.len())?,
    };
    let mut operands = Operands::default();
    let mut new = LoopBuilder::new(Steps::Fixed(n));
    if options.reverse {
        new = new.reversed();
    }
    let consts = operands.enter_all(&body.captured, |v| new.constant(v));
    let carries = operands.enter_all(carried, |v| new.carry(v));
    let items = operands.enter_all(sequences, |v| new.sequence(v));
    let args = [carries, items, consts].concat();
    let (r, values) = new.build(&operands.graph, |step, inputs| {
        step.inline(&body.graph, &inputs.all(&args))
    })?;
    let keep = (options.keep, options.memory_limit);
    let operands = operands.in_order(&values);
    let mut results = Rewriting { r: &r }.apply(n, keep, operands, loc)?;
    let ys = results.split_off(r.outputs().kept.start);
    Ok((results, ys))
}

/// The number of steps.
fn steps<X: Tree>(
    name: &str,
    options: &ScanOptions,
    xs: &X,
    sequences: &[Tensor],
) -> Result<usize> {
    let names = paths(xs);
    let mut length = options.length.map(|n| (n, format!("`length` is {n}")));
    for (x, path) in sequences.iter().zip(&names) {
        let which = if path.is_empty() {
            "the sequence".to_string()
        } else {
            format!("leaf `{path}` of the sequence")
        };
        let Some(&n) = x.ty().shape.first() else {
            return Err(Error::new(
                ErrorKind::Shape,
                format!(
                    "{name}: {which} is {} and has no rows to go through",
                    x.ty()
                ),
            ));
        };
        match &length {
            Some((m, first)) if *m != n => {
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!("{name}: {first}, {which} is {} and has {n} rows", x.ty()),
                ));
            }
            Some(_) => {}
            None => length = Some((n, format!("{which} has {n} rows"))),
        }
    }
    match length {
        Some((n, _)) => Ok(n),
        None => Err(Error::new(
            ErrorKind::Argument,
            format!(
                "{name}: there is no sequence, so the number of steps is unknown; give `length` to `scan_with`"
            ),
        )),
    }
}

/// All cumulative combinations `x₀`, `f(x₀, x₁)`, `f(f(x₀, x₁), x₂)`,
/// … of the rows of `xs`, for an associative `f`.
///
/// It takes about `2·log₂ n` rounds, each on many rows at once, instead of `n` steps one after the other
/// (Blelloch, "Prefix sums and their applications", 1990). `f` combines two single rows.
/// [`associative_scan_reverse`] begins with the last row.
///
/// ```
/// use gradus::prelude::*;
/// let products = associative_scan(|a: &Tensor, b: &Tensor| a * b, &Tensor::from([1.0, 2.0, 3.0, 4.0]));
/// assert_eq!(products.to_vec::<f64>()?, [1.0, 2.0, 6.0, 24.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If the tensors of `xs` have no first axis or different sizes along it, or `f` changes the structure or
/// the types of its argument.
#[doc(alias = "prefix_sum")]
#[doc(alias = "cumprod")]
#[track_caller]
pub fn associative_scan<X: Tree>(f: impl Fn(&X, &X) -> X, xs: &X) -> X {
    let loc = Loc::caller();
    combined("associative_scan", ScanOptions::default(), f, xs, loc)
}

/// Like [`associative_scan`], from the last row to the first: `xₙ`, `f(xₙ, xₙ₋₁)`, … in the order of the rows of `xs`.
///
/// ```
/// use gradus::prelude::*;
/// let sums = associative_scan_reverse(|a: &Tensor, b: &Tensor| a + b, &Tensor::from([1.0, 2.0, 3.0]));
/// assert_eq!(sums.to_vec::<f64>()?, [6.0, 5.0, 3.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// Like [`associative_scan`].
#[track_caller]
pub fn associative_scan_reverse<X: Tree>(f: impl Fn(&X, &X) -> X, xs: &X) -> X {
    let loc = Loc::caller();
    let options = ScanOptions::default().reverse();
    combined("associative_scan_reverse", options, f, xs, loc)
}

fn combined<X: Tree>(
    name: &'static str,
    options: ScanOptions,
    f: impl Fn(&X, &X) -> X,
    xs: &X,
    loc: Loc,
) -> X {
    let rows = leaves(xs);
    let result = steps(name, &options, xs, &rows).and_then(|n| {
        if n < 2 {
            return Ok(rows.clone());
        }
        let flip = |rows: Vec<Tensor>| -> Vec<Tensor> {
            if options.reverse {
                rows.iter().map(|x| x.flip(&[0])).collect()
            } else {
                rows
            }
        };
        let combine = |a: Rows, b: Rows| {
            let pair = (rebuild(xs, a.clone()), rebuild(xs, b));
            let combined = vmap(|(a, b): &(X, X)| f(a, b))(&pair);
            let what = format!("{name}: the combination of two rows has a different type");
            let row = |ty: &Type| ty.with_shape(ty.shape.get(1..).unwrap_or_default());
            check_same(&what, &rebuild(xs, a), &combined, |w, g| {
                format!(
                    "rows were {}, the combined one is {}; both must have the same type",
                    row(w),
                    row(g)
                )
            })?;
            Ok(leaves(&combined))
        };
        let combined = trace::on_behalf_of(loc, || prefix(&combine, flip(rows.clone()), n))?;
        Ok(flip(combined))
    });
    rebuild(xs, or_stop(result, loc, || rows.clone(), || rows.clone()))
}

/// Rows of a tree, as a list of tensors.
type Rows = Vec<Tensor>;

fn prefix(combine: &dyn Fn(Rows, Rows) -> Result<Rows>, rows: Rows, n: usize) -> Result<Rows> {
    if n < 2 {
        return Ok(rows);
    }
    let part = |rows: &Rows, from: usize, to: usize, step: usize| -> Rows {
        let cut = |x: &Tensor| x.slice_axis_step(0, from..to, step);
        rows.iter().map(cut).collect()
    };
    // Pairs are combined.
    // The scan of the pairs gives every second result, and one more combination gives each result between.
    let half = n / 2;
    let pairs = combine(part(&rows, 0, 2 * half, 2), part(&rows, 1, 2 * half, 2))?;
    let odd = prefix(combine, pairs, half)?;
    let others = (n - 1) / 2;
    let first = part(&rows, 0, 1, 1);
    let even = if others == 0 {
        first
    } else {
        let later = combine(part(&odd, 0, others, 1), part(&rows, 2, n, 2))?;
        let joined = first.iter().zip(&later);
        joined.map(|(a, b)| concatenate(&[a, b], 0)).collect()
    };
    let pairs = even.iter().zip(&odd);
    Ok(pairs.map(|(a, b)| interleave(a, b, half)).collect())
}

/// `a₀, b₀, a₁, b₁, …`, where `a` can have one row more than the `half` rows of `b`.
fn interleave(a: &Tensor, b: &Tensor, half: usize) -> Tensor {
    let paired = stack(&[&a.slice_axis(0, ..half), b], 1);
    let mut shape = a.shape().to_vec();
    shape[0] = 2 * half;
    let paired = paired.reshape(&shape);
    if a.shape()[0] == half {
        paired
    } else {
        concatenate(&[&paired, &a.slice_axis(0, half..)], 0)
    }
}
