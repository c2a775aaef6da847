//! The steps of compiled programs with their times.

use gradus::debug::StepTime;
use gradus::prelude::*;
use std::time::Duration;

/// Prints the mean time of each step of a program over some runs. `run` runs it once.
///
/// # Errors
/// Those of a run.
pub fn print_steps(mut run: impl FnMut() -> Result<Vec<StepTime>>) -> Result<()> {
    const RUNS: u32 = 50;
    let mut total: Vec<(String, Duration)> = Vec::new();
    for _ in 0..RUNS {
        let steps = run()?;
        total.resize(steps.len(), Default::default());
        for (sum, step) in total.iter_mut().zip(steps) {
            *sum = (step.what, sum.1 + step.time);
        }
    }
    for (what, time) in total {
        let micros = (time / RUNS).as_secs_f64() * 1e6;
        let what = what.chars().take(110).collect::<String>();
        println!("    {micros:9.1} µs  {what}");
    }
    Ok(())
}
