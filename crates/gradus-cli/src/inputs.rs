//! Reads every kind of input by the code of the commands, for programs that try it with damaged input.

use crate::dataset::Dataset;
use crate::diff::Output;
use crate::explain;
use crate::model::Classifier;
use crate::options::{Command, Program};
use crate::train;
use clap::Parser;
use gradus::{Error, ErrorKind, Result, Tensor};
use std::path::Path;

/// Reads a model as `gradus predict` does, and shows it one blank image.
///
/// # Errors
/// The error of the command.
pub fn model(path: &Path) -> Result<()> {
    let classifier = Classifier::load(path)?;
    let image = Tensor::zeros(
        &[1, classifier.rows, classifier.columns],
        classifier.net.dtype(),
    );
    let scores = classifier.net.scores(&image).astype(gradus::DType::F64);
    scores.to_vec::<f64>().map(drop)
}

/// Reads a checkpoint as `gradus train --resume` does, and stops before the first step.
///
/// # Errors
/// The error of the command.
pub fn checkpoint(path: &Path) -> Result<()> {
    train::read_checkpoint(path)
}

/// Writes the model and the checkpoint of a network before its first step to `folder`,
/// as `gradus train` does with these options.
///
/// # Errors
/// The error of the command.
pub fn untrained(folder: &Path, more: &[&str]) -> Result<()> {
    let arguments = [&["gradus", "train"][..], more].concat();
    let Command::Train(options) = parsed(&arguments)? else {
        unreachable!("the command is train");
    };
    train::write_untrained(folder, &options)
}

/// Reads the IDX files of a folder as `gradus train --data` does.
///
/// # Errors
/// The error of the command.
pub fn images(folder: &Path) -> Result<()> {
    Dataset::open(Some(folder)).map(drop)
}

/// The output of `gradus diff FORMULA --at VALUES` with these options, notes first.
///
/// # Errors
/// The error of the command.
pub fn differentiate(formula: &str, at: &str, more: &[&str]) -> Result<String> {
    let arguments = [&["gradus", "diff", "--at", at, formula][..], more].concat();
    let Command::Diff(options) = parsed(&arguments)? else {
        unreachable!("the command is diff");
    };
    let Output { notes, text } = Output::new(&options)?;
    let notes = notes.iter().map(|n| format!("note: {n}\n"));
    Ok(notes.chain([text]).collect())
}

/// The output of `gradus explain --dims DIMS` with these options.
///
/// # Errors
/// The error of the command.
pub fn explain_dims(dims: &str, more: &[&str]) -> Result<String> {
    let arguments = [&["gradus", "explain", "--dims", dims][..], more].concat();
    let Command::Explain(options) = parsed(&arguments)? else {
        unreachable!("the command is explain");
    };
    explain::explanation(&options)
}

fn parsed(arguments: &[&str]) -> Result<Command> {
    match Program::try_parse_from(arguments) {
        Ok(program) => Ok(program.command),
        Err(error) => Err(Error::new(ErrorKind::Argument, error.to_string())),
    }
}
