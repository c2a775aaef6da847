//! Jacobians and Hessians of programs with loops and choices, planned.

use crate::close;
use gradus::prelude::*;

fn x() -> Tensor {
    Tensor::from([0.4, 0.8, 1.3])
}

/// All orders of the Jacobian of `f`, which is computed without control flow by `g`.
#[track_caller]
fn planned(f: impl Fn(&Tensor) -> Tensor + Copy, g: impl Fn(&Tensor) -> Tensor + Copy, x: &Tensor) {
    let wanted = jacfwd(g)(x);
    close(&jacfwd(f)(x), &wanted, 1e-10);
    close(&jacrev(f)(x), &wanted, 1e-10);
    close(&jacobian(f)(x), &wanted, 1e-10);
    let plan = plan_jacobian(f, x, &PlanOptions::default()).unwrap();
    let analysis = plan.analyze(x).unwrap();
    assert!(
        analysis.explain().contains("regret"),
        "{}",
        analysis.explain()
    );
    let of = |h: &Tensor| (h * Tensor::from([1.0, -2.0, 0.5])).sum();
    let second = hessian(move |x: &Tensor| of(&f(x)))(x);
    close(&second, &hessian(move |x: &Tensor| of(&g(x)))(x), 1e-9);
    let v = x.cos();
    let product = hvp(move |x: &Tensor| of(&f(x)))(x, &v);
    close(&product, &second.matmul(&v), 1e-9);
}

#[test]
fn a_scan() {
    let f = |x: &Tensor| {
        let (last, kept) = scan(
            |s: &Tensor, v: &Tensor| ((s * v).sin() + x * 0.3, s.sum()),
            &(x * 0.5),
            x,
        );
        last + kept
    };
    let g = |x: &Tensor| {
        let mut s = x * 0.5;
        let mut kept = Vec::new();
        for k in 0..3 {
            kept.push(s.sum());
            s = (&s * x.at(k)).sin() + x * 0.3;
        }
        s + gradus::tensor::stack(&kept.iter().collect::<Vec<_>>(), 0)
    };
    planned(f, g, &x());
}

#[test]
fn loops_of_unknown_length() {
    let f = |x: &Tensor| {
        while_loop(
            |s: &Tensor| s.sum().less(9.0),
            |s: &Tensor| s * 1.4 + x.sin(),
            x,
        )
    };
    let g = |x: &Tensor| {
        let mut s = x.clone();
        for _ in 0..5 {
            let next = &s * 1.4 + x.sin();
            s = s.sum().less(9.0).where_(&next, &s);
        }
        s
    };
    planned(f, g, &x());
}

#[test]
fn choices_and_checkpoints() {
    let f = |x: &Tensor| {
        let y = checkpoint(|x: &Tensor| x.sin() * x.sum())(x);
        cond(
            &x.sum().greater(2.0),
            |y: &Tensor| y * x.exp(),
            |y: &Tensor| y.clone(),
            &y,
        )
    };
    let g = |x: &Tensor| {
        let y = x.sin() * x.sum();
        x.sum().greater(2.0).where_(&(&y * x.exp()), &y)
    };
    planned(f, g, &x());
    planned(f, g, &(x() * 0.5));
}
