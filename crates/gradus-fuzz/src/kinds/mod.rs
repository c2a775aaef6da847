//! The kinds of input: how each is derived from valid inputs, and the code that reads it.

mod dims;
mod files;
mod formulas;
mod graphs;
mod images;

use crate::random::Random;
use std::error::Error;
use std::path::Path;

/// The outcome of reading an input without a failure: accepted, or refused with a message.
pub type Read = Result<(), Box<dyn Error>>;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The text form of programs.
    Graphs,
    /// The files that `gradus train` saves.
    Models,
    /// The files that `gradus train --resume` reads.
    Checkpoints,
    /// IDX files, plain and compressed.
    Images,
    /// For `gradus diff`, with the values of their variables.
    Formulas,
    /// Widths for `gradus explain`.
    Dims,
}

impl Kind {
    const ALL: [Kind; 6] = [
        Kind::Graphs,
        Kind::Models,
        Kind::Checkpoints,
        Kind::Images,
        Kind::Formulas,
        Kind::Dims,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Graphs => "graphs",
            Kind::Models => "models",
            Kind::Checkpoints => "checkpoints",
            Kind::Images => "images",
            Kind::Formulas => "formulas",
            Kind::Dims => "dims",
        }
    }

    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|k| k.name() == name)
    }

    /// Reads an input the way Gradus does. Files are written to `folder`.
    pub fn read(self, input: &[u8], folder: &Path) -> Read {
        match self {
            Kind::Graphs => graphs::read(&String::from_utf8_lossy(input)),
            Kind::Models => files::read_model(input, folder),
            Kind::Checkpoints => files::read_checkpoint(input, folder),
            Kind::Images => images::read(input, folder),
            Kind::Formulas => formulas::read(&String::from_utf8_lossy(input)),
            Kind::Dims => dims::read(&String::from_utf8_lossy(input)),
        }
    }
}

/// Valid inputs of a kind, from which others are derived.
pub struct Stock {
    kind: Kind,
    good: Vec<Vec<u8>>,
}

impl Stock {
    pub fn new(kind: Kind, folder: &Path) -> Result<Stock, Box<dyn Error>> {
        let good = match kind {
            Kind::Graphs => graphs::good()?,
            Kind::Models => files::good("model.safetensors", folder)?,
            Kind::Checkpoints => files::good("checkpoint.safetensors", folder)?,
            Kind::Images | Kind::Formulas | Kind::Dims => Vec::new(),
        };
        Ok(Stock { kind, good })
    }

    pub fn input(&self, random: &mut Random) -> Vec<u8> {
        match self.kind {
            Kind::Graphs => graphs::damaged(&self.good, random),
            Kind::Models | Kind::Checkpoints => files::damaged(&self.good, random),
            Kind::Images => images::made(random),
            Kind::Formulas => formulas::made(random),
            Kind::Dims => dims::made(random),
        }
    }
}
