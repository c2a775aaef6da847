//! The `gradus` program, as a library for its own `main` and for the programs that try it with damaged input.
//!
//! **What it is**: commands over the library's public interface: `train`, `eval`, `predict`,
//! `explain`, `calibrate`, `diff`. **Invariants**: the same seed gives the same bits on any number of threads;
//! a user's mistake is one message on standard error and exit code 1 (2 for the command line itself),
//! never a panic. **Never here**: mathematics.

mod calibrate;
mod dataset;
mod diff;
mod end;
mod eval;
mod explain;
mod formula;
pub mod inputs;
mod limits;
mod model;
mod network;
mod options;
mod output;
mod predict;
mod report;
mod train;

use clap::Parser;
use end::End;
use options::{Command, Program};
use std::process::ExitCode;

/// Runs the command of the command line.
pub fn run() -> ExitCode {
    let program = Program::parse();
    let done = |()| End::Done;
    let outcome = match &program.command {
        Command::Train(options) => train::run(options),
        Command::Eval(options) => eval::run(options).map(done),
        Command::Predict(options) => predict::run(options).map(done),
        Command::Explain(options) => explain::run(options).map(done),
        Command::Calibrate(options) => calibrate::run(options).map(done),
        Command::Diff(options) => diff::run(options).map(done),
    };
    let written = output::finish();
    match outcome.and_then(|end| written.map(|()| end)) {
        Ok(End::Done) => ExitCode::SUCCESS,
        // The exit code that shells report for a program that a signal ended.
        Ok(End::Signal(number)) => ExitCode::from(128 + number),
        Err(error) => {
            output::note!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
