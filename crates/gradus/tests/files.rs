//! Files of trees: they appear complete or not at all, and their headers are compared with their contents.

use gradus::io;
use gradus::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;

/// The names of the files in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[test]
fn what_cannot_be_written_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    // A folder with that name cannot be replaced by a file.
    let path = dir.path().join("taken");
    fs::create_dir(&path).unwrap();
    let x = Tensor::from([1.0, 2.0]);
    let error = io::save(&path, &x, &BTreeMap::new()).unwrap_err();
    assert!(
        error.message().contains("taken: cannot be written: "),
        "{error}"
    );
    assert_eq!(names(dir.path()), ["taken"]);
    assert!(io::write_whole(dir.path().join("no/folder"), b"text").is_err());
    assert_eq!(names(dir.path()), ["taken"]);
}

#[test]
fn what_stood_there_stays_until_the_new_file_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    io::write_whole(&path, b"first").unwrap();
    io::write_whole(&path, b"second").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"second");
    assert_eq!(names(dir.path()), ["file"]);
}

#[test]
fn writers_of_one_file_do_not_mix() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    thread::scope(|scope| {
        for k in 0..8u8 {
            let path = &path;
            scope.spawn(move || {
                for _ in 0..10 {
                    io::write_whole(path, &vec![k; 100_000]).unwrap();
                }
            });
        }
    });
    let bytes = fs::read(&path).unwrap();
    assert_eq!(bytes.len(), 100_000);
    assert!(bytes.iter().all(|b| *b == bytes[0]));
    assert_eq!(names(dir.path()), ["file"]);
}

#[test]
fn shapes_are_read_without_the_tensors() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let tree = (Tensor::zeros(&[2, 3], F32), Tensor::from(1.0));
    io::save(&path, &tree, &BTreeMap::new()).unwrap();
    let expected = [(".0".to_string(), vec![2, 3]), (".1".to_string(), vec![])];
    assert_eq!(io::shapes(&path).unwrap(), expected.into());
}

/// A file with this header and nothing after it.
fn message(header: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    fs::write(&path, bytes).unwrap();
    match io::metadata(&path) {
        Ok(entries) => format!("{} entries", entries.len()),
        Err(error) => error.message().split_once(": ").unwrap().1.to_string(),
    }
}

#[test]
fn headers_have_limits() {
    let entries = |n: usize| {
        let all: Vec<String> = (0..n).map(|k| format!("\"{k}\":\"a:{{b\\\"\"")).collect();
        format!("{{\"__metadata__\":{{{}}}}}", all.join(","))
    };
    assert_eq!(message(&entries(10_000)), "10000 entries");
    assert_eq!(
        message(&entries(10_001)),
        "its header has an object of 10001 entries, such as `__metadata__`; the most is 10000"
    );
    let long = format!(
        "{{\"__metadata__\":{{\"a\":\"{}\"}}}}",
        "b".repeat(16 << 20)
    );
    assert_eq!(
        message(&long),
        "its header has 16777241 bytes; the most is 16777216"
    );
    // Deeply nested objects are refused by the parser, and do not overflow the stack.
    let deep = message(&"{\"a\":".repeat(1_000_000));
    assert!(
        deep.starts_with("is no complete safetensors file"),
        "{deep}"
    );
}
