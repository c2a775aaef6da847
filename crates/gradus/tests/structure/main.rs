//! Tests the structure of the sources of all crates: which files import which, and how long functions are.

mod circles;
mod lengths;
mod modules;

use std::path::{Path, PathBuf};

/// The root of the repository.
fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The folders of sources of all crates.
fn sources() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = (std::fs::read_dir(repository().join("crates")).unwrap())
        .map(|entry| entry.unwrap().path().join("src"))
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    assert!(found.len() > 5, "{found:?}");
    found
}

/// `path` as ARCHITECTURE.md writes it.
fn written(path: &Path) -> String {
    let path = path.strip_prefix(repository()).unwrap();
    path.display().to_string().replace('\\', "/")
}
