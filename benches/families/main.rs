//! The benchmark: families of cases, each beside JAX and, where that is the bar, beside Rust written by hand.
//!
//!     cargo run --release -p gradus-benches -- rows layout
//!     cargo run --release -p gradus-benches -- --only softmax
//!
//! Without a name all families run. JAX needs an interpreter that has it (`GRADUS_PYTHON=venv/bin/python`).
//! Both sides are compiled, warm, of the same precision, and use all threads.
//! They are timed in turn; a ratio is the median of three.
//! Both get the same numbers, and results that differ are an error.
//! `!` marks a bar that is not met. The last column has the time to compile: of the first call, and in JAX.

mod calls;
mod case;
mod elementwise;
mod indexing;
mod jax;
mod layout;
mod loops;
mod numbers;
mod rows;

use case::{Case, Ready};
use gradus_benches::{machine, nanoseconds};
use jax::Jax;
use std::process::ExitCode;
use std::time::Duration;

type Family = (&'static str, fn() -> Vec<Case>);

const FAMILIES: [Family; 7] = [
    ("calls", calls::cases),
    ("numbers", numbers::cases),
    ("loops", loops::cases),
    ("elementwise", elementwise::cases),
    ("rows", rows::cases),
    ("layout", layout::cases),
    ("indexing", indexing::cases),
];

/// Both sides are timed so often, in turn.
const ROUNDS: usize = 3;
/// The longest time of one measurement of one side.
const LIMIT: Duration = Duration::from_millis(400);

fn main() -> ExitCode {
    let mut only = None;
    let mut wanted = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--only" => only = arguments.next(),
            name if FAMILIES.iter().any(|(family, _)| *family == name) => wanted.push(argument),
            name => {
                let known = FAMILIES.map(|(family, _)| family).join(", ");
                eprintln!("no family `{name}`; there are {known}, and `--only WORD`");
                return ExitCode::FAILURE;
            }
        }
    }
    let mut jax = Jax::start();
    match &jax {
        Ok(jax) => println!("{}; JAX {}", machine(), jax.version),
        Err(why) => println!("{}; JAX is not measured: {why}", machine()),
    }
    let mut verdicts = Verdicts::default();
    for (name, cases) in FAMILIES {
        if !wanted.is_empty() && !wanted.iter().any(|w| w == name) {
            continue;
        }
        println!(
            "\n{name:<52}{:>12}{:>12}{:>9}{:>7}{:>12}{:>9}{:>7}   compile",
            "Gradus", "JAX", "faster", "bar", "by hand", "of it", "bar"
        );
        for case in cases() {
            if only.as_ref().is_some_and(|word| !case.name.contains(word)) {
                continue;
            }
            if let Err(why) = run(case, jax.as_mut().ok(), &mut verdicts) {
                eprintln!("{why}");
                verdicts.wrong += 1;
            }
        }
    }
    println!(
        "\n{} of {} bars are met",
        verdicts.met,
        verdicts.met + verdicts.missed
    );
    match verdicts.wrong {
        0 => ExitCode::SUCCESS,
        n => {
            eprintln!("{n} cases failed");
            ExitCode::FAILURE
        }
    }
}

#[derive(Default)]
struct Verdicts {
    met: usize,
    missed: usize,
    wrong: usize,
}

impl Verdicts {
    /// Counts a bar, and says whether it is met.
    fn count(&mut self, met: bool) -> &'static str {
        if met {
            self.met += 1;
            " "
        } else {
            self.missed += 1;
            "!"
        }
    }
}

/// Times a case and prints its line.
fn run(mut case: Case, jax: Option<&mut Jax>, verdicts: &mut Verdicts) -> Result<(), String> {
    let name = case.name.clone();
    let failed = |e: &dyn std::fmt::Display| format!("{name}: {e}");
    let mut by_hand = case.by_hand.take();
    let case_bar = case.at_most;
    let mut peer = None;
    if let (Some(jax), Some((source, bar))) = (jax, case.jax) {
        let compiled = jax.compile(&case, source).map_err(|e| failed(&e))?;
        peer = Some((jax, compiled, bar));
    }
    let f32 = case
        .arguments
        .iter()
        .any(|a| a.dtype == gradus::prelude::F32);
    let Ready {
        mut call,
        sum,
        first_call,
    } = case.ready().map_err(|e| failed(&e))?;
    if let Some((_, compiled, _)) = &peer {
        let tolerance = if f32 { 1e-3 } else { 1e-9 };
        let difference = (sum - compiled.sum).abs();
        // A sum that is NaN is no agreement either.
        if difference.is_nan() || difference > tolerance * sum.abs().max(1.0) {
            return Err(failed(&format!(
                "results of {sum}, in JAX of {}",
                compiled.sum
            )));
        }
    }
    let (mut ours, mut of_jax, mut of_hand) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(nanoseconds(LIMIT, &mut *call));
        if let Some((jax, ..)) = &mut peer {
            of_jax.push(jax.nanoseconds().map_err(|e| failed(&e))?);
        }
        if let Some((f, _)) = &mut by_hand {
            of_hand.push(nanoseconds(LIMIT, &mut **f));
        }
    }
    let mut line = format!("{name:<52}{:>12}", duration(median(ours.clone())));
    line += &match &peer {
        None => format!("{:>28}", ""),
        Some((_, _, bar)) => {
            let factor = median(of_jax.iter().zip(&ours).map(|(j, o)| j / o).collect());
            let mark = verdicts.count(factor >= *bar);
            let time = duration(median(of_jax));
            format!("{time:>12}{factor:>9.2}{bar:>6.1}{mark}")
        }
    };
    line += &match &by_hand {
        None => match case_bar {
            None => format!("{:>28}", ""),
            Some(most) => {
                let mark = verdicts.count(median(ours.clone()) <= most);
                format!("{:>27}{mark}", format!("at most {}", duration(most)))
            }
        },
        Some((_, bar)) => {
            let multiple = median(ours.iter().zip(&of_hand).map(|(o, h)| o / h).collect());
            let mark = verdicts.count(multiple <= *bar);
            let time = duration(median(of_hand));
            format!("{time:>12}{multiple:>9.2}{bar:>6.2}{mark}")
        }
    };
    line += &format!("   {:.1} ms", first_call.as_secs_f64() * 1e3);
    if let Some((_, compiled, _)) = &peer {
        line += &format!(", {:.0} ms", compiled.milliseconds);
    }
    println!("{line}");
    Ok(())
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// A time with a unit that fits it.
fn duration(nanoseconds: f64) -> String {
    match nanoseconds {
        n if n < 1e3 => format!("{n:.0} ns"),
        n if n < 1e6 => format!("{:.2} µs", n / 1e3),
        n => format!("{:.2} ms", n / 1e6),
    }
}
