//! Files that declare sizes beyond their content:
//! an error names the file and the entry before the program allocates anything of that size.

#![cfg(unix)]

mod common;

use common::{after, folder, read, refusal, says};
use flate2::Compression;
use flate2::write::GzEncoder;
use insta::assert_snapshot;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// The program's error message, when it runs with 1 GiB of address space.
fn refuses(dir: &Path, arguments: &[&str]) -> String {
    let limits = "ulimit -v 1048576; export GRADUS_NUM_THREADS=1";
    let output = after(limits, dir, arguments)
        .output()
        .expect("the program starts");
    refusal(&output)
}

/// A safetensors file with this header and this data.
fn safetensors(path: &Path, header: &str, data: &[u8]) {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    fs::write(path, bytes).expect("a file");
}

/// The header of a file, and the bytes after it.
fn parts(bytes: &[u8]) -> (Value, &[u8]) {
    let (length, rest) = bytes.split_first_chunk::<8>().expect("a length");
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    (serde_json::from_slice(header).expect("JSON"), data)
}

/// Writes `file` with other entries of metadata.
fn with_entries(dir: &Path, file: &str, entries: &[(&str, &str)]) {
    let bytes = read(dir, "gradus-out", file);
    let (mut header, data) = parts(&bytes);
    for (key, value) in entries {
        header["__metadata__"][*key] = json!(value);
    }
    safetensors(&dir.join("changed"), &header.to_string(), data);
}

#[test]
fn models_are_compared_with_what_they_hold() {
    let dir = folder();
    says(dir.path(), &["train", "--epochs", "1", "--layers", "5"]);
    let no = |entries: &[(&str, &str)]| {
        with_entries(dir.path(), "model.safetensors", entries);
        refuses(dir.path(), &["eval", "changed"])
    };
    assert_snapshot!(no(&[("layers", "1000000,1000000")]), @"
    error: changed: its entry `layers` cannot be `1000000`; a number from 1 to 65536 is expected
    exit code 1
    ");
    assert_snapshot!(no(&[("layers", "64,60000,60000,10")]), @"
    error: changed: its entry `layers` describes a network of 3604560010 numbers, but its tensors hold 385
    exit code 1
    ");
    assert_snapshot!(no(&[("layers", "64,5,0")]), @"
    error: changed: its entry `layers` cannot be `0`; a number from 1 to 65536 is expected
    exit code 1
    ");
    assert_snapshot!(no(&[("layers", "")]), @"
    error: changed: its entry `image` is `8x8`, so the network takes 64 numbers at once, but its entry `layers` has 0 inputs
    exit code 1
    ");
    assert_snapshot!(no(&[("layers", &vec!["1"; 3_000].join(","))]), @"
    error: changed: its entry `layers` holds more than 902 numbers
    exit code 1
    ");
    assert_snapshot!(no(&[("layers", &"9".repeat(100_000))]), @"
    error: changed: its entry `layers` cannot hold `999999999999999999999999999999999999999999999999999999999999…`
    exit code 1
    ");
    assert_snapshot!(no(&[("image", "4294967295x8")]), @"
    error: changed: its entry `image` is `4294967295x8`; an image has 1 to 65536 pixels
    exit code 1
    ");
    assert_snapshot!(no(&[("image", "18446744073709551615x18446744073709551615")]), @"
    error: changed: its entry `image` is `18446744073709551615x18446744073709551615`; an image has 1 to 65536 pixels
    exit code 1
    ");
    assert_snapshot!(no(&[("image", "0x8")]), @"
    error: changed: its entry `image` is `0x8`; an image has 1 to 65536 pixels
    exit code 1
    ");
    assert_snapshot!(no(&[("image", "8")]), @"
    error: changed: its entry `image` is not the size of an image: `8`
    exit code 1
    ");
    assert_snapshot!(no(&[("image", "4x4")]), @"
    error: changed: its entry `image` is `4x4`, so the network takes 16 numbers at once, but its entry `layers` has 64 inputs
    exit code 1
    ");
    assert_snapshot!(no(&[("dtype", "i64")]), @"
    error: changed: its entry `dtype` cannot be `i64`
    exit code 1
    ");
    assert_snapshot!(no(&[("activation", "step")]), @"
    error: changed: its entry `activation` cannot be `step`
    exit code 1
    ");
    // A network of rows accepts images with any number of rows.
    let rows = [
        ("gradus", "gru-classifier 1"),
        ("layers", "8,5,10"),
        ("image", "4294967295x8"),
    ];
    assert_snapshot!(no(&rows), @"
    error: changed: its entry `image` is `4294967295x8`; an image has 1 to 65536 pixels
    exit code 1
    ");
    let rows = [
        ("gradus", "gru-classifier 1"),
        ("layers", "8,5,10"),
        ("image", "8x8"),
    ];
    assert_snapshot!(no(&rows), @"
    error: changed: has no tensor `.layers.0.input.weight`
    exit code 1
    ");
}

#[test]
fn checkpoints_are_held_to_the_limits_of_the_command_line() {
    let dir = folder();
    says(dir.path(), &["train", "--epochs", "2", "--layers", "5"]);
    let no = |entries: &[(&str, &str)]| {
        with_entries(dir.path(), "checkpoint.safetensors", entries);
        refuses(
            dir.path(),
            &["train", "--resume", "changed", "--out", "new"],
        )
    };
    assert_snapshot!(no(&[("shift", "1000000000")]), @"
    error: changed: its entry `shift` cannot be `1000000000`; a number from 0 to 16 is expected
    exit code 1
    ");
    assert_snapshot!(no(&[("shift", "-1")]), @"
    error: changed: its entry `shift` cannot be `-1`; a number from 0 to 16 is expected
    exit code 1
    ");
    assert_snapshot!(no(&[("hidden", "65536,65536")]), @"
    error: changed: its entry `hidden` and the images of UCI digits (8×8) make a network of widths [64, 65536, 65536, 10]; its entry `layers` is [64, 5, 10]
    exit code 1
    ");
    assert_snapshot!(no(&[("hidden", "1000000,1000000")]), @"
    error: changed: its entry `hidden` cannot be `1000000`; a number from 1 to 65536 is expected
    exit code 1
    ");
    assert_snapshot!(no(&[("hidden", "5"), ("layers", "64,7,10")]), @"
    error: changed: its entry `hidden` and the images of UCI digits (8×8) make a network of widths [64, 5, 10]; its entry `layers` is [64, 7, 10]
    exit code 1
    ");
    assert_snapshot!(no(&[("epochs", "18446744073709551615")]), @"
    error: changed: its entry `epochs` cannot be `18446744073709551615`; a number from 1 to 100000 is expected
    exit code 1
    ");
    assert_snapshot!(no(&[("batch", "0")]), @"
    error: changed: its entry `batch` cannot be `0`; a number from 1 to 1000000 is expected
    exit code 1
    ");
    assert_snapshot!(no(&[("lr", "nan")]), @"
    error: changed: its entry `lr` cannot be `nan`
    exit code 1
    ");
    assert_snapshot!(no(&[("clip", "-1")]), @"
    error: changed: its entry `clip` cannot be `-1`
    exit code 1
    ");
    assert_snapshot!(no(&[("weight_decay", "inf")]), @"
    error: changed: its entry `weight_decay` cannot be `inf`
    exit code 1
    ");
    assert_snapshot!(no(&[("loss", &vec!["1"; 1_000_000].join(","))]), @"
    error: changed: its entry `loss` holds more than 2 numbers
    exit code 1
    ");
    assert_snapshot!(no(&[("loss", "1")]), @"
    error: changed: its entries `loss`, `train_accuracy`, `test_loss` and `test_accuracy` are of different lengths
    exit code 1
    ");
    assert_snapshot!(no(&[("optimizer", "adan")]), @"
    error: changed: its entry `optimizer` cannot be `adan`
    exit code 1
    ");
    let interrupted = [
        ("epoch_steps", "4000000000"),
        ("epoch_loss", "1"),
        ("epoch_right", "1"),
        ("epoch_seen", "1"),
        ("epochs", "3"),
    ];
    assert_snapshot!(no(&interrupted), @"
    error: changed: it stopped after step 4000000000 of an epoch; with the images of UCI digits (8×8) an epoch has 23
    exit code 1
    ");
}

#[test]
fn headers_that_are_all_metadata_are_not_parsed() {
    let dir = folder();
    let path = dir.path().join("changed");
    let no = || refuses(dir.path(), &["eval", "changed"]);
    let entries = |n: usize| -> String {
        let all: Vec<String> = (0..n).map(|k| format!("\"{k}\":\"\"")).collect();
        format!("{{\"__metadata__\":{{{}}}}}", all.join(","))
    };
    safetensors(&path, &entries(100_000), &[]);
    assert_snapshot!(no(), @"
    error: changed: its header has an object of 100000 entries, such as `__metadata__`; the most is 10000
    exit code 1
    ");
    safetensors(&path, &entries(3_000_000), &[]);
    assert_snapshot!(no(), @"
    error: changed: its header has 37888908 bytes; the most is 16777216
    exit code 1
    ");
    // Colons and quotes inside a string are not entries.
    let text = "\\\":{".repeat(50_000);
    safetensors(
        &path,
        &format!("{{\"__metadata__\":{{\"a\":\"{text}\"}}}}"),
        &[],
    );
    assert_snapshot!(no(), @"
    error: changed: is not a model of `gradus train`: nothing in it says so
    exit code 1
    ");
    // A tensor with a million axes.
    let axes = vec!["1"; 1_000_000].join(",");
    let header = format!(
        "{{\"__metadata__\":{{\"gradus\":\"mlp-classifier 1\",\"layers\":\"1,1\",\"dtype\":\"f32\",\"image\":\"1x1\",\"activation\":\"relu\"}},\
         \".layers.0.weight\":{{\"dtype\":\"F32\",\"shape\":[{axes}],\"data_offsets\":[0,4]}},\
         \".layers.0.bias\":{{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}}}"
    );
    safetensors(&path, &header, &[0; 8]);
    assert_snapshot!(no(), @"
    error: changed: tensor `.layers.0.weight` has 1000000 axes; the most is 64
    exit code 1
    ");
}

/// Writes a file of bytes with these sizes in its header, compressed.
fn packed(path: &Path, sizes: &[u32], body: usize) {
    let mut out = GzEncoder::new(File::create(path).expect("a file"), Compression::fast());
    out.write_all(&[0, 0, 8, sizes.len() as u8]).expect("room");
    for n in sizes {
        out.write_all(&n.to_be_bytes()).expect("room");
    }
    let block = vec![0; 1 << 20];
    for start in (0..body).step_by(block.len()) {
        out.write_all(&block[..block.len().min(body - start)])
            .expect("room");
    }
    out.finish().expect("room");
}

#[test]
fn image_files_are_read_no_further_than_they_promise() {
    let dir = folder();
    let data = dir.path().join("data");
    fs::create_dir(&data).expect("a folder");
    for part in ["train", "t10k"] {
        packed(
            &data.join(format!("{part}-images-idx3-ubyte.gz")),
            &[2, 2, 2],
            8,
        );
        packed(&data.join(format!("{part}-labels-idx1-ubyte.gz")), &[2], 2);
    }
    let images = data.join("train-images-idx3-ubyte.gz");
    let no = || refuses(dir.path(), &["train", "--data", "data", "--epochs", "1"]);
    // 2 GB in 9 MB.
    packed(&images, &[2, 2, 2], 2_000_000_000);
    assert_snapshot!(no(), @"
    error: data/train-images-idx3-ubyte.gz: promises 2×2×2 bytes, but more follow the header
    exit code 1
    ");
    packed(&images, &[60_000, 500, 500], 0);
    assert_snapshot!(no(), @"
    error: data/train-images-idx3-ubyte.gz: promises 60000×500×500 bytes; the most is 1073741824
    exit code 1
    ");
    packed(&images, &[u32::MAX, u32::MAX, u32::MAX], 0);
    assert_snapshot!(no(), @"
    error: data/train-images-idx3-ubyte.gz: promises 4294967295×4294967295×4294967295 bytes; the most is 1073741824
    exit code 1
    ");
    packed(&images, &[1000, 1000, 1000], 1_000_000);
    assert_snapshot!(no(), @"
    error: data/train-images-idx3-ubyte.gz: promises 1000×1000×1000 bytes, but 1000000 follow the header
    exit code 1
    ");
    packed(&images, &[2, 1, 200_000], 400_000);
    assert_snapshot!(no(), @"
    error: data/train-images-idx3-ubyte.gz: its images are of 1×200000 pixels; the most is 65536 an image
    exit code 1
    ");
    packed(&images, &[2, 0, 0], 0);
    assert_snapshot!(no(), @"
    error: data/train-images-idx3-ubyte.gz: holds no images
    exit code 1
    ");
}
