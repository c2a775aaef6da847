//! `with_cotangent` and `straight_through`.

use crate::{agree_backwards, close, rows_around};
use gradus::optim::clip_by_norm;
use gradus::prelude::*;

fn x() -> Tensor {
    Tensor::from([0.4, 0.8, 1.3])
}

/// The identity with the derivative 2, by the function under test.
fn hooked(x: &Tensor) -> Tensor {
    with_cotangent(x, |g| g * 2.0)
}

/// The same without the function under test.
fn doubled(x: &Tensor) -> Tensor {
    x * 2.0 - stop_gradient(x)
}

#[test]
fn a_scaled_cotangent_is_that_of_a_scaled_function() {
    agree_backwards(
        |x| (hooked(x).sin() * x).sum(),
        |x| (doubled(x).sin() * x).sum(),
        &x(),
    );
    agree_backwards(
        |x| (hooked(x).sin() * x).sum(),
        |x| (doubled(x).sin() * x).sum(),
        &x().astype(F32),
    );
    // On a value in the middle, used twice, and one after the other.
    let middle = |x: &Tensor, f: fn(&Tensor) -> Tensor| {
        let y = f(&f(&(x * x)).exp());
        (&y * y.sin()).sum()
    };
    agree_backwards(|x| middle(x, hooked), |x| middle(x, doubled), &x());
}

/// The state of loops and branches, with `f` inside each.
fn in_bodies(x: &Tensor, f: fn(&Tensor) -> Tensor) -> [Tensor; 6] {
    let step = move |s: &Tensor, v: &Tensor| (f(s) * v).sin() + f(v) * 0.3;
    let scanned = |options: ScanOptions| {
        let row = |s: &Tensor, v: &Tensor| {
            let s = step(s, v);
            (s.clone(), f(&s))
        };
        let (last, ys) = scan_with(options, row, &x.sum(), x);
        last + ys.square().sum()
    };
    let kept = ScanOptions::default().keep(Keep::Sqrt).reverse();
    let chosen = cond(
        &x.sum().greater(2.0),
        |x: &Tensor| f(x).exp().sum(),
        |x: &Tensor| f(&x.sin()).square().sum(),
        x,
    );
    let looped = while_loop(
        |(s, _): &(Tensor, Tensor)| s.less(6.0),
        |(s, y): &(Tensor, Tensor)| (s + 1.0, (f(y) + x).sin()),
        &(x.sum().stop_gradient(), x.clone()),
    );
    let counted = fori_loop(0..3, |_, s: &Tensor| f(&(s * x)).cos(), x);
    let again = checkpoint(move |x: &Tensor| f(&x.sin()).exp().sum())(x);
    [
        scanned(ScanOptions::default()),
        scanned(kept),
        chosen,
        looped.1.sum(),
        counted.sum(),
        again,
    ]
}

#[test]
fn cotangents_are_changed_inside_of_loops_and_branches() {
    for k in 0..6 {
        agree_backwards(
            |x| in_bodies(x, hooked)[k].clone(),
            |x| in_bodies(x, doubled)[k].clone(),
            &x(),
        );
    }
}

#[test]
fn a_cotangent_clipped_by_its_norm_is_differentiated_as_such() {
    let plain = |x: &Tensor| (x.exp() * x).sum();
    let clip = |g: &Tensor| clip_by_norm(g, 1.5).0;
    let f = move |x: &Tensor| plain(&with_cotangent(x, clip));
    let first = move |x: &Tensor| clip(&grad(plain)(x));
    close(&grad(f)(&x()), &first(&x()), 1e-12);
    let weights = Tensor::from([1.0, -2.0, 0.5]);
    // The backward pass of the second derivative also goes through the value.
    let second = grad(|x: &Tensor| (grad(f)(x) * &weights).sum());
    let wanted = grad(|x: &Tensor| (first(x) * &weights).sum());
    close(&second(&x()), &clip(&wanted(&x())), 1e-12);
    // Each row by its own norm.
    let rows = rows_around(&x());
    close(&vmap(grad(f))(&rows), &vmap(first)(&rows), 1e-12);
    close(
        &grad(|r: &Tensor| vmap(f)(r).sum())(&rows),
        &vmap(first)(&rows),
        1e-12,
    );
    close(
        &jit(vmap(grad(f))).call(&rows).unwrap(),
        &vmap(first)(&rows),
        1e-12,
    );
}

#[test]
fn rows_of_a_jacobian_are_changed_each_by_itself() {
    let matrix = Tensor::from([[1.0, 2.0, 0.0], [0.0, 3.0, -1.0]]);
    // Functions that are not linear; some turn zero into something else.
    let changes: [fn(&Tensor) -> Tensor; 9] = [
        |g| clip_by_norm(g, 0.5).0,
        |g| g + 1.0,
        |g| 1.0 - g,
        |g| g.maximum(0.25) * g,
        |g| g * g.dot(g),
        |g| g.greater(0.0).where_(g, &(g * 0.5)),
        |g| g.greater(0.5).where_(g, Tensor::from(7.0)),
        |g| 2.0 / (g.square() + 1.0),
        |g| gradus::tensor::concatenate(&[&g.slice_axis(0, 1..), &Tensor::from([5.0])], 0),
    ];
    for change in changes {
        let f = |x: &Tensor| matrix.matmul(&with_cotangent(x, change).sin());
        let wanted = vmap(change)(&jacrev(|x: &Tensor| matrix.matmul(&x.sin()))(&x()));
        close(&jacrev(f)(&x()), &wanted, 1e-14);
        // Elementwise, where a Jacobian has structural zeros.
        let f = |x: &Tensor| with_cotangent(x, change).sin();
        let wanted = vmap(change)(&jacrev(Tensor::sin)(&x()));
        close(&jacrev(f)(&x()), &wanted, 1e-14);
    }
}

#[test]
fn what_the_function_captures_has_derivatives_of_its_own() {
    let f = |x: &Tensor| with_cotangent(x, |g| g * x.sin()).exp().sum();
    let first = |at: &Tensor, captured: &Tensor| at.exp() * captured.sin();
    close(&grad(f)(&x()), &first(&x(), &x()), 1e-12);
    let second = grad(|x: &Tensor| grad(f)(x).square().sum());
    let both = grad(|(a, c): &(Tensor, Tensor)| first(a, c).square().sum());
    let (through, beside) = both(&(x(), x()));
    close(&second(&x()), &(through * x().sin() + beside), 1e-12);
    // Another factor for each row, with the value shared or not.
    let by_row = |(x, s): &(Tensor, Tensor)| {
        grad(|x: &Tensor| with_cotangent(x, |g| g * s).square().sum())(x)
    };
    let factors = Tensor::from([1.0, 10.0, 100.0]);
    let rows = rows_around(&x());
    let wanted = &rows * 2.0 * factors.reshape(&[3, 1]);
    close(&vmap(by_row)(&(rows, factors.clone())), &wanted, 1e-12);
    let shared = vmap_with(by_row, [None, Some(0)], 0)(&(x(), factors.clone()));
    close(&shared, &(x() * 2.0 * factors.reshape(&[3, 1])), 1e-12);
    let summed = grad(|x: &Tensor| {
        vmap(|s: &Tensor| with_cotangent(x, |g| g.minimum(5.0) * s).square().sum())(&factors).sum()
    });
    close(&summed(&x()), &((x() * 2.0).minimum(5.0) * 111.0), 1e-12);
}

#[test]
fn a_value_that_all_rows_share_has_one_cotangent() {
    let rows = Tensor::from([1.0, 2.0, 3.0]);
    let whole = |w: &Tensor| {
        let row = |x: &Tensor| with_cotangent(w, |g| g.minimum(2.5)) * x;
        vmap(row)(&rows).sum()
    };
    let by_row = |w: &Tensor| {
        vmap(|x: &Tensor| grad(|w: &Tensor| with_cotangent(w, |g| g.minimum(2.5)) * x)(w))(&rows)
    };
    let w = Tensor::from(0.5);
    assert_eq!(grad(whole)(&w).item::<f64>().unwrap(), 2.5);
    assert_eq!(by_row(&w).to_vec::<f64>().unwrap(), [1.0, 2.0, 2.5]);
}

#[test]
fn forward_mode_does_not_see_it() {
    let f = |x: &Tensor| with_cotangent(x, |g| -g).sin();
    let direction = Tensor::from([1.0, -2.0, 0.5]);
    let (y, dy) = jvp(f, &x(), &direction);
    close(&y, &x().sin(), 0.0);
    close(&dy, &(x().cos() * &direction), 1e-15);
    close(&jacrev(f)(&x()), &-jacrev(Tensor::sin)(&x()), 0.0);
    close(&jacfwd(f)(&x()), &jacfwd(Tensor::sin)(&x()), 0.0);
    // In reverse over forward, the tangent's backward pass goes through it as well.
    let under = grad(|x: &Tensor| (jvp(f, x, &direction).1).sum());
    close(&under(&x()), &(x().sin() * &direction), 1e-12);
}

#[test]
fn trees_of_several_types_and_parts_that_nothing_comes_back_to() {
    type At = (Tensor, Tensor, Tensor);
    let at: At = (x(), Tensor::from([1i64, 2, 3]), Tensor::from(2.0f32));
    let f = |x: &At| {
        let (a, k, _unused) = with_cotangent(x, |(a, k, c): &At| {
            // Cotangents of tensors that are not floats are zeros, and so are cotangents of unused ones.
            (
                a + k.astype(F64) + c.astype(F64) + 1.0,
                k.clone(),
                c + 5.0f32,
            )
        });
        (a * k.astype(F64)).sum()
    };
    let (a, _, c) = grad_wrt(f, |path| path != ".1")(&at);
    close(&a, &Tensor::from([2.0, 3.0, 4.0]), 0.0);
    close(&c, &Tensor::from(5.0f32), 0.0);
    // If there is no cotangent at all, the function is not called.
    let none = grad(|x: &Tensor| stop_gradient(&with_cotangent(x, |g| g + 1.0)).sum());
    close(&none(&x()), &Tensor::zeros(&[3], F64), 0.0);
    // A tree of integers alone passes.
    let whole = with_cotangent(&at.1, |g| g.clone());
    assert_eq!(whole.to_vec::<i64>().unwrap(), [1, 2, 3]);
}

#[test]
fn values_run_as_if_it_were_not_there() {
    let f = |x: &Tensor| with_cotangent(x, |g| clip_by_norm(g, 1.0).0).sin();
    let plain = trace(Tensor::sin, &x()).unwrap();
    let seen = gradus_cpu::forecast(&trace(f, &x()).unwrap());
    let wanted = gradus_cpu::forecast(&plain);
    assert_eq!(seen.operations(), wanted.operations());
    assert_eq!(seen.bytes(), wanted.bytes());
}

#[test]
fn straight_through_has_the_values_of_the_function_and_the_derivative_of_the_identity() {
    let scale = Tensor::from([3.0, 1.0, 7.0]);
    let by = |scale: &Tensor| {
        let scale = scale.clone();
        straight_through(move |x: &Tensor| (x * &scale).round() / &scale)
    };
    let written = |x: &Tensor| {
        let y = (x * &scale).round() / &scale;
        x + stop_gradient(&(y - x))
    };
    let f = |x: &Tensor| (by(&scale)(x).sin() * x).sum();
    let g = |x: &Tensor| (written(x).sin() * x).sum();
    agree_backwards(f, g, &x());
    let direction = Tensor::from([1.0, -2.0, 0.5]);
    close(&jvp(f, &x(), &direction), &jvp(g, &x(), &direction), 1e-12);
    close(&hessian(f)(&x()), &hessian(g)(&x()), 1e-12);
    let rows = rows_around(&x());
    let along = |f: &dyn Fn(&Tensor) -> Tensor| vmap(|x: &Tensor| jvp(f, x, &direction).1)(&rows);
    close(&along(&f), &along(&g), 1e-12);
    // Exactly the function's value, whereas x + (f(x) − x) is rounded.
    let third = straight_through(|x: &Tensor| x * 0.0 + 0.1)(&Tensor::from(1e9));
    assert_eq!(third.item::<f64>().unwrap(), 0.1);
    // Captured values get no derivative.
    let of_scale = grad(|s: &Tensor| by(s)(&x()).sum());
    close(&of_scale(&scale), &Tensor::zeros(&[3], F64), 0.0);
    // In loops, on trees, in f32.
    let rounded = straight_through(|(a, k): &(Tensor, Tensor)| (a.round(), k + 1i64));
    let looped = |x: &Tensor| {
        let (last, _) = fori_loop(
            0..3,
            |_, s: &(Tensor, Tensor)| {
                let (a, k) = rounded(s);
                (a * 1.5f32, k)
            },
            &(x.clone(), Tensor::from(0i64)),
        );
        last
    };
    let slope = grad(looped)(&Tensor::from(0.7f32));
    assert_eq!(slope.item::<f32>().unwrap(), 1.5 * 1.5 * 1.5);
    assert_eq!(looped(&Tensor::from(0.7f32)).item::<f32>().unwrap(), 4.5);
}
