//! Writes the tables into benches/README.md, so that no figure is copied by hand.

use crate::measure::Row;
use crate::report::table;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

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
        let (begin, end) = (format!("<!-- family {family} -->"), "<!-- end -->");
        let table = table(family, rows);
        let block = format!("{begin}\n{machine}, {}\n\n{table}{end}\n", today());
        let after = match text.split_once(&begin) {
            Some((before, rest)) => {
                let rest = rest
                    .split_once(end)
                    .ok_or_else(|| failed(&"no end of a table"))?;
                Some((
                    before.to_string(),
                    rest.1.trim_start_matches('\n').to_string(),
                ))
            }
            None => None,
        };
        let (before, rest) = match after {
            Some((before, rest)) => (before, format!("\n{rest}")),
            None => {
                let mark = "<!-- families end -->";
                let (before, rest) = text
                    .split_once(mark)
                    .ok_or_else(|| failed(&format!("no `{mark}`")))?;
                (before.to_string(), format!("\n{mark}{rest}"))
            }
        };
        text = format!("{before}{block}{rest}");
    }
    std::fs::write(&path, text).map_err(|e| failed(&e))
}

/// The date in UTC: year-month-day.
fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut days = since.map_or(0, |time| time.as_secs() / 86_400);
    let is_leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
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
