//! Loops with a number of steps, and loops with a condition.

use super::{scalar, whole};
use gradus::prelude::*;

type Counted = (Tensor, Tensor);

pub fn function(name: &str, x: &Tensor) -> Option<Tensor> {
    let float = |i: &Tensor| i.astype(F64);
    let square = x.square();
    Some(match name {
        "fori" => fori_loop(0..5, |i, s: &Tensor| s * x * 0.7 + float(i) * 0.1, x),
        "fori_lower" => fori_loop(2..6, |i, s: &Tensor| s + (float(i) * x).sin() / float(i), x),
        "fori_traced" => {
            let n = whole(&(x.sum().abs() * 2.0)) + 1i64;
            fori_loop(..n, |i, s: &Tensor| (s * x).sin() + float(i) * 0.1, x)
        }
        "fori_traced_both" => {
            let (lower, upper) = (whole(&x.at(0)) - 1i64, whole(&x.at(1)) + 3i64);
            fori_loop(lower..upper, |i, s: &Tensor| s * x.cos() + float(i), x)
        }
        "fori_maybe_none" => {
            let n = whole(&(x.at(0) * 2.0));
            fori_loop(..n, |_, s: &Tensor| (-s).exp() * x, x)
        }
        "fori_none" => fori_loop(3..3, |_, s: &Tensor| s.exp(), &square),
        "fori_negative" => {
            let (from, to) = (5, 2);
            fori_loop(from..to, |_, s: &Tensor| s.exp(), &square)
        }
        "fori_one" => fori_loop(0..1, |_, s: &Tensor| s.exp() * x, &square),
        "fori_matrix" => {
            let w = x.expand_dims(1) * x.cos() * 0.3;
            fori_loop(0..4, |_, s: &Tensor| (w.matmul(s) + x).tanh(), x)
        }
        "fori_take" => fori_loop(0..4, |i, s: &Tensor| s + x.take(i, 0) * s.sin(), x),
        "fori_update" => fori_loop(
            1..4,
            |i, s: &Tensor| {
                let new = (s.take(&(i - 1i64), 0) * x.take(i, 0)).sin();
                s.dynamic_update(&new.expand_dims(0), &i.expand_dims(0))
            },
            x,
        ),
        "fori_tree" => {
            let step = |_: &Tensor, (a, b, k): &(Tensor, Tensor, Tensor)| {
                (a.sin() + b / 4.0, b - a.at(0), k + 2i64)
            };
            let init = (x.clone(), x.sum(), Tensor::from(0i64));
            let (a, b, k) = fori_loop(0..4, step, &init);
            a + b * float(&k)
        }
        "fori_fori" => {
            let outer = |i: &Tensor, s: &Tensor| {
                let inner = |j: &Tensor, t: &Tensor| (t * x).cos() + float(i) * float(j) * 0.1;
                fori_loop(0..2, inner, s)
            };
            fori_loop(0..3, outer, x)
        }
        "fori_triangle" => {
            let outer = |i: &Tensor, s: &Tensor| fori_loop(..i, |_, t: &Tensor| t.sin() + x, s);
            fori_loop(0..3, outer, x)
        }
        "fori_grad" => {
            let step = |_: &Tensor, s: &Tensor| {
                let loss = |s: &Tensor| (s * x).sin().sum() + s.square().square().sum() / 4.0;
                s - grad(loss)(s) * 0.1
            };
            fori_loop(0..3, step, x)
        }
        "fori_rk4" => {
            let f = |s: &Tensor| {
                let (a, b) = (s.at(0), s.at(1));
                let turned = -a.sin() - &b * 0.1;
                stack(&[&b, &turned, &(s.at(3) * &a), &-s.at(2)], 0)
            };
            let h = 0.2;
            let step = |_: &Tensor, s: &Tensor| {
                let a = f(s);
                let b = f(&(s + &a * (h / 2.0)));
                let c = f(&(s + &b * (h / 2.0)));
                let d = f(&(s + &c * h));
                s + (a + b * 2.0 + c * 2.0 + d) * (h / 6.0)
            };
            fori_loop(0..5, step, x)
        }
        _ => return conditional(name, x),
    })
}

fn conditional(name: &str, x: &Tensor) -> Option<Tensor> {
    let zero = || Tensor::from(0i64);
    Some(match name {
        "while" => while_loop(
            |s: &Tensor| s.square().sum().less(50.0),
            |s: &Tensor| s * 1.5 + s.sin() * x,
            x,
        ),
        "while_newton" => {
            let a = 1.0 + x.square();
            while_loop(
                |r: &Tensor| (r.square() - &a).abs().greater(1e-6).any(),
                |r: &Tensor| (r + &a / r) / 2.0,
                &a,
            )
        }
        "while_none" => while_loop(|s: &Tensor| s.sum().less(-100.0), Tensor::exp, &x.square()),
        "while_count" => {
            let step = |(k, s): &Counted| (k + 1i64, s * x.sin() + k.astype(F64));
            while_loop(|(k, _): &Counted| k.less(4i64), step, &(zero(), x.clone())).1
        }
        "while_captured" => {
            let limit = x.square().sum() + 3.0;
            while_loop(
                |s: &Tensor| s.sum().less(&limit),
                |s: &Tensor| s + (x / 2.0).exp(),
                x,
            )
        }
        "while_while" => {
            let step = |s: &Tensor| {
                let t = while_loop(
                    |t: &Tensor| t.abs().sum().less(4.0),
                    |t: &Tensor| t * 1.4 + x * 0.2,
                    &(s / 5.0 + 0.1),
                );
                s * 1.2 + 0.3 + t.sin()
            };
            while_loop(|s: &Tensor| s.sum().less(12.0), step, x)
        }
        "while_collatz" => {
            let step = |(n, s): &Counted| {
                let odd = n - n / 2i64 * 2i64;
                let next = odd.equal(0i64).where_(&(n / 2i64), &(n * 3i64 + 1i64));
                (next, s * 0.9 + x * odd.astype(F64))
            };
            let n = whole(&(x.at(0).abs() * 3.0)) + 3i64;
            while_loop(|(n, _): &Counted| n.greater(1i64), step, &(n, x.clone())).1
        }
        "while_cond" => {
            type Carried = (Tensor, Tensor, Tensor);
            let goes_on = |(k, s, _): &Carried| k.less(6i64) & s.sum().less(8.0);
            let step = |(k, s, kept): &Carried| {
                let even = (k - k / 2i64 * 2i64).equal(0i64);
                let s = cond(&even, |s: &Tensor| s * x + kept, Tensor::sin, s);
                (k + 1i64, s, kept.clone())
            };
            while_loop(goes_on, step, &(zero(), x.clone(), x.cos())).1
        }
        "map_while" => map(
            |t: &Tensor| {
                while_loop(
                    |u: &Tensor| u.less(3.0),
                    |u: &Tensor| u * 1.5 + 0.1 + t.square(),
                    &t.abs(),
                )
            },
            x,
        ),
        "scan_while" => {
            let step = |s: &Tensor, t: &Tensor| {
                let u = while_loop(
                    |u: &Tensor| u.less(2.0),
                    |u: &Tensor| u * 1.5 + t.abs() + 0.1,
                    &(s.abs() / 2.0),
                );
                (&u / 3.0, u.sin())
            };
            scan(step, &scalar(0.7), x).1
        }
        _ => return None,
    })
}
