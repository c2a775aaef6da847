//! Backward passes that are not linear: each call of the program has its own, run once for its own cotangent.

use crate::close;
use gradus::prelude::*;

/// A number that is not a literal.
fn s(x: f64) -> Tensor {
    Tensor::from([x]).at(0)
}

/// The identity with a custom backward pass that clips cotangents to -1..=1.
fn clip(x: &Tensor) -> Tensor {
    custom_vjp(
        |x: &Tensor| x.clone(),
        |x: &Tensor| (x.clone(), ()),
        |(): &(), g: &Tensor| g.clip(-1.0, 1.0),
    )(x)
}

/// The same by a function of the cotangent.
fn hook(x: &Tensor) -> Tensor {
    with_cotangent(x, |g| g.clip(-1.0, 1.0))
}

type Clip = fn(&Tensor) -> Tensor;
const BOTH: [Clip; 2] = [clip, hook];

/// Checks that the gradient at `x`, plain, compiled and of rows, is `wanted`.
#[track_caller]
fn slope(f: impl Fn(&Tensor) -> Tensor, x: f64, wanted: f64) {
    let f = &f;
    let wanted = Tensor::from(wanted);
    close(&grad(f)(&s(x)), &wanted, 0.0);
    close(&jit(grad(f)).call(&s(x)).unwrap(), &wanted, 0.0);
    close(
        &grad(|x: &Tensor| jit(f).call(x).unwrap())(&s(x)),
        &wanted,
        0.0,
    );
    close(&jacrev(f)(&s(x)), &wanted, 0.0);
    let (_, pull) = vjp(f, &s(x));
    close(&pull(&Tensor::from(1.0)), &wanted, 0.0);
    let rows = Tensor::from([x, x]);
    let all = Tensor::from([1.0, 1.0]) * &wanted;
    close(&vmap(grad(f))(&rows), &all, 0.0);
    close(&grad(|rows: &Tensor| vmap(f)(rows).sum())(&rows), &all, 0.0);
    let checkpointed = |x: &Tensor| checkpoint(f)(x);
    close(&grad(checkpointed)(&s(x)), &wanted, 0.0);
}

#[test]
fn equal_calls_are_not_merged() {
    for clip in BOTH {
        slope(|x| clip(x) * 5.0 + clip(x) * 5.0, 1.0, 2.0);
        slope(|x| clip(x) * 5.0 - clip(x) * 7.0, 1.0, 0.0);
        // One call, however its result is used.
        slope(
            |x| {
                let y = clip(x);
                &y * 5.0 + &y * 5.0
            },
            1.0,
            1.0,
        );
    }
}

/// A rule only allows reverse mode, so plans have the same derivative.
#[test]
fn plans_keep_calls_apart() {
    let twice = |x: &Tensor| clip(x) * 5.0 + clip(x) * 5.0;
    close(&jacobian(twice)(&s(1.0)), &Tensor::from(2.0), 0.0);
    let looped = |x: &Tensor| fori_loop(0..3, |_, y: &Tensor| y + clip(x) * 5.0, &s(0.0));
    close(&jacobian(looped)(&s(1.0)), &Tensor::from(3.0), 0.0);
    let x = Tensor::from([0.3, 0.8]);
    let vector = |x: &Tensor| clip(x).sin() * 5.0 + clip(x) * 7.0;
    let rows = jacrev(vector)(&x);
    let plan = plan_jacobian(vector, &x, &PlanOptions::default()).unwrap();
    for candidate in plan.plan().candidates() {
        close(&plan.evaluate_by(candidate, &x).unwrap(), &rows, 1e-15);
    }
}

#[test]
fn equal_regions_that_hold_calls_are_not_merged() {
    for clip in BOTH {
        let part = move |x: &Tensor| checkpoint(|x: &Tensor| clip(x) * 5.0)(x);
        slope(move |x| part(x) + part(x), 1.0, 2.0);
        let chosen = move |x: &Tensor| {
            cond(
                &x.greater(0.0),
                |x: &Tensor| clip(x) * 5.0,
                |x: &Tensor| x.clone(),
                x,
            )
        };
        slope(move |x| chosen(x) + chosen(x), 1.0, 2.0);
        let looped = move |x: &Tensor| fori_loop(0..2, |_, y: &Tensor| clip(y) * 2.0, x);
        // Each call gets a cotangent of 2, which becomes 1.
        slope(move |x| looped(x) + looped(x), 1.0, 2.0);
        let until =
            move |x: &Tensor| while_loop(|y: &Tensor| y.less(10.0), |y: &Tensor| clip(y) * 4.0, x);
        slope(move |x| until(x) + until(x), 1.0, 2.0);
        let nested = move |x: &Tensor| {
            scan(
                |c: &Tensor, _: &Tensor| (chosen(c), part(c)),
                x,
                &Tensor::from([1.0, 1.0]),
            )
        };
        slope(
            move |x| {
                let (a, ys) = nested(x);
                let (b, zs) = nested(x);
                a + b + (ys + zs).sum() * 0.0
            },
            1.0,
            2.0,
        );
    }
}

#[test]
fn each_step_of_a_loop_has_a_call_of_its_own() {
    for clip in BOTH {
        let captured = |n: Tensor| {
            move |x: &Tensor| {
                let n = n.clone();
                fori_loop(..n, |_, y: &Tensor| y + clip(x) * 5.0, &s(0.0))
            }
        };
        slope(captured(Tensor::from(3)), 1.0, 3.0);
        slope(captured(Tensor::from([3]).at(0)), 1.0, 3.0);
        slope(captured(Tensor::from(0)), 1.0, 0.0);
        // Compiled with the number of steps as an argument.
        let counted = |(x, n): &(Tensor, Tensor)| {
            let slope = grad(|x: &Tensor| captured(n.clone())(x))(x);
            let slopes = vmap(|x: &Tensor| grad(|x: &Tensor| captured(n.clone())(x))(x));
            (slope, slopes(&Tensor::from([1.0, 2.0])))
        };
        let (one, rows) = jit(counted)
            .call(&(s(1.0), Tensor::from([4]).at(0)))
            .unwrap();
        close(&one, &Tensor::from(4.0), 0.0);
        close(&rows, &Tensor::from([4.0, 4.0]), 0.0);
        let until = |x: &Tensor| {
            let step = |(k, y): &(Tensor, Tensor)| (k + 1.0, y + clip(x) * 5.0);
            while_loop(
                |(k, _): &(Tensor, Tensor)| k.less(3.0),
                step,
                &(s(0.0), s(0.0)),
            )
            .1
        };
        slope(until, 1.0, 3.0);
        for keep in [Keep::All, Keep::Sqrt, Keep::Snapshots(2)] {
            let options = ScanOptions::default().length(9).keep(keep);
            let scanned = move |x: &Tensor| {
                let step = |y: &Tensor, (): &()| (y + clip(x) * 5.0, ());
                scan_with(options, step, &s(0.0), &()).0
            };
            slope(scanned, 1.0, 9.0);
        }
    }
}

/// A call without a cotangent passes none on.
#[test]
fn calls_without_a_cotangent_do_not_run() {
    for one in [
        |x: &Tensor| {
            custom_vjp(
                |x: &Tensor| x.clone(),
                |x: &Tensor| (x.clone(), ()),
                |(): &(), g: &Tensor| g + 1.0,
            )(x)
        },
        |x: &Tensor| with_cotangent(x, |g| g + 1.0),
    ] {
        slope(|x| stop_gradient(&one(x)) + x, 1.0, 1.0);
        slope(|x| one(x) + one(x), 1.0, 4.0);
        // In a loop each step has one, also if only zeros arrive.
        slope(
            |x| fori_loop(0..3, |_, y: &Tensor| y + one(x) * 0.0, x),
            1.0,
            4.0,
        );
    }
}

/// Second derivatives: a call whose values a derivative reads is still one call.
#[test]
fn second_derivatives_have_the_calls_of_the_program() {
    for clip in BOTH {
        let written = |x: &Tensor| {
            let y = clip(x);
            let z = clip(&(&y * &y));
            &z * &z * 0.5
        };
        let looped = |x: &Tensor| {
            let y = fori_loop(
                0..2,
                |_, y: &Tensor| {
                    let y = clip(y);
                    &y * &y
                },
                x,
            );
            &y * &y * 0.5
        };
        let unrolled = |x: &Tensor| {
            let y = clip(x);
            let y = clip(&(&y * &y));
            let y = &y * &y;
            &y * &y * 0.5
        };
        close(&grad(looped)(&s(0.4)), &grad(unrolled)(&s(0.4)), 1e-15);
        close(&grad(looped)(&s(1.7)), &grad(unrolled)(&s(1.7)), 1e-15);
        for f in [&written as &dyn Fn(&Tensor) -> Tensor, &unrolled] {
            close(
                &vmap(grad(f))(&Tensor::from([0.4, 1.7])).at(0),
                &grad(f)(&s(0.4)),
                1e-15,
            );
        }
        // The value and the derivative both pass a cotangent to the loop's results.
        let both = |f: &dyn Fn(&Tensor) -> Tensor, x: &Tensor| {
            grad(|x: &Tensor| {
                let (value, slope) = value_and_grad(f)(x);
                value + slope
            })(x)
        };
        for x in [0.3, 0.9, 1.7] {
            close(&both(&looped, &s(x)), &both(&unrolled, &s(x)), 1e-15);
        }
    }
}
