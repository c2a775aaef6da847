//! Products of matrices, from very small to large, and what is built from them.

use crate::argument::{Argument, between, floats};
use crate::case::Case;
use gradus::prelude::*;

pub fn cases() -> Vec<Case> {
    let mut all = vec![
        product(&[4096, 8, 8], &[4096, 8, 8], 2.0),
        product(&[1024, 1024], &[1024, 1024], 0.95),
        product(&[64, 64], &[64, 64], 1.0),
        product(&[3, 3], &[3, 3], 1.0),
        product(&[4096, 4096], &[4096], 1.0),
        transposed_by_vector(),
    ];
    all.extend([chain(1000, 10), chain(10, 1000)]);
    all.push(attention());
    all.push(attention_gradient("gradient of this attention", 2.2));
    all
}

fn product(a: &[usize], b: &[usize], bar: f64) -> Case {
    let sizes = |shape: &[usize]| {
        let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
        sizes.join(" × ")
    };
    let name = format!("({}) · ({}) f32", sizes(a), sizes(b));
    Case::new(name, vec![floats(a, F32), floats(b, F32)], |a| {
        vec![a[0].matmul(&a[1])]
    })
    .jax("lambda a, b: a @ b", bar)
}

fn transposed_by_vector() -> Case {
    let arguments = vec![floats(&[4096, 4096], F32), floats(&[4096], F32)];
    Case::new("(4096 × 4096)ᵀ · (4096) f32", arguments, |a| {
        vec![a[0].t().matmul(&a[1])]
    })
    .jax("lambda a, b: a.T @ b", 1.0)
}

/// A product of three matrices of which one order takes 100 times the work of the other.
fn chain(outer: usize, inner: usize) -> Case {
    let name = format!("einsum ij,jk,kl->il, sizes {outer}, {inner}, {outer}, {inner} f32");
    let [a, b] = [[outer, inner], [inner, outer]].map(|shape| floats(&shape, F32));
    Case::new(name, vec![a.clone(), b, a], |a| {
        vec![einsum("ij,jk,kl->il", &[&a[0], &a[1], &a[2]])]
    })
    .jax("lambda a, b, c: jnp.einsum('ij,jk,kl->il', a, b, c)", 1.0)
}

const HEADS: usize = 4;

/// Self-attention of several heads: `x` is `[batch, length, width]`, each weight `[width, width]`.
fn attend(x: &Tensor, weights: &[Tensor]) -> Tensor {
    let [batch, length, width] = [0, 1, 2].map(|axis| x.shape()[axis]);
    let size = width / HEADS;
    let heads = |w: &Tensor| {
        let all = x.matmul(w).reshape(&[batch, length, HEADS, size]);
        all.permute(&[0, 2, 1, 3])
    };
    let [q, k, v] = [0, 1, 2].map(|i| heads(&weights[i]));
    let scores = q.matmul(&k.swap_axes(-1, -2)) / (size as f64).sqrt();
    let mixed = scores.softmax(-1).matmul(&v).permute(&[0, 2, 1, 3]);
    mixed.reshape(&[batch, length, width]).matmul(&weights[3])
}

const ATTEND: &str = "
def attend(x, q, k, v, o):
    batch, length, width = x.shape
    heads = lambda w: (x @ w).reshape(batch, length, 4, width // 4).transpose(0, 2, 1, 3)
    q, k, v = heads(q), heads(k), heads(v)
    scores = q @ k.swapaxes(-1, -2) / np.float32(np.sqrt(width // 4))
    mixed = jax.nn.softmax(scores, -1) @ v
    return mixed.transpose(0, 2, 1, 3).reshape(batch, length, width) @ o
";

/// The input, and four weights that keep its size.
fn attention_arguments() -> Vec<Argument> {
    let weight = between(&[128, 128], F32, -0.15, 0.15);
    let mut all = vec![floats(&[8, 128, 128], F32)];
    all.extend(vec![weight; 4]);
    all
}

fn attention() -> Case {
    let f = |a: &Vec<Tensor>| vec![attend(&a[0], &a[1..])];
    Case::new(
        "attention, 8 × 128 × 128, 4 heads, f32",
        attention_arguments(),
        f,
    )
    .jax(format!("{ATTEND}f = attend"), 2.2)
}

/// The gradient of the mean squared result by the input and all weights.
pub fn attention_gradient(name: &str, bar: f64) -> Case {
    let f = |a: &Vec<Tensor>| grad(|a: &Vec<Tensor>| attend(&a[0], &a[1..]).square().mean())(a);
    let source = "f = jax.grad(lambda *a: jnp.square(attend(*a)).mean(), argnums=(0, 1, 2, 3, 4))";
    Case::new(name, attention_arguments(), f).jax(format!("{ATTEND}{source}"), bar)
}
