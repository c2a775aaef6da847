//! What reverse mode through recurrences costs: time beside that of the recurrence itself, and memory, for each policy of what the way back keeps.
//!
//!     cargo run --release -p gradus-benches --bin recurrences [picture.svg]
//!
//! Programs are compiled before they are timed; the variants of a row take turns. Times are medians; ratios are given of the medians and, after a stroke, of the
//! fastest runs, which others on the machine disturb least. The verdict is by the latter, at the length whose ratio is the middle one. Memory is what a counted run holds beside its inputs.
//! The picture shows both against the number of steps.

mod cases;
mod picture;

use cases::{Case, Inputs, cases, hand_written};
use gradus::prelude::*;
use gradus_benches::{machine, number, peer, text};
use gradus_cpu::{Array, CompileOptions, Executable, Input};
use std::path::Path;
use std::time::{Duration, Instant};

/// What reverse mode may cost, in times of the primal: with everything stored, and with √n snapshots.
const LIMITS: [f64; 2] = [4.0, 5.5];

/// The policies, with their names.
const POLICIES: [(&str, Keep); 3] = [
    ("all", Keep::All),
    ("sqrt", Keep::Sqrt),
    ("snapshots(10)", Keep::Snapshots(10)),
];

/// A number of steps with its figures.
struct Row {
    n: usize,
    primal: Times,
    /// Times and bytes of the gradient, a policy each.
    gradients: Vec<(Times, u64)>,
}

/// Microseconds of a run.
#[derive(Clone, Copy)]
pub struct Times {
    median: f64,
    fastest: f64,
}

fn main() {
    println!("{}\n", machine());
    let mut series: Vec<(&'static str, Vec<Row>)> = Vec::new();
    let mut held = [true; 2];
    for case in cases() {
        println!(
            "{}\n{:>8} {:>11} {:>8}   gradient µs (times the primal / fastest) and KiB held, keeping: {}",
            case.name,
            "steps",
            "primal µs",
            "ns/step",
            POLICIES.map(|(name, _)| name).join(", ")
        );
        let rows: Vec<Row> = case.lengths.iter().map(|&n| measure(&case, n)).collect();
        for row in &rows {
            print(row);
        }
        for (k, held) in held.iter_mut().enumerate() {
            let ratio = middle_ratio(&rows, k);
            println!("  keeping {}: {ratio:.2} times the primal", POLICIES[k].0);
            *held &= ratio <= LIMITS[k];
        }
        println!();
        series.push((case.name, rows));
    }
    let verdict = |holds: bool| if holds { "holds" } else { "DOES NOT HOLD" };
    println!(
        "everything stored, at most {} times the primal: {}",
        LIMITS[0],
        verdict(held[0])
    );
    println!(
        "√n snapshots, at most {} times the primal: {}",
        LIMITS[1],
        verdict(held[1])
    );
    for (name, rows) in &series {
        println!(
            "memory with √n snapshots, {name}: grows as n^{:.2}",
            growth(rows)
        );
    }
    println!();
    long_chain();
    hand_written();
    peers();
    if let Some(path) = std::env::args().nth(1) {
        match picture::write_svg(Path::new(&path), &series) {
            Ok(()) => println!("drawn: {path}"),
            Err(e) => println!("{path} cannot be drawn: {e}"),
        }
    }
}

fn print(row: &Row) {
    let gradients = row.gradients.iter().map(|(time, bytes)| {
        let of_medians = time.median / row.primal.median;
        let of_fastest = time.fastest / row.primal.fastest;
        let kib = *bytes as f64 / 1024.0;
        format!(
            "{:>10.1} ({of_medians:.2} / {of_fastest:.2}) {kib:>8.1}",
            time.median
        )
    });
    println!(
        "{:>8} {:>11.1} {:>8.0} {}",
        row.n,
        row.primal.median,
        row.primal.fastest * 1e3 / row.n as f64,
        gradients.collect::<Vec<_>>().join(" ")
    );
}

/// The ratio of the fastest runs for policy `k`, the middle one of all lengths.
fn middle_ratio(rows: &[Row], k: usize) -> f64 {
    let ratios = rows
        .iter()
        .map(|r| r.gradients[k].0.fastest / r.primal.fastest);
    summary(ratios.collect()).median
}

/// The power of n with which memory grows from the shortest to the longest run, with √n snapshots.
fn growth(rows: &[Row]) -> f64 {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return f64::NAN;
    };
    let bytes = |row: &Row| row.gradients[1].1 as f64;
    (bytes(last) / bytes(first)).ln() / (last.n as f64 / first.n as f64).ln()
}

/// A compiled program with what it runs on.
pub struct Program {
    executable: Executable,
    inputs: Vec<Array>,
}

impl Program {
    /// `f` at `inputs`.
    pub fn new<B: Tree>(f: impl Fn(&Inputs) -> B, inputs: &Inputs) -> Program {
        let graph = trace(f, inputs).unwrap();
        let executable = gradus_cpu::compile(&graph, &CompileOptions::default()).unwrap();
        let arrays = inputs.iter().map(|t| {
            let shape: Vec<usize> = t.shape().to_vec();
            Array::from_slice(&t.to_vec::<f64>().unwrap(), &shape).unwrap()
        });
        Program {
            executable,
            inputs: arrays.collect(),
        }
    }

    /// Runs it once.
    pub fn run(&self) {
        let inputs = self.inputs.iter().map(Input::Borrowed).collect();
        std::hint::black_box(self.executable.run(inputs).unwrap());
    }

    /// Bytes that a run holds beside its inputs.
    pub fn peak(&self) -> u64 {
        let inputs = self.inputs.iter().map(Input::Borrowed).collect();
        self.executable.run_counted(inputs).unwrap().1.peak_bytes
    }
}

fn measure(case: &Case, n: usize) -> Row {
    let inputs = (case.inputs)(n);
    let of = |keep: Keep| (case.function)(n, keep);
    let mut programs = vec![Program::new(of(Keep::All), &inputs)];
    programs.extend(
        POLICIES
            .iter()
            .map(|&(_, keep)| Program::new(grad(of(keep)), &inputs)),
    );
    let times = in_turns(&programs, Duration::from_secs(3));
    let gradients = programs[1..].iter().zip(&times[1..]);
    Row {
        n,
        primal: times[0],
        gradients: gradients.map(|(p, &time)| (time, p.peak())).collect(),
    }
}

/// The times of each program; they take turns.
pub fn in_turns(programs: &[Program], limit: Duration) -> Vec<Times> {
    programs.iter().for_each(Program::run);
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); programs.len()];
    let begin = Instant::now();
    while times[0].len() < 5 || (begin.elapsed() < limit && times[0].len() < 400) {
        for (program, times) in programs.iter().zip(&mut times) {
            let start = Instant::now();
            program.run();
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    times.into_iter().map(summary).collect()
}

/// Median and minimum.
pub fn summary(mut times: Vec<f64>) -> Times {
    times.sort_by(f64::total_cmp);
    Times {
        median: times[times.len() / 2],
        fastest: times[0],
    }
}

/// Backpropagation through 100 000 steps: memory, and the time to differentiate and compile.
fn long_chain() {
    println!("backpropagation through 100 000 steps of the logistic map");
    let n = 100_000;
    let case = cases().remove(0);
    let inputs = (case.inputs)(n);
    for keep in [
        Keep::All,
        Keep::Sqrt,
        Keep::Snapshots(10),
        Keep::Snapshots(30),
    ] {
        let start = Instant::now();
        let program = Program::new(grad((case.function)(n, keep)), &inputs);
        let made = start.elapsed().as_secs_f64() * 1e3;
        program.run();
        let start = Instant::now();
        program.run();
        println!(
            "  {:<14} {:>10.1} KiB held, {:>8.1} ms a run, differentiated and compiled in {made:.0} ms",
            format!("{keep:?}"),
            program.peak() as f64 / 1024.0,
            start.elapsed().as_secs_f64() * 1e3
        );
    }
    println!();
}

fn peers() {
    match peer("recurrences_jax.py", "jax") {
        Ok(lines) => {
            for line in lines {
                println!(
                    "JAX, {}: {} steps, primal {:.1} µs, gradient {:.1} µs",
                    text(&line, "name").unwrap_or("?"),
                    number(&line, "n").unwrap_or(f64::NAN),
                    number(&line, "primal").unwrap_or(f64::NAN),
                    number(&line, "gradient").unwrap_or(f64::NAN)
                );
            }
        }
        Err(why) => println!("no figures of JAX: {why}"),
    }
}
