//! Folders of IDX files: the images and labels of the training part and the test part.

use super::Read;
use crate::random::Random;
use flate2::Compression;
use flate2::write::GzEncoder;
use gradus_cli::inputs;
use std::fs;
use std::io::Write;
use std::path::Path;

const FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// A byte that selects the damaged file and its compression, followed by that file.
pub fn made(random: &mut Random) -> Vec<u8> {
    let which = random.below(FILES.len());
    let mut bytes = good(which);
    if random.one_in(2) {
        size(random, &mut bytes);
    }
    if random.one_in(20) {
        let more = random.below(1 << 22);
        bytes.resize(bytes.len() + more, 0);
    }
    let compressed = random.one_in(2);
    if compressed {
        if random.one_in(2) {
            random.damage(&mut bytes);
        }
        bytes = packed(&bytes);
    }
    if !compressed || random.one_in(2) {
        random.damage(&mut bytes);
    }
    let mut input = vec![which as u8 + 4 * u8::from(compressed)];
    input.extend(bytes);
    input
}

/// Six images of 3×2, or their labels.
fn good(which: usize) -> Vec<u8> {
    let (sizes, n): (&[u32], u8) = match which % 2 {
        0 => (&[6, 3, 2], 36),
        _ => (&[6], 6),
    };
    let mut bytes = vec![0, 0, 8, sizes.len() as u8];
    bytes.extend(sizes.iter().flat_map(|n| n.to_be_bytes()));
    bytes.extend(0..n);
    bytes
}

/// Changes a size in the header, and sometimes adds or removes bytes to match.
fn size(random: &mut Random, bytes: &mut Vec<u8>) {
    let edge = random.edge().parse::<i128>().unwrap_or(0) as u32;
    let axes = usize::from(bytes[3]);
    let at = 4 + 4 * random.below(axes);
    bytes[at..at + 4].copy_from_slice(&edge.to_be_bytes());
    let word =
        |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let promised: u128 = (0..axes).map(|a| u128::from(word(4 + 4 * a))).product();
    if promised <= 1 << 22 {
        bytes.resize(4 + 4 * axes + promised as usize, 7);
    }
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    let all = out.write_all(bytes).and_then(|()| out.finish());
    all.unwrap_or_else(|_| unreachable!("memory takes all bytes"))
}

pub fn read(input: &[u8], folder: &Path) -> Read {
    let (first, bytes) = input.split_first().ok_or("no file")?;
    let (damaged, compressed) = (usize::from(first % 4), first / 4 % 2 == 1);
    for (k, name) in FILES.iter().enumerate() {
        let (plain, packed) = (folder.join(name), folder.join(format!("{name}.gz")));
        for old in [&plain, &packed] {
            if old.exists() {
                fs::remove_file(old)?;
            }
        }
        match (k == damaged, compressed) {
            (false, _) => fs::write(plain, good(k))?,
            (true, false) => fs::write(plain, bytes)?,
            (true, true) => fs::write(packed, bytes)?,
        }
    }
    inputs::images(folder)?;
    Ok(())
}
