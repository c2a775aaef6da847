//! Intermediate gradients: changed, shown, of parts, accumulated, of several losses;
//! against the same without these functions.

mod cotangents;
mod each_call;
mod losses;
#[path = "../../../../tests/near.rs"]
mod near;
mod parts;
mod taps;

use gradus::prelude::*;
use gradus::tree::{leaves, paths};
use near::near;

/// Checks that two trees agree to this relative tolerance, types included.
#[track_caller]
fn close<A: Tree>(a: &A, b: &A, tolerance: f64) {
    assert_eq!(paths(a), paths(b));
    for ((a, b), path) in leaves(a).iter().zip(leaves(b)).zip(paths(a)) {
        assert_eq!(
            (a.dtype(), a.shape()),
            (b.dtype(), b.shape()),
            "at `{path}`"
        );
        let numbers = |t: &Tensor| t.astype(F64).to_vec::<f64>().unwrap();
        for (k, (x, y)) in numbers(a).iter().zip(numbers(&b)).enumerate() {
            assert!(
                near(*x, y, tolerance),
                "element {k} at `{path}`: {x} and {y}"
            );
        }
    }
}

/// Three points around `x`.
fn rows_around(x: &Tensor) -> Tensor {
    gradus::tensor::stack(&[&(x * 0.9), x, &(x * 1.1 + 0.05)], 0)
}

/// Compares `f` with `g`, whose derivative is written out: value, first to third derivative by reverse mode,
/// of rows at once, compiled.
#[track_caller]
fn agree_backwards(
    f: impl Fn(&Tensor) -> Tensor + Copy,
    g: impl Fn(&Tensor) -> Tensor + Copy,
    x: &Tensor,
) {
    let tolerance = |t: f64| if x.dtype() == F32 { 1e-4 } else { t };
    close(&f(x), &g(x), tolerance(1e-12));
    close(&jit(f).call(x).unwrap(), &g(x), tolerance(1e-12));
    close(&grad(f)(x), &grad(g)(x), tolerance(1e-10));
    close(
        &jit(grad(f)).call(x).unwrap(),
        &grad(g)(x),
        tolerance(1e-10),
    );
    let second = |x: &Tensor| grad(move |x: &Tensor| grad(f)(x).square().sum())(x);
    let wanted = |x: &Tensor| grad(move |x: &Tensor| grad(g)(x).square().sum())(x);
    close(&second(x), &wanted(x), tolerance(1e-8));
    close(&jit(second).call(x).unwrap(), &wanted(x), tolerance(1e-8));
    close(&jacrev(grad(f))(x), &jacrev(grad(g))(x), tolerance(1e-8));
    let third = grad(move |x: &Tensor| second(x).sin().sum());
    close(
        &third(x),
        &grad(move |x: &Tensor| wanted(x).sin().sum())(x),
        tolerance(1e-6),
    );
    let rows = rows_around(x);
    close(&vmap(f)(&rows), &vmap(g)(&rows), tolerance(1e-12));
    close(
        &vmap(grad(f))(&rows),
        &vmap(grad(g))(&rows),
        tolerance(1e-10),
    );
    let all = grad(|rows: &Tensor| vmap(f)(rows).sum());
    close(&all(&rows), &vmap(grad(g))(&rows), tolerance(1e-10));
    close(&vmap(second)(&rows), &vmap(wanted)(&rows), tolerance(1e-8));
}
