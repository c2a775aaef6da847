//! A function with a custom rule for forward mode. Reverse mode is the transpose of the rule.
//!
//! JAX, "Custom derivative rules": Summary (custom JVPs);
//! Use `jax.custom_jvp` to define forward-mode (and, indirectly, reverse-mode) rules.

use gradus::prelude::*;
use gradus_examples::shared::{assert_composes, assert_near, assert_prints};

type Pair = (Tensor, Tensor);

pub fn main() -> Result<()> {
    let number = |x: f32| Tensor::from(x);
    let at = (number(2.0), number(3.0));

    // sin(x)·y: the rule gets the point, the value there, and the tangent.
    let f = custom_jvp(
        |(x, y): &Pair| x.sin() * y,
        |(x, y): &Pair, _, (dx, dy): &Pair| x.cos() * dx * y + x.sin() * dy,
    );
    let (value, change) = jvp(&f, &at, &(number(1.0), number(0.0)));
    println!("{value} {change} {}", grad(&f)(&at).0);
    assert_prints(&f(&at), 2.7278922);
    assert_prints(&value, 2.7278922);
    assert_prints(&change, -1.2484405);
    assert_prints(&grad(&f)(&at).0, -1.2484405);

    // With one argument: both modes and the second derivative follow from the one rule.
    let sine = custom_jvp(Tensor::sin, |x: &Tensor, _, dx: &Tensor| x.cos() * dx);
    let three = number(3.0);
    assert_prints(&sine(&three), 0.14112);
    assert_prints(&jvp(&sine, &three, &number(1.0)).1, -0.9899925);
    assert_prints(&grad(&sine)(&three), -0.9899925);
    assert_prints(&grad(grad(&sine))(&three), -0.14112);

    // The rule sums a term for each argument; an omitted term counts as zero.
    let g = |(x, y): &Pair| x.square() * y;
    let both = custom_jvp(g, |(x, y): &Pair, _, (dx, dy): &Pair| {
        2 * x * y * dx + x.square() * dy
    });
    let by_x_alone = custom_jvp(g, |(x, y): &Pair, _, (dx, _): &Pair| 2 * x * y * dx);
    assert_prints(&grad(&both)(&at).0, 12.0);
    assert_prints(&grad(&both)(&at).1, 4.0);
    assert_prints(&grad(&by_x_alone)(&at).0, 12.0);
    assert_prints(&grad(&by_x_alone)(&at).1, 0.0);

    // Under a transform, Rust's `if` on a value becomes `cond`. The rule need not be the derivative.
    let odd = custom_jvp(
        |x: &Tensor| cond(&x.greater(0.0), Tensor::sin, Tensor::cos, x),
        |x: &Tensor, _, dx: &Tensor| x.greater(0.0).where_(dx * 2, dx * 3),
    );
    assert_prints(&grad(&odd)(&number(1.0)), 2.0);
    assert_prints(&grad(&odd)(&number(-1.0)), 3.0);

    // Without differentiation only the function runs, and no part of the rule.
    let xs = Tensor::from([0f32, 1.0, 2.0]);
    assert_prints(&vmap(&sine)(&xs), [0.0, 0.841471, 0.9092974]);
    assert_prints(&jit(&sine).call(&three)?, 0.14112);

    assert_near(&f(&at), &(at.0.sin() * &at.1));
    assert_composes(&sine, &Tensor::from(0.7))?;
    assert_composes(
        |x: &Tensor| f(&(x.at(0), x.at(1))),
        &Tensor::from([2.0, 3.0]),
    )
}
