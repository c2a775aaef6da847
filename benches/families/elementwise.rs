//! Long arrays, element by element.

use crate::case::{Case, floats};
use gradus::prelude::*;

pub fn cases() -> Vec<Case> {
    let mut all = vec![
        Case::new("tanh of 100,000 f64", vec![floats(&[100_000], F64)], |a| {
            vec![a[0].tanh()]
        })
        .jax("lambda x: jnp.tanh(x)", 1.5),
    ];
    for dtype in [F32, F64] {
        for n in [100_000, 10_000_000] {
            let name = format!("log(1 + exp(sin x)) · exp(-x²), {n} {dtype}");
            let chain = |a: &Vec<Tensor>| {
                let x = &a[0];
                vec![(x.sin().exp() + 1.0).log() * (-x.square()).exp()]
            };
            let case = Case::new(name, vec![floats(&[n], dtype)], chain);
            all.push(case.jax(
                "lambda x: jnp.log(jnp.exp(jnp.sin(x)) + 1.0) * jnp.exp(-x * x)",
                3.0,
            ));
        }
    }
    all.push(adam());
    all
}

/// One step of Adam on a million weights: the new weights and both moments.
fn adam() -> Case {
    let arguments = vec![floats(&[1_000_000], F32); 3];
    let step = |a: &Vec<Tensor>| {
        let (w, m, g) = (&a[0], &a[1], &a[2]);
        let v = m.square();
        let m = m * 0.9 + g * 0.1;
        let v = v * 0.999 + g.square() * 0.001;
        let w = w - (&m / 0.19) * 1e-3 / ((&v / 0.002).sqrt() + 1e-8);
        vec![w, m, v]
    };
    Case::new("Adam on 1,000,000 weights, f32", arguments, step).jax(
        "
def f(w, m, g):
    v = m * m
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g * g
    w = w - 1e-3 * (m / 0.19) / (jnp.sqrt(v / 0.002) + 1e-8)
    return w, m, v",
        1.8,
    )
}
