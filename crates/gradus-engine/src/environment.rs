//! Environment variables.
//! An invalid value is reported once on standard error with a valid alternative, and counts as not set.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

/// The value of the variable `name`, read by `parse`. `None` if it is not set or empty, or if `parse` refuses it.
///
/// The message of `parse` follows the name and the value: `expected a number of threads from 1 to 1024`.
pub fn read<T>(name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
    let value = std::env::var_os(name).filter(|v| !v.is_empty())?;
    let understood = match value.to_str() {
        Some(text) => parse(text.trim()),
        None => Err("it is not valid text".into()),
    };
    match understood {
        Ok(value) => Some(value),
        Err(why) => {
            let value = value.to_string_lossy();
            warn_once(&format!("{name}={value} is ignored: {why}"));
            None
        }
    }
}

/// Whether a switch is on: `1`, `true`, `on` or `0`, `false`, `off`.
pub fn switch(name: &str) -> bool {
    let on = read(name, |text| match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "on" | "yes" => Ok(true),
        "0" | "false" | "off" | "no" => Ok(false),
        _ => Err("expected 1 or 0".into()),
    });
    on.unwrap_or(false)
}

/// A subject of `GRADUS_LOG`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// The results of the compiler's passes.
    Passes,
    /// Arrays of f32 that became f64 because of a single number.
    Types,
}

/// Whether `GRADUS_LOG`, a list of words separated by commas, contains `what`.
pub fn logs(what: Log) -> bool {
    static ASKED: LazyLock<Vec<Log>> = LazyLock::new(|| {
        let asked = read("GRADUS_LOG", |text| {
            let words = text.split(',').map(|word| match word.trim() {
                "passes" => Ok(Log::Passes),
                "types" => Ok(Log::Types),
                word => Err(format!(
                    "`{word}` cannot be logged; expected passes or types"
                )),
            });
            words.collect()
        });
        asked.unwrap_or_default()
    });
    ASKED.contains(&what)
}

/// Prints `message` on standard error, but only the first time.
pub fn warn_once(message: &str) {
    static SAID: Mutex<Option<HashSet<String>>> = Mutex::new(None);
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if said
        .get_or_insert_with(HashSet::new)
        .insert(message.to_string())
    {
        eprintln!("gradus: {message}");
    }
}
