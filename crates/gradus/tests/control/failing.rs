//! Code that never runs must not stop the program: neither steps that a loop does not make,
//! nor steps that a row no longer makes while others continue.

use crate::close;
use gradus::prelude::*;
use gradus::solve::{LinearSolver, linear_solve};

type Walk = (Tensor, Tensor);

fn nodes() -> (Tensor, Tensor) {
    (
        Tensor::from([1i64, 2, 3, 4]),
        Tensor::from([0.5, -0.3, 1.2, 0.8]),
    )
}

fn goes_on((k, _): &Walk) -> Tensor {
    k.less(Tensor::from(4i64))
}

/// One step along links; the last link leads nowhere.
fn step((k, s): &Walk) -> Walk {
    let (next, weights) = nodes();
    (next.take(k, 0), (s * weights.take(k, 0)).sin() + s)
}

/// Each row begins elsewhere, one has no step to make, and each ends where there is no node.
fn each_row_alone(walk: impl Fn(&Walk) -> Tensor) {
    let starts = [3i64, 0, 4, 2];
    let xs = Tensor::from([0.4, 0.7, 0.9, 1.3]);
    let value = |(k, x): &Walk| walk(&(k.clone(), x.clone()));
    let slope = |(k, x): &Walk| grad(|x: &Tensor| walk(&(k.clone(), x.clone())))(x);
    let rows = (Tensor::from(starts), xs.clone());
    let all = vmap(value)(&rows);
    let slopes = vmap(slope)(&rows);
    let back = grad(|xs: &Tensor| vmap(value)(&(rows.0.clone(), xs.clone())).sum())(&xs);
    for (r, start) in starts.into_iter().enumerate() {
        let row = (Tensor::from(start), xs.at(r));
        close(&all.at(r), &value(&row), 1e-14);
        close(&slopes.at(r), &slope(&row), 1e-13);
        close(&back.at(r), &slope(&row), 1e-13);
    }
}

#[test]
fn rows_that_have_ended_ask_for_nothing() {
    each_row_alone(|start| while_loop(goes_on, step, start).1);
}

#[test]
fn nor_do_they_inside_of_other_regions() {
    each_row_alone(|start| {
        let inner = |walk: &Walk| {
            cond(
                &walk.1.greater(-9.0),
                |walk: &Walk| fori_loop(0..1, |_, walk: &Walk| step(walk), walk),
                |walk: &Walk| walk.clone(),
                walk,
            )
        };
        while_loop(goes_on, |walk: &Walk| checkpoint(inner)(walk), start).1
    });
}

#[test]
fn nor_do_they_where_steps_are_counted() {
    each_row_alone(|(k, x)| {
        // As many steps as there are links from here.
        let (_, steps) = while_loop(
            goes_on,
            |(k, n): &Walk| (nodes().0.take(k, 0), n + Tensor::from(1i64)),
            &(k.clone(), Tensor::from(0i64)),
        );
        fori_loop(
            ..&steps,
            |_, walk: &Walk| step(walk),
            &(k.clone(), x.clone()),
        )
        .1
    });
}

#[test]
fn a_row_solves_no_more_once_it_has_ended() {
    // The matrix of a row that has ended is singular.
    let walk = |x: &Tensor| {
        while_loop(
            |s: &Tensor| s.greater(0.0),
            |s: &Tensor| {
                let matrix = |v: &Tensor| v * s;
                let y = linear_solve(matrix, &Tensor::from([1.0]), LinearSolver::default());
                (s - y.sum() * s * 0.5).maximum(0.0)
            },
            x,
        )
    };
    let xs = Tensor::from([0.4, 1.7, 0.0]);
    let all = vmap(walk)(&xs);
    close(&all, &Tensor::from([0.0, 0.0, 0.0]), 1e-9);
}

#[test]
fn no_step_fails_on_the_way_back_of_none() {
    let w = Tensor::from([0.5, 0.7]);
    let x = Tensor::from(0.3);
    // The index is carried, and equal in all steps.
    let slope = |n: i64, k: i64| {
        let of = |(x, n, k): &(Tensor, Tensor, Tensor)| {
            let step = |_: &Tensor, (k, s): &Walk| (k.clone(), (s * w.take(k, 0)).sin());
            grad(|x: &Tensor| fori_loop(..n, step, &(k.clone(), x.clone())).1)(x)
        };
        jit(of).call(&(x.clone(), Tensor::from(n), Tensor::from(k)))
    };
    let written = |x: &Tensor| ((x * 0.7).sin() * 0.7).sin();
    close(&slope(2, 1).unwrap(), &grad(written)(&x), 1e-14);
    close(&slope(0, 5).unwrap(), &Tensor::from(1.0), 0.0);
    let error = slope(1, 5).unwrap_err();
    assert!(error.message().contains("index 5 is out of bounds"));
}
