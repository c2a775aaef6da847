//! Gradients kept within bounds.

use crate::tensor::Tensor;
use crate::transform::{leaves, rebuild};
use crate::tree::Tree;

/// The Euclidean norm of all elements of a tree together, `√Σ gᵢ²`.
pub fn global_norm<A: Tree>(grads: &A) -> Tensor {
    leaves(grads)
        .iter()
        .map(|g| g.square().sum())
        .reduce(|sum, part| sum + part)
        .unwrap_or_else(|| Tensor::from(0.0))
        .sqrt()
}

/// The gradients scaled down, all by one factor, so that their [`global_norm`] is at most `limit`; and the norm that they had.
///
/// R. Pascanu, T. Mikolov, Y. Bengio: "On the difficulty of training recurrent neural networks", ICML 2013.
pub fn clip_by_norm<A: Tree>(grads: &A, limit: f64) -> (A, Tensor) {
    let norm = global_norm(grads);
    // limit / max(norm, limit) is 1 below the limit, and never a division by zero.
    let factor = norm.maximum(limit).reciprocal() * limit;
    let clipped = leaves(grads)
        .iter()
        .map(|g| g * factor.astype(g.dtype()))
        .collect();
    (rebuild(grads, clipped), norm)
}

/// The gradients with each element brought into `-limit..=limit`.
pub fn clip_by_value<A: Tree>(grads: &A, limit: f64) -> A {
    let clipped = leaves(grads)
        .iter()
        .map(|g| g.maximum(-limit).minimum(limit))
        .collect();
    rebuild(grads, clipped)
}
