//! Running the program in a folder of its own.

#![allow(dead_code, reason = "each test program uses a part")]

use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// Runs `gradus` with the folder `dir` as its own.
pub fn gradus(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gradus"));
    // Rates that were measured on this machine would change the times.
    command.env("XDG_CACHE_HOME", dir.join("no-cache"));
    command.current_dir(dir).args(arguments);
    command.output().expect("the program starts")
}

/// What the program says when all is well.
pub fn says(dir: &Path, arguments: &[&str]) -> String {
    let output = gradus(dir, arguments);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{arguments:?}:\n{out}{err}");
    out
}

/// The message with which the program refused, and its exit code.
pub fn refusal(output: &Output) -> String {
    assert!(!output.status.success(), "it is not refused");
    let code = output.status.code().expect("an exit code");
    format!("{}exit code {code}", text(&output.stderr))
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

pub fn folder() -> TempDir {
    TempDir::new().expect("a folder for the test")
}
