//! Derivatives at points where calculus gives none: the subgradient of smallest norm at a kink,
//! the limit where there is one, and otherwise NaN.
//!
//! The rules are in the order of the page. Where the page says "arbitrary", a comment names the choice of Gradus.
//!
//! PyTorch, "Autograd mechanics": Gradients for non-differentiable functions.

use gradus::prelude::*;
use gradus_examples::shared::{assert_composes, assert_near};

fn slope(f: impl Fn(&Tensor) -> Tensor, x: f64) -> Result<f64> {
    grad(f)(&Tensor::from(x)).item()
}

pub fn main() -> Result<()> {
    // 1. Differentiable: the derivative.
    assert_eq!(slope(|x| x.powi(3), 2.0)?, 12.0);
    // 2. Convex: the subgradient of smallest norm. Between -1 and 1, or between 0 and 1, that is 0.
    assert_eq!(slope(Tensor::abs, 0.0)?, 0.0);
    assert_eq!(slope(Tensor::relu, 0.0)?, 0.0);
    // A maximum with ties: the element of smallest norm between (1, 0) and (0, 1), a half each.
    let largest = grad(|x: &Tensor| x.max())(&Tensor::from([1.0, 3.0, 3.0]));
    assert_near(&largest, &Tensor::from([0.0, 0.5, 0.5]));
    let larger = grad(|(a, b): &(Tensor, Tensor)| a.maximum(b));
    let (a, b) = larger(&(Tensor::from(2.0), Tensor::from(2.0)));
    assert_near(&a, &Tensor::from(0.5));
    assert_near(&b, &Tensor::from(0.5));
    // A constant number is an operand like a tensor, so the tensor gets a half.
    // PyTorch takes the subgradient of smallest norm in one argument, 0.
    assert_eq!(slope(|x| x.maximum(2.0), 2.0)?, 0.5);
    // 3. Concave: likewise from above.
    assert_eq!(slope(|x| -x.abs(), 0.0)?, 0.0);
    let smallest = grad(|x: &Tensor| x.min())(&Tensor::from([1.0, 1.0, 3.0]));
    assert_near(&smallest, &Tensor::from([0.5, 0.5, 0.0]));
    // 4. Defined, by continuity: √x is vertical at 0, and x⁰ is flat everywhere.
    assert_eq!(slope(Tensor::sqrt, 0.0)?, f64::INFINITY);
    assert_eq!(slope(|x| x.powi(0), 0.0)?, 0.0);
    // Step functions are flat between their jumps, and have slope 0 at them.
    assert_eq!(slope(Tensor::round, 0.5)?, 0.0);
    assert_eq!(slope(Tensor::sign, 0.0)?, 0.0);
    // 5. Not defined: the formula of the derivative applies, NaN or not.
    assert!(slope(Tensor::sqrt, -1.0)?.is_nan());
    assert_eq!(slope(Tensor::log, -1.0)?, -1.0);
    assert!(slope(Tensor::sin, f64::NAN)?.is_nan());
    // 6. Random numbers are functions of their key, so computations with them are as differentiable as any other.
    let key = random::key(3);
    let drawn = |s: &Tensor| (s * random::normal(&key, &[1000], F64)).square().mean();
    let (value, slope) = value_and_grad(drawn)(&Tensor::from(2.0));
    println!("variance {value}, and by the spread {slope}");
    assert_near(&slope, &value);
    assert_composes(drawn, &Tensor::from(2.0))?;

    // The conventions hold under all transforms.
    let at = Tensor::from([-1.0, 0.0, 1.0]);
    let each = jit(vmap(grad(Tensor::relu))).call(&at)?;
    assert_near(&each, &Tensor::from([0.0, 0.0, 1.0]));
    let (_, forward) = jvp(Tensor::relu, &at, &at.ones_like());
    assert_near(&forward, &each);
    Ok(())
}
