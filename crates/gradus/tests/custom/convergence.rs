//! Solvers at the ends of the range of numbers, and where they fail: a system that is not solved is an error.

use crate::near;
use gradus::prelude::*;
use gradus::solve::{
    Argmin, FixedPoint, LinearSolver, Method, Root, argmin, find_root, fixed_point, linear_solve,
};

const METHODS: [Method; 3] = [Method::Cg, Method::BiCgStab, Method::Gmres { restart: 20 }];

fn by(method: Method) -> LinearSolver {
    LinearSolver::default().method(method)
}

/// The error of running `f`.
#[track_caller]
fn refused(f: impl Fn(&Tensor) -> Tensor, x: &Tensor) -> gradus::Error {
    let error = jit(f).call(x).unwrap_err();
    assert_eq!(error.kind(), gradus::ErrorKind::Convergence, "{error}");
    error
}

/// The squares of these numbers overflow or underflow.
#[test]
fn right_sides_of_any_size() {
    let a = Tensor::from([[4.0, 1.0], [1.0, 3.0]]);
    for method in METHODS {
        let solve = |b: &Tensor| linear_solve(|v: &Tensor| a.matmul(v), b, by(method));
        for size in [1e-300, 1e-200, 1.0, 1e200, 1e300] {
            let x = solve(&(Tensor::from([1.0, 2.0]) * size));
            near(&(x / size), &[1.0 / 11.0, 7.0 / 11.0], 1e-9);
        }
        let single = |b: &Tensor| {
            let a = a.astype(F32);
            linear_solve(|v: &Tensor| a.matmul(v), b, by(method))
        };
        for size in [1e-30f32, 1e30] {
            let x = single(&(Tensor::from([1.0f32, 2.0]) * size));
            near(&(x / size), &[1.0 / 11.0, 7.0 / 11.0], 1e-4);
        }
        // Rows of different sizes at once.
        let sides = Tensor::from([[1e200, 2e200], [0.0, 0.0], [1e-200, 2e-200]]);
        let rows = vmap(solve)(&sides);
        near(&(rows.at(0) / 1e200), &[1.0 / 11.0, 7.0 / 11.0], 1e-9);
        near(&rows.at(1), &[0.0, 0.0], 0.0);
        near(&(rows.at(2) / 1e-200), &[1.0 / 11.0, 7.0 / 11.0], 1e-9);
    }
}

#[test]
fn right_sides_that_are_no_numbers() {
    for method in METHODS {
        for bad in [f64::INFINITY, f64::NAN] {
            let solve = |b: &Tensor| linear_solve(|v: &Tensor| v * 2.0, b, by(method));
            refused(solve, &Tensor::from([1.0, bad]));
        }
    }
}

#[test]
fn functions_of_any_size() {
    for size in [1e-200, 1e200, 1e300] {
        let root = |a: &Tensor| {
            find_root(
                |x: &Tensor| (x.square() - a) * size,
                &Tensor::from([1.5, 1.5]),
                Root::default().tolerance(1e-12),
            )
        };
        // The tolerance is relative to one more than the initial norm.
        let wanted = if size < 1.0 { 1.5 } else { 2f64.sqrt() };
        near(&root(&Tensor::from(2.0)), &[wanted, wanted], 1e-9);
    }
    let lowest = |a: &Tensor| {
        argmin(
            |x: &Tensor| (x - a).square().sum() * 1e200,
            &Tensor::from([0.0, 5.0]),
            Argmin::default(),
        )
    };
    near(&lowest(&Tensor::from(2.0)), &[2.0, 2.0], 1e-9);
    let doubled = |x: &Tensor| fixed_point(|x: &Tensor| x * 2.0, x, FixedPoint::default());
    refused(doubled, &Tensor::from([1e160, 1e160]));
    refused(doubled, &Tensor::from([f64::INFINITY]));
    let half = |x: &Tensor| fixed_point(|x: &Tensor| x * 0.5 + 1e200, x, FixedPoint::default());
    near(&(half(&Tensor::from([1.0])) / 1e200), &[2.0], 1e-9);
}

#[test]
fn what_is_infinite_where_it_begins() {
    let root = |a: &Tensor| {
        find_root(
            |x: &Tensor| x.log() - a,
            &Tensor::from(0.0),
            Root::default(),
        )
    };
    refused(root, &Tensor::from(2.0));
    let lowest = |a: &Tensor| argmin(|x: &Tensor| -(x - a).log(), a, Argmin::default());
    refused(lowest, &Tensor::from(2.0));
}

/// If no fraction of a step helps, the next would not either: the solver stops there, long before the most steps.
#[test]
fn nothing_is_tried_again_and_again() {
    let root = |a: &Tensor| {
        find_root(
            |x: &Tensor| x.square() + a,
            &Tensor::from(1.0),
            Root::default().max_steps(1_000_000_000),
        )
    };
    let error = refused(root, &Tensor::from(1.0));
    assert!(error.message().starts_with("find_root: no convergence in "));
    let lowest = |a: &Tensor| {
        // The slope says down, but the function rises in both directions.
        let objective = |x: &Tensor| x.abs().stop_gradient() + x * a;
        argmin(
            objective,
            &Tensor::from(0.0),
            Argmin::default().max_steps(1_000_000_000),
        )
    };
    let error = refused(lowest, &Tensor::from(0.5));
    assert!(
        error
            .message()
            .starts_with("argmin: no convergence in 1 steps")
    );
}

/// Near its minimum an objective in single precision seems to grow by rounding,
/// by more than its decrease in the last step.
#[test]
fn minima_in_single_precision() {
    use gradus::random;
    for seed in 0..20 {
        let a = random::normal(&random::key(seed), &[200, 5], F32);
        let b = random::normal(&random::key(seed + 100), &[200], F32);
        let loss = |w: &Tensor| {
            let errors = a.matmul(w) - &b;
            (errors.square() + errors.square().square() * 0.1 + 5000.0).sum()
        };
        let lowest = argmin(loss, &Tensor::zeros(&[5], F32), Argmin::default());
        let slope = grad(loss)(&lowest);
        near(&slope, &[0.0; 5], 1e-2);
    }
}

/// The number of uses does not matter.
#[test]
fn objectives_are_traced_once() {
    use std::cell::Cell;
    let count = Cell::new(0);
    let objective = |x: &Tensor| {
        count.set(count.get() + 1);
        (x - 2.0).square().sum()
    };
    argmin(objective, &Tensor::from([0.0]), Argmin::default());
    assert_eq!(count.get(), 1);
}
