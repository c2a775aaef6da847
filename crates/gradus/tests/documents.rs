//! The documents at the root are true: what they name exists.

use std::fs;
use std::path::Path;

/// Paths that stand in `text` between backticks or as the target of a link, relative to the root.
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
        ".ci/",
        "ARCHITECTURE",
        "CONTRIBUTING",
        "CHANGELOG",
    ];
    quoted
        .chain(linked)
        .filter(|p| roots.iter().any(|r| p.starts_with(r)) && !p.contains([' ', '*', '<']))
        .map(str::to_string)
        .collect()
}

#[test]
fn documents_name_only_what_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for document in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
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
