//! Elements picked at computed indices, and their derivatives.

use crate::argument::{floats, indices};
use crate::case::Case;
use gradus::prelude::*;

pub fn cases() -> Vec<Case> {
    const MILLION: usize = 1_000_000;
    let single = Case::new(
        "1,000,000 of 1,000,000 f64 at indices",
        vec![floats(&[MILLION], F64), indices(&[MILLION], MILLION)],
        |a| vec![a[0].take(&a[1], 0)],
    );
    let rows = || vec![floats(&[50_000, 64], F32), indices(&[8192], 50_000)];
    let gradient = |a: &Vec<Tensor>| {
        let (at, w) = (&a[1], &a[2]);
        vec![grad(|x: &Tensor| (x.take(at, 0) * w).sum())(&a[0])]
    };
    vec![
        single.jax("lambda x, i: x[i]", 1.2),
        Case::new("8192 rows of 64 from 50,000, f32", rows(), |a| {
            vec![a[0].take(&a[1], 0)]
        })
        .jax("lambda x, i: x[i]", 1.2),
        Case::new(
            "gradient of 8192 rows of 64 from 50,000, f32",
            [rows(), vec![floats(&[8192, 64], F32)]].concat(),
            gradient,
        )
        .jax(
            "lambda x, i, w: jax.grad(lambda x: (x[i] * w).sum())(x)",
            1.5,
        ),
        Case::new(
            "numbers added at 1,000,000 indices of 1000, f64",
            vec![
                floats(&[1000], F64),
                indices(&[MILLION], 1000),
                floats(&[MILLION], F64),
            ],
            |a| vec![a[0].index_add(0, &a[1], &a[2])],
        )
        .jax("lambda x, i, v: x.at[i].add(v)", 1.5),
    ]
}
