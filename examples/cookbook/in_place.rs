//! Tensors never change, so nothing that the way back needs can be overwritten, and no version needs to be counted. What writes, writes a new
//! tensor; where the old one is not needed any more, the compiled program writes in its place.
//!
//! PyTorch, "Autograd mechanics": In-place operations with autograd; In-place correctness checks.

use gradus::prelude::*;
use gradus_examples::shared::{assert_composes, assert_near};

pub fn main() -> Result<()> {
    // The exponential's derivative is its value, of which a part is "overwritten" before the way back begins.
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
    // The part that was replaced counts once, the others four times.
    assert_near(&slope, &(x.exp() * Tensor::from([4.0, 1.0, 4.0])));
    assert_near(&x, &Tensor::from([0.0, 1.0, 2.0]));
    assert_composes(f, &x)?;

    // Derivatives go through what is written, too.
    let g = |x: &Tensor| {
        let twice = x.slice_axis(0, ..2) * 2;
        let written = x.square().dynamic_update(&twice, &Tensor::from([1i64]));
        let places = Tensor::from([0i64, 0]);
        written.index_add(0, &places, &x.slice_axis(0, 1..)).sum()
    };
    // x₀² + 2·x₀ + 2·x₁ + x₁ + x₂
    assert_near(&grad(g)(&x), &Tensor::from([2.0, 3.0, 1.0]));
    assert_composes(g, &x)?;

    // A compiled step that is given its state writes the next one over it.
    let step = jit(|x: &Tensor| x - grad(|x: &Tensor| (x - 1).square().sum())(x) * 0.25);
    let mut state = x;
    for _ in 0..40 {
        state = step.call_owned(state)?;
    }
    assert_near(&state, &Tensor::ones(&[3], F64));
    Ok(())
}
