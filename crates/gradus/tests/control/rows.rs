//! Rows that do not take a branch, or have ended their loop, cannot fail in it,
//! are not shown, and spoil no derivative.

use super::close;
use gradus::prelude::*;
use gradus::solve::{LinearSolver, Root, find_root, linear_solve};
use std::sync::{Arc, Mutex};

fn s(x: f64) -> Tensor {
    Tensor::from([x]).at(0)
}

fn table() -> Tensor {
    Tensor::from([10.0, 20.0, 30.0])
}

/// `f` applied to each row, one after the other.
fn by_row(f: &dyn Fn(&Tensor) -> Tensor, rows: &Tensor) -> Tensor {
    let each: Vec<Tensor> = (0..rows.shape()[0]).map(|k| f(&rows.at(k))).collect();
    gradus::tensor::stack(&each.iter().collect::<Vec<_>>(), 0)
}

/// Checks that values, gradients and second derivatives of all rows at once,
/// also compiled, equal each row's and are finite.
#[track_caller]
fn as_by_row(f: impl Fn(&Tensor) -> Tensor, rows: &Tensor) {
    let f: &dyn Fn(&Tensor) -> Tensor = &f;
    let slope = |x: &Tensor| grad(f)(x);
    let second = |x: &Tensor| grad(|x: &Tensor| grad(f)(x).sum())(x);
    let (values, slopes, seconds) = (by_row(f, rows), by_row(&slope, rows), by_row(&second, rows));
    for t in [&values, &slopes, &seconds] {
        assert!(
            t.to_vec::<f64>().unwrap().iter().all(|x| x.is_finite()),
            "{t}"
        );
    }
    close(&vmap(f)(rows), &values, 1e-12);
    close(&jit(vmap(f)).call(rows).unwrap(), &values, 1e-12);
    close(&vmap(slope)(rows), &slopes, 1e-10);
    let of_all = |rows: &Tensor| grad(|rows: &Tensor| vmap(f)(rows).sum())(rows);
    close(&of_all(rows), &slopes, 1e-10);
    close(&jit(of_all).call(rows).unwrap(), &slopes, 1e-10);
    let along = jvp(vmap(f), rows, &rows.ones_like()).1;
    close(
        &along,
        &by_row(&|slope: &Tensor| slope.sum(), &slopes),
        1e-10,
    );
    close(&vmap(second)(rows), &seconds, 1e-9);
    let second_of_all = |rows: &Tensor| grad(|rows: &Tensor| of_all(rows).sum())(rows);
    close(&second_of_all(rows), &seconds, 1e-9);
    // Planned, in every order that is considered.
    let sum = |rows: &Tensor| vmap(f)(rows).sum();
    let (x, options) = (rows, PlanOptions::default());
    let wanted = jacrev(grad(sum))(x);
    close(&hessian(sum)(x), &wanted, 1e-9);
    let values = |rows: &Tensor| vmap(f)(rows);
    for (plan, wanted) in [
        (plan_jacobian(values, x, &options), jacrev(values)(x)),
        (plan_hessian(sum, x, &options), wanted),
    ] {
        let plan = plan.unwrap();
        for candidate in plan.plan().candidates() {
            close(&plan.evaluate_by(candidate, x).unwrap(), &wanted, 1e-9);
        }
    }
    // Inside a loop, and in rows of rows.
    let looped = |rows: &Tensor| {
        let step = |sum: &Tensor, row: &Tensor| (sum + vmap(f)(row).sum(), ());
        scan(step, &s(0.0), &gradus::tensor::stack(&[rows, rows], 0)).0
    };
    close(&grad(looped)(rows), &(&slopes * 2.0), 1e-10);
    let twice = gradus::tensor::stack(&[rows, rows], 0);
    let pairs = gradus::tensor::stack(&[&slopes, &slopes], 0);
    let nested = |all: &Tensor| grad(|all: &Tensor| vmap(vmap(f))(all).sum())(all);
    close(&nested(&twice), &pairs, 1e-10);
}

#[test]
fn rows_do_not_fail_where_they_are_not() {
    let a = table();
    let pick = |i: &Tensor| {
        cond(
            &i.less(3),
            |i: &Tensor| a.take(i, 0),
            |_: &Tensor| Tensor::from(-1.0),
            i,
        )
    };
    let wanted = Tensor::from([10.0, -1.0, 30.0]);
    let rows = Tensor::from([0, 5, 2]);
    close(&vmap(pick)(&rows), &wanted, 0.0);
    close(&jit(vmap(pick)).call(&rows).unwrap(), &wanted, 0.0);
    // Also if no row takes the branch, and if the index is the same for all rows.
    close(
        &vmap(pick)(&Tensor::from([7, 8])),
        &Tensor::from([-1.0, -1.0]),
        0.0,
    );
    let outside = Tensor::from([9]).at(0);
    let shared = |x: &Tensor| {
        cond(
            &x.greater(0.0),
            |x: &Tensor| x * a.take(&outside, 0),
            |x: &Tensor| x.clone(),
            x,
        )
    };
    close(
        &vmap(shared)(&Tensor::from([-1.0, -2.0])),
        &Tensor::from([-1.0, -2.0]),
        0.0,
    );
    assert!(jit(vmap(shared)).call(&Tensor::from([-1.0, 2.0])).is_err());
    assert!(jit(vmap(pick)).call(&Tensor::from([-7, 2])).is_err());
    // For derivatives, in f32 and f64.
    for dtype in [F32, F64] {
        let at = |(a, i): &(Tensor, Tensor)| {
            vmap(|i: &Tensor| {
                cond(
                    &i.less(3),
                    |i: &Tensor| a.take(i, 0).square(),
                    |_: &Tensor| a.sum(),
                    i,
                )
            })(i)
            .sum()
        };
        let slope = grad_wrt(at, |path| path == ".0")(&(a.astype(dtype), rows.clone())).0;
        close(&slope.astype(F64), &Tensor::from([21.0, 1.0, 61.0]), 1e-6);
    }
    // Slices with a computed start, and one of several branches.
    let slice = |i: &Tensor| {
        switch(
            i,
            &[
                &|i: &Tensor| a.dynamic_slice(&i.reshape(&[1]), &[2]).sum(),
                &|i: &Tensor| a.dynamic_slice(&i.reshape(&[1]), &[2]).sum(),
                &|_: &Tensor| Tensor::from(0.0),
            ],
            i,
        )
    };
    close(
        &vmap(slice)(&Tensor::from([0i64, 1, 2, 7])),
        &Tensor::from([30.0, 50.0, 0.0, 0.0]),
        0.0,
    );
}

#[test]
fn solvers_and_loops_end_in_rows_that_do_not_need_them() {
    let root = |x: &Tensor| {
        let solve = |x: &Tensor| {
            find_root(
                |y: &Tensor| y.square() - x,
                &Tensor::from(1.0),
                Root::default(),
            )
        };
        cond(&x.greater(0.0), solve, |x: &Tensor| x * 3.0, x)
    };
    as_by_row(root, &Tensor::from([4.0, -1.0, 9.0]));
    let system = |x: &Tensor| {
        let solve = |x: &Tensor| {
            let b = Tensor::from([1.0, 2.0]) * x;
            linear_solve(|v: &Tensor| v * (x + 1.0), &b, LinearSolver::default()).sum()
        };
        cond(&x.greater(-1.0), solve, |x: &Tensor| x.square(), x)
    };
    as_by_row(system, &Tensor::from([1.0, -1.0, 0.5]));
    // For a row below zero it would run forever.
    let halved = |x: &Tensor| {
        let halve = |x: &Tensor| {
            while_loop(
                |y: &Tensor| (y - 1.0).abs().greater(0.5),
                |y: &Tensor| y * 0.5 + y.abs() * 0.1,
                x,
            )
        };
        cond(&x.greater(0.0), halve, |x: &Tensor| x.sin(), x)
    };
    as_by_row(halved, &Tensor::from([5.0, -5.0, 0.7]));
}

#[test]
fn branches_not_taken_spoil_no_derivative() {
    let root = |x: &Tensor| {
        cond(
            &x.greater(0.0),
            |x: &Tensor| x.sqrt(),
            |x: &Tensor| x * 2.0,
            x,
        )
    };
    as_by_row(root, &Tensor::from([0.0, 4.0, -1.0]));
    let log = |x: &Tensor| {
        cond(
            &x.greater(0.0),
            |x: &Tensor| x.log() / x,
            |x: &Tensor| x.exp(),
            x,
        )
    };
    as_by_row(log, &Tensor::from([0.0, 4.0]));
    let vectors = |x: &Tensor| {
        let norm = |x: &Tensor| x.square().sum().sqrt();
        cond(&x.sum().greater(0.0), norm, |x: &Tensor| x.sum() * 0.5, x)
    };
    as_by_row(vectors, &Tensor::from([[0.0, 0.0], [3.0, 4.0]]));
    let nested = |x: &Tensor| {
        let inner = |x: &Tensor| {
            cond(
                &x.less(3.0),
                |x: &Tensor| (3.0 - x).sqrt(),
                |x: &Tensor| 1.0 / (x - 2.9),
                x,
            )
        };
        let summed = |x: &Tensor| fori_loop(0..2, |_, y: &Tensor| y + x.sqrt(), &inner(x));
        cond(&x.greater(0.0), summed, |x: &Tensor| x.clone(), x)
    };
    as_by_row(nested, &Tensor::from([0.0, 3.0, 1.0, 4.0]));
}

/// A value that all rows share is a number, a vector or a matrix, and is differentiated.
#[test]
fn what_rows_share_is_not_spoilt() {
    let rows = Tensor::from([[0.0, 0.0], [3.0, 4.0], [-1.0, 0.5]]);
    let shared = [
        Tensor::from([0.7]).at(0),
        Tensor::from([0.3, 0.9]),
        Tensor::from([[0.3, 0.2], [0.1, 0.8]]),
    ];
    for w in shared {
        let f = |w: &Tensor, x: &Tensor| {
            let near = |x: &Tensor| match w.rank() {
                2 => x.matmul(w).square().sum().sqrt(),
                _ => (w * x).square().sum().sqrt() + (w * x.sum()).sum().log(),
            };
            cond(
                &x.sum().greater(0.0),
                near,
                |x: &Tensor| (w * x.sum()).sum(),
                x,
            )
        };
        let wanted = grad(|w: &Tensor| by_row(&|x: &Tensor| f(w, x), &rows).sum());
        let of_all = grad(|w: &Tensor| vmap(|x: &Tensor| f(w, x))(&rows).sum());
        assert!(
            wanted(&w)
                .to_vec::<f64>()
                .unwrap()
                .iter()
                .all(|x| x.is_finite())
        );
        close(&of_all(&w), &wanted(&w), 1e-12);
        close(&jit(&of_all).call(&w).unwrap(), &wanted(&w), 1e-12);
        let second = |g: &dyn Fn(&Tensor) -> Tensor| grad(|w: &Tensor| g(w).square().sum())(&w);
        close(&second(&of_all), &second(&wanted), 1e-10);
        // If no row takes the branch.
        let none = Tensor::from([[0.0, 0.0], [-3.0, 1.0]]);
        let wanted = grad(|w: &Tensor| by_row(&|x: &Tensor| f(w, x), &none).sum())(&w);
        close(
            &grad(|w: &Tensor| vmap(|x: &Tensor| f(w, x))(&none).sum())(&w),
            &wanted,
            1e-12,
        );
        as_by_row(|x: &Tensor| f(&w, x), &rows);
    }
}

#[test]
fn rows_that_have_ended_spoil_no_derivative() {
    // Stops where the square root has no slope.
    let roots = |x: &Tensor| {
        let step = |(a, x): &(Tensor, Tensor)| (a + x.sqrt(), x - 1.0);
        while_loop(
            |(_, x): &(Tensor, Tensor)| x.greater(0.5),
            step,
            &(s(0.0), x.clone()),
        )
        .0
    };
    let rows = Tensor::from([1.0, 3.0, 2.0]);
    let slopes = grad(|x: &Tensor| vmap(roots)(x).sum())(&rows);
    let wanted = [1.0, 3.0, 2.0].map(|x: f64| {
        let (mut x, mut slope) = (x, 0.0);
        while x > 0.5 {
            slope += 0.5 / x.sqrt();
            x -= 1.0;
        }
        slope
    });
    close(&slopes, &Tensor::from(wanted), 1e-15);
    as_by_row(roots, &rows);
    // As many steps as a row's value says.
    let counted = |x: &Tensor| {
        let n = x.floor().astype(I64);
        let step = |_: &Tensor, (a, y): &(Tensor, Tensor)| (a + y.sqrt(), y - 1.0);
        fori_loop(..&n, step, &(s(0.0), x.clone())).0
    };
    as_by_row(counted, &rows);
    // With values that the rows share.
    for w in [Tensor::from([0.7]).at(0), Tensor::from([0.3, 0.9])] {
        let f = |w: &Tensor, x: &Tensor| {
            let step = |(a, x): &(Tensor, Tensor)| (a + (w * x).sqrt().sum(), x - 1.0);
            while_loop(
                |(_, x): &(Tensor, Tensor)| x.greater(0.5),
                step,
                &(s(0.0), x.clone()),
            )
            .0
        };
        let wanted = grad(|w: &Tensor| by_row(&|x: &Tensor| f(w, x), &rows).sum())(&w);
        close(
            &grad(|w: &Tensor| vmap(|x: &Tensor| f(w, x))(&rows).sum())(&w),
            &wanted,
            1e-12,
        );
        as_by_row(|x: &Tensor| f(&w, x), &rows);
    }
}

/// Backward passes that turn zero into something else:
/// from rows that do not take the branch they get nothing, and return nothing.
#[test]
fn rows_elsewhere_do_not_reach_backward_passes() {
    let w = s(2.0);
    let f = |w: &Tensor, x: &Tensor| {
        let hooked = |x: &Tensor| with_cotangent(&(w * x), |g| g + 1.0);
        cond(&x.greater(0.0), hooked, |x: &Tensor| x * 0.0, x)
    };
    let rows = Tensor::from([1.0, -1.0, 3.0]);
    close(
        &grad(|x: &Tensor| vmap(|x: &Tensor| f(&w, x))(x).sum())(&rows),
        &Tensor::from([4.0, 0.0, 4.0]),
        0.0,
    );
    close(
        &grad(|w: &Tensor| vmap(|x: &Tensor| f(w, x))(&rows).sum())(&w),
        &s(8.0),
        0.0,
    );
}

#[test]
fn rows_elsewhere_are_not_seen() {
    let seen: Arc<Mutex<Vec<f64>>> = Arc::default();
    let log = seen.clone();
    let shown = move |x: &Tensor| {
        let log = log.clone();
        x.inspect(move |x| log.lock().unwrap().extend(x.to_vec::<f64>().unwrap()))
    };
    let take = || std::mem::take(&mut *seen.lock().unwrap());
    let branch = |x: &Tensor| {
        cond(
            &x.greater(0.0),
            |x: &Tensor| shown(x) * 2.0,
            |x: &Tensor| x.clone(),
            x,
        )
    };
    let rows = Tensor::from([1.0, -1.0, 3.0]);
    vmap(branch)(&rows);
    assert_eq!(take(), [1.0, 3.0]);
    jit(vmap(grad(branch))).call(&rows).unwrap();
    assert_eq!(take(), [1.0, 3.0]);
    vmap(branch)(&Tensor::from([-1.0, -2.0]));
    assert!(take().is_empty());
    vmap(vmap(branch))(&Tensor::from([[1.0, -1.0], [-3.0, 4.0]]));
    assert_eq!(take(), [1.0, 4.0]);
    // Steps that a row does not make, and conditions.
    let looped =
        |x: &Tensor| while_loop(|x: &Tensor| x.greater(0.5), |x: &Tensor| shown(x) - 1.0, x);
    vmap(looped)(&rows);
    assert_eq!(take(), [1.0, 3.0, 2.0, 1.0]);
    // A value that all rows share is shown for each active row.
    let shared = s(7.0);
    let captured = |x: &Tensor| {
        cond(
            &x.greater(0.0),
            |x: &Tensor| x * shown(&shared),
            |x: &Tensor| x.clone(),
            x,
        )
    };
    vmap(captured)(&rows);
    assert_eq!(take(), [7.0, 7.0]);
    vmap(captured)(&Tensor::from([-1.0]));
    assert!(take().is_empty());
}
