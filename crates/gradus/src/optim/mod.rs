//! Optimisers as plain functions over trees: parameters, gradients and state in, parameters and state out.
//!
//! Nothing is changed in place and nothing is hidden, so an update can be jitted together with the gradient,
//! mapped, or differentiated.
//! If the caller gives its tensors away ([`Jit::call_owned`](crate::Jit::call_owned)),
//! the compiled update still works in place.
//!
//! ```
//! use gradus::optim::{self, Adam};
//! use gradus::prelude::*;
//! let options = Adam::default();
//! let step = jit(|(x, state): &(Tensor, optim::AdamState<Tensor>)| {
//!     let slope = grad(|x: &Tensor| (x - 3.0).square().sum())(x);
//!     options.update(x, &slope, state, &Tensor::from(0.1))
//! });
//! let x = Tensor::from([0.0]);
//! let mut at = (x.clone(), options.start(&x));
//! for _ in 0..300 {
//!     at = step.call_owned(at)?;
//! }
//! assert!((at.0.to_vec::<f64>()?[0] - 3.0).abs() < 1e-2);
//! # Ok::<(), gradus::Error>(())
//! ```

mod adam;
mod clip;
mod schedule;
mod sgd;

pub use adam::{Adam, AdamState};
pub use clip::{clip_by_norm, clip_by_value, global_norm};
pub use schedule::Schedule;
pub use sgd::{Momentum, Sgd};

use crate::tensor::Tensor;
use crate::trace;
use crate::tree::Tree;
use gradus_ir::{Error, ErrorKind, Loc};

/// `rate`, a number of any float type, converted to the type of `like`.
fn rate_for(rate: &Tensor, like: &Tensor) -> Tensor {
    rate.astype(like.dtype())
}

/// For the function `name`: applies `f` to the leaves of several trees of one structure, position by position.
/// Each call of `f` gives one leaf for each of `n` results.
///
/// # Panics
/// If the trees have different numbers of leaves.
#[track_caller]
fn zip_leaves<A: Tree>(
    name: &'static str,
    trees: &[&A],
    n: usize,
    f: &mut dyn FnMut(&[&Tensor]) -> Vec<Tensor>,
) -> Vec<A> {
    let loc = Loc::caller();
    let all: Vec<Vec<Tensor>> = trees.iter().map(|t| crate::tree::leaves(*t)).collect();
    for (tree, leaves) in trees.iter().zip(&all) {
        if leaves.len() != all[0].len() {
            let wanted = crate::tree::Structure::record(trees[0]);
            let got = crate::tree::Structure::record(*tree);
            let difference = wanted
                .difference(&got)
                .unwrap_or_else(|| "they have different numbers of tensors".into());
            let message = format!(
                "{name}: gradients and state must have the structure and types of the parameters: {difference}"
            );
            trace::stop(Error::new(ErrorKind::Tree, message), loc, &[]);
            // If a boundary keeps the mistake, the step returns its arguments unchanged.
            return (0..n)
                .map(|_| crate::tree::map(trees[0], Tensor::clone))
                .collect();
        }
    }
    let mut results: Vec<Vec<Tensor>> = vec![Vec::new(); n];
    for k in 0..all[0].len() {
        let row: Vec<&Tensor> = all.iter().map(|leaves| &leaves[k]).collect();
        let made = trace::called(name, || f(&row));
        for (result, t) in results.iter_mut().zip(made) {
            result.push(t);
        }
    }
    results
        .into_iter()
        .map(|leaves| crate::tree::rebuild(trees[0], leaves))
        .collect()
}
