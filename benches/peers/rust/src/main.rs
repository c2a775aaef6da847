//! Times of Gradus beside those of other libraries for Rust, where they do the same work: num-dual and echidna on
//! functions of few numbers, candle and burn on arrays.
//!
//! All run in this process, in turn, compiled with all optimisations, warm, and with the threads that they choose.
//! A result that differs from Gradus' ends the program.

mod arrays;
#[path = "../../../families/functions.rs"]
#[allow(dead_code, reason = "the families use all of it")]
mod functions;
mod numbers;
#[path = "../../../families/systems.rs"]
#[allow(dead_code, reason = "the families use all of it")]
mod systems;

use std::fmt::Display;
use std::time::Duration;

/// One library's program for some work.
pub struct Contender {
    pub library: &'static str,
    /// What it computes.
    pub result: Vec<f64>,
    pub run: Box<dyn FnMut()>,
}

impl Contender {
    /// A program that computes `f`.
    pub fn new(library: &'static str, mut f: impl FnMut() -> Vec<f64> + 'static) -> Contender {
        Contender {
            library,
            result: f(),
            run: Box::new(move || drop(std::hint::black_box(f()))),
        }
    }
}

/// The value, or the end of the program.
pub fn value<T, E: Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|e| panic!("{e}"))
}

/// Some work, done by each library. Gradus is the first.
pub struct Work {
    pub name: &'static str,
    /// The largest relative difference between two results.
    pub tolerance: f64,
    pub contenders: Vec<Contender>,
}

/// Each library is timed so often, in turn.
const ROUNDS: usize = 3;
const LIMIT: Duration = Duration::from_millis(300);

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    println!("{}\n", gradus_benches::machine());
    println!(
        "{:52} {:10} {:>10} {:>8}",
        "", "", "time", "Gradus is faster by"
    );
    for work in numbers::all().into_iter().chain(arrays::all()) {
        if words.is_empty() || words.iter().any(|word| work.name.contains(word.as_str())) {
            compare(work);
        }
    }
}

fn compare(mut work: Work) {
    let ours = work.contenders[0].result.clone();
    for other in &work.contenders[1..] {
        let size = ours.iter().fold(1e-30, |top: f64, v| top.max(v.abs()));
        assert_eq!(
            ours.len(),
            other.result.len(),
            "{}: {}",
            work.name,
            other.library
        );
        for (a, b) in ours.iter().zip(&other.result) {
            let error = (a - b).abs() / size;
            assert!(
                error <= work.tolerance,
                "{}: {} gives {b}, Gradus {a}",
                work.name,
                other.library
            );
        }
    }
    let mut times = vec![Vec::new(); work.contenders.len()];
    for _ in 0..ROUNDS {
        for (contender, times) in work.contenders.iter_mut().zip(&mut times) {
            times.push(gradus_benches::nanoseconds(LIMIT, &mut contender.run));
        }
    }
    let ratios = |k: usize| median((0..ROUNDS).map(|i| times[k][i] / times[0][i]).collect());
    for (k, contender) in work.contenders.iter().enumerate() {
        let name = if k == 0 { work.name } else { "" };
        let ratio = if k == 0 {
            String::new()
        } else {
            format!("{:.2}", ratios(k))
        };
        println!(
            "{name:52} {:10} {:>10} {ratio:>8}",
            contender.library,
            shown(median(times[k].clone()))
        );
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn shown(nanoseconds: f64) -> String {
    match nanoseconds {
        n if n < 1e3 => format!("{n:.0} ns"),
        n if n < 1e6 => format!("{:.2} µs", n / 1e3),
        n => format!("{:.2} ms", n / 1e6),
    }
}
