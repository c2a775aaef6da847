//! Functions with custom derivatives.

use crate::function::{
    apply_region, changed, check_like, check_same, close, floats, on_inputs, or_stop, types, zeros,
};
use crate::tensor::Tensor;
use crate::trace::{self, Arguments, Closed, Kind};
use crate::tree::{Tree, leaves, paths, rebuild};
use gradus_ir::primitives::region::{CustomJvp, CustomVjp, Linear};
use gradus_ir::primitives::{Call, Region};
use gradus_ir::{DType, Error, ErrorKind, Graph, Loc, Result, Type};

/// `f` with a custom derivative: `rule(x, y, ẋ)` is the tangent `ẏ` of `y = f(x)` along `ẋ`.
///
/// The rule serves both modes, because reverse mode is its transpose, so it must be linear in `ẋ`.
/// `y` is the value that exists already. If the rule uses it, second derivatives follow the rule again.
/// Leaves that are not floats have tangents of zeros, and the rule's results for them are ignored.
/// Tangents that are zero because the argument does not vary cost nothing: the rule is simplified for them.
///
/// Plans count the operations of the rule.
/// If these do not reflect its cost, [`with_cost`](crate::with_cost) supplies the cost.
///
/// Values that `f` and `rule` capture count as constants.
/// A derivative with respect to one is an error when it runs: pass the value as part of `x`,
/// or through [`stop_gradient`](crate::stop_gradient).
///
/// ```
/// use gradus::prelude::*;
/// // exp(x) / (1 + exp(x)) is NaN for large x; the rule is not.
/// let log1pexp = custom_jvp(
///     |x: &Tensor| x.exp().log1p(),
///     |x: &Tensor, _, dx: &Tensor| (1.0 - 1.0 / (1.0 + x.exp())) * dx,
/// );
/// assert_eq!(grad(log1pexp)(&Tensor::from(100.0)).item::<f64>()?, 1.0);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// When called, if the rule returns another structure than `f`,
/// or a float leaf of another type, or is not linear in the tangent.
#[doc(alias = "defjvp")]
#[doc(alias = "custom_gradient")]
#[track_caller]
pub fn custom_jvp<A: Tree, B: Tree>(
    f: impl Fn(&A) -> B,
    rule: impl Fn(&A, &B, &A) -> B,
) -> impl Fn(&A) -> B {
    let loc = Loc::caller();
    move |x| {
        let result = with_tangent("custom_jvp", x, &f, &rule, Outside::Unknown, loc);
        or_stop(result, loc, || leaves(x), || f(x))
    }
}

/// The derivative with respect to the captured values of a function with a rule.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outside {
    /// Unknown: an error if it is needed.
    Unknown,
    /// Zero.
    Zero,
}

impl Outside {
    /// The tensors as operands.
    fn operands(self, captured: &[Tensor]) -> Vec<Tensor> {
        let stops =
            |t: &Tensor| self == Outside::Zero && t.is_traced() && t.dtype().has_derivatives();
        let each = captured.iter();
        each.map(|t| {
            if stops(t) {
                t.stop_gradient()
            } else {
                t.clone()
            }
        })
        .collect()
    }
}

/// Applies `f` with `rule` for its tangent.
pub(crate) fn with_tangent<A: Tree, B: Tree>(
    name: &'static str,
    x: &A,
    f: &dyn Fn(&A) -> B,
    rule: &dyn Fn(&A, &B, &A) -> B,
    outside: Outside,
    loc: Loc,
) -> Result<B> {
    let inputs = leaves(x);
    let (body, like) = close(name, x, &types(&inputs), f)?;
    let values = body.graph.output_types();
    let (n, varying) = (inputs.len(), floats(&inputs));
    let of_tangents = varying.iter().map(|&k| inputs[k].ty().clone());
    let of_rule: Vec<Type> = types(&inputs)
        .into_iter()
        .chain(values.iter().cloned())
        .chain(of_tangents)
        .collect();
    let mut returned = None;
    let derivative = trace::close(
        Kind::Body,
        &of_rule,
        Arguments::Abstract(name),
        &inputs,
        &mut |args| {
            let (at, rest) = args.split_at(n);
            let (value, directions) = rest.split_at(values.len());
            let mut tangents: Vec<Tensor> = inputs.iter().map(|t| zeros(t.ty())).collect();
            for (&k, t) in varying.iter().zip(directions) {
                tangents[k] = t.clone();
            }
            let tangent = rule(
                &rebuild(x, at.to_vec()),
                &rebuild(&like, value.to_vec()),
                &rebuild(x, tangents),
            );
            let results = float_leaves(&tangent, &values);
            returned = Some(tangent);
            results
        },
    )?;
    if let Some(tangent) = &returned {
        let what = format!("{name}: the rule must return a tangent like the value");
        check_like(&what, &like, tangent)?;
    }
    let of_tangents = n + values.len()..of_rule.len();
    let marked = |k: usize| of_tangents.contains(&k);
    refuse_nonlinear(name, "the rule", "the tangent", &derivative.graph, marked)?;

    let mut operands = outside.operands(&[&body.captured[..], &derivative.captured].concat());
    let fixed = operands.len();
    operands.extend(inputs);
    let given = types(&operands);
    let (a, b) = (body.captured.len(), derivative.captured.len());
    let args: Vec<usize> = (fixed..fixed + n).chain(0..a).collect();
    let body = on_inputs(&body.graph, &given, &args)?.into();
    let all = [&given[..fixed], &of_rule].concat();
    let args: Vec<usize> = (fixed..all.len()).chain(a..a + b).collect();
    let rule = on_inputs(&derivative.graph, &all, &args)?.into();
    let region = Region::Call(Call::CustomJvp(CustomJvp { body, rule, fixed }));
    Ok(rebuild(&like, apply_region(region, operands, loc)?))
}

/// `f` with a custom backward pass: `forward(x)` is `(f(x), r)`, and `backward(r, ȳ)` is the cotangent `x̄` for
/// the cotangent `ȳ` of the value.
///
/// The backward pass keeps `r`. Reverse mode runs `forward` and `backward` in place of `f`.
/// Forward mode alone is an error when it runs, but second derivatives, forward over reverse included,
/// are derivatives of `forward` and `backward`.
/// Leaves that are not floats have no cotangents: `ȳ` has zeros for them, and the results for them are ignored.
/// A cotangent that is not needed is not computed.
///
/// `backward` need not be linear: each call runs it once, for its own cotangent,
/// even if another call has the same arguments. So does each step of a loop.
/// A call that receives no cotangent does not run it.
///
/// Plans count the operations of `forward` and `backward`.
/// If these do not reflect their cost, [`with_cost`](crate::with_cost) supplies the cost.
///
/// Values that the three functions capture count as constants.
/// A derivative with respect to one is an error when it runs: pass the value as part of `x`,
/// or through [`stop_gradient`](crate::stop_gradient).
///
/// ```
/// use gradus::prelude::*;
/// // The identity, but a gradient that passes through is clipped.
/// let clip_gradient = custom_vjp(
///     |x: &Tensor| x.clone(),
///     |x: &Tensor| (x.clone(), ()),
///     |_: &(), g: &Tensor| g.clip(-1.0, 1.0),
/// );
/// let slope = grad(|x: &Tensor| (clip_gradient(x) * 5.0).sum());
/// assert_eq!(slope(&Tensor::from([2.0, 3.0])).to_vec::<f64>()?, [1.0, 1.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// When called, if `forward` returns another value than `f`, or `backward` another structure than `x`,
/// or a float leaf of another type.
#[doc(alias = "defvjp")]
#[doc(alias = "custom_gradient")]
#[doc(alias = "Function")]
#[track_caller]
pub fn custom_vjp<A: Tree, B: Tree, R: Tree>(
    f: impl Fn(&A) -> B,
    forward: impl Fn(&A) -> (B, R),
    backward: impl Fn(&R, &B) -> A,
) -> impl Fn(&A) -> B {
    let loc = Loc::caller();
    move |x| {
        let result = with_cotangent(x, &f, &forward, &backward, loc);
        or_stop(result, loc, || leaves(x), || f(x))
    }
}

fn with_cotangent<A: Tree, B: Tree, R: Tree>(
    x: &A,
    f: &dyn Fn(&A) -> B,
    forward: &dyn Fn(&A) -> (B, R),
    backward: &dyn Fn(&R, &B) -> A,
    loc: Loc,
) -> Result<B> {
    let name = "custom_vjp";
    let inputs = leaves(x);
    let n = inputs.len();
    let (body, like) = close(name, x, &types(&inputs), f)?;
    let (there, (value, kept)) = close(name, x, &types(&inputs), forward)?;
    check_same(
        "custom_vjp: `forward` must return the value that the function returns",
        &like,
        &value,
        changed,
    )?;
    let values = body.graph.output_types();
    let residuals = leaves(&kept).len();
    let of_kept = there.graph.output_types().split_off(values.len());
    let seeds: Vec<Type> = float_types(&values);
    let of_back = [of_kept, seeds.clone()].concat();
    let back = close_backward(x, &like, &kept, &values, &of_back, backward)?;

    let outside = [&body.captured[..], &there.captured, &back.captured].concat();
    let (a, b, c) = (
        body.captured.len(),
        there.captured.len(),
        back.captured.len(),
    );
    let fixed = outside.len();
    let mut operands = outside;
    operands.extend(inputs);
    let given = types(&operands);
    let args: Vec<usize> = (fixed..fixed + n).chain(0..a).collect();
    let body = on_inputs(&body.graph, &given, &args)?.into();
    let args: Vec<usize> = (fixed..fixed + n).chain(a..a + b).collect();
    let mut forward = on_inputs(&there.graph, &given, &args)?;
    // Values that the backward pass captures are kept for it, too.
    let outputs = forward.outputs().iter();
    let outputs = outputs.chain(&forward.inputs()[a + b..fixed]).copied();
    let outputs = outputs.collect();
    forward.set_outputs(outputs);
    let kept = forward.output_types().split_off(values.len());
    let all = [kept, seeds].concat();
    let args: Vec<usize> = (0..residuals)
        .chain(residuals + c..all.len())
        .chain(residuals..residuals + c)
        .collect();
    let backward = on_inputs(&back.graph, &all, &args)?.into();
    let region = Region::Call(Call::CustomVjp(CustomVjp {
        body,
        forward: forward.into(),
        backward,
        fixed,
    }));
    Ok(rebuild(&like, apply_region(region, operands, loc)?))
}

/// The program of `backward` for residuals like `kept` and cotangents of a value `like` with the types `values`.
fn close_backward<A: Tree, B: Tree, R: Tree>(
    x: &A,
    like: &B,
    kept: &R,
    values: &[Type],
    types_given: &[Type],
    backward: &dyn Fn(&R, &B) -> A,
) -> Result<Closed> {
    let name = "custom_vjp";
    let inputs = leaves(x);
    let residuals = leaves(kept).len();
    let mut returned = None;
    let back = trace::close(
        Kind::Body,
        types_given,
        Arguments::Abstract(name),
        &inputs,
        &mut |args| {
            let (kept_now, seeds) = args.split_at(residuals);
            let mut seeds = seeds.iter().cloned();
            let cotangents = values.iter().map(|ty| match ty.dtype.has_derivatives() {
                true => seeds.next().unwrap_or_else(|| zeros(ty)),
                false => zeros(ty),
            });
            let cotangent = backward(
                &rebuild(kept, kept_now.to_vec()),
                &rebuild(like, cotangents.collect()),
            );
            let results = float_leaves(&cotangent, &types(&inputs));
            returned = Some(cotangent);
            results
        },
    )?;
    if let Some(cotangent) = &returned {
        let what = "custom_vjp: `backward` must return a cotangent like the argument";
        check_like(what, x, cotangent)?;
    }
    Ok(back)
}

/// The linear function `f(r, x)` of `x` with a given transpose: `transpose(r, ȳ)` is the cotangent `x̄`.
///
/// Both modes use the pair: forward mode applies `f` to tangents, reverse mode applies `transpose` to cotangents,
/// and the transpose of `transpose` is `f`.
/// In `r`, and in the values that the functions capture, `f` is a function like any other.
/// All leaves of `x` and of the value are floats.
///
/// ```
/// use gradus::prelude::*;
/// let double = |x: &Tensor| linear_call(|_: &(), x: &Tensor| x * 2.0, |_: &(), y: &Tensor| y * 2.0, &(), x);
/// let (y, pull) = vjp(double, &Tensor::from(3.0));
/// assert_eq!((y.item::<f64>()?, pull(&Tensor::from(1.0)).item::<f64>()?), (6.0, 2.0));
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If a function is not linear in its last argument, the transpose returns a different type than `x`,
/// or a leaf is not a float.
#[doc(alias = "custom_transpose")]
#[track_caller]
pub fn linear_call<R: Tree, A: Tree, B: Tree>(
    f: impl Fn(&R, &A) -> B,
    transpose: impl Fn(&R, &B) -> A,
    residuals: &R,
    x: &A,
) -> B {
    let loc = Loc::caller();
    let result = linear_pair(&f, &transpose, residuals, x, loc);
    or_stop(result, loc, || leaves(x), || f(residuals, x))
}

fn linear_pair<R: Tree, A: Tree, B: Tree>(
    f: &dyn Fn(&R, &A) -> B,
    transpose: &dyn Fn(&R, &B) -> A,
    residuals: &R,
    x: &A,
    loc: Loc,
) -> Result<B> {
    let name = "linear_call";
    let (fixed, inputs) = (leaves(residuals), leaves(x));
    only_floats(name, "the argument", x)?;
    let r = fixed.len();
    let close_on =
        |last: &[Tensor], call: &mut dyn FnMut(Vec<Tensor>, Vec<Tensor>) -> Vec<Tensor>| {
            let all = [types(&fixed), types(last)].concat();
            let closed = trace::close(
                Kind::Body,
                &all,
                Arguments::Abstract(name),
                &fixed,
                &mut |mut args| {
                    let last = args.split_off(r);
                    call(args, last)
                },
            )?;
            Ok::<_, Error>((closed, all.len()))
        };
    let mut like = None;
    let (there, _) = close_on(&inputs, &mut |r, last| {
        let y = f(&rebuild(residuals, r), &rebuild(x, last));
        let results = leaves(&y);
        like = Some(y);
        results
    })?;
    let Some(like) = like else {
        unreachable!("the function was traced")
    };
    only_floats(name, "the value", &like)?;
    refuse_nonlinear(name, "the function", "the argument", &there.graph, |k| {
        (r..r + inputs.len()).contains(&k)
    })?;
    let outputs = leaves(&like);
    let mut returned = None;
    let (back, _) = close_on(&outputs, &mut |r, last| {
        let t = transpose(&rebuild(residuals, r), &rebuild(&like, last));
        let results = leaves(&t);
        returned = Some(t);
        results
    })?;
    if let Some(t) = &returned {
        let what = "linear_call: the transpose must return a cotangent like the argument";
        check_like(what, x, t)?;
    }
    refuse_nonlinear(name, "the transpose", "the cotangent", &back.graph, |k| {
        (r..r + outputs.len()).contains(&k)
    })?;

    let (a, b) = (there.captured.len(), back.captured.len());
    let mut operands = [&there.captured[..], &back.captured, &fixed].concat();
    let first = operands.len();
    let given = [types(&operands), types(&inputs)].concat();
    let args: Vec<usize> = (a + b..given.len()).chain(0..a).collect();
    let body = on_inputs(&there.graph, &given, &args)?.into();
    let given = [types(&operands), types(&outputs)].concat();
    let args: Vec<usize> = (a + b..given.len()).chain(a..a + b).collect();
    let transpose = on_inputs(&back.graph, &given, &args)?.into();
    operands.extend(inputs);
    let region = Region::Call(Call::Linear(Linear {
        body,
        transpose,
        residuals: first,
    }));
    Ok(rebuild(&like, apply_region(region, operands, loc)?))
}

/// Refuses a program that a user declares as linear but that is not,
/// and names the line of the nonlinear operation.
pub(crate) fn refuse_nonlinear(
    name: &str,
    what: &str,
    of: &str,
    graph: &Graph,
    marked: impl Fn(usize) -> bool,
) -> Result<()> {
    let marked: Vec<bool> = (0..graph.inputs().len()).map(marked).collect();
    let Some(node) = gradus_ad::nonlinearity(graph, &marked) else {
        return Ok(());
    };
    let message = format!(
        "{name}: {what} must be linear in {of}, and `{}` here is not; it can be multiplied by values that do not depend on it, and added to values that are linear in it",
        node.op.name()
    );
    Err(Error::new(ErrorKind::Derivative, message).at(node.loc))
}

/// Refuses trees with leaves that are not floats.
pub(crate) fn only_floats<A: Tree>(name: &str, what: &str, tree: &A) -> Result<()> {
    let (leaves, paths) = (leaves(tree), paths(tree));
    let odd = (0..leaves.len()).find(|&k| !leaves[k].dtype().has_derivatives());
    let Some(k) = odd else { return Ok(()) };
    let which = if paths[k].is_empty() {
        what.to_string()
    } else {
        format!("leaf `{}` of {what}", paths[k])
    };
    Err(Error::new(
        ErrorKind::DType,
        format!(
            "{name}: {which} is {}, and must hold floating-point numbers; convert it with `astype({:?})`",
            leaves[k].ty(),
            DType::F64
        ),
    ))
}

/// The leaves at the positions where `types` are floats.
fn float_leaves<A: Tree>(tree: &A, types: &[Type]) -> Vec<Tensor> {
    let pairs = leaves(tree).into_iter().zip(types);
    let pairs = pairs.filter(|(_, ty)| ty.dtype.has_derivatives());
    pairs.map(|(t, _)| t).collect()
}

fn float_types(types: &[Type]) -> Vec<Type> {
    types
        .iter()
        .filter(|t| t.dtype.has_derivatives())
        .cloned()
        .collect()
}
