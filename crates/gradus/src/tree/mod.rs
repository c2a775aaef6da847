//! [`Tree`]: structures of tensors, which transforms take and return.

mod containers;
mod structure;

pub use structure::Structure;

use crate::tensor::Tensor;
use gradus_ir::{Error, ErrorKind, Literal, Loc, Result};

/// A structure of tensors: what transforms take and return.
///
/// Implemented for tensors, tuples, arrays, `Vec`, `Option`, `Box`, `Arc`, `BTreeMap`; derive it for structs and enums with `#[derive(Tree)]`. Numbers,
/// truth values and strings are trees without tensors: they belong to the structure. A Rust number is there before the program is traced, so it
/// cannot stand for an unknown; a compiled function is compiled anew for each of its values. Use a scalar tensor for what changes.
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
    fn flatten(&self, leaves: &mut Vec<Tensor>);

    /// A tree of the same structure as `self`, with tensors taken in order from `leaves`.
    fn unflatten(&self, leaves: &mut Leaves) -> Self;

    /// Tells the structure to `out`: kinds, names, lengths, static values; each tensor as a leaf.
    fn describe(&self, out: &mut Structure);
}

/// Tensors on their way into a tree.
pub struct Leaves(std::vec::IntoIter<Tensor>);

impl Leaves {
    /// These tensors, in order.
    pub fn new(leaves: Vec<Tensor>) -> Leaves {
        Leaves(leaves.into_iter())
    }

    /// The next tensor.
    ///
    /// # Panics
    /// If there is none left: the tree asks for more tensors than [`Tree::flatten`] gave.
    pub fn take_next(&mut self) -> Tensor {
        match self.0.next() {
            Some(t) => t,
            None => panic!(
                "a tree takes more tensors than it gave; `flatten` and `unflatten` must agree"
            ),
        }
    }
}

impl Tree for Tensor {
    fn flatten(&self, leaves: &mut Vec<Tensor>) {
        leaves.push(self.clone());
    }

    fn unflatten(&self, leaves: &mut Leaves) -> Tensor {
        leaves.take_next()
    }

    fn describe(&self, out: &mut Structure) {
        out.leaf();
    }
}

/// The tensors of a tree, in order.
pub fn leaves<A: Tree>(tree: &A) -> Vec<Tensor> {
    let mut leaves = Vec::new();
    tree.flatten(&mut leaves);
    leaves
}

/// A tree like `like` that holds `leaves`.
pub(crate) fn rebuild<A: Tree>(like: &A, leaves: Vec<Tensor>) -> A {
    like.unflatten(&mut Leaves::new(leaves))
}

/// The tree with `f` applied to each tensor.
pub fn map<A: Tree>(tree: &A, f: impl FnMut(&Tensor) -> Tensor) -> A {
    let mapped = leaves(tree).iter().map(f).collect();
    rebuild(tree, mapped)
}

/// The tree of `f(a, b)` for the tensors at equal places of two trees.
///
/// # Errors
/// [`ErrorKind::Tree`] if their structures differ.
#[track_caller]
pub fn map2<A: Tree>(a: &A, b: &A, mut f: impl FnMut(&Tensor, &Tensor) -> Tensor) -> Result<A> {
    if let Some(difference) = Structure::record(a).difference(&Structure::record(b)) {
        return Err(Error::new(
            ErrorKind::Tree,
            format!("map2: the trees differ: {difference}"),
        )
        .at(Loc::caller()));
    }
    let mapped = leaves(a)
        .iter()
        .zip(&leaves(b))
        .map(|(x, y)| f(x, y))
        .collect();
    Ok(rebuild(a, mapped))
}

/// The path of each tensor, such as `.layers.0.weight`; empty for a tensor that is the whole tree.
pub fn paths<A: Tree>(tree: &A) -> Vec<String> {
    Structure::record(tree).paths()
}

/// Zeros of the types of a tree's tensors.
pub fn zeros_like<A: Tree>(tree: &A) -> A {
    map(tree, |t| {
        Tensor::splat(Literal::from_f64(t.ty().dtype, 0.0), &t.ty().shape)
    })
}

/// The number of elements of all tensors together.
pub fn count<A: Tree>(tree: &A) -> usize {
    leaves(tree).iter().map(|t| t.ty().elements()).sum()
}
