//! Control flow and the rest of the library: compiled programs, donated arrays,
//! captured values, empty arrays, long loops.

use crate::{agree, close, stack_rows};
use gradus::prelude::*;

type Pair = (Tensor, Tensor);

fn x() -> Tensor {
    Tensor::from([0.4, -0.8, 1.3])
}

fn number(t: &Tensor) -> f64 {
    t.astype(F64).item().unwrap()
}

#[test]
fn a_compiled_loop_is_compiled_once() {
    let f = jit(|(n, x): &Pair| fori_loop(..n, |_, s: &Tensor| s * 2.0, x));
    for n in [0i64, 1, 5, -3] {
        let y = f.call(&(Tensor::from(n), Tensor::from(1.5))).unwrap();
        assert_eq!(number(&y), 1.5 * 2f64.powi(n.max(0) as i32));
    }
    assert_eq!(f.programs(), 1);
    // A captured value is an operand, whatever its value.
    for k in 0..3 {
        let w = Tensor::from([k as f64, 1.0]);
        let y = fori_loop(0..3, |_, s: &Tensor| s + &w, &Tensor::zeros(&[2], F64));
        assert_eq!(y.to_vec::<f64>().unwrap(), [3.0 * k as f64, 3.0]);
    }
}

#[test]
fn arrays_given_to_a_region() {
    let last = jit(|x: &Tensor| fori_loop(0..5, |_, s: &Tensor| s * 0.5 + 1.0, x));
    let first = jit(|x: &Tensor| fori_loop(0..5, |_, s: &Tensor| s * 0.5 + 1.0, x).sin() + x);
    let chosen = jit(|x: &Tensor| {
        let tests = x.sum().greater(0.0);
        cond(&tests, |x: &Tensor| x.clone(), |x: &Tensor| x + 1.0, x)
    });
    let rows = jit(|x: &Tensor| scan(|s: &Tensor, v: &Tensor| (s + v, s * v), &x.at(0), x));
    let again = jit(|x: &Tensor| checkpoint(|x: &Tensor| x.exp() - x)(x));
    let ended = x() / 32.0 + (1.0 - 1.0 / 32.0) * 2.0;
    for _ in 0..3 {
        let (x, given) = (x() * 1.0, x() * 1.0);
        let kept = given.clone();
        close(
            &last.call_owned(given).unwrap(),
            &last.call(&x).unwrap(),
            0.0,
        );
        close(&kept, &x, 0.0);
        close(&last.call(&x).unwrap(), &ended, 1e-15);
        let fresh = || Tensor::from(x.to_vec::<f64>().unwrap());
        for f in [
            &first.call(&x).unwrap(),
            &first.call_owned(fresh()).unwrap(),
        ] {
            close(f, &(ended.sin() + &x), 1e-15);
        }
        close(
            &last.call_owned(fresh()).unwrap(),
            &last.call(&x).unwrap(),
            0.0,
        );
        close(&chosen.call_owned(fresh()).unwrap(), &x, 0.0);
        let (a, b) = (rows.call_owned(fresh()).unwrap(), rows.call(&x).unwrap());
        // States before each item: 0.4, 0.8, 0.0; after the last: 1.3.
        close(&b.0, &Tensor::from(1.3), 1e-15);
        close(&b.1, &Tensor::from([0.16, -0.64, 0.0]), 1e-15);
        close(&a.0, &b.0, 0.0);
        close(&a.1, &b.1, 0.0);
        close(&again.call_owned(fresh()).unwrap(), &(x.exp() - &x), 1e-15);
        let (y, times) = last.call_profiled(fresh()).unwrap();
        close(&y, &last.call(&x).unwrap(), 0.0);
        assert!(!times.is_empty());
    }
}

#[test]
fn one_value_captured_by_many_bodies() {
    // Captured by a condition, a step, both branches and a nested loop; from an outer and an inner trace.
    let flow = |x: &Tensor| {
        let (a, b) = (x.sin(), Tensor::from([0.5, 0.25, 2.0]));
        let step = |(k, s): &Pair| {
            let up = |s: &Tensor| s + &a * &b * k.astype(F64);
            let down = |s: &Tensor| fori_loop(..k, |_, s: &Tensor| s * &a + &b, s);
            (k + 1i64, cond(&s.sum().less(a.sum()), up, down, s))
        };
        let on = |(k, s): &Pair| k.less(5i64) & (s * &a).sum().less(&b.sum() * 4.0);
        while_loop(on, step, &(Tensor::from(0i64), x.clone()))
            .1
            .sum()
            * a.sum()
    };
    let written = |x: &Tensor| {
        let (a, b) = (x.sin(), Tensor::from([0.5, 0.25, 2.0]));
        let (mut s, mut on) = (x.clone(), Tensor::from(true));
        for k in 0..5 {
            on &= (&s * &a).sum().less(&b.sum() * 4.0);
            let up = &s + &a * &b * k as f64;
            let mut down = s.clone();
            for _ in 0..k {
                down = down * &a + &b;
            }
            let next = s.sum().less(a.sum()).where_(&up, &down);
            s = on.where_(&next, &s);
        }
        s.sum() * a.sum()
    };
    for scale in [0.2, 1.0, 1.9] {
        agree(flow, written, &(x() * scale));
    }
}

#[test]
fn nothing_carried_and_nothing_returned() {
    fori_loop(0..3, |_, _: &()| (), &());
    while_loop(|_: &()| Tensor::from(false), |_: &()| (), &());
    let ((), ()) = scan(|_: &(), _: &Tensor| ((), ()), &(), &x());
    cond(&Tensor::from(true), |_: &()| (), |_: &()| (), &());
    checkpoint(|_: &()| ())(&());
    map(|_: &Tensor| (), &x());
    let seven = cond(&Tensor::from(false), |_: &()| x(), |_: &()| x() * 7.0, &());
    close(&seven, &(x() * 7.0), 0.0);
    let none: Vec<Tensor> = fori_loop(0..3, |_, s: &Vec<Tensor>| s.clone(), &vec![]);
    assert!(none.is_empty());
    // Through a complete derivative.
    let f = |x: &Tensor| {
        fori_loop(..x.sum().astype(I64), |_, _: &()| (), &());
        let ((), rows) = scan(|_: &(), v: &Tensor| ((), v.square()), &(), x);
        rows.sum()
    };
    close(&grad(f)(&x()), &(x() * 2.0), 1e-15);
}

#[test]
fn truth_values_and_integers_carried() {
    let f = |x: &Tensor| {
        type Carried = (Tensor, Tensor, Tensor);
        let start = (Tensor::from(true), Tensor::from(0u32), x.clone());
        let step = |_: &Tensor, (flag, n, s): &Carried| {
            let next = cond(flag, |s: &Tensor| s.sin(), |s: &Tensor| s * x, s);
            (!flag, n + 1u32, next)
        };
        let (flag, n, s) = fori_loop(0..5, step, &start);
        s.sum() * n.astype(F64) + flag.astype(F64)
    };
    let g = |x: &Tensor| ((((x.sin() * x).sin() * x).sin()).sum()) * 5.0;
    agree(f, g, &x());
    // Loops of integers alone have no derivative, and do not interfere.
    let f = |x: &Tensor| {
        let n = fori_loop(0..4, |i, n: &Tensor| n + i, &Tensor::from(0i64));
        let big = while_loop(|n: &Tensor| n.less(100i64), |n: &Tensor| n * 2i64, &n);
        (x * big.astype(F64)).sum()
    };
    agree(f, |x: &Tensor| (x * 192.0).sum(), &x());
}

#[test]
fn no_rows_and_one() {
    let f = |x: &Tensor| {
        let n = (x * 2.0).abs().floor().astype(I64);
        let a = fori_loop(..n, |_, s: &Tensor| s.sin() + x, x);
        let b = while_loop(
            |s: &Tensor| s.abs().less(3.0),
            |s: &Tensor| s * 1.5 + 0.2,
            &a,
        );
        cond(
            &b.greater(0.0),
            |b: &Tensor| b.sin() * x,
            |b: &Tensor| b * &a,
            &b,
        )
    };
    for rows in [0usize, 1] {
        let xs = Tensor::full(&[rows], 0.7);
        let one = |f: &dyn Fn(&Tensor) -> Tensor| f(&Tensor::from(0.7)).broadcast_to(&[rows]);
        close(&vmap(f)(&xs), &one(&f), 1e-14);
        close(&vmap(grad(f))(&xs), &one(&grad(f)), 1e-14);
        close(
            &grad(|xs: &Tensor| vmap(f)(xs).sum())(&xs),
            &one(&grad(f)),
            1e-14,
        );
        close(&map(f, &xs), &one(&f), 1e-14);
    }
}

#[test]
fn what_stops_a_derivative() {
    let f = |x: &Tensor| {
        let step = |_: &Tensor, s: &Tensor| (s * x).sin() + stop_gradient(s);
        fori_loop(0..3, step, x).sum()
    };
    let g = |x: &Tensor| {
        let mut s = x.clone();
        for _ in 0..3 {
            s = (&s * x).sin() + stop_gradient(&s);
        }
        s.sum()
    };
    agree(f, g, &x());
    let stopped = |x: &Tensor| {
        let s = stop_gradient(&fori_loop(0..3, |_, s: &Tensor| s * x, x));
        (s * x).sum()
    };
    close(&grad(stopped)(&x()), &(x().square() * x().square()), 1e-14);
}

#[test]
fn long_loops() {
    let n = 30_000;
    let f = |x: &Tensor| {
        let step = |(k, s): &Pair| (k + 1i64, s * 0.999 + x * 0.001);
        while_loop(
            |(k, _): &Pair| k.less(n),
            step,
            &(Tensor::from(0i64), x * 0.0),
        )
        .1
    };
    let x = Tensor::from(2.0);
    assert!((number(&f(&x)) - 2.0).abs() < 1e-9);
    assert!((number(&grad(f)(&x)) - 1.0).abs() < 1e-9);
    assert!((number(&jvp(f, &x, &x).1) - 2.0).abs() < 1e-9);
    for keep in [Keep::All, Keep::Sqrt, Keep::Snapshots(12)] {
        let options = ScanOptions::default().keep(keep).length(3_000);
        let f = |x: &Tensor| {
            let step = |s: &Tensor, _: &()| ((s * 0.99 + x * 0.01).sin(), ());
            scan_with(options, step, x, &()).0
        };
        let h = 1e-6;
        let slope = (number(&f(&(&x + h))) - number(&f(&(&x - h)))) / (2.0 * h);
        assert!((number(&grad(f)(&x)) - slope).abs() < 1e-7, "{keep:?}");
    }
}

#[test]
fn limits_of_memory() {
    let xs = Tensor::arange(0.0, 40.0, 1.0).sin();
    let of = |memory_limit: Option<u64>| {
        let xs = xs.clone();
        move |x: &Tensor| {
            let options = ScanOptions::default().memory_limit(memory_limit);
            let step = |s: &Tensor, v: &Tensor| ((s * x + v).sin(), s.sum());
            let (s, rows) = scan_with(options, step, x, &xs);
            s.sum() + rows.square().sum()
        }
    };
    let wanted = grad(of(None))(&x());
    for limit in [0, 1, 100, 500, 2_000, u64::MAX] {
        close(&grad(of(Some(limit)))(&x()), &wanted, 1e-12);
    }
    for n in [0usize, 1] {
        let few = xs.slice_axis(0, ..n);
        let f = |x: &Tensor| {
            let options = ScanOptions::default().memory_limit(0);
            scan_with(options, |s: &Tensor, v: &Tensor| (s * x + v, ()), x, &few)
                .0
                .sum()
        };
        let wanted = if n == 0 { x().ones_like() } else { x() * 2.0 };
        close(&grad(f)(&x()), &wanted, 1e-14);
    }
}

#[test]
fn derivatives_checked_by_differences() {
    let f = |x: &Tensor| {
        let (last, rows) = scan(|s: &Tensor, v: &Tensor| ((s * v).cos(), s + v), &x.at(0), x);
        last + rows.square().sum()
    };
    check_grads(f, &x()).unwrap();
    let f = |x: &Tensor| {
        let s = while_loop(|s: &Tensor| s.sum().less(9.0), |s: &Tensor| s * s + 1.1, x);
        cond(
            &s.sum().less(0.0),
            Tensor::sum,
            |s: &Tensor| (s * x).sum(),
            &s,
        )
    };
    check_grads(f, &x()).unwrap();
}

#[test]
fn pictures_of_programs_with_loops() {
    let f = |x: &Tensor| {
        let s = fori_loop(0..3, |_, s: &Tensor| s.sin() * x, x);
        cond(&s.sum().less(0.0), Tensor::exp, |s: &Tensor| s * x, &s)
    };
    let graph = trace(f, &x()).unwrap();
    let picture = gradus::graph::dot::render(&graph);
    assert!(!picture.contains("graph("), "{picture}");
    for line in picture.lines() {
        assert_eq!(line.matches('"').count() % 2, 0, "{line}");
    }
    assert!(picture.contains("body: "), "{picture}");
    assert!(picture.contains("branch0: "), "{picture}");
}

#[test]
fn rows_that_end_at_different_times() {
    let f = |x: &Tensor| {
        let on = |s: &Tensor| s.square().sum().less(40.0);
        while_loop(on, |s: &Tensor| s * 1.6 + x.cos(), x)
            .sin()
            .sum()
    };
    let rows = stack_rows(&(x() * 3.0));
    let each = |of: &dyn Fn(&Tensor) -> Tensor| {
        let all: Vec<Tensor> = (0..3).map(|k| of(&rows.at(k))).collect();
        gradus::tensor::stack(&all.iter().collect::<Vec<_>>(), 0)
    };
    close(&vmap(grad(f))(&rows), &each(&grad(f)), 1e-13);
    close(&vmap(hessian(f))(&rows), &each(&hessian(f)), 1e-12);
    close(&vmap(jacrev(grad(f)))(&rows), &each(&hessian(f)), 1e-12);
    let v = x().sin();
    close(
        &vmap(|x: &Tensor| hvp(f)(x, &v))(&rows),
        &each(&|x| hvp(f)(x, &v)),
        1e-12,
    );
    let twice = |x: &Tensor| grad(|x: &Tensor| vmap(f)(&stack_rows(x)).sum())(x);
    let both = gradus::tensor::stack(&[&x(), &(x() * 0.5)], 0);
    close(&vmap(twice)(&both).at(1), &twice(&both.at(1)), 1e-12);
}
