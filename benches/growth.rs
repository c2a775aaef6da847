//! How costs grow with size: each line is a task at several sizes,
//! with its time and the time per part, which should not grow.
//!
//!     cargo run --release -p gradus-benches --bin growth

use gradus::Graph;
use gradus::prelude::*;
use gradus_benches::machine;
use std::fmt::Write;
use std::time::Instant;

fn main() {
    println!("{}\n", machine());
    println!(
        "{:<48} {:>8} {:>10} {:>12} {:>10}",
        "task", "size", "time ms", "µs a part", "peak MB"
    );
    for n in [5_000, 10_000, 20_000, 40_000] {
        measured("read a value in each step inside `grad`", n, || {
            grad(|x: &Tensor| {
                (0..n).fold(x.clone(), |x, _| match x.item::<f64>() {
                    Ok(v) if v > 1.0 => x * 0.5,
                    _ => x * 1.5,
                })
            })(&Tensor::from(1.0));
        });
    }
    for n in [500, 1_000, 5_000] {
        let f = jit(|x: &Tensor| (x * 2.0).sum());
        let all: Vec<Tensor> = (1..=n).map(|k| Tensor::full(&[k], 1.0)).collect();
        let call = |x: &Tensor| f.call(x).expect("the function is right");
        measured("one `jit`, a call with each of n new shapes", n, || {
            all.iter().for_each(|x| drop(call(x)));
        });
        let last = &all[n - n.min(500)..];
        measured("the same, the last 500 of them again", n, || {
            for _ in 0..n / last.len() {
                last.iter().for_each(|x| drop(call(x)));
            }
        });
    }
    for depth in [50, 100, 200, 400] {
        measured("gradient of choices within each other", depth, || {
            grad(|x: &Tensor| nested(depth, x))(&Tensor::from(0.5));
        });
    }
    for depth in [64, 128, 256, 512] {
        let text = nested_text(depth);
        measured("read and print nested programs", depth, || {
            let graph: Graph = text.parse().expect("the text is a graph");
            assert!(graph.to_string().len() >= text.len());
        });
    }
    for n in [15_000, 30_000, 60_000] {
        let names = (0..n).fold(String::new(), |mut s, k| {
            let _ = write!(s, ", a{k}={k}");
            s
        });
        let text = format!(
            "graph(%0: f64[2]) {{ %1: f64[] = reduce_sum{{axes=[0]{names}}} %0 return %1 }}"
        );
        measured("refuse attributes that an operation lacks", n, || {
            assert!(text.parse::<Graph>().is_err());
        });
    }
}

/// `depth` nested choices.
fn nested(depth: usize, x: &Tensor) -> Tensor {
    match depth {
        0 => x * x,
        n => cond(
            &x.greater(0.0),
            |x: &Tensor| nested(n - 1, x).sin(),
            |x: &Tensor| -x,
            x,
        ),
    }
}

/// A program of `depth` nested calls.
fn nested_text(depth: usize) -> String {
    let begin = "graph(%0: f64[]) { %1: f64[] = checkpoint{body=";
    let end = "} %0 return %1 }";
    let inner = "graph(%0: f64[]) { %1: f64[] = sin %0 return %1 }";
    [&begin.repeat(depth - 1), inner, &end.repeat(depth - 1)].concat()
}

/// Runs `f`, a task of `size` parts.
fn measured(task: &str, size: usize, f: impl FnOnce()) {
    let begin = Instant::now();
    f();
    let time = begin.elapsed().as_secs_f64();
    let part = time / size as f64 * 1e6;
    let peak = peak_bytes().map_or("-".into(), |n| format!("{:.0}", n as f64 / 1e6));
    println!(
        "{task:<48} {size:>8} {:>10.1} {part:>12.2} {peak:>10}",
        time * 1e3
    );
}

/// The most memory that the process has held so far, if the system reports it.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}
