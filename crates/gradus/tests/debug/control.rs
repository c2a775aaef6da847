//! Values shown by programs inside loops and branches.

use crate::probe::Log;
use gradus::prelude::*;
use std::sync::Arc;

/// Runs `f` in all ways that run a program. Each must show `seen` once, and nothing more in the backward pass.
fn everywhere<F: Fn(&Tensor) -> Tensor>(log: &Log, f: F, x: &Tensor, seen: &[&str]) {
    log.take();
    f(x);
    assert_eq!(log.take(), seen, "at once");
    let compiled = jit(&f);
    for _ in 0..2 {
        compiled.call(x).unwrap();
        assert_eq!(log.take(), seen, "jit");
    }
    let (value, slope) = value_and_grad(&f)(x);
    assert_eq!(log.take(), seen, "value_and_grad");
    grad(&f)(x);
    assert_eq!(log.take(), seen, "grad");
    let compiled = jit(grad(&f));
    for _ in 0..2 {
        compiled.call(x).unwrap();
        assert_eq!(log.take(), seen, "jit of grad");
    }
    let (y, pull) = vjp(&f, x);
    assert_eq!(log.take(), seen, "vjp");
    let back = pull(&Tensor::from(1.0));
    assert!(log.take().is_empty(), "the backward pass shows nothing");
    assert_eq!(y.to_vec::<f64>().unwrap(), value.to_vec::<f64>().unwrap());
    assert_eq!(
        back.to_vec::<f64>().unwrap(),
        slope.to_vec::<f64>().unwrap()
    );
    jvp(&f, x, &Tensor::ones(x.shape(), F64));
    assert_eq!(log.take(), seen, "jvp");
    grad(|x: &Tensor| grad(&f)(x).square().sum())(x);
    assert_eq!(log.take(), seen, "grad of grad");
    hessian(&f)(x);
    assert_eq!(log.take(), seen, "hessian");
    for how in HvpOrder::ALL {
        hvp_with(&f, how)(x, x);
        assert_eq!(log.take(), seen, "{how:?}");
    }
}

#[test]
fn scans() {
    let log = Log::default();
    let l = log.clone();
    let f = move |x: &Tensor| {
        let l = l.clone();
        x.sum().inspect(l.show("before"));
        let (last, ys) = scan(
            move |s: &Tensor, x: &Tensor| {
                let y = (s * x).inspect(l.show("y"));
                (y.sin().inspect(l.show("s")) + x, y)
            },
            &Tensor::from(0.0),
            x,
        );
        (last + ys.sum()).inspect(|_| {})
    };
    let x = Tensor::from([2.0, 3.0, 4.0]);
    let seen = [
        "before 9.0",
        "y 0.0",
        "s 0.0",
        "y 6.0",
        "s -0.27941549819892586",
        "y 10.882338007204297",
        "s -0.9935956201175998",
    ];
    everywhere(&log, f, &x, &seen);
}

#[test]
fn what_steps_show_and_nothing_needs() {
    let log = Log::default();
    let l = log.clone();
    let f = move |x: &Tensor| {
        let l = l.clone();
        fori_loop(
            0..3,
            move |i: &Tensor, s: &Tensor| {
                (s.exp() * 0.0).inspect(l.show("unused"));
                i.inspect(l.show("i"));
                s * 2.0
            },
            x,
        )
    };
    let seen = [
        "unused 0.0",
        "i 0",
        "unused 0.0",
        "i 1",
        "unused 0.0",
        "i 2",
    ];
    everywhere(&log, f, &Tensor::from(1.0), &seen);
}

#[test]
fn loops_of_unknown_length() {
    let log = Log::default();
    let l = log.clone();
    let counted = move |x: &Tensor| {
        let l = l.clone();
        let n = x.astype(I64);
        fori_loop(..&n, move |_, s: &Tensor| (s * x).inspect(l.show("s")), x)
    };
    everywhere(&log, counted, &Tensor::from(2.0), &["s 4.0", "s 8.0"]);
    let l = log.clone();
    let until = move |x: &Tensor| {
        let (l, m) = (l.clone(), l.clone());
        while_loop(
            move |s: &Tensor| s.inspect(l.show("test")).less(10.0),
            move |s: &Tensor| (s * x).inspect(m.show("s")),
            x,
        )
    };
    let seen = [
        "test 2.0",
        "s 4.0",
        "test 4.0",
        "s 8.0",
        "test 8.0",
        "s 16.0",
        "test 16.0",
    ];
    everywhere(&log, until, &Tensor::from(2.0), &seen);
}

#[test]
fn branches_and_checkpoints() {
    let log = Log::default();
    let l = log.clone();
    let f = move |x: &Tensor| {
        let (a, b) = (l.clone(), l.clone());
        cond(
            &x.greater(0.0),
            move |x: &Tensor| x.sin().inspect(a.show("sin")) * x,
            move |x: &Tensor| x.cos().inspect(b.show("cos")) * x,
            x,
        )
    };
    everywhere(&log, &f, &Tensor::from(0.0), &["cos 1.0"]);
    let l = log.clone();
    let f = move |x: &Tensor| {
        let (a, b) = (l.clone(), l.clone());
        let branches: [&dyn Fn(&Tensor) -> Tensor; 2] = [
            &move |x: &Tensor| x.square().inspect(a.show("0")) * x,
            &move |x: &Tensor| x.inspect(b.show("1")) * x,
        ];
        switch(&x.astype(I64), &branches, x)
    };
    everywhere(&log, f, &Tensor::from(1.0), &["1 1.0"]);
    let l = log.clone();
    let f = move |x: &Tensor| {
        let (a, b) = (l.clone(), l.clone());
        let layer = checkpoint(move |x: &Tensor| x.square().inspect(a.show("inside")) * x);
        layer(x).inspect(b.show("after")).square()
    };
    everywhere(&log, f, &Tensor::from(2.0), &["inside 4.0", "after 8.0"]);
}

#[test]
fn within_each_other() {
    let log = Log::default();
    let l = log.clone();
    let f = move |x: &Tensor| {
        let l = l.clone();
        let step = move |s: &Tensor, x: &Tensor| {
            let (a, b, c) = (l.clone(), l.clone(), l.clone());
            let layer = checkpoint(move |s: &Tensor| (s * x).inspect(a.show("layer")));
            let s = layer(&s.inspect(b.show("s")));
            let s = cond(
                &s.greater(4.0),
                move |s: &Tensor| {
                    fori_loop(
                        0..2,
                        |i, s: &Tensor| (s * x).inspect(c.show("i")) + i.astype(F64),
                        s,
                    )
                },
                |s: &Tensor| s.square(),
                &s,
            );
            (s, ())
        };
        scan(step, &Tensor::from(1.0), x).0
    };
    let seen = [
        "s 1.0",
        "layer 2.0",
        "s 4.0",
        "layer 12.0",
        "i 36.0",
        "i 108.0",
    ];
    everywhere(&log, f, &Tensor::from([2.0, 3.0]), &seen);
}

#[test]
fn loops_of_unknown_length_within_others() {
    let log = Log::default();
    let l = log.clone();
    let f = move |x: &Tensor| {
        let l = l.clone();
        let step = move |s: &Tensor, x: &Tensor| {
            let (a, b) = (l.clone(), l.clone());
            let until = while_loop(
                |s: &Tensor| s.less(10.0),
                move |s: &Tensor| (s * x).inspect(a.show("while")),
                &s.inspect(b.show("s")),
            );
            (until * 0.5, ())
        };
        scan(step, &Tensor::from(2.0), x).0
    };
    let seen = [
        "s 2.0",
        "while 4.0",
        "while 8.0",
        "while 16.0",
        "s 8.0",
        "while 24.0",
    ];
    everywhere(&log, f, &Tensor::from([2.0, 3.0]), &seen);
}

#[test]
fn scans_whose_steps_are_run_again() {
    let log = Log::default();
    for keep in [
        Keep::All,
        Keep::Sqrt,
        Keep::Snapshots(1),
        Keep::Snapshots(2),
    ] {
        let l = log.clone();
        let f = move |x: &Tensor| {
            let l = l.clone();
            let options = ScanOptions::default().keep(keep);
            let step = move |s: &Tensor, x: &Tensor| ((s * x).inspect(l.show("s")), ());
            scan_with(options, step, &Tensor::from(1.0), x).0
        };
        let seen = ["s 2.0", "s 4.0", "s 12.0", "s 12.0", "s 24.0"];
        everywhere(&log, f, &Tensor::from([2.0, 2.0, 3.0, 1.0, 2.0]), &seen);
    }
}

#[test]
fn rows_are_seen_together() {
    let log = Log::default();
    let l = log.clone();
    let f = move |x: &Tensor| {
        let l = l.clone();
        fori_loop(0..2, move |_, s: &Tensor| (s * 2.0).inspect(l.show("s")), x).square()
    };
    let x = Tensor::from([1.0, 2.0]);
    let seen = ["s [2. 4.]", "s [4. 8.]"];
    vmap(&f)(&x);
    assert_eq!(log.take(), seen);
    jit(vmap(grad(&f))).call(&x).unwrap();
    assert_eq!(log.take(), seen);
    // A condition that differs between rows is evaluated once a step.
    let l = log.clone();
    let f = move |x: &Tensor| {
        let l = l.clone();
        let goes_on = move |s: &Tensor| s.inspect(l.show("test")).less(3.0);
        while_loop(goes_on, |s: &Tensor| s * 2.0, x)
    };
    vmap(&f)(&x);
    assert_eq!(log.take(), ["test [1. 2.]", "test [2. 4.]", "test [4. 4.]"]);
    // Rows that choose differently run both branches.
    let l = log.clone();
    let f = move |x: &Tensor| {
        let (a, b) = (l.clone(), l.clone());
        let positive = move |x: &Tensor| x.sqrt().inspect(a.show("root"));
        cond(
            &x.greater(1.0),
            positive,
            move |x: &Tensor| x.inspect(b.show("same")) * 1.0,
            x,
        )
    };
    vmap(&f)(&x);
    let both = log.take();
    assert_eq!(both.len(), 2, "{both:?}");
}

#[test]
fn closures_inside_live_as_long_as_what_runs_them() {
    let witness = Arc::new(());
    let held = witness.clone();
    let f = move |x: &Tensor| {
        let held = held.clone();
        let step = move |s: &Tensor, x: &Tensor| {
            let held = held.clone();
            let y = (s * x).inspect(move |_| assert!(Arc::strong_count(&held) > 0));
            (y, ())
        };
        scan(step, &Tensor::from(1.0), x).0
    };
    let x = Tensor::from([2.0, 3.0]);
    let before = Arc::strong_count(&witness);
    for _ in 0..10 {
        grad(&f)(&x);
    }
    assert_eq!(Arc::strong_count(&witness), before, "derivatives keep none");
    let compiled = jit(grad(&f));
    for _ in 0..10 {
        compiled.call(&x).unwrap();
    }
    assert!(
        Arc::strong_count(&witness) > before,
        "a compiled function keeps it"
    );
    drop(compiled);
    assert_eq!(Arc::strong_count(&witness), before);
}

#[test]
fn reading_the_result_of_a_loop_while_tracing_shows_nothing_twice() {
    let log = Log::default();
    let l = log.clone();
    let f = move |x: &Tensor| {
        let (a, b) = (l.clone(), l.clone());
        let y = fori_loop(0..2, move |_, s: &Tensor| (s * x).inspect(a.show("s")), x);
        let z = match y.item::<f64>().unwrap() > 1.0 {
            true => &y * 2.0,
            false => y.clone(),
        };
        let inner = move |y: &Tensor| y.square().inspect(b.show("inner"));
        let z = checkpoint(inner)(&z);
        assert!(z.item::<f64>().unwrap() > 0.0);
        z
    };
    let x = Tensor::from(2.0);
    let seen = ["s 4.0", "s 8.0", "inner 256.0"];
    assert_eq!(grad(&f)(&x).item::<f64>().unwrap(), 768.0);
    assert_eq!(log.take(), seen);
    let (_, pull) = vjp(&f, &x);
    assert_eq!(log.take(), seen);
    pull(&Tensor::from(1.0));
    assert!(log.take().is_empty());
    // Neither does the search for a NaN.
    assert!(find_nan(&f, &x).unwrap().is_none());
    assert!(log.take().is_empty());
}
