//! Tensors never change, so nothing that the backward pass needs can be overwritten,
//! and no versions need to be counted. An operation that writes makes a new tensor.
//! If the old one is no longer needed, the compiled program writes in its place.
//!
//! PyTorch, "Autograd mechanics": In-place operations with autograd; In-place correctness checks.

use gradus::prelude::*;
use gradus_examples::shared::{assert_composes, assert_near};

pub fn main() -> Result<()> {
    // The derivative of the exponential is its value.
    // A part of it is "overwritten" before the backward pass begins.
    let f = |x: &Tensor| {
        let mut y = x.exp();
        let before = y.clone();
        y = y.dynamic_update(&Tensor::from([10.0]), &Tensor::from([1i64]));
        y *= 3;
        (&before + y).sum()
    };
    let x = Tensor::from([0.0, 1.0, 2.0]);
    let slope = grad(f)(&x);
    println!("{slope}");
    // The replaced element counts once, the other elements four times.
    assert_near(&slope, &(x.exp() * Tensor::from([4.0, 1.0, 4.0])));
    assert_near(&x, &Tensor::from([0.0, 1.0, 2.0]));
    assert_composes(f, &x)?;

    // Written values have derivatives, too.
    let g = |x: &Tensor| {
        let twice = x.slice_axis(0, ..2) * 2;
        let written = x.square().dynamic_update(&twice, &Tensor::from([1i64]));
        let places = Tensor::from([0i64, 0]);
        written.index_add(0, &places, &x.slice_axis(0, 1..)).sum()
    };
    // x₀² + 2·x₀ + 2·x₁ + x₁ + x₂
    assert_near(&grad(g)(&x), &Tensor::from([2.0, 3.0, 1.0]));
    assert_composes(g, &x)?;

    // A compiled step that takes ownership of its state overwrites it with the next one.
    let step = jit(|x: &Tensor| x - grad(|x: &Tensor| (x - 1).square().sum())(x) * 0.25);
    let mut state = x;
    for _ in 0..40 {
        state = step.call_owned(state)?;
    }
    assert_near(&state, &Tensor::ones(&[3], F64));
    Ok(())
}
