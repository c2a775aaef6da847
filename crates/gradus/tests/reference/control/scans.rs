//! Loops over rows.

use super::scalar;
use gradus::prelude::*;

type Pair = (Tensor, Tensor);

pub fn function(name: &str, x: &Tensor) -> Option<Tensor> {
    let with = |reverse: bool, length: Option<usize>| {
        let forwards = ScanOptions::default().length(length);
        if reverse {
            forwards.reverse()
        } else {
            forwards
        }
    };
    let affine = |(a, b): &Pair, (c, d): &Pair| (a * c, b * c + d);
    Some(match name {
        "scan" => {
            let a = Tensor::from([[0.5, -0.3], [0.2, 0.7]]);
            let step = |s: &Tensor, t: &Tensor| {
                let s = (a.matmul(s) + t).tanh();
                let row = s.at(0) * t;
                (s, row)
            };
            let (s, y) = scan(step, &Tensor::from([0.1, -0.2]), x);
            y + s.sum()
        }
        "scan_sum" => scan(|s: &Tensor, t: &Tensor| (s + t, s + t), &scalar(0.0), x).1,
        "scan_reverse" => {
            let step = |s: &Tensor, t: &Tensor| (s.sin() + t, s * t);
            let (s, y) = scan_with(with(true, None), step, &scalar(0.3), x);
            y + s
        }
        "scan_length" => {
            let step = |s: &Tensor, _: &()| (s.cos() * x, ());
            scan_with(with(false, Some(5)), step, x, &()).0
        }
        "scan_tree" => {
            let step =
                |(a, b): &Pair, (u, v): &Pair| ((a * u + b, b.sin() - v), (a - b, u * v * a));
            let init = (scalar(0.5), scalar(-0.4));
            let ((a, b), (p, q)) = scan(step, &init, &(x.clone(), x.cos()));
            p * a + q * b
        }
        "scan_unchanged" => {
            let step = |(s, c): &Pair, t: &Tensor| (((s * c + t).sin(), c.clone()), s * c);
            scan(step, &(scalar(0.2), x.sum()), x).1
        }
        "scan_integers" => {
            let step = |(k, s): &Pair, t: &Tensor| {
                let f = k.astype(F64);
                ((k + 3i64, s * &f / 5.0 + t), s * f)
            };
            scan(step, &(Tensor::from(0i64), scalar(0.5)), x).1
        }
        "scan_captured" => {
            let (s, y) = scan(|s: &Tensor, t: &Tensor| ((s * x + t).sin(), s * t), x, x);
            s + y.sum_axis(0)
        }
        "scan_scan" => {
            let step = |s: &Tensor, t: &Tensor| {
                let (s, y) = scan(|s: &Tensor, u: &Tensor| ((s + u).cos(), s * u), s, x);
                (s * t, y.sum())
            };
            scan(step, &scalar(0.1), x).1
        }
        "scan_cond" => {
            let step = |s: &Tensor, t: &Tensor| {
                let (a, b) = (|s: &Tensor| s.sin() * t, |s: &Tensor| s + t.square());
                (cond(&t.greater(0.0), a, b, s), s.clone())
            };
            scan(step, &scalar(0.7), x).1
        }
        "scan_fori" => {
            let step = |s: &Tensor, t: &Tensor| {
                let inner = |j: &Tensor, u: &Tensor| u.sin() + t * j.astype(F64);
                (fori_loop(0..3, inner, s), s.clone())
            };
            scan(step, &scalar(0.7), x).1
        }
        "scan_empty" => {
            let step = |s: &Tensor, t: &Tensor| ((s * t).exp(), s.clone());
            scan(step, x, &x.slice_axis(0, ..0)).0
        }
        "scan_one" => {
            let step = |s: &Tensor, t: &Tensor| ((s * t / 4.0).exp(), s * s.sin());
            let (s, y) = scan(step, x, &x.slice_axis(0, ..1));
            s + y.sum_axis(0)
        }
        "scan_matrices" => {
            let step = |m: &Tensor, t: &Tensor| {
                let turn = stack(&[&stack(&[&t.cos(), t], 0), &stack(&[&-t, &t.cos()], 0)], 0);
                let m = m.matmul(&turn);
                let row = m.at(0).at(1);
                (m, row)
            };
            scan(step, &Tensor::eye(2, F64), x).1
        }
        "scan_logsumexp" => {
            let step = |(m, s): &Pair, t: &Tensor| {
                let new = m.maximum(t);
                let sum = s * (m - &new).exp() + (t - &new).exp();
                ((new.clone(), sum), new + s)
            };
            let ((m, s), y) = scan(step, &(x.at(0) - 1.0, scalar(1.0)), x);
            y * (m + s.log())
        }
        "scan_filter" => {
            let step = |(m, p): &Pair, z: &Tensor| {
                let p = p + 0.1;
                let k = &p / (&p + 0.5);
                let next = m + &k * (z - m.sin());
                let p = (1.0 - &k) * p * (1.0 + m.square() / 10.0);
                ((next, p), m * k)
            };
            scan(step, &(x.at(3) / 2.0, scalar(1.0)), x).1
        }
        "scan_vmap" => {
            let step = |s: &Tensor, t: &Tensor| {
                let all = vmap(|u: &Tensor| (u * s + t).sin())(x);
                (all.mean(), s.clone())
            };
            scan(step, &scalar(0.7), x).1
        }
        "scan_jvp" => {
            let step = |s: &Tensor, t: &Tensor| {
                let tangent = jvp(|u: &Tensor| u.sin().exp(), s, t).1;
                (tangent, s.clone())
            };
            scan(step, &scalar(0.7), x).1
        }
        "scan_no_carry" => scan(|_: &(), t: &Tensor| ((), t * t.sin() * x.at(0)), &(), x).1,
        "scan_index" => {
            let step = |k: &Tensor, t: &Tensor| (k + 1i64, (x.take(k, 0) * x).sum() * t);
            scan(step, &Tensor::from(0i64), x).1
        }
        "map" => map(|t: &Tensor| (-t.square()).exp() * x.sum(), x),
        "map_cond" => map(
            |t: &Tensor| cond(&t.greater(0.0), Tensor::sin, |t: &Tensor| t * t.square(), t),
            x,
        ),
        "map_rows" => map(|r: &Tensor| r.cumsum(0) * r.at(0), &x.reshape(&[2, 2])).reshape(&[4]),
        "assoc_sum" => associative_scan(|a: &Tensor, b: &Tensor| a + b, x),
        "assoc_product" => associative_scan(|a: &Tensor, b: &Tensor| a * b, x),
        "assoc_affine" => associative_scan(affine, &(x.cos(), x.sin())).1,
        "assoc_reverse" => associative_scan_reverse(affine, &(x.cos(), x.sin())).1,
        "assoc_matrices" => {
            let (a, b) = (stack(&[&x.cos(), x], 1), stack(&[&-x, &x.cos()], 1));
            let turns = stack(&[&a, &b], 1);
            let all = associative_scan(|a: &Tensor, b: &Tensor| a.matmul(b), &turns);
            all.slice_axis(1, 0..1).slice_axis(2, 1..2).reshape(&[4])
        }
        "assoc_five" => {
            let rows = concatenate(&[x, &x.sum().expand_dims(0)], 0);
            let all = associative_scan(|a: &Tensor, b: &Tensor| a.log_add_exp(b), &rows);
            all.slice_axis(0, 1..)
        }
        _ => return None,
    })
}
