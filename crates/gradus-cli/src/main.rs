//! The `gradus` program; its code is in the library beside this file.

use std::process::ExitCode;

fn main() -> ExitCode {
    gradus_cli::run()
}
