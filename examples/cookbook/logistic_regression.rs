//! Gradients of a loss with respect to one argument, several, a map, a struct; and the value beside them.
//!
//! `grad` differentiates with respect to the argument of the closure.
//! Captured values are constants; this replaces JAX's `argnums`.
//!
//! JAX, "The Autodiff Cookbook": Starting with `grad` (logistic regression);
//! Differentiating with respect to nested lists, tuples, and dicts; Evaluate a function and its gradient
//! using `value_and_grad`.

use gradus::prelude::*;
use gradus_examples::shared::logistic::{loss, parameters};
use gradus_examples::shared::{assert_composes, assert_prints};
use std::collections::BTreeMap;

#[derive(Tree, Clone)]
struct Model {
    weights: Tensor,
    offset: Tensor,
}

const W: [f64; 3] = [-0.433146, -0.7354605, -1.2598922];
const B: f64 = -0.69001776;

pub fn main() -> Result<()> {
    let (w, b, _) = parameters();

    // One argument at a time, or both as a pair.
    let by_w = grad(|w: &Tensor| loss(w, &b))(&w);
    let by_b = grad(|b: &Tensor| loss(&w, b))(&b);
    let (of_pair, at) = (
        |(w, b): &(Tensor, Tensor)| loss(w, b),
        (w.clone(), b.clone()),
    );
    let both = grad(of_pair)(&at);
    println!("by the weights {by_w}, by the offset {by_b}");
    for slope in [&by_w, &both.0] {
        assert_prints(slope, W);
    }
    for slope in [&by_b, &both.1] {
        assert_prints(slope, B);
    }

    // A map gives a map, a struct a struct.
    let named = BTreeMap::from([("W".to_string(), w.clone()), ("b".to_string(), b.clone())]);
    let slopes = grad(|p: &BTreeMap<String, Tensor>| loss(&p["W"], &p["b"]))(&named);
    assert_prints(&slopes["W"], W);
    assert_prints(&slopes["b"], B);
    let model = Model {
        weights: w.clone(),
        offset: b.clone(),
    };
    let slope = grad(|m: &Model| loss(&m.weights, &m.offset))(&model);
    assert_prints(&slope.weights, W);
    assert_prints(&slope.offset, B);

    // The value comes with the gradient at no extra cost.
    let (value, slopes) = value_and_grad(of_pair)(&at);
    println!("loss {value}");
    assert_prints(&value, 2.9729187);
    assert_prints(&loss(&w, &b), 2.9729187);
    assert_prints(&slopes.0, W);

    assert_composes(|w: &Tensor| loss(w, &b), &w)
}
