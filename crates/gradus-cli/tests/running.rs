//! Runs that are disturbed: the reader of the output is gone, the disk is full,
//! a signal comes, another run is active, numbers are not finite. No run is lost.

#![cfg(unix)]

mod common;

use common::{after, command, folder, gradus, read, refusal, refuses, refuses_at_once, says, text};
use insta::assert_snapshot;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const SHORT: [&str; 5] = ["train", "--epochs", "3", "--layers", "24"];
/// Longer than any test waits.
const ENDLESS: [&str; 5] = ["train", "--epochs", "100000", "--layers", "8"];

fn model(dir: &Path, out: &str) -> Vec<u8> {
    read(dir, out, "model.safetensors")
}

/// The names of the files in a folder.
fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|e| {
            e.expect("an entry")
                .file_name()
                .into_string()
                .expect("text")
        })
        .collect();
    names.sort();
    names
}

/// Starts a run and waits until it has finished an epoch.
fn started(dir: &Path, arguments: &[&str]) -> Child {
    let mut command = command(dir, arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let out = child.stdout.as_mut().expect("its output");
    let mut lines = BufReader::new(out).lines();
    let first = lines.find(|l| l.as_ref().is_ok_and(|l| l.starts_with("epoch ")));
    assert!(
        first.is_some(),
        "{}",
        refusal(&child.wait_with_output().expect("an end"))
    );
    child
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args([format!("-{name}"), child.id().to_string()])
        .status();
    assert!(status.expect("kill starts").success());
}

#[test]
fn a_reader_that_has_gone_stops_no_run() {
    let dir = folder();
    says(dir.path(), &[&SHORT[..], &["--out", "read"]].concat());
    let mut command = command(dir.path(), &[&SHORT[..], &["--out", "unread"]].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("an end");
    assert_eq!(output.status.code(), Some(0));
    assert_snapshot!(text(&output.stderr), @"note: standard output cannot be written (Broken pipe (os error 32)); the run goes on and is saved in unread");
    assert!(model(dir.path(), "read") == model(dir.path(), "unread"));
    // Like `head -1`, which reads one line and ends.
    let mut command = common::command(dir.path(), &[&SHORT[..], &["--out", "one"]].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the program starts");
    let mut first = String::new();
    let out = child.stdout.take().expect("its output");
    BufReader::new(out).read_line(&mut first).expect("a line");
    assert!(first.starts_with("UCI digits"), "{first}");
    assert!(child.wait().expect("an end").success());
    assert!(model(dir.path(), "read") == model(dir.path(), "one"));
}

/// The output of a program whose standard output is a full disk.
#[cfg(target_os = "linux")]
fn with_full_output(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = command(dir, arguments);
    let full = fs::File::options().write(true).open("/dev/full");
    command
        .stdout(full.expect("a full disk"))
        .stderr(Stdio::piped());
    command.output().expect("the program starts")
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_finds_no_room_is_a_mistake_and_loses_no_run() {
    let dir = folder();
    let output = with_full_output(dir.path(), &SHORT);
    assert_snapshot!(refusal(&output), @"
    note: standard output cannot be written (No space left on device (os error 28)); the run goes on and is saved in gradus-out
    error: standard output cannot be written: No space left on device (os error 28)
    exit code 1
    ");
    says(dir.path(), &["eval", "gradus-out/model.safetensors"]);
    for arguments in [
        &["explain", "--dims", "3,4,5"][..],
        &["diff", "x", "--at", "x=1"],
        &["eval", "gradus-out/model.safetensors"],
        &["calibrate", "--show"],
    ] {
        let output = with_full_output(dir.path(), arguments);
        assert_eq!(
            refusal(&output),
            "error: standard output cannot be written: No space left on device (os error 28)\nexit code 1"
        );
    }
}

#[test]
fn a_full_disk_is_an_error_and_leaves_nothing_half_written() {
    let dir = folder();
    // The shell's blocks have 512 or 1,024 bytes. A write beyond the limit is an error if the signal is ignored.
    let mut command = after("trap '' XFSZ; ulimit -f 4", dir.path(), &SHORT);
    let output = command.output().expect("the program starts");
    assert_snapshot!(refusal(&output), @"
    error: gradus-out/checkpoint.safetensors: cannot be written: File too large (os error 27)
    exit code 1
    ");
    assert_eq!(
        files(&dir.path().join("gradus-out")),
        [".gradus-train.lock"]
    );
}

#[test]
fn what_a_killed_run_left_half_written_is_removed() {
    let dir = folder();
    let out = dir.path().join("gradus-out");
    fs::create_dir(&out).expect("a folder");
    let left = [
        "checkpoint.safetensors.77-3.partial",
        "model.safetensors.partial",
    ];
    for name in left.iter().chain(&["notes.partial"]) {
        fs::write(out.join(name), "half").expect("a file");
    }
    says(dir.path(), &SHORT);
    let names = files(&out);
    let expected = [
        ".gradus-train.lock",
        "checkpoint.safetensors",
        "loss.svg",
        "model.safetensors",
        "notes.partial",
    ];
    assert_eq!(names, expected);
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_bits() {
    let dir = folder();
    let run = [
        "train", "--epochs", "25", "--layers", "64", "--batch", "16", "--shift", "1",
    ];
    says(dir.path(), &[&run[..], &["--out", "whole"]].concat());
    let child = started(dir.path(), &[&run[..], &["--out", "part"]].concat());
    signal(&child, "INT");
    let output = child.wait_with_output().expect("an end");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.starts_with("interrupted after "), "{said}");
    let resume = "`gradus train --resume part/checkpoint.safetensors` goes on";
    assert!(said.trim_end().ends_with(resume), "{said}");
    assert!(!dir.path().join("part/model.safetensors").exists());
    says(
        dir.path(),
        &[
            "train",
            "--resume",
            "part/checkpoint.safetensors",
            "--out",
            "part",
        ],
    );
    for file in ["model.safetensors", "checkpoint.safetensors", "loss.svg"] {
        let [whole, part] = ["whole", "part"].map(|out| read(dir.path(), out, file));
        assert!(whole == part, "{file} differs after {said}");
    }
}

#[test]
fn termination_saves_the_run_and_a_second_run_finds_the_folder_taken() {
    let dir = folder();
    let child = started(dir.path(), &ENDLESS);
    let refused = refuses_at_once(dir.path(), &SHORT);
    let refused = refused.replace(&format!("process {}", child.id()), "process N");
    assert_snapshot!(refused, @"
    error: gradus-out: another `gradus train` (process N) writes to this folder; wait until it ends, or name another folder with --out
    exit code 1
    ");
    // Another folder is not locked.
    says(dir.path(), &[&SHORT[..], &["--out", "other"]].concat());
    signal(&child, "TERM");
    let output = child.wait_with_output().expect("an end");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(143), "{said}");
    assert!(
        said.contains("--resume gradus-out/checkpoint.safetensors"),
        "{said}"
    );
    // The lock ended with its run.
    let resume = ["train", "--resume", "gradus-out/checkpoint.safetensors"];
    let mut going_on = common::command(dir.path(), &resume);
    let mut child = going_on
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut first = [0; 10];
    let out = child.stdout.as_mut().expect("its output");
    out.read_exact(&mut first).expect("output");
    assert_eq!(&first, b"UCI digits");
    child.kill().expect("it runs");
    child.wait().expect("an end");
}

#[test]
fn a_run_that_was_killed_before_its_model_still_gives_it() {
    let dir = folder();
    says(dir.path(), &SHORT);
    let [model_path, curve] =
        ["model.safetensors", "loss.svg"].map(|file| dir.path().join("gradus-out").join(file));
    let before = model(dir.path(), "gradus-out");
    fs::remove_file(&model_path).expect("it was there");
    fs::remove_file(&curve).expect("it was there");
    let resume = ["train", "--resume", "gradus-out/checkpoint.safetensors"];
    let said = says(dir.path(), &resume);
    assert!(said.contains("test accuracy"), "{said}");
    assert!(before == model(dir.path(), "gradus-out"));
    assert!(curve.exists());
    let fewer = [&resume[..], &["--epochs", "2"]].concat();
    assert_snapshot!(refuses_at_once(dir.path(), &fewer), @"
    error: gradus-out/checkpoint.safetensors: 3 epochs of the run are done, more than --epochs 2
    exit code 1
    ");
}

#[test]
fn what_is_resumed_is_checked_before_something_is_said() {
    let dir = folder();
    says(dir.path(), &SHORT);
    let path = dir.path().join("gradus-out/checkpoint.safetensors");
    let bytes = fs::read(&path).expect("a checkpoint");
    // A file without its last tensor.
    let at = |name: &str| {
        let found = bytes.windows(name.len()).position(|w| w == name.as_bytes());
        found.unwrap_or_else(|| panic!("no {name}"))
    };
    let mut renamed = bytes.clone();
    renamed[at(".step") + 1] = b'S';
    fs::write(&path, renamed).expect("a file");
    let resume = [
        "train",
        "--resume",
        "gradus-out/checkpoint.safetensors",
        "--epochs",
        "5",
    ];
    assert_snapshot!(refuses_at_once(dir.path(), &resume), @"
    error: gradus-out/checkpoint.safetensors: has no tensor `.memory.0.step`
    exit code 1
    ");
    assert_snapshot!(refuses_at_once(dir.path(), &[&SHORT[..], &["--out", "/dev/null/out"]].concat()), @"
    error: /dev/null/out: cannot be made: Not a directory (os error 20)
    exit code 1
    ");
}

/// The message of a run that ends because a number is not finite,
/// without the numbers, which depend on the order of sums.
fn not_finite(dir: &Path, arguments: &[&str]) -> String {
    let message = refusal(&gradus(dir, arguments));
    let lines = message
        .lines()
        .map(|line| match line.split_once("] with ") {
            Some((head, _)) => format!("{head}]"),
            None => match line.split_once("], ") {
                Some((head, _)) if line.starts_with("  operand") => format!("{head}]"),
                _ => line.to_string(),
            },
        });
    let text = lines.collect::<Vec<_>>().join("\n");
    text.replace("the loss is inf", "the loss is NaN")
}

#[test]
fn a_loss_that_is_not_finite_ends_the_run_where_it_arose() {
    let dir = folder();
    assert_snapshot!(not_finite(dir.path(), &[&SHORT[..], &["--lr", "1e30"]].concat()), @"
    error: epoch 1, step 2: the loss is NaN
      infinity made by contract in the forward pass, at layer 2 of 2 (`layers.1.weight`)
      contract gave f32[64,10]
      operand 0: f32[64,24]
      operand 1: f32[24,10]
    no epoch was complete, so no checkpoint was written
    a smaller learning rate (--lr) or a bound for gradients (--clip) keeps numbers smaller
    exit code 1
    ");
    assert_eq!(
        files(&dir.path().join("gradus-out")),
        [".gradus-train.lock"]
    );
    let rows = [
        "train", "--task", "rows", "--epochs", "2", "--layers", "8", "--lr", "1e30",
    ];
    assert_snapshot!(not_finite(dir.path(), &rows), @"
    error: epoch 1, step 2: the loss is NaN
      infinity made by mul in the optimiser's update, at layer 1 of 2 (`layers.0.input.weight`)
      mul gave f32[8,24]
      operand 0: f32[8,24]
      operand 1: f32[8,24]
    no epoch was complete, so no checkpoint was written
    a smaller learning rate (--lr) or a bound for gradients (--clip) keeps numbers smaller
    exit code 1
    ");
    let sgd = [
        &SHORT[..],
        &["--optimizer", "sgd", "--lr", "1e20", "--dtype", "f32"],
    ]
    .concat();
    assert_snapshot!(not_finite(dir.path(), &sgd), @"
    error: epoch 1, step 2: the loss is NaN
      infinity made by contract in the forward pass, at layer 2 of 2 (`layers.1.weight`)
      contract gave f32[64,10]
      operand 0: f32[64,24]
      operand 1: f32[24,10]
    no epoch was complete, so no checkpoint was written
    a smaller learning rate (--lr) or a bound for gradients (--clip) keeps numbers smaller
    exit code 1
    ");
}

#[test]
fn the_last_good_checkpoint_stays() {
    let dir = folder();
    says(
        dir.path(),
        &[&SHORT[..], &["--optimizer", "sgd", "--lr", "0.001"]].concat(),
    );
    let path = dir.path().join("gradus-out/checkpoint.safetensors");
    let mut bytes = fs::read(&path).expect("a checkpoint");
    // The same run with another learning rate, written with the same number of letters.
    let entry = br#""lr":"0.001""#;
    let at = bytes
        .windows(entry.len())
        .position(|w| w == entry)
        .expect("the entry");
    bytes[at..at + entry.len()].copy_from_slice(br#""lr":"1.e30""#);
    fs::write(&path, &bytes).expect("a file");
    let resume = [
        "train",
        "--resume",
        "gradus-out/checkpoint.safetensors",
        "--epochs",
        "5",
    ];
    assert_snapshot!(not_finite(dir.path(), &resume), @"
    error: epoch 4, step 2: the loss is NaN
      infinity made by contract in the forward pass, at layer 2 of 2 (`layers.1.weight`)
      contract gave f32[64,10]
      operand 0: f32[64,24]
      operand 1: f32[24,10]
    gradus-out/checkpoint.safetensors is the last good checkpoint, after 3 of 5 epochs
    a smaller learning rate (--lr) or a bound for gradients (--clip) keeps numbers smaller
    exit code 1
    ");
    assert!(fs::read(&path).expect("a checkpoint") == bytes);
}

#[test]
fn mistakes_are_told_where_nobody_hears_them() {
    let dir = folder();
    let mut command = command(dir.path(), &["eval", "none"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    drop(child.stderr.take());
    assert_eq!(child.wait().expect("an end").code(), Some(1));
    assert!(refuses(dir.path(), &["eval", "none"]).starts_with("error: none: cannot be read"));
}
