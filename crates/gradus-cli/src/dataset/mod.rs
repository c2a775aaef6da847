//! Labelled images, in two parts: for training and for testing.

mod digits;
mod idx;

use gradus::{DType, Error, ErrorKind, Result, Tensor};
use std::path::Path;

/// Labelled grey images of one size.
pub struct Dataset {
    /// The name for messages.
    pub name: String,
    /// Height of an image in pixels.
    pub rows: usize,
    /// Width of an image in pixels.
    pub columns: usize,
    /// The number of classes; labels are below it.
    pub classes: usize,
    /// The value of the brightest pixel; tensors hold values divided by it.
    pub brightest: u8,
    /// Images to learn from.
    pub train: Split,
    /// Images held out.
    pub test: Split,
}

/// Images one after the other, row by row, and their labels.
#[derive(Default)]
pub struct Split {
    pub pixels: Vec<u8>,
    pub labels: Vec<u8>,
}

impl Dataset {
    /// The IDX files in `folder`, or the embedded digits.
    pub fn open(folder: Option<&Path>) -> Result<Dataset> {
        match folder {
            Some(folder) => idx::read_folder(folder),
            None => digits::embedded(),
        }
    }

    /// The number of pixels of an image.
    pub fn pixels(&self) -> usize {
        self.rows * self.columns
    }

    /// Images of one part: `[n, rows, columns]` in 0..=1, and their labels: i64 `[n]`.
    pub fn tensors(&self, split: &Split, dtype: DType) -> Result<(Tensor, Tensor)> {
        let shape = [split.labels.len(), self.rows, self.columns];
        let scaled = split
            .pixels
            .iter()
            .map(|&p| f32::from(p) / f32::from(self.brightest));
        let images = Tensor::new(scaled.collect::<Vec<f32>>(), &shape)?.astype(dtype);
        let labels = split.labels.iter().map(|&l| i64::from(l));
        let labels = Tensor::new(labels.collect::<Vec<i64>>(), &shape[..1])?;
        Ok((images, labels))
    }
}

/// Text from outside for a message: only its beginning, if it is long.
pub fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

/// An error about the file or folder at `path`.
pub fn broken(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Data, format!("{}: {what}", path.display()))
}
