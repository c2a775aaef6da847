//! Each kind of loop and choice by itself.

use crate::agree;
use gradus::prelude::*;

fn x() -> Tensor {
    Tensor::from([0.3, 0.7, 1.1])
}

#[test]
fn scan_is_its_steps_one_after_the_other() {
    let scanned = |x: &Tensor| {
        let (last, kept) = scan(
            |s: &Tensor, x: &Tensor| {
                let s = (s * 0.5 + x).sin();
                (s.clone(), &s * x)
            },
            &Tensor::from(0.2),
            x,
        );
        last + kept.square().sum()
    };
    let written = |x: &Tensor| {
        let mut s = Tensor::from(0.2);
        let mut sum = Tensor::from(0.0);
        for k in 0..3 {
            let x = x.at(k);
            s = (&s * 0.5 + &x).sin();
            sum += (&s * &x).square();
        }
        s + sum
    };
    agree(scanned, written, &x());
}

#[test]
fn scan_backwards() {
    let options = ScanOptions::default().reverse();
    let scanned = move |x: &Tensor| {
        let (last, kept) = scan_with(
            options,
            |s: &Tensor, x: &Tensor| ((s * x).exp(), s + x),
            &Tensor::from(0.1),
            x,
        );
        last.log() + (kept * Tensor::from([1.0, 2.0, 3.0])).sum()
    };
    let written = |x: &Tensor| {
        let mut s = Tensor::from(0.1);
        let mut sum = Tensor::from(0.0);
        for k in (0..3).rev() {
            let x = x.at(k);
            sum += (&s + &x) * (k + 1) as f64;
            s = (&s * &x).exp();
        }
        s.log() + sum
    };
    agree(scanned, written, &x());
}

#[test]
fn constants_used_in_every_step() {
    // The backward pass needs the captured matrix; values that depend on it alone are computed once.
    let scanned = |x: &Tensor| {
        let w = x.expand_dims(1) * x.cos();
        fori_loop(
            0..4,
            |i, s: &Tensor| (w.exp().matmul(s) * 0.1 + i.astype(F64) * 0.01).tanh(),
            x,
        )
        .sum()
    };
    let written = |x: &Tensor| {
        let w = x.expand_dims(1) * x.cos();
        let mut s = x.clone();
        for i in 0..4 {
            s = (w.exp().matmul(&s) * 0.1 + i as f64 * 0.01).tanh();
        }
        s.sum()
    };
    agree(scanned, written, &x());
}

#[test]
fn a_loop_whose_length_depends_on_the_values() {
    // Doubles until it is large; rows of a batch stop at different times.
    let looped = |x: &Tensor| {
        while_loop(
            |s: &Tensor| s.sum().less(20.0),
            |s: &Tensor| s * 1.7 + s.sin() * x,
            x,
        )
        .square()
        .sum()
    };
    let written = |x: &Tensor| {
        let mut s = x.clone();
        for _ in 0..12 {
            let next = &s * 1.7 + s.sin() * x;
            s = s.sum().less(20.0).where_(&next, &s);
        }
        s.square().sum()
    };
    agree(looped, written, &x());
}

#[test]
fn a_counted_loop_whose_count_is_computed() {
    let looped = |x: &Tensor| {
        let n = (x.sum() * 2.0).floor().astype(I64);
        fori_loop(..n, |i, s: &Tensor| (s * x).sin() + i.astype(F64) * 0.1, x).sum()
    };
    let written = |x: &Tensor| {
        let n = (x.sum() * 2.0).floor().astype(I64);
        let mut s = x.clone();
        for i in 0..8 {
            let next = (&s * x).sin() + i as f64 * 0.1;
            s = n.greater(i as i64).where_(&next, &s);
        }
        s.sum()
    };
    agree(looped, written, &x());
}

#[test]
fn no_step_and_one() {
    for n in [0i64, 1] {
        let fixed = move |x: &Tensor| fori_loop(0..n, |_, s: &Tensor| s.sin(), x).sum();
        let counted = move |x: &Tensor| {
            let n = (x.sum() * 0.0).astype(I64) + n;
            fori_loop(..n, |_, s: &Tensor| s.sin(), x).sum()
        };
        let conditional = move |x: &Tensor| {
            let start = (x.clone(), Tensor::from(0i64));
            let test = |(_, k): &(Tensor, Tensor)| k.less(n);
            let step = |(s, k): &(Tensor, Tensor)| (s.sin(), k + 1i64);
            while_loop(test, step, &start).0.sum()
        };
        let written = move |x: &Tensor| if n == 0 { x.sum() } else { x.sin().sum() };
        agree(fixed, written, &x());
        agree(counted, written, &x());
        agree(conditional, written, &x());
    }
    let none = Tensor::zeros(&[0, 3], F64);
    let (last, kept) = scan(
        |s: &Tensor, x: &Tensor| (s + x.sum(), x * s),
        &Tensor::from(1.5),
        &none,
    );
    assert_eq!(last.item::<f64>().unwrap(), 1.5);
    assert_eq!(kept.shape(), [0, 3]);
}

#[test]
fn choices() {
    let chosen = |x: &Tensor| {
        cond(
            &x.sum().greater(2.0),
            |x: &Tensor| x.sin().sum() * x.at(0),
            |x: &Tensor| x.exp().prod(),
            x,
        )
    };
    let written = |x: &Tensor| {
        let (a, b) = (x.sin().sum() * x.at(0), x.exp().prod());
        x.sum().greater(2.0).where_(&a, &b)
    };
    agree(chosen, written, &x());
    agree(chosen, written, &(x() * 2.0));
    let switched = |x: &Tensor| {
        let index = (x.sum() * 1.4).floor().astype(I32);
        switch(
            &index,
            &[
                &|x: &Tensor| x.sin().sum(),
                &|x: &Tensor| x.at(0).clone(),
                &|_: &Tensor| Tensor::from(3.0),
                &|x: &Tensor| (x.sum() * x).exp().sum(),
            ],
            x,
        )
    };
    let written = |x: &Tensor| {
        let index = (x.sum() * 1.4).floor().astype(I32);
        let mut y = (x.sum() * x).exp().sum();
        y = index.less_equal(2).where_(Tensor::from(3.0), &y);
        y = index.less_equal(1).where_(x.at(0), &y);
        index.less_equal(0).where_(x.sin().sum(), &y)
    };
    for scale in [0.1, 0.4, 0.8, 1.3, 5.0] {
        agree(switched, written, &(x() * scale));
    }
}

#[test]
fn parts_computed_again() {
    let layer = |x: &Tensor| (x.sin() * x).exp();
    let again = move |x: &Tensor| {
        checkpoint(move |x: &Tensor| checkpoint(layer)(&layer(x)).tanh())(x).sum()
    };
    let written = move |x: &Tensor| layer(&layer(x)).tanh().sum();
    agree(again, written, &x());
}

#[test]
fn what_is_kept_changes_no_number() {
    let n = 23;
    let xs = Tensor::arange(0.0, n as f64, 1.0).sin();
    for reverse in [false, true] {
        let plain = |keep: Keep| {
            let xs = xs.clone();
            move |x: &Tensor| {
                let forwards = ScanOptions::default().keep(keep);
                let options = if reverse {
                    forwards.reverse()
                } else {
                    forwards
                };
                let (last, kept) = scan_with(
                    options,
                    |s: &Tensor, v: &Tensor| {
                        let s = (s * x + v).sin();
                        (s.clone(), s.sum())
                    },
                    x,
                    &xs,
                );
                last.sum() + (kept * &xs).sum()
            }
        };
        let all = plain(Keep::All);
        for keep in [
            Keep::Sqrt,
            Keep::Snapshots(1),
            Keep::Snapshots(2),
            Keep::Snapshots(4),
            Keep::Snapshots(50),
        ] {
            let some = plain(keep);
            agree(&some, &all, &x());
        }
    }
}

#[test]
fn running_combinations() {
    for n in [1usize, 2, 3, 7, 8] {
        let xs = Tensor::arange(1.0, n as f64 + 1.0, 1.0) * 0.3;
        let combined = |x: &Tensor| {
            // Affine maps, composed: not commutative.
            let pair = (x.cos(), x.sin());
            let (_, b) = associative_scan(
                |(a, b): &(Tensor, Tensor), (c, d): &(Tensor, Tensor)| (a * c, b * c + d),
                &pair,
            );
            (b.square() * x).sum()
        };
        let written = |x: &Tensor| {
            let mut s = Tensor::from(0.0);
            let mut sum = Tensor::from(0.0);
            for k in 0..n {
                let x = x.at(k);
                s = s * x.cos() + x.sin();
                sum += s.square() * &x;
            }
            sum
        };
        agree(combined, written, &xs);
    }
}

#[test]
fn counted_loops_keep_what_is_asked_for() {
    let plain = |x: &Tensor| {
        let step = |i: &Tensor, s: &Tensor| (s * x).sin() + i.astype(F64) * 0.1;
        fori_loop(2..13, step, x).sum()
    };
    let options = [
        (Keep::All, None),
        (Keep::Sqrt, None),
        (Keep::Snapshots(2), None),
        (Keep::All, Some(10_000)),
        (Keep::All, Some(100)),
        (Keep::All, Some(0)),
    ];
    for (keep, memory_limit) in options {
        let options = LoopOptions::default().keep(keep).memory_limit(memory_limit);
        let kept = |x: &Tensor| {
            let step = |i: &Tensor, s: &Tensor| (s * x).sin() + i.astype(F64) * 0.1;
            fori_loop_with(options, 2..13, step, x).sum()
        };
        agree(kept, plain, &x());
    }
}

#[test]
fn loops_of_unknown_length_keep_some_states() {
    let options = LoopOptions::default().keep(Keep::Sqrt);
    // No step, one step, and a few dozen steps; the same number for all rows, and a different one for each.
    for limit in [1.0, 2.3, 20.0] {
        let above = |(s, _): &(Tensor, Tensor)| s.sum().less(limit);
        let step = |x: &Tensor| {
            let x = x.clone();
            move |(s, k): &(Tensor, Tensor)| (s + (&x * s).cos() * 0.2 + 0.3, k + 1.0)
        };
        let end = |(s, k): (Tensor, Tensor)| (s.square() * k).sum();
        let start = |x: &Tensor| (x.clone(), Tensor::from(0.5));
        let some = |x: &Tensor| end(while_loop_with(options, above, step(x), &start(x)));
        let all = |x: &Tensor| end(while_loop(above, step(x), &start(x)));
        agree(some, all, &x());
    }
    for more in [-3.0, -1.0, 9.0] {
        let count = |x: &Tensor| (x.sum() + more).stop_gradient().astype(I64);
        let step = |x: &Tensor| {
            let x = x.clone();
            move |i: &Tensor, s: &Tensor| (s * &x).sin() + i.astype(F64) * 0.1
        };
        let some = |x: &Tensor| fori_loop_with(options, ..count(x), step(x), x).sum();
        let all = |x: &Tensor| fori_loop(..count(x), step(x), x).sum();
        agree(some, all, &x());
    }
}
