//! MNIST's file format: big-endian, a magic number for type and rank, then the sizes and the bytes.
//!
//! Format: <http://yann.lecun.com/exdb/mnist/>, section "the IDX file format".

use super::{Dataset, Split, broken};
use crate::limits::{MOST_IDX_BYTES, MOST_PIXELS};
use flate2::read::GzDecoder;
use gradus::Result;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// The four files of a data set in `folder`, plain or compressed by gzip.
pub fn read_folder(folder: &Path) -> Result<Dataset> {
    if !folder.is_dir() {
        return Err(broken(folder, "there is no such folder"));
    }
    let (train, size) = read_split(folder, "train")?;
    let (test, test_size) = read_split(folder, "t10k")?;
    if size != test_size {
        return Err(broken(
            folder,
            format_args!(
                "the training images are {}×{}, the test images {}×{}",
                size.0, size.1, test_size.0, test_size.1
            ),
        ));
    }
    let largest = train.labels.iter().chain(&test.labels).max();
    Ok(Dataset {
        name: folder.display().to_string(),
        rows: size.0,
        columns: size.1,
        classes: largest.map_or(0, |&l| usize::from(l) + 1),
        brightest: 255,
        train,
        test,
    })
}

/// The images and labels whose names begin with `part`, and the size of an image.
fn read_split(folder: &Path, part: &str) -> Result<(Split, (usize, usize))> {
    let images = find(folder, &format!("{part}-images"), "idx3-ubyte")?;
    let (sizes, pixels) = read(&images, 3)?;
    let labels_file = find(folder, &format!("{part}-labels"), "idx1-ubyte")?;
    let (count, labels) = read(&labels_file, 1)?;
    if sizes[0] != count[0] {
        return Err(broken(
            &labels_file,
            format_args!(
                "holds {} labels, but {} holds {} images",
                count[0],
                images.display(),
                sizes[0]
            ),
        ));
    }
    if pixels.is_empty() {
        return Err(broken(&images, "holds no images"));
    }
    if sizes[1].saturating_mul(sizes[2]) > MOST_PIXELS {
        return Err(broken(
            &images,
            format_args!(
                "its images are of {}×{} pixels; the most is {MOST_PIXELS} an image",
                sizes[1], sizes[2]
            ),
        ));
    }
    Ok((Split { pixels, labels }, (sizes[1], sizes[2])))
}

/// The file with this name: with a dash or a dot before the suffix, with or without `.gz`.
fn find(folder: &Path, stem: &str, suffix: &str) -> Result<PathBuf> {
    for joint in ["-", "."] {
        for end in ["", ".gz"] {
            let path = folder.join(format!("{stem}{joint}{suffix}{end}"));
            if path.is_file() {
                return Ok(path);
            }
        }
    }
    Err(broken(
        folder,
        format_args!("there is no file {stem}-{suffix} or {stem}-{suffix}.gz"),
    ))
}

/// The sizes and bytes of the file, which must hold unsigned bytes of `rank` axes.
///
/// The header is read first and limits how much is read after it,
/// because a small compressed file can expand to more than memory holds.
fn read(path: &Path, rank: usize) -> Result<(Vec<usize>, Vec<u8>)> {
    let unread = |e| broken(path, format_args!("cannot be read: {e}"));
    let mut file = BufReader::new(File::open(path).map_err(unread)?);
    let start = file.fill_buf().map_err(unread)?;
    if !start.starts_with(&[0x1f, 0x8b]) {
        return contents(path, rank, file, "cannot be read");
    }
    contents(path, rank, GzDecoder::new(file), "cannot be decompressed")
}

/// The header and the bytes of `file`. If reading fails, the error says `failure` of the file.
fn contents(
    path: &Path,
    rank: usize,
    mut file: impl Read,
    failure: &str,
) -> Result<(Vec<usize>, Vec<u8>)> {
    let failed = |e| broken(path, format_args!("{failure}: {e}"));
    let length = 4 + 4 * rank;
    let mut header = Vec::with_capacity(length);
    let begin = file.by_ref().take(length as u64).read_to_end(&mut header);
    begin.map_err(failed)?;
    if header.len() < length {
        return Err(broken(
            path,
            format_args!(
                "ends after {} bytes, within the header of {length} bytes",
                header.len()
            ),
        ));
    }
    let word = |at: usize| {
        let bytes = [header[at], header[at + 1], header[at + 2], header[at + 3]];
        u32::from_be_bytes(bytes)
    };
    let magic = 0x0800 + rank as u32;
    if word(0) != magic {
        return Err(broken(
            path,
            format_args!(
                "is not an IDX file of bytes of rank {rank}: it begins with {:#010x} instead of {magic:#010x}",
                word(0)
            ),
        ));
    }
    let sizes: Vec<usize> = (0..rank).map(|a| word(4 + 4 * a) as usize).collect();
    let named: Vec<String> = sizes.iter().map(usize::to_string).collect();
    let named = named.join("×");
    let wanted = sizes
        .iter()
        .try_fold(1u64, |product, &n| product.checked_mul(n as u64))
        .filter(|&wanted| wanted <= MOST_IDX_BYTES);
    let Some(wanted) = wanted else {
        return Err(broken(
            path,
            format_args!("promises {named} bytes; the most is {MOST_IDX_BYTES}"),
        ));
    };
    // One byte more than the header promises shows whether more follow.
    let mut body = Vec::new();
    let rest = file.take(wanted + 1).read_to_end(&mut body);
    rest.map_err(failed)?;
    match body.len() as u64 {
        n if n > wanted => Err(broken(
            path,
            format_args!("promises {named} bytes, but more follow the header"),
        )),
        n if n < wanted => Err(broken(
            path,
            format_args!("promises {named} bytes, but {n} follow the header"),
        )),
        _ => Ok((sizes, body)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::fs;
    use std::io::Write;

    fn idx(sizes: &[u32], body: &[u8]) -> Vec<u8> {
        let mut bytes = (0x0800 + sizes.len() as u32).to_be_bytes().to_vec();
        sizes.iter().for_each(|s| bytes.extend(s.to_be_bytes()));
        bytes.extend(body);
        bytes
    }

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (part, n) in [("train", 3u32), ("t10k", 2)] {
            let pixels: Vec<u8> = (0..n as u8 * 6).collect();
            let labels: Vec<u8> = (0..n as u8).collect();
            let images = idx(&[n, 2, 3], &pixels);
            // One file compressed, one with a dot in its name.
            let mut gz = GzEncoder::new(Vec::new(), Compression::default());
            gz.write_all(&images).unwrap();
            let path = dir.path();
            fs::write(
                path.join(format!("{part}-images-idx3-ubyte.gz")),
                gz.finish().unwrap(),
            )
            .unwrap();
            fs::write(
                path.join(format!("{part}-labels.idx1-ubyte")),
                idx(&[n], &labels),
            )
            .unwrap();
        }
        dir
    }

    fn message(dir: &Path) -> String {
        let error = read_folder(dir).err().expect("an error").to_string();
        error.replace(&dir.display().to_string(), "DIR")
    }

    #[test]
    fn plain_and_compressed_files_are_read() {
        let dir = folder();
        let data = read_folder(dir.path()).unwrap();
        assert_eq!((data.rows, data.columns, data.classes), (2, 3, 3));
        assert_eq!(data.train.pixels, (0..18).collect::<Vec<u8>>());
        assert_eq!(data.test.labels, [0, 1]);
    }

    #[test]
    fn each_mistake_has_its_message() {
        let dir = folder();
        assert_eq!(
            message(&dir.path().join("none")),
            "DIR: there is no such folder"
        );
        let labels = dir.path().join("train-labels.idx1-ubyte");
        fs::write(&labels, idx(&[2], &[0, 1])).unwrap();
        assert_eq!(
            message(dir.path()),
            "DIR/train-labels.idx1-ubyte: holds 2 labels, but DIR/train-images-idx3-ubyte.gz holds 3 images"
        );
        fs::write(&labels, idx(&[3], &[0, 1])).unwrap();
        assert_eq!(
            message(dir.path()),
            "DIR/train-labels.idx1-ubyte: promises 3 bytes, but 2 follow the header"
        );
        fs::write(&labels, [0, 0]).unwrap();
        assert_eq!(
            message(dir.path()),
            "DIR/train-labels.idx1-ubyte: ends after 2 bytes, within the header of 8 bytes"
        );
        fs::write(&labels, b"a text, no labels").unwrap();
        assert_eq!(
            message(dir.path()),
            "DIR/train-labels.idx1-ubyte: is not an IDX file of bytes of rank 1: it begins with 0x61207465 instead of 0x00000801"
        );
        fs::write(&labels, [0x1f, 0x8b, 8, 0]).unwrap();
        assert!(
            message(dir.path())
                .starts_with("DIR/train-labels.idx1-ubyte: cannot be decompressed: ")
        );
        fs::remove_file(&labels).unwrap();
        assert_eq!(
            message(dir.path()),
            "DIR: there is no file train-labels-idx1-ubyte or train-labels-idx1-ubyte.gz"
        );
    }
}
