//! Derivatives with respect to some of the tensors of a tree.

use super::grad::differentiate_wrt;
use crate::function::or_stop;
use crate::tensor::Tensor;
use crate::tree::{Tree, leaves, paths, rebuild};
use gradus_ir::{Error, ErrorKind, Loc, Result};

/// The gradient of `f` with respect to the tensors whose paths `wrt` selects; paths are those of [`tree::paths`](crate::tree::paths).
///
/// Nothing is computed for the others: they may be of any type, and at their places in the result stand zeros.
///
/// ```
/// use gradus::prelude::*;
/// // A layer of weights and their mask, of which the weights alone are differentiated.
/// let f = |(w, mask): &(Tensor, Tensor)| mask.where_(w, &(w * 0.0)).square().sum();
/// let at = (Tensor::from([1.0, 2.0]), Tensor::from([true, false]));
/// let (slope, _) = grad_wrt(f, |path| path == ".0")(&at);
/// assert_eq!(slope.to_vec::<f64>()?, [2.0, 0.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// When called, if `wrt` selects no tensor or one that is no float, or `f` does not return a float scalar.
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

/// As [`grad_wrt`], with the value of `f` in front.
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
/// As [`grad_wrt`].
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

/// `x` with derivative zero in the tensors whose paths `frozen` selects: [`stop_gradient`](crate::stop_gradient) of a part.
///
/// To be used within the function that is differentiated, so that the part keeps still in whatever is computed from it. Nothing is computed for a frozen part.
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

/// Positions of the tensors that `chosen` selects.
fn select<A: Tree>(name: &str, tree: &A, chosen: &dyn Fn(&str) -> bool) -> Result<Vec<usize>> {
    let paths = paths(tree);
    let found: Vec<usize> = (0..paths.len()).filter(|&k| chosen(&paths[k])).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    /// More names than these do not help.
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
