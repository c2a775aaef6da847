//! [`Tree`]: structures of tensors, the arguments and results of transforms.

mod containers;
mod structure;

pub use structure::Structure;

use crate::tensor::Tensor;
use gradus_ir::{Error, ErrorKind, Literal, Loc, Result};

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
    fn flatten(&self, leaves: &mut Vec<Tensor>);

    /// A tree of the same structure as `self`, with tensors taken in order from `leaves`.
    fn unflatten(&self, leaves: &mut Leaves) -> Self;

    /// Describes the structure to `out`: kinds, names, lengths, static values, and each tensor as a leaf.
    fn describe(&self, out: &mut Structure);
}

/// The tensors from which a tree is rebuilt.
pub struct Leaves(std::vec::IntoIter<Tensor>);

impl Leaves {
    /// A queue of these tensors, in order.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// use gradus::tree::Leaves;
    /// let mut leaves = Leaves::new(vec![Tensor::from(1.0), Tensor::from(2.0)]);
    /// let pair = (Tensor::from(0.0), Tensor::from(0.0)).unflatten(&mut leaves);
    /// assert_eq!(pair.1.item::<f64>()?, 2.0);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    pub fn new(leaves: Vec<Tensor>) -> Leaves {
        Leaves(leaves.into_iter())
    }

    /// The next tensor.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let mut leaves = gradus::tree::Leaves::new(vec![Tensor::from(1.0)]);
    /// assert_eq!(leaves.take_next().item::<f64>()?, 1.0);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If none is left: the tree asks for more tensors than [`Tree::flatten`] gave.
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
///
/// ```
/// # use gradus::prelude::*;
/// use gradus::tree;
/// let tensors = tree::leaves(&(Tensor::from(1.0), vec![Tensor::from(2.0)]));
/// assert_eq!(tensors[1].item::<f64>()?, 2.0);
/// # Ok::<(), gradus::Error>(())
/// ```
#[doc(alias = "tree_leaves")]
#[doc(alias = "tree_flatten")]
#[doc(alias = "parameters")]
pub fn leaves<A: Tree>(tree: &A) -> Vec<Tensor> {
    let mut leaves = Vec::new();
    tree.flatten(&mut leaves);
    leaves
}

/// A tree with the structure of `like` that holds `leaves`.
pub(crate) fn rebuild<A: Tree>(like: &A, leaves: Vec<Tensor>) -> A {
    like.unflatten(&mut Leaves::new(leaves))
}

/// The tree with `f` applied to each tensor.
///
/// ```
/// # use gradus::prelude::*;
/// use gradus::tree;
/// let doubled = tree::map(&vec![Tensor::from(1.0)], |t| t * 2.0);
/// assert_eq!(doubled[0].item::<f64>()?, 2.0);
/// # Ok::<(), gradus::Error>(())
/// ```
#[doc(alias = "tree_map")]
pub fn map<A: Tree>(tree: &A, f: impl FnMut(&Tensor) -> Tensor) -> A {
    let mapped = leaves(tree).iter().map(f).collect();
    rebuild(tree, mapped)
}

/// The tree of `f(a, b)` for the tensors at equal positions of two trees.
///
/// ```
/// # use gradus::prelude::*;
/// use gradus::tree;
/// let (a, b) = (vec![Tensor::from(1.0)], vec![Tensor::from(2.0)]);
/// assert_eq!(tree::map2(&a, &b, |x, y| x + y)?[0].item::<f64>()?, 3.0);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Tree`] if their structures differ.
#[doc(alias = "tree_map")]
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

/// The path of each tensor, such as `.layers.0.weight`; empty if the whole tree is one tensor.
///
/// ```
/// # use gradus::prelude::*;
/// use gradus::tree;
/// assert_eq!(tree::paths(&(Tensor::from(1.0), vec![Tensor::from(2.0)])), [".0", ".1.0"]);
/// ```
#[doc(alias = "tree_flatten_with_path")]
#[doc(alias = "named_parameters")]
pub fn paths<A: Tree>(tree: &A) -> Vec<String> {
    Structure::record(tree).paths()
}

/// Zeros with the types and shapes of a tree's tensors.
///
/// ```
/// # use gradus::prelude::*;
/// use gradus::tree;
/// assert_eq!(tree::zeros_like(&vec![Tensor::from(7.0)])[0].item::<f64>()?, 0.0);
/// # Ok::<(), gradus::Error>(())
/// ```
#[doc(alias = "zero_grad")]
pub fn zeros_like<A: Tree>(tree: &A) -> A {
    map(tree, |t| {
        Tensor::splat(Literal::from_f64(t.ty().dtype, 0.0), &t.ty().shape)
    })
}

/// The total number of elements of all tensors.
///
/// ```
/// # use gradus::prelude::*;
/// use gradus::tree;
/// assert_eq!(tree::count(&(Tensor::zeros(&[2, 3], F64), Tensor::from(1.0))), 7);
/// ```
pub fn count<A: Tree>(tree: &A) -> usize {
    leaves(tree).iter().map(|t| t.ty().elements()).sum()
}
