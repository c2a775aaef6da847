//! The trait [`Tree`].

use super::{Leaves, Structure};
use crate::tensor::Tensor;

/// A structure of tensors: the arguments and results of transforms.
///
/// Tensors, tuples, arrays, `Vec`, `Option`, `Box`, `Arc` and `BTreeMap` implement it; derive it for structs and
/// enums with `#[derive(Tree)]`.
/// Numbers, booleans and strings are trees without tensors: they belong to the structure.
/// A Rust number exists before the program is traced, so it cannot stand for an unknown,
/// and a compiled function is compiled anew for each of its values. Use a scalar tensor for a number that changes.
///
/// ```
/// use gradus::prelude::*;
///
/// #[derive(Tree, Clone)]
/// struct Layer {
///     weight: Tensor,
///     bias: Option<Tensor>,
///     scale: f64,
/// }
///
/// let layer = Layer { weight: Tensor::from([1.0, 2.0]), bias: None, scale: 3.0 };
/// let slope = grad(|l: &Layer| (&l.weight * l.scale).sum())(&layer);
/// assert_eq!(slope.weight.to_vec::<f64>()?, [3.0, 3.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
pub trait Tree: Sized {
    /// Appends the tensors, in order of declaration.
    fn flatten<'a>(&'a self, leaves: &mut Vec<&'a Tensor>);

    /// A tree of the same structure as `self`, with tensors taken in order from `leaves`.
    fn unflatten(&self, leaves: &mut Leaves) -> Self;

    /// Describes the structure to `out`: kinds, names, lengths, static values, and each tensor as a leaf.
    fn describe(&self, out: &mut Structure);
}

impl Tree for Tensor {
    #[inline]
    fn flatten<'a>(&'a self, leaves: &mut Vec<&'a Tensor>) {
        leaves.push(self);
    }

    #[inline]
    fn unflatten(&self, leaves: &mut Leaves) -> Tensor {
        leaves.take_next()
    }

    #[inline]
    fn describe(&self, out: &mut Structure) {
        out.leaf();
    }
}
