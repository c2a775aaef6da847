//! `gradus-gradbench` answers the suite's messages on standard input and output;
//! `gradus-gradbench compare` sets tools beside each other.

use std::io::{self, BufWriter};
use std::process::ExitCode;

const USAGE: &str = "\
usage: gradus-gradbench
           answers the messages of GradBench on standard input and output
       gradus-gradbench compare EVAL NAME=TOOL [NAME=TOOL]...
           runs EVAL with each TOOL, all shell commands, and prints the time of the first one beside the others";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        [] => gradus_gradbench::protocol::serve(io::stdin().lock(), BufWriter::new(io::stdout())),
        ["compare", eval, ref tools @ ..] if !tools.is_empty() => {
            gradus_gradbench::compare::run(eval, tools)
        }
        _ => Err(io::Error::other(USAGE)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
