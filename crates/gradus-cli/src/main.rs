//! The `gradus` program.
//!
//! **What it is**: commands over the library's public interface: [`train`], [`eval`], [`predict`], [`explain`],
//! [`diff`]. **Invariants**: the same seed gives the same bits on
//! any number of threads; a mistake of the user's is one message on standard error and exit code 1 (2 for the command line itself), never a panic.
//! **Never here**: mathematics.

mod calibrate;
mod dataset;
mod diff;
mod eval;
mod explain;
mod formula;
mod model;
mod network;
mod options;
mod predict;
mod report;
mod train;

use clap::Parser;
use options::{Command, Program};
use std::process::ExitCode;

fn main() -> ExitCode {
    end_quietly_with_the_reader();
    let program = Program::parse();
    let outcome = match &program.command {
        Command::Train(options) => train::run(options),
        Command::Eval(options) => eval::run(options),
        Command::Predict(options) => predict::run(options),
        Command::Explain(options) => explain::run(options),
        Command::Calibrate => calibrate::run(),
        Command::Diff(options) => diff::run(options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whoever reads the output may stop before its end, as `head` does; printing to nobody is no mistake of the program's.
fn end_quietly_with_the_reader() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload().downcast_ref::<String>();
        if text.is_some_and(|t| t.starts_with("failed printing to stdout")) {
            std::process::exit(0);
        }
        report(panic);
    }));
}
