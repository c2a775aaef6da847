//! What JAX's page on custom derivative rules shows, with the numbers that it prints.

use crate::near;
use gradus::prelude::*;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::f64::consts::SQRT_2;

/// As the page prints: f32.
fn number(x: f64) -> Tensor {
    Tensor::from(x).astype(F32)
}

const PRINTED: f64 = 1e-6;

fn log1pexp(x: &Tensor) -> Tensor {
    custom_jvp(
        |x: &Tensor| (x.exp() + 1.0).log(),
        |x: &Tensor, _: &Tensor, dx: &Tensor| (1.0 - 1.0 / (1.0 + x.exp())) * dx,
    )(x)
}

#[test]
fn numerical_stability() {
    let naive = |x: &Tensor| (x.exp() + 1.0).log();
    near(&naive(&number(3.0)), &[3.0485873], PRINTED);
    near(
        &jit(grad(naive)).call(&number(3.0)).unwrap(),
        &[0.95257413],
        PRINTED,
    );
    let three = Tensor::arange(0.0, 3.0, 1.0).astype(F32);
    near(
        &vmap(jit_of(grad(naive)))(&three),
        &[0.5, 0.7310586, 0.8807971],
        PRINTED,
    );
    assert!(grad(naive)(&number(100.0)).item::<f32>().unwrap().is_nan());

    near(&grad(log1pexp)(&number(100.0)), &[1.0], 0.0);
    near(
        &jit(log1pexp).call(&number(3.0)).unwrap(),
        &[3.0485873],
        PRINTED,
    );
    near(
        &jit(grad(log1pexp)).call(&number(3.0)).unwrap(),
        &[0.95257413],
        PRINTED,
    );
    near(
        &vmap(grad(log1pexp))(&three),
        &[0.5, 0.7310586, 0.8807971],
        PRINTED,
    );
}

/// A compiled function as one more function.
fn jit_of(f: impl Fn(&Tensor) -> Tensor) -> impl Fn(&Tensor) -> Tensor {
    let compiled = jit(f);
    move |x| compiled.call(x).unwrap()
}

#[test]
fn enforcing_a_differentiation_convention() {
    let naive = |x: &Tensor| x / (x.sqrt() + 1.0);
    assert!(grad(naive)(&number(0.0)).item::<f32>().unwrap().is_nan());
    let f = custom_jvp(naive, |x: &Tensor, _: &Tensor, dx: &Tensor| {
        (x.sqrt() + 2.0) / (2.0 * (x.sqrt() + 1.0).square()) * dx
    });
    near(&grad(f)(&number(0.0)), &[1.0], 0.0);
}

#[test]
fn gradient_clipping() {
    let clip_gradient = |low: f64, high: f64, x: &Tensor| {
        let bounds = (number(low), number(high));
        custom_vjp(
            |(_, x): &((Tensor, Tensor), Tensor)| x.clone(),
            |(bounds, x): &((Tensor, Tensor), Tensor)| (x.clone(), bounds.clone()),
            |(low, high): &(Tensor, Tensor), g: &Tensor| {
                ((low.zeros_like(), high.zeros_like()), g.clip(low, high))
            },
        )(&(bounds, x.clone()))
    };
    let t = Tensor::linspace(0.0, 10.0, 1000).astype(F32);
    let clipped = vmap(grad(|x: &Tensor| clip_gradient(-0.75, 0.75, x).sin()))(&t);
    let wanted = t.cos().clip(-0.75, 0.75);
    near(
        &clipped,
        &wanted.astype(F64).to_vec::<f64>().unwrap(),
        PRINTED,
    );
    assert_eq!(clipped.max().item::<f32>().unwrap(), 0.75);
    assert_eq!(clipped.min().item::<f32>().unwrap(), -0.75);
}

/// A gradient on its way, seen: it is handed out as the cotangent of an argument that is not used.
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

/// A fixed point found by iteration.
fn iterate(f: &dyn Fn(&Tensor) -> Tensor, guess: &Tensor) -> Tensor {
    let (x, _) = while_loop(
        |(x, old): &(Tensor, Tensor)| (x - old).abs().greater(1e-6),
        |(x, _): &(Tensor, Tensor)| (f(x), x.clone()),
        &(f(guess), guess.clone()),
    );
    x
}

/// With the function as an argument that is not differentiated: a closure is one.
fn implicit(f: impl Fn(&Tensor, &Tensor) -> Tensor + Copy, a: &Tensor, guess: &Tensor) -> Tensor {
    let solve = move |(a, guess): &(Tensor, Tensor)| iterate(&|x| f(a, x), guess);
    custom_vjp(
        solve,
        move |arguments: &(Tensor, Tensor)| {
            let x = solve(arguments);
            (x.clone(), (arguments.0.clone(), x))
        },
        move |(a, x): &(Tensor, Tensor), x_bar: &Tensor| {
            let (_, of_a) = vjp(|a: &Tensor| f(a, x), a);
            let (_, of_x) = vjp(|x: &Tensor| f(a, x), x);
            let sum = iterate(&|u| x_bar + of_x(u), x_bar);
            (of_a(&sum), x.zeros_like())
        },
    )(&(a.clone(), guess.clone()))
}

#[test]
fn implicit_differentiation_of_a_fixed_point() {
    let newton_sqrt = |a: &Tensor| implicit(|a, x| (x + a / x) * 0.5, a, a);
    near(&newton_sqrt(&number(2.0)), &[SQRT_2], PRINTED);
    let roots = jit(vmap(newton_sqrt));
    let four = Tensor::from([1.0f32, 2.0, 3.0, 4.0]);
    near(
        &roots.call(&four).unwrap(),
        &[1.0, SQRT_2, 1.7320509, 2.0],
        PRINTED,
    );
    near(&grad(newton_sqrt)(&number(2.0)), &[0.35355338], PRINTED);
    near(
        &grad(grad(newton_sqrt))(&number(2.0)),
        &[-0.088388346],
        1e-5,
    );
    // The same with what is there for it.
    let ready = |a: &Tensor| fixed_point(|x: &Tensor| (x + a / x) * 0.5, a, FixedPoint::default());
    near(&ready(&number(2.0)), &[SQRT_2], PRINTED);
    near(&grad(ready)(&number(2.0)), &[0.35355338], PRINTED);
    near(&grad(grad(ready))(&number(2.0)), &[-0.088388346], PRINTED);
}

#[test]
fn a_rule_for_forward_mode() {
    let f = custom_jvp(
        |(x, y): &(Tensor, Tensor)| x.sin() * y,
        |(x, y): &(Tensor, Tensor), _: &Tensor, (dx, dy): &(Tensor, Tensor)| {
            x.cos() * dx * y + x.sin() * dy
        },
    );
    let at = (number(2.0), number(3.0));
    near(&f(&at), &[2.7278922], PRINTED);
    let (y, dy) = jvp(&f, &at, &(number(1.0), number(0.0)));
    near(&y, &[2.7278922], PRINTED);
    near(&dy, &[-1.2484405], PRINTED);
    near(&grad(&f)(&at).0, &[-1.2484405], PRINTED);
}

/// What is not differentiated has a rule of zero.
#[test]
fn a_rule_that_leaves_an_argument_out() {
    let f = custom_jvp(
        |(x, y): &(Tensor, Tensor)| x.sin() * y,
        |(x, y): &(Tensor, Tensor), _: &Tensor, (dx, _): &(Tensor, Tensor)| x.cos() * dx * y,
    );
    let slope = grad(f)(&(number(2.0), number(3.0)));
    near(&slope.0, &[-1.2484405], PRINTED);
    near(&slope.1, &[0.0], 0.0);
}

#[test]
fn second_derivatives_follow_the_rule() {
    let f = |x: &Tensor| {
        custom_jvp(
            |x: &Tensor| x.sin(),
            |x: &Tensor, _: &Tensor, dx: &Tensor| x.cos() * dx,
        )(x)
    };
    let three = number(3.0);
    near(&f(&three), &[0.14112], PRINTED);
    near(&jvp(f, &three, &number(1.0)).1, &[-0.9899925], PRINTED);
    near(&grad(f)(&three), &[-0.9899925], PRINTED);
    near(&grad(grad(f))(&three), &[-0.14112], PRINTED);
}

#[test]
fn a_rule_with_a_choice_in_it() {
    let f = |x: &Tensor| {
        let positive = |x: &Tensor| x.greater(0.0);
        custom_jvp(
            move |x: &Tensor| cond(&positive(x), |x: &Tensor| x.sin(), |x: &Tensor| x.cos(), x),
            move |x: &Tensor, _: &Tensor, dx: &Tensor| {
                cond(&positive(x), |t: &Tensor| t * 2.0, |t: &Tensor| t * 3.0, dx)
            },
        )(x)
    };
    near(&grad(f)(&number(1.0)), &[2.0], 0.0);
    near(&grad(f)(&number(-1.0)), &[3.0], 0.0);
}

#[test]
fn a_rule_for_reverse_mode() {
    let f = custom_vjp(
        |(x, y): &(Tensor, Tensor)| x.sin() * y,
        |(x, y): &(Tensor, Tensor)| (x.sin() * y, (x.cos(), x.sin(), y.clone())),
        |(cos, sin, y): &(Tensor, Tensor, Tensor), g: &Tensor| (cos * g * y, sin * g),
    );
    let slope = grad(f)(&(number(2.0), number(3.0)));
    near(&slope.0, &[-1.2484405], PRINTED);
    near(&slope.1, &[2f64.sin()], PRINTED);
}

/// Each function is traced when the function is applied; `f` alone runs as long as nothing is differentiated.
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
    near(&f(&number(3.0)), &[0.14112], PRINTED);
    near(&grad(&f)(&number(3.0)), &[-0.9899925], PRINTED);
    let (y, pull) = vjp(&f, &number(3.0));
    near(&y, &[0.14112], PRINTED);
    near(&pull(&number(1.0)), &[-0.9899925], PRINTED);
    assert_eq!((forwards.get(), backwards.get()), (3, 3));
}

#[derive(Tree, Clone)]
struct Point {
    x: Tensor,
    y: Tensor,
}

/// `a`, and two numbers that are `b` on the page.
type Parts = BTreeMap<String, Vec<Tensor>>;

fn parts(a: Tensor, b: [Tensor; 2]) -> Parts {
    BTreeMap::from([("a".into(), vec![a]), ("b".into(), b.to_vec())])
}

#[test]
fn structs_and_maps() {
    let value = |p: &Point| parts(p.x.square(), [p.x.sin(), p.y.cos()]);
    let forward = custom_jvp(value, |p: &Point, _: &Parts, d: &Point| {
        parts(2.0 * &p.x * &d.x, [p.x.cos() * &d.x, -p.y.sin() * &d.y])
    });
    let backward = custom_vjp(
        value,
        |p: &Point| (value(p), p.clone()),
        |p: &Point, g: &Parts| Point {
            x: 2.0 * &p.x * &g["a"][0] + p.x.cos() * &g["b"][0],
            y: -p.y.sin() * &g["b"][1],
        },
    );
    let at = Point {
        x: number(1.0),
        y: number(2.0),
    };
    let y = forward(&at);
    near(&y["a"][0], &[1.0], PRINTED);
    near(&y["b"][0], &[0.841471], PRINTED);
    near(&y["b"][1], &[-0.4161468], PRINTED);
    let sum = |y: &Parts| &y["a"][0] + &y["b"][0];
    for slope in [
        grad(|p: &Point| sum(&forward(p)))(&at),
        grad(|p: &Point| sum(&backward(p)))(&at),
    ] {
        near(&slope.x, &[2.5403023], PRINTED);
        near(&slope.y, &[0.0], 0.0);
    }
}

fn app(f: impl Fn(&Tensor) -> Tensor, x: &Tensor) -> Tensor {
    custom_jvp(f, |_: &Tensor, _: &Tensor, dx: &Tensor| 2.0 * dx)(x)
}

fn app2(f: impl Fn(&Tensor) -> Tensor, x: &Tensor, g: impl Fn(&Tensor) -> Tensor) -> Tensor {
    custom_jvp(
        |x: &Tensor| f(&g(x)),
        |_: &Tensor, _: &Tensor, dx: &Tensor| 3.0 * dx,
    )(x)
}

fn app_back(f: impl Fn(&Tensor) -> Tensor, x: &Tensor) -> Tensor {
    custom_vjp(
        |x: &Tensor| f(x),
        |x: &Tensor| (f(x), x.clone()),
        |_: &Tensor, g: &Tensor| 5.0 * g,
    )(x)
}

/// Arguments that are functions are captured.
#[test]
fn functions_as_arguments() {
    let cube = |x: &Tensor| x.powi(3);
    near(&app(cube, &number(3.0)), &[27.0], PRINTED);
    near(&grad(|x: &Tensor| app(cube, x))(&number(3.0)), &[2.0], 0.0);
    let five = |y: &Tensor| y * 5.0;
    near(&app2(cube, &number(3.0), five), &[3375.0], PRINTED);
    near(
        &grad(|x: &Tensor| app2(cube, x, five))(&number(3.0)),
        &[3.0],
        0.0,
    );
    let square = |x: &Tensor| x.square();
    near(&app_back(square, &number(4.0)), &[16.0], PRINTED);
    near(
        &grad(|x: &Tensor| app_back(square, x))(&number(4.0)),
        &[5.0],
        0.0,
    );
}

/// Arguments that are whole numbers have neither tangents nor cotangents.
#[test]
fn whole_numbers_as_arguments() {
    type Arguments = (Tensor, Tensor);
    let power = |(x, n): &Arguments| fori_loop(0, n, |_, p: &Tensor| p * x, &x.ones_like());
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
