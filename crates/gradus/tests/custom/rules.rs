//! Rules under every transform, against the same functions without rules.

use crate::{agree, agree_in_reverse, near, same};
use gradus::prelude::*;
use std::cell::Cell;

fn x() -> Tensor {
    Tensor::from([0.4, 0.8, 1.3])
}

/// `sin`, twice, by rules that use the value.
fn forward(x: &Tensor) -> Tensor {
    let exp = custom_jvp(
        |x: &Tensor| x.exp(),
        |_: &Tensor, y: &Tensor, dx: &Tensor| y * dx,
    );
    (exp(&x.sin()) * exp(x)).sum()
}

fn backward(x: &Tensor) -> Tensor {
    let exp = custom_vjp(
        |x: &Tensor| x.exp(),
        |x: &Tensor| (x.exp(), x.exp()),
        |y: &Tensor, g: &Tensor| y * g,
    );
    (exp(&x.sin()) * exp(x)).sum()
}

fn plain(x: &Tensor) -> Tensor {
    (x.sin().exp() * x.exp()).sum()
}

#[test]
fn rules_give_what_the_derivative_gives() {
    agree(forward, plain, &x(), 1e-12);
    agree_in_reverse(backward, plain, &x(), 1e-12);
    check_grads(forward, &x()).unwrap();
    let reverse = CheckOptions::default().modes(Modes::Reverse);
    check_grads_with(backward, &x(), reverse).unwrap();
    let single = x().astype(F32);
    same(&grad(forward)(&single), &grad(plain)(&single), 1e-5);
    same(&grad(backward)(&single), &grad(plain)(&single), 1e-5);
}

#[test]
fn rules_inside_loops_choices_and_checkpoints() {
    fn nested(f: impl Fn(&Tensor) -> Tensor + Copy, x: &Tensor) -> Tensor {
        let (s, ys) = scan(
            |s: &Tensor, v: &Tensor| {
                let s = cond(
                    &v.greater(0.6),
                    |s: &Tensor| f(&(s * v)),
                    |s: &Tensor| s + v,
                    s,
                );
                let s = while_loop(|s: &Tensor| s.less(1.5), |s: &Tensor| f(s) + 0.7, &s);
                (checkpoint(f)(&(s * 0.3)), f(v))
            },
            &Tensor::from(0.5),
            x,
        );
        s + ys.sum()
    }
    let by_jvp = |x: &Tensor| {
        custom_jvp(
            |x: &Tensor| x.sin(),
            |x: &Tensor, _: &Tensor, t: &Tensor| x.cos() * t,
        )(x)
    };
    let by_vjp = |x: &Tensor| {
        custom_vjp(
            |x: &Tensor| x.sin(),
            |x: &Tensor| (x.sin(), x.clone()),
            |x: &Tensor, g: &Tensor| x.cos() * g,
        )(x)
    };
    let wanted = |x: &Tensor| nested(|x: &Tensor| x.sin(), x);
    agree(|x: &Tensor| nested(by_jvp, x), wanted, &x(), 1e-10);
    agree_in_reverse(|x: &Tensor| nested(by_vjp, x), wanted, &x(), 1e-10);
}

#[test]
fn jacobians_of_a_function_with_its_own_way_back() {
    let f = |x: &Tensor| {
        custom_vjp(
            |x: &Tensor| x.sin(),
            |x: &Tensor| (x.sin(), x.clone()),
            |x: &Tensor, g: &Tensor| x.cos() * g,
        )(x)
    };
    let wanted = jacobian(|x: &Tensor| x.sin())(&x());
    same(&jacobian(f)(&x()), &wanted, 1e-15);
    same(&jacrev(f)(&x()), &wanted, 1e-15);
    let curved = |x: &Tensor| (f(x) * x).sum();
    same(
        &jacfwd(grad(curved))(&x()),
        &hessian(|x: &Tensor| (x.sin() * x).sum())(&x()),
        1e-14,
    );
}

/// If a rule is wrong on purpose, all transforms follow it.
#[test]
fn rules_are_followed() {
    let doubled = |x: &Tensor| {
        custom_jvp(
            |x: &Tensor| x.clone(),
            |_: &Tensor, _: &Tensor, t: &Tensor| t * 2.0,
        )(x)
    };
    let tripled = |x: &Tensor| {
        custom_vjp(
            |x: &Tensor| x.clone(),
            |x: &Tensor| (x.clone(), ()),
            |_: &(), g: &Tensor| g * 3.0,
        )(x)
    };
    let both = |x: &Tensor| doubled(&tripled(x)).square().sum();
    // 2·x·2·3, and the derivative of that by x, which goes through the rules once more.
    near(&grad(both)(&x()), &[4.8, 9.6, 15.6], 1e-14);
    let rows = gradus::tensor::stack(&[&x(), &x()], 0);
    near(
        &grad(|r: &Tensor| vmap(both)(r).sum())(&rows).at(1),
        &[4.8, 9.6, 15.6],
        1e-14,
    );
    near(
        &jvp(|x: &Tensor| doubled(x), &x(), &x()).1,
        &[0.8, 1.6, 2.6],
        1e-15,
    );
}

/// A scale shared by all rows gets the sum of their cotangents.
#[test]
fn what_all_rows_share() {
    let scaled = |a: &Tensor, x: &Tensor| {
        custom_vjp(
            |(a, x): &(Tensor, Tensor)| a * x,
            |(a, x): &(Tensor, Tensor)| (a * x, (a.clone(), x.clone())),
            |(a, x): &(Tensor, Tensor), g: &Tensor| (g * x, g * a),
        )(&(a.clone(), x.clone()))
    };
    let loss = |a: &Tensor| vmap(|x: &Tensor| scaled(a, x))(&x()).sum();
    near(&grad(loss)(&Tensor::from(2.0)), &[2.5], 1e-15);
}

#[test]
fn zeros_of_structure_cost_nothing() {
    let f = custom_jvp(
        |(x, y): &(Tensor, Tensor)| x * y,
        |(x, y): &(Tensor, Tensor), _: &Tensor, (dx, dy): &(Tensor, Tensor)| x.exp() * dy + y * dx,
    );
    // `y` does not vary, so neither the exponential nor its product is in the program.
    let y = Tensor::from([3.0, 4.0]);
    let change = |(x, dx): &(Tensor, Tensor)| jvp(|x: &Tensor| f(&(x.clone(), y.clone())), x, dx).1;
    let v = Tensor::from([1.0, 2.0]);
    let graph = gradus::trace(change, &(v.clone(), v.clone()))
        .unwrap()
        .pruned();
    insta::assert_snapshot!(graph, @r"
    graph(%0: f64[2], %1: f64[2], %2: f64[2]) {
      %3: f64[2] = mul %1, %2
      return %3
    }
    ");
    // Nor is a cotangent that is not needed.
    let g = custom_vjp(
        |(x, y): &(Tensor, Tensor)| x * y,
        |(x, y): &(Tensor, Tensor)| (x * y, (x.clone(), y.clone())),
        |(x, y): &(Tensor, Tensor), ct: &Tensor| (y * ct, x.exp() * ct),
    );
    let slope = grad(|x: &Tensor| g(&(x.clone(), y.clone())).sum());
    let graph = gradus::trace(slope, &v).unwrap().pruned();
    insta::assert_snapshot!(graph, @r"
    graph(%0: f64[2], %1: f64[2]) {
      return %1
    }
    ");
}

#[test]
fn linear_functions_with_their_transposes() {
    let scale = |a: &Tensor, x: &Tensor| {
        linear_call(
            |a: &Tensor, x: &Tensor| a * x,
            |a: &Tensor, y: &Tensor| a * y,
            a,
            x,
        )
    };
    agree(
        |x: &Tensor| scale(&x.exp(), &x.sin()).square().sum(),
        |x: &Tensor| (x.exp() * x.sin()).square().sum(),
        &x(),
        1e-12,
    );
    // The transpose is the given one.
    let odd = |x: &Tensor| {
        linear_call(
            |_: &(), x: &Tensor| x * 2.0,
            |_: &(), y: &Tensor| y * 5.0,
            &(),
            x,
        )
    };
    near(
        &grad(|x: &Tensor| odd(x).sum())(&x()),
        &[5.0, 5.0, 5.0],
        0.0,
    );
    near(&jvp(odd, &x(), &x().ones_like()).1, &[2.0, 2.0, 2.0], 0.0);
    // Captured values are differentiated.
    let captured = |a: &Tensor| {
        let f = |_: &(), x: &Tensor| a * x;
        linear_call(f, |_: &(), y: &Tensor| a * y, &(), &x())
            .square()
            .sum()
    };
    agree(
        captured,
        |a: &Tensor| (a * x()).square().sum(),
        &Tensor::from([2.0, 0.5, 1.0]),
        1e-12,
    );
}

/// Shows an intermediate gradient: it is returned as the cotangent of an unused argument.
#[test]
fn looking_at_a_gradient_on_its_way() {
    let inspect = custom_vjp(
        |(x, _): &(Tensor, Tensor)| x.clone(),
        |(x, _): &(Tensor, Tensor)| (x.clone(), ()),
        |_: &(), g: &Tensor| (g.clone(), g.clone()),
    );
    let f = |(x, tap): &(Tensor, Tensor)| {
        let y = x.square();
        let y = inspect(&(y, tap.clone()));
        (y.sin() * 3.0).sum()
    };
    let x = Tensor::from([1.0, 2.0]);
    let (slope, seen) = grad(f)(&(x.clone(), x.zeros_like()));
    let wanted: Vec<f64> = [1.0f64, 4.0].iter().map(|y| 3.0 * y.cos()).collect();
    near(&seen, &wanted, 1e-15);
    near(&slope, &[2.0 * wanted[0], 4.0 * wanted[1]], 1e-15);
}

/// Each function is traced when it is applied; only `f` runs while nothing is differentiated.
#[test]
fn what_is_called_when() {
    let (forwards, backwards) = (Cell::new(0), Cell::new(0));
    let f = custom_vjp(
        |x: &Tensor| x.sin(),
        |x: &Tensor| {
            forwards.set(forwards.get() + 1);
            (x.sin(), x.cos())
        },
        |cos: &Tensor, g: &Tensor| {
            backwards.set(backwards.get() + 1);
            cos * g
        },
    );
    near(&f(&Tensor::from(3.0)), &[3f64.sin()], 1e-15);
    near(&grad(&f)(&Tensor::from(3.0)), &[3f64.cos()], 1e-15);
    let (y, pull) = vjp(&f, &Tensor::from(3.0));
    near(&y, &[3f64.sin()], 1e-15);
    near(&pull(&Tensor::from(1.0)), &[3f64.cos()], 1e-15);
    assert_eq!((forwards.get(), backwards.get()), (3, 3));
}

/// Integer arguments have neither tangents nor cotangents.
#[test]
fn whole_numbers_as_arguments() {
    type Arguments = (Tensor, Tensor);
    let power = |(x, n): &Arguments| fori_loop(..n, |_, p: &Tensor| p * x, &x.ones_like());
    let forward = custom_jvp(
        power,
        |(x, n): &Arguments, y: &Tensor, (dx, dn): &Arguments| {
            assert_eq!(dn.dtype(), I64);
            n.astype(F64) * y / x * dx
        },
    );
    let backward = custom_vjp(
        power,
        |x: &Arguments| (power(x), x.clone()),
        |(x, n): &Arguments, g: &Tensor| {
            let slope = n.astype(F64) * power(&(x.clone(), n - 1));
            (slope * g, n.clone())
        },
    );
    let n = Tensor::from(3i64);
    let two = Tensor::from(2.0);
    near(
        &grad(|x: &Tensor| forward(&(x.clone(), n.clone())))(&two),
        &[12.0],
        1e-15,
    );
    near(
        &grad(|x: &Tensor| backward(&(x.clone(), n.clone())))(&two),
        &[12.0],
        1e-15,
    );
    let (_, pull) = vjp(&backward, &(two.clone(), n.clone()));
    let (slope, nothing) = pull(&Tensor::from(1.0));
    near(&slope, &[12.0], 1e-15);
    assert_eq!((nothing.dtype(), nothing.item::<i64>().unwrap()), (I64, 0));
    let (_, change) = jvp(
        &forward,
        &(two.clone(), n.clone()),
        &(Tensor::from(0.5), n.clone()),
    );
    near(&change, &[6.0], 1e-15);
}
