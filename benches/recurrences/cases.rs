//! The recurrences.

use crate::{Program, in_turns, summary};
use gradus::prelude::*;
use std::time::{Duration, Instant};

/// The arguments of a recurrence.
pub type Inputs = Vec<Tensor>;

/// A recurrence as a function from its arguments to one number.
pub type Function = Box<dyn Fn(&Inputs) -> Tensor>;

/// A recurrence with the lengths and arguments of its measurement.
pub struct Case {
    pub name: &'static str,
    /// n, 4n and 16n steps.
    pub lengths: &'static [usize],
    pub inputs: fn(usize) -> Inputs,
    pub function: fn(usize, Keep) -> Function,
}

/// All recurrences.
pub fn cases() -> Vec<Case> {
    let case = |name, lengths, inputs, function| Case {
        name,
        lengths,
        inputs,
        function,
    };
    vec![
        case(
            "logistic map, single numbers",
            &[2_500, 10_000, 40_000][..],
            |_| vec![Tensor::from(2.9), Tensor::from(0.4)],
            logistic,
        ),
        case(
            "Lorenz system by Runge and Kutta's method, single numbers",
            &[250, 1_000, 4_000],
            |_| {
                [1.0, 1.0, 20.0, 10.0, 28.0, 8.0 / 3.0]
                    .map(Tensor::from)
                    .to_vec()
            },
            lorenz,
        ),
        case(
            "gated recurrent unit, 64 examples, 64 wide",
            &[32, 128, 512],
            gated_inputs,
            gated,
        ),
        case(
            "Kalman filter, 4 states, 2 observed",
            &[256, 1_024, 4_096],
            kalman_inputs,
            kalman,
        ),
        case(
            "Burgers' equation, 512 cells",
            &[64, 256, 1_024],
            |_| {
                vec![
                    (Tensor::arange(0.0, 512.0, 1.0) * 0.0123).sin() + 1.5,
                    Tensor::from(0.3),
                ]
            },
            burgers,
        ),
    ]
}

fn options(n: usize, keep: Keep) -> ScanOptions {
    ScanOptions::default().length(n).keep(keep)
}

fn logistic(n: usize, keep: Keep) -> Function {
    Box::new(move |x| {
        let r = &x[0];
        let step = |s: &Tensor, _: &()| (r * s * (1.0 - s), ());
        scan_with(options(n, keep), step, &x[1], &()).0
    })
}

type Point = (Tensor, Tensor, Tensor);

fn lorenz(n: usize, keep: Keep) -> Function {
    Box::new(move |p| {
        let slope = |(x, y, z): &Point| -> Point {
            (&p[3] * (y - x), x * (&p[4] - z) - y, x * y - &p[5] * z)
        };
        let along = |s: &Point, d: &Point, h: f64| -> Point {
            (&s.0 + &d.0 * h, &s.1 + &d.1 * h, &s.2 + &d.2 * h)
        };
        let step = |s: &Point, _: &()| {
            let h = 1e-3;
            let a = slope(s);
            let b = slope(&along(s, &a, h / 2.0));
            let c = slope(&along(s, &b, h / 2.0));
            let d = slope(&along(s, &c, h));
            let mean =
                |a: &Tensor, b: &Tensor, c: &Tensor, d: &Tensor| (a + (b + c) * 2.0 + d) / 6.0;
            let m = (
                mean(&a.0, &b.0, &c.0, &d.0),
                mean(&a.1, &b.1, &c.1, &d.1),
                mean(&a.2, &b.2, &c.2, &d.2),
            );
            (along(s, &m, h), ())
        };
        let start = (p[0].clone(), p[1].clone(), p[2].clone());
        let ((x, y, z), ()) = scan_with(options(n, keep), step, &start, &());
        x.square() + y.square() + z.square()
    })
}

/// Numbers between -1 and 1, times `scale`.
fn filled(shape: &[usize], scale: f64) -> Tensor {
    let n: usize = shape.iter().product();
    let value = |i: usize| (((i * 7919 + 13) % 1009) as f64 / 504.5 - 1.0) * scale;
    let values: Vec<f64> = (0..n).map(value).collect();
    Tensor::new(values, shape).unwrap()
}

/// The sequence, and the weights of input and state for the gates and the candidate.
fn gated_inputs(n: usize) -> Inputs {
    const WIDTH: usize = 64;
    let weights = || filled(&[WIDTH, WIDTH], 0.15);
    let mut all = vec![filled(&[n, WIDTH, WIDTH], 1.0)];
    all.extend((0..6).map(|_| weights()));
    all
}

fn gated(n: usize, keep: Keep) -> Function {
    Box::new(move |w| {
        let start = Tensor::zeros(&[64, 64], F64);
        let step = |h: &Tensor, x: &Tensor| {
            let update = (x.matmul(&w[1]) + h.matmul(&w[2])).sigmoid();
            let reset = (x.matmul(&w[3]) + h.matmul(&w[4])).sigmoid();
            let candidate = (x.matmul(&w[5]) + (reset * h).matmul(&w[6])).tanh();
            (h + update * (candidate - h), ())
        };
        scan_with(options(n, keep), step, &start, &w[0])
            .0
            .square()
            .sum()
    })
}

/// Observations, the transition, the noise of the state, unit matrices.
fn kalman_inputs(n: usize) -> Inputs {
    let transition = Tensor::eye(4, F64) * 0.95 + filled(&[4, 4], 0.05);
    let units = [Tensor::eye(4, F64), Tensor::eye(2, F64)];
    [
        vec![filled(&[n, 2], 1.0), transition, Tensor::from(0.1)],
        units.to_vec(),
    ]
    .concat()
}

fn kalman(n: usize, keep: Keep) -> Function {
    Box::new(move |p| {
        let (a, noise) = (&p[1], &p[3] * &p[2]);
        let start = (Tensor::zeros(&[4], F64), p[3].clone(), Tensor::from(0.0));
        // The first two states are observed, with noise of variance 1/2.
        let step = |(mean, variance, sum): &(Tensor, Tensor, Tensor), y: &Tensor| {
            let mean = a.matmul(mean);
            let variance = a.matmul(variance).matmul(&a.t()) + &noise;
            let gap = y - mean.slice_axis(0, ..2);
            let columns = variance.slice_axis(1, ..2);
            let s = columns.slice_axis(0, ..2) + &p[4] * 0.5;
            let at = |i: usize, j: usize| s.at(i).at(j);
            let (p, q, r, t) = (at(0, 0), at(0, 1), at(1, 0), at(1, 1));
            let determinant = &p * &t - &q * &r;
            let rows = [stack(&[&t, &-&q], 0), stack(&[&-&r, &p], 0)];
            let inverse = stack(&[&rows[0], &rows[1]], 0) / &determinant;
            let gain = columns.matmul(&inverse);
            let likelihood = (&gap * inverse.matmul(&gap)).sum() + determinant.log();
            let next = (
                mean + gain.matmul(&gap),
                &variance - gain.matmul(&columns.t()),
                sum + likelihood,
            );
            (next, ())
        };
        scan_with(options(n, keep), step, &start, &p[0]).0.2
    })
}

fn burgers(n: usize, keep: Keep) -> Function {
    Box::new(move |p| {
        let step = |u: &Tensor, _: &()| {
            let (left, right) = (u.roll(1, 0), u.roll(-1, 0));
            let diffused = (&left + &right - u * 2.0) * &p[1];
            let moved = u * (u - &left) * 0.05;
            (u + diffused - moved, ())
        };
        scan_with(options(n, keep), step, &p[0], &())
            .0
            .square()
            .sum()
    })
}

/// Times the recurrences of single numbers beside the same loops written by hand.
pub fn hand_written() {
    println!("single numbers, beside the same written by hand in Rust");
    let n = 5_000;
    let mut cases = cases();
    for (case, by_hand) in [
        (cases.remove(1), hand_lorenz as fn(usize) -> f64),
        (cases.remove(0), hand_logistic),
    ] {
        let program = Program::new((case.function)(n, Keep::All), &(case.inputs)(n));
        let ours = in_turns(&[program], Duration::from_secs(2))[0].fastest;
        let times: Vec<f64> = (0..100)
            .map(|_| {
                let start = Instant::now();
                std::hint::black_box(by_hand(std::hint::black_box(n)));
                start.elapsed().as_secs_f64() * 1e6
            })
            .collect();
        let theirs = summary(times).fastest;
        let per_step = |time: f64| time * 1e3 / n as f64;
        println!(
            "  {}: {:.0} ns a step, by hand {:.1}: {:.0} times",
            case.name,
            per_step(ours),
            per_step(theirs),
            ours / theirs
        );
    }
    println!();
}

fn hand_logistic(n: usize) -> f64 {
    let r = std::hint::black_box(2.9);
    (0..n).fold(0.4, |s, _| r * s * (1.0 - s))
}

fn hand_lorenz(n: usize) -> f64 {
    let (sigma, rho, beta) = std::hint::black_box((10.0, 28.0, 8.0 / 3.0));
    let slope = |[x, y, z]: [f64; 3]| [sigma * (y - x), x * (rho - z) - y, x * y - beta * z];
    let along = |s: [f64; 3], d: [f64; 3], h: f64| std::array::from_fn(|k| s[k] + d[k] * h);
    let h = 1e-3;
    let mut s = [1.0, 1.0, 20.0];
    for _ in 0..n {
        let a = slope(s);
        let b = slope(along(s, a, h / 2.0));
        let c = slope(along(s, b, h / 2.0));
        let d = slope(along(s, c, h));
        let mean = std::array::from_fn(|k| (a[k] + (b[k] + c[k]) * 2.0 + d[k]) / 6.0);
        s = along(s, mean, h);
    }
    s.iter().map(|x| x * x).sum()
}
