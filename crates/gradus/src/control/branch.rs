//! Choices between functions. Only the chosen function runs.

use crate::function::{apply_region, check_same, close, on_inputs, or_stop, types};
use crate::tensor::Tensor;
use crate::trace::{self, Closed};
use crate::tree::{Tree, leaves, rebuild, zeros_like};
use gradus_ir::primitives::{Region, Switch};
use gradus_ir::{DType, Error, ErrorKind, Loc, Result};

/// `on_true(x)` if `predicate` is true, else `on_false(x)`. Only one of them runs, and only its derivative.
///
/// `predicate` is one boolean. Both functions return trees of the same structure and types.
/// Every operation of a function belongs to its branch, even if it uses captured tensors alone.
/// If the branch is not taken, none of its operations runs, fails, shows a value or has a derivative.
///
/// Under [`vmap`](crate::vmap), if the predicate differs between examples, both functions are computed for all
/// examples, and each example takes its own result.
/// An example that did not take a branch cannot fail in it, is not shown there, and spoils no derivative,
/// even if the branch has an infinite slope at the example.
///
/// ```
/// use gradus::prelude::*;
/// // Huber's loss, without computing what is not taken.
/// let huber = |x: &Tensor| cond(&x.abs().less_equal(1.0), |x: &Tensor| x.square() * 0.5, |x: &Tensor| x.abs() - 0.5, x);
/// assert_eq!(huber(&Tensor::from(3.0)).item::<f64>()?, 2.5);
/// assert_eq!(grad(huber)(&Tensor::from(3.0)).item::<f64>()?, 1.0);
/// assert_eq!(grad(huber)(&Tensor::from(0.25)).item::<f64>()?, 0.25);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If `predicate` is not one boolean, or the functions return different types.
#[doc(alias = "if_then_else")]
#[track_caller]
pub fn cond<A: Tree, B: Tree>(
    predicate: &Tensor,
    on_true: impl Fn(&A) -> B,
    on_false: impl Fn(&A) -> B,
    x: &A,
) -> B {
    let loc = Loc::caller();
    let checked = if predicate.dtype() == DType::Bool && predicate.rank() == 0 {
        Ok(())
    } else {
        Err(Error::new(
            ErrorKind::DType,
            format!(
                "cond: the predicate must be one boolean, bool[], it is {}; compare, or reduce with `any` or `all`",
                predicate.ty()
            ),
        ))
    };
    let result = checked.and_then(|()| {
        let index = trace::on_behalf_of(loc, || predicate.astype(DType::I64));
        let branches: [&dyn Fn(&A) -> B; 2] = [&on_false, &on_true];
        choose(
            "cond",
            &["`on_false`", "`on_true`"],
            &index,
            &branches,
            x,
            loc,
        )
    });
    or_stop(result, loc, || leaves(x), || zeros_like(&on_true(x)))
}

/// `branches[index](x)`. Only that branch runs, and only its derivative.
/// An index out of range counts as the nearest one.
///
/// ```
/// use gradus::prelude::*;
/// let f = |k: i64, x: f64| {
///     switch(&Tensor::from(k), &[&|x: &Tensor| x.sin(), &|x: &Tensor| x.exp(), &|x: &Tensor| x.square()], &Tensor::from(x))
/// };
/// assert_eq!(f(2, 3.0).item::<f64>()?, 9.0);
/// assert_eq!(f(7, 3.0).item::<f64>()?, 9.0);
/// assert_eq!(f(-1, 0.0).item::<f64>()?, 0.0);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If `index` is not one integer, there is no branch, or the branches return different types.
#[doc(alias = "case")]
#[track_caller]
pub fn switch<A: Tree, B: Tree>(index: &Tensor, branches: &[&dyn Fn(&A) -> B], x: &A) -> B {
    let loc = Loc::caller();
    let checked = if !index.dtype().is_integer() || index.rank() != 0 {
        Err(Error::new(
            ErrorKind::DType,
            format!(
                "switch: the index must be one integer, such as i64[], it is {}",
                index.ty()
            ),
        ))
    } else if branches.is_empty() {
        Err(no_branch())
    } else {
        Ok(())
    };
    let result = checked.and_then(|()| {
        let names: Vec<String> = (0..branches.len()).map(|k| format!("branch {k}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        choose(
            "switch",
            &names,
            &trace::on_behalf_of(loc, || index.astype(DType::I64)),
            branches,
            x,
            loc,
        )
    });
    or_stop(
        result,
        loc,
        || leaves(x),
        || match branches.first() {
            Some(first) => zeros_like(&first(x)),
            // No branch exists whose result could stand in.
            None => panic!("{}", no_branch().at(trace::users_place(loc))),
        },
    )
}

fn no_branch() -> Error {
    let message = "switch: there is no branch to choose";
    Error::new(ErrorKind::Argument, message)
}

fn choose<A: Tree, B: Tree>(
    name: &'static str,
    names: &[&str],
    index: &Tensor,
    branches: &[&dyn Fn(&A) -> B],
    x: &A,
    loc: Loc,
) -> Result<B> {
    let inputs = leaves(x);
    let mut operands = inputs.clone();
    let mut closed: Vec<(Closed, B, usize)> = Vec::new();
    for branch in branches {
        let (program, result) = close(name, x, &types(&inputs), branch)?;
        let first = operands.len();
        operands.extend(program.captured.iter().cloned());
        closed.push((program, result, first));
    }
    let (_, like, _) = &closed[0];
    for ((_, result, _), branch) in closed.iter().zip(names).skip(1) {
        let what = format!(
            "{name}: {branch} returns a different type than {}",
            names[0]
        );
        check_same(&what, like, result, |w, g| {
            let remedy = if w.dtype == g.dtype {
                "all must return the same shape".into()
            } else {
                format!("convert it with `astype({:?})`", w.dtype)
            };
            format!("is {g}, not {w}; {remedy}")
        })?;
    }
    let all = types(&operands);
    let programs = closed.iter().map(|(program, _, first)| {
        let captured = *first..first + program.captured.len();
        let args: Vec<usize> = (0..inputs.len()).chain(captured).collect();
        Ok(on_inputs(&program.graph, &all, &args)?.into())
    });
    let region = Region::Switch(Switch {
        branches: programs.collect::<Result<_>>()?,
    });
    operands.insert(0, index.clone());
    Ok(rebuild(like, apply_region(region, operands, loc)?))
}
