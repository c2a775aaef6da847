//! Keeps gradients within bounds.

use crate::tensor::Tensor;
use crate::trace::called;
use crate::tree::Tree;
use crate::tree::{leaves, rebuild};

/// The Euclidean norm of all elements of a tree together, `√Σ gᵢ²`, even if the squares overflow or underflow.
/// Its derivative is 0 where all elements are 0.
///
/// ```
/// # use gradus::prelude::*;
/// let grads = (Tensor::from([3.0, 0.0]), Tensor::from(4.0));
/// assert_eq!(optim::global_norm(&grads).item::<f64>()?, 5.0);
/// # Ok::<(), gradus::Error>(())
/// ```
#[track_caller]
pub fn global_norm<A: Tree>(grads: &A) -> Tensor {
    called("global_norm", || {
        leaves(grads)
            .iter()
            .map(norm_of_leaf)
            .reduce(|norm, part| norm.hypot(part))
            .unwrap_or_else(|| Tensor::from(0.0))
    })
}

/// The gradients scaled down by one factor, so that their [`global_norm`] is at most `limit`,
/// and their norm before that.
///
/// R. Pascanu, T. Mikolov, Y. Bengio: "On the difficulty of training recurrent neural networks", ICML 2013.
///
/// ```
/// # use gradus::prelude::*;
/// let (clipped, norm) = optim::clip_by_norm(&Tensor::from([6.0, 8.0]), 5.0);
/// assert_eq!((clipped.to_vec::<f64>()?, norm.item::<f64>()?), (vec![3.0, 4.0], 10.0));
/// # Ok::<(), gradus::Error>(())
/// ```
#[doc(alias = "clip_grad_norm_")]
#[doc(alias = "clip_by_global_norm")]
#[track_caller]
pub fn clip_by_norm<A: Tree>(grads: &A, limit: f64) -> (A, Tensor) {
    called("clip_by_norm", || {
        let norm = global_norm(grads);
        // limit / max(norm, limit) is 1 below the limit, and never divides by zero.
        let factor = norm.maximum(limit).reciprocal() * limit;
        let clipped = leaves(grads)
            .iter()
            .map(|g| g * factor.astype(g.dtype()))
            .collect();
        (rebuild(grads, clipped), norm)
    })
}

/// The gradients with each element clipped to `-limit..=limit`.
///
/// ```
/// # use gradus::prelude::*;
/// let clipped = optim::clip_by_value(&Tensor::from([-6.0, 0.5]), 1.0);
/// assert_eq!(clipped.to_vec::<f64>()?, [-1.0, 0.5]);
/// # Ok::<(), gradus::Error>(())
/// ```
#[doc(alias = "clip_grad_value_")]
#[track_caller]
pub fn clip_by_value<A: Tree>(grads: &A, limit: f64) -> A {
    called("clip_by_value", || {
        let clipped = leaves(grads)
            .iter()
            .map(|g| g.maximum(-limit).minimum(limit))
            .collect();
        rebuild(grads, clipped)
    })
}

/// The norm of one tensor, with slope 0 where all its elements are 0.
fn norm_of_leaf(g: &Tensor) -> Tensor {
    if g.is_empty() {
        return g.norm();
    }
    let nothing = g.abs().max().equal(0);
    let guarded = nothing.where_(1, g);
    let norm = guarded.norm();
    nothing.where_(0, &norm)
}
