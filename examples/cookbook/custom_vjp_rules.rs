//! A function with a custom backward pass: the rule decides which values are kept,
//! and computes the result from them and the cotangent. Forward mode is refused.
//!
//! JAX, "Custom derivative rules": Summary (custom VJPs);
//! Use `jax.custom_vjp` to define custom reverse-mode-only rules.

use gradus::prelude::*;
use gradus_examples::shared::{assert_composes_in_reverse, assert_prints};

type Pair = (Tensor, Tensor);

pub fn main() -> Result<()> {
    let number = |x: f32| Tensor::from(x);
    let f = custom_vjp(
        |(x, y): &Pair| x.sin() * y,
        |(x, y): &Pair| (x.sin() * y, (x.cos(), x.sin(), y.clone())),
        |(cos, sin, y): &(Tensor, Tensor, Tensor), g: &Tensor| (cos * g * y, sin * g),
    );
    let slope = grad(&f)(&(number(2.0), number(3.0)));
    println!("{} {}", slope.0, slope.1);
    assert_prints(&slope.0, -1.2484405);

    let sine = custom_vjp(
        Tensor::sin,
        |x: &Tensor| (x.sin(), x.cos()),
        |cos: &Tensor, g: &Tensor| cos * g,
    );
    let three = number(3.0);
    assert_prints(&sine(&three), 0.14112);
    assert_prints(&grad(&sine)(&three), -0.9899925);
    let (value, pull) = vjp(&sine, &three);
    assert_prints(&value, 0.14112);
    assert_prints(&pull(&number(1.0)), -0.9899925);

    // Forward mode has no rule to follow: an error that names the line.
    let pushed = jit(|x: &Tensor| jvp(&sine, x, &x.ones_like()).1).call(&three);
    let error = pushed.expect_err("no forward mode");
    println!("{error}");
    // Forward over reverse differentiates `forward` and `backward`, which are ordinary functions.
    assert_prints(&jvp(grad(&sine), &three, &number(1.0)).1, -0.14112);

    assert_composes_in_reverse(&sine, &Tensor::from(0.7))?;
    assert_composes_in_reverse(
        |x: &Tensor| f(&(x.at(0), x.at(1))),
        &Tensor::from([2.0, 3.0]),
    )
}
