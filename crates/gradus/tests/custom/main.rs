//! Functions with custom rules, and solutions differentiated by their equations.

mod convergence;
mod messages;
#[path = "../../../../tests/near.rs"]
mod numbers;
mod rules;
mod solve;
mod user_cost;

use gradus::prelude::*;

/// Checks that all elements equal these numbers, relative to the larger of them and 1.
#[track_caller]
fn near(got: &Tensor, wanted: &[f64], tolerance: f64) {
    let got = got.astype(F64).to_vec::<f64>().unwrap();
    assert_eq!(got.len(), wanted.len());
    for (k, (x, y)) in got.iter().zip(wanted).enumerate() {
        assert!(numbers::near(*x, *y, tolerance), "element {k}: {x} and {y}");
    }
}

/// Checks that two tensors are equal to this tolerance.
#[track_caller]
fn same(a: &Tensor, b: &Tensor, tolerance: f64) {
    assert_eq!(a.shape(), b.shape());
    near(a, &b.astype(F64).to_vec::<f64>().unwrap(), tolerance);
}

/// Compares value and derivatives of `f` with `g`: both modes, second order, rows, compiled.
#[track_caller]
fn agree(
    f: impl Fn(&Tensor) -> Tensor + Copy,
    g: impl Fn(&Tensor) -> Tensor + Copy,
    x: &Tensor,
    tolerance: f64,
) {
    let direction = (x * 3.0 + 1.0).sin();
    same(
        &jvp(f, x, &direction).1,
        &jvp(g, x, &direction).1,
        tolerance,
    );
    let over = |x: &Tensor| jvp(grad(f), x, &direction).1;
    let wanted = |x: &Tensor| jvp(grad(g), x, &direction).1;
    same(&over(x), &wanted(x), tolerance);
    let under = |x: &Tensor| grad(|x: &Tensor| jvp(f, x, &direction).1)(x);
    same(&under(x), &wanted(x), tolerance);
    agree_in_reverse(f, g, x, tolerance);
}

/// Like [`agree`], without forward mode alone.
#[track_caller]
fn agree_in_reverse(
    f: impl Fn(&Tensor) -> Tensor + Copy,
    g: impl Fn(&Tensor) -> Tensor + Copy,
    x: &Tensor,
    tolerance: f64,
) {
    same(&f(x), &g(x), tolerance);
    same(&jit(f).call(x).unwrap(), &g(x), tolerance);
    same(&grad(f)(x), &grad(g)(x), tolerance);
    same(&jit(grad(f)).call(x).unwrap(), &grad(g)(x), tolerance);
    let second = |x: &Tensor| grad(move |x: &Tensor| grad(f)(x).square().sum())(x);
    let wanted = |x: &Tensor| grad(move |x: &Tensor| grad(g)(x).square().sum())(x);
    same(&second(x), &wanted(x), tolerance);
    same(&hessian(f)(x), &hessian(g)(x), tolerance);
    let v = (x * 2.0).cos();
    same(&hvp(f)(x, &v), &hvp(g)(x, &v), tolerance);
    let rows = gradus::tensor::stack(&[&(x * 0.9), x, &(x * 1.1 + 0.05)], 0);
    same(&vmap(f)(&rows), &vmap(g)(&rows), tolerance);
    same(&vmap(grad(f))(&rows), &vmap(grad(g))(&rows), tolerance);
    same(&vmap(second)(&rows), &vmap(wanted)(&rows), tolerance);
    let all = grad(|rows: &Tensor| vmap(f)(rows).sum());
    same(&all(&rows), &vmap(grad(g))(&rows), tolerance);
    same(
        &jit(vmap(grad(f))).call(&rows).unwrap(),
        &vmap(grad(g))(&rows),
        tolerance,
    );
}
