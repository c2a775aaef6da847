//! Loops inside choices inside loops.

use crate::agree;
use gradus::prelude::*;

fn x() -> Tensor {
    Tensor::from([0.4, 0.8, 1.3])
}

#[test]
fn a_loop_in_a_choice_in_a_scan() {
    let nested = |x: &Tensor| {
        let (last, _) = scan(
            |s: &Tensor, v: &Tensor| {
                let next = cond(
                    &v.greater(0.6),
                    |s: &Tensor| fori_loop(0..3, |_, s: &Tensor| (s * v).sin() + x.sum() * 0.1, s),
                    |s: &Tensor| while_loop(|s: &Tensor| s.less(2.0), |s: &Tensor| s * 1.5 + v, s),
                    s,
                );
                (next, ())
            },
            &Tensor::from(0.9),
            x,
        );
        last
    };
    let written = |x: &Tensor| {
        let mut s = Tensor::from(0.9);
        for k in 0..3 {
            let v = x.at(k);
            let mut a = s.clone();
            for _ in 0..3 {
                a = (&a * &v).sin() + x.sum() * 0.1;
            }
            let mut b = s.clone();
            for _ in 0..6 {
                let next = &b * 1.5 + &v;
                b = b.less(2.0).where_(&next, &b);
            }
            s = v.greater(0.6).where_(&a, &b);
        }
        s
    };
    agree(nested, written, &x());
}

#[test]
fn a_loop_of_unknown_length_inside_another() {
    let nested = |x: &Tensor| {
        while_loop(
            |s: &Tensor| s.sum().less(30.0),
            |s: &Tensor| {
                let t = while_loop(
                    |t: &Tensor| t.sum().less(4.0),
                    |t: &Tensor| t * 1.3 + x * 0.2,
                    &(s * 0.2),
                );
                s * 1.2 + t.sin() + 0.3
            },
            x,
        )
        .square()
        .sum()
    };
    let written = |x: &Tensor| {
        let mut s = x.clone();
        for _ in 0..16 {
            let mut t = &s * 0.2;
            for _ in 0..12 {
                let next = &t * 1.3 + x * 0.2;
                t = t.sum().less(4.0).where_(&next, &t);
            }
            let next = &s * 1.2 + t.sin() + 0.3;
            s = s.sum().less(30.0).where_(&next, &s);
        }
        s.square().sum()
    };
    agree(nested, written, &x());
}

#[test]
fn carries_of_several_kinds() {
    // A counter, a value that passes through, a value that is reset, an empty array, f32 beside f64.
    let mixed = |x: &Tensor| {
        let init = (
            Tensor::from(0i64),
            x.clone(),
            Tensor::zeros(&[0], F64),
            (x.astype(F32), x.sum()),
        );
        let (k, kept, none, (single, last)) = fori_loop(
            0..5,
            |_, (k, kept, none, (single, last)): &(Tensor, Tensor, Tensor, (Tensor, Tensor))| {
                let single = (single * 0.5f32).astype(F32);
                let s = (kept * last).sin().sum() + k.astype(F64) * 0.2;
                (k + 1i64, kept.clone(), none.clone(), (single, s))
            },
            &init,
        );
        last + k.astype(F64) * kept.sum() + none.sum() + single.astype(F64).sum()
    };
    let written = |x: &Tensor| {
        let mut last = x.sum();
        let mut single = x.astype(F32);
        for k in 0..5 {
            last = (x * &last).sin().sum() + k as f64 * 0.2;
            single = (single * 0.5f32).astype(F32);
        }
        last + x.sum() * 5.0 + single.astype(F64).sum()
    };
    agree(mixed, written, &x());
}

#[test]
fn a_scan_of_scans_with_recomputation() {
    let nested = |x: &Tensor| {
        let options = ScanOptions::default().keep(Keep::Sqrt).length(6);
        let (last, ys) = scan_with(
            options,
            |s: &Tensor, _: &()| {
                let (s, y) = scan(|s: &Tensor, v: &Tensor| ((s + v).cos(), s * v), s, x);
                (s, y.sum())
            },
            &Tensor::from(0.1),
            &(),
        );
        last + ys.square().sum()
    };
    let written = |x: &Tensor| {
        let mut s = Tensor::from(0.1);
        let mut sum = Tensor::from(0.0);
        for _ in 0..6 {
            let mut y = Tensor::from(0.0);
            for k in 0..3 {
                let v = x.at(k);
                y += &s * &v;
                s = (&s + &v).cos();
            }
            sum += y.square();
        }
        s + sum
    };
    agree(nested, written, &x());
}

#[test]
fn the_way_there_runs_once() {
    // A gradient holds two loops, one forward and one backward, each with one loop inside:
    // the loop that keeps values has replaced the one that does not.
    let nested = |x: &Tensor| {
        let outer = |s: &Tensor, v: &Tensor| {
            let step = |_: &Tensor, t: &Tensor| (t * v).sin();
            (fori_loop(0..4, step, s), ())
        };
        scan(outer, &Tensor::from(0.3), x).0
    };
    let graph = trace(grad(nested), &x()).unwrap();
    let regions = |g: &gradus::Graph| -> Vec<usize> {
        let all = g.nodes().iter().filter_map(|node| node.region());
        all.map(|r| {
            let bodies = r.bodies();
            let inside = bodies
                .iter()
                .map(|(_, b)| b.nodes().iter().filter(|n| n.region().is_some()).count());
            inside.sum()
        })
        .collect()
    };
    assert_eq!(regions(&graph), [1, 1], "{graph}");
}
