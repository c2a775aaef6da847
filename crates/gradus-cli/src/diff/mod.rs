//! `gradus diff`: the derivatives of a formula at a point, and the program that computes them.

mod finite;
mod json;
mod plans;
mod subject;
#[cfg(test)]
mod tests;
mod text;

use crate::dataset::broken;
use crate::options::{DiffFormat, DiffOptions};
use crate::output::{self, note};
use gradus::debug::page;
use gradus::graph::dot;
use gradus::plan::{PlanOptions, SourceLines, machine_profile};
use gradus::{Graph, Result};
use std::fs;
use std::path::Path;
use subject::{Found, Subject};

pub fn run(options: &DiffOptions) -> Result<()> {
    let output = Output::new(options)?;
    for text in &output.notes {
        note!("note: {text}");
    }
    output::write(format_args!("{}", output.text));
    Ok(())
}

/// The output of the command.
pub struct Output {
    /// On standard error.
    pub notes: Vec<String>,
    /// On standard output.
    pub text: String,
}

impl Output {
    /// Runs the command, and writes files if the options ask for them.
    pub fn new(options: &DiffOptions) -> Result<Output> {
        let subject = Subject::new(&options.formula, &options.at)?;
        let found = subject.derivatives(!options.no_hessian);
        let write = |path: &Path, text: String| {
            fs::write(path, text).map_err(|e| broken(path, format_args!("cannot be written: {e}")))
        };
        if let Some(path) = &options.dot {
            write(path, dot::render(&subject.program()?))?;
        }
        if let Some(path) = &options.html {
            write(path, page(&options.formula, &subject.program_with_value()?))?;
        }
        let plans = match options.explain {
            true => Some(plans::of(&subject, !options.no_hessian, &planning())?),
            false => None,
        };
        let program = match options.no_program {
            true => None,
            false => Some(subject.program()?),
        };
        let told = Told {
            notes: notes(&subject, &found)?,
            subject: &subject,
            found: &found,
            program,
            plans,
        };
        let text = match options.format {
            DiffFormat::Text => text::report(&told),
            DiffFormat::Json => json::report(&told),
        };
        Ok(Output {
            notes: told.notes,
            text,
        })
    }
}

fn planning() -> PlanOptions {
    PlanOptions::default()
        .profile(machine_profile())
        .source_lines(SourceLines::Hidden)
}

/// Everything that the output contains.
struct Told<'a> {
    subject: &'a Subject,
    found: &'a Found,
    program: Option<Graph>,
    plans: Option<plans::Plans>,
    notes: Vec<String>,
}

/// Notes about results that can surprise a user.
fn notes(subject: &Subject, found: &Found) -> Result<Vec<String>> {
    let unused = subject.names.iter().enumerate();
    let unused = unused.filter(|(k, _)| !subject.formula.uses(*k));
    let mut notes: Vec<String> = unused
        .map(|(_, name)| format!("`{name}` does not occur in the formula"))
        .collect();
    notes.extend(finite::note(subject, found)?);
    Ok(notes)
}
