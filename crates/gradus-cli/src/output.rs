//! The program's output: results on standard output, notes and mistakes on standard error.
//!
//! Standard output can fail at any time: its reader can end, as `head` does, or the disk can be full.
//! The work goes on without further output, and [`finish`] reports the failure at the end.

use gradus::{Error, ErrorKind, Result};
use std::fmt::Arguments;
use std::io::{self, Write};
use std::sync::OnceLock;

/// Prints a line on standard output.
macro_rules! say {
    ($($text:tt)*) => { $crate::output::line(format_args!($($text)*)) };
}
pub(crate) use say;

/// Prints a line on standard error.
macro_rules! note {
    ($($text:tt)*) => { $crate::output::note_line(format_args!($($text)*)) };
}
pub(crate) use note;

/// The first failure of standard output.
static FAILURE: OnceLock<io::Error> = OnceLock::new();
/// The note that commands with more to do than printing give as soon as standard output fails.
static CONSEQUENCE: OnceLock<String> = OnceLock::new();

/// Prints `text` on standard error as soon as standard output fails.
pub fn when_it_fails(text: String) {
    // Only the first text counts. A process runs one command.
    let _ = CONSEQUENCE.set(text);
}

pub fn line(text: Arguments<'_>) {
    write(format_args!("{text}\n"));
}

/// Prints the text without a newline.
pub fn write(text: Arguments<'_>) {
    if FAILURE.get().is_none()
        && let Err(error) = io::stdout().lock().write_fmt(text)
    {
        failed(error);
    }
}

/// Prints a line on standard error. If that fails, no one can be told.
pub fn note_line(text: Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn failed(error: io::Error) {
    if let Some(text) = CONSEQUENCE.get() {
        note!("note: standard output cannot be written ({error}); {text}");
    }
    let _ = FAILURE.set(error);
}

/// Flushes standard output.
///
/// # Errors
/// If something could not be written. A closed pipe is not an error.
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
