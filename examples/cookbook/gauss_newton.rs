//! Products with the Gauss-Newton matrix `Jᵀ·H·J`, for a model linearised once:
//! `J` pushes, `H` is the curvature of the loss, `Jᵀ` pulls.
//!
//! JAX, "The Autodiff Cookbook": More advanced autodiff (Gauss-Newton vector products, linearizing once).

use gradus::prelude::*;
use gradus_examples::shared::{assert_composes, assert_near};

pub fn main() -> Result<()> {
    let x = Tensor::from([[0.5, -1.0], [1.5, 0.3], [-0.7, 0.8]]);
    let labels = Tensor::from([1.0, 0.0, 1.0]);
    // Logits of the examples, and the logistic loss of logits.
    let model = |w: &Tensor| x.matmul(w).tanh() + w.at(0) * w.at(1);
    let loss = |z: &Tensor| (z.softplus() - &labels * z).sum();
    let w = Tensor::from([0.4, -0.9]);

    // The model runs twice, once for each map, for any number of products.
    let (z, push) = linearize(model, &w);
    let (_, pull) = vjp(model, &w);
    let product = |v: &Tensor| pull(&hvp(loss)(&z, &push(v)));

    let j = jacobian(model)(&w);
    let matrix = j.t().matmul(&hessian(loss)(&z)).matmul(&j);
    let by_products = vmap(product)(&Tensor::eye(2, F64));
    println!("{by_products}");
    assert_near(&by_products, &matrix);

    // If the model is linear, the matrix is the Hessian of the composition.
    let linear = |w: &Tensor| x.matmul(w);
    let (z, push) = linearize(linear, &w);
    let (_, pull) = vjp(linear, &w);
    let v = Tensor::from([1.0, 2.0]);
    let of_whole = hvp(|w: &Tensor| loss(&linear(w)))(&w, &v);
    assert_near(&pull(&hvp(loss)(&z, &push(&v))), &of_whole);
    assert_composes(|w: &Tensor| loss(&model(w)), &w)
}
