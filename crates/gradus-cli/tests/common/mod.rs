//! Runs the program in its own folder.

#![allow(dead_code, reason = "each test program uses a part")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// Runs `gradus` with `dir` as its working folder.
pub fn gradus(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = command(dir, arguments);
    command.output().expect("the program starts")
}

/// A command that runs `gradus` with `dir` as its working folder.
pub fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gradus"));
    in_folder(&mut command, dir).args(arguments);
    command
}

/// Like [`command`], after a shell has run `before`, for example to set limits.
#[cfg(unix)]
pub fn after(before: &str, dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let script = format!("{before}; exec \"$0\" \"$@\"");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_gradus")]);
    in_folder(&mut command, dir).args(arguments);
    command
}

fn in_folder<'a>(command: &'a mut Command, dir: &Path) -> &'a mut Command {
    // Measured rates of this machine would change the times.
    command.env("XDG_CACHE_HOME", dir.join("no-cache"));
    command.current_dir(dir)
}

/// The output of the program, which must succeed.
pub fn says(dir: &Path, arguments: &[&str]) -> String {
    let output = gradus(dir, arguments);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{arguments:?}:\n{out}{err}");
    out
}

/// The program's error message and exit code. The program must fail before it prints anything.
pub fn refuses_at_once(dir: &Path, arguments: &[&str]) -> String {
    let output = gradus(dir, arguments);
    assert!(output.stdout.is_empty(), "{arguments:?} prints before");
    refusal(&output)
}

/// The program's error message and exit code.
pub fn refuses(dir: &Path, arguments: &[&str]) -> String {
    refusal(&gradus(dir, arguments))
}

/// The output and the exit code of a program that failed.
pub fn refusal(output: &Output) -> String {
    assert!(!output.status.success(), "it is not refused");
    let code = output.status.code().expect("an exit code");
    format!("{}exit code {code}", text(&output.stderr))
}

/// A file that was written to the folder `out` in `dir`.
pub fn read(dir: &Path, out: &str, file: &str) -> Vec<u8> {
    fs::read(dir.join(out).join(file)).expect(file)
}

/// Trains by `begin` and `options` in one run,
/// and again with a stop after two epochs and a resume: both write the same files.
pub fn resumed_ends_in_the_same_bits(begin: &[&str], options: &[&str]) {
    let dir = folder();
    let run = |more: &[&str]| says(dir.path(), &[begin, options, more].concat());
    run(&["--out", "whole"]);
    run(&["--out", "part", "--stop-after", "2"]);
    let resume = ["train", "--resume", "part/checkpoint.safetensors"];
    says(dir.path(), &[&resume[..], &["--out", "rest"]].concat());
    for file in ["model.safetensors", "checkpoint.safetensors", "loss.svg"] {
        let [whole, rest] = ["whole", "rest"].map(|out| read(dir.path(), out, file));
        assert!(whole == rest, "{options:?}: {file} differs");
    }
}

/// Trains by `options` on one, two and three threads: the network is the same.
pub fn threads_make_no_difference(options: &[&str]) {
    let dir = folder();
    let [one, two, three] = ["1", "2", "3"].map(|threads| {
        let rest = ["--out", threads, "--threads", threads];
        says(dir.path(), &[&["train"], options, &rest].concat());
        read(dir.path(), threads, "model.safetensors")
    });
    assert!(one == two, "two threads give another network");
    assert!(one == three, "three threads give another network");
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

pub fn folder() -> TempDir {
    TempDir::new().expect("a folder for the test")
}
