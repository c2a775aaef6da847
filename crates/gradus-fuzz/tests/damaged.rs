//! A few hundred damaged inputs of each kind: none leads to a panic,
//! an abort, a hang or more than 1 GiB of memory.

use std::process::Command;

/// Tries inputs of `kind`. Time limits are generous, because a debug build on a busy machine is slow.
fn none_fails(kind: &str, count: u32) {
    let output = Command::new(env!("CARGO_BIN_EXE_gradus-fuzz"))
        .args([kind, &count.to_string(), "--seconds", "120"])
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // If all inputs were refused at their first byte, the test would show nothing.
    let last = said.lines().last().expect("a summary");
    let read: u32 = last
        .split(' ')
        .nth(1)
        .and_then(|n| n.parse().ok())
        .expect(last);
    assert!(read > 0 && read < count, "{last}");
    assert!(last.contains(" 0 failures"), "{last}");
}

#[test]
fn graph_texts() {
    none_fails("graphs", 600);
}

#[test]
fn models() {
    none_fails("models", 300);
}

#[test]
fn checkpoints() {
    none_fails("checkpoints", 300);
}

#[test]
fn image_files() {
    none_fails("images", 300);
}

#[test]
fn formulas() {
    none_fails("formulas", 300);
}

#[test]
fn dimensions() {
    none_fails("dims", 300);
}
