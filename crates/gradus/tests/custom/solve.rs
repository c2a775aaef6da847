//! Solutions against formulas and differences.

use crate::{agree, near, same};
use gradus::prelude::*;
use gradus::solve::{
    Argmin, FixedPoint, LinearSolver, Method, Root, argmin, custom_root, find_root, fixed_point,
    linear_solve, linear_solve_preconditioned,
};

const METHODS: [Method; 3] = [Method::Cg, Method::BiCgStab, Method::Gmres { restart: 20 }];

fn by(method: Method) -> LinearSolver {
    LinearSolver::default().method(method).tolerance(1e-13)
}

/// The solution for a 2 by 2 matrix, written out with its determinant and inverse.
fn written(a: &Tensor, b: &Tensor) -> Tensor {
    let at = |i, j| a.at(i).at(j);
    let determinant = at(0, 0) * at(1, 1) - at(0, 1) * at(1, 0);
    let x = at(1, 1) * b.at(0) - at(0, 1) * b.at(1);
    let y = at(0, 0) * b.at(1) - at(1, 0) * b.at(0);
    gradus::tensor::stack(&[&x, &y], 0) / determinant
}

/// A matrix from a vector of three numbers, symmetric or not.
fn matrix(x: &Tensor, symmetric: bool) -> Tensor {
    let (p, q, r) = (x.at(0) + 3.0, x.at(1), x.at(2) + 2.0);
    let other = if symmetric { q.clone() } else { -&q * 0.5 };
    let rows = [
        gradus::tensor::stack(&[&p, &q], 0),
        gradus::tensor::stack(&[&other, &r], 0),
    ];
    gradus::tensor::stack(&[&rows[0], &rows[1]], 0)
}

#[test]
fn linear_systems_agree_with_their_solutions() {
    let x = Tensor::from([0.4, 0.8, 1.3]);
    for method in METHODS {
        let symmetric = method == Method::Cg;
        let solved = |x: &Tensor| {
            let a = matrix(x, symmetric);
            let y = linear_solve(
                |v: &Tensor| a.matmul(v),
                &x.sin().slice_axis(0, 0..2),
                by(method),
            );
            (y * Tensor::from([1.0, 3.0])).sum()
        };
        let wanted = |x: &Tensor| {
            let y = written(&matrix(x, symmetric), &x.sin().slice_axis(0, 0..2));
            (y * Tensor::from([1.0, 3.0])).sum()
        };
        agree(solved, wanted, &x, 1e-8);
        check_grads(solved, &x).unwrap();
    }
}

#[test]
fn larger_systems_of_each_kind() {
    use gradus::random;
    let n = 60;
    let key = random::key(7);
    let m = random::normal(&key, &[n, n], F64) * (0.3 / (n as f64).sqrt());
    let spd = m.matmul(&m.t()) + Tensor::eye(n, F64);
    let any = &m + Tensor::eye(n, F64) + 0.01;
    let b = random::normal(&random::key(8), &[n], F64);
    for method in [
        Method::Cg,
        Method::BiCgStab,
        Method::Gmres { restart: 5 },
        Method::Gmres { restart: 60 },
    ] {
        let a = if method == Method::Cg { &spd } else { &any };
        let x = linear_solve(
            |v: &Tensor| a.matmul(v),
            &b,
            LinearSolver::default().method(method),
        );
        same(&a.matmul(&x), &b, 1e-9);
        let single = a.astype(F32);
        let b = b.astype(F32);
        let x = linear_solve(
            |v: &Tensor| single.matmul(v),
            &b,
            LinearSolver::default().method(method),
        );
        assert_eq!(x.dtype(), F32);
        same(&single.matmul(&x), &b, 1e-4);
    }
}

/// A rotation by a right angle: the residual does not shrink before the last step.
#[test]
fn a_system_on_which_the_residual_stagnates() {
    let n = 8;
    let shift = |v: &Tensor| v.roll(1, 0);
    let mut b = vec![0.0; n];
    b[0] = 1.0;
    let b = Tensor::from(b);
    let x = linear_solve(shift, &b, by(Method::Gmres { restart: 8 }));
    same(&x.roll(1, 0), &b, 1e-12);
}

#[test]
fn unknowns_in_a_tree_and_no_right_side() {
    let a = Tensor::from([2.0, 4.0]);
    let product = |(x, y): &(Tensor, Tensor)| (&a * x + y, y * 3.0);
    let b = (Tensor::from([1.0, 2.0]), Tensor::from(3.0));
    let (x, y) = linear_solve(product, &b, LinearSolver::default());
    near(&y, &[1.0], 1e-9);
    near(&x, &[0.0, 0.25], 1e-9);
    for method in METHODS {
        let none = linear_solve(|v: &Tensor| v * 2.0, &Tensor::from([0.0, 0.0]), by(method));
        near(&none, &[0.0, 0.0], 0.0);
        near(
            &linear_solve(|v: &Tensor| v * 2.0, &Tensor::from(3.0), by(method)),
            &[1.5],
            1e-12,
        );
    }
}

/// `x` with `x³ + a·x = b`, and its derivatives by the formula of the implicit function.
#[test]
fn roots_agree_with_what_they_are() {
    // With b = a + 1 the root is 1 for every a; for other b, Cardano's formula gives it.
    let cardano = |a: &Tensor| {
        let (p, q) = (a / 3.0, Tensor::from(0.5));
        let d = (q.square() + p.powi(3)).sqrt();
        ((&d + &q).pow(1.0 / 3.0) - (&d - &q).pow(1.0 / 3.0)).sum()
    };
    let newton = |a: &Tensor| {
        find_root(
            |x: &Tensor| x.powi(3) + a * x - 1.0,
            &a.ones_like(),
            Root::default(),
        )
        .sum()
    };
    agree(newton, cardano, &Tensor::from([1.0, 2.5]), 1e-7);
    agree(newton, cardano, &Tensor::from(2.0), 1e-7);
    check_grads(newton, &Tensor::from([1.0, 2.5])).unwrap();
}

#[test]
fn fixed_points_agree_with_what_they_are() {
    let heron =
        |a: &Tensor| fixed_point(|x: &Tensor| (x + a / x) * 0.5, a, FixedPoint::default()).sum();
    let sqrt = |a: &Tensor| a.sqrt().sum();
    agree(heron, sqrt, &Tensor::from([2.0, 3.0]), 1e-8);
    agree(heron, sqrt, &Tensor::from(2.0), 1e-8);
    let single = Tensor::from(2.0f32);
    near(&grad(heron)(&single), &[0.35355338], 1e-5);
    // Two unknowns that depend on each other.
    let pair = |a: &Tensor| {
        let (x, y) = fixed_point(
            |(x, y): &(Tensor, Tensor)| ((y * a).cos(), x * 0.5 + a),
            &(a.clone(), a.clone()),
            FixedPoint::default(),
        );
        x + y
    };
    check_grads(pair, &Tensor::from(0.3)).unwrap();
    check_grads(grad(pair), &Tensor::from(0.3)).unwrap();
}

#[test]
fn minima_agree_with_what_they_are() {
    let (a, b) = (
        Tensor::from([[1.0, 2.0], [0.5, -1.0], [3.0, 1.0]]),
        Tensor::from([1.0, 2.0, -1.0]),
    );
    let ridge = |lambda: &Tensor| {
        let loss = |w: &Tensor| (a.matmul(w) - &b).square().sum() + (lambda * w.square()).sum();
        argmin(loss, &Tensor::from([0.0, 0.0]), Argmin::default()).sum()
    };
    let wanted = |lambda: &Tensor| {
        let normal = a.t().matmul(&a) + lambda * Tensor::eye(2, F64);
        written(&normal, &a.t().matmul(&b)).sum()
    };
    agree(ridge, wanted, &Tensor::from(0.7), 1e-7);
    // A function that is not quadratic, from a start with negative curvature.
    let valley = |a: &Tensor| {
        let objective =
            |(x, y): &(Tensor, Tensor)| (x.square() - a).square() + (y - x).square() * 0.5;
        let (x, y) = argmin(
            objective,
            &(Tensor::from(0.1), Tensor::from(2.0)),
            Argmin::default(),
        );
        x * y
    };
    agree(valley, |a: &Tensor| a * 1.0, &Tensor::from(2.0), 1e-7);
    let rosenbrock = |a: &Tensor| {
        let objective =
            |p: &Tensor| (a - p.at(0)).square() + (p.at(1) - p.at(0).square()).square() * 100.0;
        argmin(objective, &Tensor::from([-1.2, 1.0]), Argmin::default()).sum()
    };
    agree(
        rosenbrock,
        |a: &Tensor| a + a.square(),
        &Tensor::from(1.0),
        1e-6,
    );
}

/// A value that only the solver uses has derivative zero, and is not an error.
#[test]
fn a_solver_of_ones_own() {
    let root = |a: &Tensor| {
        custom_root(
            |x: &Tensor| x.powi(3) - a,
            &Tensor::from(0.0),
            |f, _| {
                let high = a.maximum(1.0);
                let step = |(low, high): &(Tensor, Tensor)| {
                    let middle = (low + high) * 0.5;
                    let below = f(&middle).less(0.0);
                    (below.where_(&middle, low), below.where_(high, &middle))
                };
                fori_loop(0..60, |_, ends| step(ends), &(Tensor::from(0.0), high)).0
            },
            LinearSolver::default(),
        )
    };
    agree(
        root,
        |a: &Tensor| a.pow(1.0 / 3.0),
        &Tensor::from(2.0),
        1e-8,
    );
}

#[test]
fn solvers_inside_a_scan() {
    let through = |f: &dyn Fn(&Tensor) -> Tensor, xs: &Tensor| {
        let (last, _) = scan(
            |s: &Tensor, x: &Tensor| (f(&(s + x)) + 0.1, ()),
            &Tensor::from(1.0),
            xs,
        );
        last
    };
    let heron = |xs: &Tensor| {
        through(
            &|a| fixed_point(|x: &Tensor| (x + a / x) * 0.5, a, FixedPoint::default()),
            xs,
        )
    };
    let sqrt = |xs: &Tensor| through(&|a| a.sqrt(), xs);
    agree(heron, sqrt, &Tensor::from([0.4, 0.8, 1.3]), 1e-8);
}

/// The inverse diagonal of a matrix as preconditioner turns many steps into few, and changes nothing else.
#[test]
fn preconditioned_systems() {
    let n = 40;
    let scales: Vec<f64> = (0..n)
        .map(|k| 10f64.powf(8.0 * k as f64 / n as f64))
        .collect();
    let d = Tensor::from(scales);
    for method in METHODS {
        let few = LinearSolver::default()
            .method(method)
            .tolerance(1e-12)
            .max_steps(8);
        let b = &d * Tensor::from(vec![1.0; n]).sin();
        let product = |v: &Tensor| &d * v;
        let x = linear_solve_preconditioned(product, |v: &Tensor| v / &d, &b, few);
        same(&x, &(b / &d), 1e-9);
        let b = d.sqrt();
        let plain = jit(|b: &Tensor| linear_solve(product, b, few)).call(&b);
        assert_eq!(plain.unwrap_err().kind(), gradus::ErrorKind::Convergence);
    }
}

/// Derivatives go through the matrix alone, and the preconditioner can use any values.
#[test]
fn preconditioned_systems_agree_with_their_solutions() {
    let x = Tensor::from([0.4, 0.8, 1.3]);
    for method in METHODS {
        let symmetric = method == Method::Cg;
        let solved = |x: &Tensor| {
            let a = matrix(x, symmetric);
            // For an unsymmetric matrix the preconditioner is unsymmetric, too.
            let corner = if symmetric { 0.0 } else { 0.1 };
            let y = linear_solve_preconditioned(
                |v: &Tensor| a.matmul(v),
                |v: &Tensor| {
                    let diagonal = gradus::tensor::stack(&[&a.at(0).at(0), &a.at(1).at(1)], 0);
                    v / diagonal + Tensor::from([corner, 0.0]) * v.at(1)
                },
                &x.sin().slice_axis(0, 0..2),
                by(method),
            );
            (y * Tensor::from([1.0, 3.0])).sum()
        };
        let wanted = |x: &Tensor| {
            let y = written(&matrix(x, symmetric), &x.sin().slice_axis(0, 0..2));
            (y * Tensor::from([1.0, 3.0])).sum()
        };
        agree(solved, wanted, &x, 1e-8);
    }
    // Unknowns in a tree.
    let product = |(x, y): &(Tensor, Tensor)| (x * 100.0 + y, y * 3.0);
    let inverse = |(x, y): &(Tensor, Tensor)| (x / 100.0, y / 3.0);
    let b = (Tensor::from([1.0, 2.0]), Tensor::from(3.0));
    let (x, y) = linear_solve_preconditioned(product, inverse, &b, LinearSolver::default());
    near(&y, &[1.0], 1e-9);
    near(&x, &[0.0, 0.01], 1e-9);
}
