//! Hessian-vector products, without the Hessian.

use super::cheapest::{Wanted, planned};
use super::grad::{check_inputs, check_value, differentiate};
use super::jvp;
use crate::function::{check_like, close_at, or_stop, zeros};
use crate::tensor::Tensor;
use crate::trace::{self, on_behalf_of};
use crate::tree::{Tree, leaves, rebuild};
use gradus_ir::Loc;

/// The order in which two derivatives are composed. All orders give the same numbers if the Hessian is symmetric.
/// It is, unless a function has a custom rule ([`custom_jvp`](super::custom_jvp),
/// [`custom_vjp`](super::custom_vjp), [`with_cotangent`](super::with_cotangent)): with reverse mode last,
/// the vector multiplies from the left.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum HvpOrder {
    /// `∂(∇f)(x)·v`: a tangent pushed through the gradient. It usually needs the least memory.
    ForwardOverReverse,
    /// `∇(vᵀ∇f)(x)`: the gradient of a product with the gradient.
    ReverseOverReverse,
    /// `∇(∂f·v)(x)`: the gradient of the directional derivative along `v`.
    ReverseOverForward,
}

impl HvpOrder {
    /// All orders.
    pub const ALL: [HvpOrder; 3] = [
        HvpOrder::ForwardOverReverse,
        HvpOrder::ReverseOverReverse,
        HvpOrder::ReverseOverForward,
    ];
}

/// The product of the Hessian of `f` with a vector: `(x, v) ↦ ∇²f(x)·v`, at the cost of a few runs of `f`.
///
/// It uses the cheapest of the three compositions in [`HvpOrder`] by the planner's estimate,
/// and forward over reverse if they could differ.
///
/// ```
/// use gradus::prelude::*;
/// let product = hvp(|x: &Tensor| x.powi(3).sum());
/// let (x, v) = (Tensor::from([1.0, 2.0]), Tensor::from([1.0, 1.0]));
/// assert_eq!(product(&x, &v).to_vec::<f64>()?, [6.0, 12.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// When called, if `f` does not return a float scalar,
/// the argument holds a tensor that is not a float, or `v` is not like it.
#[doc(alias = "hessian_vector_product")]
#[track_caller]
pub fn hvp<A: Tree>(f: impl Fn(&A) -> Tensor) -> impl Fn(&A, &A) -> A {
    let loc = Loc::caller();
    move |x, v| {
        let inputs = leaves(x);
        let result = check_like("hvp: the vector must be like the point", x, v)
            .and_then(|()| check_inputs("hvp", x, &inputs))
            .and_then(|()| {
                let (closed, _) = close_at(&f, x, &inputs)?;
                check_value("hvp", &closed.graph.output_types()[0])?;
                let program = planned(&closed.graph, inputs.len(), Wanted::HessianProduct)?;
                let mut arguments = closed.arguments(inputs.clone());
                arguments.extend(leaves(v));
                trace::apply(&program, arguments)
            });
        let zero = || inputs.iter().map(|t| zeros(t.ty())).collect();
        rebuild(x, or_stop(result, loc, || inputs.clone(), zero))
    }
}

/// Like [`hvp`], by the given composition.
///
/// ```
/// # use gradus::prelude::*;
/// let f = |x: &Tensor| x.powi(3).sum();
/// let (x, v) = (Tensor::from([1.0, 2.0]), Tensor::from([1.0, 1.0]));
/// assert_eq!(hvp_with(f, HvpOrder::ReverseOverForward)(&x, &v).to_vec::<f64>()?, [6.0, 12.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// When called, if `f` does not return a float scalar, or the vector is not like the point.
#[track_caller]
pub fn hvp_with<A: Tree>(f: impl Fn(&A) -> Tensor, order: HvpOrder) -> impl Fn(&A, &A) -> A {
    let loc = Loc::caller();
    move |x, v| {
        let slope_of =
            |f: &dyn Fn(&A) -> Tensor, x: &A| differentiate("hvp", &|x| (f(x), ()), x, loc).1;
        let slope = |x: &A| slope_of(&f, x);
        if let Err(error) = check_like("hvp: the vector must be like the point", x, v) {
            trace::stop(error, loc, &[]);
            return rebuild(x, leaves(x));
        }
        match order {
            HvpOrder::ForwardOverReverse => jvp(slope, x, v).1,
            HvpOrder::ReverseOverReverse => slope_of(
                &|x| {
                    let slope = slope(x);
                    on_behalf_of(loc, || dot(&slope, v))
                },
                x,
            ),
            HvpOrder::ReverseOverForward => slope_of(&|x| jvp(&f, x, v).1, x),
        }
    }
}

/// `Σ aᵢ·bᵢ` over all elements of two trees.
fn dot<A: Tree>(a: &A, b: &A) -> Tensor {
    leaves(a)
        .iter()
        .zip(leaves(b))
        .map(|(a, b)| (a * b).sum())
        .reduce(|sum, part| sum + part)
        .unwrap_or_else(|| Tensor::from(0.0))
}
