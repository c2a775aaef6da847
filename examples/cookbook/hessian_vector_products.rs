//! Products with a Hessian without computing the Hessian, by each composition of the two modes.
//!
//! JAX, "The Autodiff Cookbook": Hessian-vector products with `grad`-of-`grad`;
//! Hessian-vector products using both forward- and reverse-mode.

use gradus::prelude::*;
use gradus_examples::shared::logistic::parameters;
use gradus_examples::shared::{assert_composes, assert_near, assert_prints};

fn f(x: &Tensor) -> Tensor {
    x.tanh().square().sum()
}

pub fn main() -> Result<()> {
    // The keys of the page; it has used three before.
    let (_, _, mut key) = parameters();
    for _ in 0..3 {
        let [next, _] = key.split();
        key = next;
    }
    let [_, of_x, of_v] = key.split();
    let x = random::normal(&of_x, &[30, 40], F32);
    let v = random::normal(&of_v, &[30, 40], F32);

    // Written by hand: the gradient of a product with the gradient,
    // the tangent of the gradient, the gradient of the tangent.
    let reverse_reverse = grad(|x: &Tensor| (grad(f)(x) * &v).sum())(&x);
    let forward_reverse = jvp(grad(f), &x, &v).1;
    let reverse_forward = grad(|x: &Tensor| jvp(f, x, &v).1)(&x);
    assert_near(&forward_reverse, &reverse_reverse);
    assert_near(&reverse_forward, &reverse_reverse);
    assert_prints(
        &forward_reverse.at(0).slice_axis(0, ..4),
        [-1.195817, 0.56155497, 1.6569566, 0.7604809],
    );

    // With the full Hessian, of 1200 × 1200 numbers.
    let full = hessian(f)(&x).tensordot(&v, &[2, 3], &[0, 1]);
    assert_near(&full, &forward_reverse);

    // `hvp` chooses the cheapest of the three; the plan says why.
    assert_near(&hvp(f)(&x, &v), &forward_reverse);
    println!("{}", plan_hvp(f, &x, &PlanOptions::default())?.explain());

    // The argument can be any tree.
    let of_pair = |(a, b): &(Tensor, Tensor)| f(a) * b.sin();
    let product = hvp(of_pair)(
        &(x.clone(), Tensor::from(0.0f32)),
        &(v, Tensor::from(1.0f32)),
    );
    assert_near(&product.0, &grad(f)(&x));
    assert_composes(f, &Tensor::from([0.3, -1.2, 0.8]))
}
