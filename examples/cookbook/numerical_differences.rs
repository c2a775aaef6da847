//! Compares derivatives with finite differences: by hand, and by `check_grads`.
//!
//! In f32 a step of 1e-4 leaves three digits, on the page and here,
//! because the difference of two rounded numbers is divided by a small one. f64 leaves nine.
//!
//! JAX, "The Autodiff Cookbook": Checking against numerical differences.

use gradus::prelude::*;
use gradus_examples::shared::logistic::{loss, parameters};
use gradus_examples::shared::{assert_composes, assert_prints, assert_within};

pub fn main() -> Result<()> {
    let (w, b, key) = parameters();
    let [_, of_direction] = key.split();
    let v = random::normal(&of_direction, &[3], F32);
    let unit = &v / v.dot(&v).sqrt();

    // With respect to the offset, and to the weights along a direction.
    let by_b = |b: &Tensor| loss(&w, b);
    let by_w = |w: &Tensor| loss(w, &b);
    let h = 1e-4;
    let of_b = (by_b(&(&b + h / 2.0)) - by_b(&(&b - h / 2.0))) / h;
    let step = &unit * (h / 2.0);
    let of_w = (by_w(&(&w + &step)) - by_w(&(&w - &step))) / h;
    let slope_b = grad(by_b)(&b);
    let slope_w = grad(by_w)(&w).dot(&unit);
    println!("by the offset:  difference {of_b}, derivative {slope_b}");
    println!("by the weights: difference {of_w}, derivative {slope_w}");
    assert_prints(&slope_b, -0.69001776);
    assert_prints(&slope_w, 1.3006744);
    // The page prints -0.6890297 and 1.3041496, including its rounding errors.
    assert_within(&of_b, &Tensor::from(-0.6890297), 5e-3);
    assert_within(&of_w, &Tensor::from(1.3041496), 5e-3);

    let (w, b) = (w.astype(F64), b.astype(F64));
    let by_b = |b: &Tensor| loss(&w, b);
    let of_b = (by_b(&(&b + h / 2.0)) - by_b(&(&b - h / 2.0))) / h;
    assert_within(&of_b, &grad(by_b)(&b), 1e-9);

    // The same for every direction and both modes. Applied to the gradient, it checks second derivatives.
    let of_pair = |(w, b): &(Tensor, Tensor)| loss(w, b);
    let at = (w.clone(), b.clone());
    check_grads(of_pair, &at)?;
    check_grads(grad(of_pair), &at)?;
    assert_composes(|w: &Tensor| loss(w, &b), &w)
}
