//! Arrays that are padded, joined, cut and turned, and arguments that are broadcasts.

use crate::argument::{Argument, floats};
use crate::case::Case;
use gradus::prelude::*;

pub fn cases() -> Vec<Case> {
    [padded(), joined(), turned(), broadcast()]
        .into_iter()
        .flatten()
        .collect()
}

fn padded() -> Vec<Case> {
    let pad = |shape: [usize; 2]| {
        let name = format!("pad by 1, {} × {} f32", shape[0], shape[1]);
        Case::new(name, vec![floats(&shape, F32)], |a| {
            vec![a[0].pad(&[(1, 1), (1, 1)], 0.0)]
        })
        .jax("lambda x: jnp.pad(x, 1)", 1.5)
    };
    let slice = Case::new(
        "gradient of a slice, 1000 × 1000 f32",
        vec![floats(&[1000, 1000], F32), floats(&[999, 998], F32)],
        |a| {
            let w = &a[1];
            let part = |x: &Tensor| x.slice_axis(0, 1..).slice_axis(1, 1..999);
            vec![grad(|x: &Tensor| (part(x) * w).sum())(&a[0])]
        },
    );
    vec![
        pad([1000, 1000]),
        pad([100_000, 10]),
        slice.jax(
            "lambda x, w: jax.grad(lambda x: (x[1:, 1:999] * w).sum())(x)",
            1.5,
        ),
    ]
}

/// The columns as one matrix.
fn side_by_side(columns: &[Tensor]) -> Tensor {
    concatenate(&columns.iter().collect::<Vec<_>>(), 1)
}

fn joined() -> Vec<Case> {
    let columns = || vec![floats(&[100_000, 1], F32); 8];
    vec![
        Case::new("8 columns of 100,000 joined, f32", columns(), |a| {
            vec![side_by_side(a)]
        })
        .jax("lambda *a: jnp.concatenate(a, 1)", 1.5),
        Case::new(
            "gradient of 8 columns joined, 100,000 f32",
            [columns(), vec![floats(&[100_000, 8], F32)]].concat(),
            |a| {
                let (columns, w) = (a[..8].to_vec(), &a[8]);
                grad(|c: &Vec<Tensor>| (side_by_side(c).square() * w).sum())(&columns)
            },
        )
        .jax(
            "lambda *a: jax.grad(lambda c: (jnp.square(jnp.concatenate(c, 1)) * a[8]).sum())(a[:8])",
            1.5,
        ),
    ]
}

fn turned() -> Vec<Case> {
    let turn = |name: &str, shape: &[usize], order: [usize; 3], source: &'static str| {
        Case::new(name, vec![floats(shape, F32)], move |a| {
            vec![a[0].permute(&order)]
        })
        .jax(source, 1.5)
    };
    vec![
        Case::new(
            "transposed, 1000 × 1000 f32",
            vec![floats(&[1000, 1000], F32)],
            |a| vec![a[0].t()],
        )
        .jax("lambda x: x.T", 1.5),
        turn(
            "axes 0 1 2 to 1 0 2, 100 × 1000 × 8 f32",
            &[100, 1000, 8],
            [1, 0, 2],
            "lambda x: jnp.transpose(x, (1, 0, 2))",
        ),
        turn(
            "axes 0 1 2 to 0 2 1, 1000 × 100 × 8 f32",
            &[1000, 100, 8],
            [0, 2, 1],
            "lambda x: jnp.transpose(x, (0, 2, 1))",
        ),
    ]
}

/// An argument that is a broadcast, beside the same with an ordinary array.
/// The ratio shall be 1; the bar leaves a tenth for the noise of measuring.
fn broadcast() -> Vec<Case> {
    let shape = [1000, 1000];
    let case = |name: &str, z: Argument| {
        Case::new(name, vec![z], |a| vec![&a[0] + 1.0]).jax("lambda z: z + 1", 1.5)
    };
    let beside = |what: &str, source: &[usize]| {
        let name = format!("z + 1 of a broadcast {what} / of an array, 1000 × 1000 f32");
        case(&name, floats(&shape, F32).broadcast_from(source))
            .beside(case("array", floats(&shape, F32)), 1.1)
    };
    vec![
        beside("number", &[]),
        beside("row", &[1000]),
        beside("column", &[1000, 1]),
    ]
}
