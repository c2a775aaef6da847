//! Reductions over rows and what is built from them: softmax, normalisation, largest elements, running sums.

use crate::argument::floats;
use crate::case::Case;
use gradus::prelude::*;

fn layer_norm(x: &Tensor) -> Tensor {
    let centred = x - x.mean_axis_keep(-1);
    let variance = centred.square().mean_axis_keep(-1);
    centred / (variance + 1e-5).sqrt()
}

const LAYER_NORM: &str = "
def norm(x):
    centred = x - x.mean(-1, keepdims=True)
    return centred / jnp.sqrt((centred * centred).mean(-1, keepdims=True) + 1e-5)
f = norm";

/// The gradient of a weighted sum of the result.
const GRADIENT_OF_LAYER_NORM: &str = "
def norm(x):
    centred = x - x.mean(-1, keepdims=True)
    return centred / jnp.sqrt((centred * centred).mean(-1, keepdims=True) + 1e-5)
f = lambda x, w: jax.grad(lambda x: (norm(x) * w).sum())(x)";

pub fn cases() -> Vec<Case> {
    [long(), short(), positions()]
        .into_iter()
        .flatten()
        .collect()
}

fn long() -> Vec<Case> {
    let x = || vec![floats(&[4096, 1024], F32)];
    let one = |name: &str, f: fn(&Tensor) -> Tensor| {
        let name = format!("{name} of rows, 4096 × 1024 f32");
        Case::new(name, x(), move |a| vec![f(&a[0])])
    };
    let gradient = |a: &Vec<Tensor>| {
        let w = &a[1];
        vec![grad(|x: &Tensor| (layer_norm(x) * w).sum())(&a[0])]
    };
    vec![
        one("softmax", |x| x.softmax(-1)).jax("lambda x: jax.nn.softmax(x, -1)", 1.3),
        one("log-sum-exp", |x| x.log_sum_exp_axis(-1))
            .jax("lambda x: jax.nn.logsumexp(x, -1)", 1.3),
        one("layer norm", layer_norm).jax(LAYER_NORM, 1.3),
        Case::new(
            "gradient of layer norm, 4096 × 1024 f32",
            [x(), x()].concat(),
            gradient,
        )
        .jax(GRADIENT_OF_LAYER_NORM, 1.3),
    ]
}

fn short() -> Vec<Case> {
    let x = || floats(&[100_000, 10], F32);
    let one = |name: &str, f: fn(&Tensor) -> Tensor| {
        let name = format!("{name}, 100,000 × 10 f32");
        Case::new(name, vec![x()], move |a| vec![f(&a[0])])
    };
    let two = |name: &str, shape: &[usize]| {
        let name = format!("{name}, 100,000 × 10 f32");
        let arguments = vec![x(), floats(shape, F32)];
        Case::new(name, arguments, |a| vec![&a[0] + &a[1]]).jax("lambda x, y: x + y", 1.5)
    };
    vec![
        one("sum of rows", |x| x.sum_axis(-1)).jax("lambda x: x.sum(-1)", 1.5),
        one("largest of rows", |x| x.max_axis(-1)).jax("lambda x: x.max(-1)", 1.5),
        one("softmax of rows", |x| x.softmax(-1)).jax("lambda x: jax.nn.softmax(x, -1)", 1.5),
        one("x - mean of its row", |x| x - x.mean_axis_keep(-1))
            .jax("lambda x: x - x.mean(-1, keepdims=True)", 1.5),
        two("x + row", &[10]),
        two("x + column", &[100_000, 1]),
    ]
}

fn positions() -> Vec<Case> {
    let case = |name: &str, shape: [usize; 2], f: fn(&Tensor) -> Tensor| {
        let name = format!("{name}, {} × {} f32", shape[0], shape[1]);
        Case::new(name, vec![floats(&shape, F32)], move |a| vec![f(&a[0])])
    };
    let argmax = |shape| {
        case("argmax of rows", shape, |x| x.argmax_axis(-1)).jax("lambda x: jnp.argmax(x, -1)", 1.5)
    };
    vec![
        argmax([1000, 1000]),
        argmax([100_000, 10]),
        case("running sum along rows", [1000, 1000], |x| x.cumsum(1))
            .jax("lambda x: jnp.cumsum(x, 1)", 2.0),
        case("running sum along columns", [1000, 1000], |x| x.cumsum(0))
            .jax("lambda x: jnp.cumsum(x, 0)", 2.0),
    ]
}
