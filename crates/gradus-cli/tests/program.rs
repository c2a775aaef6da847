//! The program as a user runs it: training, resuming, measuring, predicting, and its messages.

mod common;

use common::{
    folder, gradus, read, refuses, resumed_ends_in_the_same_bits, says, text,
    threads_make_no_difference,
};
use insta::assert_snapshot;
use std::fs;
use std::path::Path;
use std::process::Command;

fn model(dir: &Path, out: &str) -> Vec<u8> {
    read(dir, out, "model.safetensors")
}

/// A short run.
const SHORT: [&str; 5] = ["train", "--epochs", "4", "--layers", "24"];

fn short(more: &[&'static str]) -> Vec<&'static str> {
    [&SHORT, more].concat()
}

#[test]
fn the_digits_are_learnt() {
    let dir = folder();
    let said = says(dir.path(), &["train", "--epochs", "30"]);
    let last = said.lines().last().expect("a last line");
    let percent: f64 = last
        .split(' ')
        .nth(2)
        .and_then(|w| w.parse().ok())
        .expect(last);
    assert!(percent >= 96.0, "{last}");
    for what in [
        "reverse mode needs 9 times fewer operations",
        "confusion matrix",
        "training loss",
        "s a step", // µs, or ms on a busy machine
        "where a step",
    ] {
        assert!(said.contains(what), "no `{what}` in\n{said}");
    }
    for file in ["model.safetensors", "checkpoint.safetensors", "loss.svg"] {
        assert!(
            dir.path().join("gradus-out").join(file).is_file(),
            "{file} is missing"
        );
    }
    let measured = says(dir.path(), &["eval", "gradus-out/model.safetensors"]);
    assert_eq!(measured.lines().last(), Some(last));
}

#[test]
fn the_result_depends_on_the_seed_alone() {
    let layers = ["--epochs", "2", "--layers", "300,200", "--batch", "256"];
    threads_make_no_difference(&layers);
    let dir = folder();
    says(dir.path(), &short(&["--out", "a"]));
    says(dir.path(), &short(&["--out", "b"]));
    says(dir.path(), &short(&["--out", "c", "--seed", "1"]));
    assert!(model(dir.path(), "a") == model(dir.path(), "b"));
    assert!(model(dir.path(), "a") != model(dir.path(), "c"));
}

#[test]
fn a_run_that_is_resumed_ends_in_the_same_bits() {
    let kinds: [&[&str]; 4] = [
        &["--optimizer", "adamw"],
        &[
            "--optimizer",
            "nesterov",
            "--schedule",
            "warmup-cosine",
            "--dtype",
            "f64",
        ],
        &[
            "--optimizer",
            "sgd",
            "--clip",
            "1",
            "--weight-decay",
            "0.001",
        ],
        &["--shift", "1", "--activation", "gelu", "--schedule", "step"],
    ];
    for options in kinds {
        resumed_ends_in_the_same_bits(&SHORT, options);
    }
}

#[test]
fn pictures_are_read() {
    let dir = folder();
    says(dir.path(), &["train", "--epochs", "20"]);
    // A digit 1 in ink on paper, larger than the network's images.
    let picture = image::GrayImage::from_fn(64, 64, |x, y| {
        let ink = (26..38).contains(&x) && (4..60).contains(&y);
        image::Luma([if ink { 20 } else { 240 }])
    });
    picture.save(dir.path().join("one.png")).expect("a picture");
    let said = says(
        dir.path(),
        &["predict", "gradus-out/model.safetensors", "one.png"],
    );
    let best = said.lines().find(|l| l.contains('%')).expect("a guess");
    assert!(best.starts_with("1 "), "{said}");
}

#[test]
fn mistakes_on_the_command_line_are_explained() {
    let dir = folder();
    let no = |arguments: &[&str]| refuses(dir.path(), arguments);
    assert_snapshot!(no(&["train", "--lr", "-1"]), @"
    error: invalid value '-1' for '--lr <LR>': a positive number is needed

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(no(&["train", "--lr=fast"]), @"
    error: invalid value 'fast' for '--lr <LR>': a positive number is needed

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(no(&["train", "--optimizer", "adan"]), @"
    error: invalid value 'adan' for '--optimizer <OPTIMIZER>'
      [possible values: sgd, momentum, nesterov, adam, adamw]

      tip: a similar value exists: 'adam'

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(no(&["train", "--layers", "32,0"]), @"
    error: invalid value '0' for '--layers <N,N>': 0 is not in 1..=65536

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(no(&["train", "--activation", "step"]), @"
    error: invalid value 'step' for '--activation <ACTIVATION>': the activations are relu, tanh, sigmoid, gelu, silu, softplus

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(no(&["train", "--epochs", "0"]), @"
    error: invalid value '0' for '--epochs <EPOCHS>': 0 is not in 1..=100000

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(no(&["train", "--epoch", "3"]), @"
    error: unexpected argument '--epoch' found

      tip: a similar argument exists: '--epochs'

    Usage: gradus train --epochs <EPOCHS>

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(no(&["train", "--resume", "x", "--lr", "1"]), @"
    error: the argument '--resume <FILE>' cannot be used with '--lr <LR>'

    Usage: gradus train --resume <FILE>

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(no(&["eval"]), @"
    error: the following required arguments were not provided:
      <MODEL>

    Usage: gradus eval <MODEL>

    For more information, try '--help'.
    exit code 2
    ");
}

#[test]
fn chains_are_explained() {
    let dir = folder();
    let said = says(dir.path(), &["explain", "--dims", "1000,50,8,50,1000"]);
    assert!(said.contains("mixed    (J4·J3)·(J2·J1)"), "{said}");
    let said = says(
        dir.path(),
        &["explain", "--dims", "64,128,10", "--scalar-loss"],
    );
    assert!(said.contains("64 → 128 → 10 → 1 "), "{said}");
    let no = |arguments: &[&str]| refuses(dir.path(), arguments);
    assert_snapshot!(no(&["explain"]), @"
    error: the following required arguments were not provided:
      <--dims <N,N,N>|--function <NAME>|--list>

    Usage: gradus explain <--dims <N,N,N>|--function <NAME>|--list>

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(no(&["explain", "--dims", "5"]), @"
    error: --dims: a chain needs at least an input and an output width, got [5]
    exit code 1
    ");
    assert_snapshot!(no(&["explain", "--dims", "5,0,3"]), @"
    error: --dims: widths must be positive; number 2 of 3 is 0
    exit code 1
    ");
    assert_snapshot!(no(&["explain", "--dims", "5,x"]), @"
    error: invalid value 'x' for '--dims <N,N,N>': invalid digit found in string

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(no(&["explain", "--dims", "5,99999999999"]), @"
    error: --dims: a chain has at most 1001 widths of at most 4294967296
    exit code 1
    ");
}

#[test]
fn formulas_are_differentiated() {
    let dir = folder();
    let dot = dir.path().join("slope.dot");
    let said = says(
        dir.path(),
        &["diff", "-x^2", "--at", "x=3", "--dot", "slope.dot"],
    );
    assert_snapshot!(said, @"
    value  -9.0

    gradient
      x  -6.0

    Hessian, its rows and columns by x
      [[-2.]]

    the derivative as a program:
    # %0 is x
    graph(%0: f64[]) {
      %1: f64[] = mul %0, %0
      %2: f64[] = neg %1
      %3: f64[] = const -2.0
      %4: f64[] = mul %0, %3
      return %4
    }
    ");
    let drawn = fs::read_to_string(dot).expect("a drawing");
    assert!(drawn.starts_with("digraph gradus {"), "{drawn}");
    let output = gradus(dir.path(), &["diff", "x", "--at", "x=1,other=2"]);
    assert!(output.status.success());
    assert_snapshot!(text(&output.stderr), @"note: `other` does not occur in the formula");
    let help = says(dir.path(), &["diff", "--help"]);
    assert!(help.contains("asinh acosh atanh"), "{help}");
    let no = |arguments: &[&str]| refuses(dir.path(), arguments);
    assert_snapshot!(no(&["diff", "sine(x) + 1", "--at", "x=1"]), @"
    error: there is no function `sine`; did you mean `sin`?
      sine(x) + 1
      ^^^^
    exit code 1
    ");
    assert_snapshot!(no(&["diff", "x", "--at", "x=1,x=2"]), @"
    error: --at: `x` is given twice
      x=1,x=2
          ^
    exit code 1
    ");
    assert_snapshot!(no(&["diff", "x", "--at", "x=1", "--dot", "nowhere/slope.dot"]), @"
    error: nowhere/slope.dot: cannot be written: No such file or directory (os error 2)
    exit code 1
    ");
    assert_snapshot!(no(&["diff", "x"]), @"
    error: the following required arguments were not provided:
      --at <NAME=VALUE,...>

    Usage: gradus diff --at <NAME=VALUE,...> <FORMULA>

    For more information, try '--help'.
    exit code 2
    ");
    let deep = "(".repeat(100_000);
    assert!(no(&["diff", &deep, "--at", "x=1"]).ends_with("exit code 1"));
}

#[test]
fn output_that_nobody_reads_is_no_mistake() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gradus"));
    let widths = ["7"; 600].join(",");
    command.args(["explain", "--dims", &widths]);
    command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(0), String::new())
    );
}

#[test]
fn files_that_do_not_fit_are_explained() {
    let dir = folder();
    let no = |arguments: &[&str]| refuses(dir.path(), arguments);
    says(dir.path(), &short(&[]));
    assert_snapshot!(no(&["train", "--data", "nowhere"]), @"
    error: nowhere: there is no such folder
    exit code 1
    ");
    assert_snapshot!(no(&["eval", "none.safetensors"]), @"
    error: none.safetensors: cannot be read: No such file or directory (os error 2)
    exit code 1
    ");
    assert_snapshot!(no(&["train", "--resume", "gradus-out/model.safetensors"]), @"
    error: gradus-out/model.safetensors: is not a checkpoint of `gradus train`: it says `mlp-classifier 1`, expected `training-checkpoint 1`
    exit code 1
    ");
    assert_snapshot!(no(&["eval", "gradus-out/checkpoint.safetensors"]), @"
    error: gradus-out/checkpoint.safetensors: is not a model of `gradus train`: it says `training-checkpoint 1`, expected `mlp-classifier 1` or `gru-classifier 1`
    exit code 1
    ");
    let bytes = model(dir.path(), "gradus-out");
    fs::write(
        dir.path().join("cut.safetensors"),
        &bytes[..bytes.len() / 2],
    )
    .expect("a file");
    assert_snapshot!(no(&["eval", "cut.safetensors"]), @"
    error: cut.safetensors: is no complete safetensors file: incomplete metadata, file not fully covered
    exit code 1
    ");
    fs::write(dir.path().join("text.safetensors"), "hello").expect("a file");
    assert_snapshot!(no(&["eval", "text.safetensors"]), @"
    error: text.safetensors: is no complete safetensors file: header too small
    exit code 1
    ");
    assert_snapshot!(no(&["predict", "gradus-out/model.safetensors", "text.safetensors"]), @"
    error: text.safetensors: is no picture: The image format could not be determined
    exit code 1
    ");
    assert_snapshot!(no(&["predict", "gradus-out/model.safetensors", "none.png"]), @"
    error: none.png: cannot be read: No such file or directory (os error 2)
    exit code 1
    ");
    fs::write(dir.path().join("file"), "").expect("a file");
    assert_snapshot!(no(&["train", "--epochs", "1", "--out", "file"]), @"
    error: file: cannot be made: File exists (os error 17)
    exit code 1
    ");
}

/// An IDX file of unsigned bytes.
fn idx(sizes: &[u32], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, sizes.len() as u8];
    bytes.extend(sizes.iter().flat_map(|n| n.to_be_bytes()));
    bytes.extend(data);
    bytes
}

/// Writes six images of 2×2 in three classes into a new folder; gives their labels.
fn small_images(folder: &Path) -> [u8; 6] {
    fs::create_dir(folder).expect("a folder");
    let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).expect("a file");
    let images: Vec<u8> = (0..6 * 4).map(|i| (i * 10) as u8).collect();
    let labels = [0, 1, 2, 0, 1, 2];
    for part in ["train", "t10k"] {
        write(
            &format!("{part}-images-idx3-ubyte"),
            &idx(&[6, 2, 2], &images),
        );
        write(&format!("{part}-labels-idx1-ubyte"), &idx(&[6], &labels));
    }
    labels
}

/// One epoch on the images of the folder `data`.
const SMALL_TRAIN: [&str; 9] = [
    "train", "--data", "data", "--epochs", "1", "--layers", "3", "--batch", "4",
];

#[test]
fn idx_files_are_read() {
    let dir = folder();
    let labels = small_images(&dir.path().join("data"));
    let images: Vec<u8> = (0..18).map(|i| (i * 10) as u8).collect();
    says(dir.path(), &SMALL_TRAIN);
    // A network for other images.
    assert_snapshot!(refuses(dir.path(), &["eval", "gradus-out/model.safetensors"]), @"
    error: gradus-out/model.safetensors: the network reads images of 2×2 in 3 classes, but the images of UCI digits (8×8) are 8×8 in 10 classes
    exit code 1
    ");
    // A checkpoint of another network.
    let other = dir.path().join("other");
    fs::create_dir(&other).expect("a folder");
    for part in ["train", "t10k"] {
        let bytes = idx(&[2, 3, 3], &images);
        fs::write(other.join(format!("{part}-images-idx3-ubyte")), bytes).expect("a file");
        let bytes = idx(&[2], &labels[..2]);
        fs::write(other.join(format!("{part}-labels-idx1-ubyte")), bytes).expect("a file");
    }
    let resume = [
        "train",
        "--resume",
        "gradus-out/checkpoint.safetensors",
        "--data",
        "other",
        "--epochs",
        "3",
    ];
    assert_snapshot!(refuses(dir.path(), &resume), @"
    error: gradus-out/checkpoint.safetensors: the run was on images of 2×2, but the images of other are 3×3
    exit code 1
    ");
}

#[test]
fn faults_of_idx_files_are_explained() {
    let dir = folder();
    let data = dir.path().join("data");
    let labels = small_images(&data);
    let write = |name: &str, bytes: &[u8]| fs::write(data.join(name), bytes).expect("a file");
    let no = || refuses(dir.path(), &SMALL_TRAIN);
    write("train-labels-idx1-ubyte", &idx(&[5], &labels[..5]));
    assert_snapshot!(no(), @"
    error: data/train-labels-idx1-ubyte: holds 5 labels, but data/train-images-idx3-ubyte holds 6 images
    exit code 1
    ");
    write("train-labels-idx1-ubyte", &idx(&[6], &labels[..4]));
    assert_snapshot!(no(), @"
    error: data/train-labels-idx1-ubyte: promises 6 bytes, but 4 follow the header
    exit code 1
    ");
    write(
        "train-labels-idx1-ubyte",
        b"\x00\x00\x0d\x01\x00\x00\x00\x06",
    );
    assert_snapshot!(no(), @"
    error: data/train-labels-idx1-ubyte: is not an IDX file of bytes of rank 1: it begins with 0x00000d01 instead of 0x00000801
    exit code 1
    ");
    write("train-labels-idx1-ubyte", b"PK");
    assert_snapshot!(no(), @"
    error: data/train-labels-idx1-ubyte: ends after 2 bytes, within the header of 8 bytes
    exit code 1
    ");
    write("train-labels-idx1-ubyte.gz", b"\x1f\x8b no gzip");
    fs::remove_file(data.join("train-labels-idx1-ubyte")).expect("it was there");
    assert_snapshot!(no(), @"
    error: data/train-labels-idx1-ubyte.gz: cannot be decompressed: invalid gzip header
    exit code 1
    ");
    fs::remove_file(data.join("train-labels-idx1-ubyte.gz")).expect("it was there");
    assert_snapshot!(no(), @"
    error: data: there is no file train-labels-idx1-ubyte or train-labels-idx1-ubyte.gz
    exit code 1
    ");
    write("train-labels-idx1-ubyte", &idx(&[6], &labels));
    write(
        "train-images-idx3-ubyte",
        &idx(&[u32::MAX, u32::MAX, u32::MAX], &[]),
    );
    assert_snapshot!(no(), @"
    error: data/train-images-idx3-ubyte: promises 4294967295×4294967295×4294967295 bytes; the most is 1073741824
    exit code 1
    ");
}

/// `gradus calibrate` with its folder of rates at `cache`.
fn calibrate(cache: &Path, options: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gradus"));
    command.arg("calibrate").args(options);
    command
        .env("XDG_CACHE_HOME", cache)
        .output()
        .expect("the program starts")
}

#[test]
fn rates_are_measured_kept_shown_and_forgotten() {
    let dir = folder();
    let path = dir.path().join("gradus").join("profile");
    let says = |options: &[&str]| {
        let output = calibrate(dir.path(), options);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let shown = path.display().to_string();
        text(&output.stdout).replace(&shown, "PROFILE")
    };
    assert_snapshot!(says(&["--show"]), @"
    product_f32       2.40e11 operations/s
    product_f64       1.20e11 operations/s
    arithmetic        1.20e10 operations/s
    transcendental     7.50e8 functions/s
    reduction         1.80e10 elements/s
    indexing           2.00e8 elements/s
    cache             8.00e10 bytes/s
    memory            2.00e10 bytes/s
    launch            5.00e-8 s a kernel
    built in; `gradus calibrate` measures this machine, there is no PROFILE
    ");
    assert_snapshot!(says(&["--reset"]), @"nothing to forget: there is no PROFILE");
    let tried = says(&["--dry-run"]);
    assert!(
        tried.starts_with("rate             measured    before   change  spread  unit\n"),
        "{tried}"
    );
    assert!(
        tried.ends_with("not kept: without --dry-run these rates would be kept in PROFILE\n"),
        "{tried}"
    );
    assert!(!path.exists());
    let measured = says(&[]);
    assert!(
        measured.ends_with("kept in PROFILE; plans use these rates from now on\n"),
        "{measured}"
    );
    let kept = fs::read_to_string(&path).expect("the rates");
    assert_eq!(kept.lines().count(), 9);
    for (line, row) in kept.lines().zip(measured.lines().skip(1)) {
        let (name, value) = line.split_once(' ').expect("a name and a rate");
        let value: f64 = value.parse().expect(line);
        assert!(value > 0.0 && value.is_finite(), "{line}");
        // The command shows the rates that it saves.
        let mut words = row.split_whitespace();
        let shown = (words.next(), words.next().map(str::to_string));
        assert_eq!(shown, (Some(name), Some(format!("{value:.2e}"))));
    }
    let shown = says(&["--show"]);
    assert!(
        shown.ends_with("measured on this machine, from PROFILE\n"),
        "{shown}"
    );
    assert!(
        fs::read_to_string(&path).expect("the rates") == kept,
        "showing changes nothing"
    );
    assert_snapshot!(says(&["--reset"]), @"PROFILE is removed; plans use the built-in rates from now on");
    assert!(!path.exists());
}

#[test]
fn rates_that_cannot_be_read_or_kept_are_explained() {
    let dir = folder();
    let path = dir.path().join("gradus").join("profile");
    let says = |options: &[&str]| {
        let output = calibrate(dir.path(), options);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let shown = path.display().to_string();
        text(&output.stdout).replace(&shown, "PROFILE")
    };
    fs::create_dir(dir.path().join("gradus")).expect("a folder");
    fs::write(&path, "speed 1\n").expect("a file");
    let damaged = says(&["--show"]);
    assert!(
        damaged
            .contains("\nbuilt in; PROFILE cannot be understood: profile: line 1 must be one of"),
        "{damaged}"
    );
    assert_snapshot!(text(&calibrate(dir.path(), &["--show", "--reset"]).stderr), @"
    error: the argument '--show' cannot be used with '--reset'

    Usage: gradus calibrate --show

    For more information, try '--help'.
    ");
    // A folder that cannot be written gives an error message.
    let file = dir.path().join("file");
    fs::write(&file, "").expect("a file");
    let output = calibrate(&file, &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains("error: ") && said.contains("gradus/profile: "),
        "{said}"
    );
}
