//! Gradients kept within bounds.

use crate::tensor::Tensor;
use crate::trace::on_behalf_of;
use crate::tree::Tree;
use crate::tree::{leaves, rebuild};
use gradus_ir::Loc;

/// The Euclidean norm of all elements of a tree together, `√Σ gᵢ²`, also where the squares are no numbers. Its derivative where all are 0 is taken to be 0.
#[track_caller]
pub fn global_norm<A: Tree>(grads: &A) -> Tensor {
    on_behalf_of(Loc::caller(), || {
        leaves(grads)
            .iter()
            .map(norm_of_leaf)
            .reduce(|norm, part| norm.hypot(part))
            .unwrap_or_else(|| Tensor::from(0.0))
    })
}

/// The gradients scaled down, all by one factor, so that their [`global_norm`] is at most `limit`; and the norm that they had.
///
/// R. Pascanu, T. Mikolov, Y. Bengio: "On the difficulty of training recurrent neural networks", ICML 2013.
#[track_caller]
pub fn clip_by_norm<A: Tree>(grads: &A, limit: f64) -> (A, Tensor) {
    on_behalf_of(Loc::caller(), || {
        let norm = global_norm(grads);
        // limit / max(norm, limit) is 1 below the limit, and never a division by zero.
        let factor = norm.maximum(limit).reciprocal() * limit;
        let clipped = leaves(grads)
            .iter()
            .map(|g| g * factor.astype(g.dtype()))
            .collect();
        (rebuild(grads, clipped), norm)
    })
}

/// The gradients with each element brought into `-limit..=limit`.
#[track_caller]
pub fn clip_by_value<A: Tree>(grads: &A, limit: f64) -> A {
    on_behalf_of(Loc::caller(), || {
        let clipped = leaves(grads)
            .iter()
            .map(|g| g.maximum(-limit).minimum(limit))
            .collect();
        rebuild(grads, clipped)
    })
}

/// The norm of one tensor, of slope 0 where all of it is 0.
fn norm_of_leaf(g: &Tensor) -> Tensor {
    if g.is_empty() {
        return g.norm();
    }
    let nothing = g.abs().max().equal(0);
    let guarded = nothing.where_(&g.ones_like(), g);
    let norm = guarded.norm();
    nothing.where_(&norm.zeros_like(), &norm)
}
