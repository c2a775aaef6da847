//! Tries Gradus with damaged input: `cargo run --release -p gradus-fuzz -- KIND N`.
//!
//! **What it is**: mutations of each [kind](kinds::Kind) of input that respect its structure,
//! and a monitor for the code that reads them. **What enters**: a kind and a number of inputs. **What leaves**:
//! how many inputs were accepted and how many refused, and a file for every input that led to a panic,
//! an abort, more than 5 seconds or more than 1 GiB of memory. **Invariants**:
//! an input depends on its seed and its number alone, so that a failure can be reproduced. **Never here**:
//! checks of results. Other tests check that accepted inputs are read correctly.

mod kinds;
mod random;
mod watch;
mod worker;

use kinds::Kind;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "\
gradus-fuzz KIND N [--seed S] [--seconds T]   tries N inputs, each within T seconds (5)
gradus-fuzz KIND --input FILE                 tries the contents of a file in this process

kinds: graphs models checkpoints images formulas dims";

/// The request of the command line.
struct Task {
    kind: Kind,
    count: u64,
    seed: u64,
    limit: Duration,
    input: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|a| a == worker::MARK) {
        return worker::run(&arguments[1..]);
    }
    let task = match read(&arguments) {
        Ok(task) => task,
        Err(mistake) => {
            eprintln!("error: {mistake}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let outcome = match &task.input {
        Some(file) => worker::once(task.kind, file),
        None => watch::run(task.kind, task.count, task.seed, task.limit),
    };
    match outcome {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn read(arguments: &[String]) -> Result<Task, String> {
    let (kind, rest) = arguments.split_first().ok_or("a kind is needed")?;
    let kind = Kind::from_name(kind).ok_or_else(|| format!("there is no kind `{kind}`"))?;
    let mut task = Task {
        kind,
        count: 0,
        seed: 1,
        limit: Duration::from_secs(5),
        input: None,
    };
    let whole = |text: &String| {
        let number = text.parse::<u64>();
        number.map_err(|_| format!("`{text}` is not an integer"))
    };
    let mut rest = rest.iter();
    while let Some(word) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--seed" => task.seed = whole(value()?)?,
            "--seconds" => task.limit = Duration::from_secs(whole(value()?)?),
            "--input" => task.input = Some(value()?.into()),
            _ => task.count = whole(word)?,
        }
    }
    match task.count == 0 && task.input.is_none() {
        true => Err("a number of inputs is needed".into()),
        false => Ok(task),
    }
}
