//! The steps of compiled programs with their times.

use gradus::debug::StepTime;
use gradus::prelude::*;
use std::time::Duration;

/// Prints the median time of each step of a program over some runs. `run` runs it once.
///
/// # Errors
/// Those of a run.
pub fn print_steps(mut run: impl FnMut() -> Result<Vec<StepTime>>) -> Result<()> {
    const RUNS: usize = 101;
    let mut all: Vec<(String, Vec<Duration>)> = Vec::new();
    for _ in 0..RUNS {
        let steps = run()?;
        all.resize(steps.len(), Default::default());
        for ((what, times), step) in all.iter_mut().zip(steps) {
            *what = step.what;
            times.push(step.time);
        }
    }
    for (what, mut times) in all {
        times.sort();
        let micros = times[RUNS / 2].as_secs_f64() * 1e6;
        let what = what.chars().take(110).collect::<String>();
        println!("    {micros:9.1} µs  {what}");
    }
    Ok(())
}
