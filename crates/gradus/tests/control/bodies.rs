//! Everything that is done while a body is traced belongs to it: nothing of it runs, fails,
//! shows values or is differentiated unless the body runs.

use super::{agree, close};
use gradus::control::LoopBound;
use gradus::prelude::*;
use gradus::solve::{FixedPoint, fixed_point};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number that is not a literal.
fn s(x: f64) -> Tensor {
    Tensor::from([x]).at(0)
}

/// `f` or 0; the other branch returns a number.
fn or_zero(taken: &Tensor, f: impl Fn() -> Tensor) -> Tensor {
    cond(taken, |(): &()| f(), |(): &()| Tensor::from(0.0), &())
}

/// The sum of `f` over `n` steps.
fn summed(n: impl LoopBound, f: impl Fn() -> Tensor) -> Tensor {
    fori_loop(..n, |_, y: &Tensor| y + f(), &s(0.0))
}

#[test]
fn a_branch_not_taken_has_no_derivative() {
    let root = |x: &Tensor| or_zero(&x.greater(0.0), || x.sqrt());
    for x in [0.0, 4.0] {
        let wanted = Tensor::from(if x > 0.0 { 0.25 } else { 0.0 });
        close(&grad(root)(&s(x)), &wanted, 0.0);
        close(&jit(grad(root)).call(&s(x)).unwrap(), &wanted, 0.0);
        close(&jvp(root, &s(x), &s(1.0)).1, &wanted, 0.0);
        let second = Tensor::from(if x > 0.0 { -1.0 / 32.0 } else { 0.0 });
        close(&grad(grad(root))(&s(x)), &second, 1e-15);
        close(&hessian(root)(&s(x)), &second, 1e-15);
    }
    close(
        &vmap(grad(root))(&Tensor::from([0.0, 4.0])),
        &Tensor::from([0.0, 0.25]),
        0.0,
    );
    close(
        &grad(|x: &Tensor| vmap(root)(x).sum())(&Tensor::from([0.0, 4.0])),
        &Tensor::from([0.0, 0.25]),
        0.0,
    );
    // By transforms inside the branch, and by captured values alone.
    let nested = |x: &Tensor| {
        or_zero(&x.greater(0.0), || {
            grad(|y: &Tensor| y.sqrt() * x.sqrt())(x)
        })
    };
    close(&grad(nested)(&s(0.0)), &s(0.0), 0.0);
    close(&grad(nested)(&s(4.0)), &s(0.0), 1e-15);
    let inner = |x: &Tensor| or_zero(&x.greater(0.0), || grad(|y: &Tensor| y * x.sqrt())(&s(1.0)));
    close(&grad(inner)(&s(0.0)), &s(0.0), 0.0);
    close(&grad(inner)(&s(4.0)), &s(0.25), 0.0);
    let batched = |x: &Tensor| {
        or_zero(&x.greater(0.0), || {
            vmap(|y: &Tensor| y * x.sqrt())(&Tensor::from([1.0, 3.0])).sum()
        })
    };
    close(&grad(batched)(&s(0.0)), &s(0.0), 0.0);
    close(&grad(batched)(&s(4.0)), &s(1.0), 0.0);
    let compiled = |x: &Tensor| {
        or_zero(&x.greater(0.0), || {
            jit(|(): &()| x.sqrt()).call(&()).unwrap()
        })
    };
    close(&grad(compiled)(&s(0.0)), &s(0.0), 0.0);
    close(&grad(compiled)(&s(4.0)), &s(0.25), 0.0);
}

#[test]
fn a_loop_of_no_step_has_no_derivative() {
    let counted = |(x, n): &(Tensor, Tensor)| grad(|x: &Tensor| summed(n, || x.sqrt()) + x)(x);
    let none = Tensor::from([0]).at(0);
    close(&counted(&(s(0.0), none.clone())), &s(1.0), 0.0);
    close(&jit(counted).call(&(s(0.0), none)).unwrap(), &s(1.0), 0.0);
    close(&counted(&(s(4.0), Tensor::from([2]).at(0))), &s(1.5), 0.0);
    let fixed = |x: &Tensor| summed(0, || x.sqrt()) + x;
    close(&grad(fixed)(&s(0.0)), &s(1.0), 0.0);
    close(&grad(grad(fixed))(&s(0.0)), &s(0.0), 0.0);
    let until = |x: &Tensor| while_loop(|y: &Tensor| y.less(0.0), |y: &Tensor| y + x.sqrt(), x);
    close(&grad(until)(&s(0.0)), &s(1.0), 0.0);
    close(&jvp(until, &s(0.0), &s(1.0)).1, &s(1.0), 0.0);
    let rows = |n: usize| {
        let xs = Tensor::zeros(&[n], F64);
        grad(move |x: &Tensor| scan(|y: &Tensor, v: &Tensor| (y + v * x.sqrt(), ()), x, &xs).0)
    };
    close(&rows(0)(&s(0.0)), &s(1.0), 0.0);
}

#[test]
fn what_does_not_run_does_not_fail() {
    let a = Tensor::from([10.0, 20.0, 30.0]);
    let outside = Tensor::from([7]).at(0);
    let no = s(1.0).less(0.0);
    let picked = |taken: &Tensor| or_zero(taken, || a.take(&outside, 0));
    close(&picked(&no), &s(0.0), 0.0);
    close(&jit(picked).call(&no).unwrap(), &s(0.0), 0.0);
    let error = jit(picked).call(&s(1.0).greater(0.0)).unwrap_err();
    assert!(error.to_string().contains("index 7"), "{error}");
    let diverging = || fixed_point(|x: &Tensor| x * 2.0 + 1.0, &s(1.0), FixedPoint::default());
    close(&or_zero(&no, diverging), &s(0.0), 0.0);
    let error = jit(|taken: &Tensor| or_zero(taken, diverging)).call(&s(1.0).greater(0.0));
    assert_eq!(error.unwrap_err().kind(), gradus::ErrorKind::Convergence);
    // In loops without a step, with a fixed number of steps and with a computed one.
    close(&summed(0, || a.take(&outside, 0)), &s(0.0), 0.0);
    let none = Tensor::from([0]).at(0);
    close(&summed(&none, || a.take(&outside, 0)), &s(0.0), 0.0);
    close(&summed(&none, diverging), &s(0.0), 0.0);
    let counted = jit(|n: &Tensor| summed(n, || a.take(&outside, 0)));
    close(&counted.call(&none).unwrap(), &s(0.0), 0.0);
    assert!(counted.call(&Tensor::from([1]).at(0)).is_err());
    let until = while_loop(
        |y: &Tensor| y.less(0.0),
        |y: &Tensor| y + a.take(&outside, 0),
        &s(0.0),
    );
    close(&until, &s(0.0), 0.0);
    let rows = vmap(|taken: &Tensor| picked(taken))(&Tensor::from([false, false]));
    close(&rows, &Tensor::from([0.0, 0.0]), 0.0);
}

#[test]
fn what_does_not_run_is_not_seen() {
    let seen = Arc::new(AtomicUsize::new(0));
    let log = seen.clone();
    let shown = move |x: &Tensor| {
        let log = log.clone();
        x.inspect(move |_| {
            log.fetch_add(1, Ordering::Relaxed);
        })
    };
    let x = s(2.0);
    let times = |f: &dyn Fn()| {
        seen.store(0, Ordering::Relaxed);
        f();
        seen.load(Ordering::Relaxed)
    };
    let yes = s(1.0).greater(0.0);
    let no = s(1.0).less(0.0);
    assert_eq!(times(&|| drop(or_zero(&no, || shown(&x)))), 0);
    assert_eq!(times(&|| drop(or_zero(&yes, || shown(&x)))), 1);
    assert_eq!(times(&|| drop(summed(0, || shown(&x)))), 0);
    assert_eq!(times(&|| drop(summed(3, || shown(&x)))), 3);
    assert_eq!(
        times(&|| drop(grad(|y: &Tensor| y * or_zero(&no, || shown(&x)))(&x))),
        0
    );
    assert_eq!(
        times(&|| drop(grad(|y: &Tensor| y * summed(2, || shown(&x)))(&x))),
        2
    );
    let compiled = jit(|taken: &Tensor| or_zero(taken, || shown(&x)));
    assert_eq!(times(&|| drop(compiled.call(&no).unwrap())), 0);
    assert_eq!(times(&|| drop(compiled.call(&yes).unwrap())), 1);
}

/// The operations of a branch are inside it, so they cost nothing if it is not taken.
#[test]
fn operations_stand_in_their_body() {
    let a = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    let f = |x: &Tensor| or_zero(&x.greater(0.0), || a.matmul(&a).exp().sum() * x);
    let graph = gradus::trace(f, &s(1.0)).unwrap();
    let outside: Vec<&str> = graph.nodes().iter().map(|node| node.op.name()).collect();
    assert!(
        !outside.contains(&"exp") && !outside.contains(&"contract"),
        "{graph}"
    );
    assert!(graph.to_string().contains("exp"), "{graph}");
    // A transform is not a body: computations from captured values alone run once, immediately.
    let plain = gradus::trace(|x: &Tensor| a.exp().sum() * x, &s(1.0)).unwrap();
    assert!(!plain.to_string().contains("exp"), "{plain}");
    // Literals stay literals.
    let literal = gradus::trace(
        |x: &Tensor| or_zero(&x.greater(0.0), || (Tensor::from(2.0) * 3.0).sqrt() * x),
        &s(1.0),
    );
    assert!(!literal.unwrap().to_string().contains("sqrt"));
}

/// A value that depends on captured concrete tensors alone can be read where it is computed.
#[test]
fn captured_values_can_be_read_in_a_body() {
    let table = Tensor::from([1.0, 4.0, 9.0]);
    let f = |x: &Tensor| {
        cond(
            &x.greater(0.0),
            |x: &Tensor| {
                let root = table.sqrt().sum();
                let twice = grad(|y: &Tensor| {
                    // The argument of a derivative inside is concrete, too.
                    let factor = if y.item::<f64>().unwrap() > 5.0 {
                        2.0
                    } else {
                        7.0
                    };
                    y * factor
                })(&root);
                assert_eq!(root.item::<f64>().unwrap(), 6.0);
                assert_eq!(twice.item::<f64>().unwrap(), 2.0);
                let n = root.item::<f64>().unwrap() as usize;
                (0..n).fold(x.clone(), |y, _| y * 2.0) * twice
            },
            |x: &Tensor| x.clone(),
            x,
        )
    };
    close(&f(&s(1.0)), &s(128.0), 0.0);
    close(&grad(f)(&s(1.0)), &s(128.0), 0.0);
    close(&jit(grad(f)).call(&s(-1.0)).unwrap(), &s(1.0), 0.0);
    let loops = |x: &Tensor| {
        fori_loop(
            0..3,
            |_, y: &Tensor| y * table.max().item::<f64>().unwrap(),
            x,
        )
    };
    close(&grad(loops)(&s(1.0)), &s(729.0), 0.0);
}

/// Bodies in bodies, with values captured from each of them.
#[test]
fn nested_bodies_agree_with_what_they_are() {
    let w = Tensor::from([0.3, 0.7]);
    let nested = |x: &Tensor| {
        let y = summed(3, || {
            let a = (&w * x).sin().sum();
            let b = or_zero(&a.greater(0.2), || (&a * &w).exp().sum() + x.square().sum());
            checkpoint(|c: &Tensor| c * b.cos() + (&w * 2.0).sum())(&a) + &b
        });
        y + x.sum()
    };
    let plain = |x: &Tensor| {
        let a = (&w * x).sin().sum();
        let b = (&a * &w).exp().sum() + x.square().sum();
        let c = &a * b.cos() + (&w * 2.0).sum() + &b;
        c * 3.0 + x.sum()
    };
    agree(nested, plain, &Tensor::from([0.8, 1.1]));
    let w2 = Tensor::from([[0.3, -0.4], [0.6, 0.2]]);
    let recurrent = |x: &Tensor| {
        let step = |h: &Tensor, v: &Tensor| {
            let m = w2.t() * x.sum();
            let h = (m.matmul(h) + v).tanh();
            (h.clone(), h.square().sum())
        };
        let (h, ys) = scan(step, x, &Tensor::from([[0.1, 0.2], [0.3, 0.1], [0.5, 0.9]]));
        h.sum() + ys.sum()
    };
    let unrolled = |x: &Tensor| {
        let m = w2.t() * x.sum();
        let (mut h, mut sum) = (x.clone(), s(0.0));
        for v in [[0.1, 0.2], [0.3, 0.1], [0.5, 0.9]] {
            h = (m.matmul(&h) + Tensor::from(v)).tanh();
            sum += h.square().sum();
        }
        h.sum() + sum
    };
    agree(recurrent, unrolled, &Tensor::from([0.8, 0.1]));
}
