//! What the program says: results on standard output, notes and mistakes on standard error.
//!
//! Standard output can fail at any time: its reader has gone, as `head` does, or the disk that it goes to is full. That stops no work. Nothing more is written then, and
//! [`finish`] tells at the end.

use gradus::{Error, ErrorKind, Result};
use std::fmt::Arguments;
use std::io::{self, Write};
use std::sync::OnceLock;

/// A line on standard output.
macro_rules! say {
    ($($text:tt)*) => { $crate::output::line(format_args!($($text)*)) };
}
pub(crate) use say;

/// A line on standard error.
macro_rules! note {
    ($($text:tt)*) => { $crate::output::note_line(format_args!($($text)*)) };
}
pub(crate) use note;

/// The first failure of standard output.
static FAILURE: OnceLock<io::Error> = OnceLock::new();
/// What is told as soon as standard output fails, by commands that have more to do than to print.
static CONSEQUENCE: OnceLock<String> = OnceLock::new();

/// Says `text` on standard error as soon as standard output fails.
pub fn when_it_fails(text: String) {
    // A second text would be one for a second command.
    let _ = CONSEQUENCE.set(text);
}

pub fn line(text: Arguments<'_>) {
    write(format_args!("{text}\n"));
}

/// As it is, without a line's end.
pub fn write(text: Arguments<'_>) {
    if FAILURE.get().is_none()
        && let Err(error) = io::stdout().lock().write_fmt(text)
    {
        failed(error);
    }
}

/// Nobody is left to be told if this fails.
pub fn note_line(text: Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn failed(error: io::Error) {
    if let Some(text) = CONSEQUENCE.get() {
        note!("note: standard output cannot be written ({error}); {text}");
    }
    let _ = FAILURE.set(error);
}

/// Writes what is left.
///
/// # Errors
/// If something could not be written, unless the reader had gone: that is no mistake.
pub fn finish() -> Result<()> {
    if FAILURE.get().is_none()
        && let Err(error) = io::stdout().lock().flush()
    {
        failed(error);
    }
    match FAILURE.get() {
        Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::new(
            ErrorKind::Data,
            format!("standard output cannot be written: {error}"),
        )),
        _ => Ok(()),
    }
}
