//! Derivatives with respect to some of the tensors of a tree.

use super::grad::differentiate_wrt;
use crate::function::or_stop;
use crate::tensor::Tensor;
use crate::tree::{Tree, leaves, paths, rebuild};
use gradus_ir::{Error, ErrorKind, Loc, Result};

/// The gradient of `f` with respect to the tensors whose paths `wrt` selects.
/// The paths are those from [`tree::paths`](crate::tree::paths).
///
/// Nothing is computed for the other tensors: they can have any type, and the result has zeros in their places.
///
/// ```
/// use gradus::prelude::*;
/// // A layer with weights and their mask; only the weights are differentiated.
/// let f = |(w, mask): &(Tensor, Tensor)| mask.where_(w, &(w * 0.0)).square().sum();
/// let at = (Tensor::from([1.0, 2.0]), Tensor::from([true, false]));
/// let (slope, _) = grad_wrt(f, |path| path == ".0")(&at);
/// assert_eq!(slope.to_vec::<f64>()?, [2.0, 0.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// When called, if `wrt` selects no tensor or a tensor that is not a float, or `f` does not return a float scalar.
#[doc(alias = "argnums")]
#[doc(alias = "requires_grad")]
#[track_caller]
pub fn grad_wrt<A: Tree>(f: impl Fn(&A) -> Tensor, wrt: impl Fn(&str) -> bool) -> impl Fn(&A) -> A {
    let loc = Loc::caller();
    move |at| {
        let wrt = select("grad_wrt", at, &wrt);
        differentiate_wrt("grad_wrt", &|x: &A| (f(x), ()), at, wrt, loc).1
    }
}

/// Like [`grad_wrt`], but returns the value of `f` as well, before the gradient.
///
/// ```
/// use gradus::prelude::*;
/// let f = |(a, b): &(Tensor, Tensor)| (a * b).sum();
/// let at = (Tensor::from(2.0), Tensor::from(3.0));
/// let (value, slopes) = value_and_grad_wrt(f, |path| path == ".1")(&at);
/// assert_eq!(value.item::<f64>()?, 6.0);
/// assert_eq!((slopes.0.item::<f64>()?, slopes.1.item::<f64>()?), (0.0, 2.0));
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// See [`grad_wrt`].
#[track_caller]
pub fn value_and_grad_wrt<A: Tree>(
    f: impl Fn(&A) -> Tensor,
    wrt: impl Fn(&str) -> bool,
) -> impl Fn(&A) -> (Tensor, A) {
    let loc = Loc::caller();
    move |at| {
        let name = "value_and_grad_wrt";
        let wrt = select(name, at, &wrt);
        let ((value, ()), slope) = differentiate_wrt(name, &|x: &A| (f(x), ()), at, wrt, loc);
        (value, slope)
    }
}

/// `x` with derivative zero in the tensors whose paths `frozen` selects:
/// [`stop_gradient`](crate::stop_gradient) of a part.
///
/// Use it inside the differentiated function,
/// so that the frozen part stays constant in everything computed from it.
/// Nothing is computed for the derivatives of a frozen part.
///
/// ```
/// use gradus::prelude::*;
/// let f = |x: &(Tensor, Tensor)| {
///     let (backbone, head) = freeze(x, |path| path == ".0");
///     (backbone * head).sum()
/// };
/// let slopes = grad(f)(&(Tensor::from(2.0), Tensor::from(3.0)));
/// assert_eq!((slopes.0.item::<f64>()?, slopes.1.item::<f64>()?), (0.0, 2.0));
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If `frozen` selects no tensor.
#[doc(alias = "requires_grad")]
#[track_caller]
pub fn freeze<A: Tree>(x: &A, frozen: impl Fn(&str) -> bool) -> A {
    let chosen = or_stop(
        select("freeze", x, &frozen),
        Loc::caller(),
        || leaves(x),
        Vec::new,
    );
    let mut all = leaves(x);
    for k in chosen {
        all[k] = all[k].stop_gradient();
    }
    rebuild(x, all)
}

/// The positions of the tensors that `chosen` selects.
fn select<A: Tree>(name: &str, tree: &A, chosen: &dyn Fn(&str) -> bool) -> Result<Vec<usize>> {
    let paths = paths(tree);
    let found: Vec<usize> = (0..paths.len()).filter(|&k| chosen(&paths[k])).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    /// A longer list of names does not help.
    const SHOWN: usize = 12;
    let mut names: Vec<String> = paths.iter().take(SHOWN).map(|p| format!("`{p}`")).collect();
    if paths.len() > SHOWN {
        names.push(format!("{} more", paths.len() - SHOWN));
    }
    let there = match names.len() {
        0 => "the tree holds no tensor".to_string(),
        _ => format!("the paths are {}", names.join(", ")),
    };
    Err(Error::new(
        ErrorKind::Tree,
        format!("{name}: no tensor of the argument is selected; {there}"),
    ))
}
