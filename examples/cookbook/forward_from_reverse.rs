//! Forward mode from reverse mode alone.
//! A pullback is linear, and the pullback of a linear map is its transpose, so pulling back twice pushes forward.
//!
//! JAX, "The Autodiff Cookbook": More advanced autodiff (forward-mode autodiff using only reverse-mode autodiff).

use gradus::prelude::*;
use gradus_examples::shared::{assert_composes, assert_near};

fn push(f: impl Fn(&Tensor) -> Tensor, x: &Tensor, v: &Tensor) -> Tensor {
    let (y, pull) = vjp(f, x);
    // ȳ ↦ ∂fᵀ·ȳ is linear, so its pullback is the same at any ȳ, for example at zeros.
    let (_, pull_again) = vjp(pull, &y.zeros_like());
    pull_again(v)
}

pub fn main() -> Result<()> {
    let f = |x: &Tensor| x.cumsum(0).sin() * x.square().sum();
    let (x, v) = (
        Tensor::from([0.5, -1.0, 2.0]),
        Tensor::from([1.0, 0.3, -0.2]),
    );
    let by_reverse = push(f, &x, &v);
    println!("{by_reverse}");
    assert_near(&by_reverse, &jvp(f, &x, &v).1);
    assert_composes(|x: &Tensor| push(f, x, &v).sum(), &x)
}
