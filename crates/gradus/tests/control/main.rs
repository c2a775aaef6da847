//! Control flow against the same program without control flow, under every transform.

mod bodies;
mod errors;
mod failing;
mod loops;
mod machinery;
mod memory;
#[path = "../../../../tests/near.rs"]
mod near;
mod nested;
mod planned;
mod random;
mod random_values;
mod rows;

use gradus::prelude::*;
use near::near;

/// Checks that two tensors agree to this relative tolerance.
#[track_caller]
fn close(a: &Tensor, b: &Tensor, tolerance: f64) {
    assert_eq!(a.shape(), b.shape());
    let (x, y) = (a.to_vec::<f64>().unwrap(), b.to_vec::<f64>().unwrap());
    for (k, (x, y)) in x.iter().zip(&y).enumerate() {
        assert!(near(*x, *y, tolerance), "element {k}: {x} and {y}");
    }
}

/// Compares `f` with `g`, which computes the same without control flow: value,
/// both modes, second derivatives, many rows, compiled.
#[track_caller]
fn agree(f: impl Fn(&Tensor) -> Tensor, g: impl Fn(&Tensor) -> Tensor, x: &Tensor) {
    agree_in_all(&f, &g, x);
}

/// One function compares all programs, because compiling the transforms for each takes long.
#[track_caller]
fn agree_in_all(f: &dyn Fn(&Tensor) -> Tensor, g: &dyn Fn(&Tensor) -> Tensor, x: &Tensor) {
    close(&f(x), &g(x), 1e-12);
    close(&jit(f).call(x).unwrap(), &g(x), 1e-12);
    let direction = (x * 3.0 + 1.0).sin();
    close(&jvp(f, x, &direction).1, &jvp(g, x, &direction).1, 1e-10);
    close(&grad(f)(x), &grad(g)(x), 1e-10);
    close(&jit(grad(f)).call(x).unwrap(), &grad(g)(x), 1e-10);
    let second = |x: &Tensor| grad(move |x: &Tensor| grad(f)(x).square().sum())(x);
    let wanted = |x: &Tensor| grad(move |x: &Tensor| grad(g)(x).square().sum())(x);
    close(&second(x), &wanted(x), 1e-8);
    let over = |x: &Tensor| jvp(grad(f), x, &direction).1;
    let wanted_over = |x: &Tensor| jvp(grad(g), x, &direction).1;
    close(&over(x), &wanted_over(x), 1e-9);
    let under = |x: &Tensor| grad(|x: &Tensor| jvp(f, x, &direction).1)(x);
    close(&under(x), &wanted_over(x), 1e-9);
    let rows = stack_rows(x);
    close(&vmap(f)(&rows), &vmap(g)(&rows), 1e-12);
    close(&vmap(grad(f))(&rows), &vmap(grad(g))(&rows), 1e-10);
    let all = grad(|rows: &Tensor| vmap(f)(rows).sum());
    close(&all(&rows), &vmap(grad(g))(&rows), 1e-10);
    close(&vmap(second)(&rows), &vmap(wanted)(&rows), 1e-8);
}

/// Some points around `x`.
fn stack_rows(x: &Tensor) -> Tensor {
    let (a, b) = (x * 0.9, x * 1.1 + 0.05);
    gradus::tensor::stack(&[&a, x, &b], 0)
}
