//! A long loop whose backward pass keeps few states and computes the other states again.
//! It keeps `√n` of them, or a given number,
//! placed so that as few steps as possible run twice (binomial checkpointing).
//!
//! JAX, "The Autodiff Cookbook": More advanced autodiff (checkpointing).
//! PyTorch, "Autograd mechanics": Hooks for saved tensors (memory for time).

use gradus::prelude::*;
use gradus_examples::shared::{assert_composes, assert_near};

/// `n` steps of the logistic map.
fn last(keep: Keep, n: usize) -> impl Fn(&Tensor) -> Tensor {
    move |rate| {
        let options = ScanOptions::default().length(n).keep(keep);
        let step = |x: &Tensor, _: &()| (rate * x * (1 - x), ());
        scan_with(options, step, &Tensor::from(0.3), &()).0
    }
}

pub fn main() -> Result<()> {
    let rate = Tensor::from(2.8);
    let all = grad(last(Keep::All, 300))(&rate);
    for keep in [Keep::Sqrt, Keep::Snapshots(5), Keep::Snapshots(30)] {
        let lean = grad(last(keep, 300))(&rate);
        println!("{keep:?}: {lean}");
        assert_near(&lean, &all);
    }
    // At the fixed point x = 1 - 1/r, so dx/dr = 1/r².
    assert_near(&all, &(1 / rate.square()));

    // The same for a function without a loop.
    let layer = |x: &Tensor| x.sin().exp().tanh();
    let deep = |x: &Tensor| checkpoint(layer)(&checkpoint(layer)(&layer(x))).sum();
    let plain = |x: &Tensor| layer(&layer(&layer(x))).sum();
    let x = Tensor::from([0.1, 0.7]);
    assert_near(&grad(deep)(&x), &grad(plain)(&x));
    assert_composes(deep, &x)?;
    assert_composes(last(Keep::Snapshots(3), 12), &rate)
}
