//! Calls of small functions, with tensors and from slices into slices.

use crate::case::{Case, floats};
use gradus::prelude::*;

pub fn cases() -> Vec<Case> {
    vec![
        three_numbers("call of a · b + c, f64").at_most(150.0),
        three_numbers("call_into of a · b + c, f64")
            .at_most(100.0)
            .into_slices(),
        rosenbrock("call of a gradient of 10 numbers, f64"),
        rosenbrock("call_into of it").at_most(150.0).into_slices(),
        arm("call of an arm's Jacobian 3 × 6, f64"),
        arm("call_into of it").at_most(350.0).into_slices(),
    ]
}

fn three_numbers(name: &str) -> Case {
    let f = |a: &Vec<Tensor>| vec![&a[0] * &a[1] + &a[2]];
    let arguments = vec![floats(&[], F64), floats(&[], F64), floats(&[], F64)];
    let case = Case::new(name, arguments, f);
    case.jax("f = lambda a, b, c: a * b + c", 1.0)
}

/// Of Rosenbrock's function.
fn rosenbrock(name: &str) -> Case {
    let f = |a: &Vec<Tensor>| {
        let value = |x: &Tensor| {
            let (x, next) = (x.slice_axis(0, 0..9), x.slice_axis(0, 1..10));
            ((next - x.square()).square() * 100.0 + (1.0 - x).square()).sum()
        };
        vec![grad(value)(&a[0])]
    };
    Case::new(name, vec![floats(&[10], F64)], f).jax(
        "
def g(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
f = jax.grad(g)",
        1.0,
    )
}

/// Where an arm of six joints ends, by its angles: the point is carried back from joint to joint.
fn arm(name: &str) -> Case {
    let f = |a: &Vec<Tensor>| {
        let end = |q: &Tensor| {
            let [mut x, mut y, mut z] = [0.3, 0.0, 0.1].map(Tensor::from);
            for k in (0..6).rev() {
                let (sin, cos) = (q.at(k).sin(), q.at(k).cos());
                let turned = (&cos * &x - &sin * &y, &sin * &x + &cos * &y);
                // Every other axis is tilted by a right angle; each link is 0.4 long.
                (x, y, z) = match k % 2 {
                    0 => (turned.0 + 0.4, turned.1, z),
                    _ => (turned.0 + 0.4, -&z, turned.1),
                };
            }
            stack(&[&x, &y, &z], 0)
        };
        vec![jacobian(end)(&a[0])]
    };
    Case::new(name, vec![floats(&[6], F64)], f).jax(
        "
def end(q):
    x, y, z = 0.3, 0.0, 0.1
    for k in range(5, -1, -1):
        s, c = jnp.sin(q[k]), jnp.cos(q[k])
        tx, ty = c * x - s * y, s * x + c * y
        x, y, z = (tx + 0.4, ty, z) if k % 2 == 0 else (tx + 0.4, -z, ty)
    return jnp.stack([x, y, z])
f = jax.jacfwd(end)",
        1.0,
    )
}
