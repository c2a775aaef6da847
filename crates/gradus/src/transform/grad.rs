//! Gradients of functions that return one number, by reverse mode.

use crate::function::{argument_at, or_stop, types, zeros};
use crate::tensor::Tensor;
use crate::trace::{self, Arguments, Kind};
use crate::tree::{Tree, leaves, paths, rebuild};
use gradus_ir::{Error, ErrorKind, Loc, Result, Type};

/// The gradient of `f`: a function that returns, for each tensor of its argument,
/// the derivative of `f`'s value with respect to it.
///
/// Reverse mode: one forward and one backward pass, for any number of inputs.
/// It composes with all transforms, including itself.
///
/// ```
/// use gradus::prelude::*;
/// let f = |x: &Tensor| x.powi(3).sum();
/// assert_eq!(grad(f)(&Tensor::from([1.0, 2.0])).to_vec::<f64>()?, [3.0, 12.0]);
/// let second = grad(move |x: &Tensor| grad(f)(x).sum());
/// assert_eq!(second(&Tensor::from([1.0, 2.0])).to_vec::<f64>()?, [6.0, 12.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// When called, if `f` does not return a float scalar, or its argument holds a tensor that is not a float.
#[doc(alias = "gradient")]
#[doc(alias = "backward")]
#[doc(alias = "derivative")]
#[track_caller]
pub fn grad<A: Tree>(f: impl Fn(&A) -> Tensor) -> impl Fn(&A) -> A {
    let loc = Loc::caller();
    move |at| differentiate("grad", &|x: &A| (f(x), ()), at, loc).1
}

/// Like [`grad`], but returns the value of `f` as well, before the gradient.
///
/// ```
/// use gradus::prelude::*;
/// let (value, slope) = value_and_grad(|x: &Tensor| x.exp())(&Tensor::from(0.0));
/// assert_eq!((value.item::<f64>()?, slope.item::<f64>()?), (1.0, 1.0));
/// # Ok::<(), gradus::Error>(())
/// ```
#[doc(alias = "loss_and_grad")]
#[track_caller]
pub fn value_and_grad<A: Tree>(f: impl Fn(&A) -> Tensor) -> impl Fn(&A) -> (Tensor, A) {
    let loc = Loc::caller();
    move |at| {
        let ((value, ()), slope) = differentiate("value_and_grad", &|x: &A| (f(x), ()), at, loc);
        (value, slope)
    }
}

/// Like [`value_and_grad`], for a function with a second result that is not differentiated.
///
/// ```
/// use gradus::prelude::*;
/// let f = |x: &Tensor| (x.square().sum(), x.max());
/// let ((value, largest), slope) = value_and_grad_aux(f)(&Tensor::from([1.0, 2.0]));
/// assert_eq!((value.item::<f64>()?, largest.item::<f64>()?), (5.0, 2.0));
/// assert_eq!(slope.to_vec::<f64>()?, [2.0, 4.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
#[doc(alias = "has_aux")]
#[track_caller]
pub fn value_and_grad_aux<A: Tree, X: Tree>(
    f: impl Fn(&A) -> (Tensor, X),
) -> impl Fn(&A) -> ((Tensor, X), A) {
    let loc = Loc::caller();
    move |at| differentiate("value_and_grad_aux", &f, at, loc)
}

pub(crate) fn differentiate<A: Tree, X: Tree>(
    name: &'static str,
    f: &dyn Fn(&A) -> (Tensor, X),
    at: &A,
    loc: Loc,
) -> ((Tensor, X), A) {
    let every: Vec<usize> = (0..leaves(at).len()).collect();
    differentiate_wrt(name, f, at, Ok(every), loc)
}

/// [`differentiate`] with respect to the leaves `wrt`; the gradient has zeros for the other leaves.
pub(super) fn differentiate_wrt<A: Tree, X: Tree>(
    name: &'static str,
    f: &dyn Fn(&A) -> (Tensor, X),
    at: &A,
    wrt: Result<Vec<usize>>,
    loc: Loc,
) -> ((Tensor, X), A) {
    let inputs = leaves(at);
    let mut aux = None;
    let result = wrt.and_then(|wrt| {
        check_floats(name, at, &inputs, &wrt)?;
        run(name, &inputs, &wrt, &mut |args| {
            let (value, rest) = f(&rebuild(at, args));
            let mut all = vec![value];
            all.extend(leaves(&rest));
            aux = Some(rest);
            all
        })
    });
    let (mut outputs, slopes) = or_stop(
        result,
        loc,
        || inputs.clone(),
        || {
            // Within a boundary the program continues with zeros; `f` may not have run.
            let rest = aux.get_or_insert_with(|| f(at).1);
            let zero = zeros(&gradus_ir::Type::scalar(gradus_ir::DType::F64));
            let mut outputs = vec![zero];
            outputs.extend(leaves(rest).iter().map(|t| zeros(t.ty())));
            (outputs, inputs.iter().map(|t| zeros(t.ty())).collect())
        },
    );
    let rest = outputs.split_off(1);
    let value = outputs.remove(0);
    let Some(aux) = aux else {
        unreachable!("the function was traced")
    };
    ((value, rebuild(&aux, rest)), rebuild(at, slopes))
}

/// The values, the first of which is differentiated, and the gradients.
fn run(
    name: &str,
    inputs: &[Tensor],
    wrt: &[usize],
    f: &mut dyn FnMut(Vec<Tensor>) -> Vec<Tensor>,
) -> Result<(Vec<Tensor>, Vec<Tensor>)> {
    let arguments = Arguments::Concrete(inputs.to_vec());
    let closed = trace::close(Kind::Function, &types(inputs), arguments, inputs, f)?;
    check_value(name, closed.graph.ty(closed.graph.outputs()[0]))?;
    let program = gradus_ad::gradient(&closed.graph, wrt);
    let mut outputs = trace::apply(&program, closed.arguments(inputs.to_vec()))?;
    let found = outputs.split_off(outputs.len() - wrt.len());
    let mut slopes: Vec<Tensor> = inputs.iter().map(|t| zeros(t.ty())).collect();
    for (&k, slope) in wrt.iter().zip(found) {
        slopes[k] = slope;
    }
    Ok((outputs, slopes))
}

/// Whether values of this type have a gradient: one real number.
pub(super) fn is_loss(value: &Type) -> bool {
    value.rank() == 0 && value.dtype.is_real() && value.dtype.has_derivatives()
}

/// [`check_value`] of the first value.
pub(super) fn check_values(name: &str, values: &[Type]) -> Result<()> {
    check_value(name, &values[0])
}

/// Refuses functions whose value has no gradient.
pub(super) fn check_value(name: &str, value: &Type) -> Result<()> {
    if is_loss(value) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Derivative,
        format!(
            "{name}: the function must return one floating-point number, it returned {value}; \
             reduce it, for example with `sum`, or ask for its Jacobian with `jacrev`"
        ),
    ))
}

pub(super) fn check_inputs<A: Tree>(name: &str, at: &A, inputs: &[Tensor]) -> Result<()> {
    let every: Vec<usize> = (0..inputs.len()).collect();
    check_floats(name, at, inputs, &every)
}

/// Checks that derivatives with respect to the leaves `wrt` exist.
fn check_floats<A: Tree>(name: &str, at: &A, inputs: &[Tensor], wrt: &[usize]) -> Result<()> {
    let has_derivatives = |&&k: &&usize| inputs[k].ty().dtype.has_derivatives();
    match wrt.iter().find(|k| !has_derivatives(k)) {
        Some(&k) => Err(no_derivative(name, &paths(at)[k], &inputs[k])),
        None => Ok(()),
    }
}

/// The message for a derivative with respect to a tensor that is not a float.
fn no_derivative(name: &str, path: &str, t: &Tensor) -> Error {
    let which = argument_at(path);
    Error::new(
        ErrorKind::Derivative,
        format!(
            "{name}: {which} is {}, and derivatives exist with respect to floating-point tensors only; \
             convert it with `astype`, or let the function capture it instead",
            t.ty()
        ),
    )
}
