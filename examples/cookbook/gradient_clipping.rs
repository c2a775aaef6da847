//! Clips the gradient that passes through a value, with bounds that are arguments.
//!
//! JAX, "Custom derivative rules": Gradient clipping.

use gradus::prelude::*;
use gradus_examples::shared::{assert_composes_in_reverse, assert_near};

pub fn main() -> Result<()> {
    // As a rule: the identity with a backward pass that clips. The bounds are kept for it, and have no derivative.
    type Args = (Tensor, Tensor, Tensor);
    let clip = custom_vjp(
        |(_, _, x): &Args| x.clone(),
        |(low, high, x): &Args| (x.clone(), (low.clone(), high.clone())),
        |(low, high): &(Tensor, Tensor), g: &Tensor| {
            (low.zeros_like(), high.zeros_like(), g.clip(low, high))
        },
    );
    let bound = Tensor::from(0.75);
    let clipped = |x: &Tensor| clip(&(-&bound, bound.clone(), x.clone())).sin();
    let t = Tensor::linspace(0.0, 10.0, 1000);
    let slopes = vmap(grad(clipped))(&t);
    println!("between {} and {}", slopes.min(), slopes.max());
    assert_near(&vmap(clipped)(&t), &t.sin());
    assert_near(&vmap(grad(Tensor::sin))(&t), &t.cos());
    assert_near(&slopes, &t.cos().clip(-0.75, 0.75));

    // The same with `with_cotangent`.
    let hooked = |x: &Tensor| with_cotangent(x, |g: &Tensor| g.clip(-0.75, 0.75)).sin();
    assert_near(&vmap(grad(hooked))(&t), &slopes);
    assert_composes_in_reverse(clipped, &Tensor::from(0.2))?;
    assert_composes_in_reverse(hooked, &Tensor::from(0.2))
}
