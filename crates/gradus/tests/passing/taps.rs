//! `tap` and its collectors.

use crate::close;
use gradus::TappedGradient;
use gradus::prelude::*;

fn x() -> Tensor {
    Tensor::from([0.4, 0.8, 1.3])
}

fn net(x: &Tensor) -> Tensor {
    let hidden = tap("hidden", &(x * 2.0).tanh());
    let top = tap("top", &(&hidden * x).exp());
    (&hidden * &top).sum()
}

/// The functions after `hidden` and after `top` in `net`.
fn behind(x: &Tensor) -> (impl Fn(&Tensor) -> Tensor, impl Fn(&Tensor) -> Tensor) {
    let (a, hidden) = (x.clone(), (x * 2.0).tanh());
    (
        move |h: &Tensor| (h * (h * &a).exp()).sum(),
        move |t: &Tensor| (&hidden * t).sum(),
    )
}

#[test]
fn values_are_seen_by_name() {
    let plain = |x: &Tensor| {
        let h = (x * 2.0).tanh();
        (&h * (&h * x).exp()).sum()
    };
    close(&net(&x()), &plain(&x()), 0.0);
    let (y, taps) = with_taps(net)(&x());
    close(&y, &plain(&x()), 0.0);
    let names: Vec<&str> = taps.keys().map(String::as_str).collect();
    assert_eq!(names, ["hidden", "top"]);
    close(&taps["hidden"], &(x() * 2.0).tanh(), 0.0);
    close(&jit(with_taps(net)).call(&x()).unwrap(), &(y, taps), 1e-15);
    let rows = crate::rows_around(&x());
    let (_, taps) = vmap(with_taps(net))(&rows);
    close(&taps["hidden"], &(&rows * 2.0).tanh(), 1e-15);
    // A penalty on the tapped value.
    let penalty = |x: &Tensor| with_taps(net)(x).1["hidden"].square().sum();
    let wanted = |x: &Tensor| (x * 2.0).tanh().square().sum();
    close(&grad(penalty)(&x()), &grad(wanted)(&x()), 1e-14);
    close(&hessian(penalty)(&x()), &hessian(wanted)(&x()), 1e-12);
    // Without a collector, derivatives pass.
    close(&grad(net)(&x()), &grad(plain)(&x()), 0.0);
    let mapped = with_taps(|x: &Tensor| tap("rows", &gradus::control::map(Tensor::sin, x)).sum());
    close(&mapped(&x()).1["rows"], &x().sin(), 0.0);
}

#[test]
fn cotangents_of_taps_are_derivatives_of_what_is_behind_them() {
    let check = |found: &TappedGradient<Tensor>, x: &Tensor| {
        let (hidden, top) = behind(x);
        close(&found.value, &net(x), 1e-15);
        close(&found.gradient, &grad(net)(x), 1e-14);
        let h = (x * 2.0).tanh();
        close(&found.taps["hidden"], &h, 1e-15);
        close(&found.cotangents["hidden"], &grad(hidden)(&h), 1e-14);
        close(&found.cotangents["top"], &grad(top)(&(h * x).exp()), 1e-14);
    };
    check(&grad_with_taps(net)(&x()), &x());
    check(&jit(grad_with_taps(net)).call(&x()).unwrap(), &x());
    let rows = crate::rows_around(&x());
    let found = vmap(grad_with_taps(net))(&rows);
    let row = |t: &Tensor| t.at(2);
    let at_two = gradus::tree::map(&found, row);
    check(&at_two, &rows.at(2));
    // Differentiated again: the derivative of a cotangent.
    let of_cotangent =
        grad(|x: &Tensor| grad_with_taps(net)(x).cotangents["hidden"].square().sum());
    let written = grad(|x: &Tensor| {
        let h = (x * 2.0).tanh();
        let e = (&h * x).exp();
        (&e + &h * x * &e).square().sum()
    });
    close(&of_cotangent(&x()), &written(&x()), 1e-12);
}

#[test]
fn trees_integers_f32_and_values_beside_a_loop() {
    let f = |x: &(Tensor, Tensor)| {
        let (a, k) = tap("in", x);
        let (last, _) = scan(
            // The tapped value comes from outside, although it is tapped inside.
            |s: &Tensor, v: &Tensor| (s * tap("factor", &a).sum() + v, ()),
            &Tensor::from(1.0f32),
            &a,
        );
        last + k.astype(F32).sum()
    };
    let at = (Tensor::from([0.5f32, 2.0]), Tensor::from([3i64]));
    let (y, taps) = with_taps(f)(&at);
    assert_eq!(y.item::<f32>().unwrap(), (2.5 + 0.5) * 2.5 + 2.0 + 3.0);
    let names: Vec<&str> = taps.keys().map(String::as_str).collect();
    assert_eq!(names, ["factor", "in.0", "in.1"]);
    let of_a = |a: &Tensor| f(&(a.clone(), at.1.clone()));
    let found = grad_with_taps(of_a)(&at.0);
    close(&found.gradient, &grad(of_a)(&at.0), 1e-6);
    close(&found.cotangents["in.0"], &found.gradient, 1e-6);
    // last = (s + v₀)·s + v₁ with s = Σ factor.
    let slope = 2.0 * 2.5 + 0.5f32;
    close(
        &found.cotangents["factor"],
        &Tensor::from([slope, slope]),
        1e-6,
    );
    close(&found.cotangents["in.1"], &Tensor::from([0i64]), 0.0);
}

#[test]
fn the_innermost_collector_takes_what_is_tapped() {
    let outer = with_taps(|x: &Tensor| {
        let (y, inner) = with_taps(net)(x);
        (tap("y", &y), inner.len() as u64)
    });
    let ((_, inner), taps) = outer(&x());
    assert_eq!(inner, 2);
    assert_eq!(taps.into_keys().collect::<Vec<_>>(), ["y"]);
    // A collection that panics half-way leaves nothing behind.
    let stopped = std::panic::catch_unwind(|| {
        with_taps(|x: &Tensor| tap("x", &x.matmul(&Tensor::ones(&[7], F64))))(&x())
    });
    assert!(stopped.is_err());
    assert!(with_taps(|x: &Tensor| x.clone())(&x()).1.is_empty());
    let same = tap("x", &tap("x", &x()));
    close(&same, &x(), 0.0);
}
