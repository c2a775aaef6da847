//! The tangent map at a point as a function, and its transpose.

use crate::function::{check_like, close_at, floats, or_stop, zeros};
use crate::tensor::Tensor;
use crate::trace;
use crate::tree::{Tree, leaves, rebuild};
use gradus_ad::Linearized;
use gradus_engine::Observer;
use gradus_ir::{Graph, Loc, Result};
use std::sync::Arc;

/// The value of `f` at `at`, and the function `ẋ ↦ ∂f(x)·ẋ`.
///
/// `f` runs once. Each call of the returned function runs only the linear part.
///
/// ```
/// use gradus::prelude::*;
/// let (y, push) = linearize(|x: &Tensor| x.square(), &Tensor::from([1.0, 3.0]));
/// assert_eq!(y.to_vec::<f64>()?, [1.0, 9.0]);
/// assert_eq!(push(&Tensor::from([1.0, 1.0])).to_vec::<f64>()?, [2.0, 6.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// When the returned function gets a tangent of another structure than `at`, or a leaf of another type.
#[doc(alias = "tangent_map")]
#[track_caller]
pub fn linearize<A: Tree, B: Tree, F: Fn(&A) -> B>(
    f: F,
    at: &A,
) -> (B, impl Fn(&A) -> B + use<A, B, F>) {
    let loc = Loc::caller();
    let point = Point::new(&f, at, loc);
    let value = rebuild(&point.value, leaves(&point.value));
    let push = move |tangent: &A| {
        let result = check_like(
            "linearize: the tangent must be like the point",
            &point.at,
            tangent,
        )
        .and_then(|()| {
            let directions = leaves(tangent);
            let arguments = point.wrt.iter().map(|&k| directions[k].clone());
            point.apply(&point.tangent, arguments)
        });
        let results = or_stop(
            result,
            loc,
            || leaves(tangent),
            || leaves(&point.value).iter().map(|t| zeros(t.ty())).collect(),
        );
        rebuild(&point.value, results)
    };
    (value, push)
}

/// The value of `f` at `at`, and the function `ȳ ↦ ∂f(x)ᵀ·ȳ`.
///
/// Reverse mode: `f` runs once and keeps the values that the backward pass needs.
/// Each call of the returned function runs only the backward pass.
/// Tensors that are not floats have cotangents of zeros.
///
/// ```
/// use gradus::prelude::*;
/// let (y, pull) = vjp(|x: &Tensor| x.square(), &Tensor::from([1.0, 3.0]));
/// assert_eq!(y.to_vec::<f64>()?, [1.0, 9.0]);
/// assert_eq!(pull(&Tensor::from([0.0, 1.0])).to_vec::<f64>()?, [0.0, 6.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// When the returned function gets a cotangent of another structure than the value of `f`, or a leaf of another type.
#[doc(alias = "pullback")]
#[doc(alias = "backward")]
#[track_caller]
pub fn vjp<A: Tree, B: Tree, F: Fn(&A) -> B>(f: F, at: &A) -> (B, impl Fn(&B) -> A + use<A, B, F>) {
    let loc = Loc::caller();
    let point = Point::new(&f, at, loc);
    let value = rebuild(&point.value, leaves(&point.value));
    let transposed = gradus_ad::transpose_linear(&point.tangent, point.residuals.len());
    let pull = move |cotangent: &B| {
        let result = check_like(
            "vjp: the cotangent must be like the value",
            &point.value,
            cotangent,
        )
        .and_then(|()| {
            // Cotangents of tensors that are not floats are ignored, whatever their type.
            let seeds = leaves(cotangent)
                .into_iter()
                .zip(leaves(&point.value))
                .map(|(ct, y)| if ct.ty() == y.ty() { ct } else { zeros(y.ty()) });
            point.apply(&transposed, seeds)
        });
        let mut all: Vec<Tensor> = leaves(&point.at).iter().map(|t| zeros(t.ty())).collect();
        for (&k, ct) in point
            .wrt
            .iter()
            .zip(or_stop(result, loc, || leaves(cotangent), Vec::new))
        {
            all[k] = ct;
        }
        rebuild(&point.at, all)
    };
    (value, pull)
}

/// A function linearised at a point, with the residuals computed.
struct Point<A, B> {
    at: A,
    value: B,
    /// The leaves of `at` that are floats, by position.
    wrt: Vec<usize>,
    tangent: Graph,
    residuals: Vec<Tensor>,
    /// Observers of values when the linear part runs, because cotangents can be shown.
    _observers: Vec<Arc<Observer>>,
}

impl<A: Tree, B: Tree> Point<A, B> {
    fn new(f: &impl Fn(&A) -> B, at: &A, loc: Loc) -> Point<A, B> {
        let inputs = leaves(at);
        let result = close_at(f, at, &inputs).and_then(|(closed, result)| {
            let wrt = floats(&inputs);
            let Linearized {
                primal,
                tangent,
                residuals,
            } = gradus_ad::linearize(&closed.graph, &wrt);
            let mut results = trace::apply(&primal, closed.arguments(inputs.clone()))?;
            let residuals = results.split_off(results.len() - residuals);
            Ok(Point {
                at: rebuild(at, inputs.clone()),
                value: rebuild(&result, results),
                wrt,
                tangent,
                residuals,
                _observers: closed.observers,
            })
        });
        or_stop(
            result,
            loc,
            || inputs.clone(),
            || {
                // Within a boundary the program continues with zeros.
                let y = f(at);
                let values: Vec<Tensor> = leaves(&y).iter().map(|t| zeros(t.ty())).collect();
                let mut tangent = Graph::new();
                let outputs = values
                    .iter()
                    .map(|t| {
                        let zero = gradus_ir::Literal::from_f64(t.ty().dtype, 0.0);
                        tangent.constant(zero, &t.ty().shape)
                    })
                    .collect();
                tangent.set_outputs(outputs);
                Point {
                    at: rebuild(at, leaves(at)),
                    value: rebuild(&y, values),
                    wrt: Vec::new(),
                    tangent,
                    residuals: Vec::new(),
                    _observers: Vec::new(),
                }
            },
        )
    }

    fn apply(
        &self,
        program: &Graph,
        arguments: impl Iterator<Item = Tensor>,
    ) -> Result<Vec<Tensor>> {
        let all = self.residuals.iter().cloned().chain(arguments).collect();
        trace::apply(program, all)
    }
}
