//! The two maps behind all derivatives: tangents pushed forward, cotangents pulled back.
//!
//! JAX, "The Autodiff Cookbook": Jacobian-Vector products;
//! Vector-Jacobian products; Vector-valued gradients with VJPs.

use gradus::prelude::*;
use gradus_examples::shared::logistic::{parameters, predict};
use gradus_examples::shared::{assert_composes, assert_near, assert_prints};

pub fn main() -> Result<()> {
    let (w, b, key) = parameters();
    let f = |w: &Tensor| predict(w, &b);
    let [key, _] = key.split();

    // (x, v) ↦ ∂f(x)·v. The page's keys give v. Values by JAX 0.10.2.
    let [key, of_v] = key.split();
    let v = random::normal(&of_v, &[3], F32);
    let (y, u) = jvp(f, &w, &v);
    println!("f(w) = {y}, ∂f(w)·v = {u}");
    assert_prints(&y, [0.10947311, 0.79829013, 0.41004258, 0.99217653]);
    assert_prints(&u, [0.12989178, -0.2941898, -0.6477777, -0.00632666]);

    // (x, u) ↦ uᵀ·∂f(x)
    let [_, of_u] = key.split();
    let u = random::normal(&of_u, &[4], F32);
    let (y, pull) = vjp(f, &w);
    println!("uᵀ·∂f(w) = {}", pull(&u));
    assert_prints(&pull(&u), [0.10026415, -0.22800142, -0.7058362]);
    assert_near(&y, &f(&w));

    // Both read the same matrix, and `linearize` pushes many tangents with one run of f.
    let (_, push) = linearize(f, &w);
    assert_near(&push(&v).dot(&u), &pull(&u).dot(&v));

    // A gradient with the shape of x although f returns many numbers: the pullback of ones.
    let ones = Tensor::ones(&[2, 2], F32);
    let (y, pull) = vjp(|x: &Tensor| 3 * x.square(), &ones);
    let slopes = pull(&y.ones_like());
    println!("{slopes}");
    assert_prints(&slopes, [[6.0, 6.0], [6.0, 6.0]]);
    assert_composes(|w: &Tensor| predict(w, &b).sum(), &w)
}
