//! The cost of reverse mode through recurrences, for each policy of keeping values for the backward pass:
//! time relative to the recurrence itself, and memory.
//!
//!     cargo run --release -p gradus-benches --bin recurrences [picture.svg]
//!
//! Programs are compiled before they are timed, and the variants of a row take turns.
//! Times and their ratios are medians; of three rounds the median is shown, followed by the worst.
//! A recurrence is judged by the length with the largest ratio.
//!
//! Memory is the number of bytes that a counted run holds beside its inputs.
//! The memory of the recurrence itself and of the returned gradient is listed separately;
//! the rest is kept by the backward pass.
//! With √n snapshots it can grow with √n: twofold each time the number of steps grows fourfold.
//! The picture shows time and memory against the number of steps.

mod cases;
mod picture;

use cases::{Case, Inputs, cases, hand_written};
use gradus::prelude::*;
use gradus_benches::{machine, number, peer, text};
use gradus_cpu::{Array, CompileOptions, Executable, Input};
use std::path::Path;
use std::time::{Duration, Instant};

/// The allowed time of reverse mode as a multiple of the primal's time:
/// with everything stored, and with √n snapshots.
const LIMITS: [f64; 2] = [4.0, 5.5];

/// The policies, with their names.
const POLICIES: [(&str, Keep); 3] = [
    ("all", Keep::All),
    ("sqrt", Keep::Sqrt),
    ("snapshots(10)", Keep::Snapshots(10)),
];

/// The allowed growth of memory from n to 16n steps, relative to √n.
/// Memory also holds whole cache lines and values whose size does not depend on n.
const GROWTH: f64 = 1.1;

/// The number of measurements of a row.
const ROUNDS: usize = 3;

/// A number of steps with its measurements.
pub struct Row {
    n: usize,
    /// Microseconds.
    primal: f64,
    /// Bytes that the recurrence itself holds beside its inputs.
    own: u64,
    /// One gradient per policy.
    gradients: Vec<Gradient>,
}

/// The cost of the gradient by one policy.
struct Gradient {
    /// Microseconds.
    time: f64,
    /// Multiples of the primal's time: the median of the rounds, and the worst.
    ratio: f64,
    worst: f64,
    /// Bytes held beside the inputs.
    bytes: u64,
    /// Bytes of the gradient itself.
    returned: u64,
}

impl Row {
    /// Bytes that the backward pass of policy `k` keeps:
    /// without the bytes of the recurrence itself and of the returned gradient.
    fn kept(&self, k: usize) -> u64 {
        let gradient = &self.gradients[k];
        gradient
            .bytes
            .saturating_sub(self.own)
            .saturating_sub(gradient.returned)
    }
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
            "{}\n{:>8} {:>11} {:>8} {:>10}   gradient µs (times the primal / worst of {ROUNDS}) and KiB kept (and returned), keeping: {}",
            case.name,
            "steps",
            "primal µs",
            "ns/step",
            "KiB held",
            POLICIES.map(|(name, _)| name).join(", ")
        );
        let rows: Vec<Row> = case.lengths.iter().map(|&n| measure(&case, n)).collect();
        for row in &rows {
            print(row);
        }
        for (k, held) in held.iter_mut().enumerate() {
            let largest = |of: fn(&Gradient) -> f64| {
                let all = rows.iter().map(|r| of(&r.gradients[k]));
                all.fold(0.0, f64::max)
            };
            let (ratio, worst) = (largest(|g| g.ratio), largest(|g| g.worst));
            println!(
                "  keeping {}: at most {ratio:.2} times the primal, {worst:.2} in the worst round",
                POLICIES[k].0
            );
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
        let kept: Vec<f64> = rows.iter().map(|r| r.kept(1).max(1) as f64).collect();
        let [n, four, sixteen] = kept[..] else {
            println!("memory with √n snapshots, {name}: three lengths are needed");
            continue;
        };
        println!(
            "memory with √n snapshots, {name}: {:.2} times from n to 4n, {:.2} times to 16n (√n: 2 and 4), n^{:.2}, to {:.1} KiB: {}",
            four / n,
            sixteen / n,
            (sixteen / n).log(16.0),
            sixteen / 1024.0,
            verdict(sixteen <= 4.0 * GROWTH * n)
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
    let kib = |bytes: u64| bytes as f64 / 1024.0;
    let gradients = row.gradients.iter().enumerate().map(|(k, g)| {
        format!(
            "{:>10.1} ({:.2} / {:.2}) {:>8.1} ({:.1})",
            g.time,
            g.ratio,
            g.worst,
            kib(row.kept(k)),
            kib(g.returned)
        )
    });
    println!(
        "{:>8} {:>11.1} {:>8.0} {:>10.1} {}",
        row.n,
        row.primal,
        row.primal * 1e3 / row.n as f64,
        kib(row.own),
        gradients.collect::<Vec<_>>().join(" ")
    );
}

/// A compiled program with its arguments.
pub struct Program {
    executable: Executable,
    inputs: Vec<Array>,
}

impl Program {
    /// Compiles `f` for `inputs`.
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

    /// Bytes of its results.
    pub fn returned(&self) -> u64 {
        let inputs = self.inputs.iter().map(Input::Borrowed).collect();
        let results = self.executable.run(inputs).unwrap();
        results.iter().map(|y| y.bytes().len() as u64).sum()
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
    let rounds: Vec<Vec<Times>> = (0..ROUNDS)
        .map(|_| in_turns(&programs, Duration::from_secs(1)))
        .collect();
    // The median of the rounds, and the largest.
    let of = |value: &dyn Fn(&[Times]) -> f64| {
        let mut all: Vec<f64> = rounds.iter().map(|r| value(r)).collect();
        all.sort_by(f64::total_cmp);
        (all[all.len() / 2], all[all.len() - 1])
    };
    let gradients = (1..programs.len()).map(|k| {
        let (ratio, worst) = of(&|r| r[k].median / r[0].median);
        Gradient {
            time: of(&|r| r[k].median).0,
            ratio,
            worst,
            bytes: programs[k].peak(),
            returned: programs[k].returned(),
        }
    });
    Row {
        n,
        primal: of(&|r| r[0].median).0,
        own: programs[0].peak(),
        gradients: gradients.collect(),
    }
}

/// Times the programs in turn.
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
    // The longest run of each recurrence that also exists in JAX: the first three recurrences.
    let longest = cases().into_iter().take(3).filter_map(|case| {
        let longest = case.lengths.last()?;
        Some(longest.to_string())
    });
    match peer("recurrences_jax.py", "jax", &longest.collect::<Vec<_>>()) {
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
