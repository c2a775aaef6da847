//! No function is too long to read on a screen or two, except tables.

use crate::{repository, sources, written};
use std::path::{Path, PathBuf};

const MOST_LINES: usize = 80;

/// Longer functions; each of them is one table: a row for each operation, function or example.
const TABLES: &[&str] = &[
    "benches/plan.rs functions",
    "crates/gradus/tests/plans/functions.rs functions",
    "crates/gradus/tests/reference/compositions.rs composition",
    "crates/gradus/tests/reference/control/branches.rs function",
    "crates/gradus/tests/reference/control/loops.rs function",
    "crates/gradus/tests/reference/control/loops.rs conditional",
    "crates/gradus/tests/reference/control/scans.rs function",
    "crates/gradus/tests/reference/operators.rs operator",
    "crates/gradus-ad/tests/rules/regions.rs rows",
    "crates/gradus-cpu/tests/math_accuracy.rs $test",
    "crates/gradus-ir/src/primitives/unary.rs row",
];

#[test]
fn functions_have_at_most_eighty_lines_unless_they_are_tables() {
    let mut long = Vec::new();
    let mut met = 0;
    for folder in folders() {
        files(&folder, &mut |path| {
            let text = std::fs::read_to_string(path).unwrap();
            for (name, lines) in functions(&text) {
                met += 1;
                if lines > MOST_LINES {
                    long.push(format!("{} {name}", written(path)));
                }
            }
        });
    }
    assert!(met > 2000, "{met} functions were met");
    assert_eq!(long, TABLES, "functions longer than {MOST_LINES} lines");
}

/// The folders of all Rust files of the repository.
fn folders() -> Vec<PathBuf> {
    let crates = sources().into_iter().flat_map(|source| {
        let root = source.parent().unwrap();
        [source.clone(), root.join("tests")]
    });
    let others = ["benches", "examples", "src", "tests"].map(|name| repository().join(name));
    let mut all: Vec<PathBuf> = others.into_iter().chain(crates).collect();
    all.retain(|folder| folder.is_dir());
    all.sort();
    all
}

/// Calls `visit` for each Rust file below `folder`.
fn files(folder: &Path, visit: &mut impl FnMut(&Path)) {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, visit);
        } else if path.extension().is_some_and(|e| e == "rs") {
            visit(&path);
        }
    }
}

/// The functions of formatted code with their lines from `fn` to the end.
/// Functions in macros and in other functions count too.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let heads = lines.iter().enumerate().filter_map(|(at, line)| {
        let code = line.trim_start();
        let (before, rest) = match code.strip_prefix("fn ") {
            Some(rest) => ("", rest),
            None => code.split_once(" fn ")?,
        };
        let is_word = |c: char| c.is_alphanumeric() || "_()\": ".contains(c);
        if before.contains("//") || !before.chars().all(is_word) {
            return None;
        }
        let name = rest.split(['(', '<']).next().unwrap();
        Some((at, line.len() - code.len(), name.to_string()))
    });
    heads
        .filter_map(|(at, indent, name)| {
            let end = format!("{:indent$}}}", "");
            // A function that ends on its first line has no end line of its own.
            let is_end = |line: &&str| **line == end || line.len() <= indent && !line.is_empty();
            let lines = lines[at + 1..].iter().position(is_end)?;
            Some((name, lines + 2))
        })
        .collect()
}

#[test]
fn functions_are_counted_from_the_first_line_to_the_last() {
    let text = "impl A {\n    pub(crate) fn a(\n        x: u8,\n    ) {\n        x\n    }\n\n    fn b() {}\n}\n// no fn c()\nconst fn d<T>() {\n}\n";
    let found = functions(text);
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "b", "d"]);
    assert_eq!((found[0].1, found[2].1), (5, 2));
}
