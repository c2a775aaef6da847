//! What the benchmarks share: timing by medians, the machine's description, and peers run as programs of their own.

pub mod chains;

use std::process::Command;
use std::time::{Duration, Instant};

/// The median, smallest and largest of some durations, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// The middle one.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

/// Times single calls of `f`, after `warmup` calls that do not count, until `n` calls or `limit` are reached.
pub fn time(warmup: usize, n: usize, limit: Duration, mut f: impl FnMut()) -> Timing {
    for _ in 0..warmup {
        f();
    }
    let begin = Instant::now();
    let mut times = Vec::with_capacity(n);
    while times.len() < n && (times.is_empty() || begin.elapsed() < limit) {
        let start = Instant::now();
        f();
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    Timing {
        median: times[times.len() / 2],
        min: times[0],
        max: times[times.len() - 1],
    }
}

/// Processor, number of cores and load, for the head of a report.
pub fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|l| l.strip_prefix("model name")?.split(':').nth(1))
        .map_or("unknown processor", str::trim);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?");
    format!("{model}, {cores} cores, load {load}")
}

/// What a peer's program printed, a line a configuration; or why there is nothing.
///
/// Peers are Python programs beside the benchmarks, which get `arguments`. They run under the interpreter named by `GRADUS_PYTHON`, else `python3`.
pub fn peer(script: &str, module: &str, arguments: &[String]) -> Result<Vec<String>, String> {
    let python = std::env::var("GRADUS_PYTHON").unwrap_or_else(|_| "python3".into());
    let found = Command::new(&python)
        .args(["-c", &format!("import {module}")])
        .output();
    match found {
        Err(e) => return Err(format!("{python} cannot be run: {e}")),
        Ok(out) if !out.status.success() => {
            return Err(format!("{python} has no module `{module}`"));
        }
        Ok(_) => {}
    }
    let path = format!("{}/peers/{script}", env!("CARGO_MANIFEST_DIR"));
    let out = Command::new(&python)
        .arg(path)
        .args(arguments)
        .output()
        .map_err(|e| e.to_string())?;
    if !out.status.success() {
        let text = String::from_utf8_lossy(&out.stderr);
        return Err(format!(
            "{script} failed: {}",
            text.lines().last().unwrap_or("no message")
        ));
    }
    Ok(String::from_utf8_lossy(&out.stdout)
        .lines()
        .filter(|l| l.starts_with('{'))
        .map(str::to_string)
        .collect())
}

/// The number that stands behind `"key":` in a line of JSON that a peer printed.
pub fn number(line: &str, key: &str) -> Option<f64> {
    let rest = line.split(&format!("\"{key}\":")).nth(1)?;
    let end = rest.find([',', '}'])?;
    rest[..end].trim().parse().ok()
}

/// The text that stands behind `"key":` in a line of JSON that a peer printed.
pub fn text<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let rest = line.split(&format!("\"{key}\":")).nth(1)?;
    rest.split('"').nth(1)
}
