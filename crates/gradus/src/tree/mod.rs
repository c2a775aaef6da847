//! Structures of tensors: the parts of a [`Tree`], and functions of all its tensors.

mod containers;
pub(crate) mod definition;
mod structure;

pub(crate) use definition::Tree;
pub use structure::Structure;

use crate::tensor::Tensor;
use gradus_ir::{Error, ErrorKind, Literal, Loc, Result};
use std::cell::Cell;

/// The tensors from which a tree is rebuilt.
pub struct Leaves(
    /// The last one first.
    Vec<Tensor>,
);

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
        let mut queue = leaves;
        queue.reverse();
        Leaves(queue)
    }

    /// The queue of the tensors that `write` appends to a list whose memory this thread uses again.
    ///
    /// # Errors
    /// Those of `write`.
    #[inline]
    pub(crate) fn written_by<T>(
        write: impl FnOnce(&mut Vec<Tensor>) -> Result<T>,
    ) -> Result<(Leaves, T)> {
        let mut leaves = Leaves(QUEUE.take());
        let outcome = write(&mut leaves.0)?;
        leaves.0.reverse();
        Ok((leaves, outcome))
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
    #[inline]
    pub fn take_next(&mut self) -> Tensor {
        match self.0.pop() {
            Some(t) => t,
            None => panic!(
                "a tree takes more tensors than it gave; `flatten` and `unflatten` must agree"
            ),
        }
    }
}

/// Keeps the memory of a short list for this thread.
impl Drop for Leaves {
    #[inline]
    fn drop(&mut self) {
        const SHORT: usize = 64;
        if (1..=SHORT).contains(&self.0.capacity()) {
            self.0.clear();
            let list = std::mem::take(&mut self.0);
            // A thread that ends may have dropped its list already.
            let _ = QUEUE.try_with(|queue| queue.set(list));
        }
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
    with_leaves(tree, |leaves| leaves.iter().map(|&t| t.clone()).collect())
}

thread_local! {
    /// The memory of a list of leaves, while no call has it.
    static LEAVES: Cell<Vec<&'static Tensor>> = const { Cell::new(Vec::new()) };
    /// The memory of a queue of tensors, while no call has it.
    static QUEUE: Cell<Vec<Tensor>> = const { Cell::new(Vec::new()) };
}

/// Does `work` with the tensors of a tree, in order, in a list whose memory this thread uses again.
#[inline]
pub(crate) fn with_leaves<A: Tree, R>(tree: &A, work: impl FnOnce(&[&Tensor]) -> R) -> R {
    let mut leaves = emptied(LEAVES.take());
    tree.flatten(&mut leaves);
    let result = work(&leaves);
    LEAVES.set(emptied(leaves));
    result
}

/// The memory of a list, for other references.
#[inline]
fn emptied<'a>(list: Vec<&Tensor>) -> Vec<&'a Tensor> {
    let mut list = list;
    list.clear();
    // The standard library collects into the memory that it reads.
    let nothing = |_: &Tensor| -> &'a Tensor { unreachable!("the list is empty") };
    list.into_iter().map(nothing).collect()
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
