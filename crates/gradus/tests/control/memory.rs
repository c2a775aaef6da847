//! The memory of derivatives of loops: counted runs of compiled programs.

use crate::close;
use gradus::Graph;
use gradus::prelude::*;
use gradus_cpu::{Array, CompileOptions, Counts, Input, compile, forecast};

/// The forecast of the bytes that a run of `f` at `x` holds beside its inputs.
#[track_caller]
fn held<B: Tree>(f: impl Fn(&Tensor) -> B, x: &Tensor) -> u64 {
    forecast(&trace(f, x).unwrap()).peak_bytes
}

/// The counts of a run of the program `graph` of `x`.
fn counted(graph: &Graph, x: &Tensor) -> Counts {
    let program = compile(graph, &CompileOptions::default()).unwrap();
    let x = Array::from_slice(&x.to_vec::<f64>().unwrap(), x.shape()).unwrap();
    program.run_counted(vec![Input::Borrowed(&x)]).unwrap().1
}

/// The bytes that a run of `f` at `x` held, including lists, whose length is not known before.
#[track_caller]
fn was_held<B: Tree>(f: impl Fn(&Tensor) -> B, x: &Tensor) -> u64 {
    counted(&trace(f, x).unwrap(), x).peak_bytes
}

fn x() -> Tensor {
    Tensor::from([0.3, 0.7, 1.1])
}

fn scanned(n: usize, keep: Keep) -> impl Fn(&Tensor) -> Tensor + Copy {
    let options = ScanOptions::default().length(n).keep(keep);
    move |x: &Tensor| {
        let step = |s: &Tensor, _: &()| ((s * x).sin() + s.cos() * 0.1, ());
        scan_with(options, step, x, &()).0.square().sum()
    }
}

#[test]
fn forward_mode_holds_nothing_of_the_steps() {
    let (x, direction) = (x(), x().cos());
    let of_scan = |n: usize| held(|x: &Tensor| jvp(scanned(n, Keep::All), x, &x.cos()), &x);
    assert_eq!(of_scan(10), of_scan(1000));
    let of_count = |n: i64| {
        let f = move |x: &Tensor| {
            let n = (x.sum() * 0.0).astype(I64) + n;
            fori_loop(..n, |i, s: &Tensor| (s * x + i.astype(F64)).sin(), x).sum()
        };
        let wanted = |x: &Tensor| {
            let mut s = x.clone();
            for i in 0..10 {
                s = (s * x + f64::from(i)).sin();
            }
            s.sum()
        };
        if n == 10 {
            close(
                &jvp(f, &x, &direction).1,
                &jvp(wanted, &x, &direction).1,
                1e-12,
            );
        }
        was_held(move |x: &Tensor| jvp(f, x, &x.cos()), &x)
    };
    assert_eq!(of_count(10), of_count(100));
    let conditional = |limit: f64| {
        let f = move |x: &Tensor| {
            let test = |s: &Tensor| s.sum().less(limit);
            while_loop(test, |s: &Tensor| s + x * (s.sin() * 0.1 + 1.0), x).sum()
        };
        was_held(move |x: &Tensor| jvp(f, x, &x.cos()), &x)
    };
    assert_eq!(conditional(5.0), conditional(200.0));
    // The same for forward derivatives of forward derivatives.
    let twice = |n: usize| {
        let once = move |x: &Tensor| jvp(scanned(n, Keep::All), x, &x.cos()).1;
        held(move |x: &Tensor| jvp(once, x, &x.sin()), &x)
    };
    assert_eq!(twice(10), twice(1000));
}

#[test]
fn the_way_back_keeps_what_was_asked_for() {
    let x = x();
    let of = |n: usize, keep: Keep| held(grad(scanned(n, keep)), &x);
    let ratio = |keep: Keep| of(3200, keep) as f64 / of(200, keep) as f64;
    // Sixteen times the steps.
    let all = ratio(Keep::All);
    assert!((15.0..16.1).contains(&all), "everything: {all}");
    let root = ratio(Keep::Sqrt);
    assert!((2.0..4.5).contains(&root), "√n: {root}");
    let (few, many) = (of(50, Keep::Snapshots(6)), of(800, Keep::Snapshots(6)));
    // Each level of repetition holds a little memory of its own.
    assert!(many < 3 * few, "6 snapshots: {few} and {many} bytes");
}

#[test]
fn the_way_back_of_a_loop_of_unknown_length_keeps_some_states() {
    let x = x();
    let of = |n: f64, keep: Keep| {
        let options = LoopOptions::default().keep(keep);
        let f = move |x: &Tensor| {
            let below = |(k, _): &(Tensor, Tensor)| k.less(n);
            let step = |(k, s): &(Tensor, Tensor)| (k + 1.0, (s * x).sin() + s.cos() * 0.1);
            let start = (Tensor::from(0.0), x.clone());
            while_loop_with(options, below, step, &start)
                .1
                .square()
                .sum()
        };
        was_held(grad(f), &x) as f64
    };
    // Sixteen times the steps.
    let ratio = |keep: Keep| of(16_000.0, keep) / of(1_000.0, keep);
    let all = ratio(Keep::All);
    assert!((12.0..20.0).contains(&all), "everything: {all}");
    let root = ratio(Keep::Sqrt);
    assert!((2.0..5.0).contains(&root), "√n: {root}");
}

#[test]
fn forecasts_of_derivatives_of_loops_are_exact() {
    let x = x();
    for keep in [Keep::All, Keep::Sqrt, Keep::Snapshots(3)] {
        let graph = trace(grad(scanned(50, keep)), &x).unwrap();
        let counts = counted(&graph, &x);
        let expected = forecast(&graph);
        assert_eq!(counts.by_work, expected.operations(), "{keep:?}");
        assert_eq!(counts.peak_bytes, expected.peak_bytes, "{keep:?}");
    }
}

#[test]
fn backpropagation_through_100_000_steps() {
    let n = 100_000;
    let last = |keep: Keep| {
        let options = LoopOptions::default().keep(keep);
        move |r: &Tensor| {
            let step = |_: &Tensor, x: &Tensor| r * x * (1.0 - x);
            fori_loop_with(options, 0..n, step, &Tensor::from(0.4))
        }
    };
    let r = Tensor::from(2.9);
    // At the fixed point 1 - 1/r the slope is 1/r².
    let slope = 1.0 / (2.9 * 2.9);
    for (keep, most) in [(Keep::All, 9 * n as u64), (Keep::Sqrt, 8 << 10)] {
        let got = grad(last(keep))(&r).item::<f64>().unwrap();
        assert!((got - slope).abs() < 1e-12, "{keep:?}: {got}");
        let bytes = held(grad(last(keep)), &r);
        assert!(bytes <= most, "{keep:?} holds {bytes} bytes");
    }
}
