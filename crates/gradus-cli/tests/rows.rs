//! The digits read row by row: a recurrent network in the program.

mod common;

use common::{
    folder, read, refuses, resumed_ends_in_the_same_bits, says, threads_make_no_difference,
};
use insta::assert_snapshot;
use std::fs;

#[test]
fn the_digits_are_learnt_row_by_row() {
    let dir = folder();
    let said = says(dir.path(), &["train", "--task", "rows", "--epochs", "25"]);
    let last = said.lines().last().expect("a last line");
    let percent = last.split(' ').nth(2).and_then(|w| w.parse::<f64>().ok());
    assert!(percent.is_some_and(|p| p >= 95.0), "{last}");
    for what in [
        "gru, f32, seed 0",
        "through 8 steps that pass on 64 numbers, 10 scores and the loss",
        "reverse mode needs 56 times fewer operations",
        "confusion matrix",
        "training loss",
        "  loops\n",
    ] {
        assert!(said.contains(what), "no `{what}` in\n{said}");
    }
    let measured = says(dir.path(), &["eval", "gradus-out/model.safetensors"]);
    assert_eq!(measured.lines().last(), Some(last));
    let one = image::GrayImage::from_fn(8, 8, |x, _| {
        image::Luma([if (3..5).contains(&x) { 250 } else { 0 }])
    });
    one.save(dir.path().join("one.png")).expect("a picture");
    let said = says(
        dir.path(),
        &["predict", "gradus-out/model.safetensors", "one.png"],
    );
    let best = said.lines().find(|l| l.contains('%')).expect("a guess");
    assert!(best.starts_with("1 "), "{said}");
}

#[test]
fn the_result_does_not_depend_on_the_threads() {
    let layers = ["--layers", "96,64", "--batch", "256", "--epochs", "1"];
    threads_make_no_difference(&[&["--task", "rows"], &layers[..]].concat());
}

#[test]
fn a_run_that_is_resumed_ends_in_the_same_bits() {
    let begin = ["train", "--task", "rows", "--epochs", "4", "--layers", "24"];
    let kinds: [&[&str]; 2] = [
        &["--clip", "1"],
        &["--shift", "1", "--optimizer", "momentum", "--dtype", "f64"],
    ];
    for options in kinds {
        resumed_ends_in_the_same_bits(&begin, options);
    }
}

#[test]
fn mistakes_are_explained() {
    let dir = folder();
    let no = |arguments: &[&str]| refuses(dir.path(), arguments);
    assert_snapshot!(no(&["train", "--task", "row"]), @"
    error: invalid value 'row' for '--task <TASK>'
      [possible values: digits, rows]

      tip: a similar value exists: 'rows'

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(no(&["train", "--task", "rows", "--activation", "tanh"]), @"
    error: --activation: the gates of a GRU have functions of their own; leave it out with --task rows
    exit code 1
    ");
    assert_snapshot!(no(&["train", "--resume", "x", "--task", "rows"]), @"
    error: the argument '--resume <FILE>' cannot be used with '--task <TASK>'

    Usage: gradus train --resume <FILE>

    For more information, try '--help'.
    exit code 2
    ");
}

#[test]
fn files_say_which_network_is_in_them() {
    let dir = folder();
    let train = ["train", "--epochs", "1", "--layers", "16", "--out"];
    says(dir.path(), &[&train[..], &["digits"]].concat());
    says(
        dir.path(),
        &[&train[..], &["rows", "--task", "rows"]].concat(),
    );
    // The same file with other words of the same length in its header.
    let changed = |out: &str, file: &str, old: &str, new: &str| {
        assert_eq!(old.len(), new.len());
        let mut bytes = read(dir.path(), out, file);
        let at = bytes.windows(old.len()).position(|w| w == old.as_bytes());
        let at = at.unwrap_or_else(|| panic!("no `{old}` in {file}"));
        bytes[at..at + old.len()].copy_from_slice(new.as_bytes());
        fs::write(dir.path().join("changed"), bytes).expect("a file");
    };
    let (model, checkpoint) = ("model.safetensors", "checkpoint.safetensors");
    let no = |arguments: &[&str]| refuses(dir.path(), arguments);
    changed("rows", model, "gru-classifier 1", "gru-classifier 9");
    assert_snapshot!(no(&["eval", "changed"]), @"
    error: changed: is not a model of `gradus train`: it says `gru-classifier 9`, expected `mlp-classifier 1` or `gru-classifier 1`
    exit code 1
    ");
    changed("rows", model, "\"8,16,10\"", "\"8,00,10\"");
    assert_snapshot!(no(&["eval", "changed"]), @"
    error: changed: its entry `layers` cannot be `0`; a number from 1 to 65536 is expected
    exit code 1
    ");
    changed("rows", model, "\"8,16,10\"", "\"7,16,10\"");
    assert_snapshot!(no(&["eval", "changed"]), @"
    error: changed: its entry `image` is `8x8`, so the network takes 8 numbers at once, but its entry `layers` has 7 inputs
    exit code 1
    ");
    changed("rows", checkpoint, "\"task\":\"rows\"", "\"task\":\"lows\"");
    assert_snapshot!(no(&["train", "--resume", "changed", "--epochs", "2"]), @"
    error: changed: its entry `task` cannot be `lows`
    exit code 1
    ");
    // Older checkpoints name no task.
    changed("digits", checkpoint, "\"task\"", "\"desk\"");
    let resume = ["train", "--epochs", "2", "--resume"];
    says(
        dir.path(),
        &[&resume[..], &["changed", "--out", "old"]].concat(),
    );
    let now = "digits/checkpoint.safetensors";
    says(dir.path(), &[&resume[..], &[now, "--out", "new"]].concat());
    assert!(read(dir.path(), "old", model) == read(dir.path(), "new", model));
}

#[test]
fn images_of_other_sizes() {
    let dir = folder();
    let data = dir.path().join("data");
    fs::create_dir(&data).expect("a folder");
    let idx = |sizes: &[u32], values: &[u8]| {
        let sizes_in_bytes = sizes.iter().flat_map(|n| n.to_be_bytes());
        let head = [0, 0, 8, sizes.len() as u8].into_iter();
        let bytes: Vec<u8> = head.chain(sizes_in_bytes).chain(values.to_vec()).collect();
        bytes
    };
    let images: Vec<u8> = (0..6 * 6).map(|i| i * 7).collect();
    for part in ["train", "t10k"] {
        let write = |name: &str, bytes: Vec<u8>| {
            fs::write(data.join(format!("{part}-{name}-ubyte")), bytes).expect("a file");
        };
        write("images-idx3", idx(&[6, 3, 2], &images));
        write("labels-idx1", idx(&[6], &[0, 1, 2, 0, 1, 2]));
    }
    let options = ["--epochs", "1", "--layers", "5,4", "--data", "data"];
    let said = says(
        dir.path(),
        &[&["train", "--task", "rows"], &options[..]].concat(),
    );
    assert!(
        said.contains("3 steps that pass on 9 numbers, 3 scores"),
        "{said}"
    );
    says(
        dir.path(),
        &["eval", "gradus-out/model.safetensors", "--data", "data"],
    );
    assert_snapshot!(refuses(dir.path(), &["eval", "gradus-out/model.safetensors"]), @"
    error: gradus-out/model.safetensors: the network reads images of 3×2 in 3 classes, but the images of UCI digits (8×8) are 8×8 in 10 classes
    exit code 1
    ");
}
