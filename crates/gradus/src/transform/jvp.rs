//! Forward mode: the value and its tangent along one direction.

use crate::function::{check_like, close_at, floats, or_stop, zeros};
use crate::trace;
use crate::tree::{Tree, leaves, rebuild};
use gradus_ir::{Loc, Result};

/// The value of `f` at `at`, and its derivative there along `tangent`: `(f(x), ∂f(x)·ẋ)`.
///
/// Forward mode: one run, at about twice the cost of `f`.
/// Tensors that are not floats have no tangent: their entries in `tangent` are ignored,
/// and their tangents in the result are zeros.
///
/// ```
/// use gradus::prelude::*;
/// let (y, dy) = jvp(|x: &Tensor| x.sin(), &Tensor::from(0.0), &Tensor::from(2.0));
/// assert_eq!((y.item::<f64>()?, dy.item::<f64>()?), (0.0, 2.0));
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If `tangent` has another structure than `at`, or a leaf of another type.
#[doc(alias = "pushforward")]
#[doc(alias = "forward_ad")]
#[doc(alias = "directional_derivative")]
#[track_caller]
pub fn jvp<A: Tree, B: Tree>(f: impl Fn(&A) -> B, at: &A, tangent: &A) -> (B, B) {
    let loc = Loc::caller();
    or_stop(
        run(&f, at, tangent),
        loc,
        || leaves(at),
        || {
            let y = f(at);
            let zero = || leaves(&y).iter().map(|t| zeros(t.ty())).collect();
            (rebuild(&y, zero()), rebuild(&y, zero()))
        },
    )
}

fn run<A: Tree, B: Tree>(f: &impl Fn(&A) -> B, at: &A, tangent: &A) -> Result<(B, B)> {
    check_like("jvp: the tangent must be like the point", at, tangent)?;
    let (inputs, directions) = (leaves(at), leaves(tangent));
    let (closed, result) = close_at(f, at, &inputs)?;
    let mut g = closed.graph.clone();
    let mut arguments = closed.arguments(inputs.clone());
    let mut program_inputs = g.inputs().to_vec();
    let mut pairs = Vec::new();
    for k in floats(&inputs) {
        let x = closed.graph.inputs()[k];
        let t = g.input_like(&closed.graph, x);
        pairs.push((x, t));
        program_inputs.push(t);
        arguments.push(directions[k].clone());
    }
    let values = closed.graph.outputs().to_vec();
    let tangents = gradus_ad::jvp(&mut g, &values, &pairs);
    let mut outputs = values.clone();
    for (t, &y) in tangents.iter().zip(&values) {
        outputs.push(t.unwrap_or_else(|| g.constant_like(0.0, y)));
    }
    let program = g.program(&program_inputs, &outputs).merged();
    let mut results = trace::apply(&program, arguments)?;
    let tangents = results.split_off(values.len());
    Ok((rebuild(&result, results), rebuild(&result, tangents)))
}
