//! The documents at the root are true: the files that they name exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Paths in `text` between backticks or as the target of a link, relative to the root.
fn paths(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let linked = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let roots = [
        "crates/",
        "tests/",
        "benches/",
        "examples/",
        "docs/",
        ".ci/",
        "ARCHITECTURE",
        "CONTRIBUTING",
        "CHANGELOG",
    ];
    // README also appears on other sites, so its links are complete addresses.
    let repositories = [
        "https://github.com/gradus-rs/gradus/",
        "https://raw.githubusercontent.com/gradus-rs/gradus/",
    ];
    let linked = linked.map(|link| {
        let here = repositories.iter().any(|r| link.starts_with(r));
        let path = link.split_once("/main/").filter(|_| here);
        path.map_or(link, |(_, path)| path)
    });
    quoted
        .chain(linked)
        .filter(|p| roots.iter().any(|r| p.starts_with(r)) && !p.contains([' ', '*', '<']))
        .map(str::to_string)
        .collect()
}

#[test]
fn documents_name_only_what_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for document in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "benches/README.md",
    ] {
        let text = fs::read_to_string(root.join(document)).unwrap();
        let found = paths(&text);
        assert!(!found.is_empty(), "{document} names no paths");
        for path in found {
            assert!(
                root.join(&path).exists(),
                "{document} names {path}, which does not exist"
            );
        }
    }
}

#[test]
fn the_cookbook_lists_its_programs_and_runs_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/cookbook");
    let table = fs::read_to_string(folder.join("README.md")).unwrap();
    let runner = fs::read_to_string(folder.join("main.rs")).unwrap();
    let files = fs::read_dir(&folder).unwrap();
    let mut programs = BTreeSet::new();
    for file in files {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_string();
        if path.extension().is_some_and(|e| e == "rs") && name != "main" {
            programs.insert(name);
        }
    }
    let mut listed = BTreeSet::new();
    for row in table
        .lines()
        .filter(|l| l.starts_with("| ") && !l.contains("---"))
    {
        let Some(cell) = row.trim_end_matches('|').split('|').next_back() else {
            panic!("no cells in {row}");
        };
        let links: Vec<&str> = cell.split("](").skip(1).collect();
        let explained = ["the next page", "program"];
        let cell = cell.trim();
        assert!(
            !links.is_empty() || explained.iter().any(|e| cell.starts_with(e)),
            "a section without a program: {row}"
        );
        for link in links {
            let file = link.split(')').next().unwrap();
            listed.insert(file.strip_suffix(".rs").unwrap().to_string());
        }
    }
    assert_eq!(programs, listed, "files, and links of the table");
    for name in programs {
        let runs =
            runner.contains(&format!("\"{name}\",")) && runner.contains(&format!("{name}::main"));
        assert!(runs, "main.rs does not run {name}");
    }
}

/// A packed crate has everything that it needs: its description, its licences,
/// and the files that its sources include.
#[test]
fn crates_can_be_published() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for entry in fs::read_dir(crates).unwrap() {
        let folder = entry.unwrap().path();
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        if manifest.contains("publish = false") {
            continue;
        }
        for file in ["README.md", "LICENSE-MIT", "LICENSE-APACHE"] {
            assert!(
                folder.join(file).exists(),
                "{} lacks {file}",
                folder.display()
            );
        }
        for key in [
            "description",
            "keywords",
            "categories",
            "include",
            "documentation",
            "[package.metadata.docs.rs]",
        ] {
            let found = manifest.lines().any(|line| line.starts_with(key));
            assert!(found, "{} lacks {key}", folder.display());
        }
        let mut open = vec![folder.join("src")];
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
                continue;
            }
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            let depth = path.strip_prefix(&folder).unwrap().components().count() - 1;
            for included in text.split("include_str!(\"").skip(1) {
                let ups = included.split('"').next().unwrap().matches("../").count();
                assert!(
                    ups <= depth,
                    "{} includes a file outside of its crate",
                    path.display()
                );
            }
        }
    }
}

/// `cargo package --workspace` refuses a dependency that has a path and no version.
#[test]
fn dependencies_with_a_path_have_a_version() {
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")];
    let mut found = 0;
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                open.push(path);
            } else if name == "Cargo.toml" {
                let manifest = fs::read_to_string(&path).unwrap();
                // The root's are checked by Cargo where a member uses them; those of tests alone need no version.
                if manifest.contains("[workspace]") {
                    continue;
                }
                for line in manifest.lines().filter(|l| l.contains("{ ")) {
                    if line.contains("path = ") {
                        found += 1;
                        let place = path.display();
                        assert!(line.contains("version = "), "{place}: {line}");
                    }
                }
            }
        }
    }
    assert!(found > 0, "no dependency with a path was found");
}
