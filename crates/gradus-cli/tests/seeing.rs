//! Profiles and pages that the program writes.

mod common;

use common::{folder, gradus, says, text};
use std::fs;

#[test]
fn a_profile_names_the_lines_of_the_model_and_is_written_as_a_trace() {
    let dir = folder();
    let said = says(
        dir.path(),
        &["train", "--epochs", "1", "--profile", "trace.json"],
    );
    let table = said
        .split("line by line")
        .nth(1)
        .and_then(|rest| rest.split("part by part").next())
        .expect("a table");
    // Work of the library counts for the line of the step that asked for it:
    // the forward pass, the loss, the update.
    let lines: Vec<&str> = table.lines().filter(|l| l.contains(".rs:")).collect();
    assert!(lines.len() >= 4, "{table}");
    for line in lines {
        assert!(
            line.contains("crates/gradus-cli/src/train/step.rs:"),
            "{table}"
        );
    }
    let shares: f64 = table
        .lines()
        .filter_map(|l| l.split(" %").next()?.trim().parse::<f64>().ok())
        .sum();
    assert!((shares - 100.0).abs() < 1.0, "{shares}\n{table}");
    let trace = fs::read_to_string(dir.path().join("trace.json")).expect("a trace");
    let trace: serde_json::Value = serde_json::from_str(&trace).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("events");
    let of = |category: &str| events.iter().filter(|e| e["cat"] == category).count();
    assert!(of("step") > 5 && of("value") > 5 && of("cotangent") > 2);
    assert!(said.contains("trace       trace.json"), "{said}");
    // Without a file the table alone is printed; without the option, the main lines.
    let said = says(dir.path(), &["train", "--epochs", "1", "--profile"]);
    assert!(said.contains("line by line") && !said.contains("\ntrace "));
    let refused = gradus(
        dir.path(),
        &[
            "train",
            "--epochs",
            "1",
            "--profile",
            "no/such/folder/t.json",
        ],
    );
    assert!(text(&refused.stderr).contains("no/such/folder/t.json: cannot be written"));
}

#[test]
fn a_formula_as_a_page() {
    let dir = folder();
    let at = ["--at", "x=1,y=2", "--html", "page.html"];
    says(dir.path(), &[&["diff", "sin(x*y)/x"], &at[..]].concat());
    let page = fs::read_to_string(dir.path().join("page.html")).expect("a page");
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    assert!(page.contains("<title>sin(x*y)/x</title>"));
    // The value and both slopes are outputs, and the nodes of both parts of the derivative are marked.
    for output in ["→ output 0", "→ output 1", "→ output 2"] {
        assert!(page.contains(output), "{output}");
    }
    assert!(page.contains("<li class=\"value\"") && page.contains("<li class=\"cotangent\""));
    says(dir.path(), &[&["diff", "[x*y, x/y]"], &at[..]].concat());
    let page = fs::read_to_string(dir.path().join("page.html")).expect("a page");
    assert!(page.contains("<title>[x*y, x/y]</title>"));
}

#[test]
fn the_page_of_a_plan_has_its_program() {
    let dir = folder();
    let page = says(
        dir.path(),
        &["explain", "--function", "bottleneck", "--format", "html"],
    );
    assert!(page.contains("<h2>The chosen program</h2>"));
    assert!(page.contains("= tanh %"));
}
