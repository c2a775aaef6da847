//! The model of JAX's "Autodiff Cookbook":
//! a logistic regression of four examples, with the parameters from its keys.

use gradus::prelude::*;
use gradus::random::Key;

/// Four examples of three numbers.
pub fn inputs() -> Tensor {
    Tensor::from([
        [0.52f32, 1.12, 0.77],
        [0.88, -1.08, 0.15],
        [0.52, 0.06, -1.30],
        [0.74, -2.49, 1.39],
    ])
}

/// Weights, offset, and the key for the next steps.
pub fn parameters() -> (Tensor, Tensor, Key) {
    let [next, of_w, of_b] = random::key(0).split();
    let w = random::normal(&of_w, &[3], F32);
    let b = random::normal(&of_b, &[], F32);
    (w, b, next)
}

/// The probability of the label of each example, by the formula of the page.
pub fn predict(w: &Tensor, b: &Tensor) -> Tensor {
    let z = inputs().astype(w.dtype()).matmul(w) + b;
    0.5 * ((z / 2).tanh() + 1)
}

/// The negative logarithm of the likelihood of the labels.
pub fn loss(w: &Tensor, b: &Tensor) -> Tensor {
    let p = predict(w, b);
    let labels = Tensor::from([true, true, false, true]);
    -labels.where_(&p, 1 - &p).log().sum()
}
