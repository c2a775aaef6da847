//! Writes the tables into benches/README.md, so that no figure is copied by hand.

use crate::measure::Row;
use crate::report::table;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// The end of a table.
const END: &str = "<!-- end -->";
/// The place behind the last table.
const LAST: &str = "<!-- families end -->";

/// A file in the folder of the benchmarks.
pub fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Replaces the table of each of these families in benches/README.md.
/// A new table comes behind the last one.
///
/// # Errors
/// If the file cannot be read or written, or lacks the mark `<!-- families end -->`.
pub fn save_tables(machine: &str, families: &[(&str, Vec<Row>)]) -> Result<(), String> {
    let path = file("README.md");
    let failed = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let mut text = std::fs::read_to_string(&path).map_err(|e| failed(&e))?;
    for (family, rows) in families {
        let begin = format!("<!-- family {family} -->");
        let table = table(family, rows);
        let block = format!("{begin}\n{machine}, {}\n\n{table}{END}", today());
        text = if let Some((before, old)) = text.split_once(&begin) {
            let (_, after) = old
                .split_once(END)
                .ok_or_else(|| failed(&"a table has no end"))?;
            format!("{before}{block}{after}")
        } else {
            let lacks = || failed(&format!("it lacks `{LAST}`"));
            let (before, after) = text.split_once(LAST).ok_or_else(lacks)?;
            format!("{before}{block}\n\n{LAST}{after}")
        };
    }
    std::fs::write(&path, text).map_err(|e| failed(&e))
}

/// The date in UTC: year-month-day.
fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut days = since.map_or(0, |time| time.as_secs() / 86_400);
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}
