//! Runs of a function, each timed, as the suite's C++ tools repeat theirs.

use crate::failure::{Failure, Result};
use crate::input::{Input, number};
use gradus::{Jit, Tree, jit};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How often an evaluation is repeated: both bounds must be reached.
#[derive(Clone, Copy)]
pub struct Repeat {
    pub runs: usize,
    pub seconds: f64,
}

/// An output with its times.
pub struct Evaluation {
    pub output: Value,
    /// The time to trace, differentiate and compile, and of each run.
    pub prepare: Duration,
    pub runs: Vec<Duration>,
}

impl Repeat {
    /// `min_runs` and `min_seconds` of the input; one run if they are missing.
    pub fn of(input: &Value) -> Result<Repeat> {
        let runs = match input.get("min_runs") {
            Some(_) => Input(input).size("min_runs")?.max(1),
            None => 1,
        };
        let seconds = match input.get("min_seconds") {
            Some(_) => Input(input).number("min_seconds")?,
            None => 0.0,
        };
        Ok(Repeat { runs, seconds })
    }

    /// Runs and times `run` until both bounds are reached; its last result.
    pub fn times<T>(self, mut run: impl FnMut() -> Result<T>) -> Result<(T, Vec<Duration>)> {
        let mut runs = Vec::new();
        let mut elapsed = 0.0;
        loop {
            let start = Instant::now();
            let result = run()?;
            let took = start.elapsed();
            elapsed += took.as_secs_f64();
            runs.push(took);
            if runs.len() >= self.runs && elapsed >= self.seconds {
                return Ok((result, runs));
            }
        }
    }
}

/// The results of `f` as lists of these lengths, with the times of compiling it and of each run.
///
/// `like` has the types of the argument, and `argument` its numbers: one slice for each tensor.
pub fn evaluate<A: Tree, B: Tree>(
    f: impl Fn(&A) -> B,
    like: &A,
    argument: &[&[f64]],
    lengths: &[usize],
    repeat: Repeat,
) -> Result<(Vec<Vec<f64>>, Duration, Vec<Duration>)> {
    let (f, prepare) = compiled(f, like)?;
    let mut results: Vec<Vec<f64>> = lengths.iter().map(|&n| vec![0.0; n]).collect();
    let mut slices: Vec<&mut [f64]> = results.iter_mut().map(Vec::as_mut_slice).collect();
    let ((), runs) = repeat.times(|| Ok(f.call_into(argument, &mut slices)?))?;
    match results.iter().flatten().all(|x| x.is_finite()) {
        true => Ok((results, prepare, runs)),
        false => Err(not_finite()),
    }
}

/// JSON has no such numbers, so they are a failure.
pub fn not_finite() -> Failure {
    Failure::new("the output has numbers that are not finite")
}

/// `f` compiled for arguments like `like`, and the time that took.
pub fn compiled<A: Tree, B: Tree, F: Fn(&A) -> B>(
    f: F,
    like: &A,
) -> Result<(Jit<A, B, F>, Duration)> {
    let start = Instant::now();
    let f = jit(f);
    f.prepare(like)?;
    Ok((f, start.elapsed()))
}

/// Like [`evaluate`], for a result of one number.
pub fn number_of<A: Tree>(
    f: impl Fn(&A) -> gradus::Tensor,
    like: &A,
    argument: &[&[f64]],
    repeat: Repeat,
) -> Result<Evaluation> {
    let (results, prepare, runs) = evaluate(f, like, argument, &[1], repeat)?;
    Ok(Evaluation {
        output: json!(results[0][0]),
        prepare,
        runs,
    })
}

/// Like [`evaluate`], for a result that is one list.
pub fn list_of<A: Tree>(
    f: impl Fn(&A) -> gradus::Tensor,
    like: &A,
    argument: &[&[f64]],
    length: usize,
    repeat: Repeat,
) -> Result<Evaluation> {
    let (mut results, prepare, runs) = evaluate(f, like, argument, &[length], repeat)?;
    Ok(Evaluation {
        output: Value::from(results.remove(0)),
        prepare,
        runs,
    })
}

/// An input that is a single number.
pub fn lone_number(input: &Value) -> Result<f64> {
    number(input).ok_or_else(|| Failure::new("the input is not a number"))
}
