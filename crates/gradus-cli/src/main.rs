//! The `gradus` program; all of it is in the library beside this file.

use std::process::ExitCode;

fn main() -> ExitCode {
    gradus_cli::run()
}
